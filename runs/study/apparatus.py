"""What the experiments share: a frozen network in its maze, episodes in blocks of eight, surgery on the state."""

import queue
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from lsnn.blocks import Block, Threads
from lsnn.kernels.layout import State, Weights
from lsnn.kernels.simd import LANES
from lsnn.network import Network
from lsnn.seeds import STUDY_BRANCH, Study, episode_keys
from runs.testing.conditions import padded
from tasks.water_maze import WaterMaze
from tasks.water_maze.dynamics import GOAL_X, GOAL_Y, X, Y
from tasks.water_maze.trials import trials_table

NEVER = np.iinfo(np.int64).max
STRETCH = 256  # steps of which state variables are kept where an experiment reads none of them

FAST = ("v", "refractory", "pending", "r")  # gone within tens of ms
WHOLE = (*FAST, "b")

Plan = Callable[[Block, slice], None]  # rolls a begun block out to its end; the slice says which episodes it holds
Act = Callable[[Block, np.ndarray, slice], None]  # does something to lanes (8,) bool of a block of episodes


class Item(NamedTuple):
    """A data set of the result file."""

    values: np.ndarray
    units: str
    description: str


class Swim(NamedTuple):
    """Episodes of the maze: their trials, places (E, T + 1, 2), keys (E,) and first platforms (E, 2)."""

    trials: np.ndarray
    position: np.ndarray
    keys: np.ndarray
    goal: np.ndarray


class Findings(NamedTuple):
    """What an experiment leaves: data sets, episodes by condition, attributes."""

    items: dict[str, Item]
    conditions: dict[str, Swim]
    attributes: dict[str, Any]


class Subject(NamedTuple):
    """A network whose weights are frozen, the maze it was trained on, and what runs it."""

    network: Network
    weights: Weights  # those of the network: what all its experiments run on, and what is hashed after them
    task: WaterMaze
    seed: int  # of its meta-training
    threads: Threads
    episodes: int  # of a condition
    tell: Callable[[str], None] = lambda text: None  # how far the experiment is

    @property
    def mean_action(self) -> np.ndarray:
        """Log spread of the policy that always takes its mean."""
        return np.full_like(self.network.log_std, -np.inf)


def study_keys(seed: int, experiment: Study, count: int) -> np.ndarray:
    """Keys of the episodes of an experiment, (count,) uint64."""
    return episode_keys(seed, STUDY_BRANCH, experiment, count)


def study_generator(seed: int, experiment: Study) -> np.random.Generator:
    """For the draws of an experiment that are no part of an episode (moments, subsets)."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STUDY_BRANCH, experiment, 1)))


# Episodes


def run_blocks(
    subject: Subject, keys: np.ndarray, task: WaterMaze, plan: Plan, keep: Callable[[Block, slice], Any],
    stretch: int = STRETCH,
) -> list[Any]:  # fmt: skip
    """What `keep` returns of each block of eight episodes, in order.

    Args:
        keys: (E,) uint64. plan: rolls a begun block out. keep: takes the block at its end.
        stretch: steps of which a block's record keeps the state variables; 0 = all.
    """
    spare: queue.SimpleQueue[Block] = queue.SimpleQueue()
    for _ in range(subject.threads.count):
        spare.put(
            Block(task, subject.network, task.duration_ms, keep_states=True, stretch=stretch, gradient=False)
        )
    parts = padded(keys)

    def work(number: int, part: np.ndarray) -> Any:
        block = spare.get()
        block.begin(task, part)
        episodes = slice(LANES * number, min(LANES * (number + 1), len(keys)))
        plan(block, episodes)
        kept = keep(block, episodes)
        spare.put(block)
        subject.tell(f"{episodes.stop} of {len(keys)} episodes")
        return kept

    return subject.threads.map(work, range(len(parts)), parts)


def swim(subject: Subject, keys: np.ndarray, plan: Plan | None = None, task: WaterMaze | None = None) -> Swim:
    """Episodes under a plan; without one, nothing is done to the network."""
    family = task or subject.task

    def keep(block: Block, episodes: slice) -> tuple[np.ndarray, np.ndarray]:
        states = block.trace.task_state.transpose(1, 0, 2)[: episodes.stop - episodes.start]
        trials = trials_table(family, states)
        trials["episode"] += episodes.start
        return trials, states[..., [X, Y, GOAL_X, GOAL_Y]]

    kept = run_blocks(subject, keys, family, plan or surgery(subject), keep)
    states = np.concatenate([states for _, states in kept])
    return Swim(np.concatenate([table for table, _ in kept]), states[..., :2], keys, states[:, 0, 2:])


def surgery(subject: Subject, *events: tuple[np.ndarray, Act], weights: Weights | None = None) -> Plan:
    """The plan that changes lanes at moments of their own.

    Args:
        events: moments (E,), the step before which an episode is changed, or `NEVER`; and what is done then. Later
            events come after earlier ones where they share a step.
    """
    frozen = subject.weights if weights is None else weights

    def plan(block: Block, episodes: slice) -> None:
        moments = [of_lanes(when, episodes, NEVER) for when, _ in events]
        for step in np.unique(np.concatenate([*moments, [block.steps]])):
            block.roll_out(frozen, subject.mean_action, int(min(step, block.steps)) - block.t)
            for when, (_, act) in zip(moments, events, strict=True):
                if step < block.steps and (when == step).any():
                    act(block, when == step, episodes)

    return plan


def of_lanes(values: np.ndarray, episodes: slice, fill: Any) -> np.ndarray:
    """The values (E, ...) of a block's episodes, lanes past the last filled up; (8, ...)."""
    lanes = np.full((LANES, *values.shape[1:]), fill, values.dtype)
    lanes[: episodes.stop - episodes.start] = values[episodes]
    return lanes


