"""Store and recall: keep one bit of a stream, name it when asked (Bellec et al. 2018, after LSNN-official).

Time goes in slots. A random bit is shown in every slot. With one of them STORE is shown: it has to be kept. Some slots
later RECALL is shown without a bit, and the readout has to name the bit that was kept; then the next STORE may come.
Delays and waits are counted in slots between the two. In the last `dark_ms` of a delay nothing is shown at all: what is
recalled then was kept without input.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from gymnasium.spaces import MultiBinary
from numba import njit
from numpy.typing import ArrayLike, NDArray

from lsnn.configuration import NOTHING, documented, parameter
from lsnn.kernels.draws import TASK_STEP, step_key, uniform_of
from lsnn.kernels.entry import at_least, entry, numbers
from lsnn.learning.config import LearningConfig
from lsnn.task import ActionKind, Encoder, Loss
from lsnn.validation import keys_of, require, require_integer
from tasks.encoders import FlagCells
from tasks.family import Environment, Family, Latent, Measure, Preset, Trace
from tasks.presets import SMALL

# The state (float64, N_STATE). STEP counts within the slot; BIT is that of the slot, KEPT the one to be recalled; LEFT
# counts the slots until the next signal; DELAY is that of the present pair of STORE and RECALL, in slots.
STEP, SLOT, BIT, SIGNAL, KEPT, LEFT, DELAY, HOLDING = range(8)
N_STATE = 8
NO_SIGNAL, STORE, RECALL = 0.0, 1.0, 2.0

# The parameters (float64)
SLOT_STEPS, DELAY_MIN, DELAY_MAX, WAIT_MAX, ANSWER_STEPS, DARK_STEPS = range(N_PARAMETERS := 6)


@njit(error_model="numpy")
def _whole(u, low, high):
    """The whole number that a draw u in [0, 1) picks from low..high."""
    return low + np.floor(u * (high - low + 1.0))


@njit(error_model="numpy")
def _begin_slot(key, parameters, state):
    """Show the bit of the slot and, when its time has come, STORE or RECALL."""
    stepped = step_key(key, int(state[SLOT]), TASK_STEP)
    state[STEP], state[SIGNAL] = 0.0, NO_SIGNAL
    state[BIT] = 1.0 if uniform_of(stepped, 0) < 0.5 else 0.0
    if state[LEFT] > 0.0:
        state[LEFT] -= 1.0
    elif state[HOLDING] > 0.0:
        state[SIGNAL], state[HOLDING] = RECALL, 0.0
        state[LEFT] = _whole(uniform_of(stepped, 1), 0.0, parameters[WAIT_MAX])
    else:
        state[SIGNAL], state[HOLDING], state[KEPT] = STORE, 1.0, state[BIT]
        state[DELAY] = _whole(uniform_of(stepped, 1), parameters[DELAY_MIN], parameters[DELAY_MAX])
        state[LEFT] = state[DELAY]


@entry(parameters=numbers(N_PARAMETERS), state=numbers(N_STATE))
@njit(error_model="numpy")
def begin(key, parameters, state):
    """The first slot; the first STORE comes after a wait."""
    state[:] = 0.0
    state[LEFT] = _whole(uniform_of(step_key(key, 0, TASK_STEP), 2), 0.0, parameters[WAIT_MAX])
    _begin_slot(key, parameters, state)


@njit(error_model="numpy")
def _dark(state, parameters):
    """Whether RECALL follows within the dark at the end of a delay."""
    left = parameters[SLOT_STEPS] * (state[LEFT] + 1.0) - state[STEP]
    return state[HOLDING] > 0.0 and state[SIGNAL] == NO_SIGNAL and left <= parameters[DARK_STEPS]


@entry(state=numbers(N_STATE), parameters=numbers(N_PARAMETERS), observation=numbers(4))
@njit(error_model="numpy")
def observe(state, parameters, observation):
    """Flags: bit 0, bit 1, STORE, RECALL; no bit is shown with RECALL, and nothing in the dark."""
    recall = state[SIGNAL] == RECALL
    no_bit = recall or _dark(state, parameters)
    observation[0] = 0.0 if no_bit else 1.0 - state[BIT]
    observation[1] = 0.0 if no_bit else state[BIT]
    observation[2] = 1.0 if state[SIGNAL] == STORE else 0.0
    observation[3] = 1.0 if recall else 0.0


@entry(action=at_least(1), parameters=numbers(N_PARAMETERS), state=numbers(N_STATE))
@njit(error_model="numpy")
def transition(key, t, action, parameters, state):
    """Move the state through step t; returns reward (1 for a right answer), acted (at an answer), terminated.

    The answer is read at the last step of a RECALL: a number above 0 names bit 1, one below 0 bit 0.
    """
    last = state[STEP] == parameters[SLOT_STEPS] - 1.0
    answered = last and state[SIGNAL] == RECALL
    right = answered and action[0] * (2.0 * state[KEPT] - 1.0) > 0.0
    state[STEP] += 1.0
    if last:
        state[SLOT] += 1.0
        _begin_slot(key, parameters, state)
    return (1.0 if right else 0.0), answered, False


@entry(state=numbers(N_STATE), parameters=numbers(N_PARAMETERS), target=numbers(1))
@njit(error_model="numpy")
def target(state, parameters, target):
    """The bit kept, as -1 or 1; weight 1 over the last `answer_ms` of a RECALL."""
    target[0] = 2.0 * state[KEPT] - 1.0
    asked = state[SIGNAL] == RECALL and state[STEP] >= parameters[SLOT_STEPS] - parameters[ANSWER_STEPS]
    return 1.0 if asked else 0.0


class Slot(NamedTuple):
    """One slot of the stream: x (4,) are the flags of `observe`, y the bit to name (-1 or 1) or None."""

    x: NDArray[np.float64]
    y: float | None


@documented
@dataclass(frozen=True)
class StoreRecall:
    """A family of bit streams; times in ms, delays in slots.

    Raises:
        InputError: a value breaks its rule.
    """

    slot_ms: int = parameter(100, "how long a bit or a signal is shown", unit="ms", source="ours; read: `tau_char` 200")
    delay_min: int = parameter(0, "fewest slots between STORE and RECALL, drawn uniformly", unit="slots")
    delay_max: int = parameter(
        30,
        "most of them; a RECALL beyond the end of the episode is not asked, so of those asked long delays are rarer",
        unit="slots",
        source="ours; read: geometric, `seq_delay` 6 slots expected",
    )
    wait_max: int = parameter(5, "slots before the next STORE, uniform from 0 to this", unit="slots")
    answer_ms: int = parameter(
        50,
        "last part of a RECALL, in which the readout is taught; its very last step is the answer",
        unit="ms",
        source="ours; read: the mean readout of the whole slot counts",
    )
    dark_ms: int = parameter(
        0, "last part of every delay, in which nothing is shown; no longer than the shortest delay", unit="ms"
    )
    duration_ms: int = parameter(
        4000, "length of an episode", unit="ms", source="ours; read: `seq_len` 12 slots of 200 ms"
    )
    encoder: Encoder = parameter(
        factory=lambda: FlagCells(("0", "1", "store", "recall")),
        meaning="how the flags become input spikes",
        unit=NOTHING,
        source="ours; read: four groups of 25 cells",
    )

    name = "store-recall"
    dynamics = "tasks.store_recall"
    action_kind: ClassVar[ActionKind] = "none"
    loss: ClassVar[Loss] = "target"
    n_action = 1
    n_state = N_STATE
    n_observation = 4
    n_target = 1

    def __post_init__(self) -> None:
        require_integer("slot_ms", self.slot_ms, 1)
        require_integer("delay_min", self.delay_min, 0)
        require_integer("delay_max", self.delay_max, self.delay_min)
        require_integer("wait_max", self.wait_max, 0)
        require_integer("answer_ms", self.answer_ms, 1, self.slot_ms)
        require_integer("dark_ms", self.dark_ms, 0, self.delay_min * self.slot_ms)
        longest = (self.wait_max + self.delay_max + 2) * self.slot_ms
        require_integer("duration_ms", self.duration_ms, longest)
        flags = isinstance(self.encoder, FlagCells) and len(self.encoder.flags) == self.n_observation
        require(flags, "encoder", "FlagCells of 4 flags", self.encoder)

    def parameters(self) -> NDArray[np.float64]:
        """The numbers the compiled functions need, in the order of the index constants of this module."""
        numbers = [self.slot_ms, self.delay_min, self.delay_max, self.wait_max, self.answer_ms, self.dark_ms]
        return np.array(numbers, dtype=np.float64)

    def at_difficulty(self, level: float) -> "StoreRecall":
        """The task itself: there is no curriculum."""
        return self

    def metrics(self, reward: NDArray[np.floating], acted: NDArray[np.bool_]) -> dict[str, float]:
        """The share of RECALLs that were answered wrongly, from reward and acted, both (episodes, steps)."""
        return {"error": 1.0 - float(np.sum(reward)) / max(1, int(np.count_nonzero(acted)))}

    def stream(self, key: int) -> Iterator[Slot]:
        """The slots of an episode, as the network meets them, without an end."""
        (own,) = keys_of("key", key, 1)
        parameters, state, observation, wanted = self.parameters(), np.zeros(N_STATE), np.zeros(4), np.zeros(1)
        begin(own, parameters, state)
        while True:
            observe(state, parameters, observation)
            state[STEP] = self.slot_ms - 1
            asked = target(state, parameters, wanted) > 0
            yield Slot(observation.copy(), float(wanted[0]) if asked else None)
            transition(own, 0, wanted, parameters, state)


TRIAL_DTYPE = np.dtype(
    [
        ("episode", np.int32),
        ("trial", np.int32),
        ("start_ms", np.int32),
        ("end_ms", np.int32),
        ("delay_ms", np.int32),
        ("bit", np.int8),
        ("answer", np.float64),
        ("wrong", np.bool_),
    ]
)
COLUMNS = {
    "start_ms": ("ms", "the step before which STORE is shown"),
    "end_ms": ("ms", "the answer was read in the step before this one"),
    "delay_ms": ("ms", "from the end of STORE to the beginning of RECALL"),
    "bit": ("1", "the bit that was to be kept"),
    "answer": ("1", "readout: above 0 names bit 1, below 0 bit 0"),
    "wrong": ("1", "whether it did not name the bit"),
}


def recalls_table(task: StoreRecall, task_state: ArrayLike, answer: ArrayLike) -> NDArray[np.void]:
    """One row a RECALL, in order of episode and time; a trial lasts from STORE to the answer.

    Args:
        task_state: (episodes, steps + 1, N_STATE); row t is the state before step t.
        answer: (episodes, steps), the readout.

    Returns:
        A structured array of TRIAL_DTYPE.
    """
    states, answers = np.asarray(task_state)[:, :-1], np.asarray(answer)
    read = (states[..., SIGNAL] == RECALL) & (states[..., STEP] == task.slot_ms - 1)
    episode, time = np.nonzero(read)
    table = np.empty(len(episode), TRIAL_DTYPE)
    table["episode"], table["trial"] = episode, np.arange(len(episode)) - np.searchsorted(episode, episode)
    table["end_ms"] = time + 1
    table["delay_ms"] = states[read][:, DELAY] * task.slot_ms
    table["start_ms"] = table["end_ms"] - table["delay_ms"] - 2 * task.slot_ms
    table["bit"], table["answer"] = states[read][:, KEPT], answers[read]
    table["wrong"] = ~(answers[read] * (2 * states[read][:, KEPT] - 1) > 0)
    return table


def trials_of(task: StoreRecall, states: NDArray[np.float64], trace: Trace) -> NDArray[np.void]:
    """The table of recalls of recorded episodes."""
    return recalls_table(task, states, trace.action[..., 0])


def kept_bits(task: StoreRecall, states: NDArray[np.float64]) -> NDArray[np.float64]:
    """The first bit that each episode has to keep, (E, 1)."""
    stored = states[..., SIGNAL] == STORE
    return states[np.arange(len(states)), stored.argmax(axis=1)][:, [KEPT]]


def first_stores(task: StoreRecall, states: NDArray[np.float64]) -> NDArray[np.int64]:
    """The step at which the first STORE is shown, (E,)."""
    return (states[..., SIGNAL] == STORE).argmax(axis=1)


def recalls(task: StoreRecall, trials: NDArray[np.void]) -> NDArray[np.int64]:
    """The step before which each RECALL is shown, (rows,)."""
    return trials["end_ms"].astype(np.int64) - task.slot_ms


def bits(task: StoreRecall, trials: NDArray[np.void]) -> NDArray[np.float64]:
    """The bit that each recall asks for, (rows, 1)."""
    return trials["bit"].astype(float)[:, None]


def other_bit(
    task: StoreRecall, latent: NDArray[np.float64], trials: NDArray[np.void], states: NDArray[np.float64]
) -> NDArray[np.float64]:
    """1 where the answer does not name this bit, (rows,)."""
    return ((trials["answer"] > 0) != (latent[:, 0] > 0)).astype(float)


def steps_to_slot(task: StoreRecall, states: NDArray[np.float64]) -> NDArray[np.int64]:
    """Steps to the end of the slot, (n,)."""
    return np.maximum(1, task.slot_ms - states[:, STEP]).astype(int)


# Gymnasium

DOC = """\
## Description
One bit of a stream is shown with STORE and has to be kept while random bits follow; at RECALL it is to be named
(Bellec et al. 2018, after LSNN-official).

