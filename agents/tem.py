"""A TEM-transformer (after Whittington, Warren & Behrens 2022): attention over a code of position that adds up moves.

TEM is the Tolman-Eichenbaum machine (Whittington et al. 2020), a model of hippocampus and entorhinal cortex. A matrix
that the move chooses takes the code of position g (P,) on; what is seen is kept beside the g at which it was seen; and
where the move leads to, what was seen at like codes is called back:

    g_0 = f(c),  g_(t+1) = f(g_t + sum_k m_k A_k g_t),  f(u) = relu(u) / |relu(u)|
    y_t = sum_(s <= t) w_s v_s,  w_s = exp(beta g_(t+1) . g_s) / sum_(r <= t) exp(beta g_(t+1) . g_r)

m (M,) is what tells of the move, v (H,) a linear map of the rest. As in the paper keys and queries are the code of
position, values are what is seen. Ours: g has length 1, beta (which learns) takes the place of a map from g to keys,
and P = H.
"""

import agents.backend  # noqa: F401  # isort: skip
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from lsnn.task import Task
from lsnn.validation import require

FIRST_MOVE = 0.3  # length of A_k g before meta-training, in the mean square
FIRST_BETA = 10.0
LEAST_LENGTH = 1e-6


def movement_of(task: Task) -> tuple[int, int] | None:
    """From where to where an observation tells of the move (`task.movement`); None where the task does not say.

    Raises:
        InputError: no two places in an observation, one after the other.
    """
    given = getattr(task, "movement", None)
    if given is None:
        return None
    places = tuple(given) if isinstance(given, tuple | list) else ()
    whole = len(places) == 2 and all(type(place) is int for place in places)
    sound = whole and 0 <= places[0] < places[1] <= task.n_observation
    require(sound, "movement of the task", f"two places, first < last, in 0..{task.n_observation}", given)
    return places[0], places[1]


class Parted(eqx.Module):
    """The first layer: a linear map of what is seen, beside it what tells of the move: (n_inputs,) to (H + M,).

    Where a task does not say what tells of the move, everything is seen and everything tells of it.
    """

    linear: eqx.nn.Linear
    seen: tuple[int, ...] = eqx.field(static=True)  # places among the inputs
    moving: tuple[int, ...] = eqx.field(static=True)
    in_features: int = eqx.field(static=True)

    def __init__(self, inputs: int, movement: tuple[int, int] | None, units: int, key: Array) -> None:
        self.moving = tuple(range(*(movement or (0, inputs))))
        self.seen = tuple(i for i in range(inputs) if movement is None or i not in self.moving)
        self.in_features = inputs
        self.linear = eqx.nn.Linear(len(self.seen), units, dtype=jnp.float32, key=key)

    def __call__(self, inputs: Array) -> Array:
        return jnp.concatenate([self.linear(inputs[np.array(self.seen, int)]), inputs[np.array(self.moving, int)]])


class PathAttention(eqx.Module):
    """The core; its state is the code of position, and the codes and values of all decisions so far."""

    first_code: Array
    moves: Array
    log_beta: Array
    decisions: int = eqx.field(static=True)

    def __init__(self, moves: int, units: int, decisions: int, key: Array) -> None:
        first, second = jax.random.split(key)
        self.first_code = jax.random.normal(first, (units,), jnp.float32)
        size = float(FIRST_MOVE / np.sqrt(units))  # a number of NumPy would make doubles where JAX has them
        self.moves = size * jax.random.normal(second, (moves, units, units), jnp.float32)
        self.log_beta = jnp.asarray(np.log(FIRST_BETA), jnp.float32)
        self.decisions = decisions

    def begun(self) -> Array:
        """The code before the first move, (P,)."""
        return normalised(self.first_code)

    def moved(self, g: Array, m: Array) -> Array:
        """The code (P,) after a move m (M,)."""
        return normalised(g + jnp.einsum("k,kij,j->i", m, self.moves, g)).astype(g.dtype)

    def start(self) -> tuple[Array, Array, Array]:
        none = jnp.zeros((2, self.decisions, len(self.first_code)), jnp.float32)
        return jnp.zeros((), jnp.int32), self.begun(), none

    def step(self, state: tuple[Array, Array, Array], x: Array) -> tuple[tuple[Array, Array, Array], Array]:
        t, g, memory = state
        v, m = self._parts(x)
        memory = memory.at[:, t].set(jnp.stack([g, v]))
        g = self.moved(g, m)
        codes, values = memory
        return (t + 1, g, memory), self._called_back(g, codes, values, jnp.arange(self.decisions) <= t)

    def unroll(self, x: Array) -> Array:
        values, _ = self._parts(x)
        codes = self.states(x)
        before = jnp.concatenate([self.begun()[None], codes[:-1]])
        each = jax.vmap(self._called_back, in_axes=(0, None, None, 0))
        return each(codes, before, values, jnp.tri(len(x), dtype=bool))

    def states(self, x: Array) -> Array:
        """The code of position after the move of each decision."""

        def step(g: Array, m: Array) -> tuple[Array, Array]:
            g = self.moved(g, m)
            return g, g

        return jax.lax.scan(step, self.begun(), self._parts(x)[1])[1]

    def _parts(self, x: Array) -> tuple[Array, Array]:
        """What is seen (..., H) and what tells of the move (..., M)."""
        return x[..., : -len(self.moves)], x[..., -len(self.moves) :]

    def _called_back(self, g: Array, codes: Array, values: Array, kept: Array) -> Array:
        """What was seen at codes like g (P,): codes (N, P), values (N, H), kept (N,) whether they are there yet."""
        alike = jnp.exp(self.log_beta) * codes @ g
        return jax.nn.softmax(jnp.where(kept, alike, -jnp.inf)) @ values


def normalised(u: Array) -> Array:
    """f of the equations above."""
    positive = jax.nn.relu(u)
    return positive * jax.lax.rsqrt(jnp.sum(positive * positive) + LEAST_LENGTH**2)
