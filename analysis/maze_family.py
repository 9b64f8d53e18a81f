"""Frozen networks over a grid of mazes: visits as a share of the oracle's (reads the file of experiment maze-family).

A share is a ratio of sums over the episodes of one maze; the mean over a grid gives every maze the same weight.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from analysis.style import BLACK, add_footer, new_figure, png, styled
from analysis.verdict import interval
from lsnn import open_result
from lsnn.estimates import Estimate, estimate, quotient
from lsnn.files.about import checksum_attribute
from lsnn.files.reading import COUNT, ResultError, Rule, array, dataset, holds, label_attribute, names, place, subgroup
from lsnn.files.results import Result
from lsnn.files.whole import write_whole

NETWORKS = ("family", "specialist")
CONDITIONS = (*NETWORKS, "memory", "circling")
TITLES = {"family": "family network", "specialist": "specialist", "memory": "circling, then memory",
          "circling": "circling", "oracle": "oracle"}  # fmt: skip
WHERE = {
    "circle": "platform on the circle",
    "anywhere": "platform anywhere",
    "reversal": "platform moves at half time",
}
DARK_BELOW = 0.45  # shares whose colour needs white digits


class Grid(NamedTuple):
    """Visits (kind, radius, rest, E) of the conditions in the file, the oracle among them."""

    kinds: list[str]
    radius: np.ndarray  # (radius,), of the platform, in pool radii
    rest_ms: np.ndarray  # (rest,)
    visits: dict[str, np.ndarray]

    @property
    def conditions(self) -> list[str]:
        """Those that are shown, in order."""
        return [name for name in CONDITIONS if name in self.visits]

    def shares(self, condition: str) -> np.ndarray:
        """Visits over the oracle's in the same maze, (kind, radius, rest)."""
        return quotient(self.visits[condition].sum(-1), self.visits["oracle"].sum(-1))

    def mean_share(self, condition: str, kind: int) -> Estimate:
        """Mean of the shares over the mazes of a kind, with its bootstrap interval over episodes."""
        n_episodes = self.visits[condition].shape[-1]
        above, below = (self.visits[name][kind].reshape(-1, n_episodes).T for name in (condition, "oracle"))
        return estimate(lambda weights: quotient(weights @ above, weights @ below).mean(-1), n_episodes)


def grid_of(result: Result) -> Grid:
    """The grid in an open file; ResultError if it holds none."""
    kinds = names(result.file, "kinds")
    radius, rest_ms = (array(result.file, name, (None,), Rule(0)) for name in ("radius", "rest_ms"))
    n_episodes = len(dataset(result.file, "episode_key", (None,)))
    shape = (len(kinds), len(radius), len(rest_ms), n_episodes)
    present = [name for name in (*CONDITIONS, "oracle") if name not in NETWORKS or holds(result.file, name)]
    if 0 in shape:
        raise ResultError(f"{place(result.file)}: must hold a maze and an episode, holds {shape} of kinds, radii, ...")
    visits = {name: array(subgroup(result.file, name), "visits", shape, COUNT).astype(float) for name in present}
    if not visits["oracle"].sum(-1).all():
        raise ResultError(f"{place(result.file)}: the oracle finds nothing in some maze, so nothing is a share of it")
    return Grid(kinds, radius, rest_ms, visits)


def origins(result: Result, networks: Sequence[str] = NETWORKS) -> list[str]:
    """Where each of these networks that is in the file came from: the file's name, the checksum of its weights."""
    groups = [subgroup(result.file, name) for name in networks if holds(result.file, name)]
    return [
        f"{group.name.strip('/')}: {label_attribute(group, 'network')} {checksum_attribute(group, '_before')[:10]}"
        for group in groups
    ]


def describe(path: Path) -> str:
    """A line a kind and condition: mean share over the grid with its 95 % interval, lowest and highest maze."""
    with open_result(path) as result:
        grid = grid_of(result)
        lines = [f"{', '.join(origins(result))}; {grid.visits['oracle'].shape[-1]} episodes a maze"]
        lines.append("visits as a share of the oracle's: mean over the grid [95 %]; lowest; highest")
        for number, kind in enumerate(grid.kinds):
            for condition in grid.conditions:
                shares = grid.shares(condition)[number]
                extremes = "; ".join(told_cell(grid, shares, pick(shares)) for pick in (np.argmin, np.argmax))
                mean = interval(grid.mean_share(condition, number), 2)
                lines.append(f"{kind:<8}  {TITLES[condition]:<21}  {mean}; {extremes}")
    return "\n".join(lines)


def told_cell(grid: Grid, shares: np.ndarray, flat: np.intp) -> str:
    """A share (radius, rest) and where it is."""
    row, column = np.unravel_index(flat, shares.shape)
    return f"{shares[row, column]:.2f} at radius {grid.radius[row]:g}, rest {grid.rest_ms[column]:g} ms"


@styled
def heat_maps(result: Result) -> Figure:
    """A heat map for each kind (rows) and condition (columns): share by rest (x) and platform radius (y)."""
    grid = grid_of(result)
    rows, columns = len(grid.kinds), len(grid.conditions)
    figure = new_figure(2.2 + 2.9 * columns, 1.6 + 3.2 * rows, "Frozen networks over the family of mazes")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for column, condition in enumerate(grid.conditions):
        shares = grid.shares(condition)
        for axes, of_kind in zip(panels[:, column], shares, strict=True):
            image = heat_map(axes, grid, of_kind)
        panels[0, column].set_title(TITLES[condition])
        panels[-1, column].set_xlabel("rest (ms)")
    for axes, kind in zip(panels[:, 0], grid.kinds, strict=True):
        axes.set_ylabel("platform radius (pool radii)")
        axes.annotate(
            WHERE.get(kind, kind), (-0.37, 0.5), xycoords="axes fraction", rotation=90, ha="right", va="center",
            fontweight="bold",
        )  # fmt: skip
    bar = figure.colorbar(image, ax=panels, fraction=0.05, aspect=40, label="visits, share of the oracle's")
    bar.outline.set_visible(False)
    n = grid.visits["oracle"].shape[-1]
    return add_footer(figure, result, f"n = {n} episodes a maze, the same keys in all · {' · '.join(origins(result))}")


def heat_map(axes: Axes, grid: Grid, shares: np.ndarray) -> AxesImage:
    """Shares (radius, rest) as colours from 0 to 1, with the numbers written on them; greatest radius on top."""
    image = axes.imshow(shares, cmap="viridis", vmin=0, vmax=1, origin="lower", aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        colour = "white" if share < DARK_BELOW else BLACK
        axes.text(column, row, f"{share:.2f}", ha="center", va="center", color=colour, fontsize=11)
    axes.set_xticks(range(len(grid.rest_ms)), [f"{rest:g}" for rest in grid.rest_ms])
    axes.set_yticks(range(len(grid.radius)), [f"{radius:g}" for radius in grid.radius])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return image


def write_figure(path: Path, out: Path) -> Path:
    """Draw the grid in a file; returns where the PNG stands."""
    with open_result(path) as result:
        write_whole(out, png(heat_maps(result)))
    return out
