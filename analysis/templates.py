"""Networks that met few platforms or many, on those and on others (reads the file of the experiment templates)."""

from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from matplotlib.figure import Figure

from analysis.side_by_side import draw_by_number, network_groups
from analysis.study.measures import mean, ratio
from analysis.style import BLUE, DARK, GREY, PALE, VERMILLION, add_footer, new_figure, png, styled
from analysis.verdict import interval
from lsnn import open_result
from lsnn.estimates import Estimate
from lsnn.files.reading import COUNT, GAPS, Rule, array, names, number_attribute
from lsnn.files.results import Result
from lsnn.files.whole import write_whole

LOOKS = {  # where the platforms are: label and colour
    "met": ("platforms that it met", BLUE), "any": ("any platform outside the wedge", VERMILLION),
    "wedge": ("platforms in the held-out wedge", DARK),
}  # fmt: skip
WHOLE = Rule(0, whole=True)


class Network(NamedTuple):
    """What one network did, by where the platforms are."""

    distinct: int  # platforms that it met, 0: any
    seed: int
    visits: dict[str, Estimate]  # over the oracle's
    back: dict[str, Estimate]  # share that is back in time, of those that found it once
    before: dict[str, Estimate]  # share that was there in time in its first trial

    @property
    def label(self) -> str:
        """As a line has it."""
        return f"{self.distinct or 'any'} platforms, seed {self.seed}"


def networks_of(result: Result) -> list[Network]:
    """Those that met the fewest platforms first; ResultError where there is none."""
    where, back_ms = names(result.file, "where"), _back_ms(result)
    found = [_network(group, where, back_ms) for group in network_groups(result)]
    return sorted(found, key=lambda network: (network.distinct or np.inf, network.seed))


def _back_ms(result: Result) -> float:
    return number_attribute(result.file, "back_ms", Rule(1, whole=True))


def _network(group: h5py.Group, where: list[str], back_ms: float) -> Network:
    distinct, seed = (
        int(number_attribute(group, name, Rule(0, whole=True))) for name in ("distinct_platforms", "seed")
    )
    visits = array(group, "visits", (len(where), None), COUNT).astype(float)
    shape = visits.shape
    oracle = array(group, "oracle", shape, COUNT).astype(float)
    first, second = (array(group, name, shape, GAPS) for name in ("first_ms", "second_ms"))
    met = np.isfinite(first)
    return Network(
        distinct, seed, {name: ratio(visits[row], oracle[row]) for row, name in enumerate(where)},
        {name: mean((second[row, met[row]] <= back_ms).astype(float)) for row, name in enumerate(where)},
        {name: mean((first[row] <= back_ms).astype(float)) for row, name in enumerate(where)},
    )  # fmt: skip


def describe(path: Path) -> str:
    """Lines for a terminal."""
    with open_result(path) as result:
        networks, back_ms = networks_of(result), _back_ms(result)
    told = f"visits over the oracle's; found once, back within {back_ms:g} ms; there in that time in the first trial"
    lines = [f"{told} [95 % over mazes]"]
    for network in networks:
        lines.append(network.label)
        for name, visits in network.visits.items():
            shares = (interval(each, 2) for each in (visits, network.back[name], network.before[name]))
            lines.append(f"  {LOOKS.get(name, (name, ''))[0]}: {'; '.join(shares)}")
    return "\n".join(lines)


@styled
def templates_figure(result: Result) -> Figure:
    """Left: visits; right: animals that found the platform once and come back."""
    networks, back_ms = networks_of(result), _back_ms(result)
    figure = new_figure(12, 5.6, "From how many platforms does a network learn to learn any?")
    left, right = figure.subplots(1, 2)
    numbers = [network.distinct for network in networks]
    for name, (label, colour) in LOOKS.items():
        draw_by_number(left, numbers, [n.visits[name] for n in networks], colour, label, scale=100)
        draw_by_number(right, numbers, [n.back[name] for n in networks], colour, label, scale=100)
        draw_by_number(right, numbers, [n.before[name] for n in networks], colour, None, ":", scale=100)
    for axes in (left, right):
        axes.set(xlabel="distinct platforms in meta-training", ylim=(0, 102))
        axes.grid(axis="y", color=PALE, linewidth=0.6)
    left.set(ylabel="platform visits over the oracle's (%)")
    right.set(ylabel=f"found once, back within {back_ms:g} ms (%)")
    right.plot([], [], ":", color=GREY, label="there in that time in the first trial")
    right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, fontsize=9)
    mazes = networks[0].visits["met"].n
    return add_footer(
        figure, result, f"n = {len(networks)} networks, {mazes} mazes of each kind; lines: means over networks"
    )


def write_figure(path: Path, out: Path) -> Path:
    """Draw the experiment in a file; returns where the PNG stands."""
    with open_result(path) as result:
        write_whole(out, png(templates_figure(result)))
    return out
