"""The frozen network in Brian2: an independent simulator runs the strings of `lsnn/neurons.py` in float64.

Brian2's order within a step is start, groups, thresholds, synapses, resets, end. So in one step t
  groups      v and b decay; v takes up I, all that reached it since it was last used; then I is cleared (or kept)
  thresholds  z[t] is found; v and b are recorded after it, as v[t] and b[t], still without the reset
  synapses    the spikes of step t are added to I: with Brian2's delay 0 they reach v at t+1, our delay of 1 step
  resets      v and b jump, by amounts that the decay of the next step turns into -B[t] z[t] and (1-rho) z[t]
  end         the readout, to which the spikes of step t were added at once, is recorded as r[t]

A neuron with an output sends it each step, as an event of its own; with Brian2's delay 0 it, too, arrives at t+1. A
longer delay would need what was sent earlier, and is refused.

Eight episodes run side by side as eight copies of the network in the same groups, as in a `Block`.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, NamedTuple

import brian2 as br
import numpy as np
from brian2.devices.device import reset_device
from brian2.equations.equations import PARAMETER, SingleEquation
from brian2.parsing.statements import parse_statement

from lsnn.blocks import Block
from lsnn.equations.stepping import integrator
from lsnn.errors import InputError
from lsnn.files.scratch import scratch_folder
from lsnn.kernels.layout import Record
from lsnn.kernels.simd import LANES
from lsnn.network import Network
from lsnn.neurons import NeuronModel
from lsnn.populations import Group
from lsnn.task import Task
from lsnn.validation import require

READOUT = "dr/dt = -r/tau_out : 1"
SENT, SEND = "output_sent", "send"  # what a neuron with an output sends, and the event that it does
COMPILER_FLAGS = ("-w", "-O2", "-std=c++11")  # no fast mathematics: every rounding as written


class Physics(NamedTuple):
    """What the neurons do; the defaults are the frozen network, an experiment replaces some of them."""

    models: tuple[NeuronModel, ...] | None = None  # of the groups of neurons; None = the network's own
    on_pre: str = ""  # what a spike does by `weight`; default: adds it to the model's synaptic variable
    each_step: str = ""  # done after the neurons have moved, before the threshold
    namespace: Mapping[str, Any] = MappingProxyType({})  # of the strings above


FROZEN = Physics()


class Trace(NamedTuple):
    """What Brian2 computed, laid out as in `layout.Record`."""

    x: np.ndarray  # (T, n_slots, 8) state variables at the threshold, before the reset; 0 in other slots
    spikes: np.ndarray  # (T, N) uint8, bit l is lane l
    y: np.ndarray  # (T, n_out, 8)


Replay = Callable[[np.ndarray], Trace]  # takes the input spikes (T, n_in) uint8 of eight episodes from rest


class Difference(NamedTuple):
    """How far what Brian2 and the compiled kernels computed is apart; a number that either has not makes it NaN."""

    spikes: int  # in Brian2
    differing: int  # spikes in one of the two alone
    v: float  # largest |difference| of the first state variable, in SI units
    b: float  # of the others


class _Population(NamedTuple):
    """Eight copies of some neurons, copy after copy, and what is recorded of them."""

    model: NeuronModel
    group: br.NeuronGroup
    neurons: slice  # which of the network's
    slots: dict[str, slice]  # where `layout.Record.x` holds each state variable
    spikes: br.SpikeMonitor | None  # None of neurons that send numbers
    states: br.StateMonitor


class Simulation:
    """Eight copies of a network driven by `cells`, its input cells, likewise copy after copy."""

    def __init__(self, network: Network, cells: br.NeuronGroup, physics: Physics = FROZEN):
        self.network, self.physics, self.clock = network, physics, cells.clock
        _require_one_step(network, physics)
        self.weight = network.signed_theta() * network.effect()
        self.populations = self._populations()
        tau_out = {"tau_out": float(network.tau_out_ms) * br.ms}
        self.readout = br.NeuronGroup(
            LANES * network.n_out, READOUT, method="exact", clock=self.clock, namespace=tau_out
        )
        self.output = br.StateMonitor(self.readout, "r", record=True, when="end", clock=self.clock)
        self.net = br.Network(cells, self.readout, self.output)
        for population in self.populations:
            self.net.add(population.group, population.states)
            if population.spikes is not None:
                self.net.add(population.spikes)
            self.net.add(self._read_out(population))
            joined = [self._inputs(cells, population)]
            joined += [self._recurrent(source, population) for source in self.populations]
            self.net.add(*(synapses for synapses in joined if synapses is not None))

    def run(self, steps: int) -> None:
        """Go on for a number of steps."""
        self.net.run(steps * self.clock.dt, namespace={})

    def trace(self) -> Trace:
        """What happened since the start."""
        network, steps = self.network, self.output.r.shape[1]
        x = np.zeros((steps, network.n_slots, LANES))
        spikes = np.empty((steps, network.config.n_neurons), np.uint8)
        for population in self.populations:
            spikes[:, population.neurons] = self._spike_bits(population, steps)
            for name, slots in population.slots.items():
                x[:, slots] = _lanes_last(getattr(population.states, name), slots.stop - slots.start)
        return Trace(x, spikes, _lanes_last(self.output.r, network.n_out) + network.bias[:, None])

    def y(self) -> np.ndarray:
        """The readout now, (n_out, 8)."""
        return self.readout.r[:].reshape(LANES, -1).T + self.network.bias[:, None]

    def _populations(self) -> list[_Population]:
        """A population for each group of the network that has neurons."""
        network = self.network
        models = self.physics.models or network.config.models
        sent = ({} if slots is None else {SENT: slots} for slots in network.sent())
        groups = zip(models, network.groups, network.variables(), sent, strict=True)
        found = [(model, group, slots | further) for model, group, slots, further in groups]
        return [self._population(*each) for each in found if each[1].size]

    def _population(self, model: NeuronModel, neurons: Group, slots: dict[str, slice]) -> _Population:
        physics, equations = self.physics, model.equations
        if model.sends:
            equations += f"\n{SENT} = {' '.join(model.output.split())} : 1"
        group = br.NeuronGroup(
            LANES * neurons.size, equations, **strings_of(model), method=integrator(model), clock=self.clock,
            namespace=dict(physics.namespace),
        )  # fmt: skip
        for name, values in self._parameters(model, neurons).items():
            setattr(group, name, values)
        for name, start in model.initial:
            setattr(group, name, start)
        if physics.each_step:
            group.run_regularly(physics.each_step, when="before_thresholds", clock=self.clock)
        if not model.kept:
            group.run_regularly(f"{model.synaptic} *= 0", when="before_synapses", clock=self.clock)
        states = br.StateMonitor(group, list(slots), record=True, when="after_thresholds", clock=self.clock)
        spikes = None if model.sends else br.SpikeMonitor(group)
        return _Population(model, group, neurons.neurons, slots, spikes, states)

    def _parameters(self, model: NeuronModel, neurons: Group) -> dict[str, Any]:
        """Values of the parameters in a model's equations; `place` numbers the neurons of all copies."""
        equations, n = br.Equations(model.equations), self.network.config.n_neurons
        own = [row for row in model.parameters if row.name not in model.learnt]
        values: dict[str, Any] = {row.name: f"{row.value}*{row.unit}" for row in own}
        for name in equations.parameter_names & neurons.given.keys() - values.keys():
            values[name] = br.Quantity(np.tile(neurons.given[name], LANES), dim=equations[name].dim)
        if "place" in equations.parameter_names:
            values["place"] = np.arange(LANES * n).reshape(LANES, n)[:, neurons.neurons].ravel()
        return values

    def _join(
        self, source: Any, n_source: int, target: _Population, chosen: np.ndarray, first: int, sends: bool = False
    ) -> br.Synapses | None:
        """The chosen synapses of the network, from its sources first, first + 1, .. onto a population; None: none."""
        if not chosen.any():
            return None
        wired, n_target = self.network.synapses, target.neurons.stop - target.neurons.start
        pre, post = wired.source[chosen] - first, wired.target[chosen] - target.neurons.start
        synaptic = target.model.synaptic
        dimension = br.Equations(target.model.equations)[synaptic].dim
        synapses = br.Synapses(
            source, target.group, br.Equations([SingleEquation(PARAMETER, "weight", dimension, flags=["constant"])]),
            on_pre=self.physics.on_pre or f"{synaptic}_post += {_sent(sends)}", clock=self.clock,
            namespace=dict(self.physics.namespace), on_event=_event(sends),
        )  # fmt: skip
        synapses.connect(i=_copies(pre, n_source), j=_copies(post, n_target))
        synapses.weight_ = np.tile(self.weight[chosen], LANES)
        synapses.delay = np.tile(wired.delay[chosen] - 1, LANES) * self.clock.dt
        return synapses

    def _inputs(self, cells: br.NeuronGroup, target: _Population) -> br.Synapses | None:
        chosen = self._onto(target) & (self.network.synapses.source < self.network.n_in)
        return self._join(cells, self.network.n_in, target, chosen, 0)

    def _recurrent(self, source: _Population, target: _Population) -> br.Synapses | None:
        first, last = (self.network.n_in + end for end in (source.neurons.start, source.neurons.stop))
        sources = self.network.synapses.source
        chosen = self._onto(target) & (sources >= first) & (sources < last)
        return self._join(source.group, last - first, target, chosen, first, source.model.sends)

    def _onto(self, target: _Population) -> np.ndarray:
        targets = self.network.synapses.target
        return (targets >= target.neurons.start) & (targets < target.neurons.stop)

    def _read_out(self, population: _Population) -> br.Synapses:
        """All-to-all onto the readout, acting in the step of the spike."""
        weight = self.network.readout[population.neurons]
        pre, post = np.indices(weight.shape).reshape(2, -1)
        sends = population.model.sends
        synapses = br.Synapses(
            population.group, self.readout, "weight : 1 (constant)", on_pre=f"r_post += {_sent(sends)}",
            clock=self.clock, on_event=_event(sends),
        )  # fmt: skip
        synapses.connect(i=_copies(pre, len(weight)), j=_copies(post, self.network.n_out))
        synapses.weight = np.tile(weight.ravel(), LANES)
        return synapses

    def _spike_bits(self, population: _Population, steps: int) -> np.ndarray:
        """(T, neurons of the population) uint8."""
        dense = np.zeros((steps, len(population.group)), bool)
        if population.spikes is None:
            return np.zeros((steps, population.neurons.stop - population.neurons.start), np.uint8)
        dense[np.rint(population.spikes.t / self.clock.dt).astype(int), population.spikes.i[:]] = True
        return np.packbits(dense.reshape(steps, LANES, -1), axis=1, bitorder="little")[:, 0]


