"""What fits a block: compiled code believes what it is handed, so all of it is checked before, once a call.

The arrays of a state, a record, a trace and of weights must have the shapes and types that the block was made for, and
whatever in them is a place in another array must lie within it.
"""

import importlib
import sys
from typing import Any, NamedTuple

import numpy as np

from lsnn.acting import Acting
from lsnn.errors import InputError
from lsnn.kernels.layout import FULL, PLAIN, TILED, Cells, Readout, Rows, Weights
from lsnn.network import Network
from lsnn.task import Encoder, Task
from lsnn.validation import (
    numbers_of,
    offers,
    precision_of,
    require,
    require_array,
    require_integer,
    require_kind,
    size_of,
)

Form = dict[str, tuple[tuple[int, ...], np.dtype]]  # of a named tuple of arrays: shape and type of each

ACTION_KINDS, LOSSES = ("gaussian", "categorical", "none"), ("reward", "target", "class")
_BYTES, _PLACES, _STARTS = np.dtype(np.uint8), np.dtype(np.int32), np.dtype(np.int64)
_FORMS = {PLAIN: "PLAIN", FULL: "FULL", TILED: "TILED"}


def form_of(arrays: Any) -> Form:
    """The form of a named tuple of arrays."""
    return {name: (array.shape, array.dtype) for name, array in arrays._asdict().items()}


def require_form(name: str, arrays: Any, kind: type, form: Form) -> None:
    """Raise InputError unless it is a `kind`, a named tuple of arrays of this form, that compiled code can write to."""
    require_kind(name, arrays, kind)
    for (field, (shape, dtype)), array in zip(form.items(), arrays, strict=True):
        require_array(f"{name}.{field}", array, shape, dtype)


class Sizes(NamedTuple):
    """What a block is made for: a network, as far as compiled code depends on it, in a precision."""

    n_neurons: int
    n_slots: int
    n_in: int
    n_out: int
    ring: int  # d_max + 1
    dtype: np.dtype
    models: tuple[Any, ...]
    outputs: tuple[tuple[str, int], ...]
    planes: int = 1  # ports of a neuron
    decays: int = 1  # of the readouts


def sizes_of(network: Acting, dtype: Any) -> Sizes:
    """What a block has to know of a network.

    Raises:
        InputError: it is none, its parts do not fit together, or the precision is not float32 or float64.
    """
    require(isinstance(network, Acting), "network", f"of class {Network.__name__}", network)
    network.check()
    precision = precision_of(dtype)
    return Sizes(
        network.config.n_neurons, network.n_slots, network.n_in, network.n_out, network.ring, precision,
        network.config.models, tuple(network.outputs.items()), network.form.planes, network.form.decays,
    )  # fmt: skip


def require_same_network(network: Acting, sizes: Sizes) -> None:
    """Raise InputError unless a network is like the one that a block was made for."""
    for name, found, own in zip(Sizes._fields, sizes_of(network, sizes.dtype), sizes, strict=True):
        require(found == own, f"{name} of the network", f"{own!r}, as of the one its block was made for", found)


def require_weights(weights: Weights, sizes: Sizes, cells: Cells) -> None:
    """Raise InputError unless compiled code can run these weights with arrays of such sizes.

    Args:
        cells: the neurons of the network; the values of their constants do not count.
    """
    require_kind("weights", weights, Weights)
    for name, kind in zip(Weights._fields, (Cells, Rows, Rows, Readout, Rows, Rows), strict=True):
        require_kind(f"weights.{name}", getattr(weights, name), kind)
    n, n_out, dtype = sizes.n_neurons, sizes.n_out, sizes.dtype
    _require_cells(weights.cells, cells, dtype)
    for name, shape in zip(Readout._fields, ((n, n_out), (n_out,), (sizes.decays,)), strict=True):
        require_array(f"weights.readout.{name}", getattr(weights.readout, name), shape, dtype, written=False)
    for forwards in ("inputs", "recurrent"):
        for name in (forwards, f"{forwards}_back"):
            _require_rows(f"weights.{name}", getattr(weights, name), name.startswith("recurrent"), sizes)
    _require_one_form(weights, sizes)


