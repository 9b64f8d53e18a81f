"""Regression in context: error against examples, and which algorithm the frozen network predicts like."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.families import Drawing, Page, conditions_in, learning_curves, ratio_over_episodes
from analysis.latencies import Estimate
from analysis.reading import FINITE, ResultError, check_layout, checked_label, holds, reported, subgroup
from analysis.results import Result
from analysis.schema2 import check_trials, per_trial
from analysis.style import (
    BLACK,
    BROWN,
    COLOURS,
    DARK,
    GREEN,
    GREY,
    LABELS,
    ORANGE,
    PALE,
    SILVER,
    SKY,
    add_footer,
    new_figure,
    styled,
)
from analysis.verdict import answered, at_most, interval

NETWORKS = {name: (LABELS[name], COLOURS[name]) for name in ("frozen", "state_reset", "untrained")}
ALGORITHMS = {
    "zero": ("zero", SILVER), "gradient_descent_1": ("1 gradient step", SKY),
    "gradient_descent_2": ("2 gradient steps", BROWN), "gradient_descent_5": ("5 gradient steps", GREY),
    "gradient_descent_20": ("20 gradient steps", DARK), "linear_attention": ("linear attention", ORANGE),
    "ridge": ("ridge", GREEN), "least_squares": ("least squares", BLACK),
}  # fmt: skip
SHOWN = NETWORKS | ALGORITHMS
LISTED = (1, 2, 5, 10, 20)
LATE = 5  # examples from which predictions are compared
WANTED = {"sine": 0.25, "quadratic": 0.25}  # error after 20 examples, of that after 1; else a half
FLOOR = 1e-6
HISTORY = (("error_1", "squared error after 1 example"), ("error_20", "after 20 examples"))


def function_of(result: Result) -> str:
    """Name of the family of functions."""
    where = f"{result.path}: attribute 'config', key task.function"
    with reported(where):
        return checked_label(where, result.provenance.config["task"]["function"])


def squared_error(result: Result, name: str) -> np.ndarray:
    """(E, K)."""
    return (per_trial(result, name, "prediction") - per_trial(result, name, "y")) ** 2


def late_to_first(result: Result, name: str) -> Estimate:
    """Squared error after 20 examples (or the last there is) over that after 1."""
    error = squared_error(result, name)
    return ratio_over_episodes(error[:, min(20, error.shape[1] - 1)], error[:, 1])


def likeness(result: Result, name: str) -> tuple[float, float]:
    """Cosine and root mean squared distance of the frozen network's predictions and an algorithm's.

    Over all episodes and all samples with at least `LATE` examples before them.
    """
    own, other = (per_trial(result, condition, "prediction")[:, LATE:].ravel() for condition in ("frozen", name))
    length = np.linalg.norm(own) * np.linalg.norm(other)
    cosine = float(own @ other / length) if length > 0 else float("nan")
    return cosine, float(np.sqrt(np.mean((own - other) ** 2)))


@styled
def errors(result: Result) -> Figure:
    """Mean squared error against the number of examples, for network and algorithms."""
    figure = new_figure(10, 5.6, f"Regression in context ({function_of(result)}), weights frozen")
    axes = figure.subplots()
    for name, (label, colour) in SHOWN.items():
        if name in result.file:
            _draw_error(axes, squared_error(result, name), name, label, colour)
    axes.set(xlabel="examples seen", ylabel="mean squared error", yscale="log")
    low = np.nanmin(squared_error(result, "frozen").mean(axis=0))
    high = max(squared_error(result, name).mean(axis=0).max() for name in NETWORKS if name in result.file)
    axes.set_ylim(low / 30, 2 * high)
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    n = len(squared_error(result, "frozen"))
    return add_footer(figure, result, f"bands: 95 % of the mean (normal) · n = {n} functions, the same for all")


def _draw_error(axes: Axes, error: np.ndarray, name: str, label: str, colour: str) -> None:
    mean, spread = error.mean(axis=0), 1.96 * error.std(axis=0) / np.sqrt(len(error))
    seen, width = np.arange(len(mean)), 3 if name == "frozen" else 1.6
    style = "--" if name in ALGORITHMS else "-"
    axes.fill_between(seen, np.maximum(mean - spread, FLOOR), mean + spread, color=colour, alpha=0.2, linewidth=0)
    axes.plot(seen, np.maximum(mean, FLOOR), style, color=colour, linewidth=width, label=label)


@styled
def alike(result: Result) -> Figure:
    """Distance between the frozen network's predictions and each algorithm's, by number of examples."""
    figure = new_figure(10, 5.2, f"Which algorithm does the frozen network act like? ({function_of(result)})")
    axes = figure.subplots()
    own = per_trial(result, "frozen", "prediction")
    for name, (label, colour) in ALGORITHMS.items():
        if name in result.file:
            distance = np.sqrt(np.mean((own - per_trial(result, name, "prediction")) ** 2, axis=0))
            axes.plot(np.arange(len(distance)), distance, color=colour, label=label)
    truth = np.sqrt(squared_error(result, "frozen").mean(axis=0))
    axes.plot(np.arange(len(truth)), truth, ":", color=COLOURS["frozen"], linewidth=3, label="the true y")
    axes.set(xlabel="examples seen", ylabel="distance of predictions (rms)")
    axes.set_ylim(0, 2.5 * truth[1:].max())
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return add_footer(figure, result, f"n = {len(own)} functions")


def check_samples(result: Result, found: list[str]) -> None:
    """ResultError unless all predictions are of the same samples, two at least."""
    lengths: dict[str, int] = {}
    if holds(result.file, "examples"):  # schema 2
        check_layout(subgroup(result.file, "examples"), {"y": ("episode sample", FINITE)}, lengths)
    older = {"prediction": ("episode sample", FINITE)}
    for name in found:
        check_trials(result, name, older, {"prediction": FINITE, "y": FINITE}, None, lengths)
    if lengths.get("sample", lengths.get("trial", 0)) < 2:
        raise ResultError(f"{result.path}: must have 2 samples of each function, has 1")


def page(result: Result) -> Page:
    """What the report says of a result file of this family."""
    found, function = conditions_in(result, tuple(SHOWN), ("frozen", "ridge")), function_of(result)
    check_samples(result, found)
    ratio, wanted = late_to_first(result, "frozen"), WANTED.get(function, 0.5)
    rule = f"its error after 20 examples is at most {wanted:g} of that after 1"
    drawings = (
        Drawing(
            "errors",
            "Error against examples",
            "Mean squared error of the answer to the next x. Algorithms work on the family's own basis and are tuned "
            "on episodes of meta-training.",
            errors,
        ),
        Drawing(
            "alike",
            "Distance between predictions",
            "Root mean squared distance of the network's predictions from each algorithm's, and from the true y (its "
            "own error).",
            alike,
        ),
        Drawing(
            "learning_curve",
            "Meta-training",
            "Mean squared error of the batch.",
            lambda result: learning_curves(result, HISTORY, logarithmic=True),
        ),
    )
    return Page(
        f"Regression in context with frozen weights: {function}",
        "Each episode has a function of its own, to be told from a stream of examples (x, y). No weight changes: what "
        "is known of the function is in the state.",
        ("predictor", *(f"error after {n}" for n in LISTED), "cosine with the network", "distance from it"),
        [(SHOWN[name][0], *_cells(result, name)) for name in found],
        f"Mean squared errors. Cosine and root mean squared distance of predictions after {LATE} examples or more. The "
        "basis: sine: sin x, cos x; quadratic: its six monomials; linear: x; network: the ten monomials of degree 3 or "
        "less, an approximation. Least squares takes the shortest w; linear attention is one layer trained for each "
        "number of examples.",
        answered([at_most(rule, interval(ratio, 3), ratio, wanted)]),
        drawings if result.history else drawings[:2],
    )


def _cells(result: Result, name: str) -> list[str]:
    error = squared_error(result, name).mean(axis=0)
    listed = [f"{error[n]:.4f}" if n < len(error) else "–" for n in LISTED]
    compared = (np.nan, np.nan) if name == "frozen" else likeness(result, name)
    return [*listed, *("–" if np.isnan(number) else f"{number:.3f}" for number in compared)]
