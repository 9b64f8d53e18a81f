"""One millisecond of the network, and its adjoint.

The import from `null_neurons` is a placeholder: `build.py` puts the neuron models of a network in its place.
"""

from numba import njit

from lsnn.kernels.adjoint import adjoint_of_readout, credit
from lsnn.kernels.forward import read_out, send
from lsnn.kernels.null_neurons import adjoint_of_neurons, update_neurons


@njit(error_model="numpy")
def step(t, row, weights, state, record):
    """Step t of a block, written to a row of the record, whose input spikes are there already."""
    ring = state.pending.shape[0] // 2
    slot, spikes = t % ring, record.spikes[row]
    update_neurons(slot, ring, weights.cells, state, record.x[row], spikes, record.blocked[row])
    base = slot * record.spikes.shape[1]
    send(weights.inputs, record.input_spikes[row], base, state.pending)
    send(weights.recurrent, spikes, base, state.pending)
    read_out(weights.readout, spikes, state.r, record.y[row])


@njit(error_model="numpy")
def step_back(t, row, weights, record, g_y, g_z, gamma, through_reset, adjoint, gradient):
    """The adjoint of `step` at step t, which stands in a row of the record; adds to the gradient.

    g_y: dL/dy, (T, n_out, 8); g_z: dL/dz of every spike of a neuron beyond its effects, (N,);
    gamma: damping of the surrogate; through_reset: 1, or 0 to detach the reset of the membrane.
    """
    ring = adjoint.current.shape[0] // 2
    slot, spikes = t % ring, record.spikes[row]
    base = slot * record.spikes.shape[1]
    adjoint_of_readout(row, weights.readout, g_y, spikes, adjoint, gradient.readout, gradient.bias)
    credit(weights.recurrent, spikes, base, adjoint.current, gradient.recurrent)
    credit(weights.inputs, record.input_spikes[row], base, adjoint.current, gradient.inputs)
    adjoint_of_neurons(slot, ring, row, weights, record, adjoint, g_z, gamma, through_reset)
