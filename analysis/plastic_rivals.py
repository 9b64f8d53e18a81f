"""Escape latencies of a frozen network beside agents with plastic weights, and what each loses (plastic-rivals)."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.latencies import escape_latency, search_by_trial, visits_per_episode
from analysis.style import (
    BLUE,
    BROWN,
    DARK,
    GREEN,
    GREY,
    ORANGE,
    PINK,
    SILVER,
    SKY,
    VERMILLION,
    add_footer,
    new_figure,
    plain,
    png,
    styled,
)
from analysis.verdict import interval
from lsnn import open_result
from lsnn.files.results import Result
from lsnn.files.whole import write_whole

SUBJECTS = {  # label, colour
    "frozen": ("LSNN, weights frozen", BLUE),
    "actor_critic": ("actor-critic", SILVER),
    "coordinates": ("actor-critic with coordinates", BROWN),
    "one_shot": ("one-shot map", GREEN),
    "goal_field": ("goal field (BTSP)", PINK),
}
WAYS = {  # suffix: label, colour, marker
    "": ("as it is", DARK, "o"),
    "_weights_reset": ("weights reset at every release", VERMILLION, "s"),
    "_state_reset": ("state reset at every release", SKY, "D"),
    "_dark": ("1 s of dark after every visit", ORANGE, "^"),
}
BASELINES = {"circling": ":", "memory": "--"}
FIRST, AFTER = (0, 0), (1, 4)
SHOWN, SHARE = 10, 0.1  # trials of the curves, and the share of the episodes that must have begun them


def describe(path: Path) -> str:
    """A line a condition: visits, latency on trial 1, on trial 2 and on trials 2 to 5."""
    with open_result(path) as result:
        lines = [
            "condition: visits; median escape latency in ms on trial 1, 2, 2 to 5 [95 %] (episodes that began these)"
        ]
        for name in [*(subject + way for subject in SUBJECTS for way in WAYS), *BASELINES, "oracle"]:
            condition = result[name]
            times = [escape_latency(condition, trials) for trials in (FIRST, (1, 1), AFTER)]
            told = ", ".join(interval(each, 0) for each in times)
            visits = interval(visits_per_episode(condition), 1)
            lines.append(f"{condition.label:<46} {visits}; {told} ({times[-1].n} of {condition.n_episodes})")
    return "\n".join(lines)


@styled
def rivals_figure(result: Result) -> Figure:
    """Left: latency by trial; right: latency on trials 2 to 5 as it is and with something taken away."""
    result.require(*(subject + way for subject in SUBJECTS for way in WAYS), *BASELINES)
    figure = new_figure(13, 6.2, "Memory in state and memory in weights")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25), sharey=True)
    _draw_trials(left, result)
    _draw_losses(right, result)
    plain(figure)
    n = result["frozen"].n_episodes
    return add_footer(
        figure, result, f"n = {n} mazes, the same for all; medians (trials cut off are censored), bars 95 % over mazes"
    )


def _draw_trials(axes: Axes, result: Result) -> None:
    for subject, (label, colour) in SUBJECTS.items():
        curve = search_by_trial(result[subject], SHOWN, SHARE)
        trials = np.array(list(curve)) + 1
        axes.plot(
            trials,
            [e.value for e in curve.values()],
            color=colour,
            marker="o",
            ms=5,
            label=label,
            lw=3 if subject == "frozen" else 1.8,
        )
        axes.fill_between(
            trials, [e.low for e in curve.values()], [e.high for e in curve.values()], color=colour, alpha=0.2, lw=0
        )
    for name, line in BASELINES.items():
        curve = search_by_trial(result[name], SHOWN, SHARE)
        axes.plot(
            np.array(list(curve)) + 1,
            [e.value for e in curve.values()],
            color=GREY,
            ls=line,
            lw=1.4,
            label=result[name].label,
        )
    axes.set(
        title="Escape latency by trial", xlabel="trial in a new maze", ylabel="median escape latency (ms)", yscale="log"
    )
    axes.legend(fontsize=10, loc="upper right")


def _draw_losses(axes: Axes, result: Result) -> None:
    for number, subject in enumerate(SUBJECTS):
        first = escape_latency(result[subject], FIRST).value
        axes.hlines(first, number - 0.4, number + 0.4, color=GREY, lw=1.2, ls=":")
        for place, (way, (_, colour, marker)) in enumerate(WAYS.items()):
            each = escape_latency(result[subject + way], AFTER)
            if each.n:
                bars = np.abs([[each.value - each.low], [each.high - each.value]])
                at = number + 0.2 * (place - 1.5)
                axes.errorbar([at], [each.value], bars, color=colour, marker=marker, ms=8)
    axes.set_xticks(
        range(len(SUBJECTS)),
        [
            label.replace(" with ", "\nwith ").replace(", ", ",\n").replace(" (", "\n(")
            for label, _ in SUBJECTS.values()
        ],
        fontsize=10,
    )
    axes.set(title="Trials 2 to 5, and what is lost")
    handles = [
        Line2D([], [], color=colour, marker=marker, ls="", ms=8, label=label) for label, colour, marker in WAYS.values()
    ]
    axes.legend(
        handles=[*handles, Line2D([], [], color=GREY, ls=":", label="its trial 1")], fontsize=10, loc="upper right"
    )


def write_figure(result_path: Path, figure_path: Path) -> Path:
    """Draw the figure of a result file; returns its path."""
    with open_result(result_path) as result:
        write_whole(figure_path, png(rivals_figure(result)))
    return figure_path
