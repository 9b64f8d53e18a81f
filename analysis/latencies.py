"""Search times and goals of the conditions, each with a bootstrap confidence interval over episodes.

A statistic here is a function of how often each episode is drawn: weights (..., E) in, values (...) out; all ones give
the estimate itself. Whole episodes are drawn, so the trials of an episode stay together, and two conditions run on the
same episodes are drawn in pairs.

The search of a trial may be cut off by the episode's end. Leaving such searches out would favour short ones, so they
enter as right-censored: medians and means are those of the Kaplan-Meier curve (Kaplan & Meier 1958), which are the
plain ones when nothing is cut off. A median that is never reached is given as the length of an episode.

Over several trials the curve is that of Wang & Chang (1999) for recurrent gap times: an animal's completed searches
share the weight one, and its cut-off search enters only if it completed none. What is estimated is the search of an
animal drawn at random, however many it makes. The search under way when an episode ends is longer than others (a long
one is likelier to be met), so that giving it a share of the weight makes medians too long where animals make few
searches, and weighing every search alike makes them those of the quick animals, which make many.

    Wang, M.-C., Chang, S.-H. (1999). Nonparametric estimation of a recurrent survival function. J. Am. Stat. Assoc.
    94, 146-153.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.stats import bootstrap

from analysis.reading import ResultError
from analysis.results import Condition

CONFIDENCE = 0.95
RESAMPLES = 1000
RESAMPLING_SEED = 0
HALF_TOLERANCE = 1e-9

FIRST, SECOND, LATER, FROM_SECOND = (0, 0), (1, 1), (2, None), (1, None)

Statistic = Callable[[np.ndarray], np.ndarray]
Reduction = Callable[["Searches", np.ndarray], np.ndarray]


class Estimate(NamedTuple):
    """A value with the bounds of its confidence interval and the n episodes behind it."""

    value: float
    low: float
    high: float
    n: int


class Searches(NamedTuple):
    """Searches of E episodes by how long they took: weights of those that ended in a find and of those cut off.

    time_ms (L,) rises; finds (E, L); cuts (E, L); limit_ms is the length of an episode.
    """

    time_ms: np.ndarray
    finds: csr_array
    cuts: csr_array
    limit_ms: int


def estimate(statistic: Statistic, n_episodes: int, drawn_from: int | None = None) -> Estimate:
    """Value of a statistic and its percentile bootstrap interval over episodes (no interval for a single episode).

    `drawn_from` is reported as n when fewer episodes than `n_episodes` have anything to say.
    """
    n = n_episodes if drawn_from is None else drawn_from
    value = float(statistic(np.ones(n_episodes)))
    if n_episodes < 2:
        return Estimate(value, np.nan, np.nan, n)
    outcome = bootstrap(
        (np.arange(n_episodes),),
        lambda drawn, axis=-1: statistic(times_drawn(drawn, n_episodes)),
        n_resamples=RESAMPLES,
        batch=RESAMPLES // 4,
        confidence_level=CONFIDENCE,
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(np.random.SeedSequence(RESAMPLING_SEED)),
    )
    interval = outcome.confidence_interval
    return Estimate(value, float(interval.low), float(interval.high), n)


def times_drawn(drawn: np.ndarray, n_episodes: int) -> np.ndarray:
    """How often each episode is among the drawn ones: (B, E) indices to (B, E) counts."""
    rows = drawn.reshape(-1, n_episodes) + n_episodes * np.arange(drawn.size // n_episodes)[:, None]
    return np.bincount(rows.ravel(), minlength=drawn.size).astype(np.float64).reshape(drawn.shape)


def goals_per_episode(condition: Condition) -> Estimate:
    """Mean number of finds in an episode."""
    goals = condition.goals
    return estimate(lambda weights: weights @ goals / weights.sum(-1), condition.n_episodes)


def goals_ratio(condition: Condition, reference: Condition) -> Estimate:
    """Mean goals of a condition over those of a reference (the fraction of the oracle), on the same episodes.

    Raises ResultError when the episodes differ or the reference never finds the platform.
    """
    goals, yardstick = condition.goals, paired_goals(condition, reference)
    if not yardstick.any():
        raise ResultError(f"{reference.name}: no goal in any episode, so nothing is a fraction of it")
    return estimate(lambda weights: (weights @ goals) / np.maximum(weights @ yardstick, 1), condition.n_episodes)


def goals_difference_in(condition: Condition, reference: Condition, unit: Condition) -> Estimate:
    """Mean goals of a condition minus a reference's, in those of a third (the oracle), on the same episodes.

    Raises ResultError when the episodes differ or the third never finds the platform.
    """
    more, yardstick = condition.goals - paired_goals(condition, reference), paired_goals(condition, unit)
    if not yardstick.any():
        raise ResultError(f"{unit.name}: no goal in any episode, so nothing is a fraction of it")
    return estimate(lambda weights: (weights @ more) / np.maximum(weights @ yardstick, 1), condition.n_episodes)


def goals_difference(condition: Condition, reference: Condition) -> Estimate:
    """Mean goals of a condition minus a reference's on the same episodes; ResultError when the episodes differ."""
    more = condition.goals - paired_goals(condition, reference)
    return estimate(lambda weights: weights @ more / weights.sum(-1), condition.n_episodes)


