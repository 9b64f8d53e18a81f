"""The neurons of NIR as models: a spike is the value 1 for one step, in which the equations are solved exactly."""

from typing import Any

from lsnn.errors import InputError
from lsnn.neurons import NeuronModel

OF_EVERY_NODE = """
        I : 1
        bias : 1 (constant)
        r : 1 (constant)
        v_leak : 1 (constant)
        v_threshold : 1 (constant)
        v_reset : 1 (constant)
"""

LIF = NeuronModel(
    name="nir_lif",
    equations=f"""
        dv/dt = (v_leak - v + r*(I + bias))/tau : 1
        tau : second (constant){OF_EVERY_NODE}
    """,
    threshold="v > v_threshold",
    reset="v = v_reset",
    method="exact",
    scale="v_threshold - v_reset",
    refractory="0*second",
    initial=(("v", "v_leak"),),
)

CUBALIF = LIF._replace(
    name="nir_cubalif",
    equations=f"""
        dv/dt = (v_leak - v + r*current)/tau_mem : 1
        dcurrent/dt = (w_in*(I + bias) - current)/tau_syn : 1
        tau_mem : second (constant)
        tau_syn : second (constant)
        w_in : 1 (constant){OF_EVERY_NODE}
    """,
)


def package() -> Any:
    """The module nir; InputError that names the extra where it is not installed."""
    try:
        import nir
    except ImportError as error:
        raise InputError(f"lsnn.to_nir and lsnn.from_nir need nir: pip install 'lsnn[nir]', got: {error}") from error
    return nir
