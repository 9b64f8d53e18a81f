"""One millisecond of the network, and its adjoint.

The import from `null_neurons` is a placeholder: `build.py` puts the neuron models of a network in its place.
"""

from numba import njit

from lsnn.kernels.adjoint import adjoint_of_readout, credit
from lsnn.kernels.forward import read_out, send
from lsnn.kernels.full import credit_all, gather_all, send_all, turn
from lsnn.kernels.null_neurons import adjoint_of_neurons, needs_of_neurons, update_neurons
from lsnn.kernels.simd import at


@njit(error_model="numpy")
def step(t, row, weights, state, record):
    """Step t of a block, written to a row of the record, whose input spikes are there already."""
    ring = state.pending.shape[0] // 2
    slot, spikes = t % ring, record.spikes[row]
    update_neurons(slot, ring, weights.cells, state, record.x[row], spikes, record.blocked[row])
    base = slot * record.spikes.shape[1]
    if at(weights.recurrent.full, 0):
        arrival = base + spikes.shape[0]
        send_all(weights.inputs, record.input_spikes[row], arrival, False, state.pending)
        send_all(weights.recurrent, spikes, arrival, True, state.pending)
    else:
        send(weights.inputs, record.input_spikes[row], base, state.pending)
        send(weights.recurrent, spikes, base, state.pending)
    read_out(weights.readout, spikes, state.r, record.y[row])


@njit(error_model="numpy")
def step_back(t, row, weights, record, g_y, g_z, gamma, through_reset, adjoint, gradient, needed):
    """The adjoint of `step` at step t, which stands in a row of the record; adds to the gradient.

    g_y: dL/dy, (T, n_out, 8); g_z: dL/dz of every spike of a neuron beyond its effects, (N,);
    gamma: damping of the surrogate; through_reset: 1, or 0 to detach the reset of the membrane; needed: scratch (N,).
    """
    ring = adjoint.current.shape[0] // 2
    slot, spikes = t % ring, record.spikes[row]
    base = slot * record.spikes.shape[1]
    adjoint_of_readout(row, weights.readout, g_y, spikes, adjoint, gradient.readout, gradient.bias)
    if at(weights.recurrent.full, 0):
        arrival = base + spikes.shape[0]
        turn(arrival, adjoint.current, adjoint.turned)
        credit_all(weights.recurrent, spikes, adjoint.turned, True, gradient.recurrent)
        credit_all(weights.inputs, record.input_spikes[row], adjoint.turned, False, gradient.inputs)
        needs_of_neurons(row, weights, record, gamma, needed)
        gather_all(weights.recurrent, needed, arrival, adjoint.current, adjoint.reached)
    else:
        credit(weights.recurrent, spikes, base, adjoint.current, gradient.recurrent)
        credit(weights.inputs, record.input_spikes[row], base, adjoint.current, gradient.inputs)
    adjoint_of_neurons(slot, ring, row, weights, record, adjoint, g_z, gamma, through_reset)