def strings_of(model: NeuronModel) -> dict[str, Any]:
    """Threshold, reset and refractory period as Brian2 can run them: each condition in one line, without space before.

    The reset has `v = -(-(w))` for `v = w`, the same number to the bit: after `v = w` Brian2's numpy target has one
    array under both names, so that `w *= 0.5` would change v as well. It has `v *= (0.5 - 0.2)` for `v *= 0.5 - 0.2`,
    of which Brian2 would check the units as those of v * 0.5 - 0.2.
    """
    if model.sends:
        return {"events": {SEND: f"{SENT} == {SENT}"}}  # always: it sends in every step
    conditions = {name: " ".join(getattr(model, name).split()) for name in ("threshold", "refractory")}
    return {**conditions, "reset": _reset_of(model)}


def _sent(sends: bool) -> str:
    """What a synapse adds: its weight for a spike, times the number for one that is sent."""
    return f"weight*{SENT}_pre" if sends else "weight"


def _event(sends: bool) -> str:
    return SEND if sends else "spike"


def _require_one_step(network: Network, physics: Physics) -> None:
    """InputError for what Brian2 cannot do with neurons that send numbers."""
    if network.sends().any():
        delay = network.ring - 1
        require(delay == 1, "network.d_max_ms", "1 for neurons with an output to run in Brian2", delay)
        require(not physics.on_pre, "on_pre", "left out where neurons have an output", physics.on_pre)


