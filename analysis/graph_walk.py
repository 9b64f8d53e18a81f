"""Maps in the graph walk: right answers by side of the grid, codes of position (reads the file of the experiment
graph-walk)."""

from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.side_by_side import network_groups
from analysis.similarity.drawing import COLOURS
from analysis.similarity.measures import KINDS
from analysis.style import BLACK, GREY, PALE, SILVER, add_footer, new_figure, png, styled
from analysis.verdict import interval
from lsnn import open_result
from lsnn.estimates import Estimate, ratio_over_episodes
from lsnn.files.reading import COUNT, GAPS, ResultError, Rule, array, number_attribute, place, subgroup, text_attribute
from lsnn.files.results import Result
from lsnn.files.whole import write_whole

BASELINES = {"most_frequent": "most frequent symbol", "transitions": "symbol and move", "map": "map"}
BASELINE_LINES = {"most_frequent": ":", "transitions": "--", "map": "-."}
STATES = ("trained", "untrained", "shuffled")
MEASURES = {"explained": "variance between places", "information": "bits per spike", "sixty": "gridness, 60 degrees",
            "ninety": "gridness, 90 degrees"}  # fmt: skip
EXAMPLES = 3  # maps of a learner
BEYOND = 95  # percentile of the shuffled units


class Learner(NamedTuple):
    """One of the learners: right answers by side, and what its units tell in each of STATES, by measure."""

    kind: str
    seed: int
    sides: tuple[int, int]
    right: list[Estimate]
    units: dict[str, dict[str, np.ndarray]]
    maps: np.ndarray

    @property
    def group(self) -> str:
        """Kind, and the grids that it was trained on."""
        low, high = self.sides
        return f"{KINDS[self.kind]}, trained on {low} x {low}" + ("" if low == high else f" to {high} x {high}")

    def middle(self, state: str, measure: str) -> float:
        """The median over units; NaN without one that is not constant."""
        values = self.units[state][measure]
        return float(np.median(values[np.isfinite(values)])) if np.isfinite(values).any() else np.nan

    def beyond(self, state: str, measure: str) -> float:
        """The share of units above the percentile BEYOND of the shuffled ones, among those that are not constant."""
        values, chance = (self.units[each][measure] for each in (state, "shuffled"))
        values, chance = values[np.isfinite(values)], chance[np.isfinite(chance)]
        if not (len(values) and len(chance)):
            return float("nan")
        return float(np.mean(values > np.percentile(chance, BEYOND)))


def answers(group: h5py.Group, sides: int) -> list[Estimate]:
    """Share of right answers at each side."""
    right, asked = (array(group, name, (sides, None), COUNT) for name in ("right", "asked"))
    if right.shape != asked.shape or np.any(asked.sum(axis=1) == 0):
        raise ResultError(f"{place(group)}: must have a question at every side, has {asked.sum(axis=1)}")
    return [ratio_over_episodes(r.astype(float), a.astype(float)) for r, a in zip(right, asked, strict=True)]


def learners(result: Result) -> tuple[np.ndarray, list[Learner], dict[str, list[Estimate]]]:
    """The sides (S,), all learners in their order, right answers of the baselines."""
    sides = array(result.file, "side", (None,), Rule(1, whole=True))
    found = [_learner(group, len(sides)) for group in network_groups(result)]
    of = subgroup(result.file, "baselines")
    return sides, found, {name: answers(subgroup(of, name), len(sides)) for name in BASELINES}


def _learner(group: h5py.Group, sides: int) -> Learner:
    kind = text_attribute(group, "kind")
    if kind not in KINDS:
        raise ResultError(f"{place(group)}/@kind: must be one of {', '.join(KINDS)}, is {kind!r:.80}")
    low, high, seed = (
        int(number_attribute(group, key, Rule(0, whole=True))) for key in ("side_min", "side_max", "seed")
    )
    units = {
        state: {measure: array(subgroup(group, state), measure, (None,), GAPS) for measure in MEASURES}
        for state in STATES
    }
    maps = array(subgroup(group, "trained"), "map", (len(units["trained"]["explained"]), None, None), GAPS)
    return Learner(kind, seed, (low, high), answers(group, sides), units, maps)


def show(path: Path, figure: Path) -> str:
    """Draw the experiment in a file as a PNG; returns the tables, for a terminal."""
    with open_result(path) as result:
        sides, found, baselines = learners(result)
        write_whole(figure, png(walk_figure(result)))
    lines = [f"right answers in rooms visited before [95 % over episodes], {', '.join(f'{s} x {s}' for s in sides)}"]
    for each in found:
        lines.append(f"{each.group}, seed {each.seed}: {'; '.join(interval(one, 3) for one in each.right)}")
    for name, label in BASELINES.items():
        lines.append(f"{label}: {'; '.join(interval(one, 3) for one in baselines[name])}")
    lines += ["", f"units of {sides[-1]} x {sides[-1]} rooms: median, and share above {BEYOND} % of the shuffled"]
    for each in found:
        for state in STATES:
            cells = [f"{label} {each.middle(state, measure):.3f} ({each.beyond(state, measure):.2f})"
                     for measure, label in MEASURES.items()]  # fmt: skip
            lines.append(f"{each.group}, seed {each.seed}, {state}: {', '.join(cells)}")
    return "\n".join(lines)


