"""Figure of a sweep: learning curves, what the frozen networks reach, and how long that took, by combination.

Reads the summary that `runs/sweeps/summary.py` writes (docs/guide/sweeps.md); bands and dots show all seeds.
"""

from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.style import DARK, GREY, footer, new_figure, png, styled
from lsnn.files.reading import (
    COUNT,
    GAPS,
    ResultError,
    Rule,
    array,
    checked_label,
    json_attribute,
    label_attribute,
    opened,
    place,
    reported,
    subgroup,
    table,
    text_attribute,
)
from lsnn.files.whole import write_whole

FINISHED, FAILED = 1, 2
ENOUGH = 0.75
MOST_CURVES = 12


class Sweep(NamedTuple):
    """A summary in memory: `cells` columns (cells,), `curves` a (tests,) triple a cell, `groups` labels."""

    cells: dict[str, np.ndarray]
    curves: list[tuple[np.ndarray, np.ndarray, np.ndarray]]
    groups: list[str]
    failures: dict[str, str]
    score: str
    of_oracle: bool  # whether scores are fractions of the oracle's
    command: str
    commit: str


def read_sweep(path: Path) -> Sweep:
    """The summary in a file; ResultError if it is none."""
    with opened(path) as file, reported(str(path)):
        if (kind := label_attribute(file, "kind")) != "sweep":
            raise ResultError(f"{path}: must be the summary of a sweep, is a {kind} file")
        groups = [checked_label(f"{path}: attribute 'groups'", text) for text in json_attribute(file, "groups", list)]
        rules = {"group": Rule(0, len(groups) - 1, whole=True), "status": Rule(0, 3, whole=True)}
        cells = table(file, "cells", rules, GAPS, (*rules, "final_fraction", "iterations_to_enough"))
        return Sweep(
            cells, _curves(subgroup(file, "curves"), len(cells["group"])), groups,
            json_attribute(file, "failures", dict), label_attribute(file, "score"),
            bool(file.attrs.get("of_oracle", True)), text_attribute(file, "command"),
            label_attribute(file, "git_commit"),
        )  # fmt: skip


def _curves(group: h5py.Group, n_cells: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Iterations, minutes and fractions of each cell's tests."""
    offsets = array(group, "cell_offsets", (n_cells + 1,), COUNT).astype(np.int64)
    columns = [array(group, "iteration", (None,))]
    columns += [array(group, name, columns[0].shape) for name in ("minutes", "fraction")]
    if offsets[0] != 0 or offsets[-1] != len(columns[0]) or np.any(np.diff(offsets) < 0):
        raise ResultError(f"{place(group)}: cell_offsets must rise from 0 to the {len(columns[0])} tests")
    return [(columns[0][a:b], columns[1][a:b], columns[2][a:b]) for a, b in zip(offsets[:-1], offsets[1:], strict=True)]


def band(curves: list[tuple[np.ndarray, ...]]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Iterations that every curve has, and the mean, least and greatest fraction over the curves there."""
    common = curves[0][0]
    for curve in curves[1:]:
        common = np.intersect1d(common, curve[0])
    rows = np.array([curve[2][np.searchsorted(curve[0], common)] for curve in curves])
    return common, rows.mean(axis=0), rows.min(axis=0), rows.max(axis=0)


@styled
def sweep_figure(sweep: Sweep) -> Figure:
    """Left to right: learning curves with bands, final score, iterations to 0.75 of the oracle where there is one."""
    rows = len(sweep.groups)
    figure = new_figure(15, max(5.2, 2.6 + 0.32 * rows), "Sweep")
    left, middle, *right = figure.subplots(1, 2 + sweep.of_oracle, width_ratios=(1.3, 1, 1)[: 2 + sweep.of_oracle])
    unit = "fraction of the oracle" if sweep.of_oracle else sweep.score
    colours = [f"C{k % 10}" for k in range(rows)]
    for group in range(min(rows, MOST_CURVES)):
        cells = np.flatnonzero(sweep.cells["group"] == group)
        if curves := [sweep.curves[cell] for cell in cells if len(sweep.curves[cell][0])]:
            iteration, mean, low, high = band(curves)
            left.fill_between(iteration, low, high, color=colours[group], alpha=0.2, linewidth=0)
            left.plot(iteration, mean, color=colours[group], linewidth=2.2, linestyle="-" if group < 10 else "--")
    shown = "" if rows <= MOST_CURVES else f", first {MOST_CURVES} rows"
    left.set(title=f"validation, {unit}{shown}", xlabel="iteration", ylim=(0, None))
    draw_dots(middle, sweep, "final_fraction", f"frozen network, {unit}", colours)
    middle.set_yticks(range(rows), sweep.groups)
    if right:
        left.axhline(ENOUGH, color=GREY, linestyle=":", linewidth=1.5)
        draw_dots(right[0], sweep, "iterations_to_enough", f"iterations to {ENOUGH:g} of the oracle", colours)
        right[0].set_yticks(range(rows), [reached(sweep, group) for group in range(rows)])
    status = sweep.cells["status"]
    facts = (
        f"n = {int(np.sum(status == FINISHED))} finished of {len(status)} cells, {len(sweep.failures)} failed · score: "
        f"{sweep.score} · line: mean over seeds (dashed from row 11 on), band: all of them · dots: seeds, bar: mean · "
        f"commit {sweep.commit[:10]}"
    )
    return footer(figure, facts, f"command: {sweep.command}")


def draw_dots(axes: Axes, sweep: Sweep, column: str, title: str, colours: list[str]) -> None:
    """A row a combination: a dot a seed, a bar at their mean."""
    for group, colour in enumerate(colours):
        found = sweep.cells[column][sweep.cells["group"] == group]
        found = found[np.isfinite(found)]
        axes.plot(found, np.full(len(found), group), "o", color=colour, markeredgecolor="white", markersize=8)
        if len(found):
            axes.vlines(np.mean(found), group - 0.3, group + 0.3, color=DARK, linewidth=2)
    highest = np.nanmax(sweep.cells[column], initial=0.0)
    axes.set(title=title, ylim=(len(colours) - 0.5, -0.5), xlim=(0, 1.06 * highest or 1))


def reached(sweep: Sweep, group: int) -> str:
    """How many of a combination's seeds reached it, of those that were run to their end."""
    run = (sweep.cells["group"] == group) & (sweep.cells["status"] == FINISHED)
    return f"{int(np.isfinite(sweep.cells['iterations_to_enough'][run]).sum())} of {int(run.sum())}"


def write_figure(path: Path, out: Path) -> Path:
    """Draw a summary; returns where the PNG stands."""
    write_whole(out, png(sweep_figure(read_sweep(path))))
    return out