## Action Space
`Box(-1, 1, (1,), float32)`: the answer, above 0 for bit 1 and below 0 for bit 0. It matters at RECALL alone.

## Observation Space
`MultiBinary(4)`; no bit is shown with RECALL and in the dark.

| Num | Observation |
|-----|-------------|
| 0   | the bit is 0 |
| 1   | the bit is 1 |
| 2   | STORE        |
| 3   | RECALL       |

`info` holds `key` (uint64, the episode's), `asked` (whether the observation is a RECALL) and `kept` (the bit to name;
before the first STORE 0).

## Transition Dynamics
The stream does not depend on what is answered. One step is one slot; a network has `slot_ms` for it. The observation is
that at the beginning of the slot, so that a dark (`dark_ms`) which begins within one is seen from the next on.

## Reward
1 for a right answer to a RECALL, else 0.

## Starting State
The stream follows from the episode's key: `reset(options={"key": k})` sets it, `reset(seed=s)` seeds the draw of it.

## Episode End
Never terminated; truncated after `duration_ms` / `slot_ms` steps.

## Arguments
The fields of `tasks.store_recall.StoreRecall`, among them `delay_min`, `delay_max`, `wait_max`, `dark_ms` and
`duration_ms`:

    gymnasium.make("lsnn/StoreRecall-v0", delay_max=10)

