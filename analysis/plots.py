"""Figures of behaviour and learning, each drawn from an open result file alone and returned as a matplotlib Figure."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from analysis.latencies import Estimate, goals_per_episode, goals_ratio, search_by_trial
from analysis.reading import ResultError, place
from analysis.results import NETWORK_CONDITIONS, Condition, Result
from analysis.style import (
    BLUE,
    COLOURS,
    DARK,
    GREEN,
    GREY,
    LABELS,
    ORANGE,
    PALE,
    SKY,
    VERMILLION,
    add_footer,
    clear_axes,
    new_figure,
    styled,
)
from analysis.verdict import interval

TRIALS_SHOWN = 15
SHARE_OF_EPISODES = 0.5
COMPARED = ("state_reset", "circling", "oracle")
GOAL_QUANTILES = (0.1, 0.25, 0.9)
SMOOTHING_SHARE = 0.04
MARKERS = {"frozen": "o", "frozen_sampled": "s", "state_reset": "D", "untrained": "v", "memory": "^", "oracle": "P"}


@styled
def swim_paths(result: Result) -> Figure:
    """The frozen episode with the median number of goals, the same maze for others, and three more frozen episodes."""
    result.require("frozen")
    frozen = result.conditions["frozen"]
    figure = new_figure(13, 6.7, "Swim paths, weights frozen: the first trial and the later ones")
    grid = figure.add_gridspec(2, 5, width_ratios=(1, 1, 1, 1, 1))
    episode = episode_at(frozen, 0.5)
    large = figure.add_subplot(grid[:, :2])
    draw_episode(large, frozen, episode, result.radius_of(frozen, episode), size=1.6)
    large.set_title(f"frozen network, median episode: {frozen.goals[episode]} goals in {frozen.duration_ms} ms")
    path_legend(large)
    compared = [name for name in COMPARED if name in result.conditions]
    for column, name in enumerate(compared):
        axes, other = figure.add_subplot(grid[0, 2 + column]), result.conditions[name]
        draw_episode(axes, other, episode, result.radius_of(other, episode))
        axes.set_title(f"same maze, {short_label(name)}:\n{other.goals[episode]} goals", fontsize=11)
    for column, quantile in enumerate(GOAL_QUANTILES):
        axes, other_episode = figure.add_subplot(grid[1, 2 + column]), episode_at(frozen, quantile)
        draw_episode(axes, frozen, other_episode, result.radius_of(frozen, other_episode))
        axes.set_title(f"frozen, {100 * quantile:.0f}th percentile:\n{frozen.goals[other_episode]} goals", fontsize=11)
    n = f"drawn: {1 + len(GOAL_QUANTILES)} of n = {frozen.n_episodes} frozen episodes, chosen by their rank in goals"
    return add_footer(figure, result, n)


def short_label(name: str) -> str:
    return LABELS[name].removeprefix("frozen, ")


def episode_at(condition: Condition, quantile: float) -> int:
    """The episode at a quantile of goals; of those whose paths are kept, the one nearest to it in rank."""
    ranked = np.argsort(condition.goals, kind="stable")
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
    trials, path = condition.trials, condition.position(episode)
    rows = np.flatnonzero(trials.episode == episode)
    for x, y in {(trials.goal_x[row], trials.goal_y[row]) for row in rows}:
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
    axes.plot([], [], "o", color=DARK, markerfacecolor="white", label="set down")
    axes.plot([], [], "o", color=GREEN, markersize=11, alpha=0.4, label="platform (hidden)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0), ncols=4, columnspacing=1.2, handletextpad=0.5)


@styled
def search_times(result: Result) -> Figure:
    """Median search time by trial number, with its confidence band, for every condition."""
    figure = new_figure(11, 6.2, "Search time by trial number")
    axes = figure.subplots()
    curves = {name: search_by_trial(c, TRIALS_SHOWN, SHARE_OF_EPISODES) for name, c in result.conditions.items()}
    for name, curve in sorted(curves.items(), key=lambda item: -last_median(item[1])):
        draw_band(axes, name, curve, result.conditions[name].duration_ms)
    axes.set_yscale("log")
    plain_search_axis(axes)
    axes.set(xlabel="trial (find by find)", ylabel="median search time (ms)")
    axes.set_xticks(range(1, TRIALS_SHOWN + 1))
    axes.set_xlim(0.6, TRIALS_SHOWN + 0.4)
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    n = max(condition.n_episodes for condition in result.conditions.values())
    return add_footer(
        figure,
        result,
        f"bands: 95 % bootstrap over episodes · trials that at least half of the episodes began · n = {n} episodes",
    )


def last_median(curve: dict[int, Estimate]) -> float:
    return list(curve.values())[-1].value if curve else np.inf


def draw_band(axes: Axes, name: str, curve: dict[int, Estimate], limit_ms: int) -> None:
    """One condition: medians as a line, intervals as a band, an arrow where half found nothing within an episode."""
    if not curve:
        return
    trial, points = [index + 1 for index in curve], np.array([(e.value, e.low, e.high) for e in curve.values()])
    swimmer = name not in NETWORK_CONDITIONS
    axes.fill_between(trial, points[:, 1], points[:, 2], color=COLOURS[name], alpha=0.2, linewidth=0)
    axes.plot(
        trial,
        points[:, 0],
        color=COLOURS[name],
        label=LABELS[name],
        marker=MARKERS.get(name, "."),
        markersize=7 if name == "frozen" else 4,
        linewidth=3 if name == "frozen" else 1.5,
        linestyle="--" if swimmer else "-",
        zorder=4 if name == "frozen" else 3,
    )
    for index, median in zip(trial, points[:, 0], strict=True):
        if median >= limit_ms:
            arrow = {"arrowstyle": "->", "color": COLOURS[name]}
            axes.annotate("", (index, median), (0, -18), textcoords="offset points", arrowprops=arrow)


def plain_search_axis(axes: Axes, which: str = "y") -> None:
    """Ticks of a logarithmic axis of milliseconds as plain numbers."""
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


@styled
def ladder(result: Result) -> Figure:
    """Mean goals per episode of network and swimmers, in rising order, with interval, n and fraction of the oracle."""
    result.require("frozen", "oracle")
    goals = {name: goals_per_episode(condition) for name, condition in result.conditions.items()}
    order = sorted(goals, key=lambda name: goals[name].value)
    figure = new_figure(11, 1.8 + 0.52 * len(order), "Goals per episode: the ladder")
    axes = figure.subplots()
    for row, name in enumerate(order):
        draw_rung(axes, row, name, goals[name], goals_ratio(result.conditions[name], result.conditions["oracle"]))
    axes.set_yticks(range(len(order)), [LABELS[name] for name in order])
    for text, name in zip(axes.get_yticklabels(), order, strict=True):
        text.set_color(BLUE if name in NETWORK_CONDITIONS else DARK)
        text.set_fontweight("bold" if name == "frozen" else "normal")
    if "circling" in goals:
        axes.axvline(goals["circling"].value, color=ORANGE, linestyle=":", linewidth=2, zorder=0)
        axes.text(goals["circling"].value, len(order) - 0.45, " circling: no memory", color=ORANGE, fontsize=11)
    for colour, label in ((BLUE, "network, frozen"), (SKY, "its controls"), (PALE, "scripted swimmers")):
        axes.barh(0, 0, color=colour, label=label)
    axes.legend(loc="lower right")
    axes.set_xlim(0, 1.5 * goals[order[-1]].value)
    axes.set_ylim(-0.6, len(order))
    ticks = np.asarray(MaxNLocator(6).tick_values(0, goals[order[-1]].value))
    axes.set_xticks(ticks[ticks <= 1.05 * goals[order[-1]].value])
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"finds of the platform in {result.conditions['frozen'].duration_ms} ms")
    return add_footer(
        figure,
        result,
        f"mean and 95 % bootstrap interval over n = {goals['frozen'].n} episodes each (same platforms and starts)",
    )


def draw_rung(axes: Axes, row: int, name: str, goals: Estimate, fraction: Estimate) -> None:
    """A bar, its interval and its numbers."""
    colour = BLUE if name == "frozen" else SKY if name in NETWORK_CONDITIONS else PALE
    axes.barh(row, goals.value, height=0.68, color=colour)
    axes.hlines(row, goals.low, goals.high, color=DARK, linewidth=1.8)
    numbers = f"{interval(goals, 1)}   {fraction.value:.2f} of oracle"
    axes.annotate(
        numbers,
        (np.fmax(goals.high, goals.value), row),
        (8, 0),
        textcoords="offset points",
        va="center",
        fontsize=11,
        fontweight="bold" if name == "frozen" else "normal",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
    )


@styled
def learning_curve(result: Result) -> Figure:
    """Goals, search times, start region and firing rate through meta-training, as far as the history holds them."""
    history = result.history
    clock = next((name for name in ("minutes", "iteration") if name in history), None)
    if clock is None:
        raise ResultError(f"{result.path}: /history needs a column 'minutes' or 'iteration', has {sorted(history)}")
    panels = [draw for draw, needed in LEARNING_PANELS if needed & history.keys()]
    if not panels:
        raise ResultError(f"{result.path}: /history has nothing to draw, its columns are {sorted(history)}")
    figure = new_figure(13, 5.6, "Meta-training: the learning curve")
    for axes, draw in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels, strict=True):
        draw(axes, history, clock, result)
        axes.set_xlabel("minutes of meta-training" if clock == "minutes" else "iteration")
        axes.set_xlim(0, 1.02 * history[clock].max())
    rows = len(history[clock])
    return add_footer(
        figure,
        result,
        f"n = {rows} iterations: each as logged (pale), running mean over "
        f"{smoothing_width(rows)} (line) · dots: tests on the whole pool",
    )


def draw_goals(axes: Axes, history: dict[str, np.ndarray], clock: str, result: Result) -> None:
    """Goals per episode as logged, on the whole pool where tested, and the two yardsticks."""
    axes.set_title("goals per episode")
    draw_column(axes, history, clock, "goals", BLUE, "goals")
    for name in ("circling", "oracle"):
        if name in result.conditions:
            level = float(result.conditions[name].goals.mean())
            axes.axhline(level, color=COLOURS[name], linestyle=":", linewidth=1.5)
            axes.annotate(name, (0, level), (4, 3), textcoords="offset points", fontsize=10, color=COLOURS[name])
    axes.set_ylim(bottom=0)
    axes.legend(loc="lower right")


def draw_searches(axes: Axes, history: dict[str, np.ndarray], clock: str, result: Result) -> None:
    """Search time on trial 1 and on later trials."""
    axes.set_title("search time (ms)")
    draw_column(axes, history, clock, "first_search_ms", VERMILLION, "trial 1")
    draw_column(axes, history, clock, "later_search_ms", BLUE, "later trials")
    axes.set_yscale("log")
    plain_search_axis(axes)
    axes.legend(loc="upper right")


def draw_course(axes: Axes, history: dict[str, np.ndarray], clock: str, result: Result) -> None:
    """The curriculum (start radius, or else its level from 0 to 1), and the firing rate on an axis of its own."""
    axes.set_title("curriculum and firing rate")
    name = "start_radius" if "start_radius" in history else "level"
    if name in history:
        axes.plot(history[clock], history[name], color=GREEN, linewidth=2.2)
        axes.set_ylabel(
            "start radius (pool radii)" if name == "start_radius" else "level of the curriculum", color=GREEN
        )
    axes.set_ylim(0, 1.05)
    if "rate_hz" in history:
        right = axes.twinx()
        draw_column(right, history, clock, "rate_hz", ORANGE, "firing rate (Hz)")
        right.set_ylim(0, 1.15 * np.nanmax(history["rate_hz"], initial=1))
        right.spines["right"].set_visible(True)
        right.set_ylabel("firing rate (Hz)", color=ORANGE)


def draw_column(axes: Axes, history: dict[str, np.ndarray], clock: str, name: str, colour: str, label: str) -> None:
    """A column as logged and its running mean; its tests on the whole pool, where there are any, as dots."""
    if name in history:
        column = np.where(np.isfinite(history[name]), history[name], np.nan)
        axes.plot(history[clock], column, color=colour, alpha=0.25, linewidth=0.8)
        axes.plot(history[clock], running_mean(column), color=colour, linewidth=2.2, label=label)
    tested = history.get(f"whole_pool_{name}")
    if tested is not None:
        axes.plot(
            history[clock],
            tested,
            "o",
            color=colour,
            markeredgecolor="white",
            markersize=8,
            label=f"{label}, whole pool",
        )


def smoothing_width(rows: int) -> int:
    return max(1, round(SMOOTHING_SHARE * rows))


def running_mean(column: np.ndarray) -> np.ndarray:
    """Mean over the last `smoothing_width` rows that hold a number, (n,) to (n,)."""
    known = np.isfinite(column)
    window = np.ones(smoothing_width(len(column)))
    total = np.convolve(np.where(known, column, 0), window)[: len(column)]
    count = np.convolve(known, window)[: len(column)]
    return np.divide(total, count, out=np.full(len(column), np.nan), where=count > 0)


LEARNING_PANELS = (
    (draw_goals, {"goals"}),
    (draw_searches, {"first_search_ms", "later_search_ms"}),
    (draw_course, {"start_radius", "level", "rate_hz"}),
)
