"""Baselines of two-armed Bernoulli bandits, beside which a network's regret is read.

Of arms that stay: all but the oracle know nothing of the episode's arms beforehand and take them for independent, each
uniform in [0, 1]. Those of arms that change are in changing.py.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from lsnn.kernels.draws import BASELINE, step_key, uniform_of
from lsnn.validation import keys_of, require, require_integer, require_kind, require_number
from tasks.bandit import changing
from tasks.bandit.task import N_ARMS, N_STATE, P_FIRST, RESTLESS, STILL, Bandit, begin, pull

BASELINES = ("random", "ucb1", "thompson", "gittins", "oracle")
RANDOM, UCB1, THOMPSON, GITTINS, ORACLE = range(5)
GITTINS_DISCOUNT = 0.99
_HORIZON = 500  # trials of the backward induction beyond those of the table
_PAYOFFS = 500  # sure payoffs tried; the index is interpolated between them


class Record(NamedTuple):
    """What E episodes of K trials leave behind: choice, reward, (E, K) both, and what the arms paid, (E, K, arms)."""

    choice: NDArray[np.int8]
    reward: NDArray[np.float64]
    pays: NDArray[np.float64]


@njit(error_model="numpy")
def _gain_of_playing(payoff, discount, horizon, gain):
    """How much better playing an arm is than a sure payoff every trial, if one may retire to it later.

    Backward induction over all outcomes; fills gain[w, l] for an arm that paid w times and l times did not.
    """
    sure = payoff / (1.0 - discount)
    after = np.empty(horizon + 1)  # by w, at n = w + l trials: worth of going on in the best way
    for w in range(horizon + 1):
        after[w] = max((w + 1.0) / (horizon + 2.0) / (1.0 - discount), sure)
    for n in range(horizon - 1, -1, -1):
        for w in range(n + 1):
            mean = (w + 1.0) / (n + 2.0)
            play = mean * (1.0 + discount * after[w + 1]) + (1.0 - mean) * discount * after[w]
            after[w] = max(play, sure)
            if n < gain.shape[0]:
                gain[w, n - w] = play - sure


@cache
def gittins_table(trials: int, discount: float = GITTINS_DISCOUNT) -> NDArray[np.float64]:
    """Gittins index of an arm that paid w times and l times did not, [w, l] with w + l < trials (Gittins 1979).

    It is the sure payoff at which playing on and retiring are worth the same, under a uniform prior; backward induction
    over `_HORIZON` further trials and interpolation between `_PAYOFFS` payoffs leave an error of about 0.001.

    Raises:
        InputError: trials < 1 or > 10 000, or a discount that is not between 0 and 1.
    """
    require_integer("trials", trials, 1, 10_000)
    require_number("discount", discount, math.nextafter(0.0, 1.0), math.nextafter(1.0, 0.0))
    payoffs, horizon = np.linspace(0.0, 1.0, _PAYOFFS + 1), trials + _HORIZON
    index, before = np.zeros((trials, trials)), np.zeros((trials, trials))
    gain = np.zeros((trials, trials))
    for last, payoff in zip(payoffs[:-1], payoffs[1:], strict=True):
        if last == 0.0:
            _gain_of_playing(last, discount, horizon, before)
        _gain_of_playing(payoff, discount, horizon, gain)
        crosses = (before > 0.0) & (gain <= 0.0)
        index[crosses] = (last + (payoff - last) * before[crosses] / (before - gain)[crosses]).clip(0.0, 1.0)
        before[:] = gain
    return index


@njit(error_model="numpy")
def _beta(key, trial, arm, a, b):
    """A draw from Beta(a, b) with whole a, b: the a-th smallest of a + b - 1 uniform draws."""
    stepped = step_key(key, trial, BASELINE)
    draws = np.empty(a + b - 1)
    for i in range(a + b - 1):
        draws[i] = uniform_of(stepped, (arm << 20) + i)
    return np.sort(draws)[a - 1]


@njit(error_model="numpy")
def _score(baseline, key, trial, arm, won, lost, index, state):
    """What a baseline thinks of an arm; it pulls the one with the greatest score."""
    n = won[arm] + lost[arm]
    if baseline == ORACLE:
        return state[P_FIRST + arm]
    if baseline == GITTINS:
        return index[won[arm], lost[arm]]
    if baseline == THOMPSON:
        return _beta(key, trial, arm, won[arm] + 1, lost[arm] + 1)
    if baseline == UCB1:
        return won[arm] / n + math.sqrt(2.0 * math.log(trial) / n) if n > 0 else math.inf
    return uniform_of(step_key(key, trial, BASELINE), arm)


@njit(error_model="numpy")
def _play(baseline, keys, parameters, index, choice, reward):
    """Fill the arrays of a Record, an episode a key; ties go to an arm drawn at random."""
    state, score = np.zeros(N_STATE), np.zeros(N_ARMS)
    for episode in range(len(keys)):
        key = keys[episode]
        won, lost = np.zeros(N_ARMS, np.int64), np.zeros(N_ARMS, np.int64)
        begin(key, parameters, state)
        for trial in range(choice.shape[1]):
            for arm in range(N_ARMS):
                score[arm] = _score(baseline, key, trial, arm, won, lost, index, state)
            arm = 0 if score[0] > score[1] else 1
            if score[0] == score[1]:
                arm = int(uniform_of(step_key(key, trial, BASELINE), N_ARMS << 20) * N_ARMS)
            choice[episode, trial] = arm
            reward[episode, trial] = pull(key, arm, state)
            won[arm] += int(reward[episode, trial])
            lost[arm] += 1 - int(reward[episode, trial])


def baselines_of(task: Bandit) -> tuple[str, ...]:
    """The names of the baselines that play a task."""
    if task.arms in STILL:
        return BASELINES
    return tuple(name for name in changing.CHANGING if name != "bayes_bonus" or task.arms == RESTLESS)


def play(baseline: str, keys: ArrayLike, task: Bandit, practice: ArrayLike = ()) -> Record:
    """Record the episodes of one baseline.

    Args:
        baseline: random; oracle: knows what the arms pay. Of arms that stay ucb1: mean + sqrt(2 ln t / n) (Auer et al.
            2002); thompson: pulls the arm of the greater draw from the posterior (Thompson 1933); gittins: the arm of
            the greater Gittins index at discount 0.99 (best for independent arms, a discounted sum and no end; here an
            approximation to the best play of a finite episode). Of arms that change thompson: the same from the
            filter; bayes: the arm that pays more by the filter (the best play of reversing arms, of which either tells
            as much); bayes_bonus: mean + one std of the filter, for restless arms; delta_rule: fixed rates.
        keys: (E,) uint64, one an episode.
        practice: (P,) uint64, episodes of meta-training; for the delta rule.

    Raises:
        InputError: an unknown baseline, another task, or what are no keys.
    """
    require_kind("task", task, Bandit)
    known = baselines_of(task)
    require(baseline in known, "baseline", f"one of {', '.join(known)}", baseline)
    own, pays = keys_of("keys", keys), task.course(keys).pays
    if task.arms not in STILL:
        number = changing.CHANGING.index(baseline)
        rates = changing.rates_of(number, task, practice)
        return Record(*changing.record(number, own, task, rates), pays)
    choice, reward = np.empty((len(own), task.trials), np.int8), np.empty((len(own), task.trials))
    index = gittins_table(task.trials) if baseline == "gittins" else np.zeros((1, 1))
    _play(BASELINES.index(baseline), own, task.parameters(), index, choice, reward)
    return Record(choice, reward, pays)


def values_on(
    baseline: str, task: Bandit, choice: ArrayLike, reward: ArrayLike, practice: ArrayLike = ()
) -> NDArray[np.float64]:
    """What each arm is worth to a baseline that saw another's history, before each trial: (E, K, arms).

    Args:
        baseline: delta_rule or bayes, of arms that change.
        choice, reward: (E, K) whole numbers 0 or 1.
        practice: as for `play`.

    Raises:
        InputError: another baseline or task, or a history of other numbers.
    """
    require_kind("task", task, Bandit)
    require(task.arms not in STILL, "arms of task", "restless or reversing", task.arms)
    require(baseline in ("delta_rule", "bayes"), "baseline", "delta_rule or bayes", baseline)
    history = [np.ascontiguousarray(each, dtype=np.int64) for each in (choice, reward)]
    for name, each in zip(("choice", "reward"), history, strict=True):
        fits = each.ndim == 2 and each.shape == history[0].shape and bool(np.isin(each, (0, 1)).all())
        require(fits, name, "(E, K) numbers 0 or 1, as many as choices", each)
    number = changing.CHANGING.index(baseline)
    rates = changing.rates_of(number, task, practice)
    return changing.follow(number, task, history[0], history[1].astype(float), rates)


def regret(pays: ArrayLike, choice: ArrayLike) -> NDArray[np.float64]:
    """Cumulative regret, (E, K): what the better arm would have paid more on average, added up over the trials.

    Args:
        pays: (E, arms), or (E, K, arms) where arms change; choice: (E, K).
    """
    p, chosen = np.asarray(pays, float), np.asarray(choice, np.intp)
    by_trial = np.broadcast_to(p[:, None] if p.ndim == 2 else p, (*chosen.shape, p.shape[-1]))
    pulled = np.take_along_axis(by_trial, chosen[..., None], axis=-1)[..., 0]
    return np.cumsum(by_trial.max(axis=-1) - pulled, axis=1)
