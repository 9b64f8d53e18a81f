"""What the experiments of a study are measured by; estimates come with 95 % bootstrap intervals over animals.

What a text claims is decided by `analysis.claims`: an experiment lists its claims by name, and tells what came of them.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import h5py
import numpy as np
from matplotlib.figure import Figure

from analysis.claims import LATENCY_MARGIN, Claim, Outcome
from analysis.maze import trials_of
from lsnn.estimates import Estimate, estimate, ratio_over_episodes
from lsnn.files.reading import GAPS, ResultError, dataset, names, reported, subgroup, values
from lsnn.files.results import Condition, Result

FEWEST = 5  # animals from which something is said


class TooFew(ResultError):
    """Too few animals that an experiment can say something of: the report says so and goes on."""


def enough(used: np.ndarray, what: str) -> np.ndarray:
    """The mask (E,) of animals itself, if there are enough of them; TooFew otherwise."""
    if np.count_nonzero(used) < FEWEST:
        raise TooFew(f"{np.count_nonzero(used)} of {len(used)} animals {what}, at least {FEWEST} are needed")
    return used


Claims = dict[Any, Claim]  # by whatever an experiment compares
Outcomes = Mapping[Any, Outcome]


def no_claims(_: Result) -> Claims:
    return {}


class Entry(NamedTuple):
    """An experiment in the report: its figure, what the numbers say, paragraph by paragraph, and what they claim."""

    name: str
    title: str
    draw: Callable[[Result], Figure]
    tell: Callable[[Result, Outcomes], list[str]]
    claims: Callable[[Result], Claims] = no_claims


def kept_of(group: h5py.Group) -> list[str]:
    """State variables that the neurons keep beside their membranes; b in files that do not say."""
    return names(group, "kept") if "kept" in group.attrs else ["b"]


def called(variable: str) -> str:
    """A variable in words."""
    words = {"v": "membranes v", "b": "thresholds b", "spikes": "spikes"}
    return words.get(variable, variable)


def array(group: h5py.Group, name: str, n_axes: int) -> np.ndarray:
    """A data set of an experiment, with so many axes; NaN where something was not measured."""
    return values(dataset(group, name, (None,) * n_axes), rule=GAPS)


def swum(result: Result, experiment: str, condition: str) -> Condition:
    """The episodes of an experiment under a condition."""
    group = subgroup(subgroup(result.file, experiment), condition)
    return Condition(group, f"{experiment}/{condition}")


def visits_from(episodes: Condition, moment: np.ndarray) -> np.ndarray:
    """Visits of each episode after its moment, (E,)."""
    trials = trials_of(episodes)
    after = trials.found & (trials.start_ms + trials.latency_ms > moment[trials.episode])
    return np.bincount(trials.episode[after].astype(int), minlength=episodes.n_episodes)


def next_visit(episodes: Condition, moment: np.ndarray, watched_ms: int) -> np.ndarray:
    """Time from each episode's moment to its next visit, at most watched_ms, (E,)."""
    trials = trials_of(episodes)
    find = trials.start_ms + trials.latency_ms
    after = trials.found & (find > moment[trials.episode])
    times = np.full(episodes.n_episodes, float(watched_ms))
    waited = find[after] - moment[trials.episode[after]]
    np.minimum.at(times, trials.episode[after].astype(int), waited)
    return times


def mean(sample: np.ndarray) -> Estimate:
    """Mean of one number an animal."""
    if not len(sample):
        return Estimate(np.nan, np.nan, np.nan, 0)
    return estimate(lambda weights: weights @ sample / weights.sum(-1), len(sample))


def ratio(above: np.ndarray, below: np.ndarray) -> Estimate:
    """Mean of one number an animal over that of another; NaN where that is not above 0."""
    return ratio_over_episodes(above, below)


def latency_margin(result: Result) -> float:
    """Margin of claims about escape latencies in ms, `LATENCY_MARGIN` of the mean search of a baseline that is told the
    platform."""
    return LATENCY_MARGIN * oracle_ms(result)


def oracle_ms(result: Result) -> float:
    """Mean time of a straight swim to the platform's edge from starts uniform in the start region, off the platform."""
    with reported(f"{result.path}: attribute 'config', keys platform_circle, platform_radius, speed of task"):
        task = result.provenance.config["task"]
        circle, radius, speed = (float(task[name]) for name in ("platform_circle", "platform_radius", "speed"))
    shares = (np.arange(20) + 0.5) / 20
    platforms = circle * (np.sqrt(shares) if task.get("platform_anywhere") else np.ones(1))
    x, y = np.meshgrid(*[np.linspace(-1, 1, 201)] * 2)
    start = np.hypot(x, y) <= float(task.get("start_radius", 1))
    way = np.hypot(x[start] - platforms[:, None], y[start]) - radius
    if not (speed > 0 and (way > 0).any()):
        raise ResultError(f"{result.path}: task must have a speed above 0 and starts off the platform, has {task}")
    return float(way[way > 0].mean() / speed)


def points(estimates: list[Estimate]) -> np.ndarray:
    """Values, lower and upper bounds, (3, n)."""
    return np.array([each[:3] for each in estimates]).T
