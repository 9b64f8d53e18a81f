"""The exact adjoint of what surrounds the neurons, backwards in time (BPTT).

dL/dz of a neuron is needed only in steps where the surrogate derivative of one of the lanes is not zero: one dot
product over its synapses with dL/dI of the next d_max steps, which stand in a ring held twice over, so that no index
wraps. The gradient of a weight adds one number for each spike of its presynaptic cell.
"""

from numba import njit

from lsnn.kernels.forward import AHEAD, fetch_row
from lsnn.kernels.layout import PLAIN
from lsnn.kernels.simd import (
    LANES,
    add_scattered,
    add_to,
    at,
    fetch,
    from_bits,
    load,
    multiply_add,
    spread,
    store,
    where,
)


@njit(error_model="numpy", forceinline=True)  # a call would cost a tenth of the backward pass
def gather(rows, first, end, base, current):
    """sum over the synapses first .. end - 1 of w dL/dI[t + delay] of their targets; base = slot * N."""
    one, two, three, four = spread(current, 0.0), spread(current, 0.0), spread(current, 0.0), spread(current, 0.0)
    s = first
    while s + 4 <= end:
        one = multiply_add(at(rows.weight, s), load(current, base + at(rows.offset, s)), one)
        two = multiply_add(at(rows.weight, s + 1), load(current, base + at(rows.offset, s + 1)), two)
        three = multiply_add(at(rows.weight, s + 2), load(current, base + at(rows.offset, s + 2)), three)
        four = multiply_add(at(rows.weight, s + 3), load(current, base + at(rows.offset, s + 3)), four)
        s += 4
    while s < end:
        one = multiply_add(at(rows.weight, s), load(current, base + at(rows.offset, s)), one)
        s += 1
    return (one + two) + (three + four)


@njit(error_model="numpy")
def gather_tile(rows, neurons, count, tile, base, current, reached):
    """`gather` of neurons[:count] from a tile: fills their reached (N, 8) in the first one, adds to it in others."""
    row = tile * reached.shape[0]
    for k in range(count):
        fetch_row(rows, row, neurons, k, count)
        i = at(neurons, k)
        total = gather(rows, at(rows.start, row + i), at(rows.start, row + i + 1), base, current)
        store(reached, i, total + load(reached, i) if tile else total)


@njit(error_model="numpy")
def credit(rows, bits, cells, count, tile, base, current, gradient):
    """Each spike of cells[:count] adds dL/dI[t + delay] of its lane to the gradient of its synapses onto a tile."""
    row = tile * bits.shape[0]
    for k in range(count):
        fetch_row(rows, row, cells, k, count)
        fetch(gradient, at(rows.start, row + at(cells, min(k + AHEAD, count - 1))))
        i = at(cells, k)
        byte, first, end = at(bits, i), at(rows.start, row + i), at(rows.start, row + i + 1)
        for lane in range(LANES):
            if byte & (1 << lane):
                s = first
                while s + LANES <= end:
                    add_scattered(gradient, s, current, base * LANES + lane, rows.offset)
                    s += LANES
                while s < end:
                    add_to(gradient, s, at(current, (base + at(rows.offset, s)) * LANES + lane))
                    s += 1


@njit(forceinline=True)
def beyond_threshold(i, row, weights, adjoint, base, g_z, n_out):
    """dL/dz[t] of neuron i through its synapses, the readout and the rate regulariser."""
    rows = weights.recurrent_back
    first = at(rows.start, i)
    end = at(rows.start, i + 1) if at(rows.form, 0) == PLAIN else first
    total = gather(rows, first, end, base, adjoint.current) + at(g_z, i)
    total = total + load(adjoint.reached, i)  # zero where rows are PLAIN; a branch here would cost half the time
    for o in range(n_out):
        total = multiply_add(at(weights.readout.weight, i * n_out + o), load(adjoint.r, o), total)
    return total


@njit(forceinline=True)
def share(adjoint, slot, ring, n_neurons, k, g_current):
    """dL/dI[t] of neuron k, kept twice so that no index wraps."""
    store(adjoint.current, slot * n_neurons + k, g_current)
    store(adjoint.current, (slot + ring) * n_neurons + k, g_current)


@njit(error_model="numpy")
def adjoint_of_readout(row, readout, g_y, spikes, adjoint, g_weight, g_bias):
    """g_r = kappa g_r + dL/dy; the readout's weights and bias collect their lanes."""
    n_out, last = adjoint.r.shape[0], readout.kappa.shape[0] - 1
    for o in range(n_out):
        g = load(g_y, row * n_out + o)
        store(adjoint.r, o, load(adjoint.r, o) * at(readout.kappa, min(o, last)) + g)
        store(g_bias, o, load(g_bias, o) + g)
    for i in range(spikes.shape[0]):
        if spikes[i]:
            for o in range(n_out):
                g = where(from_bits(spikes[i]), load(adjoint.r, o), 0.0)
                store(g_weight, i * n_out + o, load(g_weight, i * n_out + o) + g)
