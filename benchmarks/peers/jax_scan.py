"""JAX: a jitted `lax.scan`, differentiated by JAX; the derivative of the spike alone is replaced.

`dense` knows no delays. With them there are three forms: `delay_history` multiplies the spikes of the last d_max
steps by one slice of weights a delay; `delay_pending` sends every spike at once to the currents of the next d_max
steps (the same sum, but the history need not be kept for the backward pass); `delay_gather` reads the spike history
at the synapses alone, padded to the largest fan-in, and once more in the backward pass, for what it reads does not
fit into memory. The input currents of all steps are computed before the scan, their readout after it;
with slices for delays dL/dW, too, is one product for all steps after the scan backwards, and not a sum that the scan
carries.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers.problem import Problem, Synapses, dense, of_synapses

CHUNK = 100  # steps whose dL/dW is summed at once


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def spike(u, gamma):
    """1 where u > 0; its derivative is replaced by gamma max(0, 1-|u|)."""
    return (u > 0).astype(u.dtype)


@spike.defjvp
def spike_jvp(gamma, primals, tangents):
    (u,), (du,) = primals, tangents
    return spike(u, gamma), gamma * jnp.maximum(0, 1 - jnp.abs(u)) * du


def step_neurons(constants, gamma, refractory, state, current):
    """v, b, blocked steps and z of one step from those of the step before and I."""
    alpha, beta, rho = constants
    v, b, blocked, z = state
    v = alpha * v + current - (1 + beta * b) * z
    b = rho * b + (1 - rho) * z
    z = jnp.where(blocked > 0, 0, spike(v - (1 + beta * b), gamma))
    blocked = jnp.where(z > 0, refractory - 1, jnp.maximum(blocked - 1, 0))
    return v, b, blocked, z


class Network(ABC):
    """What the forms have in common; a form says how spikes become currents."""

    batch_last = False

    @abstractmethod
    def initial_weights(self) -> dict[str, np.ndarray]:
        """The weights of the synapses, in the form's own layout."""

    @abstractmethod
    def synaptic_gradient(self, g) -> dict[str, np.ndarray]:
        """The gradient in the order of the problem's synapses."""

    @abstractmethod
    def input_currents(self, weights, x):
        """What the inputs cause in every step."""

    @abstractmethod
    def empty_line(self, shape):
        """Of the delays, before the first step."""

    @abstractmethod
    def arriving(self, weights, line, from_input):
        """The current of a step, and the line without it."""

    @abstractmethod
    def sent(self, weights, line, z):
        """The line with the spikes of a step."""

    def __init__(self, problem: Problem, dtype):
        self.problem, self.dtype = problem, dtype
        self.x, self.g = jnp.asarray(problem.input_spikes(dtype)), jnp.asarray(problem.g(dtype))
        constants = (np.asarray(a, dtype) for a in (problem.alpha, problem.beta, problem.rho))
        self.constants = tuple(jnp.asarray(a[:, None] if self.batch_last and a.ndim else a) for a in constants)
        self.weights = {"readout": jnp.asarray(problem.readout, dtype), "bias": jnp.asarray(problem.bias, dtype)}
        self.weights |= {name: jnp.asarray(w) for name, w in self.initial_weights().items()}
        self._run = jax.jit(self.run)
        self._loss_gradient = jax.jit(self.loss_gradient)
        self.facts = {"versions": {"jax": jax.__version__}}

    def spikes_of(self, weights, currents):
        """Spikes of all steps, (T, E, N) or (T, N, E), from the currents that the inputs cause."""
        problem = self.problem
        shape = (problem.n_neurons, problem.episodes) if self.batch_last else (problem.episodes, problem.n_neurons)
        rest = jnp.zeros(shape, self.dtype)

        def advance(carry, from_input):
            neurons, line = carry
            current, line = self.arriving(weights, line, from_input)
            neurons = step_neurons(self.constants, problem.gamma, problem.refractory, neurons, current)
            return (neurons, self.sent(weights, line, neurons[3])), neurons[3]

        neurons = (rest, rest, jnp.zeros(shape, jnp.int32), rest)
        return jax.lax.scan(self.remembering(advance), (neurons, self.empty_line(shape)), currents)[1]

    def read_out(self, weights, z):
        """y (T, E, n_out)."""
        kappa = jnp.asarray(self.problem.kappa, self.dtype)
        driven = (z.transpose(0, 2, 1) if self.batch_last else z) @ weights["readout"]

        def leak(r, now):
            r = kappa * r + now
            return r, r

        return jax.lax.scan(leak, jnp.zeros_like(driven[0]), driven)[1] + weights["bias"]

    def run(self, weights, x):
        """Spikes as `spikes_of` and readout y (T, E, n_out)."""
        z = self.spikes_of(weights, self.input_currents(weights, x))
        return z, self.read_out(weights, z)

    def loss_gradient(self, weights, x):
        """dL/d(weights) in the form's own layout."""
        return jax.grad(lambda weights: jnp.sum(self.g * self.run(weights, x)[1]))(weights)

    def remembering(self, advance):
        """What of a step is kept for the backward pass: all that JAX wants to keep."""
        return advance

    def forward(self):
        """y of all episodes."""
        return jax.block_until_ready(self._run(self.weights, self.x))

    def gradient(self) -> dict[str, Any]:
        """dL/d(weights) in the order of the problem's synapses."""
        g = jax.block_until_ready(self._loss_gradient(self.weights, self.x))
        return {"readout": g["readout"], "bias": g["bias"]} | self.synaptic_gradient(g)

    def spikes(self) -> np.ndarray:
        """(T, E, N)."""
        z = np.asarray(self._run(self.weights, self.x)[0])
        return z.transpose(0, 2, 1) if self.batch_last else z


