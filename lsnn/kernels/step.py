"""One millisecond of the network, and its adjoint.

The import from `null_neurons` is a placeholder: `build.py` puts the neuron models of a network in its place.
"""

import numpy as np
from numba import njit

from lsnn.kernels.adjoint import adjoint_of_readout, credit, gather_tile
from lsnn.kernels.forward import listed, read_out, send
from lsnn.kernels.full import credit_all, gather_all, send_all, turn
from lsnn.kernels.layout import FULL, PLAIN, TILED
from lsnn.kernels.null_neurons import (
    adjoint_of_neurons,
    credit_numbers,
    credit_numbers_read,
    needs_of_neurons,
    send_numbers,
    update_neurons,
)
from lsnn.kernels.simd import at

PLANES = 1  # the greatest number of ports of a model: each has rows of its own in the delay ring


@njit(error_model="numpy")
def scratch_of(record):
    """Room for the numbers of input cells and of neurons, twice."""
    n_in, n = record.input_spikes.shape[1], record.spikes.shape[1]
    return np.zeros(n_in, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)


@njit(forceinline=True)
def n_tiles(weights):
    """Into how many tiles the targets are cut for the backward pass."""
    return (weights.recurrent_back.start.shape[0] - 1) // weights.cells.refractory.shape[0]


@njit(error_model="numpy")
def step(t, row, weights, state, record, scratch):
    """Step t of a block, written to a row of the record, whose input spikes are there already; see `scratch_of`."""
    ring = state.pending.shape[0] // (2 * PLANES)
    slot, spikes = t % ring, record.spikes[row]
    update_neurons(slot, ring, weights.cells, state, record.x[row], spikes, record.blocked[row])
    base = slot * record.spikes.shape[1]
    if at(weights.recurrent.form, 0) == FULL:
        arrival = base + spikes.shape[0]
        send_all(weights.inputs, record.input_spikes[row], arrival, False, state.pending)
        send_all(weights.recurrent, spikes, arrival, True, state.pending)
    else:
        inputs, cells, _ = scratch
        n_inputs, n_cells = listed(record.input_spikes[row], inputs), listed(spikes, cells)
        send(weights.inputs, record.input_spikes[row], inputs, n_inputs, base, state.pending)
        send(weights.recurrent, spikes, cells, n_cells, base, state.pending)
    read_out(weights.readout, spikes, state.r, record.y[row])
    send_numbers(base, weights, state, record.x[row], record.y[row])


@njit(error_model="numpy")
def step_back(t, row, weights, record, g_y, g_z, gamma, through_reset, adjoint, gradient, scratch):
    """The adjoint of `step` at step t, which stands in a row of the record; adds to the gradient.

    g_y: dL/dy, (T, n_out, 8); g_z: dL/dz of every spike of a neuron beyond its effects, (N,);
    gamma: damping of the surrogate; through_reset: 1, or 0 to detach the reset of the membrane.
    """
    ring = adjoint.current.shape[0] // (2 * PLANES)
    slot, spikes = t % ring, record.spikes[row]
    base = slot * record.spikes.shape[1]
    adjoint_of_readout(row, weights.readout, g_y, spikes, adjoint, gradient.readout, gradient.bias)
    credit_numbers_read(row, record, weights, adjoint, gradient)
    for tile in range(n_tiles(weights)):
        credit_numbers(tile, base, row, weights, record, adjoint, gradient)
    inputs, cells, needed = scratch
    from_inputs, from_neurons = weights.inputs_back, weights.recurrent_back
    form, n_needed = at(from_neurons.form, 0), 0
    if form != PLAIN:
        needs_of_neurons(row, weights, record, gamma, needed)
        n_needed = listed(needed, needed)
    if form == FULL:
        arrival = base + spikes.shape[0]
        turn(arrival, adjoint.current, adjoint.turned)
        credit_all(from_neurons, spikes, adjoint.turned, True, gradient.recurrent)
        credit_all(from_inputs, record.input_spikes[row], adjoint.turned, False, gradient.inputs)
        gather_all(from_neurons, needed, n_needed, arrival, adjoint.current, adjoint.reached)
    else:
        input_spikes = record.input_spikes[row]
        n_inputs, n_cells = listed(input_spikes, inputs), listed(spikes, cells)
        for tile in range(n_tiles(weights)):
            credit(from_neurons, spikes, cells, n_cells, tile, base, adjoint.current, gradient.recurrent)
            credit(from_inputs, input_spikes, inputs, n_inputs, tile, base, adjoint.current, gradient.inputs)
            if form == TILED:
                gather_tile(from_neurons, needed, n_needed, tile, base, adjoint.current, adjoint.reached)
    adjoint_of_neurons(slot, ring, row, weights, record, adjoint, gradient, g_z, gamma, through_reset)
