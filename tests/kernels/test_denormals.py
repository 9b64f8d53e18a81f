"""Denormals are zero while a kernel runs, and are back when it is done."""

import numpy as np
import pytest
from numba import njit

from lsnn.blocks import Block
from lsnn.kernels import denormals
from lsnn.kernels.denormals import flush_denormals, restore
from lsnn.network import NetworkConfig, build_network
from tasks.encoders import CoordinateCells
from tasks.water_maze import WaterMaze

STEPS = 100
SMALLEST = float(np.finfo(np.float32).tiny)  # that is no denormal


@njit
def halved(number):
    return number[0] * np.float32(0.5)


@njit
def halved_flushed(number):
    mode = flush_denormals()
    half = halved(number)
    restore(mode)
    return half


@pytest.mark.skipif(denormals._ARCHITECTURE not in denormals._REGISTERS, reason="no mode of this processor is known")
def test_a_denormal_result_or_operand_is_zero_while_flushed_and_not_after():
    smallest, denormal = (np.array([value], np.float32) for value in (SMALLEST, SMALLEST / 4))
    assert halved_flushed(smallest) == 0 and halved_flushed(denormal) == 0
    assert halved_flushed(np.array([4 * SMALLEST], np.float32)) == np.float32(2 * SMALLEST)
    assert halved(smallest) == np.float32(SMALLEST / 2)


def test_the_backward_pass_makes_no_denormals_and_puts_the_mode_back():
    task = WaterMaze(encoder=CoordinateCells(cells_per_coordinate=5, reward_cells=2, wall_cells=2), duration_ms=STEPS)
    config = NetworkConfig(n_excitatory=30, n_inhibitory=5, n_adaptive=15, connectivity=0.4, rewire=False)
    network = build_network(config, task.encoder.n_inputs, {"y": 3}, np.zeros(0), np.random.SeedSequence(7))
    block, n = Block(task, network, STEPS), config.n_neurons
    block.record.input_spikes[:] = np.random.default_rng(1).integers(0, 256, block.record.input_spikes.shape)
    block.replay(network.weights())
    assert block.record.spikes.any()
    g_y = np.zeros_like(block.record.y)
    g_y[-1] = 4 * SMALLEST  # decays from here on, below what is held in full precision
    gradient = block.back(network.weights(), g_y, np.zeros(n, np.float32), 0.3, False)
    assert np.any(gradient.bias != 0)
    for array in (gradient.inputs, gradient.recurrent, gradient.readout, gradient.bias):
        assert not np.any((array != 0) & (np.abs(array) < SMALLEST))
    assert halved(np.array([SMALLEST], np.float32)) != 0
