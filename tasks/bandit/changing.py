"""Baselines of arms that change, restless or reversing, and what they would have thought of another's history.

`bayes` and `thompson` know the law by which the arms change and filter what they pay: exactly where arms reverse (four
numbers: which arm is better, whether the block is volatile), on a grid of GRID values where they drift. The delta rule
(Rescorla & Wagner 1972) moves the value of the arm pulled towards what it paid by a fixed share, that which earns most
on episodes of meta-training.
"""

import math
from functools import lru_cache
from itertools import product

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from lsnn.kernels.draws import BASELINE, step_key, uniform_of
from lsnn.validation import keys_of
from tasks.bandit.task import (
    BLOCK,
    CALM,
    KIND,
    N_ARMS,
    N_STATE,
    P_FIRST,
    PAYS,
    RESTLESS,
    REVERSING,
    TRIAL,
    VOLATILE,
    Bandit,
    begin,
    move_arms,
    pull,
)

CHANGING = ("random", "delta_rule", "thompson", "bayes", "bayes_bonus", "oracle")
RANDOM, DELTA_RULE, THOMPSON, BAYES, BONUS, ORACLE = range(len(CHANGING))
GRID = 50  # values that the filter of a restless arm tells apart
_REVERSING = 3
# What a baseline keeps: values of the arms; of reversing arms the belief over (volatile, better arm).
Q, BELIEF = 0, N_ARMS
N_MEMORY = BELIEF + 4
ALPHA, FORGET = range(N_RATES := 2)
_REFLECTIONS = 8  # images of the unit interval to each side


def drift_kernel(drift: float, cells: int = GRID) -> NDArray[np.float64]:
    """Chance that an arm goes from the middle of one cell of [0, 1] to another cell in a trial, (from, to).

    The normal step is reflected at 0 and 1.
    """
    if drift == 0.0:
        return np.eye(cells)
    middle, edge = (np.arange(cells) + 0.5) / cells, np.arange(cells + 1) / cells
    reached = np.zeros((cells, cells + 1))
    for image in 2.0 * np.arange(-_REFLECTIONS, _REFLECTIONS + 1):
        for sign in (1.0, -1.0):
            reached += sign * norm.cdf((image + sign * edge - middle[:, None]) / drift)
    return np.diff(reached, axis=1)


@njit(error_model="numpy")
def _start(parameters, memory, density):
    """What is known before the first trial."""
    memory[Q : Q + N_ARMS] = 0.5
    memory[BELIEF:] = 0.25
    density[:] = 1.0 / density.shape[1]


@njit(error_model="numpy")
def _update_values(rates, parameters, arm, paid, memory):
    """Move the value of the arm towards what it paid; the other's towards the contrary, or forgets (then to 0.5)."""
    memory[Q + arm] += rates[ALPHA] * (paid - memory[Q + arm])
    other = 1.0 - paid if parameters[KIND] == _REVERSING else 0.5
    rate = rates[ALPHA] if parameters[KIND] == _REVERSING else rates[FORGET]
    memory[Q + 1 - arm] += rate * (other - memory[Q + 1 - arm])


@njit(error_model="numpy")
def _update_belief(parameters, trial, arm, paid, belief):
    """Bayes' rule for (volatile, better arm) after a trial, then what may change before the next one, `trial`."""
    for state in range(4):
        pays = parameters[PAYS] if state % 2 == arm else 1.0 - parameters[PAYS]
        belief[state] *= pays if paid > 0.0 else 1.0 - pays
    total = belief.sum()
    for state in range(4):
        belief[state] = belief[state] / total if total > 0.0 else 0.25
    if trial % parameters[BLOCK] == 0.0:  # whether the new block is volatile is not known
        for better in range(2):
            belief[better] = belief[2 + better] = 0.5 * (belief[better] + belief[2 + better])
    for volatile in range(2):
        chance = parameters[VOLATILE] if volatile == 1 else parameters[CALM]
        first, second = belief[2 * volatile], belief[2 * volatile + 1]
        belief[2 * volatile] += chance * (second - first)
        belief[2 * volatile + 1] += chance * (first - second)


@njit(error_model="numpy")
def _update_density(kernel, arm, paid, density):
    """Bayes' rule for the arm pulled, then a step of the walk of both."""
    cells = density.shape[1]
    for cell in range(cells):
        chance = (cell + 0.5) / cells
        density[arm, cell] *= chance if paid > 0.0 else 1.0 - chance
    density[arm] /= density[arm].sum()
    before = density.copy()
    density[:] = 0.0
    for each in range(N_ARMS):
        for here in range(cells):
            for there in range(cells):
                density[each, there] += before[each, here] * kernel[here, there]


@njit(error_model="numpy")
def _learn(baseline, parameters, rates, kernel, trial, arm, paid, memory, density):
    """What a baseline takes from a trial, after which `trial` is the next."""
    if baseline == DELTA_RULE:
        _update_values(rates, parameters, arm, paid, memory)
    elif baseline == THOMPSON or baseline == BAYES or baseline == BONUS:
        if parameters[KIND] == _REVERSING:
            _update_belief(parameters, trial, arm, paid, memory[BELIEF:])
        else:
            _update_density(kernel, arm, paid, density)


@njit(error_model="numpy")
def _mean(parameters, arm, memory, density):
    """The chance that an arm pays, as the filter sees it, and how sure that is (a std, of a restless arm)."""
    if parameters[KIND] == _REVERSING:
        better = memory[BELIEF + arm] + memory[BELIEF + 2 + arm]
        return better * parameters[PAYS] + (1.0 - better) * (1.0 - parameters[PAYS]), 0.0
    mean, square, cells = 0.0, 0.0, density.shape[1]
    for cell in range(cells):
        chance = (cell + 0.5) / cells
        mean += chance * density[arm, cell]
        square += chance * chance * density[arm, cell]
    return mean, math.sqrt(max(square - mean * mean, 0.0))


