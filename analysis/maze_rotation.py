"""How soon an animal swims straight when its actions are turned (reads the file of the experiment maze-rotation).

Progress is the approach to the platform's centre in a step of search after the first visit, in units of the greatest
speed: 1 = straight at greatest speed. The course of a group of animals is their progress in bins of 50 ms since the
first visit (rests included): the mean of each animal's steps in the bin, then the mean over animals. Their late level
is the same over the last 500 ms of the episodes. Their path is straight from the first bin on in which the course
reaches 0.9 of the late level; the time is the beginning of that bin, so that 0 means: at once. Bins in which fewer
than half of the animals search are left out. A course that never reaches it has no such time; in the bootstrap it
counts as the length of an episode. `In all` adds the median time of the first visit. The level is the group's own:
where it is far below 1, `straight` means only that nothing improves any more.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.maze_family import origins
from analysis.study.measures import mean, points, ratio
from analysis.style import BLUE, DARK, GREEN, GREY, ORANGE, VERMILLION, add_footer, new_figure, png, styled
from analysis.verdict import interval
from lsnn import open_result
from lsnn.estimates import Estimate, estimate
from lsnn.files.reading import COUNT, FINITE, GAPS, ResultError, Rule, array, dataset, place, subgroup
from lsnn.files.results import Result
from lsnn.files.whole import write_whole

NETWORKS = ("rotated", "specialist")
CONDITIONS = (*NETWORKS, "memory", "oracle")
TITLES = {"rotated": "trained with rotation", "specialist": "specialist", "memory": "circling, then memory",
          "oracle": "oracle"}  # fmt: skip
BIN_MS, LATE_MS, STRAIGHT, SHARE_OF_ANIMALS = 50, 500, 0.9, 0.5
LIMITS = (30.0, 60.0)  # degrees, between the groups
GROUPS = ("0-30°", "30-60°", "60-90°")
ALL = "all"
SECTORS = np.arange(-90.0, 91.0, 15.0)  # limits of the bins of rotation, in degrees
NOTHING = Estimate(np.nan, np.nan, np.nan, 0)


class Episodes(NamedTuple):
    """Episodes (E,) of a condition; per_bin (E, bins) and late (E,) are NaN where an animal has no step that counts."""

    visits: np.ndarray
    rotation: np.ndarray  # degrees
    first_visit_ms: np.ndarray  # -1 = never
    per_bin: np.ndarray
    late: np.ndarray
    duration_ms: int

    @property
    def found(self) -> np.ndarray:
        """Which animals ever found their platform."""
        return self.first_visit_ms >= 0


class Course(NamedTuple):
    """What is told of a group of a condition's episodes."""

    episodes: int
    found: int  # of them, animals that ever found their platform
    share: Estimate  # visits over the oracle's
    late: Estimate  # progress at the end
    straight_ms: Estimate  # since the first visit; the length of an episode = never
    in_all_ms: float  # since the start of the episode; NaN = never


def episodes_of(result: Result, name: str) -> Episodes:
    """The episodes of a condition in an open file."""
    group, n_episodes = subgroup(result.file, name), len(dataset(result.file, "episode_key", (None,)))
    progress = array(group, "progress", (n_episodes, None), GAPS).astype(float)
    if not progress.size:
        raise ResultError(f"{place(group)}: needs an episode and a step, has {progress.shape}")
    visits, rotation = (array(group, name, (n_episodes,), of) for name, of in (("visits", COUNT), ("rotation", FINITE)))
    first = array(group, "first_visit_ms", (n_episodes,), Rule(-1, progress.shape[1], whole=True))
    late = in_bins(progress[:, -LATE_MS:], np.zeros(n_episodes, int), LATE_MS)[:, 0]
    return Episodes(visits.astype(float), rotation, first, in_bins(progress, first), late, progress.shape[1])