class Slices(Network):
    """Dense weights, a slice a delay: (d_max, n_pre, N)."""

    def initial_weights(self):
        """Slices of the problem's synapses."""
        p = self.problem
        return {
            "inputs": dense(p.inputs, p.n_in, p.n_neurons, p.d_max, self.dtype),
            "recurrent": dense(p.recurrent, p.n_neurons, p.n_neurons, p.d_max, self.dtype),
        }

    def synaptic_gradient(self, g):
        """The entries that are synapses."""
        p = self.problem
        parts = {"inputs": p.inputs, "recurrent": p.recurrent}
        return {name: of_synapses(np.asarray(g[name]), synapses) for name, synapses in parts.items()}

    def input_currents(self, weights, x):
        """sum over d of x[t-d] W_in[d], zero before the start; (T, E, N)."""
        d_max = self.problem.d_max
        padded = jnp.concatenate([jnp.zeros((d_max, *x.shape[1:]), x.dtype), x])
        late = [padded[d_max - d : d_max - d + len(x)] for d in range(1, d_max + 1)]
        return jnp.concatenate(late, axis=-1) @ weights["inputs"].reshape(-1, self.problem.n_neurons)

    def loss_gradient(self, weights, x):
        """dL/dI of all steps by JAX, the recurrent weights held; then dL/dW = sum over t of z[t-d] dL/dI[t]."""

        def loss(currents, readout, bias):
            z = self.spikes_of(weights, currents)
            return jnp.sum(self.g * self.read_out({"readout": readout, "bias": bias}, z)), z

        grad = jax.grad(loss, argnums=(0, 1, 2), has_aux=True)
        (g, *others), z = grad(self.input_currents(weights, x), weights["readout"], weights["bias"])
        found = {name: self.product(before, g) for name, before in (("inputs", x), ("recurrent", z))}
        return found | dict(zip(("readout", "bias"), others, strict=True))

    def product(self, before, g):
        """sum over t and episodes of before[t-d] g[t] for each delay, (d_max, n_pre, N); chunks stay in the cache."""
        d_max, count = self.problem.d_max, -(-len(g) // CHUNK)
        beyond = ((0, count * CHUNK - len(g)), (0, 0), (0, 0))
        g, before = jnp.pad(g, beyond), jnp.pad(before, ((d_max, beyond[0][1]), *beyond[1:]))

        def add(total, first):
            now = jax.lax.dynamic_slice_in_dim(g, first, CHUNK)
            late = (jax.lax.dynamic_slice_in_dim(before, first + d_max - d, CHUNK) for d in range(1, d_max + 1))
            return total + jnp.stack([jnp.einsum("tep,ten->pn", each, now) for each in late]), None

        total = jnp.zeros((d_max, before.shape[2], g.shape[2]), g.dtype)
        return jax.lax.scan(add, total, CHUNK * jnp.arange(count))[0]


class Dense(Slices):
    """Without delays: one matrix, whose gradient the scan carries."""

    loss_gradient = Network.loss_gradient

    def empty_line(self, shape):
        """The spikes of the last step."""
        return jnp.zeros(shape, self.dtype)

    def arriving(self, weights, line, from_input):
        """The current of this step."""
        return from_input + line @ weights["recurrent"][0], line

    def sent(self, weights, line, z):
        """What the next step sees."""
        return z


class DenseAfter(Dense):
    """The same, its gradient summed after the scan."""

    loss_gradient = Slices.loss_gradient


class DelayHistory(Slices):
    """The spikes of the last d_max steps, the newest first, times all slices at once."""

    def empty_line(self, shape):
        """(E, d_max N)."""
        return jnp.zeros((shape[0], self.problem.d_max * shape[1]), self.dtype)

    def arriving(self, weights, line, from_input):
        """The current of this step."""
        return from_input + line @ weights["recurrent"].reshape(-1, self.problem.n_neurons), line

    def sent(self, weights, line, z):
        """The history one step later."""
        return jnp.concatenate([z, line[:, : -self.problem.n_neurons]], axis=1)


class DelayPending(Slices):
    """Currents under way, (E, d_max N): the spikes of a step are sent to all of them at once."""

    def empty_line(self, shape):
        """(E, d_max N)."""
        return jnp.zeros((shape[0], self.problem.d_max * shape[1]), self.dtype)

    def arriving(self, weights, line, from_input):
        """The current of this step; the others come a step nearer."""
        n = self.problem.n_neurons
        return from_input + line[:, :n], jnp.concatenate([line[:, n:], jnp.zeros_like(line[:, :n])], axis=1)

    def sent(self, weights, line, z):
        """The currents with those that the spikes z cause."""
        fan_out = weights["recurrent"].transpose(1, 0, 2).reshape(self.problem.n_neurons, -1)
        return line + z @ fan_out


class DelayGather(Network):
    """Episodes innermost; each neuron reads the history (d_max N, E) at its synapses, padded to the largest fan-in."""

    batch_last = True

    def initial_weights(self):
        """Weights (N, K), 0 where padded; `self.place` says what they read."""
        p = self.problem
        self.place, self.slot = {}, {}
        weights = {}
        for name, synapses, n_pre in (("inputs", p.inputs, p.n_in), ("recurrent", p.recurrent, p.n_neurons)):
            weights[name], self.place[name], self.slot[name] = padded_fan_in(synapses, n_pre, p.n_neurons, self.dtype)
        return weights

    def synaptic_gradient(self, g):
        """The entries that are synapses."""
        return {name: np.asarray(g[name])[self.slot[name]] for name in ("inputs", "recurrent")}

    def input_currents(self, weights, x):
        """sum over synapses of x[t-d] w; (T, N, E), as one product with all slices, which is faster than a gather."""
        p = self.problem
        slices = jnp.zeros((p.d_max * p.n_in, p.n_neurons), self.dtype)
        rows = jnp.arange(p.n_neurons)[:, None]
        slices = slices.at[self.place["inputs"], rows].add(weights["inputs"])
        padded = jnp.concatenate([jnp.zeros((p.d_max, *x.shape[1:]), x.dtype), x])
        late = [padded[p.d_max - d : p.d_max - d + len(x)] for d in range(1, p.d_max + 1)]
        return (jnp.concatenate(late, axis=-1) @ slices).transpose(0, 2, 1)

    def empty_line(self, shape):
        """(d_max N, E)."""
        return jnp.zeros((self.problem.d_max * shape[0], shape[1]), self.dtype)

    def arriving(self, weights, line, from_input):
        """The current of this step."""
        read = line[self.place["recurrent"]]
        return from_input + jnp.sum(weights["recurrent"][:, :, None] * read, axis=1), line

    def sent(self, weights, line, z):
        """The history one step later."""
        return jnp.concatenate([z, line[: -self.problem.n_neurons]])

    def remembering(self, advance):
        """Only the carry: what was read is read again."""
        return jax.checkpoint(advance)


def padded_fan_in(synapses: Synapses, n_pre: int, n_post: int, dtype):
    """Weights (N, K), places in the history (delay-1) n_pre + pre (N, K), and (row, column) of every synapse."""
    order = np.argsort(synapses.post, kind="stable")
    post = synapses.post[order]
    column = np.arange(len(post)) - np.searchsorted(post, post)
    row_of, column_of = np.empty_like(order), np.empty_like(order)
    row_of[order], column_of[order] = post, column
    shape = (n_post, int(column.max(initial=0)) + 1)
    weight, place = np.zeros(shape, dtype), np.zeros(shape, np.int32)
    weight[row_of, column_of] = synapses.weight
    place[row_of, column_of] = (synapses.delay - 1) * n_pre + synapses.pre
    return weight, place, (row_of, column_of)


def models(problem: Problem, dtype) -> dict[str, Callable[[], Network]]:
    """The forms by name."""
    if dtype == np.float64:
        jax.config.update("jax_enable_x64", True)
    return {
        "dense": lambda: Dense(problem.without_delays(), dtype),
        "dense_after": lambda: DenseAfter(problem.without_delays(), dtype),
        "delay_history": lambda: DelayHistory(problem, dtype),
        "delay_pending": lambda: DelayPending(problem, dtype),
        "delay_gather": lambda: DelayGather(problem, dtype),
    }
