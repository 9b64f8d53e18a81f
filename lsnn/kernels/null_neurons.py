"""The neurons that `step.py` is written against; `build.py` puts real ones in their place."""

from numba import njit


@njit
def update_neurons(slot, ring, cells, state, x, spikes, blocked):
    """One step of every group of neurons."""
    raise NotImplementedError


@njit
def send_numbers(base, weights, state, x, y):
    """What neurons with an output send in a step; see `numbers.send_group`."""
    raise NotImplementedError


@njit
def credit_numbers(tile, base, row, weights, record, adjoint, gradient):
    """What they sent adds to the gradient of their synapses onto a tile; see `numbers.credit_group`."""
    raise NotImplementedError


@njit
def credit_numbers_read(row, record, weights, adjoint, gradient):
    """Likewise of the readout; see `numbers.credit_readout`."""
    raise NotImplementedError


@njit
def needs_of_neurons(row, weights, record, gamma, needed):
    """Lanes of every neuron whose surrogate derivative is not zero, as bits; needed (N,) int64."""
    raise NotImplementedError


@njit
def adjoint_of_neurons(slot, ring, row, weights, record, adjoint, gradient, g_spikes, gamma, through_reset):
    """One step of every group backwards."""
    raise NotImplementedError