def _reset_of(model: NeuronModel) -> str:
    rows = []
    for line in re.split(r"[;\n]", model.reset):
        if line.partition("#")[0].strip():
            variable, operator, expression, _ = parse_statement(line.strip())
            rows.append(f"{variable} {operator} " + (f"-(-({expression}))" if operator == "=" else f"({expression})"))
    return "\n".join(rows)


def _copies(index: np.ndarray, size: int) -> np.ndarray:
    """The index in each of eight copies of `size` things."""
    return (index + size * np.arange(LANES)[:, None]).ravel()


def _lanes_last(recorded: np.ndarray, size: int) -> np.ndarray:
    """(8 size, T) as a monitor has it to (T, size, 8)."""
    return np.asarray(recorded).T.reshape(-1, LANES, size).transpose(0, 2, 1)


def _lanes_apart(bits: np.ndarray) -> np.ndarray:
    """(.., n) uint8 with a lane a bit to (.., 8 n) of 0 and 1, copy after copy."""
    apart = np.unpackbits(bits[..., None, :], axis=-2, bitorder="little")
    return apart.reshape(*bits.shape[:-1], -1).astype(float)


@contextmanager
def without_compiler() -> Iterator[None]:
    """Brian2's numpy target, whatever the preference of the user."""
    before = br.prefs.codegen.target
    br.prefs.codegen.target = "numpy"
    try:
        yield
    finally:
        br.prefs.codegen.target = before


def _replaying(network: Network, steps: int, physics: Physics) -> tuple[Simulation, br.TimedArray]:
    """A simulation whose input cells spike where the returned array (T, 8 n_in) is 1; it is 0 so far."""
    clock = br.Clock(network.config.dt_ms * br.ms)
    recorded = br.TimedArray(np.zeros((steps, LANES * network.n_in)), dt=clock.dt)
    cells = br.NeuronGroup(
        LANES * network.n_in, "", threshold="recorded(t, i) > 0", reset="", clock=clock,
        namespace={"recorded": recorded},
    )  # fmt: skip
    return Simulation(network, cells, physics), recorded


