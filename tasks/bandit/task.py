"""Bandits: arms that pay with probabilities that have to be found out within an episode (Wang et al. 2018).

A trial lasts `trial_ms`. Throughout it the input says which arm was pulled on the trial before and whether it paid; at
its last step the policy pulls an arm. What the arms pay stays (`independent`, `anti_correlated`), drifts from trial to
trial (`restless`) or changes places now and then (`reversing`), seldom in calm blocks, often in volatile ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from lsnn.configuration import NOTHING, documented, parameter
from lsnn.kernels.draws import TASK_EPISODE, TASK_STEP, normal, step_key, uniform, uniform_of
from lsnn.kernels.entry import at_least, entry, numbers, whole
from lsnn.task import ActionKind, Encoder, Loss
from lsnn.validation import keys_of, require, require_integer, require_number
from tasks.encoders import FlagCells

# The state (float64, N_STATE). STEP counts within the trial; LAST_ARM is that of the trial before, -1 on the first.
STEP, TRIAL, LAST_ARM, LAST_REWARD, P_FIRST, P_SECOND = range(6)
N_STATE = 6
N_ARMS = 2

# The parameters (float64). KIND is a place in ARMS; BLOCK is in trials.
TRIAL_STEPS, TRIALS, KIND, REWARD, DRIFT, PAYS, CALM, VOLATILE, BLOCK = range(N_PARAMETERS := 9)
INDEPENDENT, OPPOSED, RESTLESS, REVERSING = "independent", "anti_correlated", "restless", "reversing"
ARMS = (INDEPENDENT, OPPOSED, RESTLESS, REVERSING)
STILL = (INDEPENDENT, OPPOSED)
_OPPOSED, _RESTLESS, _REVERSING = range(1, len(ARMS))

# Draws of an episode and of a trial; below N_ARMS, what an arm pays
_BETTER, _IS_VOLATILE = range(2, 4)
_REVERSES = N_ARMS
_STEP_OF_FIRST = 2  # two uniform draws each from 2 * _STEP_OF_FIRST on


def _an_arm(name: str, action: Any, given: Mapping[str, Any]) -> None:
    """A rule: a row whose first number is the arm."""
    at_least(1)(name, action, given)
    require(action[0] in range(N_ARMS), name, f"the number of an arm, 0..{N_ARMS - 1}", action)


@entry(parameters=numbers(N_PARAMETERS), state=numbers(N_STATE))
@njit(error_model="numpy")
def begin(key, parameters, state):
    """Draw what each arm pays.

    It is uniform in [0, 1), the second independent of the first or 1 minus it; of reversing arms one pays with chance
    `pays`, the other with 1 minus it.
    """
    stepped = step_key(key, 0, TASK_EPISODE)
    state[:] = 0.0
    state[LAST_ARM] = -1.0
    state[P_FIRST], state[P_SECOND] = uniform_of(stepped, 0), uniform_of(stepped, 1)
    if parameters[KIND] == _REVERSING:
        state[P_FIRST] = parameters[PAYS] if uniform_of(stepped, _BETTER) < 0.5 else 1.0 - parameters[PAYS]
    if parameters[KIND] == _OPPOSED or parameters[KIND] == _REVERSING:
        state[P_SECOND] = 1.0 - state[P_FIRST]


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


@entry(trial=whole(0, 2**53), parameters=numbers(N_PARAMETERS))
@njit(error_model="numpy")
def in_volatile_block(key, trial, parameters):
    """Whether a trial lies in a volatile block: every block is, with chance 0.5."""
    return uniform(key, int(trial // parameters[BLOCK]), TASK_EPISODE, _IS_VOLATILE) < 0.5


@njit(error_model="numpy")
def _reflected(x):
    """A number thrown back at 0 and 1 as often as need be."""
    x = abs(x) % 2.0
    return 2.0 - x if x > 1.0 else x


@entry(parameters=numbers(N_PARAMETERS), state=numbers(N_STATE))
@njit(error_model="numpy")
def move_arms(key, parameters, state):
    """Change what the arms pay before the trial of the state: a function of (key, trial, arm)."""
    trial = int(state[TRIAL])
    if parameters[KIND] == _RESTLESS:
        for arm in range(N_ARMS):
            step = parameters[DRIFT] * normal(key, trial, TASK_STEP, _STEP_OF_FIRST + arm)
            state[P_FIRST + arm] = _reflected(state[P_FIRST + arm] + step)
    elif parameters[KIND] == _REVERSING:
        chance = parameters[VOLATILE] if in_volatile_block(key, trial, parameters) else parameters[CALM]
        if uniform(key, trial, TASK_STEP, _REVERSES) < chance:
            state[P_FIRST], state[P_SECOND] = state[P_SECOND], state[P_FIRST]


@entry(action=_an_arm, parameters=numbers(N_PARAMETERS), state=numbers(N_STATE))
@njit(error_model="numpy")
def transition(key, t, action, parameters, state):
    """Move the state through step t; returns reward, acted (at the last step of a trial), terminated (never)."""
    if state[STEP] < parameters[TRIAL_STEPS] - 1.0 or state[TRIAL] >= parameters[TRIALS]:
        state[STEP] += 1.0
        return 0.0, False, False
    reward = parameters[REWARD] * pull(key, int(action[0]), state)
    move_arms(key, parameters, state)
    return reward, True, False


@entry(state=numbers(N_STATE), parameters=numbers(N_PARAMETERS), target=numbers(N_ARMS))
@njit(error_model="numpy")
def target(state, parameters, target):
    """What the arms pay (an auxiliary readout may be taught to estimate it); weight 1 at the last step of a trial."""
    target[0], target[1] = state[P_FIRST], state[P_SECOND]
    return 1.0 if state[STEP] == parameters[TRIAL_STEPS] - 1.0 else 0.0


class Course(NamedTuple):
    """What E episodes of K trials hide: pays (E, K, arms), and whether a trial is in a volatile block, (E, K)."""

    pays: NDArray[np.float64]
    volatile: NDArray[np.bool_]


@njit(error_model="numpy")
def _fill(keys, parameters, pays, volatile):
    """Fill the arrays of a Course, an episode a key."""
    state = np.zeros(N_STATE)
    for episode in range(len(keys)):
        begin(keys[episode], parameters, state)
        for trial in range(pays.shape[1]):
            pays[episode, trial] = state[P_FIRST : P_SECOND + 1]
            if parameters[KIND] == _REVERSING:
                volatile[episode, trial] = in_volatile_block(keys[episode], trial, parameters)
            state[TRIAL] += 1.0
            move_arms(keys[episode], parameters, state)


@documented
@dataclass(frozen=True)
class Bandit:
    """A family of two-armed Bernoulli bandits.

    Raises:
        InputError: a value breaks its rule.
    """

    arms: str = parameter(
        INDEPENDENT,
        "`independent` or `anti_correlated` (what they pay adds up to 1) pay the same for a whole episode, `restless` "
        "ones walk, `reversing` ones, anti-correlated, change places now and then",
        unit=NOTHING,
        source="recalled: Wang et al. (2018) have all but `restless`, Daw et al. (2006) have that",
    )
    trials: int = parameter(100, "pulls an episode", unit="trials", source="recalled: Wang et al. (2018)")
    trial_ms: int = parameter(20, "length of a trial", unit="ms")
    reward: float = parameter(0.1, "earned by a pull that pays; small, so that the values to learn are of order 1")
    drift: float = parameter(
        0.05, "std of the step of a restless arm's chance from trial to trial; it is reflected at 0 and 1"
    )
    pays: float = parameter(0.9, "chance that the better one of reversing arms pays; the other pays with 1 minus it")
    calm: float = parameter(0.005, "chance before a trial that reversing arms change places, in a calm block")
    volatile: float = parameter(0.3, "the same in a volatile block; a block is one with chance 0.5")
    block: int = parameter(100, "length of the blocks of reversing arms", unit="trials")
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
        require_number("drift", self.drift, 0.0, 1.0)
        require_number("pays", self.pays, 0.5, 1.0)
        require_number("calm", self.calm, 0.0, 0.5)
        require_number("volatile", self.volatile, 0.0, 0.5)
        require_integer("block", self.block, 1)
        flags = isinstance(self.encoder, FlagCells) and len(self.encoder.flags) == self.n_observation
        require(flags, "encoder", "FlagCells of 4 flags", self.encoder)

    @property
    def duration_ms(self) -> int:
        """Length of an episode: all trials, and one step whose value stands for what would have followed."""
        return self.trials * self.trial_ms + 1

    def parameters(self) -> NDArray[np.float64]:
        """The numbers the compiled functions need, in the order of the index constants of this module."""
        times, kind = [self.trial_ms, self.trials], ARMS.index(self.arms)
        changes = [self.drift, self.pays, self.calm, self.volatile, self.block]
        return np.array([*times, kind, self.reward, *changes], dtype=np.float64)

    def at_difficulty(self, level: float) -> "Bandit":
        """The task itself: there is no curriculum."""
        return self

    def metrics(self, reward: NDArray[np.floating], acted: NDArray[np.bool_]) -> dict[str, float]:
        """Share of pulls that paid, of all and of the last quarter, from reward and acted, both (episodes, steps)."""
        paid = paid_of_trials(self, reward)
        return {"paid": float(paid.mean()), "late_paid": float(paid[:, -max(1, self.trials // 4) :].mean())}

    def probabilities(self, keys: ArrayLike) -> NDArray[np.float64]:
        """What the arms of these episodes pay in the first trial, (episodes, arms)."""
        return self.course(keys, trials=1).pays[:, 0]

    def course(self, keys: ArrayLike, trials: int | None = None) -> Course:
        """What the arms of these episodes pay in every trial, or in the first so many."""
        own, shown = keys_of("keys", keys), self.trials if trials is None else trials
        require_integer("trials", shown, 1)
        course = Course(np.empty((len(own), shown, N_ARMS)), np.zeros((len(own), shown), np.bool_))
        _fill(own, self.parameters(), *course)
        return course


def last_steps(task: Bandit) -> NDArray[np.int64]:
    """The step of each trial's pull, (trials,)."""
    return (np.arange(task.trials) + 1) * task.trial_ms - 1


def paid_of_trials(task: Bandit, reward: NDArray[np.floating]) -> NDArray[np.floating]:
    """Whether each pull paid, 1 or 0: (episodes, steps) to (episodes, trials)."""
    return np.asarray(reward)[:, last_steps(task)] / task.reward
