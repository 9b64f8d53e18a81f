"""What a demo page needs of a family: a module named as the family, with `SHOWN`; its scripts are in analysis/demo."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import numpy as np

from analysis.demo import families
from lsnn.errors import InputError
from lsnn.task import Task


@dataclass(frozen=True)
class Shown:
    """How a family is shown.

    Args:
        hidden: states (..., n_state) -> (..., numbers), what the state of the network is read for.
        tuning: states (T, n_state) -> (T, F), what is added up over the steps at which a neuron spikes.
        order: these sums of neurons (n, F) -> places among them (n,), how the rows of thresholds are sorted.
        first: the table of trials of the page's episodes -> the number of the episode that is shown first.
    """

    hidden: Callable[[np.ndarray], np.ndarray]
    tuning: Callable[[np.ndarray], np.ndarray]
    order: Callable[[np.ndarray], np.ndarray]
    first: Callable[[np.ndarray], int]


def page_name(task: Task) -> str:
    """The family of a task by the name that its page has; raises InputError for a task without a page."""
    name = task.name.replace("-", "_")
    if name in families():
        return name
    known = ", ".join(family.replace("_", "-") for family in families())
    raise InputError(f"task of the network must be one of those that have a page ({known}), got {task.name!r}")


def shown(task: Task) -> Shown:
    """How the family of a task is shown; raises InputError for one without a page."""
    found: Shown = import_module(f"{__name__}.{page_name(task)}").SHOWN
    return found