@styled
def walk_figure(result: Result) -> Figure:
    """Right answers by side; what units tell of place, beside the nulls; the maps of a few units of each kind."""
    sides, found, baselines = learners(result)
    groups = list(dict.fromkeys(each.group for each in found))
    figure = new_figure(13, 5.2 + 1.5 * len(groups), "Graph walk, weights frozen: is there a map?")
    rows = figure.add_gridspec(2, 1, height_ratios=(4.4, 1.5 * len(groups)))
    upper = rows[0].subgridspec(1, 3, width_ratios=(1.3, 1, 1))
    _draw_answers(figure.add_subplot(upper[0]), sides, found, baselines)
    for at, measure in enumerate(("explained", "ninety"), 1):
        _draw_units(figure.add_subplot(upper[at]), found, groups, measure, at == 1)
    lower = rows[1].subgridspec(len(groups), 2 * EXAMPLES)
    for row, group in enumerate(groups):
        first = next(each for each in found if each.group == group)
        for column, measure in enumerate(("explained", "ninety")):
            axes = [figure.add_subplot(lower[row, column * EXAMPLES + i]) for i in range(EXAMPLES)]
            _draw_maps(axes, first, measure)
    episodes = len(result.file["episode_key"])
    words = f"thin: a learner, thick: mean of a kind · {episodes} episodes of each side · maps: first learner of a kind"
    return add_footer(figure, result, words)


def _draw_answers(axes: Axes, sides: np.ndarray, found: list[Learner], baselines: dict[str, list[Estimate]]) -> None:
    for name, label in BASELINES.items():
        values = [one.value for one in baselines[name]]
        axes.plot(sides, values, BASELINE_LINES[name], color=BLACK if name == "map" else GREY, label=label)
    for group in dict.fromkeys(each.group for each in found):
        own = [each for each in found if each.group == group]
        curves = np.array([[one.value for one in each.right] for each in own])
        look: dict[str, Any] = {"color": COLOURS[own[0].kind], "linestyle": _line(own[0])}
        axes.plot(sides, curves.T, linewidth=1, alpha=0.5, **look)
        axes.plot(sides, curves.mean(axis=0), linewidth=2.4, label=f"{group} (n = {len(own)})", **look)
    axes.set(xlabel="rooms along a side", ylabel="right in rooms visited before", ylim=(0, 1.03), xticks=sides)
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    axes.legend(loc="upper right", bbox_to_anchor=(1.0, 0.95), fontsize=8)


def _line(learner: Learner) -> str:
    """Dashed where one side was trained."""
    return "--" if learner.sides[0] == learner.sides[1] else "-"


def _draw_units(axes: Axes, found: list[Learner], groups: list[str], measure: str, named: bool) -> None:
    """The median unit of every learner, a row a kind: trained in its colour, untrained and shuffled in grey."""
    looks = {"trained": ("o", None), "untrained": ("s", GREY), "shuffled": ("x", SILVER)}
    for shift, state in zip((0.2, 0.0, -0.2), STATES, strict=True):
        marker, colour = looks[state]
        for number, each in enumerate(found):
            at = len(groups) - 1 - groups.index(each.group) + shift
            label = state if number == 0 else None
            axes.plot(each.middle(state, measure), at, marker, color=colour or COLOURS[each.kind], label=label)
    ticks = [group.replace(", ", "\n") for group in reversed(groups)] if named else [""] * len(groups)
    axes.set_yticks(range(len(groups)), ticks, fontsize=9)
    axes.set(xlabel=f"{MEASURES[measure]}\n(median unit)", ylim=(-0.6, len(groups) - 0.4))
    axes.grid(axis="x", color=PALE, linewidth=0.6)
    if named:
        axes.legend(loc="lower right", fontsize=9)


def _draw_maps(axes: list[Axes], learner: Learner, measure: str) -> None:
    """Maps of the units that have most of a measure."""
    values = learner.units["trained"][measure]
    best = np.argsort(-np.nan_to_num(values, nan=-np.inf))[: len(axes)]
    for each, unit in zip(axes, best, strict=False):
        each.imshow(learner.maps[unit], cmap="viridis")
        each.set_title(f"{values[unit]:.2f}", fontsize=9)
    for each in axes:
        each.set_xticks([])
        each.set_yticks([])
    axes[0].set_title(f"{measure} {values[best[0]]:.2f}", fontsize=9)
    axes[0].set_ylabel(learner.group.partition(",")[0], fontsize=9)
