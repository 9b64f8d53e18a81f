"""What the page of regression adds: which algorithm the frozen network predicts like, errors by number of examples."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.pages import generic
from analysis.pages.columns import check_alike, per_trial
from analysis.pages.model import Drawing, Page, Row, Table
from analysis.plots import NORMAL
from analysis.style import PALE, Look, add_footer, looks, new_figure, styled
from analysis.verdict import answered, at_most, interval, weights_unchanged
from lsnn.estimates import Estimate, ratio_over_episodes
from lsnn.files.reading import ResultError, checked_label, reported
from lsnn.files.results import Condition, Result

LISTED = (1, 2, 5, 10, 20)
LATE = 5  # examples from which predictions are compared
WANTED = {"sine": 0.25, "quadratic": 0.25}  # error after 20 examples, of that after 1; else a half
FLOOR = 1e-6


def function_of(result: Result) -> str:
    """Name of the family of functions."""
    where = f"{result.path}: attribute 'config', key task.function"
    with reported(where):
        return checked_label(where, result.provenance.config["task"]["function"])


def squared_error(condition: Condition) -> np.ndarray:
    """(E, K)."""
    return (per_trial(condition, "prediction") - per_trial(condition, "y")) ** 2


def late_to_first(condition: Condition) -> Estimate:
    """Squared error after 20 examples (or the last there is) over that after 1."""
    error = squared_error(condition)
    return ratio_over_episodes(error[:, min(20, error.shape[1] - 1)], error[:, 1])


def likeness(network: Condition, other: Condition) -> tuple[float, float]:
    """Cosine and root mean squared distance of the network's predictions and another's.

    Over all episodes and all samples with at least `LATE` examples before them.
    """
    own, of = (per_trial(each, "prediction")[:, LATE:].ravel() for each in (network, other))
    length = np.linalg.norm(own) * np.linalg.norm(of)
    cosine = float(own @ of / length) if length > 0 else float("nan")
    return cosine, float(np.sqrt(np.mean((own - of) ** 2)))


@styled
def errors(result: Result) -> Figure:
    """Mean squared error against the number of examples, for network and algorithms."""
    figure = new_figure(10, 5.6, f"Regression in context ({function_of(result)}), weights frozen")
    axes, of = figure.subplots(), looks(result.conditions)
    for name, each in result.conditions.items():
        _draw_error(axes, squared_error(each), of[name])
    axes.set(xlabel="examples seen", ylabel="mean squared error", yscale="log")
    low = np.nanmin(squared_error(result["frozen"]).mean(axis=0))
    networks = [each for each in result.conditions.values() if each.role in ("network", "agent", "control")]
    high = max(squared_error(each).mean(axis=0).max() for each in networks)
    axes.set_ylim(max(low / 30, FLOOR), max(2 * high, FLOOR * 10))
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    n = result["frozen"].n_episodes
    return add_footer(figure, result, f"bands: 95 % of the mean (normal) · n = {n} functions, the same for all")


def _draw_error(axes: Axes, error: np.ndarray, look: Look) -> None:
    mean, spread = error.mean(axis=0), NORMAL * error.std(axis=0) / np.sqrt(len(error))
    seen = np.arange(len(mean))
    axes.fill_between(seen, np.maximum(mean - spread, FLOOR), mean + spread, color=look.colour, alpha=0.2, linewidth=0)
    axes.plot(seen, np.maximum(mean, FLOOR), look.line, color=look.colour, linewidth=look.width, label=look.label)


@styled
def alike(result: Result) -> Figure:
    """Distance between the frozen network's predictions and each algorithm's, by number of examples."""
    figure = new_figure(10, 5.2, f"Which algorithm does the frozen network act like? ({function_of(result)})")
    axes, of = figure.subplots(), looks(result.conditions)
    own = per_trial(result["frozen"], "prediction")
    for name, each in result.conditions.items():
        if each.role in ("baseline", "oracle"):
            distance = np.sqrt(np.mean((own - per_trial(each, "prediction")) ** 2, axis=0))
            axes.plot(np.arange(len(distance)), distance, of[name].line, color=of[name].colour, label=of[name].label)
    truth = np.sqrt(squared_error(result["frozen"]).mean(axis=0))
    axes.plot(np.arange(len(truth)), truth, ":", color=of["frozen"].colour, linewidth=3, label="the true y")
    axes.set(xlabel="examples seen", ylabel="distance of predictions (rms)")
    axes.set_ylim(0, 2.5 * truth[1:].max() or 1)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return add_footer(figure, result, f"n = {len(own)} functions")


ERRORS = Drawing(
    "errors",
    "Error against examples",
    "Mean squared error of the answer to the next x. Algorithms work on the family's own basis and are tuned on "
    "episodes of meta-training.",
    errors,
)
ALIKE = Drawing(
    "alike",
    "Distance between predictions",
    "Root mean squared distance of the network's predictions from each algorithm's, and from the true y (its own "
    "error).",
    alike,
)
NOTE = (
    f"Mean squared errors. Cosine and root mean squared distance of predictions after {LATE} examples or more. The "
    "basis: sine: sin x, cos x; quadratic: its six monomials; linear: x; network: the ten monomials of degree 3 or "
    "less, an approximation. Least squares takes the shortest w; linear attention is one layer trained for each number "
    "of examples."
)


def page(result: Result) -> Page:
    """The page; the generic one without the frozen network."""
    base = generic.page(result)
    if "frozen" not in result:
        return base
    check_alike(result, result.conditions, "prediction")
    if per_trial(result["frozen"], "y").shape[1] < 2:
        raise ResultError(f"{result.path}: must have 2 samples of each function, has 1")
    function, ratio = function_of(result), late_to_first(result["frozen"])
    wanted = WANTED.get(function, 0.5)
    rule = f"its error after 20 examples is at most {wanted:g} of that after 1"
    shown, _, learnt = base.drawings
    return base._replace(
        title=f"{base.title}: {function}",
        tables=(*base.tables, by_examples(result)),
        criteria=(weights_unchanged(result), *answered([at_most(rule, interval(ratio, 3), ratio, wanted)])),
        drawings=(ERRORS, ALIKE, shown, learnt),
    )


def by_examples(result: Result) -> Table:
    """A row a predictor: its error by the number of examples, how like the network it predicts."""
    head = ("predictor", *(f"error after {n}" for n in LISTED), "cosine with the network", "distance from it")
    rows = [Row(each.role, [each.label, *_cells(result, name)]) for name, each in result.conditions.items()]
    return Table("Error against examples", head, rows, NOTE)


def _cells(result: Result, name: str) -> list[str]:
    error = squared_error(result[name]).mean(axis=0)
    listed = [f"{error[n]:.4f}" if n < len(error) else "–" for n in LISTED]
    compared = (np.nan, np.nan) if name == "frozen" else likeness(result["frozen"], result[name])
    return [*listed, *("–" if np.isnan(number) else f"{number:.3f}" for number in compared)]
