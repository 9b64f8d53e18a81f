"""What only files of the water maze have: platforms, visits, paths. Lengths in pool radii, times in ms."""

from typing import NamedTuple

import numpy as np
import pandas

from lsnn.files.reading import FLAG, PLACE, ResultError, Rule, check, place, reported
from lsnn.files.results import Condition, Result

SWUM = {"latency_ms", "path_length", "optimal_ms", "start_x", "start_y", "platform_x", "platform_y", "found"}


class Trials(NamedTuple):
    """The trials of a condition, a row a trial; every field has shape (rows,).

    A trial runs from release to the platform. `trial` counts from 0 within an episode. The last trial of an episode
    may be cut off by the episode's end: `found` is then False and `latency_ms` the time spent so far.
    """

    episode: np.ndarray
    trial: np.ndarray
    start_ms: np.ndarray
    latency_ms: np.ndarray
    path_length: np.ndarray
    optimal_ms: np.ndarray
    start_x: np.ndarray
    start_y: np.ndarray
    platform_x: np.ndarray
    platform_y: np.ndarray
    found: np.ndarray

    @property
    def end_ms(self) -> np.ndarray:
        """The step before which the trial has ended."""
        return self.start_ms + self.latency_ms


def trials_of(condition: Condition) -> Trials:
    """The trials; ResultError for values that no swim can have, or an episode without a trial."""
    where, frame = f"{place(condition.group)}, table 'trials'", condition.trials
    if missing := SWUM - set(frame):
        raise ResultError(f"{where}: needs the columns {', '.join(Trials._fields)}; missing: {', '.join(missing)}")
    within = Rule(0, condition.duration_ms, whole=True)
    rules = {"latency_ms": within, "path_length": Rule(0), "optimal_ms": Rule(0, whole=True), "found": FLAG}
    rules |= dict.fromkeys(("start_x", "start_y", "platform_x", "platform_y"), PLACE)
    for name, rule in rules.items():
        check(f"{where}: column {name!r}", frame[name].to_numpy(), rule)
    check(f"{where}: start_ms + latency_ms", (frame["start_ms"] + frame["latency_ms"]).to_numpy(), within)
    if not np.bincount(frame["episode"], minlength=condition.n_episodes).all():
        first = np.argmin(np.bincount(frame["episode"], minlength=condition.n_episodes))
        raise ResultError(f"{where}: must have a trial of every episode, has none of {first}")
    return Trials(*(_column(frame, name) for name in Trials._fields))


def _column(frame: pandas.DataFrame, name: str) -> np.ndarray:
    kinds = {"latency_ms": np.int64, "optimal_ms": np.int64, "found": bool}
    column: np.ndarray = frame[name].to_numpy()
    return column.astype(kinds[name]) if name in kinds else column


def visits_of(condition: Condition) -> np.ndarray:
    """Platform visits in each episode, (E,)."""
    trials = trials_of(condition)
    return np.bincount(trials.episode[trials.found], minlength=condition.n_episodes)


def platforms(condition: Condition) -> np.ndarray:
    """Centre of the first platform of each episode, (E, 2)."""
    return _hidden(condition)[:, :2]


def _hidden(condition: Condition) -> np.ndarray:
    found = condition.latent
    if found is None or found.shape[1] != 3:
        raise ResultError(f"{place(condition.group)}: needs centre and radius of each platform, found nothing")
    check(f"{place(condition.group)}/latent", found.to_numpy()[:, :2], PLACE)
    return found.to_numpy()


def radius_of(condition: Condition, episode: int) -> float:
    """Radius of an episode's platform."""
    return _in_pool(f"{place(condition.group)}: radius of the platform", float(_hidden(condition)[episode, 2]))


def platform_radius(result: Result) -> float:
    """Radius of the platform (the greatest, where it varies), from the configuration's `task.platform_radius`."""
    where = f"{result.path}: attribute 'config', key task.platform_radius"
    with reported(where):
        return _in_pool(where, float(result.provenance.config["task"]["platform_radius"]))


def _in_pool(where: str, radius: float) -> float:
    if not 0 < radius <= 1:
        raise ResultError(f"{where}: must lie in (0, 1], holds {radius}")
    return radius


def path_of(condition: Condition, episode: int, start_ms: int = 0, stop_ms: int | None = None) -> np.ndarray:
    """Path of an episode, rows start_ms..stop_ms of (T + 1, 2); row t is the place before step t."""
    return condition.recording("position", episode, slice(start_ms, stop_ms), 2, extra=1, rule=PLACE)
