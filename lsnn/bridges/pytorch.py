"""A network as a layer of PyTorch: `lsnn.torch.Layer`. Needs torch, `pip install lsnn[torch]`."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from lsnn.bridges import layer


class _Readout(torch.autograd.Function):
    """The readout as a function of inputs and weights, its way back the compiled adjoint."""

    @staticmethod
    def forward(ctx: Any, own: layer.Layer, x: torch.Tensor, *parts: torch.Tensor) -> torch.Tensor:
        ctx.own = own
        ctx.save_for_backward(x, *parts)
        return torch.from_numpy(own.forward(_plain(x), _by_name(own, parts))).to(parts[0])

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, slope: torch.Tensor) -> tuple[Any, ...]:
        x, *parts = ctx.saved_tensors
        of_inputs, of = ctx.own.back(_plain(x), _by_name(ctx.own, parts), _plain(slope))
        return (
            None, torch.from_numpy(of_inputs).to(x) if x.is_floating_point() else None,
            *(torch.from_numpy(of[name]).to(part) for name, part in zip(ctx.own.names, parts, strict=True)),
        )  # fmt: skip


def _plain(part: torch.Tensor) -> Any:
    return part.detach().cpu().numpy()


def _by_name(own: layer.Layer, parts: Iterable[torch.Tensor]) -> dict[str, Any]:
    return {name: _plain(part) for name, part in zip(own.names, parts, strict=True)}


class Layer(torch.nn.Module):
    """A network of `lsnn.create`, `lsnn.fit` or `lsnn.load`, or a `lsnn.Circuit`, as a module.

    Inputs (samples, steps, cells) to readout. It computes on the CPU, from rest with each sample. Inputs may be numbers
    of any size, zeros and ones for spikes; they and the weights have gradients, the spike's derivative being the
    surrogate.

    Attributes:
        theta: normalised weight of each synapse; one whose sign is held counts as 0 beyond it.
        readout, bias: by how much a spike lifts an output, and what an output is at rest.
        A circuit has, in place of theta, all that learns of it under names such as `weight/PROJECTION`, as
        `lsnn.circuits.learning` has them (a dot in a name is written as `_`): see `named_parameters`.

    Args:
        dtype: torch.float32 or torch.float64. threads: that run at once.

    Raises:
        InputError: no network, or inputs that do not fit it.
    """

    def __init__(self, network: Any, dtype: torch.dtype = torch.float32, threads: int = 1) -> None:
        super().__init__()
        precision = {torch.float32: np.float32, torch.float64: np.float64}.get(dtype, dtype)
        self._layer = layer.Layer(network, precision, threads)
        self._called = [name.replace(".", "_") for name in self._layer.names]
        for called, part in zip(self._called, self._layer.weights().values(), strict=True):
            self.register_parameter(called, torch.nn.Parameter(torch.from_numpy(part)))

    def _parts(self) -> list[torch.Tensor]:
        return [getattr(self, called) for called in self._called]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The readout, (samples, steps, outputs)."""
        found: torch.Tensor = _Readout.apply(self._layer, x, *self._parts())
        return found

    def network(self) -> Any:
        """The network or circuit with the weights that the layer has now: for `lsnn.fit`, `lsnn.simulate`, ..."""
        return self._layer.with_weights(_by_name(self._layer, self._parts())).network
