"""NEST: the frozen network, all animals side by side on two threads.

Its neurons of Bellec et al. (2020) are the LIF and adaptive-threshold neurons asked for, with delays and
refractoriness, but for the reset: by b0 and not by the adapted threshold. Only the simulation is timed, not the
making of the network.
"""

import time
from collections.abc import Callable

import nest
import numpy as np

from benchmarks.peers.harness import Seconds
from benchmarks.peers.problem import Problem, Synapses, in_equation_units

THREADS = 2


class Animals:
    """Copies of the network; the weights are in the units of the equations."""

    def __init__(self, problem: Problem):
        self.problem = problem
        nest.verbosity = nest.VerbosityLevel.ERROR
        self.facts = {"versions": {"nest": nest.__version__}}

    def _build(self) -> None:
        nest.ResetKernel()
        nest.set(resolution=1.0, local_num_threads=THREADS, eprop_reset_neurons_on_update=False)
        problem, episodes = self.problem, self.problem.episodes
        n, n_in = problem.n_neurons, problem.n_in
        self.neurons = self._neurons()
        self.recorder = nest.Create("spike_recorder")
        nest.Connect(self.neurons, self.recorder)
        cells = nest.Create("spike_train_injector", episodes * n_in, params=self._trains())
        ids = np.asarray(self.neurons.tolist()).reshape(episodes, n)
        self._connect(np.asarray(cells.tolist()).reshape(episodes, n_in), ids, problem.inputs)
        self._connect(ids, ids, problem.recurrent)

    def _neurons(self):
        """Animal after animal: the neurons with a fixed threshold, then those that adapt."""
        problem = self.problem
        adapts = np.tile(problem.beta > 0, problem.episodes)
        tau_m = np.tile(problem.tau_m_ms, problem.episodes)
        shared = {"V_th": problem.b0, "E_L": 0.0, "V_m": 0.0, "t_ref": float(problem.refractory)}
        shared["regular_spike_arrival"] = False  # a weight counts 1 - alpha
        adaptive = {"adapt_tau": problem.tau_a_ms, "adapt_beta": problem.b0 * (1 - problem.rho) * problem.beta.max()}
        nodes = None
        for value, run in _runs(adapts):
            model = "eprop_iaf_adapt_bsshslm_2020" if value else "eprop_iaf_bsshslm_2020"
            params = shared | {"tau_m": tau_m[run]} | (adaptive if value else {})
            made = nest.Create(model, run.stop - run.start, params=params)
            nodes = made if nodes is None else nodes + made
        return nodes

    def _trains(self) -> list[dict[str, np.ndarray]]:
        """Spike times of every input cell; step t ends at t + 1 ms."""
        fires = self.problem.input_spikes(bool).reshape(self.problem.steps, -1)
        return [{"spike_times": np.flatnonzero(column) + 1.0} for column in fires.T]

    def _connect(self, sources: np.ndarray, targets: np.ndarray, synapses: Synapses) -> None:
        animals = len(sources)
        described = {
            "synapse_model": "static_synapse",
            "weight": np.tile(in_equation_units(synapses, self.problem), animals),
            "delay": np.tile(synapses.delay, animals).astype(float),
        }
        nest.Connect(sources[:, synapses.pre].ravel(), targets[:, synapses.post].ravel(), "one_to_one", described)

    def forward(self) -> Seconds:
        """All episodes from rest."""
        self._build()
        nest.Prepare()
        start = time.perf_counter()
        nest.Run(float(self.problem.steps + 1))
        seconds = time.perf_counter() - start
        nest.Cleanup()
        return Seconds(seconds)

    def gradient(self) -> None:
        """NEST learns by e-prop, not by BPTT."""

    def spikes(self) -> np.ndarray:
        """(T, E, N)."""
        self.forward()
        found, events = np.zeros((self.problem.steps + 2, len(self.neurons)), bool), self.recorder.events
        found[np.rint(events["times"]).astype(int) - 1, events["senders"] - self.neurons[0].global_id] = True
        return found[: self.problem.steps].reshape(self.problem.steps, self.problem.episodes, -1)


def _runs(values: np.ndarray):
    """(value, slice) of every segment of equal values."""
    edges = [0, *(np.flatnonzero(np.diff(values)) + 1), len(values)]
    return [(values[first], slice(first, last)) for first, last in zip(edges[:-1], edges[1:], strict=True)]


def models(problem: Problem, dtype) -> dict[str, Callable[[], Animals]]:
    """The one form, and one without adaptation, which the engine must match spike for spike."""
    return {
        "eprop_iaf": lambda: Animals(problem),
        "no_adaptation": lambda: Animals(problem._replace(beta=np.zeros_like(problem.beta))),
    }
