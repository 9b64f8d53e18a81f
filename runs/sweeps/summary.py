"""The summary of a sweep: a table of its cells and their learning curves in HDF5, and a figure."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from analysis.sweep import write_figure
from lsnn.blocks import Block
from lsnn.errors import InputError
from lsnn.files import store
from lsnn.files.network_file import load_network
from lsnn.kernels.simd import LANES
from lsnn.network import Network
from lsnn.progress import say
from lsnn.seeds import TEST_BRANCH, VALIDATION_BRANCH, episode_keys
from lsnn.task import Task
from runs.sweeps.spec import FAILURE, FIGURE, SUMMARY, Cell, Spec, finished
from runs.training.train import CHECKPOINT, NETWORK, VALIDATION_EPISODES, practice_of
from tasks import registry
from tasks.experiment import open_network, preset
from tasks.family import family_of

PENDING, FINISHED, FAILED, UNFINISHED = range(4)
STATUS = ("pending", "finished", "failed", "unfinished")
ENOUGH = 0.75  # of the oracle
COLUMNS = {  # unit, description
    "group": ("1", "number of the combination of settings, or of the variant (0 the reference)"),
    "seed": ("1", "seed of the run"),
    "status": ("1", f"0..3 stand for {', '.join(STATUS)}"),
    "iterations": ("1", "iterations done"),
    "minutes": ("min", "spent on meta-training"),
    "final_fraction": ("1", "score of the frozen network on worlds of the test branch / that of the oracle, if any"),
    "iterations_to_enough": ("1", f"iterations until the validation first reached {ENOUGH:g} of the oracle, else NaN"),
    "minutes_to_enough": ("min", "the same in minutes"),
}


class Curve(NamedTuple):
    """Tests on the validation worlds as a run went on: each (tests,), score as a fraction of the oracle's, if any."""

    iteration: np.ndarray
    minutes: np.ndarray
    fraction: np.ndarray


def write(folder: Path, spec: Spec, cells: list[Cell], command: str) -> Path:
    """Write summary.h5 and summary.png from what the cells have left."""
    rows, curves = zip(*(summed_up(folder / cell.name, spec, cell) for cell in cells), strict=True)
    table = np.array([tuple(row[name] for name in COLUMNS) for row in rows], [(name, np.float64) for name in COLUMNS])
    path, labels = folder / SUMMARY, [label_of(spec, cell) for cell in cells[:: len(spec.seeds)]]
    family = registry.family(spec.task)
    score = family.history_of(preset(spec.task, spec.preset).task)[0].label
    of_oracle = family.oracle is not None
    with store.write_atomically(path) as file:
        file.attrs.update(store.provenance("sweep", _as_mapping(spec), spec.draw_seed, command))
        file.attrs["cells"] = json.dumps([cell.name for cell in cells])
        file.attrs["groups"] = json.dumps(labels)
        file.attrs["score"] = score
        file.attrs["of_oracle"] = of_oracle
        file.attrs["failures"] = json.dumps(_failures(folder, cells))
        units, descriptions = ({name: column[k] for name, column in COLUMNS.items()} for k in range(2))
        store.put_table(file, "cells", table, units, descriptions)
        group = file.create_group("curves")
        for name, unit in (("iteration", "1"), ("minutes", "min"), ("fraction", "1")):
            joined = np.concatenate([getattr(curve, name) for curve in curves])
            store.put(group, name, joined, unit, f"{name} of each test on the validation mazes, cell after cell")
        offsets = np.cumsum([0, *(len(curve.iteration) for curve in curves)])
        store.put(group, "cell_offsets", offsets, "1", "tests of cell k: cell_offsets[k] to before cell_offsets[k + 1]")
    for group, label in enumerate(labels):
        found = table["final_fraction"][(table["group"] == group) & np.isfinite(table["final_fraction"])]
        if len(found):
            unit = "of the oracle" if of_oracle else score
            say(f"{label}: {found.mean():.3f} [{found.min():.3f}, {found.max():.3f}] {unit}, n = {len(found)}")
    count = {status: sum(row["status"] == code for row in rows) for code, status in enumerate(STATUS)}
    say(", ".join(f"{number} {status}" for status, number in count.items() if number) + f" of {len(cells)} cells")
    say(f"summary: {path}\nfigure: {write_figure(path, folder / FIGURE)}")
    return path


