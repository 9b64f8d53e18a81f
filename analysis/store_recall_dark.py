"""Recall after dark by kind of network (reads the file of the experiment store-recall-dark)."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from analysis.side_by_side import network_groups
from analysis.study.measures import points, ratio
from analysis.style import BLUE, GREY, ORANGE, PALE, SKY, VERMILLION, add_footer, new_figure, png, styled
from analysis.verdict import interval
from lsnn import open_result
from lsnn.estimates import Estimate
from lsnn.files.reading import COUNT, ResultError, Rule, array, number_attribute, place
from lsnn.files.results import Result
from lsnn.files.whole import write_whole

COLOURS = {(True, True): BLUE, (True, False): SKY, (False, True): VERMILLION, (False, False): ORANGE}


class Kind(NamedTuple):
    """What tells networks apart."""

    adaptive: bool
    trained_dark_ms: int

    @property
    def label(self) -> str:
        """As the legend has it."""
        neurons = "adaptive thresholds" if self.adaptive else "LIF only"
        return f"{neurons}, trained with {f'{self.trained_dark_ms} ms of' if self.trained_dark_ms else 'no'} dark"


def errors(result: Result) -> tuple[np.ndarray, dict[Kind, list[list[Estimate]]]]:
    """Darks in ms, (D,), and for every kind of network, network and dark the share of wrong answers over episodes."""
    darks = array(result.file, "dark_ms", (None,), Rule(0))
    found: dict[Kind, list[list[Estimate]]] = {}
    for group in network_groups(result):
        wrong, asked = (array(group, column, (len(darks), None), COUNT).astype(float) for column in ("wrong", "asked"))
        if wrong.shape != asked.shape or not np.all(asked.sum(axis=1) > 0):
            raise ResultError(f"{place(group)}: must have a recall at every dark, has {asked.sum(axis=1)}")
        adaptive = number_attribute(group, "adaptive", Rule(0, 1, whole=True)) > 0
        kind = Kind(adaptive, int(number_attribute(group, "trained_dark_ms", Rule(0, whole=True))))
        found.setdefault(kind, []).append([ratio(*pair) for pair in zip(wrong, asked, strict=True)])
    if not found:
        raise ResultError(f"{place(result.file)}: must have a network, has none")
    return darks, dict(sorted(found.items(), reverse=True))


def describe(path: Path) -> str:
    """A line a network: the share of wrong answers at every dark."""
    with open_result(path) as result:
        darks, kinds = errors(result)
        lines = [f"share of wrong answers [95 % over episodes] after a dark of {', '.join(f'{d:g}' for d in darks)} ms"]
        for kind, networks in kinds.items():
            lines += [f"{kind.label}: {'; '.join(interval(each, 3) for each in network)}" for network in networks]
    return "\n".join(lines)


@styled
def dark_figure(result: Result) -> Figure:
    """A thin line a network, a thick one the mean of the networks of a kind."""
    darks, kinds = errors(result)
    figure = new_figure(9.5, 5.4, "Store and recall, weights frozen: dark before the question")
    axes = figure.subplots()
    for kind, networks in kinds.items():
        colour = COLOURS[kind.adaptive, kind.trained_dark_ms > 0]
        values = np.array([points(network)[0] for network in networks])
        axes.plot(darks, values.T, color=colour, linewidth=1, alpha=0.5)
        label = f"{kind.label} (n = {len(networks)})"
        axes.plot(darks, values.mean(axis=0), "o-", color=colour, linewidth=2.6, label=label)
    axes.axhline(0.5, color=GREY, linestyle=":", linewidth=1.5)
    axes.annotate("chance", (darks[-1], 0.5), (0, 4), textcoords="offset points", ha="right", color=GREY, fontsize=10)
    axes.set(xlabel="last part of a delay of 2 s in which nothing is shown (ms)", ylabel="share of wrong answers")
    axes.set(ylim=(-0.02, 0.75))
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    axes.legend(loc="upper left", ncols=2, fontsize=9.5)
    episodes = len(result.file["episode_key"])
    return add_footer(figure, result, f"thin: a network · thick: mean of a kind · {episodes} episodes at every dark")


def write_figure(path: Path, out: Path) -> Path:
    """Draw the experiment in a file; returns where the PNG stands."""
    with open_result(path) as result:
        write_whole(out, png(dark_figure(result)))
    return out