def find_rows(trials: np.ndarray, episodes: int, trial: int = 0) -> np.ndarray:
    """Row at which each animal stands on the platform at the end of a trial, (E,); `NEVER` without a find."""
    rows = np.full(episodes, NEVER)
    chosen = trials[(trials["trial"] == trial) & trials["found"]]
    rows[chosen["episode"]] = chosen["start_ms"] + chosen["latency_ms"]
    return rows


def later(rows: np.ndarray, ms: int) -> np.ndarray:
    """The rows so much later; `NEVER` stays."""
    return np.where(rows == NEVER, NEVER, np.minimum(rows, NEVER - ms) + ms)


def moments_after_first_find(subject: Subject, found: np.ndarray, latest: int, generator: np.random.Generator):
    """A moment for each episode, uniform from its second start to `latest`; `NEVER` if that comes too late; (E,)."""
    first = later(found, subject.task.rest_ms + subject.task.dark_ms)
    share = generator.random(len(found))
    width = np.maximum(latest - np.minimum(first, latest), 0)
    return np.where(first < latest, np.minimum(first, latest) + (share * width).astype(np.int64), NEVER)


# The state


def part_of(state: State, name: str, n_neurons: int) -> np.ndarray:
    """A view of v, b, refractory, pending (currents in the delay lines) or r (readout); lanes come last."""
    if name in ("v", "b"):
        return state.x[:n_neurons] if name == "v" else state.x[n_neurons:]
    return getattr(state, name)


def erase(subject: Subject, parts: Sequence[str]) -> Act:
    """Sets these parts of the state to zero."""
    return lambda block, lanes, _: _set(block, lanes, parts, subject.network.config.n_neurons)


def _set(block: Block, lanes: np.ndarray, parts: Sequence[str], n_neurons: int) -> None:
    for name in parts:
        part_of(block.state, name, n_neurons)[..., lanes] = 0


def note_adaptation(subject: Subject, b: np.ndarray) -> Act:
    """Copies b into the rows of its episodes, (E, n_adaptive); changes nothing."""

    def act(block: Block, lanes: np.ndarray, episodes: slice) -> None:
        real = np.flatnonzero(lanes[: episodes.stop - episodes.start])
        b[episodes.start + real] = part_of(block.state, "b", subject.network.config.n_neurons)[:, real].T

    return act


def give_adaptation(subject: Subject, b: np.ndarray) -> Act:
    """Sets b of every neuron, (n_adaptive,)."""

    def act(block: Block, lanes: np.ndarray, _: slice) -> None:
        part_of(block.state, "b", subject.network.config.n_neurons)[:, lanes] = b[:, None]

    return act


def decay_of_b(network: Network) -> float:
    """exp(-dt/tau_a)."""
    return float(np.exp(-network.config.dt_ms / network.config.tau_a_ms))
