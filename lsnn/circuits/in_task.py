"""A circuit in a task, in place of the network of three populations."""

import copy
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from lsnn.acting import Acting, Form
from lsnn.circuits.circuit import Circuit
from lsnn.files.circuit_group import circuit_sha256
from lsnn.kernels.layout import Weights
from lsnn.neurons import NeuronModel
from lsnn.populations import Group, parameter_of
from lsnn.task import Task
from lsnn.validation import require

STEP_S = 0.001  # of tasks


class _Settings(NamedTuple):
    """What a configuration says of a network, where one is asked for."""

    n_neurons: int
    models: tuple[NeuronModel, ...]
    dt_ms: float = 1.0
    learnt: str = ""


class CircuitInTask(Acting):
    """A circuit as it is now, acting in tasks in double precision.

    Its input cells are those of the task's encoder, in the order of their populations; the first columns of its readout
    act. A list of readouts begins with one called `action`.

    Raises:
        InputError: a time step other than 1 ms, cells with spikes of their own, driven variables.
    """

    def __init__(self, circuit: Circuit) -> None:
        circuit.require_sound()
        require(abs(circuit.dt - STEP_S) < 1e-12, "dt of a circuit in a task", "1 ms", f"{1000 * circuit.dt:g} ms")
        for p in circuit.populations:
            rule = "None in a task, whose encoder drives the cells"
            require(p.source is None, f"source of {p.name}", rule, type(p.source).__name__)
            driven = getattr(p.model, "driven", ())
            require(not driven, f"model of {p.name}", "without driven variables in a task", driven)
        self.circuit = copy.deepcopy(circuit)
        self.config = _Settings(circuit.n_neurons, circuit.models)
        self.form = Form(circuit.planes, circuit.n_out if circuit.is_named and circuit.n_out else 1, np.float64)
        self.outputs = {part.name: part.outputs for part in circuit.readouts}
        self.log_std = np.zeros(0)

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled or copied: not what holds compiled modules."""
        return {name: value for name, value in self.__dict__.items() if name != "groups"}

    def __repr__(self) -> str:
        return f"<{self.circuit!r}, in a task>"

    @property
    def n_in(self) -> int:
        """Input cells."""
        return self.circuit.n_in

    @property
    def n_out(self) -> int:
        """Columns of the readouts."""
        return self.circuit.n_out

    @property
    def ring(self) -> int:
        """Rows of the delay ring."""
        return self.circuit.ring

    @cached_property
    def groups(self) -> Sequence[Group]:
        """The populations of neurons."""
        return self.circuit.groups

    @property
    def starts(self) -> np.ndarray:
        """What the state variables hold before the first step, (n_slots,)."""
        return self.circuit.start().x[:, 0].copy()

    def names(self) -> Sequence[str]:
        """What the populations of neurons are called."""
        return list(self.circuit.neurons)

    def population(self) -> np.ndarray:
        """The population of each neuron, (N,)."""
        return np.repeat(np.arange(len(self.groups)), [group.size for group in self.groups])

    def parameter(self, name: str) -> np.ndarray:
        """A `(constant)` parameter of the neurons in SI units, (N,), NaN where a model has none."""
        return np.concatenate([parameter_of(group, name) for group in self.groups])

    def check(self) -> None:
        """InputError unless its parts fit each other."""
        self.circuit.require_sound()

    def weights(self, dtype: Any = np.float64) -> Weights:
        """It as the kernels see it, in a precision; read-only."""
        return self.circuit.weights(dtype)

    @property
    def sha256(self) -> str:
        """SHA-256 of all that it computes with."""
        return circuit_sha256(self.circuit)

    def require_task(self, task: Task, sampled: bool) -> None:
        """InputError unless its readouts can act in a task."""
        acts = task.n_action if task.action_kind != "none" else 0
        if self.circuit.is_named and acts:
            first = next(iter(self.outputs.items()), None)
            rule = f"a list that begins with 'action', of {acts} outputs"
            require(first == ("action", acts), "readouts of the circuit", rule, first)
        require("spread" not in self.outputs, "readouts of the circuit", "called other than 'spread'", "spread")
        rule = f"False in the task {task.name}: a circuit has no std to draw with"
        require(not sampled or task.action_kind != "gaussian", "sampled", rule, sampled)
