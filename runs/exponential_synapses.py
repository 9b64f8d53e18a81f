"""How slow synapses may become before a frozen network forgets (ours; no figure of the paper).

The network was meta-trained with synapses whose current lasts one step. In Brian2 they become exponential ones of time
constant tau_syn, inputs and recurrent ones alike: the current is kept instead of cleared,

    each step  I *= exp(-dt/tau_syn)        a spike  I += w (1 - exp(-dt/tau_syn)),

so that every spike carries the charge it had (the sum of I over its steps is w), and with it the area under every
postsynaptic potential stays. The strength is tau_syn in ms; 0 is the frozen network.

    python -m runs.exponential_synapses NETWORK.h5 --out RESULT.h5
"""

from functools import partial

import brian2 as br
import numpy as np

from lsnn import brian
from lsnn.network import Network
from runs.brian_sweep import Sweep, sweep_command
from runs.command import run_as_script


def physics(network: Network, strength: float, keys: np.ndarray, steps: int) -> brian.Physics:
    """The frozen network with exponential synapses of `strength` ms."""
    return brian.Physics(
        models=tuple(model._replace(kept=True) for model in network.config.models),
        on_pre="I_post += weight*(1 - exp(-dt/tau_syn))",
        each_step="I *= exp(-dt/tau_syn)",
        namespace={"tau_syn": strength * br.ms},
    )


STRENGTHS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0)
SWEEP = Sweep("exponential_synapses", "time constant of the synapses", "ms", STRENGTHS, physics)

if __name__ == "__main__":
    run_as_script(partial(sweep_command, SWEEP))
