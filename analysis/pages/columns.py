"""Columns of the trials as (episode, trial), for families whose episodes all have as many trials."""

import numpy as np

from lsnn.files.reading import FINITE, ResultError, Rule, check, place
from lsnn.files.results import Condition, Result


def per_trial(condition: Condition, column: str, rule: Rule = FINITE) -> np.ndarray:
    """A column of the trials, (E, trials); ResultError where it is missing, breaks the rule, or trials are missing."""
    frame, where = condition.trials, f"{place(condition.group)}, table 'trials'"
    if column not in frame:
        raise ResultError(f"{where}: needs the column {column!r}, has {', '.join(frame)}")
    values = frame[column].to_numpy()
    check(f"{where}: column {column!r}", values, rule)
    begun = np.bincount(frame["episode"], minlength=condition.n_episodes)
    if begun.min() != begun.max():
        raise ResultError(f"{where}: must have as many trials of each episode, has {begun.min()} to {begun.max()}")
    return values.reshape(condition.n_episodes, -1)


def check_alike(result: Result, conditions: dict[str, Condition], column: str) -> None:
    """ResultError unless these conditions have as many episodes and trials."""
    shapes = {name: per_trial(each, column).shape for name, each in conditions.items()}
    if len(set(shapes.values())) > 1:
        told = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ResultError(f"{result.path}: conditions must be of as many episodes and trials, are of {told}")
