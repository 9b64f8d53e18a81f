"""Swim paths: the frozen network's beside those of others in the same maze."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from analysis.maze import path_of, radius_of, trials_of, visits_of
from analysis.style import BLUE, DARK, GREEN, GREY, VERMILLION, add_footer, clear_axes, new_figure, styled
from lsnn.files.reading import ResultError, place
from lsnn.files.results import Condition, Result

COMPARED = ("state_reset", "circling", "oracle")
VISIT_QUANTILES = (0.1, 0.25, 0.9)


@styled
def swim_paths(result: Result) -> Figure:
    """The frozen episode with the median number of visits, the same maze for others, and three more frozen episodes."""
    result.require("frozen")
    frozen = result.conditions["frozen"]
    figure = new_figure(13, 6.7, "Swim paths, weights frozen: the first trial and the later ones")
    grid = figure.add_gridspec(2, 5, width_ratios=(1, 1, 1, 1, 1))
    episode = episode_at(frozen, 0.5)
    large = figure.add_subplot(grid[:, :2])
    draw_episode(large, frozen, episode, radius_of(frozen, episode), size=1.6)
    large.set_title(f"frozen network, median episode: {visits_of(frozen)[episode]} visits in {frozen.duration_ms} ms")
    path_legend(large)
    compared = [name for name in COMPARED if name in result.conditions]
    for column, name in enumerate(compared):
        axes, other = figure.add_subplot(grid[0, 2 + column]), result.conditions[name]
        draw_episode(axes, other, episode, radius_of(other, episode))
        label, visits = other.label.removeprefix("frozen, "), visits_of(other)[episode]
        axes.set_title(f"same maze, {label}:\n{visits} visits", fontsize=11)
    for column, quantile in enumerate(VISIT_QUANTILES):
        axes, other_episode = figure.add_subplot(grid[1, 2 + column]), episode_at(frozen, quantile)
        draw_episode(axes, frozen, other_episode, radius_of(frozen, other_episode))
        visits = visits_of(frozen)[other_episode]
        axes.set_title(f"frozen, {100 * quantile:.0f}th percentile:\n{visits} visits", fontsize=11)
    n = f"drawn: {1 + len(VISIT_QUANTILES)} of n = {frozen.n_episodes} frozen episodes, chosen by their rank in visits"
    return add_footer(figure, result, n)


def episode_at(condition: Condition, quantile: float) -> int:
    """The episode at a quantile of visits; of those whose paths are kept, the one nearest to it in rank."""
    ranked = np.argsort(visits_of(condition), kind="stable")
    kept = np.flatnonzero(np.isin(ranked, condition.recorded))
    if not len(kept):
        raise ResultError(f"{place(condition.group)}: needs the path of an episode, has none (lsnn test --record)")
    return int(ranked[kept[np.argmin(np.abs(kept - round(quantile * (len(ranked) - 1))))]])


def draw_episode(axes: Axes, condition: Condition, episode: int, platform_radius: float, size: float = 1.0) -> None:
    """Pool, platform and the path of every trial of an episode; starts as rings."""
    clear_axes(axes)
    pool = axes.add_patch(Circle((0, 0), 1, facecolor="#F3F7FA", edgecolor=GREY, linewidth=1.2))
    axes.set_xlim(-1.04, 1.04)
    axes.set_ylim(-1.04, 1.04)
    trials, path = trials_of(condition), path_of(condition, episode)
    rows = np.flatnonzero(trials.episode == episode)
    for x, y in {(trials.platform_x[row], trials.platform_y[row]) for row in rows}:
        platform = Circle((x, y), platform_radius, facecolor=GREEN + "50", edgecolor=GREEN, linewidth=1.2)
        axes.add_patch(platform).set_clip_path(pool)
    for row in sorted(rows, key=lambda row: -trials.trial[row]):
        first = trials.trial[row] == 0
        colour = VERMILLION if first else BLUE
        start, stop = int(trials.start_ms[row]), int(trials.start_ms[row] + trials.latency_ms[row])
        axes.plot(
            *path[start : stop + 1].T,
            color=colour,
            linewidth=size * (1.6 if first else 0.8),
            alpha=1 if first else 0.65,
            zorder=3 if first else 2,
        )
        axes.plot(
            *path[start],
            "o",
            markersize=size * (4.5 if first else 2.2),
            markerfacecolor="white",
            markeredgecolor=colour,
            markeredgewidth=size * (1.2 if first else 0.6),
            zorder=4,
        )


def path_legend(axes: Axes) -> None:
    """Name the marks of `draw_episode` below a pool."""
    axes.plot([], [], color=VERMILLION, linewidth=2.5, label="trial 1")
    axes.plot([], [], color=BLUE, linewidth=1.5, label="later trials")
    axes.plot([], [], "o", color=DARK, markerfacecolor="white", label="released")
    axes.plot([], [], "o", color=GREEN, markersize=11, alpha=0.4, label="platform (hidden)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0), ncols=4, columnspacing=1.2, handletextpad=0.5)
