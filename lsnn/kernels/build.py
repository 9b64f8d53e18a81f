"""Compiled modules written out for a network and a task, cached under a hash of all that they are made of.

A function passed to numba as an argument misses its disk cache, and a cached caller silently keeps an old callee after
an edit in another file. So the roll-out of a task by neurons of given models is a module of its own, in a cache folder
whose name is a hash of the sources of the kernels, the models and the task, the numba version and the CPU. A source
that has changed since this process began may not be what it has loaded: what is then compiled no other process takes.
"""

import hashlib
import importlib.util
import os
import time
from functools import cache
from pathlib import Path
from types import ModuleType

import llvmlite.binding
import numba

from lsnn.equations import source_of
from lsnn.kernels.cached import cache_folder, import_from, write_once
from lsnn.neurons import ALIF, LIF, NeuronModel

KERNELS = Path(__file__).parent
BEGAN = time.time()
Models = tuple[NeuronModel, ...]
LSNN: Models = (LIF, ALIF)

TASK = "from lsnn.kernels.null_task import begin, draw, encode, observe, target, transition\n"
NEURONS = "from lsnn.kernels.null_neurons import adjoint_of_neurons, needs_of_neurons, update_neurons\n"
STEP = "from lsnn.kernels.step import scratch_of, step\n"
STEPS = "from lsnn.kernels.step import scratch_of, step, step_back\n"
UPDATE = "slot, ring, cells, state, x, spikes, blocked"
NEEDS = "row, weights, record, gamma, needed"
ADJOINT = "slot, ring, row, weights, record, adjoint, g_spikes, gamma, through_reset"


def _sources(modules: tuple[str, ...], models: Models) -> str:
    """The text of every kernel, of the named modules and of the models; of a changed file, with this process's mark."""
    files = []
    for name in modules:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"no module {name!r} to compile a roll-out from")
        files.append(Path(spec.origin))
    kernels = _kernels()
    changed = kernels != LOADED or any(BEGAN < file.stat().st_mtime <= time.time() for file in files)
    own = [f"{os.getpid()} {BEGAN}"] if changed else []
    return "\n".join(kernels + [file.read_text() for file in files] + [source_of(model) for model in models] + own)


def _kernels() -> list[str]:
    return [file.read_text() for file in sorted(KERNELS.glob("*.py"))]


LOADED = _kernels()


def _fingerprint(text: str) -> str:
    cpu = f"{llvmlite.binding.get_host_cpu_name()} {llvmlite.binding.get_host_cpu_features().flatten()}"
    return hashlib.sha256(f"{numba.__version__} {cpu}\n{text}".encode()).hexdigest()[:16]


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


def _network(models: Models) -> str:
    """The neurons of a network and its step, as text."""
    neurons = "\n\n".join(source_of(model) for model in dict.fromkeys(models))
    loops = {"update": UPDATE, "needs_of": NEEDS, "adjoint_of": ADJOINT}
    calls = "".join(_each_group(name, models, arguments) for name, arguments in loops.items())
    return neurons + calls + _template("step.py", (NEURONS, ""))


def _load(name: str, text: str, modules: tuple[str, ...], models: Models) -> ModuleType:
    path = cache_folder() / _fingerprint(_sources(modules, models)) / f"{name}.py"
    write_once(path, text)
    return import_from(path)


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
    return _load(name, text, (dynamics, encoder_module), models)


@cache
def network_module(models: Models = LSNN) -> ModuleType:
    """The module with `replay` and `back`, which know no task."""
    return _load("passes", _network(models) + "\n\n" + _template("passes.py", (STEPS, "")), (), models)
