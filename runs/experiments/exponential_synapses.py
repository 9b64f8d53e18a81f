"""How slow synapses may become before a frozen network forgets (ours; no figure of the paper).

The network was meta-trained with synapses whose current lasts one step. In Brian2 they become exponential ones of time
constant tau_syn, inputs and recurrent ones alike: the current is kept instead of cleared,

    each step  I *= exp(-dt/tau_syn)        a spike  I += w (1 - exp(-dt/tau_syn)),

so that every spike carries the charge it had (the sum of I over its steps is w), and with it the area under every
postsynaptic potential stays. The strength is tau_syn in ms; 0 is the frozen network.

Leaves in the folder `exponential_synapses.h5` (docs/reference/files.md) and `exponential_synapses.png`: platform visits
and escape latency against the strength.
"""

from typing import TYPE_CHECKING

import numpy as np

from runs.experiments.options import Folder, Overwrite, OwnNetwork, Seed, Strengths, SweptEpisodes

if TYPE_CHECKING:
    from lsnn import brian
    from lsnn.network import Network
    from runs.brian.departures import Sweep

STRENGTHS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0)


def physics(network: "Network", strength: float, keys: np.ndarray, steps: int) -> "brian.Physics":
    """The frozen network with exponential synapses of `strength` ms."""
    import brian2 as br

    from lsnn import brian

    return brian.Physics(
        models=tuple(model._replace(kept=True) for model in network.config.models),
        on_pre="I_post += weight*(1 - exp(-dt/tau_syn))",
        each_step="I *= exp(-dt/tau_syn)",
        namespace={"tau_syn": strength * br.ms},
    )


def sweep() -> "Sweep":
    """What departs, and how its strength is measured."""
    from runs.brian.departures import Sweep

    return Sweep("exponential_synapses", "time constant of the synapses", "ms", STRENGTHS, physics)


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
