"""The zoo's neurons in JAX, each written by hand from its equations: gradients independent of SymPy and of Brian2.

A model is three functions of its state (a dict of arrays (E, n)) and its parameters (SI units): `move` one integration
step, `distance` u from the threshold, `reset` what a spike leaves. Order of a step as in Brian2; only the derivative
of the spike is replaced.
"""

from functools import partial
from types import SimpleNamespace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.numpy import exp

from tests.equations.zoo import D_MAX, DT, GAMMA, KAPPA, N_IN, ZOO, N, Network, parameters_of
from tests.kernels.autodiff import dense, input_current


class Lif:
    """LIF with a threshold that spikes raise; no adaptation where a model has no b."""

    variables = ("v", "b")
    synaptic = "I"

    def move(self, s, current, p, dt):
        a = exp(-dt / p.tau_m)
        return {"v": a * s["v"] + (1 - a) * current, "b": s["b"] * exp(-dt / p.tau_a)}

    def threshold(self, s, p):
        return p.b0 + p.beta * s["b"]

    def distance(self, s, p):
        return (s["v"] - self.threshold(s, p)) / p.b0

    def reset(self, s, p):
        v = s["v"] - self.threshold(s, p) * exp(DT / p.tau_m)
        return {"v": v, "b": s["b"] + exp(DT / p.tau_a) - 1}


class PlainLif(Lif):
    def threshold(self, s, p):
        return p.b0 + 0 * s["b"]


class Exponential(Lif):
    """Two exponentials: v after a decaying current."""

    variables = ("v", "b", "I")

    def move(self, s, current, p, dt):
        a, d = exp(-dt / p.tau_m), exp(-dt / p.tau_s)
        v = a * s["v"] + p.tau_s / (p.tau_m - p.tau_s) * (a - d) * s["I"]
        return {"v": v, "b": s["b"] * exp(-dt / p.tau_a), "I": d * s["I"]}

    def reset(self, s, p):
        return super().reset(s, p) | {"I": s["I"]}


class Sfa:
    variables = ("v", "a")
    synaptic = "I"

    def move(self, s, current, p, dt):
        a, r = exp(-dt / p.tau_m), exp(-dt / p.tau_a)
        pull = p.tau_a / (p.tau_a - p.tau_m) * (r - a) * s["a"]
        return {"v": a * s["v"] + (1 - a) * current - pull, "a": r * s["a"]}

    def distance(self, s, p):
        return (s["v"] - p.b0) / p.b0

    def reset(self, s, p):
        return {"v": s["v"] - p.b0 * exp(DT / p.tau_m), "a": s["a"] + p.beta * (exp(DT / p.tau_a) - 1)}


class TwoTimeConstants(Lif):
    variables = ("v", "b", "b_fast")

    def move(self, s, current, p, dt):
        return super().move(s, current, p, dt) | {"b_fast": s["b_fast"] * exp(-dt / p.tau_fast)}

    def threshold(self, s, p):
        return p.b0 + p.beta * s["b"] + p.beta_fast * s["b_fast"]

    def reset(self, s, p):
        return super().reset(s, p) | {"b_fast": s["b_fast"] + exp(DT / p.tau_fast) - 1}


class Izhikevich:
    """In mV and ms inside: v in mV is 1000 v, u and I in mV/ms are as they are, b in 1/ms is b/1000."""

    variables = ("v", "u")
    synaptic = "I"

    def start(self, p):
        return {"v": -0.07, "u": -0.07 * p.b}

    def move(self, s, current, p, dt):
        v = 1000 * s["v"]
        dv = 0.04 * v**2 + 5 * v + 140 - s["u"] + current
        v_next = jnp.where(p.free, (v + 1000 * dt * dv) / 1000, s["v"])
        return {"v": v_next, "u": s["u"] + dt / p.tau_a * (p.b / 1000 * v - s["u"])}

    def distance(self, s, p):
        return (1000 * s["v"] + 35) / 35

    def reset(self, s, p):
        return {"v": p.c + 0 * s["v"], "u": s["u"] + p.d}


