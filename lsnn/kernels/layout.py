"""What the compiled kernels work on: named tuples of arrays, the same for every network.

A block is eight episodes; the last axis of a block's arrays is the lane. N neurons, n_in inputs, n_out readouts,
D = d_max + 1 rows of the delay ring for each port, P the greatest number of ports of a neuron. `x` holds the state
variables of all neurons in slots: the N membrane potentials first, then group after group the further variables of its
model, what the state holds besides, what its adjoint needs of the values before the step, and what it is given in the
step. Numbers are in SI units, weights in the unit of the variable that synapses add to.
"""

from typing import NamedTuple

import numpy as np

from lsnn.kernels.simd import LANES, aligned_zeros


class Cells(NamedTuple):
    """The neurons in groups of one model each, neurons of a group side by side."""

    groups: np.ndarray  # (n_groups, 4) int64: first neuron, end, first slot beyond v, first constant
    constants: np.ndarray  # (n,) constants of the models: group after group, each constant of all its neurons in a row
    refractory: np.ndarray  # (N,) steps from a spike to the next that is possible


PLAIN, FULL, TILED = range(3)  # forms of the rows of a network


class Rows(NamedTuple):
    """Synapses by presynaptic cell, each row sorted by delay and target.

    FULL: every cell has all targets but itself, all after one step.
    TILED, for the backward pass of large networks: the targets are cut into tiles; first come the rows of all cells
    with their synapses onto the first neurons, then those onto the next, and so on, so that the part of the delay ring
    that is read stays in a core's cache. (Forwards, where few rows are read, short ones cost more than they save.)
    """

    start: np.ndarray  # (n_tiles n_pre + 1,) int64: row i of tile k is start[k n_pre + i]:start[k n_pre + i + 1]
    offset: np.ndarray  # (S,) int32: (2 D port + delay) * N + target, a place in the delay ring
    weight: np.ndarray  # (S,)
    form: np.ndarray = np.array([PLAIN], np.uint8)  # (1,)
    order: np.ndarray = np.zeros(0, np.int64)  # (S,) which synapse of the network stands here; (0,) unless TILED


class Readout(NamedTuple):
    """The leaky readout r[t] = kappa r[t-1] + gain z[t] W_out, y = r + bias."""

    weight: np.ndarray  # (N, n_out), times gain = 1 - kappa
    bias: np.ndarray  # (n_out,)
    kappa: np.ndarray  # (1,), or one an output


class Weights(NamedTuple):
    """A network as the kernels see it."""

    cells: Cells
    inputs: Rows
    recurrent: Rows
    readout: Readout
    inputs_back: Rows  # the same synapses as the backward pass reads them
    recurrent_back: Rows


def read_only(weights: Weights) -> Weights:
    """The same weights, guarded against writing, which is lost on a way through another process."""
    for array in (array for part in weights for array in part):
        array.setflags(write=False)
    return weights


class State(NamedTuple):
    """All that a step needs to go on, for one block; after the reset of the last step's spikes."""

    x: np.ndarray  # (n_slots, 8) state variables
    refractory: np.ndarray  # (N, 8) steps still blocked
    pending: np.ndarray  # (2 D P, N, 8) under way: what arrives at port p at step t is rows 2 D p + t % D, + t % D + D
    r: np.ndarray  # (n_out, 8) readout before the bias


class Record(NamedTuple):
    """What a roll-out of one block leaves behind; T steps."""

    x: np.ndarray  # (T, n_slots, 8) state variables at the threshold, before the reset
    spikes: np.ndarray  # (T, N) uint8, bit l is lane l
    blocked: np.ndarray  # (T, N) uint8, refractory lanes
    input_spikes: np.ndarray  # (T, n_in) uint8
    y: np.ndarray  # (T, n_out, 8)


class Gradient(NamedTuple):
    """dL/d(weights) of one block, in the order of the weights."""

    inputs: np.ndarray  # (S_in,)
    recurrent: np.ndarray  # (S_rec,)
    readout: np.ndarray  # (N, n_out, 8) of weight times gain, lane by lane
    bias: np.ndarray  # (n_out, 8) lane by lane
    constants: np.ndarray  # (n, 8) of the cells' constants, lane by lane; (0, 8) unless a parameter learns
    start: np.ndarray  # (n_slots, 8) of the state variables at the start, likewise
    kappa: np.ndarray  # (1,) of the readout's decay, 0 unless it learns


