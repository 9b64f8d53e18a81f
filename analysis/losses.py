"""Where visits are lost to the oracle (reads the file of the experiment losses)."""

from pathlib import Path
from typing import NamedTuple

import h5py
from matplotlib.figure import Figure

from analysis.side_by_side import network_groups
from analysis.study.measures import mean, ratio
from analysis.style import (
    BLUE,
    DARK,
    ORANGE,
    PALE,
    PINK,
    SKY,
    VERMILLION,
    add_footer,
    new_figure,
    png,
    styled,
)
from analysis.verdict import interval
from lsnn import open_result
from lsnn.estimates import Estimate
from lsnn.files.reading import (
    COUNT,
    GAPS,
    Rule,
    array,
    attribute,
    names,
    number_attribute,
    subgroup,
)
from lsnn.files.results import Result
from lsnn.files.whole import write_whole

COLOURS = (VERMILLION, PINK, ORANGE, SKY, DARK)
BASELINES = {"circling": "circling, remembers nothing", "memory": "circles once, then remembers"}


class Row(NamedTuple):
    """A network or a baseline: visits over the oracle's, and what of its time it lost in each part."""

    label: str
    visits: Estimate
    lost: dict[str, Estimate]  # share of the time
    mazes: int

    @property
    def rest(self) -> float:
        """What neither is: starts that are not the oracle's, the trial that the end cuts off."""
        return 1.0 - self.visits.value - sum(each.value for each in self.lost.values())


def rows_of(result: Result) -> list[Row]:
    """The networks in the order they were given, then the baselines; ResultError where the file is not what it says."""
    groups = network_groups(result)
    called = [f"{str(attribute(g, 'network')).removesuffix('.lsnn.h5')}, seed {attribute(g, 'seed')}" for g in groups]
    groups += [subgroup(result.file, name) for name in BASELINES]
    return [_row(*pair) for pair in zip([*called, *BASELINES.values()], groups, strict=True)]


def _row(label: str, group: h5py.Group) -> Row:
    parts, visits = names(group, "parts"), array(group, "visits", (None,), COUNT).astype(float)
    oracle = array(group, "oracle", (len(visits),), COUNT).astype(float)
    lost = array(group, "lost_ms", (len(parts), len(visits)), GAPS)
    duration = number_attribute(group, "duration_ms", Rule(1, whole=True))
    shares = {name: mean(ms / duration) for name, ms in zip(parts, lost, strict=True)}
    return Row(label, ratio(visits, oracle), shares, len(visits))


def describe(path: Path) -> str:
    """Lines for a terminal."""
    with open_result(path) as result:
        rows = rows_of(result)
    lines = [f"visits over the oracle's, then the share of its time that was lost in [95 % over {rows[0].mazes} mazes]"]
    for row in rows:
        lines.append(f"{row.label}: {interval(row.visits, 3)}")
        lines += [f"  {name:20s} {interval(each, 3)}" for name, each in row.lost.items()]
        lines.append(f"  {'starts, last trial':20s} {row.rest:.3f}")
    return "\n".join(lines)


@styled
def losses_figure(result: Result) -> Figure:
    """A bar a row: what is left of the oracle's visits, and what was lost in which part."""
    rows = rows_of(result)
    figure = new_figure(11, 2.6 + 0.5 * len(rows), "Where visits are lost to one who knows the platform")
    axes = figure.subplots()
    for at, row in enumerate(rows):
        left = row.visits.value
        axes.barh(at, 100 * left, color=BLUE, label="visits over the oracle's" if at == 0 else None)
        axes.text(1, at, f"{100 * left:.1f} %", color="white", va="center", fontsize=11)
        for (name, each), colour in zip(row.lost.items(), COLOURS, strict=False):
            axes.barh(at, 100 * each.value, left=100 * left, color=colour, label=name if at == 0 else None)
            if each.value > 0.025:
                axes.text(100 * (left + each.value / 2), at, f"{100 * each.value:.1f}", ha="center", va="center",
                          color="white", fontsize=9)  # fmt: skip
            left += each.value
    axes.axvline(100, color=PALE, linewidth=1, zorder=0)
    axes.set_yticks(range(len(rows)), [row.label for row in rows])
    axes.invert_yaxis()
    axes.set(xlim=(0, 102), xlabel="share of the time (%)")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize=9)
    return add_footer(figure, result, f"n = {rows[0].mazes} mazes, the same for every row; the policy's mean acts")


def write_figure(path: Path, out: Path) -> Path:
    """Draw the experiment in a file; returns where the PNG stands."""
    with open_result(path) as result:
        write_whole(out, png(losses_figure(result)))
    return out
