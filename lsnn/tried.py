"""What the functions of a task do wrong, by name: numba cannot compile them, they leave an array, or give NaN."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from numba.core.errors import NumbaError

from lsnn.acting import Acting
from lsnn.errors import DivergedError, InputError
from lsnn.forms import TaskForm
from lsnn.guards import FAULTS
from lsnn.kernels.layout import State, Trace
from lsnn.task import Task

FUNCTIONS = "begin, observe, target and transition"
LENGTHS = ("n_parameters", "n_state", "n_observation", "n_action", "n_target")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
COLUMNS = ("iteration", "minutes", "return", "level", "learning_rate", "std", "rate_hz", "gradient_norm", *FAULTS)


@contextmanager
def calling(task: TaskForm) -> Iterator[None]:
    """Turns what numba raises for the functions of a task into an InputError that names their file.

    It sees an index beyond an array where it checks them, as it does in a file of one's own (`tasks/own_file.py`).
    """
    try:
        yield
    except NumbaError as error:
        rule = f"{FUNCTIONS} must be such that numba can compile them (lsnn/task.py)"
        raise InputError(f"{_file(task)}: {rule}, got: {_gist(str(error))}") from error
    except IndexError as error:
        if task.dynamics.startswith("tasks."):  # the project's own: its fault, not the user's
            raise
        lengths = ", ".join(f"{name} {getattr(task, name)}" for name in LENGTHS)
        raise InputError(f"{_file(task)}: {FUNCTIONS} must stay within their arrays ({lengths})") from error


def _file(task: TaskForm) -> str:
    return str(getattr(sys.modules.get(task.dynamics), "__file__", None) or task.dynamics)


def _gist(message: str) -> str:
    """What numba objects to, and the line of code."""
    lines = [line.strip() for line in message.splitlines()]
    told = [line for line in lines if line and not line.startswith("Failed in")]
    code = next((before for before, line in zip(lines, lines[1:], strict=False) if set(line) == {"^"}), "")
    return f"{told[0] if told else 'nothing'}" + (f", at: {code}" if code else "")


def require_sound(task: TaskForm, trace: Trace, first: int, last: int, before: int = 0) -> None:
    """Raise InputError if a task has given what is no number, or a weight below 0, in steps first..last - 1.

    Not where the action was none before: that is for those who look after the network.

    Args:
        before: steps of the episodes that were over when the trace was begun.
    """
    weight = trace.target_weight[first:last]
    looked_at: dict[str, tuple[np.ndarray, Callable[[np.ndarray], np.ndarray], str]] = {
        "reward of transition": (trace.reward[first:last], np.isfinite, "finite"),
        "weight of target": (weight, _is_weight, "finite and at least 0"),
        "target": (np.where(weight[..., None] > 0, trace.target[first:last], 0.0), np.isfinite, "finite"),
    }
    for name, (values, sound, rule) in looked_at.items():
        if not (fits := sound(values)).all():
            t, lane = np.argwhere(~fits)[0][:2]
            _refuse(task, trace, name, rule, values[~fits][0], first + int(t), int(lane), before)
    if not (fits := np.isfinite(trace.observation)).all():
        _refuse(task, trace, "observation", "finite", trace.observation[~fits][0], last, slice(None), before)


def require_finite(network: Acting, state: State, t: int) -> None:
    """Raise DivergedError if a state variable is NaN or infinite before step t: all that follows would mean nothing."""
    found = [network.variable_at(int(slot)) for slot in np.flatnonzero(~np.isfinite(state.x).all(axis=1))]
    where = [f"{each[0]} of neuron {each[1]}" for each in found if each]  # beside them the adjoint has slots of its own
    where += [f"readout {column}" for column in np.flatnonzero(~np.isfinite(state.r).all(axis=1))]
    if where:
        cause = "the weights or the neuron model let it leave its range"
        raise DivergedError(f"the network cannot be run: {where[0]} is not finite before step {t}; {cause}")


def measured(task: Task, reward: np.ndarray, acted: np.ndarray) -> dict[str, float]:
    """`Task.metrics`; InputError unless they are numbers under names of their own."""
    found = task.metrics(reward, acted)
    rule = f"metrics of the task {task.name} must give a dict of names and numbers"
    if not isinstance(found, dict):
        raise InputError(f"{rule}, got {found!r:.80}")
    for name, value in found.items():
        if not (isinstance(name, str) and NAME.fullmatch(name)):
            raise InputError(f"{rule}, names of letters, digits and underscores, got {name!r:.80}")
        if name in COLUMNS:
            raise InputError(f"{rule}, none of them called {', '.join(COLUMNS)}, got {name!r}")
        if not isinstance(value, int | float | np.integer | np.floating):
            raise InputError(f"{rule}, got {value!r:.80} for {name!r}")
    return {name: float(value) for name, value in found.items()}


def _is_weight(values: np.ndarray) -> np.ndarray:
    return np.isfinite(values) & (values >= 0)


def _refuse(
    task: TaskForm, trace: Trace, name: str, rule: str, value: float, t: int, lane: int | slice, before: int
) -> None:
    if np.isfinite(trace.action[: t + 1, lane]).all():
        when = f"at step {before + t}" if name != "observation" else f"before step {before + t}"
        raise InputError(f"{_file(task)}: the {name} must be {rule}, got {value} {when}")
