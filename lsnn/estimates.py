"""Statistics of episodes, each with a bootstrap confidence interval, those of times that were cut off included.

A statistic here is a function of how often each episode is drawn: weights (..., E) in, values (...) out; all ones give
the estimate itself. Whole episodes are drawn, so the trials of an episode stay together, and two conditions run on the
same episodes are drawn in pairs.

A trial may be cut off by the episode's end. Leaving such times out would favour short ones, so they enter as
right-censored: medians and means are those of the Kaplan-Meier curve (Kaplan & Meier 1958), which are the plain ones
when nothing is cut off. A median that is never reached is given as the length of an episode.

Over several trials the curve is that of Wang & Chang (1999) for recurrent gap times: the completed times of an episode
share the weight one, and a cut-off one enters only where none was completed. What is estimated is the time of an
animal drawn at random, however many trials it makes. The trial under way when an episode ends is longer than others (a
long one is likelier to be met), so that giving it a share of the weight makes medians too long where animals make few
trials, and weighing every trial alike makes them those of the quick animals, which make many.

    Wang, M.-C., Chang, S.-H. (1999). Nonparametric estimation of a recurrent survival function. J. Am. Stat. Assoc.
    94, 146-153.
"""

from collections.abc import Callable
from typing import NamedTuple
from warnings import catch_warnings

import numpy as np
from scipy.sparse import csr_array
from scipy.stats import DegenerateDataWarning, bootstrap

CONFIDENCE = 0.95
RESAMPLES = 1000
RESAMPLING_SEED = 0
HALF_TOLERANCE = 1e-9

Statistic = Callable[[np.ndarray], np.ndarray]


class Estimate(NamedTuple):
    """A value with the bounds of its 95 % interval and the n episodes behind it."""

    value: float
    low: float
    high: float
    n: int


NOTHING = Estimate(np.nan, np.nan, np.nan, 0)


def estimate(statistic: Statistic, n_episodes: int, drawn_from: int | None = None) -> Estimate:
    """Value of a statistic and its percentile bootstrap interval over episodes.

    Resamples in which the statistic is undefined (NaN) are left out. There is no interval (NaN) for a single episode,
    nor where they are more than half.

    `drawn_from` is reported as n when fewer episodes than `n_episodes` have anything to say.
    """
    n = n_episodes if drawn_from is None else drawn_from
    value = float(statistic(np.ones(n_episodes)))
    if n_episodes < 2:
        return Estimate(value, np.nan, np.nan, n)
    with catch_warnings(action="ignore", category=DegenerateDataWarning):  # of resamples that leave it undefined
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
    undefined = np.isnan(outcome.bootstrap_distribution)
    if undefined.any():
        ends = 50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)
        few = undefined.mean() <= 0.5
        low, high = np.percentile(outcome.bootstrap_distribution[~undefined], ends) if few else (np.nan, np.nan)
    else:
        low, high = outcome.confidence_interval
    return Estimate(value, float(low), float(high), n)


def quotient(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """above / below; NaN, for undefined, where below is not above 0."""
    above, below = np.broadcast_arrays(np.asarray(above, float), below)
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)


