"""W3: what a synapse costs as the network grows, beside a measured roofline; a process of its own for each size.

The roofline streams the same bytes from the same level of the cache: it does to a ring of pending currents of the
same size, with as many synapses, what the kernels do to theirs, but from one end to the other instead of scattered.
"""

import argparse
import json
import statistics
import sys
from functools import partial

import numpy as np
from numba import njit

from benchmarks.peers.engine import Engine
from benchmarks.peers.harness import timed
from benchmarks.peers.problem import LANES, Problem
from benchmarks.workload import Size, growing, visits
from lsnn.blocks import Block, Threads
from lsnn.kernels.simd import aligned_zeros, at, load, multiply_add, spread, store

THREADS = 2
STREAMED = 4_000_000  # synapses at least


@njit(error_model="numpy", nogil=True)
def stream_forward(weight, offset, ring, passes):
    """Read a synapse (8 bytes), read and write the lanes it leads to."""
    ones = spread(ring, 1.0)
    for _ in range(passes):
        for s in range(weight.shape[0]):
            place = at(offset, s)
            store(ring, place, multiply_add(at(weight, s), ones, load(ring, place)))


@njit(error_model="numpy", nogil=True)
def stream_back(weight, offset, ring, passes):
    """Read a synapse and the lanes it leads to."""
    for _ in range(passes):
        one, two, three, four = spread(ring, 0.0), spread(ring, 0.0), spread(ring, 0.0), spread(ring, 0.0)
        for s in range(0, weight.shape[0] - 3, 4):
            one = multiply_add(at(weight, s), load(ring, at(offset, s)), one)
            two = multiply_add(at(weight, s + 1), load(ring, at(offset, s + 1)), two)
            three = multiply_add(at(weight, s + 2), load(ring, at(offset, s + 2)), three)
            four = multiply_add(at(weight, s + 3), load(ring, at(offset, s + 3)), four)
        store(ring, 0, (one + two) + (three + four))


def roofline_ns(stream, n_synapses: int, places: int, repeats: int) -> float:
    """Nanoseconds a synapse and episode on one core of those that run, all threads streaming at once."""
    weight, offset = np.full(n_synapses, 1e-6, np.float32), np.arange(n_synapses, dtype=np.int32) % places
    rings = [aligned_zeros((places, LANES), np.float32) for _ in range(THREADS)]
    passes = -(-STREAMED // n_synapses)
    threads = Threads(THREADS)
    stream(weight, offset, rings[0], 1)
    seconds = timed(lambda: threads.map(partial(stream, weight, offset, passes=passes), rings), repeats)
    return statistics.median(seconds) * 1e9 / (passes * n_synapses * LANES)


def measure(problem: Problem, repeats: int) -> dict[str, float]:
    """Medians of a replay and of its adjoint, a block a thread, by synapse visited and by neuron-step."""
    engine = Engine(problem, np.float32, THREADS)

    def back() -> None:
        engine.threads.map(lambda block, g_y: back_of(engine, block, g_y), engine.blocks, list(problem.g_y))

    engine.gradient()
    forward_s, back_s = (statistics.median(timed(run, repeats)) for run in (engine.forward, back))
    count = visits(engine)
    per_core = 1e9 * min(THREADS, len(engine.blocks))
    back_visits = LANES * count["gathered"] + count["credited"]
    neuron_steps = problem.n_neurons * problem.steps * problem.episodes
    return engine.facts | {
        "neurons": problem.n_neurons, "forward_s": forward_s, "back_s": back_s,
        "synapses": len(problem.inputs.pre) + len(problem.recurrent.pre),
        "forward_ns_per_synapse": forward_s * per_core / (LANES * count["forward"]),
        "back_ns_per_synapse": back_s * per_core / back_visits,
        "ns_per_synapse": (forward_s + back_s) * per_core / (LANES * count["forward"] + back_visits),
        "forward_ns_per_neuron_step": forward_s * per_core / neuron_steps,
        "back_ns_per_neuron_step": back_s * per_core / neuron_steps,
    }  # fmt: skip


def back_of(engine: Engine, block: Block, g_y: np.ndarray) -> None:
    """The adjoint of a block that has been replayed."""
    block.back(engine.weights, g_y, engine.g_z, engine.problem.gamma, False)


def main(arguments: list[str]) -> int:
    """Print the measurements of one size as JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks.growth")
    parser.add_argument("--neurons", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--repeats", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    problem = growing(options.neurons, Size(THREADS * LANES, options.steps), options.seed)
    result = measure(problem, options.repeats)
    places = 2 * (problem.d_max + 1) * problem.n_neurons
    n_synapses = int(result["synapses"])
    result["forward_roofline_ns"] = roofline_ns(stream_forward, n_synapses, places, options.repeats)
    result["back_roofline_ns"] = roofline_ns(stream_back, n_synapses, places, options.repeats)
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
