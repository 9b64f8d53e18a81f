"""Baselines of the two-step task, and what they would have thought of a history that is not their own.

The model-free learner repeats what was paid, whichever state it led to; the model-based one values the states and plans
by the map; exact Bayes knows that one state pays and that it switches. Rates are those that earn most on episodes of
meta-training; learners and Bayes take the action that is worth most.
"""

from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from lsnn.kernels.draws import BASELINE, uniform
from lsnn.kernels.entry import entry, numbers, whole
from lsnn.validation import keys_of, require, require_kind
from tasks.two_step.task import (
    COMMON,
    GOOD,
    MAP,
    N_ACTIONS,
    N_PARAMETERS,
    N_STATE,
    PAYS,
    REMAPPED,
    SECOND,
    SWITCH,
    TwoStep,
    begin,
    choose,
    next_trial,
)

BASELINES = ("random", "model_free", "model_based", "bayes", "oracle")
RANDOM, MODEL_FREE, MODEL_BASED, BAYES, ORACLE = range(5)
# What a learner keeps: values of the actions, values of the states, the belief over (map, better state), and how often
# an action led to the state of its own number (of the map that is not drawn) and to the other.
Q, V, BELIEF, COUNT = 0, 2, 4, 8
N_MEMORY = 10
ALPHA, FORGET = range(N_RATES := 2)


class Record(NamedTuple):
    """What E episodes of K trials leave behind, each (E, K).

    They are: action, the state it led to, whether it paid, the better state, the map.
    """

    action: NDArray[np.int8]
    second: NDArray[np.int8]
    paid: NDArray[np.int8]
    good: NDArray[np.int8]
    map: NDArray[np.int8]


@entry(parameters=numbers(N_PARAMETERS), memory=numbers(N_MEMORY))
@njit(error_model="numpy")
def start(parameters, memory):
    """What a learner knows before the first trial: nothing but, where it is not drawn, the map."""
    memory[:] = 0.0
    memory[Q : Q + 2] = memory[V : V + 2] = 0.5
    memory[BELIEF : BELIEF + 4] = 0.25 if parameters[REMAPPED] > 0.0 else 0.0
    if parameters[REMAPPED] == 0.0:
        memory[BELIEF : BELIEF + 2] = 0.5


@njit(error_model="numpy")
def _update_values(rates, action, second, paid, memory):
    """Move the values of the action and of its state towards the reward; those not met decay towards 0.5."""
    for met, other in ((Q + action, Q + 1 - action), (V + second, V + 1 - second)):
        memory[met] += rates[ALPHA] * (paid - memory[met])
        memory[other] += rates[FORGET] * (0.5 - memory[other])
    memory[COUNT + (0 if action == second else 1)] += 1.0


@njit(error_model="numpy")
def _update_belief(parameters, action, second, paid, memory):
    """Bayes' rule for (map, better state) after one trial, then the chance of a switch before the next."""
    total = 0.0
    for drawn in range(2):
        for good in range(2):
            leads = parameters[COMMON] if (action + drawn) % 2 == second else 1.0 - parameters[COMMON]
            pays = parameters[PAYS] if good == second else 1.0 - parameters[PAYS]
            memory[BELIEF + 2 * drawn + good] *= leads * (pays if paid > 0.0 else 1.0 - pays)
            total += memory[BELIEF + 2 * drawn + good]
    for drawn in range(2):
        first = memory[BELIEF + 2 * drawn] / total if total > 0.0 else 0.25
        other = memory[BELIEF + 2 * drawn + 1] / total if total > 0.0 else 0.25
        memory[BELIEF + 2 * drawn] = first + parameters[SWITCH] * (other - first)
        memory[BELIEF + 2 * drawn + 1] = other + parameters[SWITCH] * (first - other)


@njit(error_model="numpy")
def _learn(baseline, parameters, rates, action, second, paid, memory):
    """What a baseline takes from one trial."""
    if baseline == BAYES:
        _update_belief(parameters, action, second, paid, memory)
    else:
        _update_values(rates, action, second, paid, memory)


@entry(
    baseline=whole(MODEL_FREE, BAYES), parameters=numbers(N_PARAMETERS), memory=numbers(N_MEMORY),
    action=whole(0, N_ACTIONS - 1),
)  # fmt: skip
@njit(error_model="numpy")
def worth(baseline, parameters, memory, action):
    """The chance that an action pays as a learner sees it."""
    if baseline == MODEL_FREE:
        return memory[Q + action]
    if baseline == MODEL_BASED:
        own = parameters[COMMON]
        if parameters[REMAPPED] > 0.0:
            own = (memory[COUNT] + 1.0) / (memory[COUNT] + memory[COUNT + 1] + 2.0)
        return own * memory[V + action] + (1.0 - own) * memory[V + 1 - action]
    better = memory[BELIEF + action] + memory[BELIEF + 3 - action]  # map 0 and state a, or map 1 and the other
    good = parameters[COMMON] * better + (1.0 - parameters[COMMON]) * (1.0 - better)
    return good * parameters[PAYS] + (1.0 - good) * (1.0 - parameters[PAYS])


@njit(error_model="numpy")
def _action(baseline, key, trial, parameters, memory, state):
    """What a baseline does; ties go to an action drawn at random."""
    drawn = int(uniform(key, trial, BASELINE, 0) * N_ACTIONS)
    if baseline == RANDOM:
        return drawn
    if baseline == ORACLE:
        return int(state[GOOD] + state[MAP]) % 2
    first, second = worth(baseline, parameters, memory, 0), worth(baseline, parameters, memory, 1)
    return drawn if first == second else (0 if first > second else 1)