class Adex:
    variables = ("v", "w")
    synaptic = "I"

    def start(self, p):
        return {"v": p.E_L, "w": 0.0}

    def move(self, s, current, p, dt):
        v, w = s["v"], s["w"]
        spike_current = p.g_L * p.Delta_T * exp(jnp.clip((v - p.V_T) / p.Delta_T, -20, 5))
        dv = (-p.g_L * (v - p.E_L) + spike_current - w + current) / p.C
        return {"v": jnp.where(p.free, v + dt * dv, v), "w": w + dt / p.tau_a * (p.a * (v - p.E_L) - w)}

    def distance(self, s, p):
        peak = p.V_T + 5 * p.Delta_T
        return (s["v"] - peak) / (peak - p.E_L)

    def reset(self, s, p):
        return {"v": p.V_r + 0 * s["v"], "w": s["w"] + p.b}


class Conductance:
    """Exponential Euler; the membrane rests while refractory, the conductance does not."""

    variables = ("v", "g")
    synaptic = "g"

    def start(self, p):
        return {"v": p.E_L, "g": 0.0}

    def move(self, s, current, p, dt):
        total = p.g_L + s["g"]
        towards = (p.g_L * p.E_L + s["g"] * p.E_e) / total
        v = towards + (s["v"] - towards) * exp(-dt * total / p.C)
        return {"v": jnp.where(p.free, v, s["v"]), "g": s["g"] * exp(-dt / p.tau_s)}

    def distance(self, s, p):
        return (s["v"] + 52e-3) / 15e-3

    def reset(self, s, p):
        return {"v": p.v_reset + 0 * s["v"], "g": s["g"]}


class Functions:
    variables = ("x", "s_bar", "c0")
    synaptic = "I"

    def move(self, s, current, p, dt):
        x, y = s["x"], s["s_bar"]
        rate = current - jnp.tanh(x) + 0.1 * jnp.sin(3 * x) * jnp.cos(x) - 0.1 * x * jnp.sqrt(1 + x**2)
        rate = rate - 0.1 * jnp.log(1 + jnp.abs(x)) - y / (2 + x**2)
        return {"x": x + dt / p.tau_m * rate, "s_bar": y + dt / p.tau_a * (jnp.clip(x, 0.1, 0.8) - y), "c0": s["c0"]}

    def distance(self, s, p):
        return (s["x"] + s["x"] ** 3 - 0.3 - 0.1 * exp(s["s_bar"]) - s["c0"]) / 0.3

    def reset(self, s, p):
        x = 0.2 * s["x"]
        y = s["s_bar"] + 0.1 * x
        return {"x": x, "s_bar": y, "c0": s["c0"] / (1 + y**2) + 0.05}


BY_HAND = {
    "lif": PlainLif(), "alif": Lif(), "sigmoid": Lif(), "gauss": Lif(), "exponential": Exponential(), "sfa": Sfa(),
    "alif2": TwoTimeConstants(), "izhikevich": Izhikevich(), "adex": Adex(), "conductance": Conductance(),
    "functions": Functions(),
}  # fmt: skip
PSI = {
    "triangle": lambda x: jnp.maximum(0.0, 1 - jnp.abs(x)),
    "fast_sigmoid": lambda x: (1 + jnp.abs(x)) ** -2,
    "gaussian": lambda x: exp(-0.5 * x**2),
}


@partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def spike(u, shape, width):
    """1 where u > 0; its derivative is replaced by GAMMA psi(u / width)."""
    return jnp.where(u > 0, 1.0, 0.0)


@spike.defjvp
def spike_jvp(shape, width, primals, tangents):
    (u,), (du,) = primals, tangents
    return spike(u, shape, width), GAMMA * PSI[shape](u / width) * du


