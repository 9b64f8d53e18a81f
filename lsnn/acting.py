"""What may run in a task: the network of three populations (`lsnn.network.Network`), or a circuit in its place."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lsnn.kernels.layout import Weights
from lsnn.populations import Group, slots_of, variables_of


class Form(NamedTuple):
    """How the kernels' arrays of it are made, beside their sizes."""

    planes: int = 1  # the greatest number of ports of a neuron
    decays: int = 1  # of the readouts: one of all, or one an output
    dtype: type = np.float32


class Acting:
    """A network that acts in a task, as blocks and simulations see it.

    Attributes:
        config: its settings; n_neurons, dt_ms, models and learnt of them count here.
        outputs: columns of the readout in order, name to width. log_std: of its policy, (n_action,) or none.
    """

    config: Any
    form = Form()
    outputs: Mapping[str, int]
    log_std: np.ndarray

    @property
    def n_in(self) -> int:
        """Input cells."""
        raise NotImplementedError

    @property
    def n_out(self) -> int:
        """Columns of the readout."""
        raise NotImplementedError

    @property
    def ring(self) -> int:
        """Rows of the delay ring, that of the longest delay and one."""
        raise NotImplementedError

    @property
    def groups(self) -> Sequence[Group]:
        """The neurons by model."""
        raise NotImplementedError

    @property
    def starts(self) -> np.ndarray | None:
        """What the state variables hold before the first step, (n_slots,); None: 0 all of them."""
        return None

    @property
    def sha256(self) -> str:
        """SHA-256 of all that it computes with; that of a `Network` is `network_sha256`."""
        raise NotImplementedError

    def names(self) -> Sequence[str]:
        """What populations are called."""
        raise NotImplementedError

    def population(self) -> np.ndarray:
        """The population of each neuron, (N,)."""
        raise NotImplementedError

    def parameter(self, name: str) -> np.ndarray:
        """A `(constant)` parameter of the neurons in SI units, (N,), NaN where a model has none."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise InputError unless its parts fit each other."""
        raise NotImplementedError

    def weights(self, dtype: Any = np.float32) -> Weights:
        """It as the kernels see it, in a precision; read-only."""
        raise NotImplementedError

    @property
    def n_slots(self) -> int:
        """State variables of all neurons, membranes first, and what the adjoint needs of them besides."""
        return slots_of(self.groups)[-1].stop

    def variables(self) -> list[dict[str, slice]]:
        """Where `layout.Record.x` holds the state variables of each group of neurons, by name."""
        return variables_of(self.groups)

    def variable_at(self, slot: int) -> tuple[str, int] | None:
        """Name of the state variable in a slot, and whose it is (number of the neuron); None: the adjoint's alone."""
        for group, slots in zip(self.groups, self.variables(), strict=True):
            for name, part in slots.items():
                if part.start <= slot < part.stop:
                    return name, group.neurons.start + slot - part.start
        return None
