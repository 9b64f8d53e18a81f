"""Bandits: arms that pay with probabilities that have to be found out within an episode (Wang et al. 2018).

A trial lasts `trial_ms`. Throughout it the input says which arm was pulled on the trial before and whether it paid; at
its last step the policy pulls an arm.
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

# The state (float64, N_STATE). STEP counts within the trial; LAST_ARM is that of the trial before, -1 on the first.
STEP, TRIAL, LAST_ARM, LAST_REWARD, P_FIRST, P_SECOND = range(6)
N_STATE = 6
N_ARMS = 2

TRIAL_STEPS, TRIALS, ANTI_CORRELATED, REWARD = range(N_PARAMETERS := 4)  # the parameters (float64)
INDEPENDENT, OPPOSED = "independent", "anti_correlated"
ARMS = (INDEPENDENT, OPPOSED)


def _an_arm(name: str, action: Any, given: Mapping[str, Any]) -> None:
    """A rule: a row whose first number is the arm."""
    at_least(1)(name, action, given)
    require(action[0] in range(N_ARMS), name, f"the number of an arm, 0..{N_ARMS - 1}", action)


@entry(parameters=numbers(N_PARAMETERS), state=numbers(N_STATE))
@njit(error_model="numpy")
def begin(key, parameters, state):
    """Draw what each arm pays: uniform in [0, 1), the second independent of the first or 1 minus it."""
    stepped = step_key(key, 0, TASK_EPISODE)
    state[:] = 0.0
    state[LAST_ARM] = -1.0
    state[P_FIRST] = uniform_of(stepped, 0)
    state[P_SECOND] = 1.0 - state[P_FIRST] if parameters[ANTI_CORRELATED] > 0.0 else uniform_of(stepped, 1)


@entry(state=numbers(N_STATE), parameters=numbers(N_PARAMETERS), observation=numbers(2 * N_ARMS))
@njit(error_model="numpy")
def observe(state, parameters, observation):
    """Flags of the trial before: first arm paid, first did not, second paid, second did not."""
    observation[:] = 0.0
    if 0.0 <= state[LAST_ARM] < N_ARMS:
        observation[2 * int(state[LAST_ARM]) + (0 if state[LAST_REWARD] > 0.0 else 1)] = 1.0


@entry(arm=whole(0, N_ARMS - 1), state=numbers(N_STATE))
@njit(error_model="numpy")
def pull(key, arm, state):
    """Pull an arm and go on to the next trial; returns the reward, 1 or 0.

    Whether an arm pays on a trial is a function of (key, trial, arm), so that all baselines meet the same luck.
    """
    reward = 1.0 if uniform(key, int(state[TRIAL]), TASK_STEP, arm) < state[P_FIRST + arm] else 0.0
    state[LAST_ARM], state[LAST_REWARD] = arm, reward
    state[STEP] = 0.0
    state[TRIAL] += 1.0
    return reward


@entry(action=_an_arm, parameters=numbers(N_PARAMETERS), state=numbers(N_STATE))
@njit(error_model="numpy")
def transition(key, t, action, parameters, state):
    """Move the state through step t; returns reward, acted (at the last step of a trial), terminated (never)."""
    if state[STEP] < parameters[TRIAL_STEPS] - 1.0 or state[TRIAL] >= parameters[TRIALS]:
        state[STEP] += 1.0
        return 0.0, False, False
    return parameters[REWARD] * pull(key, int(action[0]), state), True, False


@entry(state=numbers(N_STATE), parameters=numbers(N_PARAMETERS), target=numbers(N_ARMS))
@njit(error_model="numpy")
def target(state, parameters, target):
    """What the arms pay (an auxiliary readout may be taught to estimate it); weight 1 at the last step of a trial."""
    target[0], target[1] = state[P_FIRST], state[P_SECOND]
    return 1.0 if state[STEP] == parameters[TRIAL_STEPS] - 1.0 else 0.0


@documented
@dataclass(frozen=True)
class Bandit:
    """A family of two-armed Bernoulli bandits.

    Raises:
        InputError: a value breaks its rule.
    """

    arms: str = parameter(
        INDEPENDENT,
        "what they pay: `independent`, or `anti_correlated`, which adds up to 1",
        unit=NOTHING,
        source="recalled: Wang et al. (2018) have both",
    )
    trials: int = parameter(100, "pulls an episode", unit="trials", source="recalled: Wang et al. (2018)")
    trial_ms: int = parameter(20, "length of a trial", unit="ms")
    reward: float = parameter(0.1, "earned by a pull that pays; small, so that the values to learn are of order 1")
    encoder: Encoder = parameter(
        factory=lambda: FlagCells(("first paid", "first did not", "second paid", "second did not")),
        meaning="how the outcome of the trial before becomes input spikes: a flag for each arm and outcome",
        unit=NOTHING,
    )

    name = "bandit"
    dynamics = "tasks.bandit.task"
    action_kind: ClassVar[ActionKind] = "categorical"
    loss: ClassVar[Loss] = "reward"
    n_action = N_ARMS
    n_state = N_STATE
    n_observation = 2 * N_ARMS
    n_target = N_ARMS

    def __post_init__(self) -> None:
        require(self.arms in ARMS, "arms", f"one of {', '.join(ARMS)}", self.arms)
        require_integer("trials", self.trials, 1)
        require_integer("trial_ms", self.trial_ms, 1)
        require_number("reward", self.reward, 1e-6)
        flags = isinstance(self.encoder, FlagCells) and len(self.encoder.flags) == self.n_observation
        require(flags, "encoder", "FlagCells of 4 flags", self.encoder)

    @property
    def duration_ms(self) -> int:
        """Length of an episode: all trials, and one step whose value stands for what would have followed."""
        return self.trials * self.trial_ms + 1

    def parameters(self) -> NDArray[np.float64]:
        """The numbers the compiled functions need, in the order of the index constants of this module."""
        return np.array([self.trial_ms, self.trials, self.arms == OPPOSED, self.reward], dtype=np.float64)

    def at_difficulty(self, level: float) -> "Bandit":
        """The task itself: there is no curriculum."""
        return self

    def metrics(self, reward: NDArray[np.floating], acted: NDArray[np.bool_]) -> dict[str, float]:
        """Share of pulls that paid, of all and of the last quarter, from reward and acted, both (episodes, steps)."""
        paid = paid_of_trials(self, reward)
        return {"paid": float(paid.mean()), "late_paid": float(paid[:, -max(1, self.trials // 4) :].mean())}

    def probabilities(self, keys: ArrayLike) -> NDArray[np.float64]:
        """What the arms of these episodes pay, (episodes, arms)."""
        own, parameters = keys_of("keys", keys), self.parameters()
        states = np.zeros((len(own), N_STATE))
        for key, state in zip(own, states, strict=True):
            begin(key, parameters, state)
        return states[:, [P_FIRST, P_SECOND]]


def last_steps(task: Bandit) -> NDArray[np.int64]:
    """The step of each trial's pull, (trials,)."""
    return (np.arange(task.trials) + 1) * task.trial_ms - 1


def paid_of_trials(task: Bandit, reward: NDArray[np.floating]) -> NDArray[np.floating]:
    """Whether each pull paid, 1 or 0: (episodes, steps) to (episodes, trials)."""
    return np.asarray(reward)[:, last_steps(task)] / task.reward
