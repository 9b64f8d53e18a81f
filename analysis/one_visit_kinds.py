"""One visit, then dark, by kind of network (reads the file of the experiment one-visit)."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import t

from analysis.side_by_side import network_groups
from analysis.study.measures import array as samples
from analysis.study.measures import mean, points
from analysis.study.networks import standard_error
from analysis.study.one_visit import FIRST_TICK_MS, NOT_RUN, OneVisit, one_visit_in, own, usable_in
from analysis.style import BLUE, DARK, GREEN, ORANGE, PALE, PINK, SKY, VERMILLION, footer, new_figure, png, styled
from analysis.verdict import interval
from lsnn import open_result
from lsnn.estimates import CONFIDENCE, Estimate
from lsnn.files.reading import Rule, attribute, names, number_attribute, subgroup
from lsnn.files.results import Result
from lsnn.files.whole import write_whole

COLOURS = (BLUE, VERMILLION, ORANGE, SKY, GREEN, PINK)
CHANGED_MS = 500  # after which states were exchanged, as the figure has it


class Kind(NamedTuple):
    """What tells networks apart."""

    model: str
    tau_a_ms: float
    trained_dark_ms: int

    @property
    def label(self) -> str:
        """As the legend has it."""
        neurons = {"alif": f"adaptive thresholds, {self.tau_a_ms:g} ms", "lif": "LIF only"}.get(
            self.model, self.model.replace("_", " ")
        )
        dark = f"dark to {self.trained_dark_ms / 1000:g} s" if self.trained_dark_ms else "no dark"
        return f"{neurons}; trained with {dark}"


class Of(NamedTuple):
    """One network: what is told of it, and for each usable animal what it reached first and how long it took."""

    told: OneVisit
    to_own: list[np.ndarray]  # by dark: 1 own, 0 the other's, of the animals that reach one
    beyond_ms: list[np.ndarray]  # by dark: search beyond the shortest way, at most the time that was watched
    to_other: dict[str, np.ndarray]  # by change, after CHANGED_MS: 1 the other's, 0 the own


def kinds_of(result: Result) -> dict[Kind, list[Of]]:
    """The networks of every kind, adaptive ones and those trained with the longest dark first."""
    found: dict[Kind, list[Of]] = {}
    for group in network_groups(result):
        model, whole = str(attribute(group, "model")), Rule(0, whole=True)
        dark = int(number_attribute(group, "trained_dark_ms", whole))
        kind = Kind(model, float(number_attribute(group, "tau_a_ms", Rule(0))), dark)
        found.setdefault(kind, []).append(_of(subgroup(group, "one_visit")))
    return dict(sorted(found.items(), key=lambda item: (item[0].model != "alif", -item[0].trained_dark_ms, item[0])))


def _of(group: h5py.Group) -> Of:
    told, usable = one_visit_in(group), usable_in(group)
    reached, changes = samples(group, "reached", 3)[:, :, usable], names(group, "changes")
    search = np.nan_to_num(samples(group, "search_ms", 2)[:, usable], nan=float(told.watched_ms))
    beyond = np.maximum(search - samples(group, "shortest_ms", 1)[usable], 0.0)
    at = list(told.dark_ms).index(CHANGED_MS) if CHANGED_MS in told.dark_ms else -1
    to_other = {
        change: _which(reached[at, number], 1)
        for number, change in enumerate(changes)
        if reached[at, number, 0] != NOT_RUN
    }
    return Of(told, [_which(reached[dark, 0], 0) for dark in range(len(reached))], list(beyond), to_other)


def _which(reached: np.ndarray, wanted: int) -> np.ndarray:
    return (reached[reached < 2] == wanted).astype(float)


def difference(these: Sequence[np.ndarray], those: Sequence[np.ndarray]) -> Estimate:
    """Mean over `these` networks less that over `those`, of (animals,) each; n counts the networks of the smaller side.

    The interval is over networks: Student's t, with one degree of freedom less than the smaller side has networks, on
    the standard errors of a hierarchical bootstrap of each side. NaN bounds with a single network on a side.
    """
    value = float(np.mean([each.mean() for each in these]) - np.mean([each.mean() for each in those]))
    count = min(len(these), len(those))
    if count < 2:
        return Estimate(value, np.nan, np.nan, count)
    half = float(t.isf((1 - CONFIDENCE) / 2, count - 1)) * np.hypot(standard_error(these), standard_error(those))
    return Estimate(value, value - half, value + half, count)


def describe(path: Path) -> str:
    """By kind and network: shares by dark, what was exchanged, and how kinds differ from the first."""
    with open_result(path) as result:
        kinds = kinds_of(result)
    first = next(iter(kinds.values()))
    darks = first[0].told.dark_ms
    lines = [f"to the own platform first [95 % over animals], after a dark of {', '.join(map(str, darks))} ms"]
    for kind, networks in kinds.items():
        lines.append(f"{kind.label} (n = {len(networks)})")
        lines += [line for network in networks for line in _told(network)]
        if networks is not first:
            apart = [difference(*sides) for sides in zip(_by_dark(first), _by_dark(networks), strict=True)]
            rule = "the first kind is ahead by [95 % over networks]"
            lines.append(f"  {rule} {'; '.join(interval(each, 2) for each in apart)}")
    return "\n".join(lines)


def _by_dark(networks: Sequence[Of]) -> list[list[np.ndarray]]:
    return [list(each) for each in zip(*(network.to_own for network in networks), strict=True)]


def _told(network: Of) -> list[str]:
    told = network.told
    shares = "; ".join(interval(own(choice), 2) for choice in told.choices["none"].values())
    beyond = ", ".join(f"{each.mean():.0f}" for each in network.beyond_ms)
    rates = ", ".join(f"{rate:.1f}" for rate in told.rate_hz[1:])
    changed = "; ".join(
        f"{change} {sample.mean():.2f}" for change, sample in network.to_other.items() if change != "none"
    )
    return [
        f"  {shares}",
        f"    search beyond the shortest way, mean: {beyond} ms; rate in the dark, from each to the next: {rates} Hz",
        f"    to the other's first, after {CHANGED_MS} ms of dark: {changed}",
    ]


@styled
def kinds_figure(result: Result) -> Figure:
    """Shares and searches by dark, a thin line a network and a thick one a kind; what follows an exchange."""
    kinds = kinds_of(result)
    figure = new_figure(15, 6.2, "One visit, then dark, weights frozen: which networks keep the place, and in what")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.2, 1, 1))
    colours = dict(zip(kinds, COLOURS * len(kinds), strict=False))
    for kind, networks in kinds.items():
        at = np.maximum(networks[0].told.dark_ms, FIRST_TICK_MS)
        shares = np.array([[100 * each.mean() for each in network.to_own] for network in networks])
        beyond = np.array([[each.mean() for each in network.beyond_ms] for network in networks])
        for axes, values in ((left, shares), (middle, beyond)):
            axes.plot(at, values.T, color=colours[kind], linewidth=0.9, alpha=0.5)
            label = f"{kind.label} (n = {len(networks)})"
            axes.plot(at, values.mean(axis=0), "o-", color=colours[kind], linewidth=2.6, label=label)
    darks = next(iter(kinds.values()))[0].told.dark_ms
    _finish(left, darks, "to the own platform first (%)")
    _finish(middle, darks, "search beyond the shortest way (ms)")
    left.axhline(50, color=DARK, linestyle=":", linewidth=1)
    left.annotate("chance", (FIRST_TICK_MS, 50), (0, 4), textcoords="offset points", color=DARK)
    left.set(ylim=(25, 101))
    middle.set(ylim=(0, None))
    _draw_exchanges(right, kinds, colours)
    left.legend(loc="lower left", fontsize=9, framealpha=0.8, frameon=True, edgecolor="none")
    told = next(iter(kinds.values()))[0].told
    n = (
        f"{2 * told.pairs} animals in {told.pairs} pairs a network · thin: a network, thick: mean of a kind, "
        "bars: all animals of a kind"
    )
    made, named = (
        result.provenance,
        ", ".join(f"{origin.name} (seed {origin.seed})" for origin in result.provenance.networks),
    )
    return footer(
        figure,
        f"{n} · dark from the end of the visit · {told.watched_ms} ms watched · seed of the episodes {made.seed}",
        f"commit {made.git_commit[:10]} · networks, whose commands the file has: {named}",
        f"command: {made.command}",
    )


def _finish(axes: Axes, darks: np.ndarray, label: str) -> None:
    axes.set(xscale="log", xlabel="dark after one visit (ms)", ylabel=label)
    axes.set_xticks(np.maximum(darks, FIRST_TICK_MS), [f"{ms:g}" for ms in darks], fontsize=10)
    axes.minorticks_off()
    axes.grid(axis="y", color=PALE, linewidth=0.6)


def _draw_exchanges(axes: Axes, kinds: dict[Kind, list[Of]], colours: dict[Kind, str]) -> None:
    """Whose platform is reached once states were exchanged, a row a change and a bar a kind."""
    rows = ["everything exchanged", "other's {} alone", "all but {} exchanged", "other's {} shuffled", "erased"]
    height = 0.8 / len(kinds)
    for number, (kind, networks) in enumerate(kinds.items()):
        kept = networks[0].told.kept
        for row, name in enumerate(rows):
            change = name.format(kept[0] if kept else "")
            values = [network.to_other[change] for network in networks if change in network.to_other]
            if not values:
                continue
            value, low, high = 100 * points([mean(np.concatenate(values))])[:, 0]
            at = row + (number - (len(kinds) - 1) / 2) * height
            axes.barh(at, value, color=colours[kind], height=height)
            axes.plot([low, high], [at, at], color=DARK, linewidth=1.2)
    axes.axvline(50, color=DARK, linestyle=":", linewidth=1)
    variables = {name for networks in kinds.values() for network in networks for name in network.told.kept}
    called = variables.pop() if len(variables) == 1 else "kept"
    axes.set_yticks(range(len(rows)), [name.format(called) for name in rows], fontsize=10)
    axes.invert_yaxis()
    axes.set(xlabel=f"to the other's first, after {CHANGED_MS} ms of dark (%)", xlim=(0, 100))


def write_figure(path: Path, out: Path) -> Path:
    """Draw the experiment in a file; returns where the PNG stands."""
    with open_result(path) as result:
        write_whole(out, png(kinds_figure(result)))
    return out
