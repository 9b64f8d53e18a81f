"""Eight episodes at a time: roll-out, replay and adjoint of one block, and many blocks over threads."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar

import numpy as np

from lsnn import forms, tried
from lsnn.acting import Acting
from lsnn.errors import InputError
from lsnn.kernels.build import network_module, roll_out_module
from lsnn.kernels.layout import (
    Gradient,
    Record,
    Rows,
    State,
    Trace,
    Weights,
    adjoint_zeros,
    gradient_zeros,
    record_zeros,
    state_zeros,
    trace_zeros,
)
from lsnn.kernels.simd import LANES
from lsnn.parameters import TAU_OUT, parameters_learnt
from lsnn.populations import cells_of
from lsnn.readout import gradient_of_kappa
from lsnn.task import Task
from lsnn.validation import (
    keys_of,
    numbers_of,
    require,
    require_array,
    require_flag,
    require_integer,
    require_kind,
    require_number,
)

Result = TypeVar("Result")
TIMED = (  # arrays of a trace with a row a step
    "action", "reward", "acted", "terminated", "truncated", "between", "target", "target_weight"
)  # fmt: skip


class Block:
    """Buffers of eight episodes of a task, reused from roll-out to roll-out.

    Everything a roll-out needs to go on stands in `state`, `task_state` and `t`; an experiment may change them between
    two calls of `roll_out`. What no longer fits is an InputError of the next call that needs it.

    Args:
        steps: length of the record; keep_states: whether the task's states are recorded.
        segment: steps of which the state variables are kept for the adjoint; where it is shorter than the record, the
            state is saved before every segment and each is run again, to the same bits, on the way back (Griewank &
            Walther 2000, one level): memory grows with the square root of the steps if the segment does. 0 = all steps.
        gradient: whether `back` will be asked for; without it no state is saved on the way.
        finite: whether it is an error of a roll-out that a state variable is NaN or infinite at its end.
    """

    def __init__(
        self, task: Task, network: Acting, steps: int, keep_states: bool = False, dtype=np.float32, segment: int = 0,
        gradient: bool = True, finite: bool = False,
    ):  # fmt: skip
        require_integer("steps", steps, 1, 2**31)
        require_integer("segment", segment, 0, 2**31)
        require_flag("keep_states", keep_states)
        require_flag("gradient", gradient)
        self.of_task, self.of_network = forms.form_of_task(task), forms.sizes_of(network, dtype)
        self.cells = cells_of(network.groups, network.config.dt_ms / 1000)
        self.steps, self.dtype, self.segment = int(steps), self.of_network.dtype.type, int(min(segment or steps, steps))
        self.sizes = (network.config.n_neurons, network.n_slots, network.n_out, network.ring)
        self.planes, self.starts = network.form.planes, network.starts
        n_neurons, n_slots, n_out, _ = self.sizes
        self.record = record_zeros(self.steps, n_neurons, n_slots, network.n_in, n_out, self.dtype, self.segment)
        self.of_gradient, self.saves = gradient, gradient and self.segment < steps
        self.saved: dict[int, State] = {}  # before every segment
        self.left: State | None = None  # by the last call of roll_out, where it ended within a segment
        self.changed = False  # whether an experiment changed the state within a segment, or the step
        self.reached = 0  # the step after the last call of roll_out
        self.before = 0  # steps of the episodes that were over when the record was begun
        self.kept = 0  # first step of the segment whose state variables are in the record
        self.begun = self.whole = False  # whether episodes were begun; whether the record holds them to its end
        self.watched = network if finite else None
        self.keys = np.zeros(LANES, np.uint64)
        self.state = self.at_rest()
        self.trace = trace_zeros(
            self.steps, task.n_action, task.n_target, task.n_observation, task.n_state, keep_states
        )
        self.task_state = np.zeros((LANES, task.n_state))
        self.t = 0
        self.forms = {type(arrays): forms.form_of(arrays) for arrays in (self.state, self.record, self.trace)}
        self.fitting: Weights | None = None  # those checked last, if nothing can have changed them
        models = network.config.models
        self.module = roll_out_module(
            task.dynamics, task.encoder.module, task.encoder.function, task.action_kind, models
        )
        self.passes = network_module(models)
        self.n_learnt = network.n_slots if any(model.learnt for model in models) else 0  # room for their gradient
        self.learns_kappa = TAU_OUT in parameters_learnt(network.config.learnt)
        self.began = np.zeros((self.steps, LANES), bool)  # whether an episode begins with a step beyond the first
        self.n_spread = network.outputs.get("spread", 0)
        self.prepared: Any = None  # of lsnn.learning.shard, between the calls of an iteration
        self.chosen: np.ndarray | None = None  # likelihood of the actions when they were chosen

    def at_rest(self) -> State:
        """The state before the first step."""
        state = state_zeros(*self.sizes, self.dtype, self.planes)
        if self.starts is not None:
            state.x[:] = self.starts[:, None]
        return state

    @property
    def nbytes(self) -> int:
        """Bytes of what it records."""
        return sum(array.nbytes for arrays in (self.record, self.trace) for array in arrays)

    def begin(self, task: Task, keys: np.ndarray) -> None:
        """Start eight episodes from rest: keys (8,) uint64; the network's state is zero.

        Raises:
            InputError: not eight keys, a task of another family than the block's, or a network that has not the input
                cells or readouts that it needs.
        """
        forms.require_task(task, self.of_task)
        forms.require_columns(self.of_task, self.of_network)
        self.keys = keys_of("keys", keys, LANES)
        self.parameters = forms.parameters_of("parameters of the task", task)
        self.encoder = forms.parameters_of("parameters of the encoder", task.encoder)
        self.state = self.at_rest()
        self._require_task_side()
        self.trace.observation[:] = 0
        with tried.calling(self.of_task):
            self.module.start(self.keys, self.parameters, self.task_state)
        self.t, self.reached, self.saved, self.left, self.changed = 0, 0, {}, None, False
        self.begun, self.whole, self.before = True, False, 0

    def go_round(self) -> None:
        """Begin the record anew with the step that comes next; row 0 and `t` = 0 then stand for it.

        Raises:
            InputError: the block was made for a gradient, which is that of whole episodes.
        """
        require(not self.of_gradient, "a block whose record begins anew", "made with gradient=False", "one with")
        self.before, self.t, self.reached, self.left, self.whole = self.before + self.t, 0, 0, None, False

    def roll_out(
        self, weights: Weights, log_std: np.ndarray, steps: int | None = None, hold: int = 1, mean_norm: float = np.inf
    ) -> None:
        """Go on for `steps` ms (default: to the end of the record), recording rows t.. .

        log_std: (n_action,) log std of the policy, -inf for its mean; hold: steps for which its noise stays;
        mean_norm: greatest norm of the mean, which is scaled back to it.

        Raises:
            InputError: an argument, or what an experiment has put into the block, does not fit it, and nothing is run;
                or the task gave what is no number.
        DivergedError: a state variable is NaN or infinite, in a block that is `finite`.
        """
        end, log_std = self._end(steps), self.policy(log_std, hold, mean_norm)
        self._require_fit(weights)
        self.changed |= self.saves and self.t != self.reached
        while self.t < end:
            last = min(end, (self.t // self.segment + 1) * self.segment)
            if self.t % self.segment == 0 and self.saves:
                self.saved[self.t] = copy_of(self.state)
            elif self.left is not None:
                self.changed |= not all(map(np.array_equal, self.left, self.state))
                self.left = None
            trace = self.trace._replace(
                **{name: getattr(self.trace, name)[self.t : last] for name in TIMED},
                task_state=self.trace.task_state[self.t : last + 1],
            )
            with tried.calling(self.of_task):
                self.module.roll_out(
                    self.before + self.t, self.keys, weights, self.state, self.parameters, self.encoder,
                    self.task_state, log_std, self.n_spread, int(hold), float(mean_norm), self.rows(self.t, last),
                    trace,
                )  # fmt: skip
            tried.require_sound(self.of_task, self.trace, self.t, last, self.before)
            self.kept, self.t = self.t - self.t % self.segment, last
        self.reached, self.whole = self.t, self.t == self.steps
        within = self.saves and self.t % self.segment and self.t < self.steps
        self.left = copy_of(self.state) if within else None
        if self.watched is not None:
            tried.require_finite(self.watched, self.state, self.before + self.t)

    def _end(self, steps: int | None) -> int:
        """The step after so many more."""
        require(self.begun, "a block", "begun before it is rolled out", "one without episodes")
        require_integer("t of the block", self.t, 0, self.steps)
        self.t = int(self.t)
        if steps is None:
            return self.steps
        require_integer("steps", steps, 0)
        left = self.steps - self.t
        require(steps <= left, "steps", f"at most {left}: the record has {self.steps}, {self.t} are over", steps)
        return self.t + int(steps)

    def policy(self, log_std: np.ndarray, hold: int, mean_norm: float) -> np.ndarray:
        """The log std (n_action,) as compiled code takes it; InputError unless it and the rest are a policy."""
        require_integer("hold", hold, 1, 2**31)
        if not isinstance(mean_norm, float) or mean_norm != np.inf:
            require_number("mean_norm", mean_norm, 0.0)
        return forms.log_spread_of(log_std, self.of_task)

    def _require_task_side(self) -> None:
        """Whether keys, state of the task and trace are still what compiled code needs."""
        require_array("keys of the block", self.keys, (LANES,), np.dtype(np.uint64))
        require_array("task_state of the block", self.task_state, (LANES, self.of_task.n_state), np.dtype(float))
        forms.require_form("trace", self.trace, Trace, self.forms[Trace])

    def _require_fit(self, weights: Weights) -> None:
        """Whether weights, state, record and the task's side are what compiled code needs."""
        self._require_weights(weights)
        self._require_task_side()
        forms.require_form("state", self.state, State, self.forms[State])
        forms.require_form("record", self.record, Record, self.forms[Record])

    def _require_weights(self, weights: Weights) -> None:
        """Whether weights fit; those that cannot have changed since are not looked at again."""
        if self.fitting is not None and weights is self.fitting:
            return
        forms.require_weights(weights, self.of_network, self.cells)
        frozen = not any(array.flags.writeable for part in weights for array in part)
        self.fitting = weights if frozen else None

    def rows(self, first: int, last: int) -> Record:
        """The record of steps first..last, which lie in one segment."""
        start = first % self.segment
        kept = slice(start, start + last - first)
        return Record(
            x=self.record.x[kept],
            blocked=self.record.blocked[kept],
            spikes=self.record.spikes[first:last],
            input_spikes=self.record.input_spikes[first:last],
            y=self.record.y[first:last],
        )

    def segments(self) -> list[tuple[int, int]]:
        """First step and end of every segment."""
        return [(first, min(first + self.segment, self.steps)) for first in range(0, self.steps, self.segment)]

    def replay(self, weights: Weights) -> None:
        """Run the recorded input spikes through other weights."""
        self._require_replay(weights)
        state, self.changed = self.at_rest(), False
        for first, last in self.segments():
            if self.saves:
                self.saved[first] = copy_of(state)
            self.passes.replay(first, weights, state, self.rows(first, last))
            self.kept = first

    def run_alone(self, first: int, weights: Weights, state: State, record: Record) -> None:
        """Run the network without its task through the steps of a record, under the input spikes that it holds.

        Args:
            first: number of the record's first step, by which the state's pending currents count.
            state: the one before that step; it is moved on. record: each array (steps, ...), which is filled.

        Raises:
            InputError: what is given does not fit the block.
        """
        require_integer("first", first, 0)
        require_kind("record", record, Record)
        self._require_weights(weights)
        forms.require_form("state", state, State, self.forms[State])
        steps = len(record.y)
        form = {name: ((steps, *shape[1:]), dtype) for name, (shape, dtype) in self.forms[Record].items()}
        forms.require_form("record", record, Record, form)
        self.passes.replay(first, weights, state, record)

    def first_not_finite(self, weights: Weights, slots: np.ndarray) -> tuple[int, int, float] | None:
        """Step, slot and value of the first state variable in the record that is NaN or infinite; None if none is.

        Args:
            weights: of the roll-out; slots: (n_slots,) bool, which of them to look at.
        """
        for first, last in self.segments():
            if first != self.kept:
                self.passes.replay(first, weights, copy_of(self.saved[first]), self.rows(first, last))
                self.kept = first
            x = self.record.x[: last - first]
            if len(bad := np.argwhere(~np.isfinite(x) & slots[:, None])):
                step, slot, lane = bad[0]
                return first + int(step), int(slot), float(x[step, slot, lane])
        return None

    def _require_replay(self, weights: Weights) -> None:
        """Whether weights and record fit; the record will be whole."""
        self._require_weights(weights)
        self._require_from_start()
        forms.require_form("record", self.record, Record, self.forms[Record])
        self.whole = True

    def _require_from_start(self) -> None:
        rule = "of a block that holds the episodes from their start"
        require(self.before == 0, "a record that is gone through again", rule, f"one from step {self.before} on")

    def back(self, weights: Weights, g_y: np.ndarray, g_z: np.ndarray, gamma: float, detach_reset: bool) -> Gradient:
        """The adjoint of the recorded roll-out: g_y (T, n_out, 8) is dL/dy, g_z (N,) is dL/dz of every spike.

        Raises:
            InputError: an argument does not fit, the roll-out has not reached the end of the record, the state was
                changed within a segment, which therefore cannot be run again, or none was saved.
        """
        g_y, g_z = self._require_adjoint(weights, g_y, g_z, gamma, detach_reset)
        if self.segment < self.steps and not self.saves:
            raise InputError("a block must be made with gradient=True where a gradient is wanted")
        if self.changed:
            rule = f"must not be changed within a segment ({self.segment} steps) where a gradient is wanted"
            raise InputError(f"the state of a block {rule}; change it at a multiple of the segment, or use segment=0")
        gradient, adjoint = gradient_zeros(weights, self.n_learnt), adjoint_zeros(*self.sizes, self.dtype, self.planes)
        for first, last in reversed(self.segments()):
            if first != self.kept:
                self.passes.replay(first, weights, copy_of(self.saved[first]), self.rows(first, last))
                self.kept = first
            self.passes.back(
                first, weights, self.rows(first, last), g_y[first:last], g_z,
                self.dtype(gamma), self.dtype(0.0 if detach_reset else 1.0), adjoint, gradient,
            )  # fmt: skip
        if self.n_learnt:
            gradient.start[:] = adjoint.x
        self._credit_kappa(weights, g_y, gradient)
        return in_order_of_network(weights, gradient)

    def _credit_kappa(self, weights: Weights, g_y: np.ndarray, gradient: Gradient) -> None:
        """The gradient of the readout's decay, where it learns."""
        if self.learns_kappa:
            readout = weights.readout
            gradient.kappa[0] = gradient_of_kappa(float(readout.kappa[0]), readout.bias, g_y, self.record.y, self.began)

    def _require_adjoint(
        self, weights: Weights, g_y: np.ndarray, g_z: np.ndarray, gamma: float, detach_reset: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """g_y and g_z in the block's precision; InputError unless the arguments of `back` fit."""
        self._require_weights(weights)
        forms.require_form("record", self.record, Record, self.forms[Record])
        self._require_from_start()
        require(self.whole, "a block", "rolled out to its end before a gradient is asked for", f"one at step {self.t}")
        require_number("gamma", gamma, 0.0)
        require_flag("detach_reset", detach_reset)
        n_neurons, _, n_out, _ = self.sizes
        g_y = numbers_of("g_y", g_y, (self.steps, n_out, LANES), self.dtype)
        return g_y, numbers_of("g_z", g_z, (n_neurons,), self.dtype)


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
        """An iteration begins; nothing to do here, see `lsnn.workers.cluster.Cluster.begin`."""

    def map(self, function: Callable[..., Result], *arguments: Sequence[Any]) -> list[Result]:
        """[function(*a) for a in zip(*arguments)]."""
        if self.pool is None:
            return [function(*a) for a in zip(*arguments, strict=True)]
        futures = [self.pool.submit(function, *each) for each in zip(*arguments, strict=True)]
        try:
            return [future.result() for future in futures]
        finally:  # after an error nothing goes on behind the caller's back
            for future in futures:
                future.cancel()
            wait(futures)
