"""What is measured of a history of the two-step task; histories are a `Record` of E episodes of K trials."""

from collections.abc import Mapping
from typing import NamedTuple

import h5py
import numpy as np
from sklearn.linear_model import LogisticRegression

import lsnn
from lsnn.files import store
from lsnn.network import Network
from tasks.two_step import TwoStep
from tasks.two_step.baselines import Record, values_on
from tasks.two_step.task import choice_steps

LAGS = 5
BEFORE, AFTER = 5, 15  # trials shown round a switch
AT_ONCE = 200  # episodes whose steps are kept at a time
PENALTY = 1.0  # of half the squared weights; predictors are -0.5 or 0.5
TOLERANCE = 1e-9  # worths that differ by less are a tie
PREDICTORS = (
    *(f"{kind}_{lag}" for kind in ("outcome", "transition", "interaction") for lag in range(1, LAGS + 1)),
    "stay",
    "correct",
)


class Fit(NamedTuple):
    """Weights of a regression and their standard errors over episodes."""

    weight: np.ndarray
    error: np.ndarray


def played_by(network: Network, task: TwoStep, keys: np.ndarray, threads: int) -> tuple[Record, np.ndarray]:
    """A frozen network's history, and its value readout at the choice and at the end of the outcome, (E, K, 2)."""
    histories, values = [], []
    for first in range(0, len(keys), AT_ONCE):
        record = lsnn.simulate(network, task, keys=keys[first : first + AT_ONCE], threads=threads)
        shape, trials = (-1, task.trials), record.trials
        histories.append([trials[name].to_numpy().reshape(shape) for name in Record._fields])
        value = record.readout.sel(output="value").to_numpy()
        choice = choice_steps(task)
        values.append(np.stack([value[:, choice], value[:, choice + task.phase_ms]], axis=-1))
    return Record(*map(np.concatenate, zip(*histories, strict=True))), np.concatenate(values)


def is_common(record: Record) -> np.ndarray:
    """Whether each action led where it commonly does, (E, K)."""
    return (record.action + record.map) % 2 == record.second


def is_better(record: Record) -> np.ndarray:
    """Whether each action leads commonly to the state that pays, (E, K)."""
    return (record.action + record.map) % 2 == record.good


def stays(record: Record) -> tuple[np.ndarray, np.ndarray]:
    """How often an action was repeated, and how often it could be, by (paid, common): both (E, 2, 2)."""
    paid, common = record.paid[:, :-1] > 0, is_common(record)[:, :-1]
    again = record.action[:, 1:] == record.action[:, :-1]
    cells = [[(paid == p) & (common == c) for c in (False, True)] for p in (False, True)]
    count = np.array([[cell.sum(axis=1) for cell in row] for row in cells])
    stayed = np.array([[(cell & again).sum(axis=1) for cell in row] for row in cells])
    return np.moveaxis(stayed, -1, 0), np.moveaxis(count, -1, 0)


def round_switch(record: Record) -> tuple[np.ndarray, np.ndarray]:
    """Choices that lead commonly to the state that pays after a switch, from BEFORE trials before it to AFTER after it.

    Switches with another one in this window are left out.

    Returns:
        counts (E, BEFORE + AFTER + 1) and the number of switches (E,).
    """
    leads, trials = (record.action + record.map) % 2, record.action.shape[1]
    switched = np.diff(record.good, axis=1) != 0
    count, number = np.zeros((len(leads), BEFORE + AFTER + 1), np.int64), np.zeros(len(leads), np.int64)
    for episode, trial in np.argwhere(switched) + (0, 1):
        window = slice(trial - BEFORE, trial + AFTER + 1)
        if window.start < 0 or window.stop > trials or switched[episode, window.start : window.stop - 1].sum() > 1:
            continue
        count[episode] += leads[episode, window] == record.good[episode, trial]
        number[episode] += 1
    return count, number


def design(record: Record) -> tuple[np.ndarray, np.ndarray]:
    """Predictors (rows, PREDICTORS), each -0.5 or 0.5, and the choice (rows,), of all trials from LAGS on.

    Signs are those of the second action: outcome, transition and their interaction of the last trials; stay, the
    action before; correct, whether that one was the better one (Akam, Costa & Dayan 2015).
    """
    choice = record.action - 0.5
    paid, common = 2.0 * record.paid - 1.0, 2.0 * is_common(record) - 1.0
    kinds, trials = (choice * paid, choice * common, choice * paid * common), choice.shape[1]

    def before(array: np.ndarray, lag: int) -> np.ndarray:
        return array[:, LAGS - lag : trials - lag].ravel()

    columns = [before(kind, lag) for kind in kinds for lag in range(1, LAGS + 1)]
    correct = choice * (2.0 * is_better(record) - 1.0)
    return np.column_stack([*columns, before(choice, 1), before(correct, 1)]), record.action[:, LAGS:].ravel()


def clustered(hessian: np.ndarray, score: np.ndarray, episodes: int) -> np.ndarray:
    """Standard errors from the scores of all rows, (rows, p), summed by episode (the sandwich of Huber and White)."""
    summed, inverse = score.reshape(episodes, -1, score.shape[1]).sum(axis=1), np.linalg.inv(hessian)
    return np.sqrt(np.diag(inverse @ (summed.T @ summed) @ inverse))


