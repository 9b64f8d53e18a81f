"""The grid of mazes, what networks and scripted baselines find in each, and the file that holds it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from analysis.maze_family import describe, write_figure
from lsnn.files import store
from lsnn.progress import meter
from lsnn.seeds import Study
from runs.experiments.frozen_networks import (
    BASELINES_AT_ONCE,
    Comparison,
    Frozen,
    Told,
    network_group,
    part_of,
    put_header,
)
from runs.study.subject import intervene, run_blocks
from runs.study.water_maze.generalisation import CIRCLE_TRIED_ON, CIRCLES_TRIED, visits_of
from runs.training.train import load_compiled
from tasks.water_maze import WaterMaze
from tasks.water_maze.baselines import best_circle, swim

MAZE = WaterMaze()
KINDS = ("circle", "anywhere", "reversal")
RADII = (0.15, 0.2, 0.25, 0.3, 0.35, 0.4)  # of the platform, in pool radii
REST_MS = (1, 5, 20, 50)
BASELINES = ("memory", "circling", "oracle")


def maze_of(kind: str, radius: float, rest_ms: int) -> WaterMaze:
    """A maze of the grid."""
    kinds: dict[str, dict[str, Any]] = {
        "circle": {},
        "anywhere": {"platform_anywhere": True},
        "reversal": {"reversal_ms": MAZE.duration_ms // 2},
    }
    return replace(MAZE, platform_radius=radius, rest_ms=rest_ms, **kinds[kind])


def grid() -> list[WaterMaze]:
    """Every maze of the grid; the kind varies slowest, the rest fastest."""
    return [maze_of(*cell) for cell in product(KINDS, RADII, REST_MS)]


def on_grid(cells: Sequence[Any]) -> np.ndarray:
    """What was found in each maze of `grid`, as (kind, radius, rest, ...)."""
    found = np.stack(cells)
    return found.reshape(len(KINDS), len(RADII), len(REST_MS), *found.shape[1:])


def network_visits(frozen: Frozen, keys: np.ndarray, told: Told) -> np.ndarray:
    """Visits of a network in every maze of the grid, (kind, radius, rest, E)."""
    cells, mazes = [], grid()
    for number, maze in enumerate(mazes):
        told(number / len(mazes), f"maze {number + 1} of {len(mazes)}")
        task = frozen.in_maze(maze)
        cells.append(np.concatenate(run_blocks(frozen.subject, keys, task, intervene(frozen.subject), visits_of(task))))
    return on_grid(cells)


def circles(name: str, keys: np.ndarray) -> np.ndarray:
    """The radius at which a baseline that circles does best in every maze of the grid, (kind, radius, rest)."""
    return on_grid([best_circle(keys[:CIRCLE_TRIED_ON], maze, CIRCLES_TRIED, name) for maze in grid()])


def baseline_visits(name: str, keys: np.ndarray, circle: np.ndarray) -> np.ndarray:
    """Visits of a scripted baseline in every maze of the grid, (kind, radius, rest, E); circle (kind, radius, rest)."""
    parts = range(0, len(keys), BASELINES_AT_ONCE)
    return on_grid([
        np.concatenate([
            np.count_nonzero(
                swim(name, keys[first : first + BASELINES_AT_ONCE], maze, radius).reward > 0.5 * maze.reward, axis=1
            )
            for first in parts
        ])
        for maze, radius in zip(grid(), circle.ravel(), strict=True)
    ])  # fmt: skip


# The result file


def run_grid(networks: Mapping[str, Frozen], keys: np.ndarray, out: Path, seed: int, command: str) -> None:
    """Every condition in every maze of the grid; writes the result file.

    Args:
        networks: by the name of their group; the file's root describes the first.
        keys: (E,) uint64, of the episodes of each maze.

    Raises:
        StoreError: the file could not be written.
    """
    for frozen in networks.values():
        load_compiled(frozen.experiment, frozen.file.network)
    with store.write_atomically(out) as result, meter() as shown:
        put_header(result, "maze_family", networks, keys, seed, command)
        result.attrs["kinds"] = list(KINDS)
        store.put(result, "radius", np.array(RADII), "pool radius", "(radius,): of the platform")
        store.put(result, "rest_ms", np.array(REST_MS), "ms", "(rest,): time on the platform after a visit")
        for number, (name, frozen) in enumerate(networks.items()):
            group = network_group(result, name, frozen)
            told = part_of(shown, name, number, len(networks) + 1)
            _put_visits(group, network_visits(frozen, keys, told))
            group.attrs["frozen_sha256_after"] = frozen.checksum()
        shown.show(len(networks) / (len(networks) + 1), "scripted baselines")
        for name in BASELINES:
            group, circle = result.create_group(name), np.zeros((len(KINDS), len(RADII), len(REST_MS)))
            if name != "oracle":  # which does not circle
                circle = circles(name, keys)
                store.put(group, "circle_radius", circle, "pool radius", "(kind, radius, rest): that earns the most")
            _put_visits(group, baseline_visits(name, keys, circle))


def _put_visits(group: h5py.Group, visits: np.ndarray) -> None:
    store.put(group, "visits", visits.astype(np.int32), "1", "(kind, radius, rest, episode): visits")


COMPARISON = Comparison(Study.MAZE_FAMILY, "maze_family", run_grid, describe, write_figure)
