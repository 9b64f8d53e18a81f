"""Figures of any family, each drawn from an open result file alone and returned as a matplotlib Figure."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from analysis.style import (
    BLUE,
    DARK,
    GREEN,
    ORANGE,
    PALE,
    VERMILLION,
    Look,
    add_footer,
    looks,
    new_figure,
    styled,
)
from analysis.verdict import interval
from lsnn.estimates import Estimate
from lsnn.files.reading import ResultError
from lsnn.files.results import Condition, Measure, Result

SHARE_OF_EPISODES = 0.5  # that must have begun a trial for it to be drawn
TRIALS_SHOWN = 15  # of a measure that is cut off
POINTS_SHOWN = 25  # of a curve by trial; further trials are taken together
NORMAL = 1.96  # half a 95 % interval, in standard errors
SMOOTHING_SHARE = 0.04
WIDE_RANGE = 20  # largest over smallest value from which an axis is logarithmic
TOLD_COLOURS = {
    "network": "blue", "agent": "green, orange and brown", "control": "red and pink", "baseline": "grey",
    "oracle": "black",
}  # fmt: skip
COLOURS = (BLUE, VERMILLION, GREEN, ORANGE)

Curve = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # trial, value, low, high


def panels(result: Result) -> dict[str, tuple[str, dict[str, Condition]]]:
    """Title and conditions of each variant; one without a title where there are none."""
    if not result.variants:
        return {"": ("", dict(result.conditions))}
    return {
        name: (label, {key: each[name] for key, each in result.conditions.items() if name in each.variants})
        for name, label in result.variants.items()
    }


def score_of(result: Result) -> Measure:
    """The measure that a network is judged by; ResultError where the file names none."""
    if not result.about.measures:
        raise ResultError(f"{result.path}: attribute 'family': needs a measure, has none")
    return result.about.measures[0]


def titled(measure: Measure) -> str:
    """A measure as an axis names it."""
    unit = "" if measure.unit == "1" else f" ({measure.unit})"
    return f"{'median ' if measure.censored else ''}{measure.label}{unit}"


@styled
def comparison(result: Result) -> Figure:
    """The score of every condition, best on top: bars with intervals and numbers; chance as a dotted line."""
    measure, shown = score_of(result), panels(result)
    rows = max(len(conditions) for _, conditions in shown.values())
    head = f"{titled(measure)}{' of an episode' if measure.per == 'episode' else ''}, {measure.better} is better"
    figure = new_figure(11 + 4 * (len(shown) - 1), 2.0 + 0.5 * rows, f"Network and baselines: {head}")
    for axes, (title, conditions) in zip(_row(figure, len(shown)), shown.values(), strict=True):
        found = {name: each.estimate(measure.name) for name, each in conditions.items()}
        best_last = sorted(found, key=lambda name: _rank(found[name].value, measure))
        of = looks(conditions)
        for row, name in enumerate(best_last):
            _draw_bar(axes, row, of[name], found[name], measure)
        axes.set_yticks(range(len(best_last)), [of[name].label for name in best_last])
        for text, name in zip(axes.get_yticklabels(), best_last, strict=True):
            text.set_color(of[name].colour if of[name].role in ("network", "agent", "control") else DARK)
            text.set_fontweight("bold" if of[name].width > 2 else "normal")
        _finish_bars(axes, title, measure, list(found.values()), 1.35 if len(shown) == 1 else 1.8)
    n = max(each.n_episodes for each in result.conditions.values())
    roles = {each.role for each in result.conditions.values()}
    facts = ", ".join(f"{colour}: {role}" for role, colour in TOLD_COLOURS.items() if role in roles)
    return add_footer(figure, result, f"{facts} · bars: 95 % bootstrap over n = {n} episodes, the same for all")


def _rank(value: float, measure: Measure) -> float:
    return -np.inf if np.isnan(value) else value if measure.better == "high" else -value


def _row(figure: Figure, count: int) -> Sequence[Axes]:
    return list(np.atleast_1d(figure.subplots(1, count)))


def _draw_bar(axes: Axes, row: int, look: Look, found: Estimate, measure: Measure) -> None:
    """A bar, its interval and its numbers."""
    colour = PALE if look.role == "baseline" else look.colour
    axes.barh(row, found.value, height=0.68, color=colour, alpha=1.0 if look.width > 2 else 0.75)
    axes.hlines(row, found.low, found.high, color=DARK, linewidth=1.8)
    axes.annotate(
        interval(found, measure.digits), (np.nanmax([found.high, found.value, 0]), row), (8, 0),
        textcoords="offset points", va="center", fontsize=11, fontweight="bold" if look.width > 2 else "normal",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
    )  # fmt: skip


def _finish_bars(axes: Axes, title: str, measure: Measure, found: Sequence[Estimate], room: float) -> None:
    """Axes of a panel, with room for the numbers behind the bars."""
    highest = np.nanmax([0.0, *(np.nanmax([each.high, each.value, 0.0]) for each in found), measure.chance or 0.0])
    lowest = np.nanmin([0.0, *(np.nanmin([each.low, each.value, 0.0]) for each in found)])
    axes.set(title=title, xlim=(1.1 * lowest, lowest + room * (highest - lowest) or 1), ylim=(-0.6, len(found) - 0.4))
    ticks = np.asarray(MaxNLocator(4 if room > 1.5 else 6).tick_values(lowest, highest))
    axes.set_xticks(ticks[(ticks <= 1.05 * highest) & (ticks >= 1.05 * lowest)])
    axes.tick_params(axis="y", length=0)
    chance = ""
    if measure.chance is not None:
        axes.axvline(measure.chance, color=DARK, linestyle=":", linewidth=1.6, zorder=5)
        chance = f"; dotted: chance, {measure.chance:g}"
    axes.set_xlabel(f"{titled(measure)}{chance}")


def draw_chance(axes: Axes, measure: Measure) -> None:
    """Chance as a dotted line across, with its name."""
    if measure.chance is not None:
        axes.axhline(measure.chance, color=DARK, linestyle=":", linewidth=1.6, zorder=5)
        axes.annotate(
            f"chance {measure.chance:g}", (1.0, measure.chance), (-3, 3), fontsize=10, color=DARK,
            xycoords=("axes fraction", "data"), textcoords="offset points", ha="right", va="bottom",
        )  # fmt: skip


# By trial


def drawn_by_trial(result: Result) -> list[Measure]:
    """Measures that say something trial by trial, of all trials; none where an episode is one trial."""
    flags = {measure.censored for measure in result.about.measures}
    trials = [each.trials["trial"].max() for each in result.conditions.values() if len(each.trials)]
    said = [m for m in result.about.measures if m.column not in flags and m.among is None]
    return said if max(trials, default=0) > 0 else []


def curve_of(condition: Condition, measure: Measure) -> Curve:
    """Trials from 1, values and 95 % bands of a measure, as far as half of the episodes began the trial.

    Trials that few episodes reach belong to the quickest of them, and would flatter the curve. Where there are many,
    neighbours are taken together.
    """
    begun = np.bincount(condition.trials["trial"])
    shown = int(np.argmin(np.append(begun >= SHARE_OF_EPISODES * condition.n_episodes, False)))
    shown = min(shown, TRIALS_SHOWN) if measure.censored else shown
    width = max(1, -(-shown // POINTS_SHOWN))
    points = []
    for first in range(0, shown, width):
        part = (first, min(first + width, shown) - 1)
        found = condition.estimate(measure.name, part) if measure.censored else _mean(condition, measure, part)
        points.append((1 + sum(part) / 2, *found[:3]))
    trial, value, low, high = np.array(points).reshape(-1, 4).T
    return trial, value, low, high


def _mean(condition: Condition, measure: Measure, part: tuple[int, int]) -> tuple[float, float, float]:
    """Mean over episodes of their mean over some trials, and its 95 % interval (normal)."""
    rows = condition.trials
    rows = rows[(rows["trial"] >= part[0]) & (rows["trial"] <= part[1])]
    count = np.bincount(rows["episode"], minlength=condition.n_episodes)
    total = np.bincount(rows["episode"], rows[measure.column].to_numpy(float), condition.n_episodes)
    each = total[count > 0] / count[count > 0]
    error = NORMAL * each.std(ddof=1) / np.sqrt(len(each)) if len(each) > 1 else np.nan
    return float(each.mean()), float(each.mean() - error), float(each.mean() + error)


@styled
def by_trial(result: Result) -> Figure:
    """Every measure by the number of the trial, with bands, for every condition; a column a variant."""
    measures, shown = drawn_by_trial(result), panels(result)
    height = 4.2 if len(measures) > 1 else 5.6
    size = (10.5 if len(shown) == 1 else 13.0, 1.0 + height * len(measures))
    figure = new_figure(*size, f"By trial: {', '.join(titled(measure) for measure in measures)}")
    grid = figure.subplots(len(measures), len(shown), squeeze=False, sharey="row")
    for row, measure in zip(grid, measures, strict=True):
        for axes, (title, conditions) in zip(row, shown.values(), strict=True):
            draw_by_trial(axes, conditions, measure)
            axes.set(xlabel="trial", title=title)
        if row[0].get_yscale() == "log" and not measure.censored:  # its lower end is set, so that it grows no more
            row[0].set_ylim(top=1.1 * max(axes.dataLim.y1 for axes in row))
        row[0].set_ylabel(titled(measure))
    grid[0][-1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    n = max(each.n_episodes for each in result.conditions.values())
    return add_footer(figure, result, f"bands: 95 % over n = {n} episodes · trials that at least half of them began")


def draw_by_trial(axes: Axes, conditions: Mapping[str, Condition], measure: Measure) -> None:
    """One measure of some conditions in one panel."""
    curves = {name: curve_of(each, measure) for name, each in conditions.items()}
    of = looks(conditions)
    for name, curve in curves.items():
        if len(curve[0]):
            draw_band(axes, of[name], curve, conditions[name].duration_ms if measure.censored else np.inf)
    drawn = np.concatenate([curve[1] for curve in curves.values()])
    if measure.censored or is_wide(drawn):
        axes.set_yscale("log")
        if measure.censored:
            plain_search_axis(axes)
        else:
            axes.set_ylim(_floor(drawn), None)
    draw_chance(axes, measure)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=PALE, linewidth=0.6)


def is_wide(values: np.ndarray) -> bool:
    """Whether positive values lie so far apart that an axis has to be logarithmic."""
    known = values[np.isfinite(values) & (values > 0)]
    return bool(len(known) and np.all(values[np.isfinite(values)] >= 0) and known.max() > WIDE_RANGE * known.min())


def _floor(values: np.ndarray) -> float:
    """The lower end of a logarithmic axis: what is next to nothing beside the rest falls below it."""
    known = values[np.isfinite(values) & (values > 0)]
    return float(max(known.min() / 1.5, np.median(known) / 1e3))


def draw_band(axes: Axes, look: Look, curve: Curve, limit: float) -> None:
    """A condition: values as a line, intervals as a band, an arrow where half had not ended within an episode."""
    trial, value, low, high = curve
    axes.fill_between(trial, low, high, color=look.colour, alpha=0.2 if look.width > 2 else 0.12, linewidth=0)
    axes.plot(
        trial, value, color=look.colour, label=look.label, marker=look.marker if len(trial) <= TRIALS_SHOWN else None,
        markersize=7 if look.width > 2 else 4, linewidth=look.width, linestyle=look.line,
        zorder=4 if look.width > 2 else 3,
    )  # fmt: skip
    for index in np.flatnonzero(value >= limit):
        arrow = {"arrowstyle": "->", "color": look.colour}
        axes.annotate("", (trial[index], value[index]), (0, -18), textcoords="offset points", arrowprops=arrow)


def plain_search_axis(axes: Axes, which: str = "y") -> None:
    """Ticks of a logarithmic axis of milliseconds as plain numbers."""
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


# Meta-training


def logged(result: Result) -> list[list[Measure]]:
    """Measures that meta-training logged, those of a unit together; of a file that names none, the return."""
    own = {measure.name: measure for measure in result.about.measures}
    named = [own.get(measure.name, measure) for measure in result.about.history if measure.name in result.history]
    if not named:
        scores = [m for m in result.about.measures[:1] if m.name in result.history]
        bare = Measure("return", "return", "1", ".3g", "high", None, "return", "episode", None)
        named = scores or ([bare] if "return" in result.history else [])
    kinds = dict.fromkeys((measure.unit, measure.better) for measure in named)
    return [[measure for measure in named if (measure.unit, measure.better) == kind] for kind in kinds]


def clock_of(result: Result) -> str:
    """The column of the history that tells how far it is; ResultError without one."""
    clock = next((name for name in ("iteration", "minutes") if name in result.history), None)
    if clock is None:
        have = sorted(result.history)
        raise ResultError(f"{result.path}: /history needs a column 'minutes' or 'iteration', has {have}")
    return clock


@styled
def learning_curve(result: Result) -> Figure:
    """What meta-training logged, iteration by iteration, and its course, as far as the history holds them."""
    clock, shown = clock_of(result), logged(result)
    draw: list[Callable[[Axes], None]] = [
        lambda axes, of=of, first=number == 0: draw_logged(axes, result, clock, of, first)  # type: ignore[misc]
        for number, of in enumerate(shown)
    ]
    if course_of(result) or "rate_hz" in result.history:
        draw.append(lambda axes: draw_course(axes, result, clock))
    if not draw:
        raise ResultError(f"{result.path}: /history has nothing to draw, its columns are {sorted(result.history)}")
    figure = new_figure(4.4 * len(draw), 5.0, "Meta-training: the learning curve")
    for axes, panel in zip(_row(figure, len(draw)), draw, strict=True):
        panel(axes)
        axes.set_xlabel("minutes of meta-training" if clock == "minutes" else "iteration")
        axes.set_xlim(0, 1.02 * result.history[clock].max() or 1)
    rows = len(result.history)
    facts = f"n = {rows} iterations: each as logged (pale), running mean over {smoothing_width(rows)} (line)"
    tested = any(f"{result.about.whole}_{measure.name}" in result.history for of in shown for measure in of)
    return add_footer(figure, result, f"{facts}{' · dots: tests on the whole task' if tested else ''}")


def draw_logged(axes: Axes, result: Result, clock: str, measures: Sequence[Measure], first: bool) -> None:
    """Some columns in one panel; beside the score, what the oracle reaches in the test."""
    history, whole = result.history, result.about.whole
    for measure, colour in zip(measures, COLOURS, strict=False):
        draw_column(axes, history, clock, measure.name, colour, measure.label, whole)
    if first and result.about.history and result.about.oracle in result.conditions:
        told = next(iter(panels(result).values()))[1][str(result.about.oracle)]
        level = told.estimate(score_of(result).name).value
        axes.axhline(level, color=DARK, linestyle="--", linewidth=1.3)
        axes.annotate("oracle", (0, level), (4, 3), textcoords="offset points", fontsize=10, color=DARK)
    draw_chance(axes, measures[0])
    values = np.concatenate([history[measure.name].to_numpy() for measure in measures])
    if measures[0].unit == "ms" or (measures[0].better == "low" and is_wide(values)):
        axes.set_yscale("log")
        if measures[0].unit == "ms":
            plain_search_axis(axes)
    unit = "" if measures[0].unit == "1" else f" ({measures[0].unit})"
    axes.set_title(f"{measures[0].label if len(measures) == 1 or first else 'as logged'}{unit}")
    if len(axes.get_legend_handles_labels()[1]) > 1:
        axes.legend(loc="best")


def course_of(result: Result) -> str | None:
    """The column that tells how far the curriculum is, if it moves at all."""
    name = "start_radius" if "start_radius" in result.history else "level"
    return name if name in result.history and result.history[name].nunique() > 1 else None


def draw_course(axes: Axes, result: Result, clock: str) -> None:
    """The curriculum (start radius, or else its level from 0 to 1), and the firing rate on an axis of its own."""
    history = result.history
    name = course_of(result)
    axes.set_title("curriculum and firing rate" if name else "firing rate")
    if name:
        axes.plot(history[clock], history[name], color=GREEN, linewidth=2.2)
        text = "start radius (pool radii)" if name == "start_radius" else "level of the curriculum"
        axes.set_ylabel(text, color=GREEN)
        axes.set_ylim(0, 1.05)
    if "rate_hz" in history:
        right = axes.twinx() if name else axes
        draw_column(right, history, clock, "rate_hz", ORANGE, "firing rate (Hz)")
        right.set_ylim(0, 1.15 * np.nanmax(history["rate_hz"], initial=1))
        right.spines["right"].set_visible(right is not axes)
        right.set_ylabel("firing rate (Hz)", color=ORANGE)


def draw_column(
    axes: Axes, history: Mapping[str, np.ndarray], clock: str, name: str, colour: str, label: str, whole: str = "",
) -> None:  # fmt: skip
    """A column as logged and its running mean; its tests on the whole task, where there are any, as dots."""
    if name in history:
        column = np.where(np.isfinite(history[name]), history[name], np.nan)
        axes.plot(history[clock], column, color=colour, alpha=0.25, linewidth=0.8)
        axes.plot(history[clock], running_mean(column), color=colour, linewidth=2.2, label=label)
    tested = history.get(f"{whole}_{name}")
    if tested is not None and np.isfinite(tested).any():
        axes.plot(
            history[clock], tested, "o", color=colour, markeredgecolor="white", markersize=8,
            label=f"{label}, whole task",
        )  # fmt: skip


def smoothing_width(rows: int) -> int:
    return max(1, round(SMOOTHING_SHARE * rows))


def running_mean(column: np.ndarray) -> np.ndarray:
    """Mean over the last `smoothing_width` rows that hold a number, (n,) to (n,)."""
    known = np.isfinite(column)
    window = np.ones(smoothing_width(len(column)))
    total = np.convolve(np.where(known, column, 0), window)[: len(column)]
    count = np.convolve(known, window)[: len(column)]
    return np.divide(total, count, out=np.full(len(column), np.nan), where=count > 0)
