"""The episodes that all learners go through: what is shown, when an answer is asked for, what must be known for it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from agents.config import AgentConfig, AgentExperiment
from agents.playing import replayed
from lsnn.errors import InputError
from lsnn.learning.config import LearningConfig
from lsnn.seeds import TRAIN_BRANCH, episode_keys
from tasks.induction.task import ORDER, TOKENS, VALUES
from tasks.regression.baselines import basis, best_penalty, ridge_weights
from tasks.two_step.baselines import play, values_on

TUNED_ON = 256  # episodes of the branch of meta-training
LEAST_DOUBT = 1e-6  # of exact Bayes, so that log odds are finite


class World(NamedTuple):
    """E episodes of N decisions, D of which ask.

    Args:
        task: their task. decision_ms: how long a decision lasts.
        inputs: (E, N, n_inputs), what an agent is given. starts: (E, N, n_state), the task before each decision.
        asked: (D,), decisions that ask. known: (E, D, q), what must be known for the answer; what: its name.
        paced: (P,), equally far apart, the decisions whose states follow one another in fitted dynamics.
        classes: whether the q numbers are flags, of which one is up.
    """

    task: Any
    decision_ms: int
    inputs: np.ndarray
    starts: np.ndarray
    asked: np.ndarray
    known: np.ndarray
    paced: np.ndarray
    what: str
    classes: bool


class Told(NamedTuple):
    """What is a family's own in a world."""

    asked: np.ndarray
    known: np.ndarray
    paced: np.ndarray
    what: str
    classes: bool = False


def world_of(task: Any, keys: np.ndarray) -> World:
    """The episodes of these keys (E,) of a task of one of FAMILIES.

    Raises:
        InputError: a task in which no decision or no statistic can be told.
    """
    task = _with_as_many(task)
    experiment = AgentExperiment(task, AgentConfig(), LearningConfig())
    actions = _actions(task, keys, experiment)
    run, ms = replayed(experiment, keys, actions), experiment.decision_ms
    last = np.arange(1, experiment.decisions + 1) * ms <= task.duration_ms
    starts = run.states[:, np.arange(experiment.decisions) * ms][:, last]
    told = FAMILIES[task.name](task, keys, starts, ms)
    return World(task, ms, run.inputs[:, last], starts, *told)


def _with_as_many(task: Any) -> Any:
    """The task with the same number of pairs in every episode, so that all ask at the same decisions."""
    return replace(task, pairs_min=task.pairs_max) if task.name == "induction" else task


def _actions(task: Any, keys: np.ndarray, experiment: AgentExperiment) -> np.ndarray:
    """What is done in all episodes, (E, N, n_action): in the two-step task the choices of exact Bayes."""
    actions = np.zeros((len(keys), experiment.decisions, task.n_action if task.action_kind != "categorical" else 1))
    if task.name == "two-step":
        trial = np.arange(experiment.decisions) * experiment.decision_ms // task.trial_ms
        actions[..., 0] = play("bayes", keys, task).action[:, np.minimum(trial, task.trials - 1)]
    return actions


def _regression(task: Any, keys: np.ndarray, starts: np.ndarray, ms: int) -> Told:
    """Every sample asks; ridge's coefficients of the examples before it."""
    x, y = task.examples(keys)
    practice = task.examples(episode_keys(0, TRAIN_BRANCH, 0, TUNED_ON))
    penalty = best_penalty(basis(task.function, practice[0]), practice[1])
    weights = ridge_weights(basis(task.function, x), y, penalty)
    every = np.arange(task.samples)
    return Told(every, weights, every, "coefficients of ridge")


def _induction(task: Any, keys: np.ndarray, starts: np.ndarray, ms: int) -> Told:
    """Every query asks; the value that followed its key."""
    if task.dark_ms % ms:
        raise InputError(f"task.dark_ms must be a multiple of token_ms ({ms}) to be compared, got {task.dark_ms}")
    pairs = task.pairs_max
    asked = 2 * pairs + task.dark_ms // ms + np.arange(pairs)
    first = starts[:, 0].astype(int)
    order = first[:, ORDER : ORDER + pairs]
    value = np.take_along_axis(first[:, VALUES : VALUES + TOKENS], order, axis=1)
    every = np.arange(starts.shape[1])
    return Told(asked, np.eye(TOKENS)[value], every, "the value of the key", classes=True)


def _two_step(task: Any, keys: np.ndarray, starts: np.ndarray, ms: int) -> Told:
    """Every choice asks; log odds of exact Bayes that the first action commonly leads to the better state."""
    if task.pays == 0.5 or task.common == 0.5:
        raise InputError("task.pays and task.common must be above 0.5 to be compared: else there is nothing to know")
    record = play("bayes", keys, task)
    worth = values_on("bayes", task, record.action, record.second, record.paid)[..., :1]
    asked = (np.arange(task.trials) * task.trial_ms + task.dark_ms) // ms
    return Told(asked, log_odds(worth, task.common, task.pays), asked, "log odds of exact Bayes")


def log_odds(worth: np.ndarray, common: float, pays: float) -> np.ndarray:
    """Log odds that an action commonly leads to the better state, from the chance that it pays."""
    good = (worth - (1 - pays)) / (2 * pays - 1)
    better = np.clip((good - (1 - common)) / (2 * common - 1), LEAST_DOUBT, 1 - LEAST_DOUBT)
    return np.log(better / (1 - better))


FAMILIES: dict[str, Callable[[Any, np.ndarray, np.ndarray, int], Told]] = {
    "regression": _regression, "induction": _induction, "two-step": _two_step,
}  # fmt: skip
