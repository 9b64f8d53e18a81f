"""Eight episodes at a time: roll-out, replay and adjoint of one block, and many blocks over threads."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from lsnn.kernels.build import network_module, roll_out_module
from lsnn.kernels.layout import (
    Gradient,
    Record,
    Weights,
    adjoint_zeros,
    gradient_zeros,
    record_zeros,
    state_zeros,
    trace_zeros,
)
from lsnn.kernels.simd import LANES
from lsnn.network import Network
from lsnn.task import Task

Result = TypeVar("Result")
TIMED = (  # arrays of a trace with a row a step
    "action", "reward", "acted", "terminated", "truncated", "between", "target", "target_weight"
)  # fmt: skip


class Block:
    """Buffers of eight episodes of a task, reused from roll-out to roll-out.

    Everything a roll-out needs to go on stands in `state`, `task_state` and `t`; an experiment may change them between
    two calls of `roll_out`.
    """

    def __init__(self, task: Task, network: Network, steps: int, keep_states: bool = False, dtype=np.float32):
        self.steps, self.dtype = steps, dtype
        self.sizes = (network.config.n_neurons, network.n_slots, network.n_out, network.ring)
        n_neurons, n_slots, n_out, _ = self.sizes
        self.record = record_zeros(steps, n_neurons, n_slots, network.n_in, n_out, dtype)
        self.trace = trace_zeros(
            steps, task.n_action, task.n_target, task.n_observation, task.n_state, keep_states
        )
        self.task_state = np.zeros((LANES, task.n_state))
        self.module = roll_out_module(task.dynamics, task.encoder.module, task.encoder.function, task.action_kind)
        self.passes = network_module()
        self.n_spread = network.outputs.get("spread", 0)

    def begin(self, task: Task, keys: np.ndarray) -> None:
        """Start eight episodes from rest: keys (8,) uint64; the network's state is zero."""
        self.keys = np.ascontiguousarray(keys, np.uint64)
        self.parameters, self.encoder = task.parameters(), task.encoder.parameters()
        self.state = state_zeros(*self.sizes, self.dtype)
        self.module.start(self.keys, self.parameters, self.task_state)
        self.t = 0

    def roll_out(self, weights: Weights, log_std: np.ndarray, steps: int | None = None, hold: int = 1) -> None:
        """Go on for `steps` ms (default: to the end of the record), recording rows t.. .

        log_std: (n_action,) log spread of the policy, -inf for its mean; hold: steps for which its noise stays the same.
        """
        end = self.steps if steps is None else self.t + steps
        rows, kept = slice(self.t, end), slice(self.t, end + 1)
        record = Record(*(a[rows] for a in self.record))
        trace = self.trace._replace(
            **{name: getattr(self.trace, name)[rows] for name in TIMED}, task_state=self.trace.task_state[kept]
        )
        self.module.roll_out(
            self.t, self.keys, weights, self.state, self.parameters, self.encoder, self.task_state,
            np.asarray(log_std, float), self.n_spread, hold, record, trace,
        )  # fmt: skip
        self.t = end

    def replay(self, weights: Weights) -> None:
        """Run the recorded input spikes through other weights."""
        self.passes.replay(0, weights, state_zeros(*self.sizes, self.dtype), self.record)

    def back(self, weights: Weights, g_y: np.ndarray, g_z: np.ndarray, gamma: float, detach_reset: bool) -> Gradient:
        """The adjoint of the recorded roll-out: g_y (T, n_out, 8) is dL/dy, g_z (N,) is dL/dz of every spike."""
        gradient = gradient_zeros(weights)
        self.passes.back(
            0, weights, self.record, np.ascontiguousarray(g_y, self.dtype), g_z.astype(self.dtype),
            self.dtype(gamma), self.dtype(0.0 if detach_reset else 1.0), adjoint_zeros(*self.sizes, self.dtype),
            gradient,
        )  # fmt: skip
        return gradient


class Threads:
    """Runs a function over blocks, as many at once as there are threads; results come in the order of the blocks."""

    def __init__(self, count: int):
        self.count = count
        self.pool = ThreadPoolExecutor(count) if count > 1 else None

    def map(self, function: Callable[..., Result], *arguments: Sequence[Any]) -> list[Result]:
        """[function(*a) for a in zip(*arguments)]."""
        if self.pool is None:
            return [function(*a) for a in zip(*arguments, strict=True)]
        return list(self.pool.map(function, *arguments))