@njit(error_model="numpy")
def _drawn(stepped, parameters, arm, memory, density):
    """A draw of what an arm pays from the filter; of reversing arms one draw says which is better."""
    if parameters[KIND] == _REVERSING:
        second = uniform_of(stepped, 0) < memory[BELIEF + 1] + memory[BELIEF + 3]
        return 1.0 if second == (arm == 1) else 0.0
    left, cells = uniform_of(stepped, arm), density.shape[1]
    for cell in range(cells):
        if left < density[arm, cell]:
            return (cell + left / density[arm, cell]) / cells
        left -= density[arm, cell]
    return 1.0


@njit(error_model="numpy")
def _score(baseline, stepped, parameters, arm, memory, density, state):
    """What a baseline thinks of an arm; it pulls the one with the greatest score."""
    if baseline == ORACLE:
        return state[P_FIRST + arm]
    if baseline == DELTA_RULE:
        return memory[Q + arm]
    if baseline == THOMPSON:
        return _drawn(stepped, parameters, arm, memory, density)
    if baseline == RANDOM:
        return uniform_of(stepped, arm)
    mean, std = _mean(parameters, arm, memory, density)
    return mean + std if baseline == BONUS else mean


@njit(error_model="numpy")
def _play(baseline, keys, parameters, rates, kernel, choice, reward):
    """Fill choice and reward, (E, K), an episode a key; ties go to an arm drawn at random."""
    state, memory, density = np.zeros(N_STATE), np.zeros(N_MEMORY), np.zeros((N_ARMS, kernel.shape[0]))
    for episode in range(len(keys)):
        key = keys[episode]
        begin(key, parameters, state)
        _start(parameters, memory, density)
        for trial in range(choice.shape[1]):
            stepped = step_key(key, trial, BASELINE)
            first = _score(baseline, stepped, parameters, 0, memory, density, state)
            second = _score(baseline, stepped, parameters, 1, memory, density, state)
            drawn = int(uniform_of(stepped, N_ARMS) * N_ARMS)
            arm = drawn if first == second else (0 if first > second else 1)
            choice[episode, trial] = arm
            reward[episode, trial] = pull(key, arm, state)
            move_arms(key, parameters, state)
            _learn(baseline, parameters, rates, kernel, int(state[TRIAL]), arm, reward[episode, trial], memory, density)


@njit(error_model="numpy")
def _follow(baseline, parameters, rates, kernel, choice, reward, found):
    """Fill found[episode, trial, arm] with what an arm is worth to a baseline that saw this history up to a trial."""
    memory, density = np.zeros(N_MEMORY), np.zeros((N_ARMS, kernel.shape[0]))
    for episode in range(choice.shape[0]):
        _start(parameters, memory, density)
        for trial in range(choice.shape[1]):
            for arm in range(N_ARMS):
                if baseline == DELTA_RULE:
                    found[episode, trial, arm] = memory[Q + arm]
                else:
                    found[episode, trial, arm] = _mean(parameters, arm, memory, density)[0]
            arm, paid = choice[episode, trial], reward[episode, trial]
            _learn(baseline, parameters, rates, kernel, trial + 1, arm, paid, memory, density)


def _kernel(task: Bandit) -> NDArray[np.float64]:
    return drift_kernel(task.drift) if task.arms == RESTLESS else np.eye(1)


@lru_cache(maxsize=8)
def _fitted(task: Bandit, keys: bytes) -> tuple[float, float]:
    """The rates of the delta rule that earn most: the best of a coarse grid, then of finer steps round it."""
    own, best = np.frombuffer(keys, np.uint64), (0.5, 0.5)
    for reach, step in ((0.5, 0.1), (0.08, 0.02)):
        steps = np.arange(-reach, reach + step / 2, step)
        forgets = (0.0,) if task.arms == REVERSING else steps  # the other arm is told the contrary
        tried = [tuple(np.clip(np.round(np.add(best, each), 2), 0.0, 1.0)) for each in product(steps, forgets)]
        earned = [record(DELTA_RULE, own, task, np.array(each))[1].sum() for each in tried]
        best = tried[int(np.argmax(earned))]
    return best


def rates_of(baseline: int, task: Bandit, practice: ArrayLike) -> NDArray[np.float64]:
    """The rates of the delta rule, of learning and (restless arms alone) of forgetting; zeros for the others."""
    if baseline != DELTA_RULE:
        return np.zeros(N_RATES)
    return np.array(_fitted(task, keys_of("practice", practice).tobytes()))


def record(
    baseline: int, keys: NDArray[np.uint64], task: Bandit, rates: NDArray[np.float64]
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Choice and reward of a baseline, both (E, K)."""
    choice, reward = np.empty((len(keys), task.trials), np.int8), np.empty((len(keys), task.trials))
    _play(baseline, keys, task.parameters(), rates, _kernel(task), choice, reward)
    return choice, reward


def follow(
    baseline: int, task: Bandit, choice: NDArray[np.int64], reward: NDArray[np.float64], rates: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What each arm is worth to the delta rule or Bayes that saw another's history, before each trial: (E, K, arms)."""
    found = np.empty((*choice.shape, N_ARMS))
    _follow(baseline, task.parameters(), rates, _kernel(task), choice, reward, found)
    return found
