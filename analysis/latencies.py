"""Visits and escape latencies of the water maze, each with a bootstrap interval over episodes (`lsnn/estimates.py`)."""

from collections.abc import Callable

import numpy as np

from analysis.maze import trials_of, visits_of
from lsnn.estimates import (
    NOTHING,
    Estimate,
    Times,
    estimate,
    mean_over_episodes,
    median_of,
    quotient,
    times_of,
    typical,
)
from lsnn.files.reading import ResultError, place
from lsnn.files.results import Condition

FIRST, SECOND, LATER, FROM_SECOND = (0, 0), (1, 1), (2, None), (1, None)

Reduction = Callable[[Times, np.ndarray], np.ndarray]


def visits_per_episode(condition: Condition) -> Estimate:
    """Mean number of visits in an episode."""
    return mean_over_episodes(visits_of(condition))


def visits_ratio(condition: Condition, reference: Condition) -> Estimate:
    """Mean visits of a condition over those of a reference (the fraction of the oracle), on the same episodes.

    Raises ResultError when the episodes differ or the reference never finds the platform.
    """
    visits, of = visits_of(condition), paired_visits(condition, reference)
    if not of.any():
        raise ResultError(f"{place(reference.group)}: no visit in any episode, so nothing is a fraction of it")
    return estimate(lambda weights: quotient(weights @ visits, weights @ of), condition.n_episodes)


def visits_difference_in(condition: Condition, reference: Condition, unit: Condition) -> Estimate:
    """Mean visits of a condition minus a reference's, in those of a third (the oracle), on the same episodes.

    Raises ResultError when the episodes differ or the third never finds the platform.
    """
    more, of = visits_of(condition) - paired_visits(condition, reference), paired_visits(condition, unit)
    if not of.any():
        raise ResultError(f"{place(unit.group)}: no visit in any episode, so nothing is a fraction of it")
    return estimate(lambda weights: quotient(weights @ more, weights @ of), condition.n_episodes)


def visits_difference(condition: Condition, reference: Condition) -> Estimate:
    """Mean visits of a condition minus a reference's on the same episodes; ResultError when the episodes differ."""
    return mean_over_episodes(visits_of(condition) - paired_visits(condition, reference))


def swum_ms(condition: Condition) -> np.ndarray:
    """Time for which each episode's animal swims, rest and dark apart, (E,)."""
    trials = trials_of(condition)
    return np.bincount(trials.episode, weights=trials.latency_ms, minlength=condition.n_episodes)


def visit_rate_ratio(condition: Condition, reference: Condition) -> Estimate:
    """Visits in the time that is swum over those of a reference in its own, on the same episodes; errors as above."""
    return _of_rates(lambda own, other: own / other, condition, reference)


def visit_rate_difference_in(condition: Condition, reference: Condition, unit: Condition) -> Estimate:
    """The same of a condition minus a reference's, in those of a third (the oracle); errors as above."""
    return _of_rates(lambda own, other, of: (own - other) / of, condition, reference, unit)


def _of_rates(function: Callable[..., np.ndarray], *conditions: Condition) -> Estimate:
    """A function of the visit rates of conditions on the same episodes."""
    visits = [paired_visits(conditions[0], each) for each in conditions]
    if not visits[-1].any():
        raise ResultError(f"{place(conditions[-1].group)}: no visit in any episode, so nothing is a fraction of it")
    swum = [swum_ms(each) for each in conditions]

    def statistic(weights: np.ndarray) -> np.ndarray:
        return function(*(quotient(weights @ of, weights @ ms) for of, ms in zip(visits, swum, strict=True)))

    return estimate(statistic, conditions[0].n_episodes)


def paired_visits(condition: Condition, reference: Condition) -> np.ndarray:
    """Visits (E,) of the reference, once its episodes are known to be those of the condition."""
    if not np.array_equal(condition.episode_key, reference.episode_key):
        rule = f"was run on other episodes than {reference.group.name} (episode_key differs)"
        raise ResultError(f"{place(condition.group)}: {rule}")
    return visits_of(reference)


def searches(condition: Condition, first: int, last: int | None) -> Times:
    """The searches of trials first..last (None: all from first on) of a condition; together an episode's weigh one."""
    trials = trials_of(condition)
    chosen = (trials.trial >= first) & (trials.trial <= (np.inf if last is None else last))
    return times_of(
        trials.latency_ms[chosen], trials.found[chosen], trials.episode[chosen], condition.n_episodes,
        condition.duration_ms,
    )  # fmt: skip


def escape_latency(condition: Condition, trials: tuple[int, int | None], reduce: Reduction = median_of) -> Estimate:
    """Median (or mean: `mean_of`) escape latency in ms over trials (first, last); n: the episodes that began one."""
    return typical(searches(condition, *trials), reduce)


def search_by_trial(condition: Condition, n_trials: int, share: float) -> dict[int, Estimate]:
    """Median escape latency of trials 0..n_trials-1, as far as at least `share` of the episodes began the trial.

    Trials that few episodes reach belong to the quickest of them, and would flatter the curve.
    """
    curve: dict[int, Estimate] = {}
    for trial in range(n_trials):
        curve[trial] = escape_latency(condition, (trial, trial))
        if curve[trial].n < share * condition.n_episodes:
            del curve[trial]
            break
    return curve


def search_ratio(
    condition: Condition, trials: tuple[int, int | None], other: Condition, others: tuple[int, int | None]
) -> Estimate:
    """Median escape latency of some trials over that of others, drawn in pairs, of the episodes that began both.

    Else trial 1 would be that of all mazes, and later ones those of the mazes in which the platform is found easily.

    Raises ResultError when the conditions were run on different episodes.
    """
    paired_visits(condition, other)
    return of_medians(
        searches(condition, *trials), searches(other, *others), lambda above, below: above / np.maximum(below, 1)
    )


def search_difference(
    condition: Condition, trials: tuple[int, int | None], other: Condition, others: tuple[int, int | None]
) -> Estimate:
    """Median escape latency of some trials minus that of others in ms, as `search_ratio`."""
    paired_visits(condition, other)
    return of_medians(searches(condition, *trials), searches(other, *others), np.subtract)


def of_medians(above: Times, below: Times, compare: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Estimate:
    """A function of two medians, drawn in pairs, of the episodes that began both."""
    both = above.began & below.began
    if not both.any():
        return NOTHING
    return estimate(
        lambda weights: compare(median_of(above, weights * both), median_of(below, weights * both)),
        len(both),
        int(both.sum()),
    )