def _as_mapping(spec: Spec) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(spec).items()}


def label_of(spec: Spec, cell: Cell) -> str:
    """A combination in words: last part of each varied key, and its value; or the name of a variant."""
    if spec.variants:
        return ("reference", *spec.variants)[cell.group]
    parts = []
    for key in spec.varied:
        value = cell.settings[key]
        parts.append(
            f"{key.rpartition('.')[2]} {value:.3g}" if isinstance(value, float) else f"{key.rpartition('.')[2]} {value}"
        )
    return ", ".join(parts) or spec.preset


def _failures(folder: Path, cells: list[Cell]) -> dict[str, str]:
    places = {cell.name: folder / cell.name / FAILURE for cell in cells}
    return {name: _reason(place) for name, place in places.items() if place.exists()}


def _reason(failure: Path) -> str:
    try:
        return str(json.loads(failure.read_text(encoding="utf-8"))["reason"])
    except (ValueError, KeyError, TypeError):
        return f"unknown: {failure} cannot be read"


def summed_up(place: Path, spec: Spec, cell: Cell) -> tuple[dict[str, float], Curve]:
    """A cell's row of the table, and its learning curve."""
    row = dict.fromkeys(COLUMNS, np.nan) | {"group": cell.group, "seed": cell.seed, "status": PENDING, "iterations": 0}
    empty = Curve(np.zeros(0), np.zeros(0), np.zeros(0))
    done = finished(place, cell.budget)
    if done:
        row["status"] = FINISHED
    elif (place / FAILURE).exists():
        row["status"] = FAILED
    elif (place / CHECKPOINT).exists():
        row["status"] = UNFINISHED
    try:
        history = load_network(place / CHECKPOINT).history
    except InputError:
        return row, empty
    if history is None:
        return row, empty
    row |= {"iterations": len(history), "minutes": float(history["minutes"][-1])}
    _, experiment = open_network(place / CHECKPOINT, spec.task)
    curve = curve_of(history, experiment.task, cell.seed)
    reached = np.flatnonzero(curve.fraction >= ENOUGH)
    if len(reached) and family_of(experiment.task).oracle:
        first = reached[0]
        row |= {"iterations_to_enough": curve.iteration[first], "minutes_to_enough": curve.minutes[first]}
    if done:
        network = load_network(place / NETWORK).network
        row["final_fraction"] = tested_fraction(network, experiment.task, cell.seed, spec.episodes)
    return row, curve


def curve_of(history: np.ndarray, task: Task, seed: int) -> Curve:
    """Tests on the validation mazes beside the oracle on the same."""
    family = family_of(task)
    column = f"{family.whole}_{family.history_of(task)[0].name}"
    if column not in (history.dtype.names or ()):
        return Curve(np.zeros(0), np.zeros(0), np.zeros(0))
    rows = history[np.isfinite(history[column])]
    keys = episode_keys(seed, VALIDATION_BRANCH, 0, VALIDATION_EPISODES)
    best = family.best_score(task, keys, practice_of(seed))
    return Curve(rows["iteration"] + 1, rows["minutes"], rows[column] / best)


def tested_fraction(network: Network, task: Task, seed: int, episodes: int) -> float:
    """Score of the frozen network, mean policy, on at least so many worlds of the test branch, over the oracle's."""
    family = family_of(task)
    keys = episode_keys(seed, TEST_BRANCH, 0, -(-episodes // LANES) * LANES)
    weights, block = network.weights(), Block(task, network, task.duration_ms)
    reward, acted = [], []
    for part in keys.reshape(-1, LANES):
        block.begin(task, part)
        block.roll_out(weights, np.full(max(1, task.n_action), -np.inf))
        reward.append(block.trace.reward.T.copy())
        acted.append(block.trace.acted.T.copy())
    score = family.history_of(task)[0].name
    measured = task.metrics(np.concatenate(reward), np.concatenate(acted))[score]
    return measured / family.best_score(task, keys, practice_of(seed))
