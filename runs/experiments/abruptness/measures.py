"""How abrupt a course of meta-training is, and the choices of an episode."""

from typing import Any, NamedTuple

import h5py
import numpy as np

from lsnn.files import store
from tasks.family import family_of

FEWEST = 20  # points of a course
CHANCES = np.linspace(0.025, 0.975, 20)  # of the better arm, tried
TIME_CONSTANTS = 24  # of the ramp, tried, from one trial to all of them
AT_ONCE = 64  # episodes whose likelihoods are held
RATES, TEMPERATURES = np.arange(1, 20) / 20, np.array([0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5])  # of the Q-learner


# The outer loop


def course_of(each: Any) -> tuple[str, np.ndarray, np.ndarray]:
    """The score of a network's meta-training by iteration: its name, iterations done (P,), score (P,).

    That on the task in its full difficulty where it was measured FEWEST times, else that of the batches.
    """
    family, history = family_of(each.task), each.network.history
    score = family.history_of(each.task)[0].name
    names = () if history is None else history.dtype.names
    for name in (f"{family.whole}_{score}", score):
        if name in names:
            known = np.isfinite(history[name])
            if name == score or known.sum() >= FEWEST:
                return name, np.flatnonzero(known) + 1, history[name][known]
    return score, np.empty(0, int), np.empty(0)


def smoothed(value: np.ndarray) -> np.ndarray:
    """Running mean over a fiftieth of the course, at least three points, (P,)."""
    half = max(1, len(value) // 100)
    padded = np.pad(value, half, mode="edge")
    return np.convolve(padded, np.ones(2 * half + 1) / (2 * half + 1), mode="valid")


def outer(value: np.ndarray) -> tuple[float, float]:
    """What share of all change falls in the steepest tenth, and where the middle of that tenth lies (0 to 1).

    All change is from the first point to the mean of the last twentieth; NaN where there is none.
    """
    course = smoothed(value)
    width = max(1, len(course) // 10)
    whole = course[-max(1, len(course) // 20) :].mean() - course[0]
    if whole == 0 or len(course) <= width:
        return np.nan, np.nan
    change = (course[width:] - course[:-width]) / whole
    first = int(np.argmax(change))
    return float(change[first]), (first + width / 2) / (len(course) - 1)


# The inner loop


class Curves(NamedTuple):
    """Courses of the chance that the better arm is pulled, all that are tried of one kind, (curve, trial)."""

    chance: np.ndarray

    def best(self, better: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of each episode of choices (E, T) the greatest log likelihood (E,), and the number of its curve (E,)."""
        yes, no = np.log(self.chance).T, np.log1p(-self.chance).T
        found = []
        for first in range(0, len(better), AT_ONCE):
            part = better[first : first + AT_ONCE].astype(float)
            likelihood = part @ yes + (1 - part) @ no
            found.append((likelihood.max(axis=1), likelihood.argmax(axis=1)))
        greatest, number = zip(*found, strict=True)
        return np.concatenate(greatest), np.concatenate(number)


def _pairs() -> tuple[np.ndarray, np.ndarray]:
    """Chances before and after, (pair, 1) each."""
    before, after = np.meshgrid(CHANCES, CHANCES, indexing="ij")
    return before.reshape(-1, 1), after.reshape(-1, 1)


def steps_of(trials: int) -> Curves:
    """q0 before trial k, q1 from it on, k = 1 .. trials - 1."""
    before, after = _pairs()
    late = np.arange(trials) >= np.arange(1, trials)[:, None]
    return Curves(np.concatenate([np.where(row, after, before) for row in late]))


def ramps_of(trials: int) -> Curves:
    """q0 + (q1 - q0) (1 - exp(-t / tau)), t = 0 .. trials - 1."""
    before, after = _pairs()
    tau = np.geomspace(1.0, trials, TIME_CONSTANTS)
    risen = 1.0 - np.exp(-np.arange(trials) / tau[:, None])
    return Curves(np.concatenate([before + (after - before) * row for row in risen]))


def ahead(better: np.ndarray, steps: Curves, ramps: Curves) -> np.ndarray:
    """Log likelihood of the best step minus that of the best ramp, (E,)."""
    return steps.best(better)[0] - ramps.best(better)[0]


def drawn(curves: Curves, number: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Choices of episodes that follow these curves, (E, T) bool."""
    chance = curves.chance[number]
    return generator.random(chance.shape) < chance


def put_choices(group: h5py.Group, better: np.ndarray, generator: np.random.Generator) -> None:
    """What was found of the choices of one; better: (E, T) bool, whether the better arm was pulled."""
    steps, ramps = steps_of(better.shape[1]), ramps_of(better.shape[1])
    (step, of_step), (ramp, of_ramp) = steps.best(better), ramps.best(better)
    null = ahead(drawn(ramps, of_ramp, generator), steps, ramps)
    seen = ahead(drawn(steps, of_step, generator), steps, ramps)
    store.put(
        group, "better", better.mean(axis=0), "1", "(trial,): share of episodes in which the better arm is pulled"
    )
    store.put(
        group, "ahead", step - ramp, "nat", "(episode,): log likelihood of the best step minus that of the best ramp"
    )
    store.put(group, "ahead_of_ramps", null, "nat", "(episode,): the same of choices drawn from the best ramp")
    store.put(group, "ahead_of_steps", seen, "nat", "(episode,): the same of choices drawn from the best step")


# The Q-learner


def q_played(pays: np.ndarray, practice: np.ndarray, trials: int, generator: np.random.Generator) -> np.ndarray:
    """Choices (E, trials) of a Q-learner with the rate and temperature that earn most on other episodes.

    Args:
        pays: (E, 2) what the arms pay; practice: (P, 2), those of the other episodes.
    """
    tried = [(rate, heat) for rate in RATES for heat in TEMPERATURES]
    earned = [q_learner(practice, trials, rate, heat, generator)[1].mean() for rate, heat in tried]
    return q_learner(pays, trials, *tried[int(np.argmax(earned))], generator)[0]


def q_learner(
    pays: np.ndarray, trials: int, rate: float, temperature: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Choices and rewards, (E, trials) both: Q of the arm pulled moves by rate (r - Q); softmax of Q / temperature."""
    value, row = np.full(pays.shape, 0.5), np.arange(len(pays))
    choice, reward = np.empty((len(pays), trials), np.int8), np.empty((len(pays), trials))
    for trial in range(trials):
        second = 1.0 / (1.0 + np.exp(np.clip((value[:, 0] - value[:, 1]) / temperature, -500, 500)))
        arm = (generator.random(len(pays)) < second).astype(int)
        paid = generator.random(len(pays)) < pays[row, arm]
        value[row, arm] += rate * (paid - value[row, arm])
        choice[:, trial], reward[:, trial] = arm, paid
    return choice, reward
