"""How abrupt meta-training was, and learning within an episode is (reads the file of the experiment abruptness)."""

from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.side_by_side import network_groups
from analysis.study.measures import mean
from analysis.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
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
from lsnn.files.reading import GAPS, Rule, array, number_attribute, subgroup, text_attribute
from lsnn.files.results import Result
from lsnn.files.whole import write_whole

COLOURS = (BLUE, VERMILLION, GREEN, PINK, SKY, ORANGE, GREY)
SHOWN = {
    "frozen": ("frozen network", BLUE), "q_learner": ("Q-learner", ORANGE),
    "thompson": ("Thompson sampling", GREY), "gittins": ("Gittins index", BLACK),
}  # fmt: skip
SHARE = Rule(0, 1)
BOUND = 0.95  # quantile of what ramps look like, beyond which an episode counts as a step


class Course(NamedTuple):
    """Meta-training of one network."""

    label: str
    iteration: np.ndarray
    risen: np.ndarray  # of all change, 0 to 1
    steepest: float  # share of it in the steepest tenth
    at: float


class Choices(NamedTuple):
    """Choices of a network or a baseline, episode by episode."""

    better: np.ndarray  # (trial,)
    ahead: Estimate  # nats by which a step is ahead of a ramp
    of_ramps: Estimate  # the same of choices drawn from the ramps
    steps: Estimate  # share of episodes beyond the bound that ramps keep to in 95 of 100
    visible: Estimate  # that share of choices drawn from the steps


def courses_of(result: Result) -> list[Course]:
    """Of every network of the file; ResultError where there is none."""
    return [_course(group) for group in network_groups(result)]


