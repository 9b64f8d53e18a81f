"""How far each neuron model got on the maze in the same budget (reads the file of the experiment neuron-models)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.brian_experiments import look, search
from analysis.latencies import FIRST, SECOND, escape_latency, visits_per_episode, visits_ratio
from analysis.plots import plain_search_axis
from analysis.style import BLUE, VERMILLION, add_footer, new_figure, png, styled
from analysis.verdict import latency_text
from lsnn import open_result
from lsnn.estimates import Estimate
from lsnn.files.reading import COUNT, KEY, ResultError, Rule, label_attribute, number_attribute, place, subgroup
from lsnn.files.results import Condition, Result
from lsnn.files.whole import write_whole

BASELINES = ("circling", "memory", "oracle")


class Run(NamedTuple):
    """One model with one seed: its test, and the course of its meta-training."""

    model: str
    seed: int
    iterations: int
    minutes: float
    rate_hz: float
    exploded: int  # iterations
    condition: Condition


def runs_of(result: Result) -> list[Run]:
    """The runs in an open file, in its order; ResultError if it holds none."""
    groups = [subgroup(result.file, name) for name in sorted(result.file) if name.startswith("run_")]
    if not groups:
        raise ResultError(f"{place(result.file)}: needs groups run_00, run_01, .., found none")
    runs = []
    for group in groups:
        rules = {"seed": KEY, "iterations": COUNT, "minutes": Rule(0), "rate_hz": Rule(0), "exploded": COUNT}
        numbers: dict[str, Any] = {name: number_attribute(group, name, rule) for name, rule in rules.items()}
        condition = Condition(group, group.name.strip("/"))
        runs.append(Run(label_attribute(group, "model"), condition=condition, **numbers))
    return runs


def describe(path: Path) -> str:
    """A line a run: visits and their 95 % interval, fraction of the oracle's, escape latencies, rate, length."""
    with open_result(path) as result:
        result.require(*BASELINES)
        oracle = result.conditions["oracle"]
        lines = ["model, seed: visits [95 %], of the oracle's, median search on trials 1 and 2 (ms), rate, iterations"]
        for run in runs_of(result):
            visits, share = visits_per_episode(run.condition), visits_ratio(run.condition, oracle)
            limit = run.condition.duration_ms
            first, second = (latency_text(search(run.condition, trials), limit) for trials in (FIRST, SECOND))
            lines.append(
                f"{run.model:<12} {run.seed:3d}  {visits.value:5.1f} [{visits.low:.1f}, {visits.high:.1f}]  "
                f"{share.value:4.2f}  {first:>16} {second:>16}  {run.rate_hz:4.1f} Hz  {run.iterations} in "
                f"{run.minutes:.1f} min, {run.exploded} exploded"
            )
    return "\n".join(lines)


@styled
def model_rows(result: Result) -> Figure:
    """Visits per episode and median escape latencies of every run, a row a model."""
    result.require(*BASELINES)
    runs = runs_of(result)
    models = list(dict.fromkeys(run.model for run in runs))
    figure = new_figure(13, 2.6 + 0.55 * len(models), "Neuron models on the maze, the same budget of meta-training")
    left, right = figure.subplots(1, 2, sharey=True)
    rows = [models.index(run.model) + offset for run, offset in zip(runs, offsets(runs), strict=True)]
    draw(left, rows, [visits_per_episode(run.condition) for run in runs], BLUE, "a network")
    for trials, colour, label in ((FIRST, VERMILLION, "trial 1"), (SECOND, BLUE, "trial 2")):
        draw(right, rows, [search(run.condition, trials) for run in runs], colour, label, runs[0].condition.duration_ms)
    for name in BASELINES:
        left.axvline(visits_per_episode(result.conditions[name]).value, label=result[name].label, **look(name))
        second = escape_latency(result.conditions[name], SECOND).value
        right.axvline(second, label=f"{result[name].label}, trial 2", **look(name))
    left.set(xlabel="visits per episode", xlim=(0, None), yticks=range(len(models)), yticklabels=models)
    left.invert_yaxis()
    right.set(xlabel="median escape latency (ms)", xscale="log")
    plain_search_axis(right, "x")
    for axes in (left, right):
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3, columnspacing=1.2)
    n, iterations = runs[0].condition.n_episodes, sorted({run.iterations for run in runs})
    span = f"{iterations[0]}" if len(iterations) == 1 else f"{iterations[0]} to {iterations[-1]}"
    seeds = ", ".join(map(str, sorted({run.seed for run in runs})))
    facts = f"{span} iterations; a marker a seed of meta-training ({seeds}); bars: 95 % bootstrap over n = {n} mazes"
    return add_footer(figure, result, facts)


def offsets(runs: Sequence[Run]) -> list[float]:
    """Seeds of a model side by side within its row."""
    found = []
    for run in runs:
        seeds = [other.seed for other in runs if other.model == run.model]
        found.append(0.16 * (seeds.index(run.seed) - (len(seeds) - 1) / 2))
    return found


def draw(
    axes: Axes, rows: Sequence[float], estimates: Sequence[Estimate], colour: str, label: str,
    limit_ms: float = np.inf,
) -> None:  # fmt: skip
    """A marker a run, with its interval; nothing where half of the animals did not find it within `limit_ms`."""
    points = np.array([(estimate.value, estimate.low, estimate.high) for estimate in estimates])
    points[points[:, 0] >= limit_ms] = np.nan
    axes.hlines(rows, points[:, 1], points[:, 2], color=colour, linewidth=2)
    axes.plot(points[:, 0], rows, "o", color=colour, label=label)


def write_figure(path: Path, out: Path) -> Path:
    """Draw the runs in a file; returns where the PNG stands."""
    with open_result(path) as result:
        write_whole(out, png(model_rows(result)))
    return out
