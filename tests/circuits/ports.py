"""A circuit of four models that put the rules of ports to the test, written by hand in JAX beside it.

The graph follows Brian2's order of a step, word for word: integrate, threshold, synapses, reset.
"""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
from brian2 import ms
from jax.numpy import exp

from lsnn.circuits.circuit import Circuit
from lsnn.circuits.parts import Population, Projection, Readout, Steps
from lsnn.circuits.values import normal, uniform
from lsnn.neurons import NeuronModel
from tests.kernels.autodiff import spike

DT, GAMMA, TAU_OUT = 0.0005, 0.3, 0.01

JUMPING = NeuronModel(  # synapses add to the membrane, which the reset scales
    name="jumping",
    equations="""
        dv/dt = (drive - v - w)/tau : 1
        dw/dt = -w/tau_w : 1
        drive : 1
        theta : 1 (constant)
        a : 1 (constant)
        tau : second (constant)
        tau_w : second (constant)
        t_ref : second (constant)
    """,
    threshold="v > theta", reset="w += 0.1 + a*v; v = 0.3*v*a", method="exact", scale="theta", synaptic="v", kept=True,
    driven=("drive",),
)  # fmt: skip
HOLDING = NeuronModel(  # likewise, but what arrives while the neuron is refractory is lost
    name="holding",
    equations="""
        dv/dt = (E - v)/tau : 1 (unless refractory)
        E : 1 (constant)
        theta : 1 (constant)
        tau : second (constant)
        t_ref : second (constant)
    """,
    threshold="v > theta", reset="v = 0.1*v", method="exact", scale="theta", synaptic="v", kept=True,
)  # fmt: skip
GATED = NeuronModel(  # two conductances
    name="gated",
    equations="""
        dv/dt = (-v + g_e*(E_e - v) + g_i*(E_i - v))/tau : 1 (unless refractory)
        dg_e/dt = -g_e/tau_e : 1
        dg_i/dt = -g_i/tau_i : 1
        E_e : 1 (constant)
        E_i : 1 (constant)
        theta : 1 (constant)
        tau : second (constant)
        tau_e : second (constant)
        tau_i : second (constant)
        t_ref : second (constant)
    """,
    threshold="v > theta", reset="v = 0", method="exponential_euler", scale="theta", synaptic="g_e, g_i", kept=True,
)  # fmt: skip
MIXED = NeuronModel(  # a current that is kept and that the reset halves, and one that is cleared; sub-steps
    name="mixed",
    equations="""
        dv/dt = (g + I - v - 0.3*v**2)/tau : 1
        dg/dt = -g/tau_s : 1
        I : 1
        theta : 1 (constant)
        tau : second (constant)
        tau_s : second (constant)
        t_ref : second (constant)
    """,
    threshold="v > theta", reset="v -= theta*(1 + g); g *= 0.5", method="euler", scale="theta", synaptic="g, I",
    substeps=2,
)  # fmt: skip
MODELS = {"jumping": JUMPING, "holding": HOLDING, "gated": GATED, "mixed": MIXED}
SIZE, N_IN, N_OUT = 5, 8, 3
PARAMETERS = {
    "jumping": {"theta": 0.8, "a": 0.4, "tau": 0.02, "tau_w": 0.05, "t_ref": 0.0},
    "holding": {"E": 0.5, "theta": 0.9, "tau": 0.015, "t_ref": 0.002},
    "gated": {"E_e": 5.0, "E_i": -1.0, "theta": 1.0, "tau": 0.02, "tau_e": 0.004, "tau_i": 0.008, "t_ref": 0.001},
    "mixed": {"theta": 0.6, "tau": 0.015, "tau_s": 0.005, "t_ref": 0.001},
}
STARTS = {"jumping": ("v", "w"), "holding": ("v",), "gated": ("v", "g_i"), "mixed": ("v", "g")}
WEIGHTS = {"v": 0.25, "g_e": 0.2, "g_i": 0.2, "g": 0.3, "I": 3.0}


