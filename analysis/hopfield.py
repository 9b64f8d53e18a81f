"""Recall in a Hopfield network against its load (reads the file of the experiment hopfield)."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.style import BLACK, BLUE, DARK, GREY, PALE, SKY, VERMILLION, footer, new_figure, png, styled
from lsnn import open_result
from lsnn.files.reading import COUNT, SHARE, ResultError, Rule, array, number_attribute, place
from lsnn.files.results import Result
from lsnn.files.whole import write_whole

OVERLAP = Rule(-1, 1, gaps=True)
STARTS = {
    "from_pattern": ("the pattern itself", BLUE),
    "from_cue": ("a cue with {:.0%} of the units turned", SKY),
    "from_unseen": ("such a cue of a pattern never stored", VERMILLION),
}


class Recall(NamedTuple):
    """Loads (L,); overlaps of each start, (seeds, L, patterns), NaN where none was recalled; N to infinity."""

    load: np.ndarray
    overlaps: dict[str, np.ndarray]
    theory: np.ndarray  # (2, points): load and overlap
    capacity: float
    neurons: int
    turned: float

    def by_seed(self, start: str) -> np.ndarray:
        """Mean overlap, (seeds, L)."""
        return np.nanmean(self.overlaps[start], axis=2)


def recall_in(result: Result) -> Recall:
    """What the file holds; ResultError unless it has a recall at every load and seed."""
    file = result.file
    load = array(file, "load", (None,), Rule(0))
    overlaps = {name: array(file, name, (None, len(load), None), OVERLAP) for name in STARTS}
    if any(not np.isfinite(each).any(axis=2).all() or not each.size for each in overlaps.values()):
        raise ResultError(f"{place(file)}: must have a recall at every load and seed")
    points = array(file, "theory_load", (None,), SHARE)
    theory = np.array([points, array(file, "theory_overlap", (len(points),), SHARE)])
    capacity, turned = (float(number_attribute(file, name, SHARE)) for name in ("capacity", "turned"))
    return Recall(load, overlaps, theory, capacity, int(number_attribute(file, "neurons", COUNT)), turned)


def describe(path: Path) -> str:
    """A line a load: overlaps of every start, mean and standard deviation over seeds."""
    with open_result(path) as result:
        recall = recall_in(result)
    seeds = len(recall.by_seed("from_pattern"))
    starts = ", ".join(label.format(recall.turned) for label, _ in STARTS.values())
    lines = [
        f"overlap once no unit turns, N = {recall.neurons}, mean (sd over {seeds} seeds), from {starts}",
        f"capacity for N to infinity: {recall.capacity:.4f}",
    ]
    for column, load in enumerate(recall.load):
        each = [recall.by_seed(name)[:, column] for name in STARTS]
        lines.append(f"P/N {load:.3f}: {'; '.join(f'{of.mean():.3f} ({spread(of):.3f})' for of in each)}")
    return "\n".join(lines)


def spread(values: np.ndarray) -> float:
    """Standard deviation over seeds, NaN of one alone."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


@styled
def hopfield_figure(result: Result) -> Figure:
    """Left the mean overlap by load, a thin line a seed; right every single recall from a cue."""
    recall, made = recall_in(result), result.provenance
    title = "Hopfield network: it retrieves what its weights were given, and nobody calls that learning"
    figure = new_figure(13, 5.4, title)
    left, right = figure.subplots(1, 2, sharey=True)
    _draw_means(left, recall)
    _draw_single(right, recall)
    seeds, _, most = recall.overlaps["from_cue"].shape
    return footer(
        figure,
        f"N = {recall.neurons} units, asynchronous updates · {seeds} seeds, thin, and their mean · up to {most} "
        f"recalls of each kind at each load and seed · no network was trained · commit {made.git_commit[:10]}",
        f"command: {made.command}",
    )


def _draw_means(axes: Axes, recall: Recall) -> None:
    for name, (label, colour) in STARTS.items():
        values = recall.by_seed(name)
        axes.plot(recall.load, values.T, color=colour, linewidth=0.8, alpha=0.4)
        axes.plot(
            recall.load, values.mean(axis=0), "o-", color=colour, linewidth=2.4, markersize=5,
            label=label.format(recall.turned),
        )  # fmt: skip
    axes.plot(*recall.theory, "--", color=BLACK, linewidth=1.5, label="N to infinity (equation recalled)")
    _mark_capacity(axes, recall)
    axes.set(xlabel="load P/N, stored patterns a unit", ylabel="overlap once no unit turns", ylim=(-0.15, 1.05))
    axes.set(title="mean over recalls")
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 0.2), fontsize=9.5, title="recall starts at", title_fontsize=9.5)


def _draw_single(axes: Axes, recall: Recall) -> None:
    """Every recall as a dot, stored to the left of the load and never stored to the right."""
    width = 0.25 * np.diff(recall.load).min() if len(recall.load) > 1 else 0.002
    for name, side in (("from_cue", -1), ("from_unseen", 1)):
        values = recall.overlaps[name]
        x = np.broadcast_to(recall.load[:, None], values.shape[1:]) + side * width
        x = np.broadcast_to(x, values.shape)
        axes.plot(x.ravel(), values.ravel(), ".", color=STARTS[name][1], markersize=4, alpha=0.35, markeredgewidth=0)
    axes.plot([], [], ".", color=SKY, markersize=9, label="one recall of a stored pattern")
    axes.plot([], [], ".", color=VERMILLION, markersize=9, label="of one never stored")
    _mark_capacity(axes, recall)
    axes.set(xlabel="load P/N, stored patterns a unit", title="every recall from a cue")
    axes.legend(loc="center left", bbox_to_anchor=(0.0, 0.5), fontsize=9.5)


def _mark_capacity(axes: Axes, recall: Recall) -> None:
    axes.axvline(recall.capacity, color=GREY, linestyle=":", linewidth=1.5)
    words = f"capacity {recall.capacity:.3f} N"
    axes.annotate(words, (recall.capacity, 1.05), (4, -10), textcoords="offset points", color=DARK, fontsize=9.5)
    axes.axhline(0, color=PALE, linewidth=1)
    axes.grid(axis="y", color=PALE, linewidth=0.6)


def write_figure(path: Path, out: Path) -> Path:
    """Draw the experiment in a file; returns where the PNG stands."""
    with open_result(path) as result:
        write_whole(out, png(hopfield_figure(result)))
    return out
