"""The networks of agents: a linear layer, a core whose state is all that an episode leaves behind, a linear readout.

A core goes through an episode in two ways that give the same numbers: decision by decision (`step`), as it acts, and
all decisions at once (`unroll`), as it learns. All is of one episode; `jax.vmap` makes many of it.
"""

from typing import Any, Protocol

import agents.backend  # noqa: F401  # isort: skip
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from agents.config import AgentConfig, AgentExperiment
from agents.tem import Parted, PathAttention, movement_of
from lsnn.learning.config import outputs_of
from lsnn.seeds import NETWORK_BRANCH
from lsnn.task import Task

READOUT_GAIN = 0.1  # of the first readout: answers and values near 0, choices near even
WIDER = 4  # the hidden layer of a transformer's layer, times its units (Vaswani et al. 2017)
UNBENT = ("transformer", "tem")  # kinds whose first layer is linear
LONGEST_WAVE = 10_000.0  # of the code of positions (Vaswani et al. 2017)


class Core(Protocol):
    """What a core does; H numbers in, H numbers out."""

    def start(self) -> Any:
        """The state before the first decision."""

    def step(self, state: Any, x: Array) -> tuple[Any, Array]:
        """One decision: the state after it and what is read, (H,), from x (H,)."""

    def unroll(self, x: Array) -> Array:
        """A whole episode: x (N, H) to (N, H)."""

    def states(self, x: Array) -> Array:
        """What it is in after each decision of a whole episode: x (N, H) to (N, S)."""


def scanned(core: Core, x: Array) -> Array:
    """An episode decision by decision: x (N, H) to (N, H)."""
    return jax.lax.scan(lambda state, each: core.step(state, each), core.start(), x)[1]  # a bound method has no hash


def carried(core: Core, x: Array) -> Array:
    """The state after each decision of an episode, one part after the other: x (N, H) to (N, S)."""

    def step(state: Any, each: Array) -> tuple[Any, Array]:
        state, _ = core.step(state, each)
        return state, jnp.concatenate(jax.tree.leaves(state))

    return jax.lax.scan(step, core.start(), x)[1]


class Gated(eqx.Module):
    """GRU (Cho et al. 2014)."""

    cell: eqx.nn.GRUCell

    def __init__(self, units: int, key: Array) -> None:
        self.cell = eqx.nn.GRUCell(units, units, dtype=jnp.float32, key=key)

    def start(self) -> Array:
        return jnp.zeros(self.cell.hidden_size, jnp.float32)

    def step(self, state: Array, x: Array) -> tuple[Array, Array]:
        h = self.cell(x, state)
        return h, h

    def unroll(self, x: Array) -> Array:
        return scanned(self, x)

    def states(self, x: Array) -> Array:
        return carried(self, x)


class LongShort(eqx.Module):
    """LSTM (Hochreiter & Schmidhuber 1997)."""

    cell: eqx.nn.LSTMCell

    def __init__(self, units: int, key: Array) -> None:
        self.cell = eqx.nn.LSTMCell(units, units, dtype=jnp.float32, key=key)

    def start(self) -> tuple[Array, Array]:
        zero = jnp.zeros(self.cell.hidden_size, jnp.float32)
        return zero, zero

    def step(self, state: tuple[Array, Array], x: Array) -> tuple[tuple[Array, Array], Array]:
        after = self.cell(x, state)
        return after, after[0]

    def unroll(self, x: Array) -> Array:
        return scanned(self, x)

    def states(self, x: Array) -> Array:
        return carried(self, x)


class Rate(eqx.Module):
    """A rate network, tau dr/dt = -r + tanh(W r + U x + b), whose input is constant through a decision.

    One step of exponential Euler a decision: r <- r + (1 - exp(-decision/tau)) (-r + tanh(W r + U x + b)).
    """

    inner: eqx.nn.Linear
    outer: eqx.nn.Linear
    share: float = eqx.field(static=True)

    def __init__(self, units: int, share: float, key: Array) -> None:
        first, second = jax.random.split(key)
        self.inner = eqx.nn.Linear(units, units, use_bias=False, dtype=jnp.float32, key=first)
        self.outer = eqx.nn.Linear(units, units, dtype=jnp.float32, key=second)
        self.share = share

    def start(self) -> Array:
        return jnp.zeros(self.inner.in_features, jnp.float32)

    def step(self, state: Array, x: Array) -> tuple[Array, Array]:
        r = state + self.share * (jnp.tanh(self.inner(state) + self.outer(x)) - state)
        return r, r

    def unroll(self, x: Array) -> Array:
        return scanned(self, x)

    def states(self, x: Array) -> Array:
        return carried(self, x)


