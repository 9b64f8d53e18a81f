"""One millisecond of the network, event-driven: only cells that spike touch their synapses.

A spike of any of the eight lanes adds w times the lanes' mask to the pending current of each target, in the row of the
delay ring where it arrives. The ring has 2 D rows: row t % D + d is never wrapped, and what arrives at step t is the
sum of rows t % D and t % D + D.
"""

from numba import njit

from lsnn.kernels.neuron import count_refractory, integrate_v, reset_b, reset_v, threshold
from lsnn.kernels.simd import at, from_bits, load, multiply_add, spread, store, to_bits, where


@njit(error_model="numpy")
def send(rows, bits, base, pending):
    """Add the synapses of the cells that spike (bits, (n_pre,) uint8) to the ring row by row; base = slot * N."""
    for i in range(bits.shape[0]):
        if bits[i]:
            mask = where(from_bits(bits[i]), spread(pending, 1.0), 0.0)
            for s in range(at(rows.start, i), at(rows.start, i + 1)):
                place = base + at(rows.offset, s)
                store(pending, place, multiply_add(at(rows.weight, s), mask, load(pending, place)))


@njit(forceinline=True)
def arriving(pending, slot, ring, n_neurons, k):
    """The current that reaches neuron k now; its places in the ring are cleared."""
    early, late = slot * n_neurons + k, (slot + ring) * n_neurons + k
    current = load(pending, early) + load(pending, late)
    store(pending, early, 0.0)
    store(pending, late, 0.0)
    return current


@njit(error_model="numpy")
def update_lif(slot, ring, n_lif, cells, state, x, spikes, blocked):
    """Neurons 0..n_lif: integrate, threshold, reset. x, spikes, blocked: this step's rows of the record."""
    n_neurons = spikes.shape[0]
    for k in range(n_lif):
        current = arriving(state.pending, slot, ring, n_neurons, k)
        v = integrate_v(load(state.x, k), current, at(cells.alpha, k), at(cells.input_gain, k))
        refractory = load(state.refractory, k)
        held = refractory > 0.0
        byte = to_bits(v > at(cells.b0, k)) & ~to_bits(held)
        store(x, k, v)
        spikes[k] = byte
        blocked[k] = to_bits(held)
        spike = from_bits(byte)
        store(state.x, k, reset_v(v, spike, at(cells.b0, k), at(cells.reset_gain, k)))
        store(state.refractory, k, count_refractory(refractory, spike, at(cells.refractory, k)))


@njit(error_model="numpy")
def update_alif(slot, ring, n_lif, cells, state, x, spikes, blocked):
    """Neurons n_lif..N: as `update_lif`, with the adaptive threshold B = b0 + beta b."""
    n_neurons = spikes.shape[0]
    for k in range(n_lif, n_neurons):
        slot_b = n_neurons + k - n_lif
        current = arriving(state.pending, slot, ring, n_neurons, k)
        v = integrate_v(load(state.x, k), current, at(cells.alpha, k), at(cells.input_gain, k))
        b = load(state.x, slot_b) * at(cells.rho, k)
        level = threshold(b, at(cells.b0, k), at(cells.beta, k))
        refractory = load(state.refractory, k)
        held = refractory > 0.0
        byte = to_bits(v > level) & ~to_bits(held)
        store(x, k, v)
        store(x, slot_b, b)
        spikes[k] = byte
        blocked[k] = to_bits(held)
        spike = from_bits(byte)
        store(state.x, k, reset_v(v, spike, level, at(cells.reset_gain, k)))
        store(state.x, slot_b, reset_b(b, spike, at(cells.jump, k)))
        store(state.refractory, k, count_refractory(refractory, spike, at(cells.refractory, k)))


@njit(error_model="numpy")
def read_out(readout, spikes, r, y):
    """r[t] = kappa r[t-1] + (1 - kappa) z[t] W_out, y[t] = r[t] + bias."""
    n_out = r.shape[0]
    for o in range(n_out):
        store(r, o, load(r, o) * at(readout.kappa, 0))
    for i in range(spikes.shape[0]):
        if spikes[i]:
            mask = where(from_bits(spikes[i]), spread(r, 1.0), 0.0)
            for o in range(n_out):
                store(r, o, multiply_add(at(readout.weight, i * n_out + o), mask, load(r, o)))
    for o in range(n_out):
        store(y, o, load(r, o) + at(readout.bias, o))


@njit(error_model="numpy")
def step(t, row, weights, state, record):
    """Step t of a block, written to a row of the record, whose input spikes are there already."""
    n_neurons = record.spikes.shape[1]
    ring = state.pending.shape[0] // 2
    n_lif = 2 * n_neurons - state.x.shape[0]
    slot = t % ring
    x, spikes, blocked = record.x[row], record.spikes[row], record.blocked[row]
    update_lif(slot, ring, n_lif, weights.cells, state, x, spikes, blocked)
    update_alif(slot, ring, n_lif, weights.cells, state, x, spikes, blocked)
    base = slot * n_neurons
    send(weights.inputs, record.input_spikes[row], base, state.pending)
    send(weights.recurrent, spikes, base, state.pending)
    read_out(weights.readout, spikes, state.r, record.y[row])
