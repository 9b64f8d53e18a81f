"""The neurons that `step.py` is written against; `build.py` puts real ones in their place."""

from numba import njit


@njit
def update_neurons(slot, ring, cells, state, x, spikes, blocked):
    """One step of every group of neurons."""
    raise NotImplementedError


@njit
def adjoint_of_neurons(slot, ring, row, weights, record, adjoint, g_spikes, gamma, through_reset):
    """One step of every group backwards."""
    raise NotImplementedError