class Layer(eqx.Module):
    """A layer of a transformer, with its norms before attention and hidden layer."""

    attention: eqx.nn.MultiheadAttention
    hidden: eqx.nn.MLP
    norms: tuple[eqx.nn.LayerNorm, eqx.nn.LayerNorm]

    def __init__(self, units: int, heads: int, key: Array) -> None:
        first, second = jax.random.split(key)
        self.attention = eqx.nn.MultiheadAttention(heads, units, dtype=jnp.float32, key=first)
        self.hidden = eqx.nn.MLP(units, units, WIDER * units, 1, jax.nn.gelu, dtype=jnp.float32, key=second)
        self.norms = (eqx.nn.LayerNorm(units, dtype=jnp.float32), eqx.nn.LayerNorm(units, dtype=jnp.float32))

    def after_attention(self, x: Array, attended: Array) -> Array:
        """x (H,) and what was attended to (H,) to the layer's output, (H,)."""
        x = x + attended
        return x + self.hidden(self.norms[1](x))

    def whole(self, x: Array) -> Array:
        """All decisions at once, each attends to itself and those before: (N, H) to (N, H)."""
        normal = jax.vmap(self.norms[0])(x)
        attended = self.attention(normal, normal, normal, mask=jnp.tri(len(x), dtype=bool))
        return jax.vmap(self.after_attention)(x, attended)

    def one(self, memory: Array, t: Array, x: Array) -> tuple[Array, Array]:
        """Decision t: memory (2, N, H) of keys and values, with its own in row t, and the output, from x (H,)."""
        normal, of = self.norms[0](x), self.attention
        memory = memory.at[:, t].set(jnp.stack([of.key_proj(normal), of.value_proj(normal)]))
        query, keys, values = (
            part.reshape(1, -1, of.num_heads, of.qk_size) for part in (of.query_proj(normal)[None], *memory)
        )
        seen = (jnp.arange(memory.shape[1]) <= t)[None, None, None]
        attended = jax.nn.dot_product_attention(query, keys, values, mask=seen)
        return memory, self.after_attention(x, of.output_proj(attended.reshape(-1)))


class Transformer(eqx.Module):
    """A causal transformer (Vaswani et al. 2017) whose context is the episode; its state are its keys and values."""

    layers: tuple[Layer, ...]
    norm: eqx.nn.LayerNorm
    decisions: int = eqx.field(static=True)
    units: int = eqx.field(static=True)

    def __init__(self, config: AgentConfig, decisions: int, key: Array) -> None:
        keys = jax.random.split(key, config.layers)
        self.layers = tuple(Layer(config.units, config.heads, each) for each in keys)
        self.norm = eqx.nn.LayerNorm(config.units, dtype=jnp.float32)
        self.decisions, self.units = decisions, config.units

    def start(self) -> tuple[Array, Array]:
        memory = jnp.zeros((len(self.layers), 2, self.decisions, self.units), jnp.float32)
        return jnp.zeros((), jnp.int32), memory

    def step(self, state: tuple[Array, Array], x: Array) -> tuple[tuple[Array, Array], Array]:
        t, memory = state
        x, kept = x + positions(self.decisions, self.units)[t], []
        for layer, own in zip(self.layers, memory, strict=True):
            own, x = layer.one(own, t, x)
            kept.append(own)
        return (t + 1, jnp.stack(kept)), self.norm(x)

    def unroll(self, x: Array) -> Array:
        return jax.vmap(self.norm)(self.states(x))

    def states(self, x: Array) -> Array:
        """The residual stream behind the last layer, at the token of each decision."""
        x = x + positions(self.decisions, self.units)[: len(x)]
        for layer in self.layers:
            x = layer.whole(x)
        return x