class Carry(NamedTuple):
    states: list
    since: list
    delay_line: jnp.ndarray
    r: jnp.ndarray


def step_of(group, parameters, state, since, current, detach_reset):
    """One step of a group: its state at the threshold, after the reset, spikes and steps since the last."""
    model, by_hand = group.model.model, BY_HAND[group.model.model.name]
    p = SimpleNamespace(**(group.given | parameters), free=since + 1 >= jnp.rint(group.given["t_ref"] / DT))
    if by_hand.synaptic in by_hand.variables:
        state = state | {by_hand.synaptic: state[by_hand.synaptic] + current}
    for _ in range(model.substeps):
        state = by_hand.move(state, current, p, DT / model.substeps)
    z = jnp.where(p.free, spike(by_hand.distance(state, p), model.surrogate, model.width), 0.0)
    membrane, after = by_hand.variables[0], by_hand.reset(state, p)
    weights = {name: jax.lax.stop_gradient(z) if detach_reset and name == membrane else z for name in state}
    state = {name: x + weights[name] * (after[name] - x) for name, x in state.items()}
    return state, z, jnp.where(z > 0, 0, since + 1)


def simulate(network: Network, weights, x, detach_reset):
    """z (T, E, N) and y (T, E, n_out)."""
    n_episodes, parameters = x.shape[1], weights["parameters"]
    W_in = dense(network.inputs, weights["inputs"], N_IN, N, D_MAX)
    W_rec = dense(network.recurrent, weights["recurrent"], N, N, D_MAX)

    def advance(carry, from_input):
        current = from_input + jnp.einsum("dei,dij->ej", carry.delay_line, W_rec)
        parts = [
            step_of(group, own, state, since, current[:, group.neurons], detach_reset)
            for group, own, state, since in zip(network.groups, parameters, carry.states, carry.since, strict=True)
        ]
        states, z, since = (list(column) for column in zip(*parts, strict=True))
        z = jnp.concatenate(z, axis=1)
        r = KAPPA * carry.r + (1 - KAPPA) * (z @ weights["W_out"])
        return Carry(states, since, jnp.concatenate([z[None], carry.delay_line[:-1]]), r), (z, r + weights["bias"])

    start = Carry(
        [rest(group, own, n_episodes) for group, own in zip(network.groups, parameters, strict=True)],
        [jnp.full((n_episodes, group.size), 1_000_000) for group in network.groups],
        jnp.zeros((D_MAX, n_episodes, N)),
        jnp.zeros((n_episodes, len(weights["bias"]))),
    )
    return jax.lax.scan(advance, start, input_current(x, W_in))[1]


def rest(group, parameters, n_episodes):
    """The state at the start."""
    by_hand, shape = BY_HAND[group.model.model.name], (n_episodes, group.size)
    values = by_hand.start(SimpleNamespace(**parameters)) if hasattr(by_hand, "start") else {}
    return {name: jnp.broadcast_to(values.get(name, 0.0), shape) for name in by_hand.variables}


def gradients(network: Network, x, g_y, g_z, detach_reset=False):
    """Gradients of L = sum(g_y * y) + sum(g_z * z) in a dict, and `z` (T, E, N) of the run.

    `parameters`: of each group, by name, as `zoo.parameters_of` gives their values.
    """
    assert len(BY_HAND) == len(ZOO)
    x = jnp.asarray(x, jnp.float64)

    def loss(weights):
        z, y = simulate(network, weights, x, detach_reset)
        return jnp.sum(g_y * y) + jnp.sum(g_z * z), {"z": z, "y": y}

    named = {"inputs": network.inputs.weight, "recurrent": network.recurrent.weight}
    weights = named | {"W_out": network.W_out, "bias": network.bias}
    weights |= {"parameters": [parameters_of(group) for group in network.groups]}
    gradient, run = jax.jit(jax.grad(loss, has_aux=True))(jax.tree.map(jnp.asarray, weights))
    return jax.tree.map(np.asarray, gradient | run)
