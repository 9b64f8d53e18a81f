"""Rats that learn in weights in a pool, and a place field written in one lap (the experiment plastic-tasks)."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.style import BLUE, DARK, GREEN, GREY, ORANGE, SKY, VERMILLION, footer, new_figure, png, styled
from analysis.verdict import interval
from lsnn import open_result
from lsnn.estimates import Estimate, mean_over_episodes
from lsnn.files.reading import ResultError, Rule, array, place, subgroup
from lsnn.files.results import Result
from lsnn.files.whole import write_whole

KINDS = {"without_coordinates": ("actor-critic", VERMILLION), "with_coordinates": ("with coordinates", BLUE)}
TASKS = {"reference_memory": "Reference memory: the platform stays", "matching_to_place": "It moves every day"}
LONGEST_S = 120.0
SPEED_COLOURS = (SKY, DARK, ORANGE)
HALF = 0.5  # of its peak, at which a field's width is read


class Rats(NamedTuple):
    """Escape latencies of one kind of rat in s, (rats, days, trials)."""

    reference_memory: np.ndarray
    matching_to_place: np.ndarray

    def latency_on(self, day: int) -> Estimate:
        """Mean over a day's trials of reference memory, over rats."""
        return mean_over_episodes(self.reference_memory[:, day].mean(axis=1))

    def saving_on(self, day: int) -> Estimate:
        """Trial 1 minus trial 2 on a new platform, mean over rats."""
        return mean_over_episodes(self.matching_to_place[:, day, 0] - self.matching_to_place[:, day, 1])


class Track(NamedTuple):
    """Fields on a track of 1 cm bins: by speed, and after each plateau; where the plateaus were, in cm."""

    speeds: np.ndarray
    by_speed: np.ndarray
    by_plateau: np.ndarray
    plateaus: np.ndarray


def rats_of(result: Result) -> dict[str, Rats]:
    """Each kind of rat by the name of its group."""
    rule = Rule(0, LONGEST_S)
    rats = {
        kind: Rats(*(array(subgroup(result.file, kind), task, (None, None, None), rule) for task in TASKS))
        for kind in KINDS
    }
    first = next(iter(rats.values())).reference_memory.shape
    for kind, found in rats.items():
        if {each.shape for each in found} != {first} or first[0] < 1 or first[1] < 1 or first[2] < 2:
            raise ResultError(f"{place(result.file)}, group {kind!r}: needs days of two trials, as many as the others")
    return rats


def track_of(result: Result) -> Track:
    """The fields on the track."""
    group = subgroup(result.file, "track")
    speeds = array(group, "speed", (None,), Rule(0))
    by_speed = array(group, "by_speed", (len(speeds), None), Rule(0, 1))
    plateaus = np.atleast_1d(np.asarray(group.attrs.get("plateau_cm", ()), float))
    by_plateau = array(group, "by_plateau", (len(plateaus), by_speed.shape[1]), Rule(0, 1))
    if not len(speeds) or not len(plateaus) or not by_speed.shape[1]:
        raise ResultError(f"{place(group)}: needs a speed, a plateau and a place")
    return Track(speeds, by_speed, by_plateau, plateaus)


def peak_and_width(field: np.ndarray) -> tuple[int, int]:
    """Place of a field's peak, and how many bins reach half of it; in cm."""
    return int(field.argmax()), int(np.count_nonzero(field >= HALF * field.max()))


def describe(path: Path) -> str:
    """Lines for a terminal."""
    with open_result(path) as result:
        rats, track = rats_of(result), track_of(result)
    lines = []
    for kind, found in rats.items():
        last = found.reference_memory.shape[1] - 1
        latency, saving = interval(found.latency_on(last), 1), interval(found.saving_on(last), 1)
        lines.append(
            f"{KINDS[kind][0]:<18} day {last + 1}: reference memory {latency} s; trial 1 - trial 2 on a new platform "
            f"{saving} s  (n = {len(found.reference_memory)} rats)"
        )
    for speed, field in zip(track.speeds, track.by_speed, strict=True):
        peak, width = peak_and_width(field)
        lines.append(f"plateau at {track.plateaus[0]:g} cm, {speed:g} cm/s: peak at {peak} cm, {width} cm wide")
    peaks = ", then ".join(f"{peak_and_width(field)[0]} cm" for field in track.by_plateau)
    lines.append(f"plateaus at {', then '.join(f'{each:g}' for each in track.plateaus)} cm: peak at {peaks}")
    return "\n".join(lines)


