"""Harlow's task: which of two new objects pays has to be found out by one choice (Harlow 1949; Wang et al. 2018).

A trial has three phases of `phase_ms`. First a sign at the centre is looked at. Then both objects are shown, one on the
left and one on the right, and at the last step of this phase the policy chooses a side. Then the chosen object is shown
at the centre with what came of it. Sides are drawn anew for each trial, the pair of objects and which of them pays for
each episode. Before all that, a trial has `dark_ms` in which nothing is shown at all.

An object is a code of `BITS` bits. A quarter of all codes is held out: `objects="trained"` never shows one of them,
`objects="held_out"` shows no other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from lsnn.configuration import NOTHING, documented, parameter
from lsnn.kernels.draws import TASK_EPISODE, TASK_STEP, step_key, uniform, uniform_of
from lsnn.kernels.entry import at_least, entry, numbers, whole
from lsnn.task import ActionKind, Encoder, Loss
from lsnn.validation import keys_of, require, require_integer, require_number
from tasks.encoders import FlagCells

# The state (float64, N_STATE). STEP counts within the trial; SIDE is where the object that pays stands in this trial,
# CHOICE the side chosen in it (LEFT, RIGHT), -1 before.
STEP, TRIAL, PAYS, OTHER, SIDE, CHOICE = range(N_STATE := 6)
LEFT, RIGHT = 0, 1
N_SIDES = 2

BITS = 10
N_CODES = 1 << BITS  # code 0 has no cell that fires: it is no object
SPREADING = 389  # odd, so that code times it, mod N_CODES, is the codes in another order
SIGN, PAID, UNPAID = range(3 * BITS, N_FLAGS := 3 * BITS + 3)  # the flags after the bits of left, right, centre

DARK_STEPS, PHASE_STEPS, TRIALS, HELD_OUT, REWARD = range(N_PARAMETERS := 5)  # the parameters (float64)
OBJECTS = (TRAINED, KEPT_BACK) = ("trained", "held_out")


def flag_names() -> tuple[str, ...]:
    """A name for each flag."""
    bits = [f"{place} {bit}" for place in ("left", "right", "centre") for bit in range(BITS)]
    return (*bits, "sign", "paid", "did not pay")


def _a_side(name: str, action: Any, given: Mapping[str, Any]) -> None:
    """A rule: a row whose first number is a side."""
    at_least(1)(name, action, given)
    require(action[0] in range(N_SIDES), name, "a side, 0 for left or 1 for right", action)


@entry(code=whole(0, N_CODES - 1))
@njit(error_model="numpy")
def is_held_out(code):
    """Whether a code is never shown in meta-training: a quarter of them, spread over all."""
    return (code * SPREADING) % N_CODES < N_CODES // 4


@njit(error_model="numpy")
def _object(stepped, index, held_out, other):
    """The first code from draw `index` on that is an object of the kind wanted, and not the other."""
    while True:
        code = int(uniform_of(stepped, index) * N_CODES)
        if code != 0 and code != other and is_held_out(code) == held_out:
            return code, index + 1
        index += 1


@njit(error_model="numpy")
def _begin_trial(key, state):
    """Draw the side of the object that pays."""
    state[STEP], state[CHOICE] = 0.0, -1.0
    state[SIDE] = RIGHT if uniform(key, int(state[TRIAL]), TASK_STEP, 0) < 0.5 else LEFT


@entry(parameters=numbers(N_PARAMETERS), state=numbers(N_STATE))
@njit(error_model="numpy")
def begin(key, parameters, state):
    """Draw the two objects, the one that pays first, and the sides of the first trial."""
    stepped, held_out = step_key(key, 0, TASK_EPISODE), parameters[HELD_OUT] > 0.0
    pays, index = _object(stepped, 0, held_out, 0)
    other, _ = _object(stepped, index, held_out, pays)
    state[:] = 0.0
    state[PAYS], state[OTHER] = pays, other
    _begin_trial(key, state)


@njit(error_model="numpy")
def _show(code, first, observation):
    """The bits of a code as flags from `first` on."""
    for bit in range(BITS):
        observation[first + bit] = (code >> bit) & 1


@njit(error_model="numpy")
def _on_side(state, side):
    """The code of the object on a side."""
    return int(state[PAYS]) if side == state[SIDE] else int(state[OTHER])


@entry(state=numbers(N_STATE), parameters=numbers(N_PARAMETERS), observation=numbers(N_FLAGS))
@njit(error_model="numpy")
def observe(state, parameters, observation):
    """Flags: bits of the object on the left, on the right, at the centre; the sign; the chosen one paid; did not."""
    observation[:] = 0.0
    since, phase = state[STEP] - parameters[DARK_STEPS], parameters[PHASE_STEPS]
    if since < 0.0 or state[TRIAL] >= parameters[TRIALS]:
        return
    if since < phase:
        observation[SIGN] = 1.0
    elif since < 2.0 * phase:
        _show(_on_side(state, LEFT), 0, observation)
        _show(_on_side(state, RIGHT), BITS, observation)
    elif state[CHOICE] >= 0.0:
        _show(_on_side(state, state[CHOICE]), 2 * BITS, observation)
        observation[PAID if state[CHOICE] == state[SIDE] else UNPAID] = 1.0


@njit(error_model="numpy")
def _chooses(state, parameters):
    """Whether this is the step of a trial at which a side is chosen."""
    at = parameters[DARK_STEPS] + 2.0 * parameters[PHASE_STEPS] - 1.0
    return state[STEP] == at and state[TRIAL] < parameters[TRIALS]


@entry(action=_a_side, parameters=numbers(N_PARAMETERS), state=numbers(N_STATE))
@njit(error_model="numpy")
def transition(key, t, action, parameters, state):
    """Move the state through step t; returns reward, acted (at the choice of a trial), terminated (never)."""
    chooses = _chooses(state, parameters)
    if chooses:
        state[CHOICE] = action[0]
    right = chooses and state[CHOICE] == state[SIDE]
    state[STEP] += 1.0
    if state[STEP] >= parameters[DARK_STEPS] + 3.0 * parameters[PHASE_STEPS] and state[TRIAL] < parameters[TRIALS]:
        state[TRIAL] += 1.0
        _begin_trial(key, state)
    return (parameters[REWARD] if right else 0.0), chooses, False


@entry(state=numbers(N_STATE), parameters=numbers(N_PARAMETERS), target=numbers(1))
@njit(error_model="numpy")
def target(state, parameters, target):
    """The side that pays, -1 for left or 1 for right, for an auxiliary readout; weight 1 at choices from trial 2 on."""
    target[0] = 2.0 * state[SIDE] - 1.0
    return 1.0 if _chooses(state, parameters) and state[TRIAL] > 0.0 else 0.0


@documented
@dataclass(frozen=True)
class Harlow:
    """A family of choices between two objects of which always the same one pays.

    Raises:
        InputError: a value breaks its rule.
    """

    trials: int = parameter(6, "choices an episode", unit="trials", source="recalled: Wang et al. (2018)")
    phase_ms: int = parameter(15, "length of each of the three phases of a trial", unit="ms")
    dark_ms: int = parameter(0, "at the beginning of every trial, in which nothing is shown", unit="ms")
    objects: str = parameter(
        TRAINED,
        "whose codes are shown: `trained`, three quarters of all, or `held_out`, the others",
        unit=NOTHING,
        source="ours; recalled: Wang et al. (2018) hold images out",
    )
    reward: float = parameter(0.1, "earned by a right choice; small, so that the values to learn are of order 1")
    encoder: Encoder = parameter(
        factory=lambda: FlagCells(flag_names(), cells_per_flag=10, flag_rate_hz=200.0),
        meaning="how the flags become input spikes: a group for each bit of each place, the sign and the outcomes",
        unit=NOTHING,
    )

    name = "harlow"
    dynamics = "tasks.harlow.task"
    action_kind: ClassVar[ActionKind] = "categorical"
    loss: ClassVar[Loss] = "reward"
    n_action = N_SIDES
    n_state = N_STATE
    n_observation = N_FLAGS
    n_target = 1

    def __post_init__(self) -> None:
        require_integer("trials", self.trials, 2)
        require_integer("phase_ms", self.phase_ms, 1)
        require_integer("dark_ms", self.dark_ms, 0)
        require(self.objects in OBJECTS, "objects", f"one of {', '.join(OBJECTS)}", self.objects)
        require_number("reward", self.reward, 1e-6)
        flags = isinstance(self.encoder, FlagCells) and len(self.encoder.flags) == self.n_observation
        require(flags, "encoder", f"FlagCells of {N_FLAGS} flags", self.encoder)

    @property
    def trial_ms(self) -> int:
        """Length of a trial."""
        return self.dark_ms + 3 * self.phase_ms

    @property
    def duration_ms(self) -> int:
        """Length of an episode: all trials, and one step whose value stands for what would have followed."""
        return self.trials * self.trial_ms + 1

    def parameters(self) -> NDArray[np.float64]:
        """The numbers the compiled functions need, in the order of the index constants of this module."""
        numbers = [self.dark_ms, self.phase_ms, self.trials, self.objects == KEPT_BACK, self.reward]
        return np.array(numbers, dtype=np.float64)

    def at_difficulty(self, level: float) -> "Harlow":
        """The task itself: there is no curriculum."""
        return self

    def metrics(self, reward: NDArray[np.floating], acted: NDArray[np.bool_]) -> dict[str, float]:
        """Share of right choices from trial 2 on, in trial 2, and in trial 2 after a wrong first choice.

        Args:
            reward, acted: (episodes, steps).
        """
        correct = correct_of_trials(self, reward)
        wrong = correct[~correct[:, 0], 1]
        after = float(wrong.mean()) if len(wrong) else float("nan")
        return {"later": float(correct[:, 1:].mean()), "second": float(correct[:, 1].mean()), "after_wrong": after}

    def drawn(self, keys: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
        """Codes of the object that pays and of the other, (E, 2), and the side of the former, (E, trials)."""
        own, parameters, state = keys_of("keys", keys), self.parameters(), np.zeros(N_STATE)
        codes, side = np.empty((len(own), 2), np.int64), np.empty((len(own), self.trials), np.int8)
        for episode, key in enumerate(own):
            begin(key, parameters, state)
            codes[episode] = state[[PAYS, OTHER]]
            for trial in range(self.trials):
                state[TRIAL] = trial
                _begin_trial(key, state)
                side[episode, trial] = state[SIDE]
        return codes, side


def choice_steps(task: Harlow) -> NDArray[np.int64]:
    """The step of each trial's choice, (trials,)."""
    return np.arange(task.trials) * task.trial_ms + task.dark_ms + 2 * task.phase_ms - 1


def correct_of_trials(task: Harlow, reward: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether each choice was right: (episodes, steps) to (episodes, trials)."""
    return np.asarray(reward)[:, choice_steps(task)] > 0
