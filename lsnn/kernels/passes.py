"""A record of one block, forwards and backwards. `build.py` writes this file out to the cache folder."""

from numba import njit

from lsnn.kernels.denormals import flush_denormals, restore
from lsnn.kernels.step import scratch_of, step, step_back


@njit(error_model="numpy", nogil=True)
def replay(t_start, weights, state, record):
    """Run the recorded input spikes through the network from step t_start on; fills the rest of the record."""
    scratch = scratch_of(record)
    for row in range(record.spikes.shape[0]):
        step(t_start + row, row, weights, state, record, scratch)


@njit(error_model="numpy", nogil=True)
def back(t_start, weights, record, g_y, g_z, gamma, through_reset, adjoint, gradient):
    """All rows of a record backwards, the first of which is step t_start; see `step.step_back`.

    `adjoint` is the adjoint state after the last step and is left as it is before the first; the gradient is added to.
    """
    scratch, mode = scratch_of(record), flush_denormals()
    for row in range(record.spikes.shape[0] - 1, -1, -1):
        step_back(t_start + row, row, weights, record, g_y, g_z, gamma, through_reset, adjoint, gradient, scratch)
    restore(mode)
