"""What the experiment plastic-rivals runs: five subjects, four conditions, one result file."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from agents.plastic.actor_critic import ActorCritic
from agents.plastic.btsp import GoalField, goal_field
from agents.plastic.foster import foster
from agents.plastic.one_shot import OneShot, one_shot
from agents.plastic.playing import Agent, play, raised
from analysis.plastic_rivals import describe, write_figure
from lsnn.blocks import Threads
from lsnn.errors import InputError
from lsnn.files import store
from lsnn.files.folders import alone_in, output_folder
from lsnn.progress import meter, say
from lsnn.seeds import Study
from runs.experiments.options import Asked, check_numbers
from runs.output.command import command_line
from runs.study.subject import study_generator, study_keys
from runs.testing.conditions import Session
from runs.testing.result_file import put_latent, put_played, put_trials
from runs.testing.run import put_header, run_network
from tasks.experiment import Experiment, open_network
from tasks.water_maze import WaterMaze
from tasks.water_maze.baselines import CIRCLE_TRIED_ON, best_circle
from tasks.water_maze.family import FAMILY, hidden
from tasks.water_maze.trials import trials_table

NAME = "plastic_rivals"
RATS, MAZES, STRAIGHT_MAZES = (
    8,
    60,
    40,
)  # actor-critics, and the mazes they lived in; mazes of those who learn their own place
DARK_MS, DARKS = 1000, 4  # a dark, and how many more of them an episode has room for
AT_ONCE = 64  # episodes in memory with their states; a multiple of RATS
BASELINES = ("circling", "memory", "oracle")


class Way(NamedTuple):
    """What is done to a subject at every release."""

    label: str
    reset_weights: bool = False
    reset_state: bool = False
    dark: bool = False


WAYS = {
    "": Way("as it is"),
    "weights_reset": Way("weights reset", reset_weights=True),
    "state_reset": Way("state reset", reset_state=True),
    "dark": Way("1 s of dark", dark=True),
}
AGENTS = {
    "actor_critic": "actor-critic",
    "coordinates": "actor-critic with coordinates",
    "one_shot": "one-shot map",
    "goal_field": "goal field (BTSP)",
}
NETWORK = "frozen"


def group_name(subject: str, way: str) -> str:
    """Of a subject's condition."""
    return f"{subject}_{way}" if way else subject


def carry_out(path: Path, asked: Asked) -> None:
    """Run every subject in every condition on the same episodes, write the file, draw it and tell of it.

    Raises:
        InputError: a bad number, a network of another task or maze, or a folder that holds these files already.
    """
    check_numbers(episodes=asked.episodes, threads=asked.threads, seed=asked.seed)
    file, experiment = open_network(path)
    maze = own_maze(path, experiment)
    files = (f"{NAME}.h5", f"{NAME}.png")
    folder = output_folder(asked.out, "", files, asked.overwrite, [path])
    result, figure = (folder / name for name in files)
    keys = study_keys(asked.seed, Study.PLASTIC_RIVALS, asked.episodes or 0)
    session = Session(file, replace(experiment, task=maze), keys, 0, Threads(asked.threads))
    with alone_in(folder):
        with store.write_atomically(result) as into, meter() as shown:
            put_header(into, session, (NETWORK,), asked.seed, command_line())
            into.attrs.update(experiment=NAME, conditions=json.dumps(conditions()))
            put_networks(into, session, lambda share, text: shown.show(0.5 * share, text))
            shown.show(0.5, "agents")
            put_agents(into, session, asked.seed)
            for name in BASELINES:
                played = FAMILY.play(name, maze, keys, lambda count: keys)
                put_played(into.create_group(name), maze, keys, played, None, np.arange(0))
        write_figure(result, figure)
    say(f"{describe(result)}\nresult: {result}\nfigure: {figure}")


