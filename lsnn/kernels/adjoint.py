"""The exact adjoint of `forward.step`, backwards in time (BPTT).

dL/dz of a neuron is needed only in steps where the surrogate derivative of one of the lanes is not zero: one dot
product over its synapses with dL/dI of the next d_max steps, which stand in a ring held twice over, so that no index
wraps.
The gradient of a weight adds one number for each spike of its presynaptic cell.
"""

from numba import njit

from lsnn.kernels.neuron import adjoint_alif, adjoint_lif, surrogate, threshold
from lsnn.kernels.simd import LANES, add_to, at, from_bits, load, multiply_add, spread, store, to_bits, where


@njit(error_model="numpy")
def gather(rows, i, base, current):
    """sum over the synapses of cell i of w dL/dI[t + delay] of their targets; base = slot * N."""
    first, end = at(rows.start, i), at(rows.start, i + 1)
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
def credit(rows, bits, base, current, gradient):
    """Each spike adds dL/dI[t + delay] of its lane to the gradient of its synapses."""
    for i in range(bits.shape[0]):
        byte = bits[i]
        if byte:
            first, end = at(rows.start, i), at(rows.start, i + 1)
            for lane in range(LANES):
                if byte & (1 << lane):
                    for s in range(first, end):
                        add_to(gradient, s, at(current, (base + at(rows.offset, s)) * LANES + lane))


@njit(forceinline=True)
def beyond_threshold(i, row, weights, adjoint, base, g_z, n_out):
    """dL/dz[t] of neuron i through its synapses, the readout and the rate regulariser."""
    total = gather(weights.recurrent, i, base, adjoint.current) + at(g_z, i)
    for o in range(n_out):
        total = multiply_add(at(weights.readout.weight, i * n_out + o), load(adjoint.r, o), total)
    return total


@njit(forceinline=True)
def share(adjoint, slot, ring, n_neurons, k, g_current):
    """dL/dI[t] of neuron k, kept twice so that no index wraps."""
    store(adjoint.current, slot * n_neurons + k, g_current)
    store(adjoint.current, (slot + ring) * n_neurons + k, g_current)


@njit(error_model="numpy")
def adjoint_of_lif(slot, ring, n_lif, row, weights, record, adjoint, g_z, gamma, through_reset):
    """Neurons 0..n_lif, one step back."""
    n_neurons, n_out = record.spikes.shape[1], adjoint.r.shape[0]
    cells, x, spikes, blocked = weights.cells, record.x[row], record.spikes[row], record.blocked[row]
    for k in range(n_lif):
        b0 = at(cells.b0, k)
        slope = surrogate(load(x, k), spread(x, b0), at(cells.inverse_b0, k), gamma)
        slope = where(from_bits(blocked[k]), 0.0, slope)
        reached = spread(x, 0.0)
        if to_bits(slope > 0.0):
            reached = beyond_threshold(k, row, weights, adjoint, slot * n_neurons, g_z, n_out)
        spike = from_bits(spikes[k])
        g_v, at_threshold = adjoint_lif(
            load(adjoint.x, k), reached, spike, slope, b0, at(cells.reset_gain, k), at(cells.alpha, k), through_reset
        )
        store(adjoint.x, k, g_v)
        share(adjoint, slot, ring, n_neurons, k, at_threshold * at(cells.input_gain, k))


@njit(error_model="numpy")
def adjoint_of_alif(slot, ring, n_lif, row, weights, record, adjoint, g_z, gamma, through_reset):
    """Neurons n_lif..N, one step back."""
    n_neurons, n_out = record.spikes.shape[1], adjoint.r.shape[0]
    cells, x, spikes, blocked = weights.cells, record.x[row], record.spikes[row], record.blocked[row]
    for k in range(n_lif, n_neurons):
        slot_b = n_neurons + k - n_lif
        b, b0, beta = load(x, slot_b), at(cells.b0, k), at(cells.beta, k)
        slope = surrogate(load(x, k), threshold(b, b0, beta), at(cells.inverse_b0, k), gamma)
        slope = where(from_bits(blocked[k]), 0.0, slope)
        reached = spread(x, 0.0)
        if to_bits(slope > 0.0):
            reached = beyond_threshold(k, row, weights, adjoint, slot * n_neurons, g_z, n_out)
        spike, reset_gain, alpha = from_bits(spikes[k]), at(cells.reset_gain, k), at(cells.alpha, k)
        g_v, g_b, at_threshold = adjoint_alif(
            load(adjoint.x, k), load(adjoint.x, slot_b), reached, b, spike, slope, b0, beta,
            reset_gain, at(cells.jump, k), alpha, at(cells.rho, k), through_reset,
        )  # fmt: skip
        store(adjoint.x, k, g_v)
        store(adjoint.x, slot_b, g_b)
        share(adjoint, slot, ring, n_neurons, k, at_threshold * at(cells.input_gain, k))


@njit(error_model="numpy")
def adjoint_of_readout(row, readout, g_y, spikes, adjoint, g_weight, g_bias):
    """g_r = kappa g_r + dL/dy; the readout's weights and bias collect their lanes."""
    n_out = adjoint.r.shape[0]
    for o in range(n_out):
        g = load(g_y, row * n_out + o)
        store(adjoint.r, o, load(adjoint.r, o) * at(readout.kappa, 0) + g)
        store(g_bias, o, load(g_bias, o) + g)
    for i in range(spikes.shape[0]):
        if spikes[i]:
            for o in range(n_out):
                g = where(from_bits(spikes[i]), load(adjoint.r, o), 0.0)
                store(g_weight, i * n_out + o, load(g_weight, i * n_out + o) + g)


@njit(error_model="numpy")
def step_back(t, row, weights, record, g_y, g_z, gamma, through_reset, adjoint, gradient):
    """The adjoint of `forward.step` at step t, which stands in a row of the record; adds to the gradient.

    g_y: dL/dy, (T, n_out, 8); g_z: dL/dz of every spike of a neuron beyond its effects, (N,);
    gamma: damping of the surrogate; through_reset: 1, or 0 to detach the reset.
    """
    n_neurons = record.spikes.shape[1]
    ring = adjoint.current.shape[0] // 2
    n_lif = 2 * n_neurons - record.x.shape[1]
    slot = t % ring
    spikes = record.spikes[row]
    adjoint_of_readout(row, weights.readout, g_y, spikes, adjoint, gradient.readout, gradient.bias)
    credit(weights.recurrent, spikes, slot * n_neurons, adjoint.current, gradient.recurrent)
    credit(weights.inputs, record.input_spikes[row], slot * n_neurons, adjoint.current, gradient.inputs)
    adjoint_of_lif(slot, ring, n_lif, row, weights, record, adjoint, g_z, gamma, through_reset)
    adjoint_of_alif(slot, ring, n_lif, row, weights, record, adjoint, g_z, gamma, through_reset)
