"""The two-step task: an action leads commonly to one of two states, one of which pays (Daw et al. 2011).

A trial has three phases: nothing is shown for `dark_ms`; the cue to choose for `phase_ms`, at whose last step the
policy takes an action; and for `phase_ms` the outcome: which action, which state it led to, and whether that paid.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lsnn.configuration import NOTHING, documented, parameter
from lsnn.kernels.draws import TASK_EPISODE, TASK_STEP, step_key, uniform, uniform_of
from lsnn.kernels.entry import at_least, entry, numbers, whole
from lsnn.task import ActionKind, Encoder, Loss
from lsnn.validation import require, require_integer, require_kind, require_number
from tasks.encoders import FlagCells

# The state (float64, N_STATE). STEP counts within the trial; ACTION, SECOND (the state it led to) and PAID are those of
# the trial once the action is taken, -1, -1 and 0 before. GOOD is the second-step state that pays. With MAP 0 action a
# leads commonly to state a, with MAP 1 to the other.
STEP, TRIAL, ACTION, SECOND, PAID, GOOD, MAP = range(7)
N_STATE = 7
N_ACTIONS = N_SECOND = 2
FLAGS = ("choose", "first action", "second action", "first state", "second state", "paid")

PHASE_STEPS, DARK_STEPS, TRIALS, REMAPPED, COMMON, PAYS, SWITCH, REWARD = range(N_PARAMETERS := 8)
_SWITCHES, _LEADS, _IS_PAID = range(3)  # draws of a trial


def an_action(name: str, action: Any, given: Mapping[str, Any]) -> None:
    """A rule: a row whose first number is the action."""
    at_least(1)(name, action, given)
    require(action[0] in range(N_ACTIONS), name, f"the number of an action, 0..{N_ACTIONS - 1}", action)


@entry(parameters=numbers(N_PARAMETERS), state=numbers(N_STATE))
@njit(error_model="numpy")
def begin(key, parameters, state):
    """Draw which state pays first and, where it is drawn, the map."""
    stepped = step_key(key, 0, TASK_EPISODE)
    state[:] = 0.0
    state[ACTION] = state[SECOND] = -1.0
    state[GOOD] = 1.0 if uniform_of(stepped, 0) < 0.5 else 0.0
    state[MAP] = 1.0 if parameters[REMAPPED] > 0.0 and uniform_of(stepped, 1) < 0.5 else 0.0


@entry(state=numbers(N_STATE), parameters=numbers(N_PARAMETERS), observation=numbers(len(FLAGS)))
@njit(error_model="numpy")
def observe(state, parameters, observation):
    """Flags: the cue to choose; or the action, the state it led to, and whether it paid; none in the dark."""
    observation[:] = 0.0
    since_dark = state[STEP] - parameters[DARK_STEPS]
    if 0.0 <= since_dark < parameters[PHASE_STEPS]:
        observation[0] = 1.0
    elif since_dark >= parameters[PHASE_STEPS] and 0.0 <= state[ACTION] < N_ACTIONS and 0.0 <= state[SECOND] < N_SECOND:
        observation[1 + int(state[ACTION])] = 1.0
        observation[1 + N_ACTIONS + int(state[SECOND])] = 1.0
        observation[1 + N_ACTIONS + N_SECOND] = state[PAID]


@entry(action=whole(0, N_ACTIONS - 1), parameters=numbers(N_PARAMETERS), state=numbers(N_STATE))
@njit(error_model="numpy")
def choose(key, action, parameters, state):
    """Take an action; returns 1 if it paid, else 0.

    Whether it leads where it commonly does, and whether the better and the worse state would pay, are functions of
    (key, trial) alone, so that all baselines meet the same luck.
    """
    stepped = step_key(key, int(state[TRIAL]), TASK_STEP)
    common = uniform_of(stepped, _LEADS) < parameters[COMMON]
    expected = (action + int(state[MAP])) % N_SECOND
    second = expected if common else 1 - expected
    chance = parameters[PAYS] if second == state[GOOD] else 1.0 - parameters[PAYS]
    state[ACTION], state[SECOND] = action, second
    state[PAID] = 1.0 if uniform_of(stepped, _IS_PAID) < chance else 0.0
    return state[PAID]


@entry(parameters=numbers(N_PARAMETERS), state=numbers(N_STATE))
@njit(error_model="numpy")
def next_trial(key, parameters, state):
    """Go on to the next trial: the other state may be the one that pays from now on."""
    state[TRIAL] += 1.0
    state[STEP], state[ACTION], state[SECOND], state[PAID] = 0.0, -1.0, -1.0, 0.0
    if uniform(key, int(state[TRIAL]), TASK_STEP, _SWITCHES) < parameters[SWITCH]:
        state[GOOD] = 1.0 - state[GOOD]


@entry(action=an_action, parameters=numbers(N_PARAMETERS), state=numbers(N_STATE))
@njit(error_model="numpy")
def transition(key, t, action, parameters, state):
    """Move the state through step t; returns reward, acted (at the last step of a choice), terminated (never)."""
    over = state[TRIAL] >= parameters[TRIALS]
    acted = not over and state[STEP] == parameters[DARK_STEPS] + parameters[PHASE_STEPS] - 1.0
    reward = parameters[REWARD] * choose(key, int(action[0]), parameters, state) if acted else 0.0
    state[STEP] += 1.0
    if not over and state[STEP] == parameters[DARK_STEPS] + 2.0 * parameters[PHASE_STEPS]:
        next_trial(key, parameters, state)
    return reward, acted, False


@entry(state=numbers(N_STATE), parameters=numbers(N_PARAMETERS), target=numbers(2))
@njit(error_model="numpy")
def target(state, parameters, target):
    """Which state pays and the map, each as -1 or 1 (for an auxiliary readout); weight 1 where an action is taken."""
    target[0], target[1] = 2.0 * state[GOOD] - 1.0, 2.0 * state[MAP] - 1.0
    return 1.0 if state[STEP] == parameters[DARK_STEPS] + parameters[PHASE_STEPS] - 1.0 else 0.0


@documented
@dataclass(frozen=True)
class TwoStep:
    """A family of two-step tasks without a second choice.

    Raises:
        InputError: a value breaks its rule.
    """

    remapped: bool = parameter(
        False,
        "the map is drawn for each episode: action a leads commonly to state a, or to the other one; else it is a",
        unit=NOTHING,
        source="ours; recalled: Akam, Costa & Dayan (2015)",
    )
    common: float = parameter(
        0.8, "chance that an action leads where it commonly does", source="recalled: Wang et al. (2018)"
    )
    pays: float = parameter(
        0.9, "chance that the better state pays; the other pays with 1 minus it", source="recalled: Wang et al. (2018)"
    )
    switch: float = parameter(
        0.025,
        "chance before each trial that the other state is the better one from now on",
        source="recalled: Wang et al. (2018)",
    )
    trials: int = parameter(100, "trials an episode", unit="trials", source="recalled: Wang et al. (2018)")
    phase_ms: int = parameter(10, "length of the choice, and of the outcome", unit="ms")
    dark_ms: int = parameter(0, "time before the choice in which nothing is shown, whole times `phase_ms`", unit="ms")
    reward: float = parameter(0.1, "earned by a trial that pays; small, so that the values to learn are of order 1")
    encoder: Encoder = parameter(
        factory=lambda: FlagCells(FLAGS),
        meaning="how cue, action, state and reward become input spikes: a flag for each",
        unit=NOTHING,
    )

    name = "two-step"
    dynamics = "tasks.two_step.task"
    action_kind: ClassVar[ActionKind] = "categorical"
    loss: ClassVar[Loss] = "reward"
    n_action = N_ACTIONS
    n_state = N_STATE
    n_observation = len(FLAGS)
    n_target = 2

    def __post_init__(self) -> None:
        require_kind("remapped", self.remapped, bool)
        require_number("common", self.common, 0.5, 1.0)
        require_number("pays", self.pays, 0.5, 1.0)
        require_number("switch", self.switch, 0.0, 0.5)
        require_integer("trials", self.trials, 1)
        require_integer("phase_ms", self.phase_ms, 1)
        require_integer("dark_ms", self.dark_ms, 0)
        whole = self.dark_ms % self.phase_ms == 0
        require(whole, "dark_ms", f"a multiple of phase_ms ({self.phase_ms})", self.dark_ms)
        require_number("reward", self.reward, 1e-6)
        flags = isinstance(self.encoder, FlagCells) and len(self.encoder.flags) == self.n_observation
        require(flags, "encoder", f"FlagCells of {len(FLAGS)} flags", self.encoder)

    @property
    def trial_ms(self) -> int:
        """Length of a trial."""
        return self.dark_ms + 2 * self.phase_ms

    @property
    def duration_ms(self) -> int:
        """Length of an episode: all trials, and one step whose value stands for what would have followed."""
        return self.trials * self.trial_ms + 1

    def parameters(self) -> NDArray[np.float64]:
        """The numbers the compiled functions need, in the order of the index constants of this module."""
        times = [self.phase_ms, self.dark_ms, self.trials]
        return np.array([*times, self.remapped, self.common, self.pays, self.switch, self.reward], dtype=np.float64)

    def at_difficulty(self, level: float) -> "TwoStep":
        """The task itself: there is no curriculum."""
        return self

    def metrics(self, reward: NDArray[np.floating], acted: NDArray[np.bool_]) -> dict[str, float]:
        """Share of trials that paid, of all and of the last quarter, from reward and acted, both (episodes, steps)."""
        paid = np.asarray(reward)[:, choice_steps(self)] / self.reward
        return {"paid": float(paid.mean()), "late_paid": float(paid[:, -max(1, self.trials // 4) :].mean())}


def choice_steps(task: TwoStep) -> NDArray[np.int64]:
    """The step of each trial's action, (trials,)."""
    return np.arange(task.trials) * task.trial_ms + task.dark_ms + task.phase_ms - 1
