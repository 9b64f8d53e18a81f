"""A network as a layer of PyTorch: `lsnn.torch.Layer`. Needs torch, `pip install lsnn[torch]`."""

from typing import Any

import numpy as np
import torch

from lsnn.bridges import layer
from lsnn.bridges.layer import Weights
from lsnn.network import Network


class _Readout(torch.autograd.Function):
    """The readout as a function of inputs and weights, its way back the compiled adjoint."""

    @staticmethod
    def forward(
        ctx: Any, own: layer.Layer, x: torch.Tensor, theta: torch.Tensor, readout: torch.Tensor, bias: torch.Tensor
    ) -> torch.Tensor:
        ctx.own = own
        ctx.save_for_backward(x, theta, readout, bias)
        weights = Weights(*(part.detach().cpu().numpy() for part in (theta, readout, bias)))
        return torch.from_numpy(own.forward(x.detach().cpu().numpy(), weights)).to(theta)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, slope: torch.Tensor) -> tuple[Any, ...]:
        x, *parts = ctx.saved_tensors
        weights = Weights(*(part.detach().cpu().numpy() for part in parts))
        of_inputs, of = ctx.own.back(x.detach().cpu().numpy(), weights, slope.detach().cpu().numpy())
        return (
            None, torch.from_numpy(of_inputs).to(x) if x.is_floating_point() else None,
            *(torch.from_numpy(found).to(part) for found, part in zip(of, parts, strict=True)),
        )  # fmt: skip


class Layer(torch.nn.Module):
    """A network of `lsnn.create`, `lsnn.fit` or `lsnn.load` as a module: inputs (samples, steps, cells) to readout.

    It computes on the CPU, from rest with each sample. Inputs may be numbers of any size, zeros and ones for spikes;
    they and the weights have gradients, the spike's derivative being the surrogate.

    Attributes:
        theta: normalised weight of each synapse; one whose sign is held counts as 0 beyond it.
        readout, bias: by how much a spike lifts an output, and what an output is at rest.

    Args:
        dtype: torch.float32 or torch.float64. threads: that run at once.

    Raises:
        InputError: no network, or inputs that do not fit it.
    """

    def __init__(self, network: Any, dtype: torch.dtype = torch.float32, threads: int = 1) -> None:
        super().__init__()
        precision = {torch.float32: np.float32, torch.float64: np.float64}.get(dtype, dtype)
        self._layer = layer.Layer(network, precision, threads)
        self.theta, self.readout, self.bias = (
            torch.nn.Parameter(torch.from_numpy(part)) for part in self._layer.weights()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The readout, (samples, steps, outputs)."""
        found: torch.Tensor = _Readout.apply(self._layer, x, self.theta, self.readout, self.bias)
        return found

    def network(self) -> Network:
        """The network with the weights that the layer has now: for `lsnn.fit`, `lsnn.simulate`, ..."""
        parts = (part.detach().cpu().numpy() for part in (self.theta, self.readout, self.bias))
        return self._layer.with_weights(Weights(*parts))
