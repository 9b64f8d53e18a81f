"""The networks and input spikes of the workloads."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.peers.engine import Engine
from benchmarks.peers.problem import LANES, Problem, Synapses
from lsnn.blocks import Block
from lsnn.network import Network, NetworkConfig, build_network
from lsnn.seeds import TEST_BRANCH, episode_keys
from tasks.encoders import CoordinateCells
from tasks.water_maze import WaterMaze

RATE_HZ = 20.0
N_OUT = 3  # two components of the action and the value, as in the maze
SYNAPSES_A_NEURON = 100  # of the growing network, from neurons; 40 more come from its inputs


class Size(NamedTuple):
    """How much of a workload is run."""

    episodes: int
    steps: int


def bellec2018(size: Size, seed: int, dense: bool = False) -> Problem:
    """The network of the preset `bellec2018` on the maze's own input spikes, at about 20 Hz.

    dense: every pair is connected and there are no delays.
    """
    config = NetworkConfig(connectivity=1.0, d_max_ms=1, rewire=False) if dense else NetworkConfig()
    network = build_network(config, CoordinateCells().n_inputs, {"y": N_OUT}, np.zeros(2), _branch(seed, 0))
    return at_rate(problem_of(network, maze_input_spikes(size, seed), seed))


def growing(n_neurons: int, size: Size, seed: int) -> Problem:
    """N neurons with 100 synapses each from neurons and 40 from 0.4 N inputs, in the populations of `bellec2018`."""
    n_inhibitory, n_adaptive = n_neurons // 5, 3 * n_neurons // 10
    config = NetworkConfig(
        n_excitatory=n_neurons - n_inhibitory - n_adaptive, n_inhibitory=n_inhibitory, n_adaptive=n_adaptive,
        connectivity=SYNAPSES_A_NEURON / n_neurons,
    )  # fmt: skip
    n_in = 2 * n_neurons // 5
    network = build_network(config, n_in, {"y": N_OUT}, np.zeros(0), _branch(seed, 0))
    generator = np.random.Generator(np.random.PCG64(_branch(seed, 1)))
    bits = np.zeros((size.episodes // LANES, size.steps, n_in), np.uint8)
    for lane in range(LANES):
        bits |= (generator.random(bits.shape, np.float32) < RATE_HZ / 1000).astype(np.uint8) << np.uint8(lane)
    return at_rate(problem_of(network, bits, seed))


def maze_input_spikes(size: Size, seed: int) -> np.ndarray:
    """Input spikes (E/8, T, n_in) of animals that walk the maze at random; bit l is lane l."""
    task = WaterMaze(encoder=CoordinateCells(), duration_ms=size.steps)
    few = NetworkConfig(n_excitatory=1, n_inhibitory=0, n_adaptive=0, connectivity=0.5)
    network = build_network(few, task.encoder.n_inputs, {"action": 2, "value": 1}, np.zeros(2), _branch(seed, 2))
    network.readout[:] = 0
    block, recorded = Block(task, network, size.steps), []
    for keys in episode_keys(seed, TEST_BRANCH, 0, size.episodes).reshape(-1, LANES):
        block.begin(task, keys)
        block.roll_out(network.weights(), np.log([0.6, 0.6]), hold=10)
        recorded.append(block.record.input_spikes.copy())
    return np.stack(recorded)


def problem_of(network: Network, input_bits: np.ndarray, seed: int) -> Problem:
    """A network and its input with a random dL/dy."""
    cut, s, c = network.n_input_synapses, network.synapses, network.config
    theta = network.signed_theta()
    generator = np.random.Generator(np.random.PCG64(_branch(seed, 3)))
    blocks, steps, _ = input_bits.shape
    return Problem(
        Synapses(s.source[:cut], s.target[:cut], s.delay[:cut], theta[:cut]),
        Synapses(s.source[cut:] - network.n_in, s.target[cut:], s.delay[cut:], theta[cut:]),
        network.readout, network.bias, network.tau_m_ms, network.beta / c.b0, c.tau_a_ms, c.tau_out_ms, c.b0,
        c.surrogate_gamma, c.refractory_ms, c.d_max_ms, input_bits,
        generator.standard_normal((blocks, steps, network.n_out, LANES), np.float32),
    )  # fmt: skip


def at_rate(problem: Problem, rate_hz: float = RATE_HZ) -> Problem:
    """The problem with its input weights scaled (by bisection) so that the first block fires at a rate."""
    low, high = 1 / 16, 16.0
    for _ in range(12):
        scale = np.sqrt(low * high)
        scaled = problem._replace(inputs=problem.inputs._replace(weight=problem.inputs.weight * scale))
        engine = Engine(scaled.head(1, problem.steps), np.float32, 1)
        engine.forward()
        low, high = (scale, high) if engine.facts["rate_hz"] < rate_hz else (low, scale)
    return scaled


def visits(engine: Engine) -> dict[str, int]:
    """Synapses that one pass over the engine's blocks visits, counted from what it recorded.

    forward: each visit serves the eight lanes of a block; gathered: likewise, in the backward pass; credited: spikes
    times fan-out, a visit for each lane.
    """
    problem = engine.problem
    fan_in = np.bincount(problem.inputs.pre, minlength=problem.n_in)
    fan_out = np.bincount(problem.recurrent.pre, minlength=problem.n_neurons)
    count = {"forward": 0, "gathered": 0, "credited": 0}
    for block in engine.blocks:
        spikes, inputs = block.record.spikes, block.record.input_spikes
        count["forward"] += int(((spikes != 0) @ fan_out).sum() + ((inputs != 0) @ fan_in).sum())
        count["credited"] += int((np.bitwise_count(spikes) @ fan_out).sum() + (np.bitwise_count(inputs) @ fan_in).sum())
        count["gathered"] += int((_may_spike(engine, block) @ fan_out).sum())
    return count


def _may_spike(engine: Engine, block: Block) -> np.ndarray:
    """(T, N): whether the surrogate derivative of any lane is not zero."""
    problem, x = engine.problem, block.record.x
    n, n_adaptive = problem.n_neurons, int(np.count_nonzero(problem.beta))
    found = np.zeros(block.record.spikes.shape, bool)
    for t in range(len(x)):
        threshold = np.full((n, LANES), problem.b0, x.dtype)
        threshold[n - n_adaptive :] += (problem.beta * problem.b0)[n - n_adaptive :, None] * x[t, n:]
        blocked = np.unpackbits(block.record.blocked[t][:, None], axis=1, bitorder="little").astype(bool)
        found[t] = ((np.abs(x[t, :n] - threshold) < problem.b0) & ~blocked).any(axis=1)
    return found


def write(problem: Problem, folder: Path, name: str) -> Path:
    """Save a problem where a simulator's process finds it."""
    path = folder / f"{name}.npz"
    problem.save(path)
    return path


def _branch(seed: int, which: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=(which,))