def in_bins(progress: np.ndarray, first_visit_ms: np.ndarray, bin_ms: int = BIN_MS) -> np.ndarray:
    """Mean of each animal's progress (E, T) in bins since its first visit (E,); (E, bins), NaN without a step."""
    n_episodes, n_bins = len(progress), -(-progress.shape[1] // bin_ms)
    episode, step = np.nonzero(np.isfinite(progress))
    cell = episode * n_bins + (step - first_visit_ms[episode]) // bin_ms
    counts = np.bincount(cell, minlength=n_episodes * n_bins)
    sums = np.bincount(cell, weights=progress[episode, step], minlength=n_episodes * n_bins)
    return np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0).reshape(n_episodes, n_bins)


def mean_over_animals(weights: np.ndarray, sample: np.ndarray, least: float = 0.0) -> np.ndarray:
    """Weighted means (..., K) of a sample (E, K), its NaN left out; weights (..., E).

    NaN where no animal has a value, or fewer than the share `least` of them.
    """
    known = np.isfinite(sample)
    counts, sums = weights @ known, weights @ np.where(known, sample, 0.0)
    enough = (counts > 0) & (counts >= least * weights.sum(-1)[..., None])
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=enough)


def straight_from(course: np.ndarray, late: np.ndarray, never: float) -> np.ndarray:
    """Beginning, in ms, of the first bin in which a course (..., bins) reaches 0.9 of its late level (...)."""
    reached = (course >= STRAIGHT * late[..., None]) & (late[..., None] > 0)
    return np.where(reached.any(-1), float(BIN_MS) * reached.argmax(-1), never)


def members(rotation: np.ndarray) -> dict[str, np.ndarray]:
    """Which episodes (E,) belong to each group of rotations, all of them first."""
    group = np.digitize(np.abs(rotation), LIMITS)
    return {ALL: np.ones(len(rotation), bool)} | {name: group == k for k, name in enumerate(GROUPS)}


def course_of(condition: Episodes, oracle: Episodes, chosen: np.ndarray) -> Course:
    """What is told of the chosen episodes, (E,) bool."""
    share = ratio(condition.visits[chosen], oracle.visits[chosen]) if chosen.any() else NOTHING
    used = chosen & condition.found
    per_bin, late, n_found = condition.per_bin[used], condition.late[used], int(np.count_nonzero(used))
    if not np.isfinite(late).any():
        return Course(int(chosen.sum()), n_found, share, NOTHING, NOTHING, np.nan)

    def straight(weights: np.ndarray) -> np.ndarray:
        level = mean_over_animals(weights, late[:, None])[..., 0]
        return straight_from(mean_over_animals(weights, per_bin, SHARE_OF_ANIMALS), level, condition.duration_ms)

    since_visit = estimate(straight, n_found)
    reached = since_visit.value < condition.duration_ms
    in_all = float(np.median(condition.first_visit_ms[used])) + since_visit.value if reached else np.nan
    return Course(int(chosen.sum()), n_found, share, mean(late[np.isfinite(late)]), since_visit, in_all)


# Text


def describe(path: Path) -> str:
    """A line a condition and group of rotations: visits, late level, and when the path is straight."""
    with open_result(path) as result:
        conditions = {name: episodes_of(result, name) for name in CONDITIONS}
        lines = [", ".join(origins(result, NETWORKS))]
        lines.append(
            "|rotation|: episodes (that found); visits, share of the oracle's [95 %]; progress in the last "
            f"{LATE_MS} ms [95 %]; straight since the first visit [95 %] (in all, since the start)"
        )
        for name, condition in conditions.items():
            for group, chosen in members(condition.rotation).items():
                told = told_course(course_of(condition, conditions["oracle"], chosen), condition.duration_ms)
                lines.append(f"{TITLES[name]:<22} {group:<6} {told}")
    return "\n".join(lines)


def told_course(course: Course, duration_ms: int) -> str:
    """A course in words; `never` where a path does not become straight within an episode of so many ms."""
    told = f"{course.episodes:3d} ({course.found}); {interval(course.share, 2)}; {interval(course.late, 2)}; "
    if np.isnan(course.straight_ms.value):
        return told + "–"
    if course.straight_ms.value >= duration_ms:
        return told + "never"
    return told + f"{interval(course.straight_ms, 0)} ms ({course.in_all_ms:.0f} ms)"


# Figure


