"""A frozen network on its task, episodes in blocks of eight, and interventions on the state: what experiments share."""

import queue
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from lsnn.blocks import Block, Threads
from lsnn.kernels.layout import State, Weights
from lsnn.kernels.simd import LANES
from lsnn.network import Network
from lsnn.seeds import STUDY_BRANCH, Study, episode_keys
from runs.testing.conditions import padded

NEVER = np.iinfo(np.int64).max
SEGMENT = 256  # steps of which state variables are kept where an experiment reads none of them
ALIF = "alif"

SPIKES = "neuron): spikes up to the step through an exponential filter, or the output of a neuron that has one"
BRIEF = ("v", "refractory", "pending", "r")  # what every model has, gone within tens of ms

Plan = Callable[[Block, slice], None]  # rolls a begun block out to its end; the slice says which episodes it holds
Act = Callable[[Block, np.ndarray, slice], None]  # does something to lanes (8,) bool of a block of episodes


class Item(NamedTuple):
    """A data set of the result file."""

    values: np.ndarray
    units: str
    description: str


class Episodes(Protocol):
    """Episodes of a condition, as the result file keeps them: trials, keys (E,), and further data sets by name."""

    trials: np.ndarray
    keys: np.ndarray

    @property
    def duration_ms(self) -> int: ...

    @property
    def items(self) -> Mapping[str, Item]: ...


class Findings(NamedTuple):
    """What an experiment leaves: data sets, episodes by condition, attributes."""

    items: dict[str, Item]
    conditions: Mapping[str, Any]  # of `Episodes`
    attributes: dict[str, Any]


class Subject(NamedTuple):
    """A network whose weights are frozen, the task it was trained on, and what runs it."""

    network: Network
    weights: Weights  # those of the network: what all its experiments run on, and what is hashed after them
    task: Any
    seed: int  # of its meta-training
    threads: Threads
    episodes: int  # of a condition
    tell: Callable[[str], None] = lambda text: None  # how far the experiment is

    @property
    def mean_action(self) -> np.ndarray:
        """Log std of the policy that always takes its mean, or the choice that is most likely."""
        return np.full(max(1, len(self.network.log_std)), -np.inf)

    @property
    def kept(self) -> list[str]:
        """State variables beside the membranes, by name."""
        return kept_variables(self.network)


def study_keys(seed: int, experiment: Study, count: int) -> np.ndarray:
    """Keys of the episodes of an experiment, (count,) uint64."""
    return episode_keys(seed, STUDY_BRANCH, experiment, count)


def study_generator(seed: int, experiment: Study, *part: int) -> np.random.Generator:
    """For the draws of an experiment, or of a part of it, that are no part of an episode (moments, subsets)."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STUDY_BRANCH, experiment, 1, *part)))


def whole_blocks(count: int) -> int:
    """The number of episodes that fill blocks, at least so many."""
    return count + -count % LANES


# Episodes


def run_blocks(
    subject: Subject, keys: np.ndarray, task: Any, plan: Plan, keep: Callable[[Block, slice], Any],
    segment: int = SEGMENT,
) -> list[Any]:  # fmt: skip
    """What `keep` returns of each block of eight episodes, in order.

    Args:
        keys: (E,) uint64. plan: rolls a begun block out. keep: takes the block at its end.
        segment: steps of which a block's record keeps the state variables; 0 = all.
    """
    spare: queue.SimpleQueue[Block] = queue.SimpleQueue()
    for _ in range(subject.threads.count):
        spare.put(Block(task, subject.network, task.duration_ms, True, segment=segment, gradient=False, finite=True))
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


def intervene(subject: Subject, *events: tuple[np.ndarray, Act], weights: Weights | None = None) -> Plan:
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


def later(rows: np.ndarray, ms: int) -> np.ndarray:
    """The rows so much later; `NEVER` stays."""
    return np.where(rows == NEVER, NEVER, np.minimum(rows, NEVER - ms) + ms)


# The state


def kept_variables(network: Network) -> list[str]:
    """State variables that the neuron models keep beside the membranes, by name."""
    n = network.config.n_neurons
    return sorted({name for group in network.variables() for name, at in group.items() if n <= at.start < at.stop})


def slots_of(network: Network, names: Sequence[str]) -> np.ndarray:
    """Where the state holds these variables of all neurons that have them, (slots,)."""
    n, groups = network.config.n_neurons, network.variables()
    parts = [group[name] for name in names for group in groups if name in group and group[name].start >= n]
    return np.concatenate([np.empty(0, int), *(np.arange(part.start, part.stop) for part in parts)])


def with_sent(network: Network, spikes: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Filtered spikes (..., N) with, in place of those of neurons with an output, what they send in that step.

    x: (..., slots) as recorded.
    """
    for group, slots in zip(network.groups, network.sent(), strict=True):
        if slots is not None:
            spikes[..., group.neurons] = x[..., slots]
    return spikes