`render_mode`: None or "rgb_array", a raster of what was observed.

## Version History
* v0: initial version
"""


def info(task: StoreRecall, states: NDArray[np.float64]) -> dict[str, NDArray]:
    """Whether an answer is asked for and which is right, from states (n, N_STATE)."""
    return {"asked": states[:, SIGNAL] == RECALL, "kept": states[:, KEPT].astype(np.int64)}


ENVIRONMENT = Environment(
    doc=DOC,
    observation=lambda task: MultiBinary(4),
    info=info,
    step_ms=lambda task: task.slot_ms,
)

FAMILY = Family(
    task=StoreRecall,
    trials=trials_of,
    measures=(Measure("wrong", "share of wrong answers", format=".3f", better="low", chance=0.5),),
    title="Store and recall with frozen weights",
    question="One bit of a stream is marked STORE; random bits follow; at RECALL the readout has to name it. No weight "
    "changes: what is kept is kept in the state.",
    columns=COLUMNS,
    history=(Measure("error", "recall error", format=".3f", better="low", chance=0.5),),
    presets={
        "compact": Preset(
            SMALL, LearningConfig(curriculum=False, learning_rate=5e-3, anneal_iterations=200, average_rate=0.05)
        )
    },
    latent=Latent(("first bit kept",), "1", kept_bits, first_stores, recalls, bits, other_bit),
    trial_counter=SLOT,
    steps_to_trial=steps_to_slot,
    environment=ENVIRONMENT,
    episodes=512,
)
