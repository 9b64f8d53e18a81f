"""Neurons that send a number each step in place of spikes: every one of them touches all of its synapses.

What they send stands in the record, in slots of their own (`layout.Record.x`), since it is a function of their state
variables. Their spikes are none, so what is driven by spikes passes them over. group: which of `layout.Cells.groups`;
sent: how many slots of a group, beyond those of the membranes, come before what it sends.
"""

from numba import njit

from lsnn.kernels.simd import add_eight, add_to, at, load, multiply_add, store, sums_of, total


@njit(error_model="numpy")
def send_group(group, sent, base, weights, state, x, y):
    """Add what a group sends to the ring, over its synapses, and to the readout; x, y: rows of the record."""
    rows, readout, groups = weights.recurrent, weights.readout, weights.cells.groups
    first, end, n_out = groups[group, 0], groups[group, 1], state.r.shape[0]
    slot = groups[group, 2] + sent * (end - first) - first
    for i in range(first, end):
        lanes = load(x, slot + i)
        for s in range(at(rows.start, i), at(rows.start, i + 1)):
            place = base + at(rows.offset, s)
            store(state.pending, place, multiply_add(at(rows.weight, s), lanes, load(state.pending, place)))
        for o in range(n_out):
            store(state.r, o, multiply_add(at(readout.weight, i * n_out + o), lanes, load(state.r, o)))
    for o in range(n_out):
        store(y, o, load(state.r, o) + at(readout.bias, o))


@njit(error_model="numpy")
def credit_group(group, sent, tile, base, row, weights, record, adjoint, gradient):
    """What a group sent in a step adds to the gradient of its synapses onto a tile: sum_lanes of it times dL/dI."""
    rows, groups, x = weights.recurrent_back, weights.cells.groups, record.x[row]
    first, end = groups[group, 0], groups[group, 1]
    slot = groups[group, 2] + sent * (end - first) - first
    row_of_tile = tile * record.spikes.shape[1]
    for i in range(first, end):
        lanes = load(x, slot + i)
        last = at(rows.start, row_of_tile + i + 1)
        s = at(rows.start, row_of_tile + i)
        while s + 8 <= last:
            credit_eight(rows.offset, s, lanes, base, adjoint.current, gradient.recurrent)
            s += 8
        while s < last:
            add_to(gradient.recurrent, s, total(lanes * load(adjoint.current, base + at(rows.offset, s))))
            s += 1


@njit(forceinline=True)
def credit_eight(offset, s, lanes, base, current, gradient):
    """The gradient of synapses s .. s + 7 of a cell that sent lanes."""
    a, b = load(current, base + at(offset, s)), load(current, base + at(offset, s + 1))
    c, d = load(current, base + at(offset, s + 2)), load(current, base + at(offset, s + 3))
    e, f = load(current, base + at(offset, s + 4)), load(current, base + at(offset, s + 5))
    g, h = load(current, base + at(offset, s + 6)), load(current, base + at(offset, s + 7))
    sums = sums_of(lanes * a, lanes * b, lanes * c, lanes * d, lanes * e, lanes * f, lanes * g, lanes * h)
    add_eight(gradient, s, sums)


@njit(error_model="numpy")
def credit_readout(group, sent, row, record, weights, adjoint, gradient):
    """What a group sent in a step adds to the gradient of its weights to the readout, lane by lane."""
    groups, x, n_out = weights.cells.groups, record.x[row], adjoint.r.shape[0]
    first, end = groups[group, 0], groups[group, 1]
    slot = groups[group, 2] + sent * (end - first) - first
    for i in range(first, end):
        lanes = load(x, slot + i)
        for o in range(n_out):
            place = i * n_out + o
            store(gradient.readout, place, multiply_add(lanes, load(adjoint.r, o), load(gradient.readout, place)))
