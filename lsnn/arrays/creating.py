"""A network with random weights for arrays of one's own: `lsnn.create`."""

from typing import Any

import numpy as np

from lsnn.configuration import from_mapping
from lsnn.forecast import require_memory
from lsnn.network import NetworkConfig, build_network
from lsnn.seeds import NETWORK_BRANCH
from lsnn.simulation.frozen import FrozenNetwork
from lsnn.validation import require_integer

OUTPUT = "target"
SYNAPSE_BYTES = 200  # while it is made
DEFAULTS: dict[str, Any] = {  # weights that start small and may have either sign, no delays: as the families have it
    "n_excitatory": 60, "n_inhibitory": 0, "n_adaptive": 40, "dale": False, "rewire": False, "connectivity": 1.0,
    "d_max_ms": 1, "beta": 0.017, "tau_a_ms": 100.0, "input_gain": 1.0, "recurrent_gain": 0.5,
}  # fmt: skip


def create(inputs: int, outputs: int, seed: int = 0, **settings: Any) -> FrozenNetwork:
    """A network with random wiring and weights: `lsnn.create`.

    Args:
        inputs: cells whose spikes it is given. outputs: of its readout: classes, or traces.
        seed: of wiring and weights.
        settings: of `lsnn.network.NetworkConfig`, such as `n_excitatory=100, n_adaptive=0, learnt="tau_m"`. Without
            them 60 LIF and 40 adaptive neurons (threshold 2.7 times as high at most, tau_a 100 ms), all connected.

    Raises:
        InputError: a setting that there is not, or a value that breaks its rule.
    """
    require_integer("inputs", inputs, 1, 10_000_000)
    require_integer("outputs", outputs, 1, 10_000_000)
    require_integer("seed", seed, 0, 2**63 - 1)
    plain = {key: value.item() if isinstance(value, np.generic) else value for key, value in settings.items()}
    config = from_mapping(NetworkConfig, DEFAULTS | plain, "network")
    pairs = config.connectivity * (inputs + config.n_neurons) * config.n_neurons
    what = f"a network of {config.n_neurons} neurons, {inputs} inputs and {outputs} outputs"
    require_memory(what, SYNAPSE_BYTES * pairs + 16.0 * outputs * config.n_neurons)
    branch = np.random.SeedSequence(seed, spawn_key=(NETWORK_BRANCH,))
    network = build_network(config, int(inputs), {OUTPUT: int(outputs)}, np.zeros(0), branch)
    return FrozenNetwork(network, seed=int(seed), command=f"lsnn.create(seed={seed})")
