"""The same graph in JAX, float64: gradients by an autodiff tool, independent of any adjoint written by hand.

Dense tensors, one slice a delay; only the derivative of the spike is replaced. For small networks.

Shapes: T steps, E episodes, N neurons, S synapses, D = d_max. A wiring is any 4-tuple in coordinate form
(pre (S,) int, post (S,) int, delay (S,) int of 1 .. D steps, weight (S,)). Weights are in the units of the
equations. Every run starts from the silent network at rest.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)


class Neurons(NamedTuple):
    """Decay factors, thresholds and refractoriness; arrays (N,), refractory_steps int, kappa and gamma scalar."""

    alpha: np.ndarray
    rho: np.ndarray
    kappa: float
    b0: np.ndarray
    beta: np.ndarray
    refractory_steps: np.ndarray
    gamma: float = 0.3


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def spike(u, gamma):
    """1 where u > 0; its derivative is replaced by gamma max(0, 1-|u|)."""
    return jnp.where(u > 0, 1.0, 0.0)


@spike.defjvp
def spike_jvp(gamma, primals, tangents):
    (u,), (du,) = primals, tangents
    return spike(u, gamma), jnp.where(jnp.abs(u) < 1, gamma * (1 - jnp.abs(u)), 0.0) * du


def dense(wiring, weight, n_pre, n_post, n_delays):
    """Weights (D, n_pre, n_post): slice k holds the synapses with a delay of k + 1 steps."""
    pre, post, delay = (jnp.asarray(np.asarray(column)) for column in wiring[:3])
    return jnp.zeros((n_delays, n_pre, n_post)).at[delay - 1, pre, post].add(weight)


def input_current(x, W_in):
    """sum over d of x[t-d] W_in[d], zero before the start; x (T, E, n_in) -> (T, E, N)."""
    n_steps, n_delays = len(x), len(W_in)
    padded = jnp.concatenate([jnp.zeros((n_delays, *x.shape[1:])), x])
    return sum(padded[n_delays - d : n_delays - d + n_steps] @ W_in[d - 1] for d in range(1, n_delays + 1))


def simulate(x, W_in, W_rec, W_out, bias, neurons, detach_reset):
    """z (T, E, N) and y (T, E, n_out) from dense weights."""
    n_episodes, n_neurons, n_delays = x.shape[1], W_rec.shape[1], len(W_rec)
    alpha, rho, kappa, b0, beta = (jnp.asarray(value, jnp.float64) for value in neurons[:5])

    def advance(carry, from_input):
        v, b, since_spike, delay_line, r = carry
        z_old = delay_line[0]
        z_reset = jax.lax.stop_gradient(z_old) if detach_reset else z_old
        current = from_input + jnp.einsum("dei,dij->ej", delay_line, W_rec)
        v = alpha * v + (1 - alpha) * current - (b0 + beta * b) * z_reset
        b = rho * b + (1 - rho) * z_old
        since_spike = since_spike + 1
        may_spike = since_spike >= jnp.asarray(neurons.refractory_steps)
        z = jnp.where(may_spike, spike((v - (b0 + beta * b)) / b0, neurons.gamma), 0.0)
        since_spike = jnp.where(z > 0, 0, since_spike)
        r = kappa * r + (1 - kappa) * (z @ W_out)
        return (v, b, since_spike, jnp.concatenate([z[None], delay_line[:-1]]), r), (z, r + bias)

    rest = jnp.zeros((n_episodes, n_neurons))
    never = jnp.full((n_episodes, n_neurons), 1_000_000)
    start = (rest, rest, never, jnp.zeros((n_delays, *rest.shape)), jnp.zeros((n_episodes, len(bias))))
    return jax.lax.scan(advance, start, input_current(x, W_in))[1]


def gradients(x, wiring_in, wiring_rec, W_out, bias, neurons, dL_dy, dL_dz, detach_reset=False):
    """Gradients of L = sum(dL_dy * y) + sum(dL_dz * z), a loss with the given derivatives at the readout and spikes.

    x (T, E, n_in): input spikes. wiring_in, wiring_rec: 4-tuples, see above. W_out (N, n_out). bias (n_out,).
    neurons: any tuple in the order of `Neurons`. dL_dy (T, E, n_out). dL_dz (N,), the same in every step.
    detach_reset: z in the reset term counts as a constant.

    Returns numpy float64 arrays in a dict: `input` (S_in,) and `recurrent` (S_rec,) in the order of the wirings,
    `W_out` (N, n_out), `bias` (n_out,); and for comparison `z` (T, E, N) and `y` (T, E, n_out) of the run.
    """
    neurons, x = Neurons(*neurons), jnp.asarray(x, jnp.float64)
    n_neurons, n_delays = len(W_out), max(int(np.max(wiring[2], initial=1)) for wiring in (wiring_in, wiring_rec))

    def loss(weights):
        W_in = dense(wiring_in, weights["input"], x.shape[2], n_neurons, n_delays)
        W_rec = dense(wiring_rec, weights["recurrent"], n_neurons, n_neurons, n_delays)
        z, y = simulate(x, W_in, W_rec, weights["W_out"], weights["bias"], neurons, detach_reset)
        return jnp.sum(jnp.asarray(dL_dy) * y) + jnp.sum(jnp.asarray(dL_dz) * z), {"z": z, "y": y}

    named = {"input": wiring_in[3], "recurrent": wiring_rec[3], "W_out": W_out, "bias": bias}
    weights = {name: jnp.asarray(weight, jnp.float64) for name, weight in named.items()}
    gradient, run = jax.jit(jax.grad(loss, has_aux=True))(weights)
    return {name: np.asarray(value) for name, value in (gradient | run).items()}
