"""PyTorch: a loop over steps in Python, differentiated by autograd; the derivative of the spike alone is replaced.

`dense` knows no delays. With them, `delay_dense` multiplies the spikes of the last d_max steps by one slice of
weights a delay; `delay_sparse` reads them through one sparse matrix (CSR); `delay_sparse_backward` does so with a
backward pass written by hand, for autograd's does not use that the pattern of the matrix is fixed. `compiled` is
`dense` with a few steps at a time put through `torch.compile`. The input is unbound over time, for the backward pass
of indexing fills a whole tensor a step; the input currents of all steps are computed before the loop.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.peers.problem import Problem, dense, of_synapses

SEGMENT = 10  # steps that are compiled together


class Spike(torch.autograd.Function):
    """1 where u > 0; its derivative is replaced by gamma max(0, 1-|u|)."""

    @staticmethod
    def forward(ctx, u, gamma):
        """z"""
        ctx.save_for_backward(u)
        ctx.gamma = gamma
        return (u > 0).to(u.dtype)

    @staticmethod
    def backward(ctx, g):
        """dL/du"""
        (u,) = ctx.saved_tensors
        return g * (ctx.gamma * (1 - u.abs()).clamp(min=0)), None


class Loop(torch.nn.Module):
    """The network without delays; subclasses say how spikes become currents."""

    def __init__(self, problem: Problem, dtype):
        super().__init__()
        self.problem = problem
        self.dtype = {np.float32: torch.float32, np.float64: torch.float64}[dtype]
        self.x = torch.as_tensor(problem.input_spikes(dtype))
        self.g = torch.as_tensor(problem.g(dtype))
        self.alpha, self.beta = (torch.as_tensor(a, dtype=self.dtype) for a in (problem.alpha, problem.beta))
        self.W_in = self._learnt(dense(problem.inputs, problem.n_in, problem.n_neurons, problem.d_max, dtype))
        self.W_out, self.bias = self._learnt(problem.readout), self._learnt(problem.bias)
        self.facts = {"versions": {"torch": torch.__version__}}
        self.make_recurrent(problem, dtype)

    def _learnt(self, value) -> torch.nn.Parameter:
        return torch.nn.Parameter(torch.as_tensor(value, dtype=self.dtype))

    def make_recurrent(self, problem: Problem, dtype) -> None:
        """The recurrent weights (N, N)."""
        self.W_rec = self._learnt(dense(problem.recurrent, problem.n_neurons, problem.n_neurons, 1, dtype)[0])

    def recurrent_gradient(self) -> np.ndarray:
        """In the order of the synapses."""
        return of_synapses(self.W_rec.grad.numpy()[None], self.problem.recurrent)

    def input_currents(self) -> torch.Tensor:
        """sum over d of x[t-d] W_in[d], zero before the start; (T, E, N)."""
        d_max, steps = self.problem.d_max, self.problem.steps
        padded = torch.cat([torch.zeros(d_max, *self.x.shape[1:], dtype=self.dtype), self.x])
        late = [padded[d_max - d : d_max - d + steps] for d in range(1, d_max + 1)]
        return torch.cat(late, dim=2) @ self.W_in.reshape(-1, self.problem.n_neurons)

    def arriving(self, from_input, past):
        """The current of this step; past: spikes of the last steps, the newest first."""
        return torch.addmm(from_input, past[0], self.W_rec)

    def neurons(self, current, v, b, B, past):
        """v, b, B and z of one step."""
        rho, blocking = self.problem.rho, past[: self.problem.refractory - 1]
        v = torch.addcmul(torch.addcmul(current, self.alpha, v), B, past[0], value=-1)
        b = rho * b + (1 - rho) * past[0]
        B = torch.addcmul(torch.ones((), dtype=v.dtype), self.beta, b)
        free = 1 - sum(z.detach() for z in blocking) if blocking else 1
        return v, b, B, Spike.apply(v - B, self.problem.gamma) * free

    def read_out(self, r, z):
        """The leaky readout."""
        return torch.addmm(self.problem.kappa * r, z, self.W_out)

    def segment(self, currents, state):
        """Some steps: the spikes and readouts of each, and the state after them."""
        v, b, B, r, past = state
        spikes, readouts = [], []
        for from_input in currents:
            v, b, B, z = self.neurons(self.arriving(from_input, past), v, b, B, past)
            r = self.read_out(r, z)
            past = (z, *past[:-1])
            spikes.append(z)
            readouts.append(r)
        return spikes, readouts, (v, b, B, r, past)

    def rest(self):
        """The silent network."""
        p = self.problem
        zero = torch.zeros(p.episodes, p.n_neurons, dtype=self.dtype)
        r = torch.zeros(p.episodes, p.n_out, dtype=self.dtype)
        return zero, zero, torch.ones_like(zero), r, (zero,) * max(p.d_max, p.refractory - 1)

    def run_all(self):
        """Spikes (a list) and y (T, E, n_out)."""
        spikes, readouts, _ = self.segment(self.input_currents().unbind(), self.rest())
        return spikes, torch.stack(readouts) + self.bias

    def forward(self):
        """y of all episodes."""
        with torch.no_grad():
            return self.run_all()[1]

    def gradient(self) -> dict[str, Any]:
        """dL/d(weights) in the order of the problem's synapses."""
        self.zero_grad(set_to_none=True)
        torch.sum(self.g * self.run_all()[1]).backward()
        return {
            "inputs": of_synapses(self.W_in.grad.numpy(), self.problem.inputs),
            "recurrent": self.recurrent_gradient(),
            "readout": self.W_out.grad.numpy(),
            "bias": self.bias.grad.numpy(),
        }

    def spikes(self) -> np.ndarray:
        """(T, E, N)."""
        with torch.no_grad():
            return torch.stack(self.run_all()[0]).numpy()