@styled
def rotation_figure(result: Result) -> Figure:
    """Left: progress since the first visit by size of the rotation. Right: share of the oracle's visits by rotation."""
    conditions = {name: episodes_of(result, name) for name in CONDITIONS}
    figure = new_figure(15, 6.4, "Unknown rotation of the motor output: how soon does the animal swim straight?")
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    for name, line in zip(NETWORKS, ("-", "--"), strict=True):
        draw_courses(left, conditions[name], conditions["oracle"], line, TITLES[name])
    left.axhline(0, color=GREY, linewidth=0.8)
    left.set(title="progress towards the platform, 1 = straight", xlabel="time since the first visit (ms)")
    left.set(xlim=(0, None), ylim=(min(-0.05, left.get_ylim()[0]), 1.05))
    draw_shares(right, conditions)
    right.set(title="visits, share of the oracle's", xlabel="rotation (degrees)")
    right.set(xticks=SECTORS[::2], xlim=(-93, 93), ylim=(0, 1.05))
    for axes, columns in ((left, 2), (right, 3)):
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=columns, columnspacing=1.2)
    n = len(conditions["oracle"].visits)
    facts = f"n = {n} episodes · band, bars: 95 % bootstrap over episodes · dot: straight from there on"
    return add_footer(figure, result, f"{facts} · {' · '.join(origins(result, NETWORKS))}")


def draw_courses(axes: Axes, condition: Episodes, oracle: Episodes, line: str, label: str) -> None:
    """A line a group of rotations; a solid one with its band and a dot where the path is straight."""
    groups = members(condition.rotation)
    for group, colour in zip(GROUPS, (BLUE, ORANGE, VERMILLION), strict=True):
        used = groups[group] & condition.found
        per_bin = condition.per_bin[used]
        course = mean_over_animals(np.ones(len(per_bin)), per_bin, SHARE_OF_ANIMALS)
        shown = np.flatnonzero(np.isfinite(course))
        middle = BIN_MS * (shown + 0.5)
        axes.plot(middle, course[shown], color=colour, linestyle=line, linewidth=2.2, label=f"{label}, {group}")
        if line == "-" and len(shown):
            _, low, high = points([mean(per_bin[np.isfinite(per_bin[:, k]), k]) for k in shown])
            axes.fill_between(middle, low, high, color=colour, alpha=0.15, linewidth=0)
            since = course_of(condition, oracle, groups[group]).straight_ms.value
            if since < condition.duration_ms:
                at = int(since) // BIN_MS
                axes.plot(BIN_MS * (at + 0.5), course[at], "o", color=colour, ms=9, mec=DARK, zorder=5)


def draw_shares(axes: Axes, conditions: dict[str, Episodes]) -> None:
    """Share of the oracle's visits in sectors of 15 degrees, with intervals; conditions side by side in a sector."""
    oracle, middle = conditions["oracle"], (SECTORS[:-1] + SECTORS[1:]) / 2
    looks = {"memory": (GREEN, "-", "^"), "specialist": (GREY, "--", "s"), "rotated": (DARK, "-", "o")}
    for shift, (name, (colour, line, marker)) in enumerate(looks.items()):
        shares = [sector_share(conditions[name], oracle, k) for k in range(len(middle))]
        value, low, high = points(shares)
        at = middle + 1.5 * (shift - 1)
        axes.vlines(at, low, high, color=colour, linewidth=1.6, alpha=0.7)
        axes.plot(at, value, color=colour, linestyle=line, marker=marker, linewidth=2, label=TITLES[name])


def sector_share(condition: Episodes, oracle: Episodes, sector: int) -> Estimate:
    """Visits over the oracle's in the episodes of a sector; nothing where there is none."""
    chosen = np.clip(np.digitize(condition.rotation, SECTORS) - 1, 0, len(SECTORS) - 2) == sector
    return ratio(condition.visits[chosen], oracle.visits[chosen]) if chosen.any() else NOTHING


def write_figure(path: Path, out: Path) -> Path:
    """Draw the experiment in a file; returns where the PNG stands."""
    with open_result(path) as result:
        write_whole(out, png(rotation_figure(result)))
    return out
