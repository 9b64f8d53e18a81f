"""How fast networks learn in calm and volatile blocks (reads the file of the experiment bandit-volatility)."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.side_by_side import network_groups
from analysis.study.measures import points, ratio
from analysis.style import BLACK, BLUE, GREY, ORANGE, PALE, VERMILLION, add_footer, new_figure, png, styled
from analysis.verdict import interval
from lsnn import open_result
from lsnn.estimates import Estimate
from lsnn.files.reading import COUNT, ResultError, Rule, array, number_attribute, place, subgroup, text_attribute
from lsnn.files.results import Result
from lsnn.files.whole import write_whole

NETWORK, FIXED, BAYES = "frozen", "delta_rule", "bayes"
BASELINES = {FIXED: "delta rule, fixed rate", BAYES: "Bayes filter"}
COLOURS = {FIXED: ORANGE, BAYES: BLACK}
MARKERS = {NETWORK: "o", FIXED: "s", BAYES: "D"}
KINDS = ("calm", "volatile")
BEFORE = 3  # trials before a reversal in the file
RATE = Rule(-1, 2)


class Drawn(NamedTuple):
    """A network or a baseline as it is drawn: its group, colour, marker, place beside the middle, label."""

    group: h5py.Group
    colour: str
    marker: str
    beside: float
    label: str | None

    def rates(self) -> list[Estimate]:
        """Its learning rate in calm and in volatile blocks."""
        return _estimates(self.group, "rate", (2, 3))

    def leaves(self) -> list[Estimate]:
        """How often it leaves an arm after its first loss, in calm and in volatile blocks."""
        left, could = (array(self.group, name, (None, 2), COUNT).astype(float) for name in ("left", "could_leave"))
        if left.shape != could.shape or np.any(left > could):
            raise ResultError(f"{place(self.group)}: must have no more arms left than first losses")
        return [ratio(left[:, kind], could[:, kind]) for kind in range(len(KINDS))]


def _estimates(group: h5py.Group, name: str, shape: tuple[int | None, ...]) -> list[Estimate]:
    """Value and bounds of a table (..., 3), row by row."""
    n = len(array(group, "paid", (None,), COUNT))
    rows = array(group, name, shape, RATE).reshape(-1, 3)
    return [Estimate(value, low, high, n) for value, low, high in rows]


def rise(group: h5py.Group, policy: str) -> Estimate:
    """Learning rate in volatile blocks minus that in calm ones."""
    return _estimates(subgroup(group, policy), "rise", (1, 3))[0]


def share_of_gain(group: h5py.Group) -> Estimate:
    """(reward of the network - that of the fixed rate) / (that of Bayes - that of the fixed rate)."""
    paid = {name: array(subgroup(group, name), "paid", (None,), COUNT).astype(float) for name in (NETWORK, *BASELINES)}
    return ratio(paid[NETWORK] - paid[FIXED], paid[BAYES] - paid[FIXED])


def agreement(group: h5py.Group, baseline: str) -> Estimate:
    """How often a network does what a baseline would have done of its history."""
    own = subgroup(group, NETWORK)
    agrees, decided = (array(own, f"{name}_{baseline}", (None,), COUNT) for name in ("agrees", "decided"))
    return ratio(agrees.astype(float), decided.astype(float))


def is_adaptive(group: h5py.Group) -> bool:
    """Whether the thresholds of a network adapt."""
    return number_attribute(group, "adaptive", Rule(0, 1, whole=True)) > 0


def drawn_of(groups: list[h5py.Group]) -> list[Drawn]:
    """All that is drawn; the baselines are those of the first network."""
    seen: set[bool] = set()
    shown = []
    for group, beside in zip(groups, np.linspace(-0.09, 0.09, len(groups)) if len(groups) > 1 else [0.0], strict=True):
        adaptive = is_adaptive(group)
        label = "frozen network" if adaptive else "frozen network, LIF only"
        shown.append(Drawn(subgroup(group, NETWORK), BLUE if adaptive else VERMILLION, MARKERS[NETWORK], float(beside),
                            None if adaptive in seen else label))  # fmt: skip
        seen.add(adaptive)
    for name, beside in ((FIXED, 0.25), (BAYES, -0.25)):
        shown.append(Drawn(subgroup(groups[0], name), COLOURS[name], MARKERS[name], beside, BASELINES[name]))
    return shown


def lines_of(group: h5py.Group) -> Iterator[str]:
    """What came of a network."""
    yield f"share of the way from the fixed rate's reward to that of Bayes: {interval(share_of_gain(group), 2)}"
    for policy, label in ((NETWORK, "frozen network"), *BASELINES.items()):
        one = Drawn(subgroup(group, policy), "", "", 0.0, label)
        calm, volatile = (interval(each, 3) for each in one.rates())
        told = f"learning rate {calm} calm, {volatile} volatile, rises by {interval(rise(group, policy), 3)}"
        stays, leaves = (interval(each, 3) for each in one.leaves())
        share = array(one.group, "paid", (None,), COUNT).mean() / number_attribute(group, "trials", Rule(1))
        yield f"{label}: {told}; leaves after a first loss {stays} calm, {leaves} volatile; {share:.4f} of pulls paid"
    agreed = "; ".join(f"{label} {interval(agreement(group, name), 3)}" for name, label in BASELINES.items())
    first, second = array(subgroup(group, NETWORK), "explained", (2,), Rule(0, 1.001))
    yield f"the delta rule explains {first:.3f} of the variance of its preference calm, {second:.3f} volatile"
    yield f"does what baselines would have done of its history: {agreed}"


def describe(path: Path) -> str:
    """Some lines a network."""
    with open_result(path) as result:
        told = []
        for group in network_groups(result):
            told += [f"{place(group).rpartition('/')[2]}, {text_attribute(group, 'network')}:", *lines_of(group)]
    return "\n".join(told)


# The figure


@styled
def volatility_figure(result: Result) -> Figure:
    """Four panels; several networks are drawn side by side, baselines once for the first of them."""
    groups = network_groups(result)
    shown, width = drawn_of(groups), number_attribute(result.file, "bin_trials", Rule(1))
    figure = new_figure(15, 9.2, "Arms that change places, weights frozen: how fast the network learns")
    rates, left, course, turned = figure.subplots(2, 2).ravel()
    _draw_kinds(rates, shown, [one.rates() for one in shown])
    rates.set(title="a  Learning rate of the delta rule nearest to its preference", ylabel="learning rate", ylim=(0, 1))
    rates.legend(loc="upper left", fontsize=9.5)
    _draw_kinds(left, shown, [one.leaves() for one in shown])
    left.set(title="b  Leaves an arm after its first loss in a row of wins", ylabel="share", ylim=(-0.02, 1.02))
    _draw_course(course, shown, width)
    _draw_reversal(turned, shown)
    episodes = len(result.file["episode_key"])
    return add_footer(
        figure, result, f"bars: 95 % over {episodes} episodes · a point or a line a network (n = {len(groups)})"
    )


def _draw_kinds(axes: Axes, shown: list[Drawn], found: list[list[Estimate]]) -> None:
    """A value in calm and one in volatile blocks for all that is drawn."""
    for one, estimates in zip(shown, found, strict=True):
        value, low, high = points(estimates)
        axes.errorbar(np.arange(2) + one.beside, value, [value - low, high - value], fmt=one.marker,
                      color=one.colour, label=one.label, markersize=6, linewidth=1.4)  # fmt: skip
    axes.set(xlim=(-0.6, 1.6), xticks=range(2))
    axes.set_xticklabels(f"{kind} blocks" for kind in KINDS)
    axes.grid(axis="y", color=PALE, linewidth=0.6)


def _draw_course(axes: Axes, shown: list[Drawn], width: float) -> None:
    """Learning rate by trials since a block of the other kind: into a volatile one solid, into a calm one dashed."""
    for one in shown:
        table = array(one.group, "course", (2, None), RATE)
        trial = (np.arange(table.shape[1]) + 0.5) * width
        for kind, line in zip(table, ("--", "-"), strict=True):
            axes.plot(trial, kind, line, marker=one.marker, color=one.colour, markersize=4, linewidth=1.5)
    axes.set(title="c  After a block of the other kind: into a volatile (–), into a calm one (- -)", ylim=(0, 1))
    axes.set(xlabel="trial of the block", ylabel="learning rate")
    axes.grid(axis="y", color=PALE, linewidth=0.6)


def _draw_reversal(axes: Axes, shown: list[Drawn]) -> None:
    """Choices round a reversal with no other near."""
    for one in shown:
        count, number = (array(one.group, name, (None, 2, *more), COUNT).sum(axis=0)
                         for name, more in (("after_reversal", (None,)), ("reversals", ())))  # fmt: skip
        trial = np.arange(count.shape[1]) - BEFORE
        for kind, line in zip(count / np.maximum(number, 1)[:, None], ("--", "-"), strict=True):
            axes.plot(trial, kind, line, marker=one.marker, color=one.colour, markersize=4, linewidth=1.5)
    axes.axvline(-0.5, color=GREY, linestyle=":", linewidth=1)
    axes.set(title="d  The arms change places at trial 0: volatile (–), calm (- -)", ylim=(0, 1))
    axes.set(xlabel="trial", ylabel="pulls the arm that is better then")
    axes.grid(axis="y", color=PALE, linewidth=0.6)


def write_figure(path: Path, out: Path) -> Path:
    """Draw the experiment in a file; returns where the PNG stands."""
    with open_result(path) as result:
        write_whole(out, png(volatility_figure(result)))
    return out
