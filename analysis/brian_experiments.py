"""The frozen network in Brian2 under physics it was not trained for: how strong a departure its memory survives.

Reads the files of the experiments membrane-noise and exponential-synapses: groups strength_00, strength_01, .. laid
out as conditions, the data set `strength`, and the scripted baselines on the same mazes. The memory survives a strength
at which the network makes more visits than circling, which remembers nothing, by a tenth of the oracle's visits, and is
lost at one at which it does not (`analysis.claims`: else it is not decided).
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.claims import SHARE_MARGIN, Outcome, claim, decide
from analysis.latencies import FIRST, SECOND, escape_latency, visits_difference_in, visits_per_episode, visits_ratio
from analysis.plots import plain_search_axis
from analysis.style import BLACK, BLUE, DARK, GREEN, ORANGE, VERMILLION, add_footer, new_figure, png, styled
from lsnn import open_result
from lsnn.estimates import Estimate
from lsnn.files.reading import ResultError, dataset, label_attribute, subgroup, values
from lsnn.files.results import Condition, Result
from lsnn.files.whole import write_whole

BASELINES = {"circling": ORANGE, "memory": GREEN, "oracle": BLACK}  # and their colours
SHARE_OF_EPISODES = 0.5  # of which a trial must have begun for its escape latency to be shown


class Sweep(NamedTuple):
    """The conditions of an experiment by rising strength; strength (S,) in `units`."""

    name: str
    description: str
    units: str
    strength: np.ndarray
    conditions: list[Condition]


def sweep_of(result: Result) -> Sweep:
    """The experiment in an open file; ResultError if it holds none."""
    strength = dataset(result.file, "strength", (None,))
    if not strength.size:
        raise ResultError(f"{result.path}: /strength must hold a strength, holds none")
    names = [f"strength_{number:02d}" for number in range(len(strength))]
    return Sweep(
        label_attribute(result.file, "experiment").replace("_", " "),
        label_attribute(strength, "description"),
        label_attribute(strength, "units"),
        values(strength),
        [Condition(subgroup(result.file, name), name) for name in names],
    )


def survived(sweep: Sweep, others: dict[str, Condition]) -> list[bool | None]:
    """Whether the memory survives each strength; None where it is not decided."""
    more = [visits_difference_in(condition, others["circling"], others["oracle"]) for condition in sweep.conditions]
    outcomes = decide({number: claim(each, null=SHARE_MARGIN) for number, each in enumerate(more)})
    return [{Outcome.MORE: True, Outcome.LESS: False}.get(outcome) for outcome in outcomes.values()]


def lost_from(sweep: Sweep, survives: list[bool | None]) -> float | None:
    """The first strength at which the memory is lost, None if there is none."""
    return next((float(s) for s, holds in zip(sweep.strength, survives, strict=True) if holds is False), None)


def search(condition: Condition, trials: tuple[int, int]) -> Estimate:
    """Median escape latency on a trial; NaN where so few episodes began it that they are the quickest ones."""
    found = escape_latency(condition, trials)
    begun_by_enough = found.n >= SHARE_OF_EPISODES * condition.n_episodes
    return found if begun_by_enough else Estimate(np.nan, np.nan, np.nan, found.n)


def describe(path: Path) -> str:
    """A line a strength: visits, fraction of the oracle, median search on trials 1 and 2; then what memory survives."""
    with open_result(path) as result:
        result.require(*BASELINES)
        sweep, others = sweep_of(result), result.conditions
        lines = [f"{sweep.description} ({sweep.units}): visits, of the oracle's, median search on trials 1 and 2 (ms)"]
        for strength, condition in zip(sweep.strength, sweep.conditions, strict=True):
            visits, share = visits_per_episode(condition), visits_ratio(condition, others["oracle"])
            first, second = (search(condition, trials).value for trials in (FIRST, SECOND))
            lines.append(f"{strength:6g}  {visits.value:5.1f}  {share.value:4.2f}  {first:5.0f}  {second:5.0f}")
        lines.append(verdict(sweep, survived(sweep, others)))
    return "\n".join(lines)


def verdict(sweep: Sweep, survives: list[bool | None]) -> str:
    """What the memory survives, in words."""
    parts = []
    for holds, what in ((True, "survives"), (False, "is lost at"), (None, "is not decided at")):
        strengths = [f"{s:g}" for s, each in zip(sweep.strength, survives, strict=True) if each is holds]
        if strengths:
            parts.append(f"{what} {', '.join(strengths)} {sweep.units}")
    return (
        f"memory (visits above circling by {SHARE_MARGIN:g} of the oracle's or more, all strengths corrected together) "
        + "; ".join(parts)
    )


@styled
def strength_curves(result: Result) -> Figure:
    """Visits per episode, and median escape latency on trials 1 and 2, against the strength of the departure."""
    result.require(*BASELINES)
    sweep = sweep_of(result)
    figure = new_figure(13, 5.8, f"Frozen network in Brian2: {sweep.name}")
    left, right = figure.subplots(1, 2)
    draw_curve(left, sweep.strength, [visits_per_episode(c) for c in sweep.conditions], BLUE, "network")
    draw_curve(right, sweep.strength, [search(c, FIRST) for c in sweep.conditions], VERMILLION, "network, trial 1")
    draw_curve(right, sweep.strength, [search(c, SECOND) for c in sweep.conditions], BLUE, "network, trial 2")
    for name in BASELINES:
        condition = result.conditions[name]
        left.axhline(visits_per_episode(condition).value, label=result[name].label, **look(name))
        right.axhline(search(condition, SECOND).value, label=f"{result[name].label}, trial 2", **look(name))
    mark_loss(left, lost_from(sweep, survived(sweep, result.conditions)))
    left.set(title="visits per episode", ylim=(0, None))
    right.set(title="median escape latency (ms)", yscale="log")
    plain_search_axis(right)
    for axes in (left, right):
        axes.set_xlabel(f"{sweep.description} ({sweep.units})")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3, columnspacing=1.2)
    n = sweep.conditions[0].n_episodes
    return add_footer(figure, result, f"bands: 95 % bootstrap over n = {n} episodes, the same mazes at every strength")


def look(baseline: str) -> dict[str, Any]:
    """Line of a scripted baseline; that of memory is broad, as the oracle's often lies upon it."""
    broad = {"linestyle": "-", "linewidth": 5, "alpha": 0.4}
    dashed = {"linestyle": "--", "linewidth": 1.5}
    return {"color": BASELINES[baseline], **(broad if baseline == "memory" else dashed)}


def draw_curve(axes: Axes, strength: np.ndarray, estimates: list[Estimate], colour: str, label: str) -> None:
    """Values as a line, their intervals as a band."""
    points = np.array([(estimate.value, estimate.low, estimate.high) for estimate in estimates])
    axes.fill_between(strength, points[:, 1], points[:, 2], color=colour, alpha=0.2, linewidth=0)
    axes.plot(strength, points[:, 0], color=colour, marker="o", linewidth=2.5, label=label, zorder=4)


def mark_loss(axes: Axes, lost: float | None) -> None:
    """A line at the first strength at which the memory is lost."""
    if lost is not None:
        axes.axvline(lost, color=DARK, linestyle=":", linewidth=1.5)
        axes.annotate(
            "memory lost", (lost, 0.02), (-4, 0), xycoords=("data", "axes fraction"), textcoords="offset points",
            rotation=90, ha="right", va="bottom", color=DARK,
        )  # fmt: skip


def write_figure(path: Path, out: Path) -> Path:
    """Draw the experiment in a file; returns where the PNG stands."""
    with open_result(path) as result:
        write_whole(out, png(strength_curves(result)))
    return out