def replay(network: Network, input_spikes: np.ndarray, physics: Physics = FROZEN) -> Trace:
    """Eight episodes from rest, driven by recorded input spikes (T, n_in) uint8 as in `layout.Record`."""
    if input_spikes.ndim != 2 or input_spikes.shape[1] != network.n_in:
        raise InputError(f"input_spikes must have shape (T, {network.n_in}), got {input_spikes.shape}")
    with without_compiler():
        simulation, recorded = _replaying(network, len(input_spikes), physics)
        recorded.values[:] = _lanes_apart(input_spikes)
        simulation.run(len(input_spikes))
        return simulation.trace()


def missing_for_standalone() -> str | None:
    """The tool that C++ standalone lacks on this machine, None if there is all it needs."""
    for tool in (os.environ.get("CXX", "g++"), "make"):
        if shutil.which(tool) is None:
            return tool
    return None


@contextmanager
def _standalone(folder: str) -> Iterator[None]:
    """Brian2's C++ standalone device, building in a folder."""
    flags = br.prefs.codegen.cpp.extra_compile_args_gcc
    br.set_device("cpp_standalone", build_on_run=False, directory=folder)
    try:
        br.prefs.codegen.cpp.extra_compile_args_gcc = list(COMPILER_FLAGS)
        yield
    finally:
        br.prefs.codegen.cpp.extra_compile_args_gcc = flags
        br.get_device().reinit()
        reset_device()


@contextmanager
def standalone_replay(network: Network, steps: int, physics: Physics = FROZEN) -> Iterator[Replay]:
    """Yields `replay` for recordings of `steps` ms as one C++ program of Brian2's; needs a C++ compiler and make."""
    with scratch_folder() as path, _standalone(folder := str(path)):
        simulation, recorded = _replaying(network, steps, physics)
        simulation.run(steps)
        br.get_device().build(directory=folder, run=False)

        def run(input_spikes: np.ndarray) -> Trace:
            br.get_device().run(with_output=False, run_args={recorded: _lanes_apart(input_spikes)})
            return simulation.trace()

        yield run


def closed_loop(
    task: Task, network: Network, keys: np.ndarray, log_std: np.ndarray, hold: int = 1, physics: Physics = FROZEN
) -> Block:
    """Eight episodes in which the network in Brian2 acts on the task, which steps within Brian2's run.

    Args:
        keys: (8,) uint64; log_std: (n_action,) log std of the policy, -inf for its mean; hold: steps for which its
            noise stays the same.

    Returns:
        a block as after `roll_out`, with what Brian2 computed; `record.blocked` is left zero.
    """
    block = Block(task, network, task.duration_ms, keep_states=True, dtype=np.float64)
    block.begin(task, keys)
    log_std = block.policy(log_std, hold, np.inf)
    record, trace, observation = block.record, block.trace, np.zeros(task.n_observation)
    task_side, clock = (block.keys, block.parameters), br.Clock(network.config.dt_ms * br.ms)
    with without_compiler():
        cells = br.NeuronGroup(LANES * network.n_in, "x : 1", threshold="x > 0", reset="", clock=clock)
        simulation = Simulation(network, cells, physics)

        def perceive(time: br.Quantity) -> None:
            t = round(time / clock.dt)
            trace.task_state[t] = block.task_state
            block.module.perceive(t, t, *task_side, block.encoder, block.task_state, observation, record, trace)
            cells.x = _lanes_apart(record.input_spikes[t])

        def act(time: br.Quantity) -> None:
            t = round(time / clock.dt)
            record.y[t] = simulation.y()
            block.module.act(
                t, t, *task_side, block.task_state, log_std, block.n_spread, int(hold), np.inf, record, trace
            )

        simulation.net.add(br.NetworkOperation(perceive, when="start", clock=clock))
        simulation.net.add(br.NetworkOperation(act, when="end", clock=clock))
        simulation.run(task.duration_ms)
        trace.task_state[task.duration_ms] = block.task_state
        block.record = record._replace(**simulation.trace()._asdict())
    return block


def difference(network: Network, found: Trace | Record, compiled: Record, lanes: int = LANES) -> Difference:
    """Compare the first lanes of what Brian2 found with what the compiled kernels computed."""
    mask, n_neurons = np.uint8(2**lanes - 1), found.spikes.shape[1]
    apart = np.abs(found.x[..., :lanes] - compiled.x[..., :lanes])
    others = [apart[:, slots].max(initial=0.0) for group in network.variables() for slots in list(group.values())[1:]]
    return Difference(
        int(np.bitwise_count(found.spikes & mask).sum()),
        int(np.bitwise_count((found.spikes ^ compiled.spikes) & mask).sum()),
        float(apart[:, :n_neurons].max(initial=0.0)),
        float(np.max(others, initial=0.0)),
    )
