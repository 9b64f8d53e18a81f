"""Eight episodes at a time: roll-out, replay and adjoint of one block, and many blocks over threads."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from lsnn.errors import InputError
from lsnn.kernels.build import network_module, roll_out_module
from lsnn.kernels.layout import (
    Gradient,
    Record,
    Rows,
    State,
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

    Args:
        steps: length of the record; keep_states: whether the task's states are recorded.
        stretch: steps of which the state variables are kept for the adjoint; where it is shorter than the record, the
            state is saved before every stretch and each is run again, to the same bits, on the way back (Griewank &
            Walther 2000, one level): memory grows with the square root of the steps if the stretch does. 0 = all steps.
        gradient: whether `back` will be asked for; without it no state is saved on the way.
    """

    def __init__(
        self, task: Task, network: Network, steps: int, keep_states: bool = False, dtype=np.float32, stretch: int = 0,
        gradient: bool = True,
    ):  # fmt: skip
        self.steps, self.dtype, self.stretch = steps, dtype, min(stretch or steps, steps)
        self.sizes = (network.config.n_neurons, network.n_slots, network.n_out, network.ring)
        n_neurons, n_slots, n_out, _ = self.sizes
        self.record = record_zeros(steps, n_neurons, n_slots, network.n_in, n_out, dtype, self.stretch)
        self.saves = gradient and self.stretch < steps
        self.saved: dict[int, State] = {}  # before every stretch
        self.left: State | None = None  # by the last call of roll_out, where it ended within a stretch
        self.changed = False  # whether an experiment changed the state within a stretch, or the step
        self.reached = 0  # the step after the last call of roll_out
        self.kept = 0  # first step of the stretch whose state variables are in the record
        self.trace = trace_zeros(
            steps, task.n_action, task.n_target, task.n_observation, task.n_state, keep_states
        )
        self.task_state = np.zeros((LANES, task.n_state))
        models = network.config.models
        self.module = roll_out_module(
            task.dynamics, task.encoder.module, task.encoder.function, task.action_kind, models
        )
        self.passes = network_module(models)
        self.n_spread = network.outputs.get("spread", 0)
        self.prepared: Any = None  # of lsnn.learning.shard, between the calls of an iteration
        self.chosen: np.ndarray | None = None  # likelihood of the actions when they were chosen

    def begin(self, task: Task, keys: np.ndarray) -> None:
        """Start eight episodes from rest: keys (8,) uint64; the network's state is zero."""
        self.keys = np.ascontiguousarray(keys, np.uint64)
        self.parameters, self.encoder = task.parameters(), task.encoder.parameters()
        self.state = state_zeros(*self.sizes, self.dtype)
        self.module.start(self.keys, self.parameters, self.task_state)
        self.t, self.reached, self.saved, self.left, self.changed = 0, 0, {}, None, False

    def roll_out(
        self, weights: Weights, log_std: np.ndarray, steps: int | None = None, hold: int = 1, mean_norm: float = np.inf
    ) -> None:
        """Go on for `steps` ms (default: to the end of the record), recording rows t.. .

        log_std: (n_action,) log spread of the policy, -inf for its mean; hold: steps for which its noise stays;
        mean_norm: greatest norm of the mean, which is scaled back to it.
        """
        end = self.steps if steps is None else self.t + steps
        self.changed |= self.saves and self.t != self.reached
        while self.t < end:
            last = min(end, (self.t // self.stretch + 1) * self.stretch)
            if self.t % self.stretch == 0 and self.saves:
                self.saved[self.t] = copy_of(self.state)
            elif self.left is not None:
                self.changed |= not all(map(np.array_equal, self.left, self.state))
                self.left = None
            trace = self.trace._replace(
                **{name: getattr(self.trace, name)[self.t : last] for name in TIMED},
                task_state=self.trace.task_state[self.t : last + 1],
            )
            self.module.roll_out(
                self.t, self.keys, weights, self.state, self.parameters, self.encoder, self.task_state,
                np.asarray(log_std, float), self.n_spread, hold, float(mean_norm), self.rows(self.t, last),
                trace,
            )  # fmt: skip
            self.kept, self.t = self.t - self.t % self.stretch, last
        self.reached = self.t
        within = self.saves and self.t % self.stretch and self.t < self.steps
        self.left = copy_of(self.state) if within else None

    def rows(self, first: int, last: int) -> Record:
        """The record of steps first..last, which lie in one stretch."""
        start = first % self.stretch
        kept = slice(start, start + last - first)
        return Record(
            x=self.record.x[kept],
            blocked=self.record.blocked[kept],
            spikes=self.record.spikes[first:last],
            input_spikes=self.record.input_spikes[first:last],
            y=self.record.y[first:last],
        )

    def stretches(self) -> list[tuple[int, int]]:
        """First step and end of every stretch."""
        return [(first, min(first + self.stretch, self.steps)) for first in range(0, self.steps, self.stretch)]

    def replay(self, weights: Weights) -> None:
        """Run the recorded input spikes through other weights."""
        state, self.changed = state_zeros(*self.sizes, self.dtype), False
        for first, last in self.stretches():
            if self.saves:
                self.saved[first] = copy_of(state)
            self.passes.replay(first, weights, state, self.rows(first, last))
            self.kept = first

    def first_not_finite(self, weights: Weights, slots: np.ndarray) -> tuple[int, int, float] | None:
        """Step, slot and value of the first state variable in the record that is NaN or infinite; None if none is.

        Args:
            weights: of the roll-out; slots: (n_slots,) bool, which of them to look at.
        """
        for first, last in self.stretches():
            if first != self.kept:
                self.passes.replay(first, weights, copy_of(self.saved[first]), self.rows(first, last))
                self.kept = first
            x = self.record.x[: last - first]
            if len(bad := np.argwhere(~np.isfinite(x) & slots[:, None])):
                step, slot, lane = bad[0]
                return first + int(step), int(slot), float(x[step, slot, lane])
        return None

    def back(self, weights: Weights, g_y: np.ndarray, g_z: np.ndarray, gamma: float, detach_reset: bool) -> Gradient:
        """The adjoint of the recorded roll-out: g_y (T, n_out, 8) is dL/dy, g_z (N,) is dL/dz of every spike.

        Raises:
            InputError: the state was changed within a stretch, which therefore cannot be run again, or none was saved.
        """
        if self.stretch < self.steps and not self.saves:
            raise InputError("a block must be made with gradient=True where a gradient is wanted")
        if self.changed:
            rule = f"must not be changed within a stretch ({self.stretch} steps) where a gradient is wanted"
            raise InputError(f"the state of a block {rule}; change it at a multiple of the stretch, or use stretch=0")
        gradient, adjoint = gradient_zeros(weights), adjoint_zeros(*self.sizes, self.dtype)
        g_y, g_z = np.ascontiguousarray(g_y, self.dtype), g_z.astype(self.dtype)
        for first, last in reversed(self.stretches()):
            if first != self.kept:
                self.passes.replay(first, weights, copy_of(self.saved[first]), self.rows(first, last))
                self.kept = first
            self.passes.back(
                first, weights, self.rows(first, last), g_y[first:last], g_z,
                self.dtype(gamma), self.dtype(0.0 if detach_reset else 1.0), adjoint, gradient,
            )  # fmt: skip
        return in_order_of_network(weights, gradient)


def in_order_of_network(weights: Weights, gradient: Gradient) -> Gradient:
    """The gradient of input and recurrent synapses from the order of the rows of the backward pass to the network's."""
    return gradient._replace(
        inputs=_ordered(weights.inputs_back, gradient.inputs),
        recurrent=_ordered(weights.recurrent_back, gradient.recurrent),
    )


def _ordered(rows: Rows, values: np.ndarray) -> np.ndarray:
    if not len(rows.order):
        return values
    ordered = np.empty_like(values)
    ordered[rows.order] = values
    return ordered


def copy_of(state: State) -> State:
    """A state that further steps leave alone."""
    return State(*(a.copy() for a in state))


class Threads:
    """Runs a function over blocks, as many at once as there are threads; results come in the order of the blocks."""

    def __init__(self, count: int):
        self.count = count
        self.pool = ThreadPoolExecutor(count) if count > 1 else None

    def blocks(self, make: Callable[[], Block], count: int) -> list[Block]:
        """So many blocks."""
        return [make() for _ in range(count)]

    def begin(self) -> None:
        """An iteration begins; nothing to do here, see `lsnn.cluster.Cluster.begin`."""

    def map(self, function: Callable[..., Result], *arguments: Sequence[Any]) -> list[Result]:
        """[function(*a) for a in zip(*arguments)]."""
        if self.pool is None:
            return [function(*a) for a in zip(*arguments, strict=True)]
        return list(self.pool.map(function, *arguments))
