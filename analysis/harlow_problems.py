"""Choices on Harlow's task against the problems met in meta-training (reads the file of harlow-problems)."""

from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from analysis.style import BLUE, GREY, PALE, VERMILLION, add_footer, new_figure, png, styled
from lsnn import open_result
from lsnn.estimates import quotient
from lsnn.files.reading import FLAG, ResultError, Rule, array, place, subgroup
from lsnn.files.results import Result
from lsnn.files.whole import write_whole

OBJECTS = ("objects of meta-training", "held-out objects")


def right(result: Result) -> tuple[np.ndarray, np.ndarray]:
    """Problems met before each test, (tests,), and right choices, (seeds, tests, 2, E, trials), 0 or 1."""
    problems = array(result.file, "problems", (None,), Rule(0))
    names = [name for name in result.file if name.startswith("seed_")]
    found = [array(subgroup(result.file, name), "right", (len(problems), 2, None, None), FLAG) for name in names]
    if not found or len({each.shape for each in found}) > 1 or found[0].shape[3] < 2:
        raise ResultError(f"{place(result.file)}: must have seeds of as many episodes, of two trials or more")
    return problems, np.array(found, float)


def second_after_wrong(chosen: np.ndarray) -> np.ndarray:
    """Share of right second choices among the episodes whose first was wrong: (..., E, trials) to (...)."""
    wrong = 1 - chosen[..., 0]
    return quotient((chosen[..., 1] * wrong).sum(axis=-1), wrong.sum(axis=-1))


def describe(path: Path) -> str:
    """A line a test: trial 2, and trial 2 after a wrong first choice, of both kinds of objects, mean over seeds."""
    with open_result(path) as result:
        problems, chosen = right(result)
    second, after = chosen[..., 1].mean(axis=(0, 3)), second_after_wrong(chosen).mean(axis=0)
    lines = [f"right in trial 2, and after a wrong first choice; mean of {len(chosen)} networks"]
    for met, seconds, afters in zip(problems, second, after, strict=True):
        kinds = [f"{kind} {s:.3f}, {a:.3f}" for kind, s, a in zip(OBJECTS, seconds, afters, strict=True)]
        lines.append(f"{met:>7} problems: {'; '.join(kinds)}")
    return "\n".join(lines)


@styled
def problems_figure(result: Result) -> Figure:
    """Choices by trial, a line a test; trial 2 against the problems met, a thin line a network."""
    problems, chosen = right(result)
    figure = new_figure(13, 5.2, "Harlow's task: choices of a network against the problems that it has met")
    left, right_hand = figure.subplots(1, 2)
    _by_trial(left, problems, chosen.mean(axis=(0, 3))[:, 1])
    _against_problems(right_hand, problems, chosen[..., 1].mean(axis=-1), BLUE, "all")
    _against_problems(right_hand, problems, second_after_wrong(chosen), VERMILLION, "after a wrong choice")
    _finish(right_hand, problems)
    seeds, episodes = len(chosen), chosen.shape[3]
    return add_footer(figure, result, f"n = {seeds} meta-trainings, thin; {episodes} episodes of each kind a test")


def _by_trial(axes: Axes, problems: np.ndarray, shares: np.ndarray) -> None:
    """Mean choices (tests, trials) of held-out objects, darker as more problems were met."""
    trial = np.arange(shares.shape[1]) + 1
    shades = colormaps["viridis_r"](np.linspace(0.05, 1, len(problems)))
    for met, share, shade in zip(problems, shares, shades, strict=True):
        axes.plot(trial, share, "o-", color=shade, markersize=4, label=told(met))
    axes.axhline(0.5, color=GREY, linestyle=":", linewidth=1.5)
    axes.set(xlabel="trial", ylabel="share of right choices", ylim=(0.2, 1.02), title=f"by trial, {OBJECTS[1]}")
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    axes.legend(title="problems met", loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9.5, title_fontsize=9.5)


def _finish(axes: Axes, problems: np.ndarray) -> None:
    axes.axhline(0.5, color=GREY, linestyle=":", linewidth=1.5)
    axes.set(xlabel="problems met in meta-training", ylabel="share of right choices", ylim=(0.2, 1.02), title="trial 2")
    met = problems[problems > 0]
    axes.set_xscale("symlog", linthresh=met.min(), linscale=0.4)
    axes.set_xticks([0, *met[::2]], [told(each) for each in [0, *met[::2]]], rotation=45)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    axes.set_xlim(-0.2 * met.min(), 1.15 * met.max())
    axes.legend(loc="upper left", fontsize=9.5)


def told(number: float) -> str:
    """A count with its thousands apart."""
    return f"{int(number):,}".replace(",", " ")


def _against_problems(axes: Axes, problems: np.ndarray, values: np.ndarray, colour: str, label: str) -> None:
    """values (seeds, tests, 2): solid objects of meta-training, dashed held-out ones."""
    for kind, (name, line) in enumerate(zip(OBJECTS, ("-", "--"), strict=True)):
        if len(values) > 1:
            axes.plot(problems, values[..., kind].T, line, color=colour, linewidth=0.8, alpha=0.35)
        axes.plot(problems, values[..., kind].mean(axis=0), line, color=colour, linewidth=2.4, label=f"{label}, {name}")


def write_figure(path: Path, out: Path) -> Path:
    """Draw the experiment in a file; returns where the PNG stands."""
    with open_result(path) as result:
        write_whole(out, png(problems_figure(result)))
    return out
