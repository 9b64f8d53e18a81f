"""Brian2 in runtime mode with one animal in the water maze, which steps in a `network_operation`.

The maze, its encoder and its draws are the engine's own compiled functions, so the two meet the same episode.
"""

import time
from collections.abc import Callable

import brian2 as br
import numpy as np

from benchmarks.peers.brian import Animals
from benchmarks.peers.engine import TASK, network_of
from benchmarks.peers.engine_closed_loop import LOG_STD
from benchmarks.peers.harness import Seconds
from benchmarks.peers.problem import LANES, Problem
from lsnn.blocks import Block
from lsnn.seeds import TEST_BRANCH, episode_keys


class OneAnimal:
    """The first animal of `engine_closed_loop`."""

    def __init__(self, problem: Problem, target: str = "cython"):
        br.prefs.codegen.target = target
        self.problem = problem
        self.block = Block(TASK, network_of(problem), problem.steps, dtype=np.float64)
        self.keys = episode_keys(0, TEST_BRANCH, 1, LANES)[:1]
        self.animals = Animals(problem, 1, self._cells)
        self.animals.net.add(self._perceive(), self._act())
        self.animals.net.store()
        self.facts = {"versions": {"brian2": br.__version__}, "animal_ms": float(problem.steps)}

    def _cells(self, clock: br.Clock) -> br.NeuronGroup:
        return br.NeuronGroup(self.problem.n_in, "x : 1", threshold="x > 0", reset="", clock=clock)

    def _perceive(self) -> br.NetworkOperation:
        block, observation, keys = self.block, np.zeros(TASK.n_observation), self.keys

        def perceive(now: br.Quantity) -> None:
            t = round(now / self.animals.clock.dt)
            block.module.perceive(
                t, t, keys, block.parameters, block.encoder, block.task_state, observation, block.record, block.trace
            )
            self.animals.cells.x_[:] = block.record.input_spikes[t] & 1

        return br.NetworkOperation(perceive, when="start", clock=self.animals.clock)

    def _act(self) -> br.NetworkOperation:
        block, bias, keys = self.block, self.problem.bias, self.keys

        def act(now: br.Quantity) -> None:
            t = round(now / self.animals.clock.dt)
            block.record.y[t, :, 0] = self.animals.readout.r_[:] + bias
            block.module.act(
                t, t, keys, block.parameters, block.task_state, LOG_STD, block.n_spread, 1, np.inf, block.record,
                block.trace,
            )  # fmt: skip

        return br.NetworkOperation(act, when="end", clock=self.animals.clock)

    def forward(self) -> Seconds:
        """The episode from rest."""
        self.animals.net.restore()
        self.block.begin(TASK, episode_keys(0, TEST_BRANCH, 1, LANES))
        start = time.perf_counter()
        self.animals.net.run(self.problem.steps * self.animals.clock.dt, namespace={})
        return Seconds(time.perf_counter() - start)

    def gradient(self) -> None:
        """Brian2 has none."""

    def spikes(self) -> np.ndarray:
        """(T, 8, N), those of the seven other animals 0."""
        self.forward()
        found = np.zeros((self.problem.steps, LANES, self.problem.n_neurons), bool)
        found[:, :1] = self.animals.recorded()
        return found


def models(problem: Problem, dtype) -> dict[str, Callable[[], OneAnimal]]:
    """The one form."""
    return {"one_animal": lambda: OneAnimal(problem)}
