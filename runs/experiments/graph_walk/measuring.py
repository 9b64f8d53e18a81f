"""All learners measured on grids of every side, and the file of the experiment."""

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from agents.config import AgentExperiment
from agents.networks import Agent
from agents.playing import played_by, replayed, states_under
from lsnn import Simulation
from lsnn.errors import InputError
from lsnn.files import store
from lsnn.files.folders import alone_in, output_folder
from lsnn.network import Network
from lsnn.progress import meter, say
from runs.experiments.graph_walk.codes import Codes, codes_of
from runs.experiments.options import Asked, check_numbers
from runs.experiments.side_by_side import result_file
from runs.experiments.similarity.learners import Learner, open_learner, with_random_weights
from tasks.experiment import require_different
from tasks.graph_walk import FAMILY
from tasks.graph_walk.family import moves_in
from tasks.graph_walk.task import LARGEST_SIDE

NAME = "graph_walk"
SIDES = range(3, LARGEST_SIDE + 1)
MAP_SIDE = 2 * LARGEST_SIDE - 1  # places counted from the first room
MEASURES = {
    "explained": ("1", "share of the variance that lies between places"),
    "information": ("1", "bits per spike that activity tells of the place"),
    "sixty": ("1", "gridness of hexagonal grids"),
    "ninety": ("1", "gridness of square grids"),
}


class Played(NamedTuple):
    """Episodes of one side: trials (rows,), activity (E, V, U)."""

    trials: np.ndarray
    activity: np.ndarray


def run(asked: Asked, paths: list[Path]) -> None:
    """Measure the learners of these files, write graph_walk.h5, draw graph_walk.png and tell of it.

    Raises:
        InputError: a bad number, a learner of another task or given twice, or a folder that holds these files already.
    """
    from analysis.graph_walk import show

    check_numbers(episodes=asked.episodes, threads=asked.threads, seed=asked.seed)
    learners = [open_learner(path) for path in paths]
    require_different(paths)
    for each in learners:
        _require_fitting(each)
    folder = output_folder(asked.out, "", (f"{NAME}.h5", f"{NAME}.png"), asked.overwrite, paths)
    result, figure = folder / f"{NAME}.h5", folder / f"{NAME}.png"
    with alone_in(folder):
        first = learners[0]
        about = first.experiment.as_mapping(), first.sha256
        with result_file(NAME, result, *about, asked) as (file, keys), meter() as shown:
            store.put(file, "side", np.array(SIDES), "1", "(side,): rooms along a side of the grid")
            _put_baselines(file, first.task, keys)
            for number, each in enumerate(learners):
                shown.show(number / len(learners), each.path.name)
                _put_learner(file.create_group(f"network_{number}"), each, keys, asked.threads)
        told = show(result, figure)
    say(f"{told}\nresult: {result}\nfigure: {figure}")


def _require_fitting(each: Learner) -> None:
    if each.task.name != FAMILY.name:
        raise InputError(f"{each.path}: must be a learner of {FAMILY.name}, got one of {each.task.name}")
    if isinstance(each.experiment, AgentExperiment) and each.experiment.decision_ms != each.task.visit_ms:
        got = each.experiment.decision_ms
        raise InputError(f"{each.path}: agent.decision_ms must be {each.task.visit_ms}, a visit, got {got}")


def of_side(task: Any, side: int) -> Any:
    """The task on grids of one side."""
    return replace(task, side_min=side, side_max=side)


def _put_baselines(file: h5py.File, task: Any, keys: np.ndarray) -> None:
    group = file.create_group("baselines")
    for name in FAMILY.baselines:
        tables = [FAMILY.play(name, of_side(task, side), keys, lambda count: keys[:count]).trials for side in SIDES]
        _put_answers(group.create_group(name), tables, len(keys))


def _put_answers(group: h5py.Group, tables: list[np.ndarray], episodes: int) -> None:
    """Right answers and questions of each side and episode."""
    right, asked = np.zeros((2, len(tables), episodes), np.int32)
    for at, table in enumerate(tables):
        known = table[table["known"]]
        asked[at] = np.bincount(known["episode"], minlength=episodes)
        right[at] = np.bincount(known["episode"][known["correct"]], minlength=episodes)
    store.put(group, "right", right, "1", "(side, episode): right answers in rooms visited before")
    store.put(group, "asked", asked, "1", "(side, episode): moves to rooms visited before")


def _put_learner(group: h5py.Group, learner: Learner, keys: np.ndarray, threads: int) -> None:
    task = learner.task
    group.attrs.update(network=learner.path.name, seed=learner.seed, command=learner.command, kind=learner.kind)
    group.attrs.update(frozen_sha256=learner.sha256, side_min=task.side_min, side_max=task.side_max)
    played = [_played(learner, of_side(task, side), keys, threads) for side in SIDES]
    _put_answers(group, [each.trials for each in played], len(keys))
    trained = played[-1].activity
    walked = np.arange(len(keys))
    _put_codes(group, "trained", _codes(task, trained, keys, walked))
    _put_codes(group, "shuffled", _codes(task, trained, keys, np.roll(walked, len(keys) // 2)))
    before = _played(with_random_weights(learner), of_side(task, SIDES[-1]), keys, threads).activity
    _put_codes(group, "untrained", _codes(task, before, keys, walked))


def _played(learner: Learner, task: Any, keys: np.ndarray, threads: int) -> Played:
    """The episodes of a learner on a task of one side."""
    if isinstance(learner.body, Network):
        return _spiking(learner.body, task, keys, threads)
    assert isinstance(learner.body, Agent) and isinstance(learner.experiment, AgentExperiment)
    experiment = replace(learner.experiment, task=task)
    trials = played_by(experiment, learner.body, keys).trials
    still = np.zeros((len(keys), task.visits, task.n_action))
    return Played(trials, states_under(learner.body, replayed(experiment, keys, still).inputs))


def _spiking(network: Network, task: Any, keys: np.ndarray, threads: int) -> Played:
    """A unit of a spiking network is a neuron's number of spikes in a visit."""
    simulation = Simulation(network, task, keys=keys, threads=threads)
    simulation.run()
    record, shape = simulation.record, (len(keys), task.visits, network.config.n_neurons)
    spikes = record.spikes
    place = np.ravel_multi_index((spikes.episode, spikes.time_ms // task.visit_ms, spikes.cell), shape)
    counts = np.bincount(place, minlength=int(np.prod(shape))).reshape(shape)
    return Played(record.trials.to_records(index=False), counts.astype(np.float32))


def _codes(task: Any, activity: np.ndarray, keys: np.ndarray, walked: np.ndarray) -> Codes:
    """The codes of activity (E, V, U) under the walks of other episodes, `walked` (E,)."""
    largest = of_side(task, SIDES[-1])
    table = moves_in(largest, largest.walks(keys[walked]))
    row, column = table["south"] + LARGEST_SIDE - 1, table["east"] + LARGEST_SIDE - 1
    return codes_of(activity.reshape(len(table), -1), row.astype(np.intp) * MAP_SIDE + column, MAP_SIDE)


def _put_codes(parent: h5py.Group, name: str, codes: Codes) -> None:
    group = parent.create_group(name)
    for measure, (unit, text) in MEASURES.items():
        store.put(group, measure, getattr(codes, measure), unit, f"(unit,): {text}; NaN of a constant unit")
    text = "(unit, south, east): mean activity above its least by place, from the first room; NaN where seldom visited"
    store.put(group, "map", codes.maps.astype(np.float32), "1", text)
