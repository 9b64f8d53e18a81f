"""Brian2: the frozen network, all animals as one group; runtime mode with Cython and C++ standalone.

Only the simulation itself is timed, not the making of the network, the generation of code or its compilation. Weights
and membranes are in the units of the equations; Brian2's own defaults hold (float64, its compiler flags), save where
a form is named float32, and save for a comparison of spikes, which is made without fast mathematics.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack

import brian2 as br
import numpy as np

from benchmarks.peers.harness import Seconds
from benchmarks.peers.problem import Problem, Synapses, in_equation_units
from lsnn.files.scratch import scratch_folder

EQUATIONS = """
dv/dt = (I - v)/tau_m : 1
db/dt = -b/tau_a : 1
I : 1
beta : 1 (constant)
tau_m : second (constant)
"""
THRESHOLD = "v > b0 + beta*b"
RESET = """
v -= (b0 + beta*b)*exp(dt/tau_m)
b += exp(dt/tau_a) - 1
"""
STRICT_FLAGS = ["-w", "-O2", "-std=c++11"]


class Animals:
    """Copies of the network in one group, with its readout; `cells` are the input cells, copy after copy."""

    def __init__(self, problem: Problem, animals: int, cells: Callable[[br.Clock], br.Group]):
        self.problem, self.animals, self.clock = problem, animals, br.Clock(1 * br.ms)
        self.cells, self.neurons = cells(self.clock), self._neurons()
        self.readout = br.NeuronGroup(
            animals * problem.n_out, "dr/dt = -r/tau_out : 1", method="exact", clock=self.clock,
            namespace={"tau_out": problem.tau_out_ms * br.ms},
        )  # fmt: skip
        self.spikes = br.SpikeMonitor(self.neurons)
        self.output = br.StateMonitor(self.readout, "r", record=True, when="end", clock=self.clock)
        self.net = br.Network(self.cells, self.neurons, self.readout, self.spikes, self.output, self._read_out())
        for source, synapses, n_source in (
            (self.cells, problem.inputs, problem.n_in),
            (self.neurons, problem.recurrent, problem.n_neurons),
        ):
            self.net.add(self._join(source, synapses, n_source))

    def _neurons(self) -> br.NeuronGroup:
        problem = self.problem
        group = br.NeuronGroup(
            self.animals * problem.n_neurons, EQUATIONS, threshold=THRESHOLD, reset=RESET, method="exact",
            refractory=problem.refractory * br.ms, clock=self.clock,
            namespace={"b0": problem.b0, "tau_a": problem.tau_a_ms * br.ms},
        )  # fmt: skip
        group.beta = np.tile(problem.beta * problem.b0, self.animals)
        group.tau_m = np.tile(problem.tau_m_ms, self.animals) * br.ms
        group.run_regularly("I = 0", when="before_synapses", clock=self.clock)
        return group

    def _copies(self, index: np.ndarray, size: int) -> np.ndarray:
        return (index + size * np.arange(self.animals)[:, None]).ravel()

    def _join(self, source: br.Group, synapses: Synapses, n_source: int) -> br.Synapses:
        """A delay of d steps here is d - 1 in Brian2."""
        joined = br.Synapses(source, self.neurons, "w : 1 (constant)", on_pre="I_post += w", clock=self.clock)
        joined.connect(i=self._copies(synapses.pre, n_source), j=self._copies(synapses.post, self.problem.n_neurons))
        joined.w = np.tile(in_equation_units(synapses, self.problem), self.animals)
        joined.delay = np.tile(synapses.delay - 1, self.animals) * self.clock.dt
        return joined

    def _read_out(self) -> br.Synapses:
        problem = self.problem
        pre, post = np.indices(problem.readout.shape).reshape(2, -1)
        joined = br.Synapses(self.neurons, self.readout, "w : 1 (constant)", on_pre="r_post += w", clock=self.clock)
        joined.connect(i=self._copies(pre, problem.n_neurons), j=self._copies(post, problem.n_out))
        joined.w = np.tile(problem.readout.ravel(), self.animals)
        return joined

    def recorded(self) -> np.ndarray:
        """Spikes (T, animals, N)."""
        found = np.zeros((self.problem.steps, self.animals * self.problem.n_neurons), bool)
        found[np.rint(self.spikes.t / self.clock.dt).astype(int), self.spikes.i[:]] = True
        return found.reshape(self.problem.steps, self.animals, -1)


def replayed(problem: Problem) -> Callable[[br.Clock], br.Group]:
    """Input cells that fire the problem's input spikes."""
    steps, cells = np.nonzero(problem.input_spikes(bool).reshape(problem.steps, -1))
    n_cells = problem.episodes * problem.n_in
    return lambda clock: br.SpikeGeneratorGroup(n_cells, cells, steps * clock.dt, clock=clock, sorted=True)


class Runtime:
    """Runtime mode, compiled with Cython."""

    def __init__(self, problem: Problem):
        br.prefs.codegen.target = "cython"
        self.facts = {"versions": {"brian2": br.__version__}}
        self.animals = Animals(problem, problem.episodes, replayed(problem))
        self.duration = problem.steps * self.animals.clock.dt
        self.animals.net.store()

    def forward(self) -> Seconds:
        """All episodes from rest."""
        self.animals.net.restore()
        start = time.perf_counter()
        self.animals.net.run(self.duration, namespace={})
        return Seconds(time.perf_counter() - start)

    def gradient(self) -> None:
        """Brian2 has none."""

    def spikes(self) -> np.ndarray:
        """(T, E, N)."""
        self.forward()
        return self.animals.recorded()


class Standalone(Runtime):
    """One C++ program, on as many OpenMP threads as asked for (0: without OpenMP)."""

    def __init__(self, problem: Problem, threads: int, dtype, strict: bool):
        self.facts = {"versions": {"brian2": br.__version__}}
        br.prefs.core.default_float_dtype = dtype
        br.prefs.devices.cpp_standalone.openmp_threads = threads
        if strict:
            br.prefs.codegen.cpp.extra_compile_args_gcc = STRICT_FLAGS
        self.scratch = ExitStack()
        self.folder = self.scratch.enter_context(scratch_folder())
        br.set_device("cpp_standalone", build_on_run=False, directory=str(self.folder))
        self.animals = Animals(problem, problem.episodes, replayed(problem))
        self.animals.net.run(problem.steps * self.animals.clock.dt, namespace={})
        br.get_device().build(directory=str(self.folder), run=False)

    def forward(self) -> Seconds:
        """All episodes from rest; the seconds are those of the program's own run, its set-up left out."""
        br.get_device().run(with_output=False)
        return Seconds(br.get_device()._last_run_time)

    def __del__(self):
        self.scratch.close()


def models(problem: Problem, dtype) -> dict[str, Callable[[], Runtime]]:
    """The forms by name; dtype float64 asks for a comparison."""
    strict = dtype == np.float64
    return {
        "runtime": lambda: Runtime(problem),
        "standalone": lambda: Standalone(problem, 0, np.float64, strict),
        "standalone_float32": lambda: Standalone(problem, 0, np.float32, strict),
        "standalone_threads": lambda: Standalone(problem, 2, np.float64, strict),
        "standalone_threads_float32": lambda: Standalone(problem, 2, np.float32, strict),
    }