def paired_goals(condition: Condition, reference: Condition) -> np.ndarray:
    """Goals (E,) of the reference, once its episodes are known to be those of the condition."""
    if not np.array_equal(condition.episode_key, reference.episode_key):
        raise ResultError(f"{condition.name} and {reference.name} were run on different episodes (episode_key differs)")
    return reference.goals


def searches(condition: Condition, first: int, last: int | None) -> Searches:
    """The searches of trials first..last (None: all from first on) of a condition; together an episode's weigh one.

    Of an episode with a completed search among them, the cut-off one is left out (see above).
    """
    trials = condition.trials
    chosen = (trials.trial >= first) & (trials.trial <= (np.inf if last is None else last))
    completed = np.bincount(trials.episode[chosen & trials.found].astype(np.int64), minlength=condition.n_episodes)
    chosen &= trials.found | (completed[trials.episode.astype(np.int64)] == 0)
    time_ms, column = np.unique(trials.latency_ms[chosen], return_inverse=True)
    episode, found = trials.episode[chosen].astype(np.int64), trials.found[chosen]
    shape, weight = (condition.n_episodes, len(time_ms)), 1 / np.bincount(episode)[episode]
    finds, cuts = (csr_array((of * weight, (episode, column)), shape) for of in (found, ~found))
    return Searches(time_ms.astype(np.float64), finds, cuts, condition.duration_ms)


def began(of: Searches) -> np.ndarray:
    """Which episodes began a search, (E,)."""
    return np.asarray((of.finds + of.cuts).sum(axis=1)).ravel() > 0


def still_searching(of: Searches, weights: np.ndarray) -> np.ndarray:
    """Kaplan-Meier curve S(t) = prod_{l <= t} (1 - finds_l / at_risk_l) at every time of `of`: (..., E) to (..., L)."""
    finds = weights @ of.finds
    ended = finds + weights @ of.cuts
    at_risk = np.cumsum(ended[..., ::-1], axis=-1)[..., ::-1]
    return np.cumprod(1 - np.divide(finds, at_risk, out=np.zeros_like(finds), where=at_risk > 0), axis=-1)


def median_of(of: Searches, weights: np.ndarray) -> np.ndarray:
    """Time at which half still search (midway between the two nearest times when exactly half do), (...)."""
    curve = still_searching(of, weights)
    time_ms = np.append(of.time_ms, of.limit_ms)

    def first_time(below: np.ndarray) -> np.ndarray:
        return time_ms[np.where(below.any(-1), below.argmax(-1), len(of.time_ms))]

    return (first_time(curve <= 0.5 + HALF_TOLERANCE) + first_time(curve < 0.5 - HALF_TOLERANCE)) / 2


def mean_of(of: Searches, weights: np.ndarray) -> np.ndarray:
    """Area under the Kaplan-Meier curve up to the longest search, (...)."""
    curve = still_searching(of, weights)
    return of.time_ms[0] + curve[..., :-1] @ np.diff(of.time_ms)


def search_time(condition: Condition, trials: tuple[int, int | None], reduce: Reduction = median_of) -> Estimate:
    """Median (or mean: `mean_of`) search time in ms over trials (first, last); n counts the episodes that began one."""
    chosen = searches(condition, *trials)
    n = int(np.count_nonzero(began(chosen)))
    if not n:
        return Estimate(np.nan, np.nan, np.nan, 0)
    return estimate(lambda weights: reduce(chosen, weights), condition.n_episodes, n)


def search_by_trial(condition: Condition, n_trials: int, share: float) -> dict[int, Estimate]:
    """Median search time of trials 0..n_trials-1, as far as at least `share` of the episodes began the trial.

    Trials that few episodes reach belong to the quickest of them, and would flatter the curve.
    """
    curve: dict[int, Estimate] = {}
    for trial in range(n_trials):
        curve[trial] = search_time(condition, (trial, trial))
        if curve[trial].n < share * condition.n_episodes:
            del curve[trial]
            break
    return curve


def search_ratio(
    condition: Condition, trials: tuple[int, int | None], other: Condition, others: tuple[int, int | None]
) -> Estimate:
    """Median search time of some trials over that of others, drawn in pairs, of the episodes that began both.

    Else trial 1 would be that of all mazes, and later ones those of the mazes in which the platform is found easily.

    Raises ResultError when the conditions were run on different episodes.
    """
    paired_goals(condition, other)
    return of_medians(
        searches(condition, *trials), searches(other, *others), lambda above, below: above / np.maximum(below, 1)
    )


def search_difference(
    condition: Condition, trials: tuple[int, int | None], other: Condition, others: tuple[int, int | None]
) -> Estimate:
    """Median search time of some trials minus that of others in ms, as `search_ratio`."""
    paired_goals(condition, other)
    return of_medians(searches(condition, *trials), searches(other, *others), np.subtract)


def of_medians(above: Searches, below: Searches, compare: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Estimate:
    """A function of two medians, drawn in pairs, of the episodes that began both."""
    both = began(above) & began(below)
    if not both.any():
        return Estimate(np.nan, np.nan, np.nan, 0)
    return estimate(
        lambda weights: compare(median_of(above, weights * both), median_of(below, weights * both)),
        len(both),
        int(both.sum()),
    )
