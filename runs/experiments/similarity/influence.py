"""How far each past example moves each answer in regression: finite differences in y, and what linear rules say.

Sample i is shown with y moved up and with y moved down, all else as it was; the difference of every later answer, over
the difference of the two y, is the influence. Both runs of a spiking network have the same noise of the input; as
another y draws other spikes, not all noise cancels, and several passes with other noise are averaged.
"""

from collections.abc import Callable

import numpy as np

from lsnn.seeds import TRAIN_BRANCH, episode_keys
from runs.experiments.similarity.learners import Learner, answers_of
from runs.experiments.similarity.worlds import TUNED_ON, World
from tasks.regression.baselines import fit
from tasks.regression.task import Y_BEFORE, Regression

RULES = ("gradient_descent_1", "gradient_descent_2", "gradient_descent_5", "gradient_descent_20", "ridge")


def moved(task: Regression, y: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """y (...) lower and higher by a step, at most to the ends of what is encoded, of which nothing beyond is seen."""
    low, high = task.encoder.low[-1], task.encoder.high[-1]  # type: ignore[attr-defined]
    return np.clip(y - step, low, high), np.clip(y + step, low, high)


def influence_of(answers: Callable[[int, np.ndarray], np.ndarray], task: Regression, y: np.ndarray, step: float):
    """The influence of example i on answer t, (E, t, i), 0 unless i < t, from y (E, K).

    Args:
        answers: from i and y_i (E,) to the answers (E, K) with this y_i in place of its own.
    """
    low, high = moved(task, y, step)
    found = np.zeros((*y.shape, y.shape[1]))
    for i in range(y.shape[1] - 1):
        apart = high[:, i] - low[:, i]
        slope = (answers(i, high[:, i]) - answers(i, low[:, i])) / np.where(apart > 0, apart, 1)[:, None]
        found[:, i + 1 :, i] = slope[:, i + 1 :]
    return found


def influence_of_rules(task: Regression, x: np.ndarray, y: np.ndarray, step: float) -> np.ndarray:
    """Of RULES, (rule, E, t, i), exact, as their answers are linear in y."""
    rules = fit(task, *task.examples(episode_keys(0, TRAIN_BRANCH, 0, TUNED_ON)))

    def of(rule: str) -> np.ndarray:
        def answers(i: int, own: np.ndarray) -> np.ndarray:
            changed = y.copy()
            changed[:, i] = own
            return rules[rule](x, changed)

        return influence_of(answers, task, y, step)

    return np.array([of(rule) for rule in RULES])


def influence_of_learner(
    learner: Learner, world: World, y: np.ndarray, noise: np.ndarray, step: float, threads: int
) -> np.ndarray:
    """Of a learner in the first episodes of a world, (repeat, E, t, i).

    Args:
        y: (E, K) of these episodes. noise: (repeat, E); an agent, which has none, goes through them once.
    """
    count = len(y)
    largest = max(abs(world.task.encoder.low[-1]), abs(world.task.encoder.high[-1]))

    def answers_with(keys: np.ndarray) -> Callable[[int, np.ndarray], np.ndarray]:
        def answers(i: int, own: np.ndarray) -> np.ndarray:
            inputs, starts = world.inputs[:count].copy(), world.starts[:count].copy()
            inputs[:, i + 1, -1], starts[:, i + 1, Y_BEFORE] = own / largest, own
            return answers_of(learner, world, inputs, starts, keys, threads)

        return answers

    passes = noise if learner.noisy else noise[:1]
    return np.array([influence_of(answers_with(keys), world.task, y, step) for keys in passes])
