"""What the host knows of a model: whose value a parameter has, and how strong a synapse is."""

from pathlib import Path

import numpy as np
import pytest

from lsnn.equations.host import host_model
from lsnn.errors import InputError
from lsnn.neuron_files import model_of
from lsnn.neurons import ADEX, EXPONENTIAL, IZHIKEVICH, LIF, MODELS, NeuronModel, Parameter
from tests.equations.zoo import CONDUCTANCE

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


def test_a_start_above_the_threshold_says_so_and_what_to_add():
    text = (Path(__file__).parent / "models" / "no_initial.toml").read_text()
    rule = r"threshold, 'v > -50\*mV': the start, v = 0, lies above it: rows in \[initial\] must give one below"
    with pytest.raises(InputError, match=f"^neuron model 'no_initial', {rule}"):
        host_model(model_of(text)).effect(DT, NETWORK)
    added = f'{text}[initial]\nv = "E_L"\n'
    assert (host_model(model_of(added)._replace(name="added")).effect(DT, NETWORK) > 0).all()


@pytest.mark.parametrize("name", MODELS)
def test_synapses_of_the_models_that_come_with_the_clone_add_to_no_conductance(name):
    assert not host_model(MODELS[name]).conductance


def with_rate(rate: str, more: str = "", **changes) -> NeuronModel:
    equations = f"dv/dt = ({rate})/tau_m : 1\n{more}\nI : 1\ntau_m : second (constant)\ntau_a : second (constant)"
    model = NeuronModel("gated", f"{equations}\nt_ref : second (constant)", "v > 1", "v = 0", "euler", scale="1")
    return model._replace(**changes)


@pytest.mark.parametrize(
    ("model", "gated"),
    [
        (CONDUCTANCE, True),
        (ADEX._replace(name="adex_of_its_own"), False),
        (EXPONENTIAL._replace(name="exponential_of_its_own"), False),
        (with_rate("I*(2 - v) - v"), True),
        (with_rate("I*(2 - v)*tanh(v) - v"), True),
        (with_rate("drive - v", "drive = I*(2 - v) : 1"), True),
        (with_rate("I*(1 - v) + I*v - v"), False),
        (with_rate("tanh(I - v) - v"), False),  # a current through a curve
        (with_rate("I*w - v", "dw/dt = -w/tau_a : 1"), False),  # a gain
        (with_rate("I - v**2"), False),
        (with_rate("g*(2 - v) - v", "dg/dt = (I - g)/tau_a : 1"), True),  # a filter of the synapses
        (with_rate("g*(2 - v) - v", "dg/dt = (h - g)/tau_a : 1\ndh/dt = (I - h)/tau_a : 1"), True),
        (with_rate("I - v - w*v", "dw/dt = (v - w)/tau_a : 1"), False),  # a conductance that the membrane drives
    ],
)
def test_a_conductance_is_known_by_its_product_with_the_membrane(model, gated):
    assert host_model(model).conductance == gated
