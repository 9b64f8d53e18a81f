"""A network with frozen weights: `lsnn.load`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas
import xarray

from lsnn.acting import Acting
from lsnn.arrays.gradients import Gradients, gradient, synapses_of
from lsnn.arrays.learners import NetworkLearner, through
from lsnn.arrays.spikes import inputs_of
from lsnn.blocks import Threads
from lsnn.configuration import from_mapping, to_mapping
from lsnn.errors import InputError
from lsnn.files.network_file import load_network, network_sha256, save_network
from lsnn.forecast import require_memory
from lsnn.learning.config import LearningConfig
from lsnn.network import Network
from lsnn.populations import Group
from lsnn.validation import path_of, require_flag, require_integer, require_kind

ARRAYS = "arrays"  # what a network learns from in place of a task


class Policy(NamedTuple):
    """How a policy that was meta-trained draws its actions: steps for which noise stays, greatest norm of its mean."""

    hold_ms: int = 1
    mean_norm: float = np.inf


class FrozenNetwork:
    """A network whose weights do not change. Comes from `lsnn.load`, `lsnn.create`, `lsnn.fit` or `lsnn.train`.

    Called on spikes (samples, steps, cells) it gives its readout, (sample, time, output), from rest with each sample.

    Attributes:
        network: the network itself.
        path: of its file; None of one that comes from no file.
        config: what it was made and trained with, the sections task, network and learning of its file.
        task: configuration of the task that it was meta-trained on, name to value.
        command, seed: of its learning.
        history: a row an iteration of meta-training, or an epoch, a DataFrame.
    """

    def __init__(
        self, network: Network, *, path: Path | None = None, config: Mapping[str, Any] | None = None,
        command: str = "", seed: int = 0, history: pandas.DataFrame | None = None, policy: Policy | None = None,
    ) -> None:  # fmt: skip
        self.network, self.path = network, path
        of_arrays = {"task": {"name": ARRAYS}, "network": to_mapping(network.config), "learning": {}}
        self.config = dict(of_arrays if config is None else config)
        self.task = dict(self.config.get("task", {}))
        self.command, self.seed, self.policy = command, seed, policy or Policy()
        self.history = pandas.DataFrame() if history is None else history

    def __call__(self, inputs: Any, threads: int = 1, currents: bool = False) -> xarray.DataArray:
        """The readout under inputs (samples, steps, cells): (sample, time, output), time in ms.

        Args:
            inputs: spikes, zeros and ones. currents: whether they are numbers of any size in place of spikes.

        Raises:
            InputError: no such inputs.
        """
        require_integer("threads", threads, 1, 1024)
        require_flag("currents", currents)
        given = inputs_of("inputs", inputs, self.network.n_in, currents)
        require_memory(f"the readout of {given.shape[0]} samples", 12.0 * np.prod(given.shape[:2]) * self.network.n_out)
        y, _ = through(NetworkLearner(self.network), given, Threads(int(threads)), currents)
        dt = self.network.config.dt_ms
        time = xarray.DataArray(np.arange(y.shape[1]) * dt, dims="time", attrs={"units": "ms"})
        return xarray.DataArray(
            y.astype(np.float32), {"time": time}, ("sample", "time", "output"), "readout", {"units": "1"}
        )

    def gradient(self, inputs: Any, slope: Any, threads: int = 1, currents: bool = False) -> Gradients:
        """The gradient of everything: of weights, parameters that learn and inputs, for an L of the readout.

        The spike's derivative is the surrogate, all else is exact.

        Args:
            inputs: as of a call. slope: dL/d(readout), (samples, steps, outputs).

        Raises:
            InputError: an argument that does not fit.
        """
        require_integer("threads", threads, 1, 1024)
        require_flag("currents", currents)
        return gradient(self.network, inputs, slope, currents, int(threads))

    def save(self, path: str | Path) -> None:
        """Write a network of `lsnn.create`, `lsnn.fit` or `lsnn.train` to a file that `lsnn.load` reads.

        Raises:
            InputError: a network that came from a file and is in one already, or no place for a file.
        """
        if self.path is not None:
            raise InputError(f"network: it is in a file already, {self.path}")
        history = self.history.rename(columns={"epoch": "iteration", "seconds": "minutes"})
        if "epoch" in self.history:
            history = history.assign(iteration=history["iteration"] - 1, minutes=history["minutes"] / 60)
        table = history.to_records(index=False) if len(history) else None
        save_network(path_of("path of a network", path), self.network, self.config, self.seed, self.command, table)

    @property
    def sha256(self) -> str:
        """SHA-256 of all that it computes with."""
        return network_sha256(self.network)

    @property
    def neurons(self) -> pandas.DataFrame:
        """A row a neuron: population, model, tau_m_ms, beta."""
        return neurons_of(self.network)

    @property
    def synapses(self) -> pandas.DataFrame:
        """A row a synapse: kind (input, recurrent), source and target by number, delay_ms, weight."""
        return synapses_of(self.network)

    def __repr__(self) -> str:
        network = self.network
        names = population_names(network)
        count = {name: int(np.sum(names == name)) for name in dict.fromkeys(names)}
        synapses, inputs = len(network.synapses.theta), network.n_input_synapses
        readouts = ", ".join(f"{name} ({width})" for name, width in network.outputs.items())
        name = "" if self.path is None else f" {self.path.name!r}"
        return "\n".join(
            [
                f"<lsnn network{name}, frozen>",
                f"  neurons   {', '.join(f'{n} {name}' for name, n in count.items())}",
                f"  synapses  {inputs} from {network.n_in} input cells, {synapses - inputs} recurrent",
                f"  readouts  {readouts}",
                f"  trained   on {self.task.get('name', '?')}, {len(self.history)} iterations, seed {self.seed}",
                f"  by        {self.command}",
            ]
        )


def _learning(config: Mapping[str, Any], path: Path) -> LearningConfig:
    try:
        return from_mapping(LearningConfig, config.get("learning", {}), "learning")
    except InputError as error:
        raise InputError(f"{path}: /@config: {error}") from error


def load_frozen(path: Path) -> FrozenNetwork:
    """A network file (`lsnn train` writes them) as a frozen network.

    Raises:
        InputError: what is there is no network file, or is damaged.
    """
    file = load_network(path)
    learning = _learning(file.config, path)
    return FrozenNetwork(
        file.network, path=path, config=file.config, command=file.command, seed=file.seed,
        history=None if file.history is None else pandas.DataFrame(file.history),
        policy=Policy(learning.hold_ms, learning.mean_norm or np.inf),
    )  # fmt: skip


def network_in(network: object) -> tuple[Network, Policy]:
    """The network of what was given for one, and its policy."""
    if isinstance(network, FrozenNetwork):
        return network.network, network.policy
    require_kind("network", network, Network)
    assert isinstance(network, Network)
    return network, Policy()


def sha256_of(network: Acting) -> str:
    """SHA-256 of all that a network in a task computes with."""
    return network_sha256(network) if isinstance(network, Network) else str(network.sha256)


def population_names(network: Acting) -> np.ndarray:
    """Name of the population of each neuron, (N,)."""
    return np.array(network.names())[network.population()]


def neurons_of(network: Network) -> pandas.DataFrame:
    """A row a neuron: population, model, tau_m_ms, beta."""
    tau_m_ms = 1000 * network.parameter("tau_m") if "tau_m" in network.learnt else network.tau_m_ms
    beta = np.nan_to_num(network.parameter("beta")) if "beta" in network.learnt else network.beta
    models = [group.model.model.name for group in network.groups for _ in range(group.size)]
    return pandas.DataFrame(
        {"population": population_names(network), "model": models, "tau_m_ms": tau_m_ms, "beta": beta},
        pandas.RangeIndex(network.config.n_neurons, name="neuron"),
    )


def groups_with(network: Acting, variable: str) -> list[tuple[Group, slice]]:
    """The groups of neurons that have a state variable, and its slots."""
    parts = zip(network.groups, network.variables(), strict=True)
    return [(group, slots[variable]) for group, slots in parts if variable in slots]


def variables_of(network: Acting) -> list[str]:
    """Names of all state variables, v first."""
    return list(dict.fromkeys(name for slots in network.variables() for name in slots))
