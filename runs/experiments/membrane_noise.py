"""How much membrane noise the memory of a frozen network survives (ours; no figure of the paper).

Every membrane potential takes an Ornstein-Uhlenbeck step of its own, in Brian2:

    v += sigma sqrt(1 - exp(-2 dt/tau_m)) xi,    xi standard normal, independent over neurons and steps,

the exact discrete form of dv/dt = (I - v)/tau_m + sigma sqrt(2/tau_m) xi. The strength is sigma in units of the
baseline threshold b0: the standard deviation that a membrane without input and spikes would have. An episode's noise is
drawn from its key and is the same at every strength, up to the factor.

Leaves in the folder `membrane_noise.h5` (docs/reference/files.md) and `membrane_noise.png`: platform visits and escape
latency against the strength.
"""

from typing import TYPE_CHECKING

import numpy as np

from lsnn.neurons import NeuronModel
from lsnn.seeds import EPISODE_NOISE_BRANCH
from runs.experiments.options import Folder, Overwrite, OwnNetwork, Seed, Strengths, SweptEpisodes

if TYPE_CHECKING:
    from lsnn import brian
    from lsnn.network import Network
    from runs.brian.departures import Sweep

STRENGTHS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5)


def placed(model: NeuronModel) -> NeuronModel:
    """The model with the number of each neuron, by which it finds its noise."""
    return model._replace(equations=f"{model.equations}\nplace : integer (constant)")


def noise_of(keys: np.ndarray, steps: int, n_neurons: int) -> np.ndarray:
    """Standard normal draws, (steps, episodes * N), episode after episode."""
    branches = [np.random.SeedSequence(int(key), spawn_key=(EPISODE_NOISE_BRANCH,)) for key in keys]
    generators = [np.random.Generator(np.random.PCG64(branch)) for branch in branches]
    return np.concatenate([generator.standard_normal((steps, n_neurons)) for generator in generators], axis=1)


def physics(network: "Network", strength: float, keys: np.ndarray, steps: int) -> "brian.Physics":
    """The frozen network with noise of sd `strength` b0 on every membrane."""
    import brian2 as br

    from lsnn import brian

    c = network.config
    return brian.Physics(
        models=tuple(map(placed, network.config.models)),
        each_step="v += sigma*sqrt(1 - exp(-2*dt/tau_m))*noise(t, place)",
        namespace={
            "sigma": strength * c.b0,
            "noise": br.TimedArray(noise_of(keys, steps, c.n_neurons), dt=c.dt_ms * br.ms),
        },
    )


def sweep() -> "Sweep":
    """What departs, and how its strength is measured."""
    from runs.brian.departures import Sweep

    return Sweep("membrane_noise", "noise of the free membrane, standard deviation", "b0", STRENGTHS, physics)


def experiment(
    network: OwnNetwork,
    out: Folder,
    strength: Strengths = None,
    episodes: SweptEpisodes = 64,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Run the network at every strength and draw how often it still reaches the platform."""
    from runs.brian.departures import carry_out

    carry_out(sweep(), network, out, strength, episodes, seed, overwrite)
