"""Neuron models: Brian2 equation strings with units, and the table of their parameters.

These strings are the model (docs/design.md, section 1). `lsnn/brian.py` runs them; the compiled kernels
(`lsnn/kernels/neuron.py`) and the numpy reference are tested against them spike for spike.
"""

from typing import NamedTuple


class NeuronModel(NamedTuple):
    """A point neuron as Brian2 equations; synapses add their weight to I, which is cleared once used."""

    name: str
    equations: str
    threshold: str
    reset: str
    method: str


class Parameter(NamedTuple):
    """A row of the parameter table (docs/parameters.md)."""

    name: str
    value: str
    unit: str
    symbol: str
    source: str


LIF = NeuronModel(
    name="lif",
    equations="""
        dv/dt = (I - v)/tau_m : 1
        I : 1
        b0 : 1 (constant)
        tau_m : second (constant)
    """,
    threshold="v > b0",
    reset="v -= b0*exp(dt/tau_m)",
    method="exact",
)

ALIF = NeuronModel(
    name="alif",
    equations="""
        dv/dt = (I - v)/tau_m : 1
        db/dt = -b/tau_a : 1
        I : 1
        b0 : 1 (constant)
        beta : 1 (constant)
        tau_m : second (constant)
        tau_a : second (constant)
    """,
    threshold="v > b0 + beta*b",
    reset="""
        v -= (b0 + beta*b)*exp(dt/tau_m)
        b += exp(dt/tau_a) - 1
    """,
    method="exact",
)
