"""The two-step task after dark (reads the file of the experiment two-step-dark)."""

from pathlib import Path

import h5py
from matplotlib.figure import Figure

from analysis.side_by_side import network_groups
from analysis.study.measures import points, ratio
from analysis.style import BLUE, GREY, ORANGE, PALE, add_footer, new_figure, png, styled
from analysis.verdict import interval
from lsnn import open_result
from lsnn.estimates import Estimate, mean_over_episodes
from lsnn.files.reading import COUNT, Rule, array, number_attribute, text_attribute
from lsnn.files.results import Result
from lsnn.files.whole import write_whole


def measured(result: Result, group: h5py.Group) -> tuple[list[Estimate], list[Estimate]]:
    """Share of trials that paid, and agreement with Bayes, at every dark."""
    darks, trials = (
        len(array(result.file, "dark_ms", (None,), Rule(0))),
        number_attribute(result.file, "trials", Rule(1)),
    )
    paid, agrees, decided = (
        array(group, name, (darks, None), COUNT).astype(float) for name in ("paid", "agrees", "decided")
    )
    pairs = zip(agrees, decided, strict=True)
    return [mean_over_episodes(each / trials) for each in paid], [ratio(*pair) for pair in pairs]


def label_of(group: h5py.Group) -> str:
    """What tells a network from others."""
    adaptive = number_attribute(group, "adaptive", Rule(0, 1, whole=True)) > 0
    return "adaptive thresholds" if adaptive else "LIF only"


def describe(path: Path) -> str:
    """Two lines a network."""
    with open_result(path) as result:
        darks = ", ".join(f"{dark:g}" for dark in array(result.file, "dark_ms", (None,), Rule(0)))
        lines = [f"after a dark of {darks} ms"]
        for group in network_groups(result):
            told = [", ".join(interval(each, 3) for each in found) for found in measured(result, group)]
            name = f"{text_attribute(group, 'network')}, {label_of(group)}"
            lines += [f"{name}: trials that paid {told[0]}", f"{name}: agrees with Bayes {told[1]}"]
    return "\n".join(lines)


@styled
def dark_figure(result: Result) -> Figure:
    """Reward and agreement by the dark before every choice, a line a network."""
    figure = new_figure(11, 5.8, "The two-step task, weights frozen: dark before every choice")
    darks, seen = array(result.file, "dark_ms", (None,), Rule(0)), set()
    panels = figure.subplots(1, 2)
    for group in network_groups(result):
        label = label_of(group)
        colour = BLUE if label.startswith("adaptive") else ORANGE
        for axes, found in zip(panels, measured(result, group), strict=True):
            value, low, high = points(found)
            axes.errorbar(darks, value, [value - low, high - value], fmt="o-", color=colour, markersize=5,
                          label=None if label in seen else label)  # fmt: skip
        seen.add(label)
    for axes, what in zip(panels, ("trials that paid", "agreement with exact Bayes"), strict=True):
        axes.axhline(0.5, color=GREY, linestyle=":", linewidth=1.5)
        axes.set(xlabel="nothing is shown for (ms)", ylabel=what)
        axes.set_xscale("symlog", linthresh=10, linscale=0.5)
        axes.set_xticks(darks, [f"{dark:g}" for dark in darks], fontsize=10)
        axes.set_xticks([], minor=True)
        axes.set_xlim(-2, 1.3 * max(darks))
        axes.grid(axis="y", color=PALE, linewidth=0.6)
    panels[0].legend(loc="lower left")
    episodes = len(result.file["episode_key"])
    return add_footer(figure, result, f"bars: 95 % over {episodes} episodes · a line a network")


def write_figure(path: Path, out: Path) -> Path:
    """Draw the experiment in a file; returns where the PNG stands."""
    with open_result(path) as result:
        write_whole(out, png(dark_figure(result)))
    return out