class DelayDense(Loop):
    """Weights (d_max N, N) times the spikes of the last d_max steps side by side."""

    def make_recurrent(self, problem: Problem, dtype) -> None:
        """A slice a delay."""
        n = problem.n_neurons
        self.W_rec = self._learnt(dense(problem.recurrent, n, n, problem.d_max, dtype).reshape(-1, n))

    def recurrent_gradient(self) -> np.ndarray:
        """In the order of the synapses."""
        n = self.problem.n_neurons
        return of_synapses(self.W_rec.grad.numpy().reshape(-1, n, n), self.problem.recurrent)

    def arriving(self, from_input, past):
        """The current of this step."""
        return torch.addmm(from_input, torch.cat(past[: self.problem.d_max], dim=1), self.W_rec)


class Pattern:
    """Where a sparse matrix (n_rows, n_columns) and its transpose have entries, from rows and columns in CSR order."""

    def __init__(self, rows, columns, n_rows, n_columns):
        self.shape, self.order = (n_rows, n_columns), torch.as_tensor(np.lexsort((rows, columns)))
        self.index = self._starts(rows, n_rows), torch.as_tensor(columns, dtype=torch.int32)
        flipped = self.order.numpy()
        self.flipped_index = (
            self._starts(columns[flipped], n_columns),
            torch.as_tensor(rows[flipped], dtype=torch.int32),
        )

    @staticmethod
    def _starts(sorted_rows, n_rows):
        return torch.as_tensor(np.searchsorted(sorted_rows, np.arange(n_rows + 1)), dtype=torch.int32)

    def matrix(self, values):
        """With these values."""
        return torch.sparse_csr_tensor(*self.index, values, self.shape, check_invariants=False)

    def transposed(self, values):
        """Its transpose."""
        return torch.sparse_csr_tensor(
            *self.flipped_index, values[self.order], self.shape[::-1], check_invariants=False
        )


