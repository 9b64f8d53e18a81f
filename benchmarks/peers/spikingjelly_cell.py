"""SpikingJelly: a neuron of one's own, as its guide shows, with an adaptive threshold; a loop over steps in Python.

It has no adaptive threshold of its own, but a neuron is three methods. It knows no delays and no sparse wiring.
"""

from collections.abc import Callable
from importlib.metadata import version

import torch
from spikingjelly.activation_based import functional, neuron

from benchmarks.peers.problem import Problem
from benchmarks.peers.torch_eager import Loop, Spike


class AdaptiveThresholdNode(neuron.SimpleBaseNode):
    """A leaky neuron with soft reset, refractoriness and B = 1 + beta b."""

    v: torch.Tensor
    b: torch.Tensor
    z: torch.Tensor
    blocking: tuple[torch.Tensor, ...]

    def __init__(self, problem: Problem, alpha: torch.Tensor, beta: torch.Tensor):
        super().__init__(v_reset=None, surrogate_function=lambda u: Spike.apply(u, problem.gamma))
        self.alpha, self.beta, self.rho, self.refractory = alpha, beta, problem.rho, problem.refractory
        self.register_memory("b", 0.0)
        self.register_memory("z", 0.0)
        self.register_memory("blocking", ())

    def neuronal_charge(self, x: torch.Tensor) -> None:
        """v and b decay, v takes up the current."""
        self.v = torch.addcmul(x, self.alpha, torch.as_tensor(self.v, dtype=x.dtype))
        self.b = self.rho * self.b + (1 - self.rho) * self.z
        self.v_threshold = 1 + self.beta * self.b

    def neuronal_fire(self) -> torch.Tensor:
        """A spike where v is above the threshold and the neuron is not refractory."""
        self.z = super().neuronal_fire()
        if self.blocking:
            self.z = self.z * (1 - sum(self.blocking))
        self.blocking = (self.z.detach(), *self.blocking)[: self.refractory - 1]
        return self.z

    def neuronal_reset(self, spike: torch.Tensor) -> None:
        """v falls by the threshold as it is after the decay of the next step."""
        self.v = self.v - self.v_threshold * spike / self.alpha


class Node(Loop):
    """The neuron with dense weights."""

    def make_recurrent(self, problem: Problem, dtype) -> None:
        """The recurrent weights and the neuron."""
        super().make_recurrent(problem, dtype)
        self.node = AdaptiveThresholdNode(problem, self.alpha, self.beta)
        self.facts["versions"]["spikingjelly"] = version("spikingjelly")

    def neurons(self, current, v, b, B, past):
        """The state stands in the neuron."""
        return v, b, B, self.node(current)

    def run_all(self):
        """Spikes (a list) and y (T, E, n_out)."""
        functional.reset_net(self.node)
        return super().run_all()


def models(problem: Problem, dtype) -> dict[str, Callable[[], Node]]:
    """The one form."""
    return {"adaptive_node": lambda: Node(problem.without_delays(), dtype)}
