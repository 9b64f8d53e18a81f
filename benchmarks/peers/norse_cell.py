"""Norse: its LSNN cell and its linear leaky integrator, a loop over steps in Python.

It knows no delays (recurrent spikes take 2 steps, input spikes 1), no sparse wiring and no refractoriness; its reset
is to rest, and constant for the gradient. The synaptic current is made to last one step and the time constants are
chosen so that the Euler steps decay by alpha, rho and kappa exactly, so that all else is the network asked for.
"""

from collections.abc import Callable
from importlib.metadata import version

import norse.torch as norse
import numpy as np
import torch
from norse.torch.functional.leaky_integrator import LIParameters
from norse.torch.functional.lsnn import LSNNParameters

from benchmarks.peers.problem import Problem, of_synapses
from benchmarks.peers.torch_eager import Loop

DT = 1e-3
ONE_STEP = torch.as_tensor(1 / DT)


class Cell(Loop):
    """The LSNN cell with dense weights."""

    def __init__(self, problem: Problem, dtype):
        super().__init__(problem, dtype)
        self.cell = norse.LSNNRecurrentCell(
            problem.n_in, problem.n_neurons, p=self._neurons(), dt=DT,
            input_weights=self._onto(self.W_in[0]), recurrent_weights=self._onto(self.W_rec),
        )  # fmt: skip
        self.integrator = norse.LILinearCell(problem.n_neurons, problem.n_out, p=self._integrator(), dt=DT)
        self.integrator.input_weights = self._learnt(self.W_out.detach().t() / (1 - problem.kappa))
        self.facts["versions"]["norse"] = version("norse")

    def _onto(self, weight: torch.Tensor) -> torch.nn.Parameter:
        """(n_pre, N) normalised as Norse has it: (N, n_pre), the gain of the membrane taken out."""
        return self._learnt((weight.detach() / (1 - self.alpha)).t().contiguous())

    def _neurons(self) -> LSNNParameters:
        problem = self.problem
        return LSNNParameters(
            tau_syn_inv=ONE_STEP,
            tau_mem_inv=(1 - self.alpha) / DT,
            tau_adapt_inv=torch.as_tensor((1 - problem.rho) / DT),
            beta=self.beta * (1 - problem.rho),
            method="triangle",
            alpha=problem.gamma,
        )

    def _integrator(self) -> LIParameters:
        return LIParameters(tau_syn_inv=ONE_STEP, tau_mem_inv=torch.as_tensor((1 - self.problem.kappa) / DT))

    def run_all(self):
        """Spikes (a list) and y (T, E, n_out)."""
        state = integrated = None
        spikes, readouts = [], []
        for x in self.x.unbind():
            z, state = self.cell(x, state)
            r, integrated = self.integrator(z, integrated)
            spikes.append(z)
            readouts.append(r)
        return spikes, torch.stack(readouts) + self.bias

    def gradient(self) -> dict[str, np.ndarray]:
        """dL/d(weights), of this other network."""
        self.zero_grad(set_to_none=True)
        torch.sum(self.g * self.run_all()[1]).backward()
        inputs, recurrent = (w.grad.t().numpy()[None] for w in (self.cell.input_weights, self.cell.recurrent_weights))
        return {
            "inputs": of_synapses(inputs, self.problem.inputs),
            "recurrent": of_synapses(recurrent, self.problem.recurrent),
            "readout": self.integrator.input_weights.grad.t().numpy(),
            "bias": self.bias.grad.numpy(),
        }


def models(problem: Problem, dtype) -> dict[str, Callable[[], Cell]]:
    """The one form."""
    return {"lsnn_cell": lambda: Cell(problem.without_delays(), dtype)}
