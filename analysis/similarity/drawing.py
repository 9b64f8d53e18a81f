"""The figure of the experiment similarity."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.similarity.measures import GROUPS, Array, Means, Measured
from analysis.style import (
    BLUE,
    BROWN,
    DARK,
    GREEN,
    ORANGE,
    PALE,
    PINK,
    SILVER,
    SKY,
    VERMILLION,
    add_footer,
    new_figure,
    styled,
)
from lsnn.files.results import Result

COLOURS = {"spiking": VERMILLION, "gru": BLUE, "lstm": SKY, "rate": GREEN, "transformer": PINK, "rate_neurons": ORANGE,
           "tem": BROWN}  # fmt: skip
OF_MEASURES = (SILVER, DARK, BLUE, VERMILLION)
NUMBERS_UP_TO = 14  # rows of a matrix in which the numbers are legible


@styled
def similarity_figure(result: Result, measured: Measured) -> Figure:
    """Above: CKA, cross-decoding and, of regression, influence of all pairs; below: spectra, and means over pairs."""
    labels = [each.label for each in measured.learners]
    figure = new_figure(17 if measured.influence else 13, 12, f"Alike once trained? {measured.family}")
    grid = figure.add_gridspec(2, 1, height_ratios=(1.15, 1))
    above, below = (figure.add_subfigure(grid[row]) for row in range(2))
    panels = np.atleast_1d(above.subplots(1, 3 if measured.influence else 2))
    ones, count = np.ones, measured.count
    _draw_matrix(panels[0], measured.cka_beyond(ones(len(measured.alignment)))[:count, :count], labels, labels)
    panels[0].set_title("states beyond the last input: linear CKA")
    read = measured.decoding(ones(len(measured.beside)))[:count, :count]
    _draw_matrix(panels[1], read, labels, labels)
    panels[1].set(title=f"decoding of {measured.hidden}", ylabel="decoder of", xlabel="read from the state of")
    if measured.influence is not None:
        _draw_influences(panels[2], measured, labels)
    left, right = below.subplots(1, 2)
    _draw_spectra(left, measured, labels)
    _draw_means(right, measured.means)
    episodes = measured.block * len(measured.alignment)
    return add_footer(
        figure, result, f"n = {count} networks, {episodes} episodes; bars: 95 %, networks and episodes resampled"
    )


def _draw_influences(axes: Axes, measured: Measured, labels: Sequence[str]) -> None:
    assert measured.influence is not None
    influence, count = measured.influence, measured.count
    matrix = influence.correlations(np.ones(influence.episodes))
    rows = [*range(count), *range(2 * count, len(matrix))]
    rules = [rule.replace("gradient_descent_", "GD ") for rule in influence.rules]
    _draw_matrix(axes, matrix[np.ix_(rows[:count], rows)], labels, [*labels, *rules])
    axes.axvline(count - 0.5, color="white", linewidth=3)
    axes.set_title("influence of examples: correlation")


def _draw_matrix(axes: Axes, matrix: Array, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Colours from 0 to 1, with the numbers where there is room."""
    axes.imshow(matrix, vmin=0, vmax=1, cmap="viridis", aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=60, ha="right", rotation_mode="anchor", fontsize=9)
    axes.set_yticks(range(len(rows)), rows, fontsize=9)
    if len(columns) <= NUMBERS_UP_TO + 4:
        for (i, j), value in np.ndenumerate(matrix):
            if np.isfinite(value):
                colour = "white" if value < 0.6 else DARK
                axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=6.5, color=colour)


def _draw_spectra(axes: Axes, measured: Measured, labels: Sequence[str]) -> None:
    """A dot an eigenvalue, with its interval; untrained ones beside."""
    found = measured.spectra
    for number, each in enumerate(measured.learners):
        for at, colour, row in ((-0.14, COLOURS[each.kind], number), (0.2, SILVER, measured.count + number)):
            value, low, high = np.array([one[:3] for one in found[row]]).T
            axes.vlines(np.full(len(value), number + at), low, high, color=colour, linewidth=1)
            axes.plot(np.full(len(value), number + at), value, "o", color=colour, markersize=4)
    axes.axhline(1, color=DARK, linewidth=1, linestyle=":")
    axes.set(ylabel="modulus of eigenvalues, per decision", ylim=(0, 1.2), title="fitted dynamics (grey: untrained)")
    axes.set_xticks(range(len(labels)), labels, rotation=60, ha="right", rotation_mode="anchor", fontsize=9)
    axes.grid(axis="y", color=PALE, linewidth=0.6)


def _draw_means(axes: Axes, found: dict[str, Means]) -> None:
    """Each group of pairs a row, each measure a colour."""
    for at, ((name, means), colour) in enumerate(zip(found.items(), OF_MEASURES, strict=False)):
        for row, group in enumerate(GROUPS):
            one, place = means[group], row + 0.18 * (at - 1.5)
            if np.isfinite(one.value):
                axes.hlines(place, one.low, one.high, color=colour, linewidth=2)
                axes.plot(one.value, place, "o", color=colour, label=name if row == _first(means) else None)
    axes.set_yticks(range(len(GROUPS)), [f"{name} ({found['CKA'][name].n})" for name in GROUPS])
    axes.set(xlim=(min(-0.05, axes.get_xlim()[0]), 1.05), title="means over pairs of learners")
    axes.invert_yaxis()
    axes.grid(axis="x", color=PALE, linewidth=0.6)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2, fontsize=9)


def _first(means: Means) -> int:
    """The first group that has a mean."""
    return int(np.flatnonzero(np.isfinite(means.value))[0])