@njit(error_model="numpy")
def _play(baseline, keys, parameters, rates, action, second, paid, good, drawn):
    """Fill the arrays of a Record, an episode a key."""
    state, memory = np.zeros(N_STATE), np.zeros(N_MEMORY)
    for episode in range(len(keys)):
        key = keys[episode]
        begin(key, parameters, state)
        start(parameters, memory)
        for trial in range(action.shape[1]):
            own = _action(baseline, key, trial, parameters, memory, state)
            won = choose(key, own, parameters, state)
            led = int(state[SECOND])
            action[episode, trial], second[episode, trial], paid[episode, trial] = own, led, won
            good[episode, trial], drawn[episode, trial] = state[GOOD], state[MAP]
            _learn(baseline, parameters, rates, own, led, won, memory)
            next_trial(key, parameters, state)


def _record(baseline: int, keys: NDArray[np.uint64], task: TwoStep, rates: NDArray[np.float64]) -> Record:
    record = Record(*(np.empty((len(keys), task.trials), np.int8) for _ in Record._fields))
    _play(baseline, keys, task.parameters(), rates, *record)
    return record


@lru_cache(maxsize=8)
def _fitted(baseline: int, task: TwoStep, keys: bytes) -> tuple[float, float]:
    """The best pair of a coarse grid, then of finer steps round it."""
    own, rates = np.frombuffer(keys, np.uint64), (0.5, 0.5)
    for reach, step in ((0.5, 0.1), (0.05, 0.05)):
        steps = np.arange(-reach, reach + step / 2, step)
        tried = [tuple(np.clip(np.round(np.add(rates, each), 2), 0.0, 1.0)) for each in product(steps, steps)]
        earned = [int(np.count_nonzero(_record(baseline, own, task, np.array(each)).paid)) for each in tried]
        rates = tried[int(np.argmax(earned))]
    return rates


def _rates(baseline: str, task: TwoStep, practice: ArrayLike) -> NDArray[np.float64]:
    """The rates of a baseline; zeros where it has none."""
    number = BASELINES.index(baseline)
    if number not in (MODEL_FREE, MODEL_BASED):
        return np.zeros(N_RATES)
    return np.array(_fitted(number, task, keys_of("practice", practice).tobytes()))


def rates_of(baseline: str, task: TwoStep, practice: ArrayLike) -> NDArray[np.float64]:
    """The rates of learning and of forgetting that earn a learner most on these episodes, (2,).

    Raises:
        InputError: another baseline than the two that learn, another task, or what are no keys.
    """
    require(baseline in BASELINES[MODEL_FREE:BAYES], "baseline", "model_free or model_based", baseline)
    require_kind("task", task, TwoStep)
    return _rates(baseline, task, practice)


def play(baseline: str, keys: ArrayLike, task: TwoStep, practice: ArrayLike = ()) -> Record:
    """Record the episodes of one baseline.

    Args:
        baseline: random; model_free: Q-learning from the reward alone, blind to the map; model_based: values of the
            states, planned by the map (by how often an action led where, if the map is drawn); bayes: knows all but
            which state pays and, if it is drawn, the map (every action tells as much, so that to take the better one is
            best); oracle: knows both.
        keys: (E,) uint64, one an episode.
        practice: (P,) uint64, episodes of meta-training; for the two that learn.

    Raises:
        InputError: an unknown baseline, another task, or what are no keys.
    """
    require(baseline in BASELINES, "baseline", f"one of {', '.join(BASELINES)}", baseline)
    require_kind("task", task, TwoStep)
    return _record(BASELINES.index(baseline), keys_of("keys", keys), task, _rates(baseline, task, practice))


@njit(error_model="numpy")
def _follow(baseline, parameters, rates, action, second, paid, found):
    """Fill found[episode, trial, action] with what a learner that saw this history thinks before each trial."""
    memory = np.zeros(N_MEMORY)
    for episode in range(action.shape[0]):
        start(parameters, memory)
        for trial in range(action.shape[1]):
            for each in range(N_ACTIONS):
                found[episode, trial, each] = worth(baseline, parameters, memory, each)
            own, led, won = action[episode, trial], second[episode, trial], paid[episode, trial]
            _learn(baseline, parameters, rates, own, led, won, memory)


def values_on(
    baseline: str, task: TwoStep, action: ArrayLike, second: ArrayLike, paid: ArrayLike, practice: ArrayLike = ()
) -> NDArray[np.float64]:
    """What each action is worth to a learner that saw another's history, before each trial: (E, K, actions).

    Args:
        baseline: model_free, model_based or bayes.
        action, second, paid: (E, K) whole numbers 0 or 1.
        practice: as for `play`.

    Raises:
        InputError: another baseline or task, or a history of other numbers.
    """
    require(baseline in BASELINES[MODEL_FREE:ORACLE], "baseline", "model_free, model_based or bayes", baseline)
    require_kind("task", task, TwoStep)
    history = [np.ascontiguousarray(each, dtype=np.int64) for each in (action, second, paid)]
    for name, each in zip(("action", "second", "paid"), history, strict=True):
        fits = each.ndim == 2 and each.shape == history[0].shape and bool(np.isin(each, (0, 1)).all())
        require(fits, name, "(E, K) numbers 0 or 1, as many as actions", each)
    found = np.empty((*history[0].shape, N_ACTIONS))
    _follow(BASELINES.index(baseline), task.parameters(), _rates(baseline, task, practice), *history, found)
    return found