def circuit(seed: int = 3, drive: np.ndarray | None = None, readout: bool = True, learn=True) -> Circuit:
    """All four, each onto all ports of all others; the input onto each first port; drive (T, SIZE): of `jumping`."""
    g = np.random.default_rng(seed)
    own = {} if drive is None else {"jumping": {"drive": Steps(drive, DT)}}
    populations = [Population("x", N_IN), *(_population(name, g, own.get(name, {})) for name in MODELS)]
    projections = [_projection("x", name, model.ports[0], 0.6, learn) for name, model in MODELS.items()]
    projections += [
        _projection(source, target, port, 0.4, learn)
        for source in MODELS for target, model in MODELS.items() for port in model.ports
    ]  # fmt: skip
    sums = Readout(tuple(MODELS), N_OUT, 1000 * TAU_OUT * ms, bias=np.array([0.1, 0.2, 0.3])) if readout else None
    return Circuit(populations, projections, sums, 1000 * DT * ms, seed, gamma=GAMMA)


def _population(name: str, g: np.random.Generator, drive: dict) -> Population:
    values = {key: value * (1 + 0.1 * g.uniform(-1, 1, SIZE)) for key, value in PARAMETERS[name].items()}
    values["t_ref"] = np.full(SIZE, PARAMETERS[name]["t_ref"])
    seconds = {key: v * 1000 * ms if key.startswith("t") and key != "theta" else v for key, v in values.items()}
    learnt = (*(key for key in values if key != "t_ref"), "initial")
    starts = {key: uniform(0.0, 0.3) for key in STARTS[name]}
    return Population(name, SIZE, MODELS[name], seconds, starts, learnt=learnt, drive=drive)


def _projection(source: str, target: str, port: str, connectivity: float, learn) -> Projection:
    weight = uniform(0, WEIGHTS[port]) if port.startswith("g_") else normal(0.6 * WEIGHTS[port], 0.5 * WEIGHTS[port])
    delay = uniform(1, 5.9) * DT * 1000 * ms
    return Projection(source, target, port, connectivity, weight=weight, delay=delay, learn=learn)


# The graph: of each model an integration step and the reset, by hand


def _jumping(s, p, arrived, drive, free):
    r, d = exp(-DT / p.tau), exp(-DT / p.tau_w)
    pull = p.tau_w / (p.tau_w - p.tau) * (d - r)
    return {"v": r * s["v"] + (1 - r) * drive - pull * s["w"], "w": d * s["w"]}


def _holding(s, p, arrived, drive, free):
    r = exp(-DT / p.tau)
    return {"v": jnp.where(free, p.E + (s["v"] - p.E) * r, s["v"])}


def _gated(s, p, arrived, drive, free):
    total = 1 + s["g_e"] + s["g_i"]
    goal = (s["g_e"] * p.E_e + s["g_i"] * p.E_i) / total
    v = goal + (s["v"] - goal) * exp(-DT * total / p.tau)
    decayed = {"g_e": s["g_e"] * exp(-DT / p.tau_e), "g_i": s["g_i"] * exp(-DT / p.tau_i)}
    return {"v": jnp.where(free, v, s["v"]), **decayed}


def _mixed(s, p, arrived, drive, free):
    for _ in range(2):
        dv = (s["g"] + arrived["I"] - s["v"] - 0.3 * s["v"] ** 2) / p.tau
        s = {"v": s["v"] + DT / 2 * dv, "g": s["g"] - DT / 2 * s["g"] / p.tau_s}
    return s


MOVE = {"jumping": _jumping, "holding": _holding, "gated": _gated, "mixed": _mixed}
RESET = {
    "jumping": lambda s, p: {"v": 0.3 * s["v"] * p.a, "w": s["w"] + 0.1 + p.a * s["v"]},
    "holding": lambda s, p: {"v": 0.1 * s["v"]},
    "gated": lambda s, p: {"v": 0 * s["v"], "g_e": s["g_e"], "g_i": s["g_i"]},
    "mixed": lambda s, p: {"v": s["v"] - p.theta * (1 + s["g"]), "g": 0.5 * s["g"]},
}
VARIABLES = {"jumping": ("v", "w"), "holding": ("v",), "gated": ("v", "g_e", "g_i"), "mixed": ("v", "g")}


