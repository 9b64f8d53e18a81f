"""What surrounds the neurons in a step, event-driven: only cells that spike touch their synapses.

A spike of any of the eight lanes adds w times the lanes' mask to the pending current of each target, in the row of the
delay ring where it arrives. The ring has 2 D rows: row t % D + d is never wrapped, and what arrives at step t is the
sum of rows t % D and t % D + D.
"""

from numba import njit

from lsnn.kernels.simd import at, fetch, from_bits, load, multiply_add, spread, store, where

AHEAD = 8  # rows; waiting for the beginning of a short one would take longer than all its synapses


@njit(error_model="numpy")
def listed(flags, cells):
    """Write which flags are not zero to the beginning of cells, rising; how many they are. Both may be one array."""
    count = 0
    for i in range(flags.shape[0]):
        flag = flags[i]
        cells[count] = i
        count += flag != 0
    return count


@njit(error_model="numpy")
def send(rows, bits, cells, count, base, pending):
    """Add the synapses of cells[:count] to the ring; bits (n_pre,) uint8 are their spikes, base = slot * N."""
    for k in range(count):
        fetch_row(rows, 0, cells, k, count)
        i = at(cells, k)
        mask = where(from_bits(at(bits, i)), spread(pending, 1.0), 0.0)
        for s in range(at(rows.start, i), at(rows.start, i + 1)):
            place = base + at(rows.offset, s)
            store(pending, place, multiply_add(at(rows.weight, s), mask, load(pending, place)))


@njit(forceinline=True)
def fetch_row(rows, row, cells, k, count):
    """Ask for the beginning of a row whose turn comes soon, and for where a later one begins."""
    fetch(rows.start, row + at(cells, min(k + 2 * AHEAD, count - 1)))
    first = at(rows.start, row + at(cells, min(k + AHEAD, count - 1)))
    fetch(rows.offset, first)
    fetch(rows.weight, first)


@njit(forceinline=True)
def arriving(pending, slot, ring, n_neurons, k):
    """The current that reaches neuron k now; its places in the ring are cleared."""
    early, late = slot * n_neurons + k, (slot + ring) * n_neurons + k
    current = load(pending, early) + load(pending, late)
    store(pending, early, 0.0)
    store(pending, late, 0.0)
    return current


@njit(error_model="numpy")
def read_out(readout, spikes, r, y):
    """r[t] = kappa r[t-1] + (1 - kappa) z[t] W_out, y[t] = r[t] + bias."""
    n_out, last = r.shape[0], readout.kappa.shape[0] - 1
    for o in range(n_out):
        store(r, o, load(r, o) * at(readout.kappa, min(o, last)))
    for i in range(spikes.shape[0]):
        if spikes[i]:
            mask = where(from_bits(spikes[i]), spread(r, 1.0), 0.0)
            for o in range(n_out):
                store(r, o, multiply_add(at(readout.weight, i * n_out + o), mask, load(r, o)))
    for o in range(n_out):
        store(y, o, load(r, o) + at(readout.bias, o))
