"""What the host knows of a model: whose value a parameter has, and how strong a synapse is."""

import numpy as np
import pytest

from lsnn.equations.host import host_model
from lsnn.neurons import IZHIKEVICH, LIF, Parameter

DT = 0.001
NETWORK = {name: np.full(3, value) for name, value in (("tau_m", 0.02), ("tau_a", 1.2), ("t_ref", 0.003))}
NETWORK |= {"b0": np.full(3, 0.01), "beta": np.full(3, 1.7)}


def test_a_row_of_the_model_goes_before_what_the_network_gives():
    own = LIF._replace(name="own", parameters=(Parameter("tau_m", "5", "ms", "", ""),))
    constants, ours = host_model(LIF).constants(DT, NETWORK), host_model(own).constants(DT, NETWORK)
    known = host_model(LIF).constants(DT, NETWORK | {"tau_m": np.full(3, 0.005)})
    np.testing.assert_array_equal(ours, known)
    assert (ours != constants).any()


def test_a_synapse_of_a_neuron_that_spikes_by_itself_is_as_strong_as_up_to_its_first_spike():
    """Beyond the threshold, with no reset, the upswing would have no end."""
    alone = host_model(IZHIKEVICH).effect(DT, NETWORK)
    line = "dv/dt = 0.04*v**2/(ms*mV)"
    driven = IZHIKEVICH._replace(name="driven", equations=IZHIKEVICH.equations.replace(line, f"{line} + 10*mV/ms"))
    assert driven.equations != IZHIKEVICH.equations
    found = host_model(driven).effect(DT, NETWORK)
    assert np.isfinite(found).all() and found == pytest.approx(alone, rel=2)