def positions(count: int, units: int) -> Array:
    """The code of positions, (count, units): sines and cosines of waves from 2 pi to LONGEST_WAVE times that."""
    wave = LONGEST_WAVE ** (np.arange(units // 2) / (units // 2))
    angle = np.arange(count)[:, None] / wave
    return jnp.asarray(np.concatenate([np.sin(angle), np.cos(angle)], axis=1), jnp.float32)


class Agent(eqx.Module):
    """A network that acts: inputs (n_inputs,) to a readout (n_out,), and the log std of its policy (n_action,)."""

    first: Any
    core: Any
    readout: eqx.nn.Linear
    log_std: Array
    bent: bool = eqx.field(static=True)  # whether the first layer ends in tanh

    def start(self) -> Any:
        """The state before an episode."""
        return self.core.start()

    def _entered(self, inputs: Array) -> Array:
        return jnp.tanh(self.first(inputs)) if self.bent else self.first(inputs)

    def step(self, state: Any, inputs: Array) -> tuple[Any, Array]:
        """One decision: the state after it and the readout (n_out,)."""
        state, h = self.core.step(state, self._entered(inputs))
        return state, self.readout(h)

    def unroll(self, inputs: Array) -> Array:
        """A whole episode: inputs (N, n_inputs) to readouts (N, n_out)."""
        return jax.vmap(self.readout)(self.core.unroll(jax.vmap(self._entered)(inputs)))

    def states(self, inputs: Array) -> Array:
        """What its core is in after each decision of an episode: inputs (N, n_inputs) to (N, S).

        The hidden vector of a GRU or rate network, hidden vector and cells of an LSTM, the residual stream of a
        transformer behind its last layer, the code of position of a TEM-transformer.
        """
        return self.core.states(jax.vmap(self._entered)(inputs))


def inputs_of(task: Task) -> int:
    """Numbers that an agent is given at a decision: the observation and, where it acts, its last action and reward."""
    return int(task.n_observation) + (task.n_action + 1 if task.loss == "reward" else 0)


def core_of(experiment: AgentExperiment, key: Array) -> Core:
    """The core of an experiment's agent."""
    config = experiment.agent
    if config.kind == "transformer":
        return Transformer(config, experiment.decisions, key)
    if config.kind == "tem":
        first, end = movement_of(experiment.task) or (0, inputs_of(experiment.task))
        return PathAttention(end - first, config.units, experiment.decisions, key)
    if config.kind == "rate":
        return Rate(config.units, float(-np.expm1(-experiment.decision_ms / config.tau_ms)), key)
    return (Gated if config.kind == "gru" else LongShort)(config.units, key)


def entrance_of(experiment: AgentExperiment, key: Array) -> Any:
    """The first layer of an experiment's agent."""
    task, units = experiment.task, experiment.agent.units
    if experiment.agent.kind == "tem":
        return Parted(inputs_of(task), movement_of(task), units, key)
    return eqx.nn.Linear(inputs_of(task), units, dtype=jnp.float32, key=key)


def made(experiment: AgentExperiment, key: Array) -> Agent:
    """An agent with random weights."""
    task, units = experiment.task, experiment.agent.units
    keys = jax.random.split(key, 3)
    width = sum(outputs_of(task, experiment.learning).values())
    readout = eqx.nn.Linear(units, width, dtype=jnp.float32, key=keys[2])
    readout = jax.tree.map(lambda array: READOUT_GAIN * array, readout)
    n_std = task.n_action if task.action_kind == "gaussian" else 0
    return Agent(
        entrance_of(experiment, keys[0]), core_of(experiment, keys[1]), readout,
        jnp.full(n_std, np.log(experiment.learning.initial_std), jnp.float32),
        experiment.agent.kind not in UNBENT,
    )  # fmt: skip


def new_agent(experiment: AgentExperiment, seed: int) -> Agent:
    """An agent with the random weights of a seed."""
    words = np.random.SeedSequence(seed, spawn_key=(NETWORK_BRANCH,)).generate_state(2, np.uint32)
    return _made_at_once(experiment, jax.random.wrap_key_data(jnp.asarray(words), impl="threefry2x32"))


_made_at_once = eqx.filter_jit(made)  # many small draws, compiled together


def named(agent: Any) -> dict[str, np.ndarray]:
    """The arrays of an agent, or of a tree like it, by their place in it."""
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(agent, eqx.is_array))
    return {jax.tree_util.keystr(path, simple=True, separator="."): np.asarray(leaf) for path, leaf in leaves}


def filled(like: Any, arrays: dict[str, np.ndarray]) -> Any:
    """A tree like this one with arrays under such names in place of its own."""
    own, rest = eqx.partition(like, eqx.is_array)
    structure = jax.tree.structure(own)
    return eqx.combine(jax.tree.unflatten(structure, [jnp.asarray(arrays[name]) for name in named(like)]), rest)


def n_parameters(experiment: AgentExperiment) -> int:
    """How many numbers of an agent learn."""
    shapes = eqx.filter_eval_shape(made, experiment, jax.random.key(0))
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(shapes) if hasattr(leaf, "shape"))


def state_size(experiment: AgentExperiment) -> int:
    """How many numbers an episode can leave behind in its state at most."""
    shapes = eqx.filter_eval_shape(lambda: made(experiment, jax.random.key(0)).start())
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(shapes) if leaf.shape)