def own_maze(path: Path, experiment: Experiment) -> WaterMaze:
    """The maze of the network's meta-training, without dark; InputError for what the agents cannot swim in."""
    task = experiment.task
    if not isinstance(task, WaterMaze):
        raise InputError(f"{path}: must be a network for {WaterMaze.name}, got {task.name}")
    if task.cued or task.rotation_degrees > 0:
        raise InputError(f"{path}: must be a network of one platform whose actions are not turned")
    return replace(task, dark_ms=0, dark_ms_min=None, no_dark=0.0)


def dark(maze: WaterMaze) -> WaterMaze:
    """The same maze with a dark after every visit, and as much longer as some darks take."""
    return replace(maze, dark_ms=DARK_MS, duration_ms=maze.duration_ms + DARKS * DARK_MS)


def conditions() -> list[list[str]]:
    """Name, label and role of every condition of the file."""
    told = []
    for subject, label in {NETWORK: "frozen network", **AGENTS}.items():
        role = "network" if subject == NETWORK else "agent"
        told += [
            [group_name(subject, way), f"{label}, {of.label}" if way else label, "control" if way else role]
            for way, of in WAYS.items()
        ]
    from runs.testing.run import described  # of the baselines

    scripted = {name: (label, role) for name, label, role in described(WaterMaze(), ())}
    return told + [[name, *scripted[name]] for name in BASELINES]


def put_networks(into: h5py.File, session: Session, tell: Callable[[float, str], None]) -> None:
    """The network's conditions. No weight of it changes, so resetting them gives the same episodes: they are copied."""
    mazes = {
        "": (NETWORK, session.task),
        "state_reset": ("state_reset", session.task),
        "dark": (NETWORK, dark(session.task)),
    }
    for way, (condition, maze) in mazes.items():
        other = session._replace(experiment=replace(session.experiment, task=maze))
        run_network(other, into.create_group(group_name(NETWORK, way)), condition, np.arange(0), tell)
    attrs = into[NETWORK].attrs
    assert attrs["frozen_sha256_before"] == attrs["frozen_sha256_after"]
    into.copy(NETWORK, group_name(NETWORK, "weights_reset"))


def put_agents(into: h5py.File, session: Session, seed: int) -> None:
    """Every agent in every condition."""
    maze, keys = session.task, session.keys
    for subject, agent in agents_of(maze, keys, seed).items():
        for way, of in WAYS.items():
            task, parts = dark(maze) if of.dark else maze, range(0, len(keys), AT_ONCE)
            tables = [_trials(agent, keys[first : first + AT_ONCE], task, of, first) for first in parts]
            group = into.create_group(group_name(subject, way))
            put_trials(group, FAMILY, keys, np.concatenate([trials for trials, _ in tables]), task.duration_ms)
            put_latent(group, task, np.concatenate([latent for _, latent in tables]))


def _trials(
    agent: Agent, keys: NDArray[np.uint64], task: WaterMaze, way: Way, first: int
) -> tuple[np.ndarray, np.ndarray]:
    """Trials of some episodes, of which `first` come before, and what these hide."""
    record = play(agent, keys, task, way.reset_weights, way.reset_state)
    trials = trials_table(task, record.task_state)
    trials["episode"] += first
    return trials, hidden(task, record.task_state)


def agents_of(maze: WaterMaze, keys: NDArray[np.uint64], seed: int) -> dict[str, Agent]:
    """The agents as they come to the test; keys: of its episodes."""

    def drawn(part: int, *shape: int) -> NDArray[np.uint64]:
        return study_generator(seed, Study.PLASTIC_RIVALS, part).integers(2**64, size=shape, dtype=np.uint64)

    circle, cells = best_circle(keys[:CIRCLE_TRIED_ON], maze), int(drawn(0, 1)[0])
    lives = drawn(1, RATS, MAZES)
    return {
        "actor_critic": raised(foster(cells, ActorCritic()), lives, maze),
        "coordinates": raised(foster(cells, ActorCritic(coordinates=True)), lives, maze),
        "one_shot": one_shot(cells, OneShot(circle=circle), drawn(2, STRAIGHT_MAZES), maze),
        "goal_field": goal_field(cells, GoalField(circle=circle, speed=maze.speed)),
    }
