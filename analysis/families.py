"""The pages of the families other than the maze: what is asked, a table of conditions, criteria, figures."""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from analysis.latencies import Estimate, estimate
from analysis.pages import template
from analysis.plots import draw_column
from analysis.reading import ResultError, dataset, subgroup, values
from analysis.results import NETWORK_CONDITIONS, Result, checksum_attribute, has_checksum
from analysis.style import BLUE, add_footer, new_figure, styled
from analysis.verdict import Criterion


class Drawing(NamedTuple):
    """A figure of a page: its file's name, title and caption, and how to draw it."""

    name: str
    title: str
    caption: str
    draw: Callable[[Result], Figure]


class Page(NamedTuple):
    """What a family says of a result file; a row of the table is (condition, cell, cell, ...)."""

    title: str
    asked: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str
    criteria: list[Criterion]
    drawings: tuple[Drawing, ...]


def conditions_in(result: Result, known: tuple[str, ...], needed: tuple[str, ...]) -> list[str]:
    """The known conditions that are in the file, in this order; ResultError unless those needed are."""
    found = [name for name in known if name in result.file]
    if missing := [name for name in needed if name not in found]:
        raise ResultError(f"{result.path}: needs the conditions {', '.join(needed)}; missing: {', '.join(missing)}")
    return found


def array(result: Result, place: str, name: str, dimensions: int) -> np.ndarray:
    """A data set of the group at `place` ("frozen" or "frozen/independent")."""
    group = result.file
    for part in place.split("/"):
        group = subgroup(group, part)
    return values(dataset(group, name, (None,) * dimensions))


def mean_over_episodes(per_episode: np.ndarray) -> Estimate:
    """Mean of (E,) with its bootstrap interval over episodes."""
    return estimate(lambda weight: weight @ per_episode / weight.sum(axis=-1), len(per_episode))


def ratio_over_episodes(above: np.ndarray, below: np.ndarray) -> Estimate:
    """Ratio of the sums of two (E,) of the same episodes, with its bootstrap interval."""
    return estimate(lambda weight: weight @ above / np.maximum(weight @ below, 1e-12), len(above))


@styled
def learning_curves(result: Result, columns: tuple[tuple[str, str], ...], logarithmic: bool = False) -> Figure:
    """Columns of the history (name, label) through meta-training."""
    history = result.history
    if missing := [name for name in ("iteration", *(name for name, _ in columns)) if name not in history]:
        raise ResultError(f"{result.path}: /history needs the column {missing[0]!r}, has {sorted(history)}")
    figure = new_figure(5.2 * len(columns), 4.6, "Meta-training: the learning curve")
    for axes, (name, label) in zip(np.atleast_1d(figure.subplots(1, len(columns))), columns, strict=True):
        axes.set(title=label, xlabel="iteration", yscale="log" if logarithmic else "linear")
        draw_column(axes, {name: history[name], "iteration": history["iteration"]}, "iteration", name, BLUE, label)
    rows = len(next(iter(history.values())))
    return add_footer(figure, result, f"n = {rows} iterations: each as logged (pale) and a running mean (line)")


def render_page(result: Result, page: Page, images: dict[str, str]) -> str:
    """The page as HTML; images: name of a figure to its PNG in base 64."""
    return template("family.html.jinja").render(
        page=page,
        images=images,
        file_name=result.path.name,
        made=result.provenance,
        config=json.dumps(result.provenance.config, indent=2, sort_keys=True),
        hashes=dict(_hashes(result)),
    )


def _hashes(result: Result) -> list[tuple[str, Any]]:
    """(condition, (checksum before, after)) of every group, at any depth, that a network filled."""
    found: list[tuple[str, Any]] = []

    def look(name: str, item: Any) -> None:
        if name.split("/")[0] in NETWORK_CONDITIONS and has_checksum(item):
            found.append((name, tuple(checksum_attribute(item, when) for when in ("_before", "_after"))))

    result.file.visititems(look)
    return found