class Adjoint(NamedTuple):
    """The adjoint state that goes from one segment of time to the one before it."""

    x: np.ndarray  # (n_slots, 8) dL/dx after the reset
    current: np.ndarray  # (2 D P, N, 8) dL/dI[t] of port p in rows 2 D p + t % D and 2 D p + t % D + D
    r: np.ndarray  # (n_out, 8)
    reached: np.ndarray  # (N, 8) used within a step where rows are not PLAIN: dL/dz through the synapses
    turned: np.ndarray  # (N, 8) likewise where they are FULL: dL/dI of the next step, lane after lane


def state_zeros(n_neurons: int, n_slots: int, n_out: int, ring: int, dtype=np.float32, planes: int = 1) -> State:
    """The state of silence; ring = d_max + 1, planes: the greatest number of ports of a neuron."""
    return State(
        aligned_zeros((n_slots, LANES), dtype),
        aligned_zeros((n_neurons, LANES), dtype),
        aligned_zeros((2 * ring * planes, n_neurons, LANES), dtype),
        aligned_zeros((n_out, LANES), dtype),
    )


def record_zeros(
    steps: int, n_neurons: int, n_slots: int, n_in: int, n_out: int, dtype=np.float32, segment: int = 0
) -> Record:
    """An empty record of `steps` milliseconds, of which `segment` (0 = all) keep their state variables."""
    segment = segment or steps
    return Record(
        aligned_zeros((segment, n_slots, LANES), dtype),
        np.zeros((steps, n_neurons), np.uint8),
        np.zeros((segment, n_neurons), np.uint8),
        np.zeros((steps, n_in), np.uint8),
        aligned_zeros((steps, n_out, LANES), dtype),
    )


def gradient_zeros(weights: Weights, n_slots: int = 0) -> Gradient:
    """A gradient to add to, in the shapes and precision of the weights.

    Args:
        n_slots: those of the network, where parameters of its neurons learn; else 0.
    """
    n_neurons, n_out = weights.readout.weight.shape
    dtype = weights.readout.weight.dtype
    return Gradient(
        np.zeros_like(weights.inputs_back.weight),
        np.zeros_like(weights.recurrent_back.weight),
        aligned_zeros((n_neurons, n_out, LANES), dtype),
        aligned_zeros((n_out, LANES), dtype),
        aligned_zeros((len(weights.cells.constants) if n_slots else 0, LANES), dtype),
        aligned_zeros((n_slots, LANES), dtype),
        np.zeros(1),
    )


def adjoint_zeros(n_neurons: int, n_slots: int, n_out: int, ring: int, dtype=np.float32, planes: int = 1) -> Adjoint:
    """The adjoint state beyond the last step; ring = d_max + 1, planes as for the state."""
    return Adjoint(
        aligned_zeros((n_slots, LANES), dtype),
        aligned_zeros((2 * ring * planes, n_neurons, LANES), dtype),
        aligned_zeros((n_out, LANES), dtype),
        aligned_zeros((n_neurons, LANES), dtype),
        aligned_zeros((n_neurons, LANES), dtype),
    )


class Trace(NamedTuple):
    """The task's side of a roll-out of one block."""

    action: np.ndarray  # (T, 8, n_action)
    reward: np.ndarray  # (T, 8) earned by step t
    acted: np.ndarray  # (T, 8) bool, whether the action could matter
    terminated: np.ndarray  # (T, 8) bool, the episode ended by itself with step t
    truncated: np.ndarray  # (T, 8) bool, it was cut off after step t; never within a compiled roll-out
    between: np.ndarray  # (T, 8) bool, it is over and the next has not begun: nothing counts
    target: np.ndarray  # (T, 8, n_target)
    target_weight: np.ndarray  # (T, 8), 0 where there is no target
    observation: np.ndarray  # (n_observation,) numbers of an observation that were not finite, else 0
    task_state: np.ndarray  # (T + 1, 8, n_state), or empty where it is not kept


def trace_zeros(steps: int, n_action: int, n_target: int, n_observation: int, n_state: int, keep: bool) -> Trace:
    """An empty trace; keep: whether the states of the task are recorded."""
    return Trace(
        np.zeros((steps, LANES, n_action)),
        np.zeros((steps, LANES)),
        np.zeros((steps, LANES), np.bool_),
        np.zeros((steps, LANES), np.bool_),
        np.zeros((steps, LANES), np.bool_),
        np.zeros((steps, LANES), np.bool_),
        np.zeros((steps, LANES, n_target)),
        np.zeros((steps, LANES)),
        np.zeros(n_observation),
        np.zeros((steps + 1 if keep else 0, LANES, n_state)),
    )