def _course(group: h5py.Group) -> Course:
    iteration = array(group, "iteration", (None,), Rule(1))
    score = array(group, "score", (len(iteration),), GAPS)
    last = score[-max(1, len(score) // 20) :].mean()
    whole = last - score[0]
    seed = int(number_attribute(group, "seed", Rule(0, whole=True)))
    label = f"{text_attribute(group, 'family')}, {text_attribute(group, 'score').replace('_', ' ')}, seed {seed}"
    steepest, at = (number_attribute(group, name, GAPS) for name in ("steepest", "steepest_at"))
    return Course(label, iteration, (score - score[0]) / (whole or np.nan), steepest, at)


def choices_of(group: h5py.Group) -> dict[str, Choices]:
    """Of a network of a bandit, and the baselines beside it; nothing of another family's."""
    return {name: _choices(subgroup(group, name)) for name in SHOWN if name in group}


def _choices(group: h5py.Group) -> Choices:
    found, ramps, steps = (array(group, name, (None,), GAPS) for name in ("ahead", "ahead_of_ramps", "ahead_of_steps"))
    bound = np.quantile(ramps, BOUND)
    counts = (mean((values > bound).astype(float)) for values in (found, steps))
    return Choices(array(group, "better", (None,), SHARE), mean(found), mean(ramps), *counts)


def describe(path: Path) -> str:
    """Lines for a terminal."""
    with open_result(path) as result:
        courses, groups = courses_of(result), network_groups(result)
        by_name = [choices_of(group) for group in groups]
    lines = ["share of all change in the steepest tenth of meta-training (a straight line: 0.10), and where that lies"]
    lines += [f"  {course.label}: {course.steepest:.2f}, at {course.at:.2f} of the iterations" for course in courses]
    for course, found in zip(courses, by_name, strict=True):
        if found:
            lines.append(f"{course.label}: is an episode a step or a ramp? [95 % over episodes]")
            lines += [f"  {SHOWN[name][0]}: {_told(choices)}" for name, choices in found.items()]
    return "\n".join(lines)


def _told(choices: Choices) -> str:
    ahead, ramps = interval(choices.ahead, 2), interval(choices.of_ramps, 2)
    steps, visible = interval(choices.steps, 2), interval(choices.visible, 2)
    return (
        f"a step is ahead by {ahead} nats, of choices from ramps by {ramps}; "
        f"steps by the test {steps}, of ramps 0.05, of choices from steps {visible}"
    )


@styled
def abruptness_figure(result: Result) -> Figure:
    """Left: meta-training; middle and right: the episodes of bandits."""
    courses = courses_of(result)
    found = [by_name for group in network_groups(result) if (by_name := choices_of(group))]
    figure = new_figure(14 if found else 7, 6.4, "Is learning abrupt?")
    axes = figure.subplots(1, 3 if found else 1, squeeze=False)[0]
    _draw_courses(axes[0], courses)
    if found:
        _draw_choices(axes[1], found)
        _draw_ahead(axes[2], found)
    few = f"{found[0]['frozen'].ahead.n} episodes a row" if found else "no bandit among them"
    return add_footer(figure, result, f"n = {len(courses)} networks; {few}; grey line: a course without a steep part")


def _draw_courses(axes: Axes, courses: list[Course]) -> None:
    for number, course in enumerate(courses):
        label = f"{course.label}: {course.steepest:.2f}"
        axes.plot(
            course.iteration / course.iteration[-1],
            100 * course.risen,
            color=COLOURS[number % len(COLOURS)],
            label=label,
        )
    axes.plot([0, 1], [0, 100], color=PALE, linewidth=1, zorder=0)
    axes.set(xlabel="share of the iterations", ylabel="of all change (%)", ylim=(-15, 125))
    axes.set_title("Meta-training: share in the steepest tenth", fontsize=11)
    axes.legend(loc="upper left", bbox_to_anchor=(0.0, -0.2), fontsize=9)


def _draw_choices(axes: Axes, found: list[dict[str, Choices]]) -> None:
    for name, (label, colour) in SHOWN.items():
        curves = [by_name[name].better for by_name in found]
        for curve in curves:
            axes.plot(np.arange(1, len(curve) + 1), 100 * curve, color=colour, linewidth=0.8, alpha=0.4)
        common = np.array([curve[: min(map(len, curves))] for curve in curves]).mean(axis=0)
        axes.plot(np.arange(1, len(common) + 1), 100 * common, color=colour, linewidth=2.4, label=label)
    axes.set(xlabel="trial", ylabel="better arm pulled (%)", ylim=(45, 100))
    axes.set_title("Bandit: mean over episodes", fontsize=11)
    axes.legend(loc="upper left", bbox_to_anchor=(0.0, -0.2), fontsize=9)


def _draw_ahead(axes: Axes, found: list[dict[str, Choices]]) -> None:
    """Steps by the test, of the choices of each and of choices drawn from its own best steps, a row each."""
    for row, (_, colour) in enumerate(SHOWN.values()):
        name = list(SHOWN)[row]
        for by_name in found:
            for beside, each, face in ((-0.15, by_name[name].steps, colour), (0.15, by_name[name].visible, "white")):
                axes.plot([100 * each.low, 100 * each.high], [row + beside] * 2, color=colour, linewidth=1.4)
                axes.plot(100 * each.value, row + beside, "o", color=colour, markerfacecolor=face, markersize=7)
    axes.axvline(100 * (1 - BOUND), color=GREY, linestyle=":", linewidth=1)
    axes.set_yticks(range(len(SHOWN)), [label for label, _ in SHOWN.values()])
    axes.invert_yaxis()
    axes.set(xlabel="episodes that are a step by the test (%)", xlim=(0, 100))
    axes.set_title("Bandit: single episodes", fontsize=11)
    for label, face in (("its choices", BLACK), ("choices drawn from its best steps", "white")):
        axes.plot([], [], "o", color=BLACK, markerfacecolor=face, label=label)
    axes.plot([], [], ":", color=GREY, label="choices drawn from its best ramps")
    axes.legend(loc="upper left", bbox_to_anchor=(0.0, -0.2), fontsize=9)


def write_figure(path: Path, out: Path) -> Path:
    """Draw the experiment in a file; returns where the PNG stands."""
    with open_result(path) as result:
        write_whole(out, png(abruptness_figure(result)))
    return out
