"""Orders of spikes told apart with learnt and with fixed delays (reads the file of the experiment order)."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.style import BLUE, ORANGE, footer, new_figure, png, styled
from lsnn import open_result
from lsnn.files.reading import COUNT, SHARE, array, number_attribute, subgroup
from lsnn.files.results import Result
from lsnn.files.whole import write_whole

CHANCE = 1 / 6
PAIRS = {"delays": "delays", "tau": "time constants"}
KINDS = {"learnt": BLUE, "fixed": ORANGE}


class Found(NamedTuple):
    """Of an arm."""

    neurons: int
    learn: int  # values that learn
    learning: np.ndarray  # (seed, epoch)
    tested: np.ndarray  # (seed,)


def arm_in(result: Result, name: str) -> Found:
    """An arm of the file; ResultError unless it is whole."""
    group = subgroup(result.file, name)
    tested = array(group, "tested", (None,), SHARE)
    learning = array(group, "learning", (len(tested), None), SHARE)
    neurons, learn = (int(number_attribute(group, each, COUNT)) for each in ("neurons", "learn"))
    return Found(neurons, learn, learning, tested)


def rounded_in(result: Result) -> np.ndarray:
    """Tests of learnt delays that were rounded to whole steps, (seed,)."""
    return array(subgroup(result.file, "delays_learnt"), "rounded", (None,), SHARE)


def describe(path: Path) -> str:
    """A line an arm."""
    with open_result(path) as result:
        lines = ["right answers of the test, seed by seed (chance 0.167)"]
        for pair, label in PAIRS.items():
            for kind in KINDS:
                arm = arm_in(result, f"{pair}_{kind}")
                told = ", ".join(f"{share:.3f}" for share in arm.tested)
                size = f"{arm.neurons} neurons, {arm.learn} values learn"
                lines.append(f"{label} {kind} ({size}): {told}; mean {arm.tested.mean():.3f}")
        rounded = rounded_in(result)
        lines.append(f"learnt delays rounded to whole steps: {', '.join(f'{share:.3f}' for share in rounded)}")
    return "\n".join(lines)


@styled
def order_figure(result: Result) -> Figure:
    """Learning curves of each pair, and the tests beside them."""
    made, figure = (
        result.provenance,
        new_figure(12, 5.2, "Which order the spikes came in: what learns beside the weights"),
    )
    layout = figure.add_gridspec(1, 3, width_ratios=(1, 1, 0.9))
    seeds = 0
    for column, (pair, label) in enumerate(PAIRS.items()):
        axes = figure.add_subplot(layout[column])
        arms = {kind: arm_in(result, f"{pair}_{kind}") for kind in KINDS}
        seeds = len(arms["learnt"].tested)
        _draw_learning(axes, arms, f"{label}: {arms['learnt'].learn} values learn")
    _draw_tests(figure.add_subplot(layout[2]), result)
    n = f"n = {seeds} circuits an arm · lines: means and range over seeds · commit {made.git_commit[:10]}"
    return footer(figure, n, f"command: {made.command}")


def _draw_learning(axes: Axes, arms: dict[str, Found], title: str) -> None:
    for kind, arm in arms.items():
        epochs = 1 + np.arange(arm.learning.shape[1])
        axes.plot(epochs, arm.learning.mean(axis=0), color=KINDS[kind], label=f"{kind} ({arm.neurons} neurons)")
        axes.fill_between(
            epochs, arm.learning.min(axis=0), arm.learning.max(axis=0), color=KINDS[kind], alpha=0.2, lw=0
        )
    axes.axhline(CHANCE, color="black", ls=":", lw=1)
    axes.set(title=title, xlabel="epoch", ylabel="right answers, samples learnt from", ylim=(0, 1.02))
    axes.legend(frameon=False, loc="lower right")


def _draw_tests(axes: Axes, result: Result) -> None:
    names = [f"{pair}_{kind}" for pair in PAIRS for kind in KINDS]
    rows = [(name.replace("_", "\n"), KINDS[name.partition("_")[2]], arm_in(result, name).tested) for name in names]
    rows.insert(1, ("delays\nlearnt,\nrounded", BLUE, rounded_in(result)))
    for place, (_, colour, tested) in enumerate(rows):
        spread = place + np.linspace(-0.15, 0.15, len(tested))
        axes.plot(spread, tested, "o", color=colour, mfc="white" if place == 1 else colour)
        axes.plot([place - 0.25, place + 0.25], [tested.mean()] * 2, color=colour)
    axes.axhline(CHANCE, color="black", ls=":", lw=1)
    axes.text(len(rows) - 0.6, CHANCE + 0.015, "chance", ha="right")
    axes.set_xticks(range(len(rows)), [label for label, *_ in rows])
    axes.set(title="other samples", ylabel="right answers", ylim=(0, 1.02))


def write_figure(path: Path, out: Path) -> Path:
    """Draw the experiment in a file; returns where the PNG stands."""
    with open_result(path) as result:
        write_whole(out, png(order_figure(result)))
    return out