def times_drawn(drawn: np.ndarray, n_episodes: int) -> np.ndarray:
    """How often each episode is among the drawn ones: (B, E) indices to (B, E) counts."""
    rows = drawn.reshape(-1, n_episodes) + n_episodes * np.arange(drawn.size // n_episodes)[:, None]
    return np.bincount(rows.ravel(), minlength=drawn.size).astype(np.float64).reshape(drawn.shape)


def mean_over_episodes(per_episode: np.ndarray) -> Estimate:
    """Mean of (E,) with its interval."""
    return estimate(lambda weight: weight @ per_episode / weight.sum(axis=-1), len(per_episode))


def ratio_over_episodes(above: np.ndarray, below: np.ndarray) -> Estimate:
    """Ratio of the sums of two (E,) of the same episodes, with its interval; NaN where the lower is not above 0.

    There is no interval where the lower may well be below 0, by an interval of its own (Fieller 1954).
    """
    found = estimate(lambda weight: quotient(weight @ above, weight @ below), len(above))
    if np.all(below >= 0) or mean_over_episodes(below).low > 0:
        return found
    return found._replace(low=np.nan, high=np.nan)


def mean_over_trials(values: np.ndarray, episode: np.ndarray, n_episodes: int) -> Estimate:
    """Mean over all trials: values (rows,) of trials of these episodes (rows,); NaN without a trial."""
    if not len(values):
        return NOTHING
    count = np.bincount(episode, minlength=n_episodes).astype(float)
    total = np.bincount(episode, weights=values, minlength=n_episodes)
    return ratio_over_episodes(total, count)._replace(n=int(np.count_nonzero(count)))


class Times(NamedTuple):
    """Times of E episodes by how long they are: weights of those that came to an end and of those cut off.

    time_ms (L,) rises; ended (E, L); cut (E, L); limit_ms is the length of an episode.
    """

    time_ms: np.ndarray
    ended: csr_array
    cut: csr_array
    limit_ms: int

    @property
    def began(self) -> np.ndarray:
        """Which episodes have a time at all, (E,)."""
        return np.asarray((self.ended + self.cut).sum(axis=1)).ravel() > 0


def times_of(
    time_ms: np.ndarray, whole: np.ndarray, episode: np.ndarray, n_episodes: int, limit_ms: int
) -> Times:  # fmt: skip
    """Times (rows,) of the trials of these episodes (rows,), False in `whole` where cut off; an episode's weigh one.

    Of an episode with a completed one among them, the cut-off one is left out (see above).
    """
    episode = np.asarray(episode, np.int64)
    completed = np.bincount(episode[whole], minlength=n_episodes)
    chosen = whole | (completed[episode] == 0)
    rising, column = np.unique(time_ms[chosen], return_inverse=True)
    episode, whole = episode[chosen], whole[chosen]
    shape, weight = (n_episodes, len(rising)), 1 / np.bincount(episode)[episode] if len(episode) else np.empty(0)
    ended, cut = (csr_array((of * weight, (episode, column)), shape) for of in (whole, ~whole))
    return Times(rising.astype(np.float64), ended, cut, limit_ms)


def still_running(of: Times, weights: np.ndarray) -> np.ndarray:
    """Kaplan-Meier curve S(t) = prod_{l <= t} (1 - ended_l / at_risk_l) at every time of `of`: (..., E) to (..., L)."""
    ended = weights @ of.ended
    left = ended + weights @ of.cut
    at_risk = np.cumsum(left[..., ::-1], axis=-1)[..., ::-1]
    return np.cumprod(1 - np.divide(ended, at_risk, out=np.zeros_like(ended), where=at_risk > 0), axis=-1)


def median_of(of: Times, weights: np.ndarray) -> np.ndarray:
    """Time at which half still run (midway between the two nearest times when exactly half do), (...)."""
    curve = still_running(of, weights)
    time_ms = np.append(of.time_ms, of.limit_ms)

    def first_time(below: np.ndarray) -> np.ndarray:
        return time_ms[np.where(below.any(-1), below.argmax(-1), len(of.time_ms))]

    return (first_time(curve <= 0.5 + HALF_TOLERANCE) + first_time(curve < 0.5 - HALF_TOLERANCE)) / 2


def mean_of(of: Times, weights: np.ndarray) -> np.ndarray:
    """Area under the Kaplan-Meier curve up to the longest time, (...)."""
    curve = still_running(of, weights)
    return of.time_ms[0] + curve[..., :-1] @ np.diff(of.time_ms)


def typical(of: Times, reduce: Callable[[Times, np.ndarray], np.ndarray] = median_of) -> Estimate:
    """Median (or mean: `mean_of`) of times in ms; n counts the episodes that have one."""
    n = int(np.count_nonzero(of.began))
    return estimate(lambda weights: reduce(of, weights), len(of.began), n) if n else NOTHING
