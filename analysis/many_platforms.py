"""Visits by the number of platforms, and what another platform's cue does (the experiment many-platforms)."""

from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.side_by_side import network_groups
from analysis.study.measures import points, ratio
from analysis.study.transplant import choice_of
from analysis.style import (
    BLUE,
    DARK,
    GREEN,
    GREY,
    ORANGE,
    PALE,
    SILVER,
    VERMILLION,
    add_footer,
    new_figure,
    png,
    styled,
)
from analysis.verdict import interval
from lsnn import open_result
from lsnn.estimates import Estimate
from lsnn.files.reading import COUNT, ResultError, Rule, array, number_attribute, place, subgroup
from lsnn.files.results import Result
from lsnn.files.whole import write_whole

REACHED = Rule(-1, 2, whole=True)
SHOWN = {  # baselines: label and colour
    "memory": ("remembers all, minds the cue", DARK),
    "all_places": ("remembers all places, no cue", ORANGE),
    "last_place": ("remembers the last place", VERMILLION),
    "circling": ("remembers nothing", GREY),
}


class Network(NamedTuple):
    """What one network did: visits over the oracle's by number of platforms, and shares to the other's place."""

    seed: int
    visits: list[Estimate]
    other: dict[int, tuple[Estimate, Estimate]]  # by number of platforms: after its own cue, after the other's


class ManyPlatforms(NamedTuple):
    """The content of a file."""

    numbers: np.ndarray
    baselines: dict[str, list[Estimate]]
    networks: list[Network]
    mazes: int


def content(result: Result) -> ManyPlatforms:
    """What the file holds; ResultError where it is not what it says."""
    numbers = array(result.file, "platforms", (None,), COUNT)
    shape, group = (len(numbers), None), subgroup(result.file, "baselines")
    oracle = array(group, "oracle", shape, COUNT).astype(float)
    baselines = {name: _shares(group, name, array(group, name, shape, COUNT), oracle) for name in SHOWN}
    networks = [_network(group, numbers, oracle) for group in network_groups(result)]
    return ManyPlatforms(numbers, baselines, networks, oracle.shape[1])


def _shares(group: h5py.Group, name: str, visits: np.ndarray, oracle: np.ndarray) -> list[Estimate]:
    if visits.shape != oracle.shape:
        raise ResultError(
            f"{place(group)}, {name}: visits must be of the oracle's mazes, {oracle.shape}, are of {visits.shape}"
        )
    return [ratio(*pair) for pair in zip(visits.astype(float), oracle, strict=True)]


def _network(group: h5py.Group, numbers: np.ndarray, oracle: np.ndarray) -> Network:
    visits = _shares(group, "visits", array(group, "visits", (len(numbers), None), COUNT), oracle)
    reached = array(group, "reached", (len(numbers), 2, oracle.shape[1]), REACHED)
    other = {int(number): _others(both) for number, both in zip(numbers, reached, strict=True) if np.any(both >= 0)}
    return Network(int(number_attribute(group, "seed", Rule(0, whole=True))), visits, other)


def _others(reached: np.ndarray) -> tuple[Estimate, Estimate]:
    """Share to the other's place first, of those that reached one of the two, after either cue."""
    first, second = (choice_of(row[row >= 0]).share for row in reached)
    return first, second


def describe(path: Path) -> str:
    """Lines for a terminal."""
    with open_result(path) as result:
        of = content(result)
    numbers = ", ".join(f"{number:g}" for number in of.numbers)
    lines = [f"visits over the oracle's [95 % over {of.mazes} mazes] with {numbers} platforms"]
    lines += [f"network, seed {one.seed}: {'; '.join(interval(each, 2) for each in one.visits)}" for one in of.networks]
    lines += [f"{SHOWN[name][0]}: {'; '.join(interval(e, 2) for e in found)}" for name, found in of.baselines.items()]
    for one in of.networks:
        told = "; ".join(f"{k} platforms {interval(a, 2)}, {interval(b, 2)}" for k, (a, b) in one.other.items())
        lines.append(f"to the other's place after its own cue and after the other's, seed {one.seed}: {told}")
    return "\n".join(lines)


@styled
def platforms_figure(result: Result) -> Figure:
    """Left: visits; right: swapped cues."""
    of = content(result)
    figure = new_figure(12, 5.4, "Several platforms, each told by a cue: one visit each, weights frozen")
    left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
    _draw_visits(left, of)
    _draw_cues(right, of)
    note = f"n = {len(of.networks)} networks (thin), their mean (thick); {of.mazes} mazes for each number of platforms"
    return add_footer(figure, result, f"{note}; bars: mean over networks, dots: networks")


def _draw_visits(axes: Axes, of: ManyPlatforms) -> None:
    for name, (label, colour) in SHOWN.items():
        axes.plot(of.numbers, points(of.baselines[name])[0], "s--", color=colour, label=label, markersize=4)
    values = np.array([points(network.visits)[0] for network in of.networks])
    axes.plot(of.numbers, values.T, color=BLUE, linewidth=1, alpha=0.5)
    axes.plot(of.numbers, values.mean(axis=0), "o-", color=BLUE, linewidth=2.6, label="frozen network")
    axes.set(xlabel="platforms in an episode", ylabel="platform visits over the oracle's", ylim=(0, 1))
    axes.set_xticks(of.numbers)
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    axes.legend(loc="lower left", fontsize=9)


def _draw_cues(axes: Axes, of: ManyPlatforms) -> None:
    numbers = sorted({number for network in of.networks for number in network.other})
    for place_, (offset, label, colour) in enumerate(((-0.2, "own cue", GREEN), (0.2, "other's cue", VERMILLION))):
        for number in numbers:
            shares = [100 * network.other[number][place_].value for network in of.networks if number in network.other]
            axes.bar(
                number + offset, np.mean(shares), 0.36, color=colour, label=label if number == numbers[0] else None
            )
            axes.plot([number + offset] * len(shares), shares, "o", color=DARK, markersize=3.5)
    axes.axhline(50, color=SILVER, linestyle=":", linewidth=1)
    axes.set(xlabel="platforms in an episode", ylabel="to the other's place first (%)", ylim=(0, 100))
    axes.set_xticks(numbers or [2])
    axes.legend(loc="upper left", fontsize=9)


def write_figure(path: Path, out: Path) -> Path:
    """Draw the experiment in a file; returns where the PNG stands."""
    with open_result(path) as result:
        write_whole(out, png(platforms_figure(result)))
    return out
