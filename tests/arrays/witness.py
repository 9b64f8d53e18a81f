"""A network on arrays in JAX, written from docs/design.md alone: its readout, and the gradient of all that learns."""

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

DT = 1e-3


@jax.custom_jvp
def spike(u, gamma):
    return (u > 0).astype(u.dtype)


@spike.defjvp
def _slope(primals, tangents):
    u, gamma = primals
    return spike(u, gamma), gamma * jnp.maximum(0, 1 - jnp.abs(u)) * tangents[0]


def variables_of(network):
    """What learns, in double precision: normalised weights, and the parameters themselves."""
    found = {"theta": network.synapses.theta, "readout": network.readout, "bias": network.bias} | dict(network.learnt)
    return {name: jnp.asarray(array, float) for name, array in found.items()}


def readout(network, variables, x):
    """y (S, T, n_out) under inputs x (S, T, n_in), numbers of any size, from rest."""
    c, n, n_in = network.config, network.config.n_neurons, network.n_in
    source, target, delay = (np.asarray(network.synapses._asdict()[k], int) for k in ("source", "target", "delay"))
    of_input = source < n_in
    unit = c.b0 / (1 - np.exp(-DT / (network.tau_m_ms / 1000)))  # a weight of 1 lifts v by b0, as learning began
    signs = network.synapses.sign if c.signed else 1.0
    w = variables["theta"] * signs * unit[target]
    tau_m = variables.get("tau_m", network.tau_m_ms / 1000)
    beta = variables.get("beta", network.beta)
    tau_out = variables.get("tau_out", np.array([c.tau_out_ms / 1000]))[0]
    alpha, rho, kappa = jnp.exp(-DT / tau_m), np.exp(-1 / c.tau_a_ms), jnp.exp(-DT / tau_out)
    from_inputs = (
        jnp.zeros((c.d_max_ms, n_in, n)).at[delay[of_input] - 1, source[of_input], target[of_input]].add(w[of_input])
    )
    others = ~of_input
    recurrent = (
        jnp.zeros((c.d_max_ms, n, n)).at[delay[others] - 1, source[others] - n_in, target[others]].add(w[others])
    )
    samples = x.shape[0]
    zero = jnp.zeros((samples, n))

    def step(state, x_t):
        v, b, B, z, blocked, r, past_x, past_z = state
        current = jnp.einsum("dsi,dij->sj", past_x, from_inputs) + jnp.einsum("dsi,dij->sj", past_z, recurrent)
        v = alpha * v + (1 - alpha) * current - B * z
        b = rho * b + (1 - rho) * z
        B = c.b0 + beta * b
        z = spike((v - B) / c.b0, c.surrogate_gamma) * (blocked == 0)
        blocked = jnp.where(z > 0, c.refractory_ms - 1, jnp.maximum(blocked - 1, 0))
        r = kappa * r + z @ variables["readout"]  # w' = w (1 - kappa) is what is learnt of the readout
        past_x, past_z = (jnp.concatenate([new[None], old[:-1]]) for new, old in ((x_t, past_x), (z, past_z)))
        return (v, b, B, z, blocked, r, past_x, past_z), r + variables["bias"]

    past_x, past_z = (jnp.zeros((c.d_max_ms, samples, size)) for size in (n_in, n))
    start = (zero, zero, zero + c.b0, zero, zero, jnp.zeros((samples, network.n_out)), past_x, past_z)
    return jax.lax.scan(step, start, jnp.asarray(x, float).swapaxes(0, 1))[1].swapaxes(0, 1)


def cross_entropy(network, variables, x, labels):
    """Mean over samples of the cross-entropy of a softmax over the mean of the readout."""
    chances = jax.nn.log_softmax(readout(network, variables, x).mean(axis=1))
    return -jnp.mean(chances[jnp.arange(len(labels)), labels])
