"""snnTorch: its recurrent leaky neuron, the threshold of which is set anew every step, a loop over steps in Python.

It has no adaptive threshold of its own, so adaptation is kept beside it. It knows no delays, no sparse wiring and no
refractoriness; its reset acts at once and decays with the membrane from the next step on.
"""

from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import snntorch
import torch

from benchmarks.peers.problem import Problem
from benchmarks.peers.torch_eager import Loop, Spike


class Cell(Loop):
    """`snntorch.RLeaky` with dense weights."""

    def make_recurrent(self, problem: Problem, dtype) -> None:
        """The recurrent weights belong to the neuron."""
        super().make_recurrent(problem, dtype)
        self.cell = snntorch.RLeaky(
            beta=self.alpha, linear_features=problem.n_neurons, reset_delay=False,
            spike_grad=lambda u: Spike.apply(u, problem.gamma),
        )  # fmt: skip
        self.cell.recurrent = torch.nn.Linear(problem.n_neurons, problem.n_neurons, bias=False, dtype=self.dtype)
        with torch.no_grad():
            self.cell.recurrent.weight.copy_(self.W_rec.t())
        self.W_rec = None
        self.facts["versions"]["snntorch"] = version("snntorch")

    def recurrent_gradient(self) -> np.ndarray:
        """In the order of the synapses."""
        s = self.problem.recurrent
        return self.cell.recurrent.weight.grad.numpy()[s.post, s.pre]

    def neurons(self, from_input, v, b, B, past):
        """v, b, B and z of one step."""
        rho = self.problem.rho
        b = rho * b + (1 - rho) * past[0]
        self.cell.threshold = 1 + self.beta * b
        z, v = self.cell(from_input, past[0], v)
        return v, b, self.cell.threshold, z

    def arriving(self, from_input, past):
        """The neuron adds the recurrent current itself."""
        return from_input


def models(problem: Problem, dtype) -> dict[str, Callable[[], Cell]]:
    """The one form."""
    return {"rleaky": lambda: Cell(problem.without_delays(), dtype)}
