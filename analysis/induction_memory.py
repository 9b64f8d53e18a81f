"""Induction by tokens back and after dark, by kind of network (reads the file of the experiment induction-memory)."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.side_by_side import network_groups
from analysis.style import BLUE, GREY, ORANGE, PALE, SKY, VERMILLION, add_footer, new_figure, png, styled
from analysis.verdict import interval
from lsnn import open_result
from lsnn.estimates import Estimate, ratio_over_episodes
from lsnn.files.reading import COUNT, ResultError, Rule, array, number_attribute, place
from lsnn.files.results import Result
from lsnn.files.whole import write_whole

COLOURS = {(True, True): BLUE, (True, False): SKY, (False, True): VERMILLION, (False, False): ORANGE}
FAR = 8  # tokens back
VALUES_ALONE = 0.4959  # right answers of who knows the values of an episode, not whose they are (docs/families)


class Kind(NamedTuple):
    """What tells networks apart."""

    previous: bool
    adaptive: bool
    trained_dark_ms: int

    @property
    def label(self) -> str:
        """As the legend has it."""
        shown = "previous token shown" if self.previous else "strict"
        dark = f", trained with {self.trained_dark_ms} ms of dark" if self.trained_dark_ms else ""
        return f"{shown}{'' if self.adaptive else ', LIF only'}{dark}"


class Answers(NamedTuple):
    """Of one network, right answers and queries, both (dark, tokens back, episode)."""

    right: np.ndarray
    asked: np.ndarray
    tau_a_ms: float

    def at_dark(self, dark: int, tokens: slice = slice(None)) -> Estimate:
        """Share of right answers at one dark, over so many tokens back."""
        right, asked = (each[dark, tokens].sum(axis=0).astype(float) for each in (self.right, self.asked))
        return ratio_over_episodes(right, asked)

    def by_tokens(self) -> tuple[np.ndarray, np.ndarray]:
        """Tokens back that are asked for without dark, and the share of right answers at each."""
        right, asked = self.right[0].sum(axis=1), self.asked[0].sum(axis=1)
        at = np.flatnonzero(asked)
        return at, right[at] / asked[at]


def answers(result: Result) -> tuple[np.ndarray, dict[Kind, list[Answers]]]:
    """Darks in ms, (D,), and the networks of every kind."""
    darks = array(result.file, "dark_ms", (None,), Rule(0))
    found: dict[Kind, list[Answers]] = {}
    for group in network_groups(result):
        right, asked = (array(group, column, (len(darks), None, None), COUNT) for column in ("right", "asked"))
        if right.shape != asked.shape or not np.all(asked.sum(axis=(1, 2)) > 0):
            raise ResultError(f"{place(group)}: must have a query at every dark, has {asked.sum(axis=(1, 2))}")
        previous, adaptive = (number_attribute(group, key, Rule(0, 1, whole=True)) > 0 for key in Kind._fields[:2])
        kind = Kind(previous, adaptive, int(number_attribute(group, "trained_dark_ms", Rule(0, whole=True))))
        tau_a_ms = float(number_attribute(group, "tau_a_ms", Rule(0)))
        found.setdefault(kind, []).append(Answers(right.astype(np.int64), asked.astype(np.int64), tau_a_ms))
    if not found:
        raise ResultError(f"{place(result.file)}: must have a network, has none")
    return darks, dict(sorted(found.items(), reverse=True))


def describe(path: Path) -> str:
    """Lines of a network: right answers by tokens back, far back, and at every dark."""
    with open_result(path) as result:
        darks, kinds = answers(result)
        lines = ["share of right answers [95 % over episodes]"]
        for kind, networks in kinds.items():
            for network in networks:
                at, share = network.by_tokens()
                by = " ".join(f"{tokens}: {value:.2f}" for tokens, value in zip(at, share, strict=True))
                far = interval(network.at_dark(0, slice(FAR, None)), 3)
                each = "; ".join(interval(network.at_dark(dark), 3) for dark in range(len(darks)))
                lines += [f"{kind.label}: by tokens back {by}; {FAR} and more {far}"]
                lines += [f"  after a dark of {', '.join(f'{d:g}' for d in darks)} ms: {each}"]
    return "\n".join(lines)


@styled
def memory_figure(result: Result) -> Figure:
    """Left by tokens back, right by dark; a thin line a network, a thick one the mean of the networks of a kind."""
    darks, kinds = answers(result)
    figure = new_figure(12.5, 5.2, "Induction, weights frozen: how far back, and after how long a dark")
    left, right = figure.subplots(1, 2, sharey=True)
    for kind, networks in kinds.items():
        look = {"color": COLOURS[kind.previous, kind.adaptive], "marker": "s" if kind.trained_dark_ms else "o"}
        label = f"{kind.label} (n = {len(networks)})"
        _draw(left, networks[0].by_tokens()[0], [network.by_tokens()[1] for network in networks], label, look)
        curves = [[network.at_dark(dark).value for dark in range(len(darks))] for network in networks]
        _draw(right, darks, curves, label, look)
    _finish(left, right, darks, {network.tau_a_ms for networks in kinds.values() for network in networks})
    episodes = len(result.file["episode_key"])
    return add_footer(figure, result, f"thin: a network · thick: mean of a kind · {episodes} episodes at every dark")


def _draw(axes: Axes, x: np.ndarray, curves: list, label: str, look: dict) -> None:
    values = np.array(curves)
    axes.plot(x, values.T, color=look["color"], linewidth=1, alpha=0.5)
    axes.plot(x, values.mean(axis=0), linewidth=2.6, label=label, **look)


def _finish(left: Axes, right: Axes, darks: np.ndarray, tau_a_ms: set[float]) -> None:
    for axes in (left, right):
        axes.axhline(VALUES_ALONE, color=GREY, linestyle=":", linewidth=1.5)
        axes.grid(axis="y", color=PALE, linewidth=0.6)
    words = "knows the values, not whose"
    left.annotate(words, (2, VALUES_ALONE), (0, -12), textcoords="offset points", color=GREY, fontsize=10)
    left.set(xlabel="tokens since the key was shown (no dark)", ylabel="share of right answers", ylim=(0, 1.03))
    for tau in tau_a_ms:
        right.axvline(tau, color=GREY, linewidth=1)
        right.annotate("τ_a", (tau, 0.94), (-4, 0), textcoords="offset points", ha="right", color=GREY)
    right.set_xscale("symlog", linthresh=50)
    right.set_xlim(-10, 1.25 * max(darks.max(), *tau_a_ms))
    right.set_xticks(darks, [f"{dark:g}" for dark in darks])
    right.minorticks_off()
    right.set(xlabel="dark between the last pair and the first query (ms)")
    right.legend(loc="lower left", fontsize=9.5)


def write_figure(path: Path, out: Path) -> Path:
    """Draw the experiment in a file; returns where the PNG stands."""
    with open_result(path) as result:
        write_whole(out, png(memory_figure(result)))
    return out
