"""Modules written out for a network and a task: neurons, network, task, encoder and policy are compiled as one.

A function passed to numba as an argument would miss its disk cache. So the roll-out of a task by neurons of given
models is a module of its own, made of the texts of kernels and models and of the names of the task's functions. Its
machine code is kept on disk (`machine_code.py`).
"""

from functools import cache
from pathlib import Path
from types import ModuleType

from lsnn.equations import source_of
from lsnn.kernels.cached import module_of
from lsnn.kernels.machine_code import keep_machine_code
from lsnn.neurons import ALIF, LIF, NeuronModel

KERNELS = Path(__file__).parent
Models = tuple[NeuronModel, ...]
LSNN: Models = (LIF, ALIF)

TASK = "from lsnn.kernels.null_task import begin, draw, encode, observe, target, transition\n"
NEURONS = """from lsnn.kernels.null_neurons import (
    adjoint_of_neurons,
    credit_numbers,
    credit_numbers_read,
    needs_of_neurons,
    send_numbers,
    update_neurons,
)
"""
NUMBERS = "from lsnn.kernels.numbers import credit_group, credit_readout, send_group\n"
STEP = "from lsnn.kernels.step import scratch_of, step\n"
STEPS = "from lsnn.kernels.step import scratch_of, step, step_back\n"
UPDATE = "slot, ring, cells, state, x, spikes, blocked"
SEND = "base, weights, state, x, y"
CREDIT = "tile, base, row, weights, record, adjoint, gradient"
CREDIT_READ = "row, record, weights, adjoint, gradient"
NEEDS = "row, weights, record, gamma, needed"
ADJOINT = "slot, ring, row, weights, record, adjoint, gradient, g_spikes, gamma, through_reset"


def _template(name: str, *changes: tuple[str, str]) -> str:
    """The text of a kernel file with its placeholders replaced."""
    text = (KERNELS / name).read_text()
    for placeholder, replacement in changes:
        assert placeholder in text
        text = text.replace(placeholder, replacement)
    return text


def _each_group(function: str, models: Models, arguments: str) -> str:
    """A function of the network's neurons that calls the one of each model on its group."""
    calls = [f"    {function}_{model.name}({i}, {arguments})\n" for i, model in enumerate(models)]
    return f'\n\n@njit(error_model="numpy")\ndef {function}_neurons({arguments}):\n{"".join(calls)}\n\n'


def _of_numbers(models: Models) -> str:
    """The functions that carry what neurons with an output send; they do nothing where all neurons spike."""
    functions = (
        ("send_numbers", "send_group", SEND),
        ("credit_numbers", "credit_group", CREDIT),
        ("credit_numbers_read", "credit_readout", CREDIT_READ),
    )
    senders = [(i, model.name) for i, model in enumerate(models) if model.sends]
    text = NUMBERS if senders else ""
    for name, of_group, arguments in functions:
        calls = [f"    {of_group}({i}, SENT_{model}, {arguments})\n" for i, model in senders] or ["    pass\n"]
        text += f"\n\n@njit(forceinline=True)\ndef {name}({arguments}):\n{''.join(calls)}\n\n"
    return text


def _network(models: Models) -> str:
    """The neurons of a network and its step, as text."""
    neurons = "\n\n".join(source_of(model) for model in dict.fromkeys(models))
    loops = {"update": UPDATE, "needs_of": NEEDS, "adjoint_of": ADJOINT}
    calls = "".join(_each_group(name, models, arguments) for name, arguments in loops.items())
    planes = f"PLANES = {planes_of(models)}"
    return neurons + calls + _of_numbers(models) + _template("step.py", (NEURONS, ""), ("PLANES = 1", planes))


def planes_of(models: Models) -> int:
    """How many ports a neuron has at most."""
    return max((len(model.ports) for model in models), default=1)


def _load(name: str, text: str, functions: tuple[str, ...]) -> ModuleType:
    """The module of a text; what is compiled of these functions is kept on disk."""
    module = module_of(name, text)
    keep_machine_code(getattr(module, function) for function in functions)
    return module


@cache
def roll_out_module(
    dynamics: str, encoder_module: str, encoder: str, action_kind: str, models: Models = LSNN
) -> ModuleType:
    """The module with `start` and `roll_out` for a task.

    Args:
        dynamics: module with begin, observe, transition and target; encoder_module, encoder: where the encoder is.
        action_kind: "gaussian", "categorical" or "none"; models: of the groups of neurons, in their order.
    """
    imports = (
        f"from {dynamics} import begin, observe, target, transition\n"
        f"from {encoder_module} import {encoder} as encode\n"
        f"from lsnn.kernels.policy import draw_{action_kind} as draw\n"
    )
    name = f"roll_out_{dynamics.rpartition('.')[2]}_{encoder}_{action_kind}"
    text = _network(models) + "\n\n" + _template("roll_out.py", (TASK, imports), (STEP, ""))
    return _load(name, text, ("start", "roll_out"))


@cache
def network_module(models: Models = LSNN) -> ModuleType:
    """The module with `replay` and `back`, which know no task."""
    return _load("passes", _network(models) + "\n\n" + _template("passes.py", (STEPS, "")), ("replay", "back"))