def place_of(state: State, name: str, network: Network) -> tuple[np.ndarray, Any]:
    """The array that holds a part of the state and its rows there: a variable, or one of `BRIEF`; lanes come last."""
    if name == "v":
        return state.x, slice(0, network.config.n_neurons)
    if name in BRIEF:
        return getattr(state, name), slice(None)
    return state.x, slots_of(network, [name])


def clear(state: State, parts: Sequence[str], network: Network, lanes: np.ndarray | bool = True) -> None:
    """Set these parts of the lanes, (8,) bool, to zero."""
    for name in parts:
        array, rows = place_of(state, name, network)
        array[rows] = np.where(lanes, 0, array[rows])


def exchange(state: State, parts: Sequence[str], network: Network, order: np.ndarray) -> None:
    """Each lane takes these parts of the state from the lane that `order` (8,) names."""
    for name in parts:
        array, rows = place_of(state, name, network)
        array[rows] = array[rows][..., order]


def shifted(state: State, steps: int) -> State:
    """The state as it would be so many steps later with nothing happened: currents under way arrive as much later."""
    rings = state.pending.reshape(2, -1, *state.pending.shape[1:])
    return state._replace(pending=np.roll(rings, steps, axis=1).reshape(state.pending.shape))


def erase(subject: Subject, parts: Sequence[str]) -> Act:
    """Sets these parts of the state to zero."""
    return lambda block, lanes, _: clear(block.state, parts, subject.network, lanes)


def note(subject: Subject, names: Sequence[str], into: np.ndarray) -> Act:
    """Copies variables into the rows of its episodes, (E, slots); changes nothing."""
    slots = slots_of(subject.network, names)

    def act(block: Block, lanes: np.ndarray, episodes: slice) -> None:
        real = np.flatnonzero(lanes[: episodes.stop - episodes.start])
        into[episodes.start + real] = block.state.x[slots][:, real].T

    return act


def give(subject: Subject, names: Sequence[str], values: np.ndarray) -> Act:
    """Sets variables of every neuron that has them, (slots,)."""
    slots = slots_of(subject.network, names)

    def act(block: Block, lanes: np.ndarray, _: slice) -> None:
        block.state.x[slots] = np.where(lanes, values[:, None], block.state.x[slots])

    return act


def hold(subject: Subject, moments: np.ndarray, held: np.ndarray) -> Plan:
    """The plan that holds what the neurons keep beside their membranes at values (E, slots) from a moment (E,) on.

    It is set before every step; for `alif` to what decays to the value, so the threshold of every step is that of it.
    """
    slots = slots_of(subject.network, subject.kept)
    before = held / decay_of_b(subject.network) if subject.network.config.adaptive_model == ALIF else held

    def plan(block: Block, episodes: slice) -> None:
        when, values = of_lanes(moments, episodes, NEVER), of_lanes(before, episodes, 0).T
        block.roll_out(subject.weights, subject.mean_action, int(min(when.min(), block.steps)) - block.t)
        while block.t < block.steps:
            block.state.x[slots] = np.where(when <= block.t, values, block.state.x[slots])
            block.roll_out(subject.weights, subject.mean_action, 1)

    return plan


def decay_of_b(network: Network) -> float:
    """exp(-dt/tau_a)."""
    return float(np.exp(-network.config.dt_ms / network.config.tau_a_ms))
