"""Networks of regression that met few functions or many (reads the file of the experiment templates-regression)."""

from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis.side_by_side import draw_by_number, network_groups
from analysis.study.measures import mean
from analysis.style import BLUE, DARK, GREY, PALE, VERMILLION, add_footer, new_figure, png, styled
from analysis.verdict import interval
from lsnn import open_result
from lsnn.estimates import Estimate
from lsnn.files.reading import FINITE, GAPS, ResultError, Rule, array, names, number_attribute
from lsnn.files.results import Result
from lsnn.files.whole import write_whole

Array = NDArray[np.float64]

ENOUGH = 10  # examples, from which on errors are averaged
LABELS = {"met": "functions that it met", "any": "any function"}
COLOURS = {"met": BLUE, "any": VERMILLION}
ANSWERS = ("prediction", "ridge", "retrieval")
WHO = {"prediction": "the network", "ridge": "ridge", "retrieval": "retrieval"}


class Network(NamedTuple):
    """What one network answered after ENOUGH examples, by which functions were asked."""

    distinct: int  # functions that it met, 0: any
    seed: int
    error: dict[tuple[str, str], Estimate]  # squared error, by where and who
    distance: dict[tuple[str, str], Estimate]  # squared distance of the network's answers to another's

    @property
    def label(self) -> str:
        """As a line has it."""
        return f"{self.distinct or 'any'} functions, seed {self.seed}"


def networks_of(result: Result) -> list[Network]:
    """Those that met the fewest functions first; ResultError where there is none."""
    where = names(result.file, "where")
    if not set(where) <= set(LABELS):
        raise ResultError(f"{result.file.filename}: attribute 'where' must name {', '.join(LABELS)}, got {where}")
    found = [_network(group, where) for group in network_groups(result)]
    return sorted(found, key=lambda network: (network.distinct or np.inf, network.seed))


def _network(group: h5py.Group, where: list[str]) -> Network:
    distinct, seed = (
        int(number_attribute(group, name, Rule(0, whole=True))) for name in ("distinct_functions", "seed")
    )
    y = array(group, "y", (len(where), None, None), FINITE).astype(float)
    if y.shape[2] <= ENOUGH:
        raise ResultError(
            f"{group.file.filename}: {group.name}/y must have more than {ENOUGH} samples, got {y.shape[2]}"
        )
    answers = {who: array(group, who, y.shape, GAPS).astype(float) for who in ANSWERS}
    error = {
        (name, who): mean(_apart(answer[row], y[row]))
        for row, name in enumerate(where)
        for who, answer in answers.items()
    }
    distance = {
        (name, who): mean(_apart(answers[who][row], answers["prediction"][row]))
        for row, name in enumerate(where)
        for who in ANSWERS[1:]
    }
    return Network(distinct, seed, error, distance)


def _apart(a: Array, b: Array) -> Array:
    """Mean squared distance after ENOUGH examples, (E,)."""
    return np.mean((a - b)[:, ENOUGH:] ** 2, axis=1)


def describe(path: Path) -> str:
    """Lines for a terminal."""
    with open_result(path) as result:
        networks = networks_of(result)
    lines = [
        f"squared error after {ENOUGH} examples and more, and the squared distance of answers [95 % over episodes]"
    ]
    for network in networks:
        lines.append(network.label)
        for name, label in LABELS.items():
            errors = [
                f"{WHO[who]} {interval(network.error[name, who], 3)}" for who in ANSWERS if _is(network, name, who)
            ]
            apart = [
                f"to {WHO[who]} {interval(network.distance[name, who], 3)}"
                for who in ANSWERS[1:]
                if _is(network, name, who)
            ]
            lines.append(f"  {label}: {', '.join(errors)}; {', '.join(apart)}")
    return "\n".join(lines)


def _is(network: Network, name: str, who: str) -> bool:
    """Whether there are such answers: what met any function has no retrieval."""
    return (name, who) in network.error and bool(np.isfinite(network.error[name, who].value))


@styled
def templates_figure(result: Result) -> Figure:
    """Left: errors on functions that were met and on others; right: whose answers the network's are."""
    networks = networks_of(result)
    figure = new_figure(12, 5.6, "From how many functions does a network learn to learn any?")
    left, right = figure.subplots(1, 2)
    numbers = [network.distinct for network in networks]
    for name, label in LABELS.items():
        draw_by_number(left, numbers, [n.error[name, "prediction"] for n in networks], COLOURS[name], label)
        draw_by_number(left, numbers, [n.error[name, "retrieval"] for n in networks], COLOURS[name], None, ":")
    draw_by_number(left, numbers, [n.error["any", "ridge"] for n in networks], GREY, "ridge, any function", "--")
    left.plot([], [], ":", color=GREY, label="what knows the functions that were met")
    for who, colour in (("ridge", DARK), ("retrieval", BLUE)):
        draw_by_number(right, numbers, [n.distance["any", who] for n in networks], colour, f"to {WHO[who]}")
    for axes in (left, right):
        axes.set(xlabel="distinct functions in meta-training", ylim=(0, None))
        axes.grid(axis="y", color=PALE, linewidth=0.6)
    left.set(ylabel=f"squared error after {ENOUGH} examples and more")
    right.set(ylabel="squared distance of its answers on any function")
    for axes in (left, right):
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=2, fontsize=9)
    episodes = networks[0].error["any", "prediction"].n
    return add_footer(
        figure, result, f"n = {len(networks)} networks, {episodes} episodes of each kind; lines: means over networks"
    )


def write_figure(path: Path, out: Path) -> Path:
    """Draw the experiment in a file; returns where the PNG stands."""
    with open_result(path) as result:
        write_whole(out, png(templates_figure(result)))
    return out
