"""Networks in which every pair of cells is connected with a delay of one step: no offset has to be read.

A row of the synapses then holds all targets in their order, that of a neuron all but itself (`layout.Rows`). So
several rows go through the targets side by side, forwards and backwards, and the gradient of a row's weights takes
dL/dI of a lane for all targets at once. base = slot * N of the step at which spikes arrive.
"""

from numba import njit

from lsnn.kernels.simd import LANES, add_to, at, from_bits, load, multiply_add, put, spread, store, where


@njit(error_model="numpy")
def send_all(rows, bits, base, without_itself, pending):
    """As `forward.send`, four cells at a time; without_itself: whether a row leaves its own cell out."""
    n_pre, i = bits.shape[0], following(bits, -1)
    while i < n_pre:
        j = following(bits, i)
        k = following(bits, j)
        m = following(bits, k)
        if m < n_pre:
            send_four(rows, bits, (i, j, k, m), base, without_itself, pending)
            i = following(bits, m)
        else:
            send_among(rows, bits, i, 0, n_targets(rows, without_itself), base, without_itself, pending)
            i = j


@njit(forceinline=True)
def following(bits, i):
    """The next cell that spikes after cell i, or their number."""
    i += 1
    while i < bits.shape[0] and not bits[i]:
        i += 1
    return i


@njit(forceinline=True)
def n_targets(rows, without_itself):
    """N."""
    return at(rows.start, 1) - at(rows.start, 0) + (1 if without_itself else 0)


@njit(error_model="numpy")
def send_four(rows, bits, cells, base, without_itself, pending):
    """Four cells in rising order; what neurons among them send to each other comes last."""
    n, low, one = n_targets(rows, without_itself), 0, spread(pending, 1.0)
    i, j, k, m = cells
    first, second = where(from_bits(bits[i]), one, 0.0), where(from_bits(bits[j]), one, 0.0)
    third, fourth = where(from_bits(bits[k]), one, 0.0), where(from_bits(bits[m]), one, 0.0)
    for part in range(5 if without_itself else 1):
        # A row lacks its own neuron: beyond that its targets stand one place earlier.
        a, b = at(rows.start, i) - (part > 0), at(rows.start, j) - (part > 1)
        c, d = at(rows.start, k) - (part > 2), at(rows.start, m) - (part > 3)
        high = cells[part] if without_itself and part < 4 else n
        for target in range(low, high):
            current = load(pending, base + target)
            current = multiply_add(at(rows.weight, a + target), first, current)
            current = multiply_add(at(rows.weight, b + target), second, current)
            current = multiply_add(at(rows.weight, c + target), third, current)
            current = multiply_add(at(rows.weight, d + target), fourth, current)
            store(pending, base + target, current)
        low = high + 1
    if without_itself:
        for cell in cells:
            for target in cells:
                send_among(rows, bits, cell, target, target + 1, base, True, pending)


@njit(error_model="numpy")
def send_among(rows, bits, i, low, high, base, without_itself, pending):
    """Cell i's synapses onto low .. high - 1."""
    mask = where(from_bits(bits[i]), spread(pending, 1.0), 0.0)
    for target in range(low, high):
        if not (without_itself and target == i):
            place = at(rows.start, i) + target - (without_itself and target > i)
            current = multiply_add(at(rows.weight, place), mask, load(pending, base + target))
            store(pending, base + target, current)


@njit(error_model="numpy")
def turn(base, current, turned):
    """dL/dI of a step, lane after lane: N numbers of each."""
    n_neurons = turned.shape[0]
    for k in range(n_neurons):
        for lane in range(LANES):
            put(turned, lane * n_neurons + k, at(current, (base + k) * LANES + lane))


@njit(error_model="numpy")
def credit_all(rows, bits, turned, without_itself, gradient):
    """As `adjoint.credit`; without_itself: whether a row leaves its own cell out."""
    n_neurons = turned.shape[0]
    for i in range(bits.shape[0]):
        byte = bits[i]
        if byte:
            first, own = at(rows.start, i), i if without_itself else n_neurons
            for lane in range(LANES):
                if byte & (1 << lane):
                    start = lane * n_neurons
                    for k in range(own):
                        add_to(gradient, first + k, at(turned, start + k))
                    for k in range(own + 1, n_neurons):
                        add_to(gradient, first + k - 1, at(turned, start + k))


@njit(error_model="numpy")
def gather_all(rows, neurons, count, base, current, reached):
    """As `adjoint.gather` for neurons[:count]; fills their reached (N, 8)."""
    whole = count - count % 8
    for first in range(0, whole, 8):
        gather_eight(rows, neurons, first, base, current, reached)
    for place in range(whole, count):
        store(reached, neurons[place], spread(current, 0.0))
        gather_among(rows, neurons[place], 0, reached.shape[0], base, current, reached)


@njit(error_model="numpy")
def gather_eight(rows, neurons, first, base, current, reached):
    """The neurons in neurons[first : first + 8], which rise; all but the synapses among them go side by side."""
    weight, zero = rows.weight, spread(current, 0.0)
    one, two, three, four, five, six, seven, eight = zero, zero, zero, zero, zero, zero, zero, zero
    i, j, k, m = neurons[first], neurons[first + 1], neurons[first + 2], neurons[first + 3]
    n, o, p, q = neurons[first + 4], neurons[first + 5], neurons[first + 6], neurons[first + 7]
    low = 0
    for part in range(9):
        high = neurons[first + part] if part < 8 else reached.shape[0]
        # A row lacks its own neuron: beyond that its targets stand one place earlier.
        a, b, c = at(rows.start, i) - (part > 0), at(rows.start, j) - (part > 1), at(rows.start, k) - (part > 2)
        d, e, f = at(rows.start, m) - (part > 3), at(rows.start, n) - (part > 4), at(rows.start, o) - (part > 5)
        g, h = at(rows.start, p) - (part > 6), at(rows.start, q) - (part > 7)
        for target in range(low, high):
            lanes = load(current, base + target)
            one = multiply_add(at(weight, a + target), lanes, one)
            two = multiply_add(at(weight, b + target), lanes, two)
            three = multiply_add(at(weight, c + target), lanes, three)
            four = multiply_add(at(weight, d + target), lanes, four)
            five = multiply_add(at(weight, e + target), lanes, five)
            six = multiply_add(at(weight, f + target), lanes, six)
            seven = multiply_add(at(weight, g + target), lanes, seven)
            eight = multiply_add(at(weight, h + target), lanes, eight)
        low = high + 1
    store(reached, i, one)
    store(reached, j, two)
    store(reached, k, three)
    store(reached, m, four)
    store(reached, n, five)
    store(reached, o, six)
    store(reached, p, seven)
    store(reached, q, eight)
    for neuron in neurons[first : first + 8]:
        for target in neurons[first : first + 8]:
            gather_among(rows, neuron, target, target + 1, base, current, reached)


@njit(error_model="numpy")
def gather_among(rows, i, low, high, base, current, reached):
    """Add neuron i's synapses onto low .. high - 1 to what it has reached."""
    total = load(reached, i)
    for target in range(low, high):
        if target != i:
            place = at(rows.start, i) + target - (target > i)
            total = multiply_add(at(rows.weight, place), load(current, base + target), total)
    store(reached, i, total)
