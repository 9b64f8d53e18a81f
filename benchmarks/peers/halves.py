"""A peer as several processes of one core each, the episodes dealt out: `harness.py --processes 2`.

Many steps of a simulator run on one thread whatever it is given; what two processes then do at once, its own threads
cannot. Both begin together; the time is that of the slower one, and gradients are added up.
"""

import importlib
import multiprocessing
import os
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from benchmarks.peers.harness import Seconds, once
from benchmarks.peers.problem import Problem

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def serve(pipe: Connection, module: str, variant: str, problem: Problem, dtype: type, core: int | None) -> None:
    """Build a part's simulator on one core, then do what the pipe asks for."""
    if core is not None:
        os.sched_setaffinity(0, [core])
    model = importlib.import_module(f"benchmarks.peers.{module}").models(problem, dtype)[variant]()
    pipe.send(getattr(model, "facts", {}))
    while True:
        what = pipe.recv()
        seconds, found = once(getattr(model, what))
        if what == "gradient" and found is not None:
            found = {name: np.asarray(array) for name, array in found.items()}
        pipe.send((seconds, None if what == "forward" else found))


def dealt(problem: Problem, parts: int) -> list[Problem]:
    """The problem's blocks in as many runs of neighbours, the first of them the longer ones."""
    blocks = [part for part in np.array_split(np.arange(len(problem.input_bits)), parts) if len(part)]
    return [problem._replace(input_bits=problem.input_bits[part], g_y=problem.g_y[part]) for part in blocks]


class Processes:
    """A simulator's variant, `parts` times at once."""

    def __init__(self, module: str, variant: str, problem: Problem, dtype: type, parts: int):
        context = multiprocessing.get_context("spawn")
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        self.pipes = []
        os.environ |= ONE_THREAD
        for k, part in enumerate(dealt(problem, parts)):
            ours, theirs = context.Pipe()
            core = cores[k % len(cores)] if cores else None
            child = context.Process(target=serve, args=(theirs, module, variant, part, dtype, core), daemon=True)
            child.start()
            theirs.close()
            self.pipes.append(ours)
        self.facts: dict[str, Any] = [pipe.recv() for pipe in self.pipes][0]

    def _ask(self, what: str) -> list[Any]:
        for pipe in self.pipes:
            pipe.send(what)
        return [pipe.recv() for pipe in self.pipes]

    def forward(self) -> Seconds:
        """All episodes from rest."""
        return Seconds(max(seconds for seconds, _ in self._ask("forward")))

    def gradient(self) -> dict[str, Any] | None:
        """Summed over the parts, in their order; None if the simulator has none."""
        found = [gradient for _, gradient in self._ask("gradient")]
        if found[0] is None:
            return None
        return {name: sum(part[name] for part in found) for name in found[0]}

    def spikes(self) -> np.ndarray:
        """(T, E, N)."""
        return np.concatenate([np.asarray(part) for _, part in self._ask("spikes")], axis=1)
