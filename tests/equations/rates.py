"""Networks whose neurons send numbers, and the same graph in JAX, written by hand from their equations."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from lsnn.arrays.blocks import ArrayBlock
from lsnn.learning.descent import by_what_learns
from lsnn.network import NetworkConfig, build_network
from tests.kernels.autodiff import dense, spike

DT, STEPS, N_IN, N_OUT = 0.001, 60, 7, 2
PLAIN = (Path(__file__).parents[2] / "runs" / "examples" / "rate.toml").read_text()
ADAPTING = """
name = "adapting"
equations = '''
dv/dt = (I - v - 0.3*v**3)/tau_m : 1
da/dt = (tanh(v) - a)/tau_a : 1
dI/dt = -I/tau_s : 1
g : 1 (constant)
beta : 1 (constant)
v_0 : 1 (constant)
tau_m : second (constant)
tau_a : second (constant)
tau_s : second (constant)
'''
output = "tanh(g*v - beta*a) + 0.1*v"
method = "euler"
kept = true
substeps = 2
[parameters]
g = 1.3
tau_s = "4*ms"
v_0 = 0.2
[initial]
v = "v_0"
"""
LEARNT = {PLAIN: "tau_m", ADAPTING: "g, beta, v_0, tau_m, tau_a, tau_s, tau_out"}


def network_of(text=PLAIN, lif=0, n=12, full=False, seed=3, **settings):
    """n rate neurons and so many LIF neurons before them; full: all pairs joined with a delay of one step."""
    config = NetworkConfig(
        n_excitatory=lif, n_inhibitory=0, n_adaptive=n, adaptive_model=text, dale=False, rewire=False,
        connectivity=1.0 if full else 0.6, d_max_ms=1 if full else 3, input_gain=4.0, recurrent_gain=0.3, beta=0.4,
        tau_a_ms=40.0, **{"learnt": LEARNT[text]} | settings,
    )  # fmt: skip
    return build_network(config, N_IN, {"y": N_OUT}, np.zeros(0), np.random.SeedSequence(seed))


def inputs_of(seed=5, steps=STEPS):
    """Spikes (8, steps, N_IN) bool."""
    return np.random.default_rng(seed).random((8, steps, N_IN)) < 0.2


def slopes_of(network, seed=6, steps=STEPS):
    """dL/dy (T, n_out, 8), and dL/d(output or spike) beyond its effects (N,)."""
    g = np.random.default_rng(seed)
    return g.standard_normal((steps, N_OUT, 8)), 0.1 * g.standard_normal(network.config.n_neurons)


def compiled(network, inputs, g_y=None, g_z=None):
    """Readout and record in float64 and, with slopes, the gradient of what learns."""
    block, weights = ArrayBlock(network, inputs.shape[1], np.float64), network.weights(np.float64)
    y = block.forward(weights, inputs).copy()
    found = {} if g_y is None else by_what_learns(network, block.back(weights, g_y, g_z))
    return y, block.record, found


def sent_of(network, record):
    """What the rate neurons sent, (T, n, 8)."""
    (slots,) = (slots for slots in network.sent() if slots is not None)
    return record.x[:, slots]


# The same in JAX


def variables_of(network):
    """What learns: normalised weights; parameters by their logarithm, at 0."""
    found = {"theta": network.synapses.theta, "readout": network.readout, "bias": network.bias}
    found |= {f"parameter.{name}": np.zeros(len(values)) for name, values in network.learnt.items()}
    return {name: jnp.asarray(array) for name, array in found.items()}


def _plain(s, current, p):
    alpha = jnp.exp(-DT / p["tau_m"])
    v = alpha * s["v"] + (1 - alpha) * current
    return {"v": v}, jnp.tanh(v)


def _adapting(s, current, p):
    v, a, i, h = s["v"], s["a"], s["I"] + current, DT / 2
    for _ in range(2):
        v, a, i = (
            v + h * (i - v - 0.3 * v**3) / p["tau_m"], a + h * (jnp.tanh(v) - a) / p["tau_a"], i - h * i / p["tau_s"],
        )  # fmt: skip
    return {"v": v, "a": a, "I": i}, jnp.tanh(p["g"] * v - p["beta"] * a) + 0.1 * v


def _loss(network, variables, inputs, g_y, g_z):
    """sum of g_y y and of g_z times what is sent, and y (T, n_out, 8)."""
    c, n, n_in = network.config, network.config.n_neurons, network.n_in
    cut, theta = network.n_input_synapses, variables["theta"] * network.effect()
    s = network.synapses
    wirings = ((s.source[:cut], s.target[:cut], s.delay[:cut]), (s.source[cut:] - n_in, s.target[cut:], s.delay[cut:]))
    W_in = dense(wirings[0], theta[:cut], n_in, n, c.d_max_ms)
    W_rec = dense(wirings[1], theta[cut:], n, n, c.d_max_ms)
    values = {name: network.learnt[name] * jnp.exp(variables[f"parameter.{name}"]) for name in network.learnt}
    rates = slice(c.n_excitatory, n)
    defaults = {"tau_m": network.tau_m_ms / 1000, "tau_a": np.full(n, 0.04), "beta": network.beta}
    defaults |= {"g": np.full(n, 1.3), "tau_s": np.full(n, 0.004), "v_0": np.full(n, 0.2)}
    p = {name: (defaults | values)[name][rates] for name in defaults}
    kappa = jnp.exp(-DT / values.get("tau_out", np.array([c.tau_out_ms / 1000]))[0])
    alpha = jnp.exp(-DT / (defaults | values)["tau_m"][: c.n_excitatory])
    adapting = c.adaptive_model != PLAIN

    def step(carry, x_t):
        lif, since, state, past_x, past_z, r = carry
        current = jnp.einsum("dei,dij->ej", past_x, W_in) + jnp.einsum("dei,dij->ej", past_z, W_rec)
        z_before = past_z[0][:, : c.n_excitatory]
        lif = alpha * lif + (1 - alpha) * current[:, : c.n_excitatory] - c.b0 * z_before
        free = since + 1 >= c.refractory_ms
        z = jnp.where(free, spike((lif - c.b0) / c.b0, c.surrogate_gamma), 0.0)
        state, sent = (_adapting if adapting else _plain)(state, current[:, rates], p)
        z, since = jnp.concatenate([z, sent], axis=1), jnp.where(z > 0, 0, since + 1)
        r = kappa * r + z @ variables["readout"]
        past_x, past_z = (jnp.concatenate([new[None], old[:-1]]) for new, old in ((x_t, past_x), (z, past_z)))
        return (lif, since, state, past_x, past_z, r), (r + variables["bias"], z)

    zero = jnp.zeros((8, c.n_adaptive))
    state = {"v": zero + p["v_0"], "a": zero, "I": zero} if adapting else {"v": zero}
    start = (
        jnp.zeros((8, c.n_excitatory)), jnp.full((8, c.n_excitatory), 1000), state,
        jnp.zeros((c.d_max_ms, 8, n_in)), jnp.zeros((c.d_max_ms, 8, n)), jnp.zeros((8, N_OUT)),
    )  # fmt: skip
    _, (y, z) = jax.lax.scan(step, start, jnp.asarray(inputs.transpose(1, 0, 2), float))
    y = y.transpose(0, 2, 1)
    return (g_y * y).sum() + (z * g_z).sum(), y


def by_autodiff(network, inputs, g_y, g_z):
    """Readout (T, n_out, 8) and gradient of what learns."""
    found = jax.grad(lambda v: _loss(network, v, inputs, g_y, g_z), has_aux=True)(variables_of(network))
    return np.asarray(found[1]), {name: np.asarray(g) for name, g in found[0].items()}
