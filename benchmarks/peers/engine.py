"""This engine: eight episodes a block, blocks over threads; run through the harness as the others are."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.peers.problem import LANES, Problem, episodes_apart
from lsnn.blocks import Block, Threads
from lsnn.network import Network, NetworkConfig
from lsnn.wiring import Synapses, Wiring
from tasks.encoders import CoordinateCells
from tasks.water_maze import WaterMaze

TASK = WaterMaze(encoder=CoordinateCells())  # a block asks for one; nothing here swims


def network_of(problem: Problem) -> Network:
    """The problem as a network of the engine."""
    n, n_in, n_adaptive = problem.n_neurons, problem.n_in, int(np.count_nonzero(problem.beta))
    config = NetworkConfig(
        n_excitatory=n - n_adaptive, n_inhibitory=0, n_adaptive=n_adaptive, dale=False, rewire=False,
        d_max_ms=problem.d_max, tau_a_ms=problem.tau_a_ms, b0=problem.b0, refractory_ms=problem.refractory,
        tau_out_ms=problem.tau_out_ms, surrogate_gamma=problem.gamma,
    )  # fmt: skip
    parts = (problem.inputs, problem.recurrent)
    source = np.concatenate([problem.inputs.pre, problem.recurrent.pre + n_in]).astype(np.int32)
    target, delay, theta = (np.concatenate([getattr(p, name) for p in parts]) for name in ("post", "delay", "weight"))
    synapses = Synapses(source, target.astype(np.int32), delay.astype(np.int32), np.ones(len(source), np.int8), theta)
    wiring = Wiring(0, n_in, n, problem.d_max, np.zeros(n_in + n, np.int8))
    return Network(
        config, wiring, problem.tau_m_ms, problem.beta * problem.b0, synapses, problem.readout, problem.bias,
        np.zeros(0), {"y": problem.n_out},
    )  # fmt: skip


class Engine:
    """All episodes of a problem in blocks, the input spikes in their records."""

    def __init__(self, problem: Problem, dtype, threads: int, checkpoint: bool = False):
        self.problem, self.dtype, self.threads = problem, dtype, Threads(threads)
        self.network = network_of(problem)
        self.weights = self.network.weights(dtype)
        segment = math.isqrt(problem.steps - 1) + 1 if checkpoint else 0
        self.blocks = [
            Block(TASK, self.network, problem.steps, dtype=dtype, segment=segment) for _ in problem.input_bits
        ]
        for block, bits in zip(self.blocks, problem.input_bits, strict=True):
            block.record.input_spikes[:] = bits
        self.g_z = np.zeros(problem.n_neurons)

    def forward(self) -> None:
        """Replay the input spikes."""
        self.threads.map(partial(Block.replay, weights=self.weights), self.blocks)

    def block_gradients(self) -> list[Any]:
        """The gradient of each block after its replay, in their order."""

        def run(block: Block, g_y: np.ndarray):
            block.replay(self.weights)
            return block.back(self.weights, g_y, self.g_z, self.problem.gamma, False)

        return self.threads.map(run, self.blocks, list(self.problem.g_y))

    def gradient(self) -> dict[str, np.ndarray]:
        """Summed over the blocks in their order, in the units of the problem."""
        inputs, recurrent, readout, bias = (
            sum(a[1:], a[0]) for a in zip(*(gradient[:4] for gradient in self.block_gradients()), strict=True)
        )
        effect, cut = self.network.effect(), self.network.n_input_synapses
        return {
            "inputs": inputs * effect[:cut],
            "recurrent": recurrent * effect[cut:],
            "readout": readout.sum(axis=-1),
            "bias": bias.sum(axis=-1),
        }

    def spikes(self) -> np.ndarray:
        """(T, E, N)."""
        return episodes_apart(np.stack([block.record.spikes for block in self.blocks]))

    @property
    def facts(self) -> dict[str, float]:
        """How much the network fires, and the memory of what is recorded: inputs, outputs, rewards and dL/dy."""
        counts = sum(int(np.bitwise_count(block.record.spikes).sum()) for block in self.blocks)
        seconds = len(self.blocks) * LANES * self.problem.steps / 1000
        kept = [self.problem.input_bits, self.problem.g_y]
        for block in self.blocks:
            kept += [block.record.input_spikes, block.record.spikes, block.record.y, *block.trace]
        return {
            "rate_hz": counts / (self.problem.n_neurons * seconds),
            "kept_mb": sum(array.nbytes for array in kept) / 2**20,
        }


def same_bits_whatever_the_split(problem: Problem) -> bool:
    """Whether the gradient of every block has the same bits on 1 and 2 threads, and alone or among others."""
    whole = Engine(problem, np.float32, 1).block_gradients()
    half = max(1, len(problem.input_bits) // 2)
    parts = [slice(0, half), slice(half, None), slice(0, 1)]
    runs = [(Engine(problem, np.float32, 2), slice(0, None))]
    for part in parts[: len(problem.input_bits)]:
        some = problem._replace(input_bits=problem.input_bits[part], g_y=problem.g_y[part])
        runs += [(Engine(some, np.float32, threads), part) for threads in (1, 2)]
    return all(
        np.array_equal(a, b)
        for engine, part in runs
        for found, expected in zip(engine.block_gradients(), whole[part], strict=True)
        for a, b in zip(found, expected, strict=True)
    )


def models(problem: Problem, dtype) -> dict[str, Callable[[], Engine]]:
    """Threads and time checkpoints by name; `no_delays` is what the peers without delays are given."""
    return {
        "threads_1": lambda: Engine(problem, dtype, 1),
        "threads_2": lambda: Engine(problem, dtype, 2),
        "checkpointed": lambda: Engine(problem, dtype, 2, checkpoint=True),
        "no_delays": lambda: Engine(problem.without_delays(), dtype, 2),
    }
