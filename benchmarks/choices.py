"""What the layout of the backward sum buys: `python -m benchmarks.choices`, about a minute on a quiet core.

The sum over a neuron's synapses of weight times dL/dI, delays of 1-10 ms, for all neurons of a network of the size of
`bellec2018` step after step, as in the backward pass, in the form that was built and with one choice at a time undone.
Prints nanoseconds a synapse and episode (medians) as JSON; all forms must give the same sums.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from numba import njit

from lsnn.kernels.adjoint import gather
from lsnn.kernels.layout import Rows
from lsnn.kernels.simd import LANES, aligned_zeros, at, load, multiply_add, spread, store

NEURONS, SYNAPSES, D_MAX = 400, 80, 10
RING = D_MAX + 1
STEPS, REPEATS = 400, 9


@njit(error_model="numpy")
def as_built(start, offset, weight, current, steps, out):
    """Eight lanes, four accumulators, the ring held twice."""
    rows = Rows(start, offset, weight, np.zeros(1, np.uint8))
    for t in range(steps):
        base = t % RING * NEURONS
        for i in range(NEURONS):
            store(out, i, gather(rows, at(start, i), at(start, i + 1), base, current))


@njit(error_model="numpy")
def one_accumulator(start, offset, weight, current, steps, out):
    """Each sum waits for the one before it."""
    for t in range(steps):
        base = t % RING * NEURONS
        for i in range(NEURONS):
            total = spread(current, 0.0)
            for s in range(at(start, i), at(start, i + 1)):
                total = multiply_add(at(weight, s), load(current, base + at(offset, s)), total)
            store(out, i, total)


@njit(error_model="numpy")
def modulo(start, offset, weight, current, steps, out):
    """The ring held once, so that every index wraps."""
    for t in range(steps):
        base = t % RING * NEURONS
        for i in range(NEURONS):
            zero = spread(current, 0.0)
            one, two, three, four = zero, zero, zero, zero
            for s in range(at(start, i), at(start, i + 1) - 3, 4):
                one = multiply_add(at(weight, s), load(current, (base + at(offset, s)) % (RING * NEURONS)), one)
                two = multiply_add(at(weight, s + 1), load(current, (base + at(offset, s + 1)) % (RING * NEURONS)), two)
                three = multiply_add(
                    at(weight, s + 2), load(current, (base + at(offset, s + 2)) % (RING * NEURONS)), three
                )
                four = multiply_add(
                    at(weight, s + 3), load(current, (base + at(offset, s + 3)) % (RING * NEURONS)), four
                )
            store(out, i, (one + two) + (three + four))


@njit(error_model="numpy", fastmath={"contract"})
def plain_loops(start, offset, weight, current, steps, out):
    """Eight lanes innermost, left to the compiler to make vectors of."""
    for t in range(steps):
        base = t % RING * NEURONS
        for i in range(NEURONS):
            for lane in range(LANES):
                out[i, lane] = 0.0
            for s in range(start[i], start[i + 1]):
                place, w = base + offset[s], weight[s]
                for lane in range(LANES):
                    out[i, lane] += w * current[place, lane]


@njit(error_model="numpy")
def one_episode(start, offset, weight, current, steps, out):
    """An episode after the other, current (8, 2 D N): every synapse is a scattered read of one number."""
    for lane in range(LANES):
        for t in range(steps):
            base = t % RING * NEURONS
            for i in range(NEURONS):
                one = two = three = four = np.float32(0.0)
                for s in range(at(start, i), at(start, i + 1) - 3, 4):
                    one += at(weight, s) * current[lane, base + at(offset, s)]
                    two += at(weight, s + 1) * current[lane, base + at(offset, s + 1)]
                    three += at(weight, s + 2) * current[lane, base + at(offset, s + 2)]
                    four += at(weight, s + 3) * current[lane, base + at(offset, s + 3)]
                out[i, lane] = (one + two) + (three + four)


def median_ns(function: Callable[..., None], start, offset, weight, current, out) -> float:
    """Nanoseconds a synapse and episode, compiled before."""
    function(start, offset, weight, current, 1, out)
    seconds = []
    for _ in range(REPEATS):
        before = time.perf_counter()
        function(start, offset, weight, current, STEPS, out)
        seconds.append(time.perf_counter() - before)
    return 1e9 * statistics.median(seconds) / (STEPS * len(weight) * LANES)


def main() -> int:
    """Time every form and print the medians."""
    generator = np.random.default_rng(0)
    start = np.arange(NEURONS + 1) * SYNAPSES
    target = np.concatenate([generator.choice(NEURONS, SYNAPSES, replace=False) for _ in range(NEURONS)])
    delay = generator.integers(1, D_MAX + 1, NEURONS * SYNAPSES)
    weight = generator.standard_normal(NEURONS * SYNAPSES).astype(np.float32)
    row = np.repeat(np.arange(NEURONS), SYNAPSES)
    once = generator.standard_normal((RING * NEURONS, LANES)).astype(np.float32)
    twice = aligned_zeros((2 * RING * NEURONS, LANES), np.float32)
    twice[:] = np.concatenate([once, once])
    by_episode = np.ascontiguousarray(twice.T)
    sort = np.lexsort((target, delay, row))
    orders = {"sorted": sort, "unsorted": np.arange(len(row))}
    offset = {name: (delay[order] * NEURONS + target[order]).astype(np.int32) for name, order in orders.items()}
    forms = {
        "as built": (as_built, "sorted", twice),
        "rows not sorted by delay and target": (as_built, "unsorted", twice),
        "one accumulator": (one_accumulator, "sorted", twice),
        "a modulo for every synapse": (modulo, "sorted", once),
        "lanes left to the compiler": (plain_loops, "sorted", twice),
        "one episode after the other": (one_episode, "sorted", by_episode),
    }
    found, sums = {}, {}
    for name, (function, order, current) in forms.items():
        out = aligned_zeros((NEURONS, LANES), np.float32)
        found[name] = median_ns(function, start, offset[order], weight[orders[order]], current, out)
        sums[name] = out
        np.testing.assert_allclose(out, sums["as built"], rtol=1e-3, atol=1e-4)
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