def graph(made: Circuit, learnt: dict, x: np.ndarray, drive: np.ndarray, d_y: np.ndarray, d_x=None):
    """The loss sum(d_y y) + 0.01 sum(z) under input spikes x (E, T, N_IN), and all spikes, (T, E, n) a population.

    d_x: by population and variable (E, T, n), for a loss of sum(d_x x) more, x at the threshold.
    """
    depth = 1 + max(int(s.delay.max()) for s in made.synapses.values())
    delays = learnt.get("delay", {})
    dense = {p.label: _dense(made, p, learnt["weight"][p.label], depth, delays.get(p.label)) for p in made.projections}
    names, episodes = list(MODELS), x.shape[0]
    p = {name: SimpleNamespace(**(made.parameters[name] | learnt["parameters"][name])) for name in names}
    kappa = exp(-DT / learnt["tau"])

    def advance(carry, at_t):
        states, arrived, closed, refractory, history, r = carry
        x_t, drive_t, c_t, d_t = at_t
        spikes, loss = {"x": x_t}, 0.0
        for name in names:
            free = refractory[name] <= 0
            states[name] = MOVE[name](states[name], p[name], arrived[name], drive_t, free)
            loss += sum((d * states[name][v]).sum() for (of, v), d in d_t.items() if of == name)
            u = (states[name]["v"] - p[name].theta) / p[name].theta
            spikes[name] = spike(u, GAMMA) * free
            fired = spikes[name] > 0
            closed[name] = fired | ~free
            steps = jnp.asarray(np.floor(made.parameters[name]["t_ref"] / DT + 1e-3))
            refractory[name] = jnp.where(fired, steps - 1, jnp.maximum(refractory[name] - 1, 0))
            loss += 0.01 * spikes[name].sum()
        history = {name: jnp.concatenate([z[None], history[name][:-1]]) for name, z in spikes.items()}
        for name in names:
            states[name], arrived[name] = _synapses(made, name, dense, history, states[name], closed[name])
            after = RESET[name](states[name], p[name])
            z = spikes[name]
            states[name] = {v: z * after[v] + (1 - z) * states[name][v] for v in VARIABLES[name]}
        z = jnp.concatenate([spikes[name] for name in names], axis=1)
        r = kappa * r + (1 - kappa) * z @ learnt["readout_weight"]
        return (states, arrived, closed, refractory, history, r), (loss + (c_t * (r + learnt["bias"])).sum(), spikes)

    zeros = {name: jnp.zeros((episodes, SIZE)) for name in names}
    starts = {name: {v: zeros[name] + learnt["initial"][name].get(v, 0.0) for v in VARIABLES[name]} for name in names}
    arrived = {name: {port: zeros[name] for port in MODELS[name].ports if port == "I"} for name in names}
    history = {name: jnp.zeros((depth, episodes, n)) for name, n in {"x": N_IN, **dict.fromkeys(names, SIZE)}.items()}
    closed = {name: zeros[name] > 0 for name in names}
    over = tuple(jnp.moveaxis(jnp.asarray(a, float), 1, 0) for a in (x, drive, d_y))
    over = *over, {key: jnp.moveaxis(jnp.asarray(d), 1, 0) for key, d in (d_x or {}).items()}
    start = (starts, arrived, closed, dict(zeros), history, jnp.zeros((episodes, N_OUT)))
    losses, spikes = jax.lax.scan(advance, start, over)[1]
    return losses.sum(), spikes


def _dense(made, p, weight, depth, seconds=None):
    """(depth, n_source, n_target): slice k holds the synapses with a delay of k in Brian2.

    Delays in seconds lie between two slices, the nearer one has the greater share.
    """
    pre, post, delay = made.synapses[p.label]
    sizes = made.population(p.source).size, made.population(p.target).size
    if seconds is not None:
        k = seconds / DT - 1
        before = jnp.floor(k).astype(int)
        empty, beyond = jnp.zeros((depth, *sizes)), weight * (k - before)
        return empty.at[before, pre, post].add(weight - beyond).at[before + 1, pre, post].add(beyond)
    return jnp.zeros((depth, *sizes)).at[delay - 1, pre, post].add(weight)


def _synapses(made, name, dense, history, state, closed):
    arrived = dict.fromkeys(MODELS[name].ports, 0.0)
    for p in made.projections:
        if p.target == name:
            arrived[p.port] += jnp.einsum("dei,dij->ej", history[p.source], dense[p.label])
    new = dict(state)
    for port in set(arrived) & set(new):
        open_ = jnp.where(closed, 0.0, 1.0) if port == "v" and name in ("holding", "gated") else 1.0
        new[port] = new[port] + open_ * arrived[port]
    return new, {port: value for port, value in arrived.items() if port == "I"}