class DelaySparse(Loop):
    """Episodes innermost; the history (d_max N, E) is read through one CSR matrix, which autograd differentiates."""

    def make_recurrent(self, problem: Problem, dtype) -> None:
        """(N, d_max N) sparse; `self.place` is where it holds each synapse."""
        n, s = problem.n_neurons, problem.recurrent
        column = (s.delay - 1) * n + s.pre
        order = np.lexsort((column, s.post))
        self.place = np.argsort(order)
        self.pattern = Pattern(s.post[order], column[order], n, problem.d_max * n)
        self.W_rec = torch.nn.Parameter(self.pattern.matrix(torch.as_tensor(s.weight[order], dtype=self.dtype)))
        self.alpha, self.beta = self.alpha[:, None], self.beta[:, None]

    def recurrent_gradient(self) -> np.ndarray:
        """In the order of the synapses."""
        return self.W_rec.grad.values().numpy()[self.place]

    def input_currents(self) -> torch.Tensor:
        """As in `Loop`, (T, N, E)."""
        return super().input_currents().transpose(1, 2).contiguous()

    def arriving(self, from_input, past):
        """The current of this step."""
        return from_input + torch.sparse.mm(self.W_rec, torch.cat(past[: self.problem.d_max]))

    def read_out(self, r, z):
        """The leaky readout."""
        return torch.addmm(self.problem.kappa * r, z.t(), self.W_out)

    def rest(self):
        """The silent network."""
        v, b, B, r, past = super().rest()
        return v.t().contiguous(), b.t().contiguous(), B.t().contiguous(), r, tuple(z.t().contiguous() for z in past)

    def spikes(self) -> np.ndarray:
        """(T, E, N)."""
        return super().spikes().transpose(0, 2, 1)


class FixedPattern(torch.autograd.Function):
    """CSR matrix times dense, with a backward pass that knows that the pattern of the matrix never changes."""

    @staticmethod
    def forward(ctx, values, history, pattern):
        """The product (N, E)."""
        ctx.save_for_backward(values, history)
        ctx.pattern = pattern
        return torch.mm(pattern.matrix(values), history)

    @staticmethod
    def backward(ctx, g):
        """dL/d(values), dL/d(history)"""
        values, history = ctx.saved_tensors
        empty = ctx.pattern.matrix(torch.zeros_like(values))
        g_values = torch.sparse.sampled_addmm(empty, g, history.t(), beta=0).values()
        return g_values, torch.mm(ctx.pattern.transposed(values), g), None


class DelaySparseBackward(DelaySparse):
    """The same with a backward pass written for a fixed pattern."""

    def make_recurrent(self, problem: Problem, dtype) -> None:
        """Values (S,) in CSR order."""
        super().make_recurrent(problem, dtype)
        self.W_rec = torch.nn.Parameter(self.W_rec.detach().values().clone())

    def recurrent_gradient(self) -> np.ndarray:
        """In the order of the synapses."""
        return self.W_rec.grad.numpy()[self.place]

    def arriving(self, from_input, past):
        """The current of this step."""
        return from_input + FixedPattern.apply(self.W_rec, torch.cat(past[: self.problem.d_max]), self.pattern)


class Compiled(Loop):
    """`segment` put through torch.compile, `SEGMENT` steps at a time."""

    def run_all(self):
        """Spikes (a list) and y (T, E, n_out)."""
        if not hasattr(self, "compiled"):
            self.compiled = torch.compile(self.segment, dynamic=False)
        currents, state = self.input_currents().unbind(), self.rest()
        spikes: list[torch.Tensor] = []
        readouts: list[torch.Tensor] = []
        for first in range(0, len(currents), SEGMENT):
            part = self.compiled(currents[first : first + SEGMENT], state)
            spikes, readouts, state = spikes + part[0], readouts + part[1], part[2]
        return spikes, torch.stack(readouts) + self.bias


def models(problem: Problem, dtype) -> dict[str, Callable[[], Loop]]:
    """The forms by name."""
    return {
        "dense": lambda: Loop(problem.without_delays(), dtype),
        "compiled": lambda: Compiled(problem.without_delays(), dtype),
        "delay_dense": lambda: DelayDense(problem, dtype),
        "delay_sparse": lambda: DelaySparse(problem, dtype),
        "delay_sparse_backward": lambda: DelaySparseBackward(problem, dtype),
    }