def choice_weights(record: Record, correct: bool) -> Fit:
    """The penalised logistic regression of the choice, with the predictor `correct` or without (then NaN)."""
    x, y = design(record)
    used = len(PREDICTORS) if correct else len(PREDICTORS) - 1
    model = LogisticRegression(C=1 / PENALTY, fit_intercept=False, solver="newton-cholesky", max_iter=1000)
    model.fit(x[:, :used], y)
    chance = model.predict_proba(x[:, :used])[:, 1]
    hessian = (x[:, :used].T * (chance * (1 - chance))) @ x[:, :used] + PENALTY * np.eye(used)
    found = Fit(*np.full((2, len(PREDICTORS)), np.nan))
    found.weight[:used] = model.coef_[0]
    found.error[:used] = clustered(hessian, x[:, :used] * (y - chance)[:, None], len(record.action))
    return found


def worths_on(names: tuple[str, ...], task: TwoStep, record: Record, practice: np.ndarray) -> dict[str, np.ndarray]:
    """What each action was worth to baselines that saw this history, (E, K, actions) each."""
    return {name: values_on(name, task, record.action, record.second, record.paid, practice) for name in names}


def agreement(record: Record, worth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How often the action was the one that is worth more, and how often one was: both (E,)."""
    decided = np.abs(worth[..., 1] - worth[..., 0]) > TOLERANCE
    return ((worth.argmax(axis=-1) == record.action) & decided).sum(axis=1), decided.sum(axis=1)


def prediction_error(task: TwoStep, record: Record, value: np.ndarray, discount: float) -> np.ndarray:
    """Reward + discounted value at the end of the outcome - value at the choice, (E, K)."""
    return task.reward * record.paid + discount**task.phase_ms * value[..., 1] - value[..., 0]


def error_weights(error: np.ndarray, others: np.ndarray) -> tuple[Fit, float]:
    """Least squares of an error (E, K) on others (E, K, n), all standardised; and the share of variance explained."""
    x, y = (array - array.mean(axis=(0, 1)) for array in (others, error))
    x, y = (x / x.std(axis=(0, 1))).reshape(-1, x.shape[-1]), (y / y.std()).ravel()
    weight = np.linalg.lstsq(x, y, rcond=None)[0]
    left = y - x @ weight
    return Fit(weight, clustered(x.T @ x, x * left[:, None], len(error))), float(1 - left.var())


# Into the file


def put_player(parent: h5py.Group, name: str, task: TwoStep, record: Record) -> h5py.Group:
    """The group of a network or a baseline, with what is measured of all of them."""
    group = parent.create_group(name)
    cells = "(episode, paid, common): "
    for key, array, words in zip(("stayed", "could_stay"), stays(record), ("actions repeated", "actions"), strict=True):
        store.put(group, key, array, "1", cells + words)
    count, number = round_switch(record)
    store.put(group, "after_switch", count, "1", "(episode, trial from -5 to 15): choices that are better from 0 on")
    store.put(group, "switches", number, "1", "(episode,): switches with no other near")
    store.put(group, "paid", record.paid.sum(axis=1), "1", "(episode,): trials that paid")
    fits = [choice_weights(record, correct) for correct in (True, False)]
    group.attrs["predictors"] = np.array(PREDICTORS, dtype=h5py.string_dtype())
    for key, at in (("weight", 0), ("weight_error", 1)):
        store.put(
            group, key, np.nan_to_num(np.array([fit[at] for fit in fits])), "1", "(with correct, without; predictor)"
        )
    return group


def put_agreement(group: h5py.Group, record: Record, worths: Mapping[str, np.ndarray]) -> None:
    """How often a network does what each baseline would have done of its history."""
    for name, worth in worths.items():
        agreed, decided = agreement(record, worth)
        store.put(group, f"agrees_{name}", agreed, "1", "(episode,): choices that are worth more to this baseline")
        store.put(group, f"decided_{name}", decided, "1", "(episode,): choices of which one is worth more to it")


def put_errors(
    group: h5py.Group,
    task: TwoStep,
    record: Record,
    value: np.ndarray,
    worths: Mapping[str, np.ndarray],
    discount: float,
) -> None:
    """The value readout's prediction error regressed on those of the learners, each reward - worth of the action."""
    error = prediction_error(task, record, value, discount)[:, 1:]
    names = ("model_free", "model_based")
    taken = np.stack(
        [np.take_along_axis(worths[name], record.action[..., None].astype(int), axis=-1)[..., 0] for name in names], -1
    )
    others = (record.paid[..., None] - taken)[:, 1:]
    fit, explained = error_weights(error, others)
    alone = [error_weights(error, others[..., [at]])[1] for at in range(len(names))]
    store.put(group, "error_weight", fit.weight, "1", "(model-free, model-based)")
    store.put(group, "error_weight_error", fit.error, "1", "(model-free, model-based): standard errors over episodes")
    store.put(
        group, "explained", np.array([*alone, explained]), "1", "variance explained by model-free, model-based, both"
    )