@styled
def tasks_figure(result: Result) -> Figure:
    """Above: latencies by trial in both versions; below: savings by day, and fields on the track."""
    rats, track = rats_of(result), track_of(result)
    figure = new_figure(12, 8.2, "Learning in weights, on its authors' tasks")
    (one, two), (three, four) = figure.subplots(2, 2)
    for axes, task in ((one, "reference_memory"), (two, "matching_to_place")):
        _draw_latencies(axes, rats, task)
    _draw_savings(three, rats)
    _draw_fields(four, track)
    made, n = result.provenance, len(rats["with_coordinates"].reference_memory)
    note = f"n = {n} rats of each kind, means; bands and bars: 95 % over rats"
    return footer(figure, f"{note} · seed {made.seed} · commit {made.git_commit[:10]}", f"command: {made.command}")


def _draw_latencies(axes: Axes, rats: dict[str, Rats], task: str) -> None:
    for kind, found in rats.items():
        label, colour = KINDS[kind]
        latency = getattr(found, task)
        days, trials = latency.shape[1:]
        for day in range(days):
            at = day * (trials + 1) + np.arange(trials)
            each = [mean_over_episodes(latency[:, day, trial]) for trial in range(trials)]
            axes.plot(at, [e.value for e in each], color=colour, marker=".", label=label if day == 0 else None)
            axes.fill_between(at, [e.low for e in each], [e.high for e in each], color=colour, alpha=0.2, lw=0)
    axes.set(title=TASKS[task], xlabel="day, four trials each", ylabel="escape latency (s)", ylim=(0, None))
    axes.set_xticks((trials + 1) * np.arange(days) + (trials - 1) / 2, [str(day + 1) for day in range(days)])
    if task == "reference_memory":
        axes.legend(loc="upper right")


def _draw_savings(axes: Axes, rats: dict[str, Rats]) -> None:
    for number, (kind, found) in enumerate(rats.items()):
        label, colour = KINDS[kind]
        days = found.matching_to_place.shape[1]
        each = [found.saving_on(day) for day in range(days)]
        bars = np.abs([[e.value - e.low for e in each], [e.high - e.value for e in each]])
        axes.errorbar(
            np.arange(days) + 1 + 0.1 * number, [e.value for e in each], bars, color=colour, marker="o", label=label
        )
    axes.axhline(0, color=GREY, lw=1)
    axes.set(title="What one trial saves on a new platform", xlabel="day", ylabel="trial 1 − trial 2 (s)")
    axes.legend()


def _draw_fields(axes: Axes, track: Track) -> None:
    cm, first = np.arange(track.by_speed.shape[1]), track.plateaus[0]
    for speed, field, colour in zip(track.speeds, track.by_speed, SPEED_COLOURS, strict=False):
        axes.plot(cm, field, color=colour, label=f"plateau at {first:g} cm, {speed:g} cm/s")
    for number, place_cm in enumerate(track.plateaus[1:], 1):
        axes.plot(cm, track.by_plateau[number], color=GREEN, ls="--", label=f"then one at {place_cm:g} cm")
        axes.axvline(place_cm, color=GREEN, lw=1, ls=":")
    axes.axvline(first, color=GREY, lw=1, ls=":")
    axes.set(title="A field written in one lap", xlabel="place on the track (cm)", ylabel="field (of its greatest)")
    axes.set_ylim(0, 1.9 * max(track.by_speed.max(), track.by_plateau.max()))
    axes.legend(loc="upper left", fontsize=10)


def write_figure(result_path: Path, figure_path: Path) -> Path:
    """Draw the figure of a result file; returns its path."""
    with open_result(result_path) as result:
        write_whole(figure_path, png(tasks_figure(result)))
    return figure_path