def _require_cells(found: Cells, own: Cells, dtype: np.dtype) -> None:
    require_array("weights.cells.groups", found.groups, own.groups.shape, _STARTS, written=False)
    require_array("weights.cells.constants", found.constants, own.constants.shape, dtype, written=False)
    require_array("weights.cells.refractory", found.refractory, own.refractory.shape, dtype, written=False)
    rule = f"{own.groups.tolist()}, those of the network"
    require(np.array_equal(found.groups, own.groups), "weights.cells.groups", rule, found.groups)


def _require_rows(name: str, rows: Rows, recurrent: bool, sizes: Sizes) -> None:
    """Whether every row lies within the synapses, and every target within the delay ring."""
    n, n_pre = sizes.n_neurons, sizes.n_neurons if recurrent else sizes.n_in
    count = size_of(rows.weight)
    require_array(f"{name}.weight", rows.weight, (count,), sizes.dtype, written=False)
    require_array(f"{name}.offset", rows.offset, (count,), _PLACES, written=False)
    require_array(f"{name}.start", rows.start, (size_of(rows.start),), _STARTS, written=False)
    require_array(f"{name}.form", rows.form, (1,), _BYTES, written=False)
    form = int(rows.form[0])
    require(form in _FORMS, f"{name}.form", f"one of {list(_FORMS)} (lsnn/kernels/layout.py)", form)
    tiles = 1 if form != TILED else max(1, (len(rows.start) - 1) // max(1, n_pre))
    require(len(rows.start) == tiles * n_pre + 1, f"{name}.start", f"{n_pre} rows and an end", rows.start)
    rises = rows.start[0] == 0 and rows.start[-1] == count and not np.any(np.diff(rows.start) < 0)
    require(bool(rises), f"{name}.start", f"rising from 0 to {count}, the number of synapses", rows.start)
    steps = rows.offset if sizes.planes == 1 else _steps_of(rows.offset, sizes)
    within = count == 0 or (steps.min() >= n and steps.max() < sizes.ring * n)
    require(bool(within), f"{name}.offset", f"places from {n} to {sizes.ring * n - 1} in the delay ring", rows.offset)
    require_array(f"{name}.order", rows.order, (count if form == TILED else 0,), _STARTS, written=False)
    if form == TILED:
        require(_is_permutation(rows.order), f"{name}.order", f"the numbers from 0 to {count - 1}", rows.order)
    if form == FULL:
        each = n - 1 if recurrent else n
        whole = np.array_equal(rows.start, each * np.arange(n_pre + 1))
        require(whole, f"{name}.start", f"{each} synapses a row where every pair is connected", rows.start)


def _steps_of(offset: np.ndarray, sizes: Sizes) -> np.ndarray:
    """Places in the delay ring of the port that each belongs to; -1 where there is no such port."""
    port, steps = np.divmod(offset, 2 * sizes.ring * sizes.n_neurons)
    return np.where((port >= 0) & (port < sizes.planes), steps, -1)


def _is_permutation(order: np.ndarray) -> bool:
    if len(order) == 0:
        return True
    met = np.zeros(len(order), bool)
    if order.min() < 0 or order.max() >= len(order):
        return False
    met[order] = True
    return bool(met.all())


def _require_one_form(weights: Weights, sizes: Sizes) -> None:
    """Whether the rows of input cells and of neurons are laid out alike, backwards as far as may be."""
    forms = [int(getattr(weights, name).form[0]) for name in ("inputs", "recurrent", "inputs_back", "recurrent_back")]
    alike = forms[0] == forms[1] != TILED and forms[2] == forms[3] and (FULL in forms[:2]) == (FULL in forms[2:])
    rule = "PLAIN or FULL forwards; FULL or not backwards, too; of inputs and of neurons alike"
    require(alike, "the forms of weights", rule, [_FORMS[form] for form in forms])
    tiles = [(len(rows.start) - 1) / max(1, n_pre) for rows, n_pre in (
        (weights.inputs_back, sizes.n_in), (weights.recurrent_back, sizes.n_neurons))]  # fmt: skip
    require(tiles[0] == tiles[1] or sizes.n_in == 0, "the tiles of weights", "as many of inputs as of neurons", tiles)
    for name in ("inputs", "recurrent"):
        counts = [len(getattr(weights, each).weight) for each in (name, f"{name}_back")]
        require(counts[0] == counts[1], f"the synapses of weights.{name}", "as many backwards as forwards", counts)


class TaskForm(NamedTuple):
    """What a block is made for: the compiled functions of a task and the lengths of its arrays."""

    dynamics: str
    encoder: tuple[str, str]
    action_kind: str
    n_action: int
    n_target: int
    n_observation: int
    n_state: int
    n_inputs: int
    n_parameters: int


def form_of_task(task: Task) -> TaskForm:
    """The form of a task.

    Raises:
        InputError: it is none, or its parts do not fit together.
    """
    require(offers(task, Task), "task", "a task (lsnn/task.py)", task)
    encoder = task.encoder
    require(offers(encoder, Encoder), "encoder of the task", "an encoder (lsnn/task.py)", encoder)
    require_integer("duration_ms of the task", task.duration_ms, 1)
    require(task.loss in LOSSES, "loss of the task", f"one of {LOSSES}", task.loss)
    _require_module("dynamics of the task", task.dynamics, ("begin", "observe", "target", "transition"))
    _require_module("module of the encoder", encoder.module, (encoder.function,))
    for name, low in (("n_action", 0), ("n_target", 0), ("n_observation", 0), ("n_state", 0)):
        require_integer(f"{name} of the task", getattr(task, name), low)
    require(task.action_kind in ACTION_KINDS, "action_kind of the task", f"one of {ACTION_KINDS}", task.action_kind)
    require_integer("n_inputs of the encoder", encoder.n_inputs, 0)
    rule = f"{task.n_observation}, the numbers in an observation of the task"
    require(encoder.n_observation == task.n_observation, "n_observation of the encoder", rule, encoder.n_observation)
    return TaskForm(
        task.dynamics, (encoder.module, encoder.function), task.action_kind, task.n_action, task.n_target,
        task.n_observation, task.n_state, encoder.n_inputs, len(parameters_of("parameters of the task", task)),
    )  # fmt: skip


def _require_module(name: str, module: Any, functions: tuple[str, ...]) -> None:
    """Raise InputError unless it is the name of a module that can be imported and has these functions."""
    rule = f"the name of a module with {', '.join(functions)}"
    try:
        found = sys.modules.get(module) or importlib.import_module(module)
    except (ImportError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{name} must be {rule}, got {module!r:.80}: {error}") from error
    missing = [function for function in functions if not callable(getattr(found, function, None))]
    require(not missing, name, f"{rule}; it lacks {', '.join(missing)}", module)


def parameters_of(name: str, source: Task | Encoder) -> np.ndarray:
    """The parameters of a task or an encoder; raises InputError unless they are one row of float64."""
    values = source.parameters()
    require_array(name, values, (size_of(values),), np.dtype(float), written=False)
    return values


def require_task(task: Task, form: TaskForm) -> None:
    """Raise InputError unless a task is of the family that a block was made for."""
    for name, found, own in zip(TaskForm._fields, form_of_task(task), form, strict=True):
        require(found == own, f"{name} of the task", f"{own!r}, as of the one its block was made for", found)


def require_columns(form: TaskForm, sizes: Sizes) -> None:
    """Raise InputError unless a network has the input cells and the readouts that a task needs to act."""
    rule = f"{form.n_inputs}, as of the task's encoder"
    require(sizes.n_in == form.n_inputs, "input cells of the network", rule, sizes.n_in)
    n_spread = dict(sizes.outputs).get("spread", 0)
    require(n_spread in (0, form.n_action), "readouts of the spread", f"0 or {form.n_action}", n_spread)
    needed = form.n_action + (1 + n_spread if n_spread else 0)
    require(sizes.n_out >= needed, "readouts of the network", f"at least {needed}, for its actions", sizes.n_out)


def log_spread_of(log_std: Any, form: TaskForm) -> np.ndarray:
    """The log std of the policy as compiled code takes it; one number is enough where no Gaussian is drawn from.

    Raises:
        InputError: it has another length, or is neither a number nor -inf.
    """
    numbers = numbers_of("log_std", log_std)
    lengths = {form.n_action} if form.action_kind == "gaussian" else {1, form.n_action}
    require(len(numbers) in lengths, "log_std", f"as long as one of {sorted(lengths)}", numbers)
    require(bool(np.all(numbers < np.inf)), "log_std", "numbers or -inf (the mean)", numbers)
    return numbers
