"""Regression in context: a function is to be told from the examples of an episode (Hochreiter, Younger & Conwell 2001).

Samples follow each other every `sample_ms`. Throughout a sample the input is x_t and, of the sample before, y_{t-1}; at
its last step the readout has to name y_t. So the answer to sample t may use t examples.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from lsnn.configuration import NOTHING, documented, parameter
from lsnn.kernels.draws import TASK_EPISODE, TASK_STEP, normal, step_key, uniform_of
from lsnn.kernels.entry import Length, at_least, entry, numbers, whole
from lsnn.task import ActionKind, Encoder, Loss
from lsnn.validation import keys_of, require, require_integer, require_number, size_of
from tasks.encoders import GaussianPopulation

SINE, QUADRATIC, NETWORK, LINEAR = range(4)
FUNCTIONS = ("sine", "quadratic", "network", "linear")
N_HIDDEN, LINEAR_DIMENSIONS = 10, 5
DIMENSIONS = (1, 2, 2, LINEAR_DIMENSIONS)
N_COEFFICIENTS = (2, 6, 4 * N_HIDDEN + 1, LINEAR_DIMENSIONS)
N_LATENT = (2, 6, 3, LINEAR_DIMENSIONS)
LARGEST_X = (math.pi, 1.0, 1.0, 1.0)
LARGEST_Y = (1.0, 2.5, 3.0, 3.0)  # encoded range; beyond it an example is read as the end of the range
MIN_AMPLITUDE = 0.1

# The state (float64): STEP counts within the sample; then x (5), y, the y before, and the coefficients (41).
STEP, SAMPLE, Y, Y_BEFORE, X = range(5)
COEFFICIENTS = X + max(DIMENSIONS)
N_STATE = COEFFICIENTS + max(N_COEFFICIENTS)

MOST_FUNCTIONS = 1_000_000  # of `distinct_functions`

# The parameters (float64).
KIND, SAMPLE_STEPS, ANSWER_STEPS, LATENT_SCALE, ACTIVE, DISTINCT = range(N_PARAMETERS := 6)

A_KIND = whole(0, len(FUNCTIONS) - 1)


def _of_a_kind(name: str, parameters: Any, given: Mapping[str, Any]) -> None:
    """A rule: parameters of one of the kinds of functions."""
    numbers(N_PARAMETERS)(name, parameters, given)
    require(parameters[KIND] in range(len(FUNCTIONS)), name, "those of a kind of function, 0..3", parameters)


def _each(lengths: tuple[int, ...]) -> Length:
    """Of these lengths, that of the kind."""
    return lambda given: lengths[given["kind"]]


def _n_observation(given: Mapping[str, Any]) -> int:
    return DIMENSIONS[int(given["parameters"][KIND])] + 1


def _n_target(given: Mapping[str, Any]) -> int:
    """The answer, and the latents where there is room for more."""
    return 1 if size_of(given["target"]) == 1 else 1 + N_LATENT[int(given["parameters"][KIND])]


@entry(kind=A_KIND, active=whole(1, LINEAR_DIMENSIONS), coefficients=numbers(_each(N_COEFFICIENTS)))
@njit(error_model="numpy")
def draw_function(key, kind, active, coefficients):
    """Fill the coefficients of the episode's function, (n,).

    sine: amplitude uniform in [0.1, 1), phase in [0, 2 pi). quadratic, network: all uniform in [-1, 1).
    linear: the first `active` standard normal, over sqrt(active / 3), so that y has variance 1; the others 0.
    """
    stepped = step_key(key, 0, TASK_EPISODE)
    for i in range(len(coefficients)):
        if kind == LINEAR:
            coefficients[i] = normal(key, 0, TASK_EPISODE, i) / math.sqrt(active / 3.0) if i < active else 0.0
        else:
            coefficients[i] = 2.0 * uniform_of(stepped, i) - 1.0
    if kind == SINE:
        coefficients[0] = MIN_AMPLITUDE + (1.0 - MIN_AMPLITUDE) * uniform_of(stepped, 0)
        coefficients[1] = 2.0 * math.pi * uniform_of(stepped, 1)


@entry(kind=A_KIND, c=at_least(_each(N_COEFFICIENTS)), x=at_least(_each(DIMENSIONS)))
@njit(error_model="numpy")
def evaluate(kind, c, x):
    """y = f(x) of the function with coefficients c.

    sine       c0 sin(x + c1)
    quadratic  c0 x0^2 + c1 x1^2 + c2 x0 x1 + c3 x0 + c4 x1 + c5
    network    sum_k u_k tanh(w_k x0 + v_k x1 + b_k) + a over 10 hidden units; c = w, v, b, u (10 each), a
    linear     c . x
    """
    if kind == SINE:
        return c[0] * math.sin(x[0] + c[1])
    if kind == QUADRATIC:
        return c[0] * x[0] ** 2 + c[1] * x[1] ** 2 + c[2] * x[0] * x[1] + c[3] * x[0] + c[4] * x[1] + c[5]
    total = 0.0
    if kind == NETWORK:
        for k in range(N_HIDDEN):
            hidden = c[k] * x[0] + c[N_HIDDEN + k] * x[1] + c[2 * N_HIDDEN + k]
            total += c[3 * N_HIDDEN + k] * math.tanh(hidden)
        return total + c[4 * N_HIDDEN]
    for i in range(LINEAR_DIMENSIONS):
        total += c[i] * x[i]
    return total


@njit(error_model="numpy")
def _begin_sample(key, parameters, state):
    """Draw x of the sample, uniform in its range, and y."""
    kind = int(parameters[KIND])
    stepped = step_key(key, int(state[SAMPLE]), TASK_STEP)
    for i in range(DIMENSIONS[kind]):
        state[X + i] = LARGEST_X[kind] * (2.0 * uniform_of(stepped, i) - 1.0)
    state[STEP], state[Y_BEFORE] = 0.0, state[Y]
    state[Y] = evaluate(kind, state[COEFFICIENTS:], state[X:])


@entry(parameters=_of_a_kind, state=numbers(N_STATE))
@njit(error_model="numpy")
def begin(key, parameters, state):
    """A function and its first sample; the y before it is 0."""
    state[:] = 0.0
    kind, own = int(parameters[KIND]), key
    if parameters[DISTINCT] > 0.0:  # its number is the key of the function, the same in every episode
        own = np.uint64(parameters[DISTINCT] * uniform_of(step_key(key, 1, TASK_EPISODE), 0))
    draw_function(own, kind, parameters[ACTIVE], state[COEFFICIENTS : COEFFICIENTS + N_COEFFICIENTS[kind]])
    _begin_sample(key, parameters, state)


@entry(state=numbers(N_STATE), parameters=_of_a_kind, observation=numbers(_n_observation))
@njit(error_model="numpy")
def observe(state, parameters, observation):
    """x of this sample, y of the one before."""
    dimensions = DIMENSIONS[int(parameters[KIND])]
    observation[:dimensions] = state[X : X + dimensions]
    observation[dimensions] = state[Y_BEFORE]


@entry(action=at_least(1), parameters=_of_a_kind, state=numbers(N_STATE))
@njit(error_model="numpy")
def transition(key, t, action, parameters, state):
    """Move the state through step t; returns reward (minus the squared error), acted (at an answer), terminated."""
    answered = state[STEP] == parameters[SAMPLE_STEPS] - 1.0
    reward = 0.0
    state[STEP] += 1.0
    if answered:
        reward = -((action[0] - state[Y]) ** 2)
        state[SAMPLE] += 1.0
        _begin_sample(key, parameters, state)
    return reward, answered, False


@entry(kind=A_KIND, c=at_least(_each(N_COEFFICIENTS)), found=numbers(_each(N_LATENT)))
@njit(error_model="numpy")
def latent(kind, c, found):
    """Fill what sets the function with coefficients c apart, (N_LATENT[kind],).

    sine: the coordinates c0 cos c1, c0 sin c1. network: value and slopes at 0, f(0), df/dx0, df/dx1. quadratic, linear:
    the coefficients.
    """
    if kind == SINE:
        found[0], found[1] = c[0] * math.cos(c[1]), c[0] * math.sin(c[1])
    elif kind == NETWORK:
        found[0], found[1], found[2] = c[4 * N_HIDDEN], 0.0, 0.0
        for k in range(N_HIDDEN):
            hidden, out = math.tanh(c[2 * N_HIDDEN + k]), c[3 * N_HIDDEN + k]
            found[0] += out * hidden
            found[1] += out * (1.0 - hidden * hidden) * c[k]
            found[2] += out * (1.0 - hidden * hidden) * c[N_HIDDEN + k]
    else:
        found[:] = c[: len(found)]


@entry(state=numbers(N_STATE), parameters=_of_a_kind, target=numbers(_n_target))
@njit(error_model="numpy")
def target(state, parameters, target):
    """y of this sample, then the scaled latents if they are taught; weight 1 over the sample's last `answer_ms`."""
    target[0] = state[Y]
    if len(target) > 1:
        latent(int(parameters[KIND]), state[COEFFICIENTS:], target[1:])
        target[1:] *= parameters[LATENT_SCALE]
    return 1.0 if state[STEP] >= parameters[SAMPLE_STEPS] - parameters[ANSWER_STEPS] else 0.0


class Example(NamedTuple):
    """One example of a stream: x (d,) and y."""

    x: NDArray[np.float64]
    y: float


@documented
@dataclass(frozen=True)
class Regression:
    """A family of functions, one an episode.

    Raises:
        InputError: a value breaks its rule.
    """

    function: str = parameter(
        "sine",
        "`sine` (amplitude and phase), `quadratic` (of two variables), `network` (two layers, 2-10-1, tanh) or "
        "`linear` (five variables); see `evaluate`",
        unit=NOTHING,
        source="ours: after Hochreiter et al. (2001), Bellec et al. (2018) and Garg et al. (2022)",
    )
    samples: int = parameter(25, "examples an episode", unit="examples")
    sample_ms: int = parameter(20, "length of a sample", unit="ms", source="recalled: Bellec et al. (2018)")
    answer_ms: int = parameter(
        5, "last part of a sample, in which the readout is taught; its very last step is the answer", unit="ms"
    )
    active_dimensions: int | None = parameter(
        None, "of `linear`, how many variables matter, the first ones; none = all. For a curriculum"
    )
    distinct_functions: int = parameter(
        0, "so many functions in all episodes together; 0: one of its own in each. More of them hold all of fewer"
    )
    latent_weight: float = parameter(
        0.0,
        "weight of the error of a readout that is taught what sets the function apart, in meta-training only; 0 = none",
    )
    encoder: Encoder = parameter(  # type: ignore[assignment]
        None, "how x_t and y_{t-1} become input spikes; none = a `GaussianPopulation` over their ranges", unit=NOTHING
    )

    renamed = {"traits_weight": "latent_weight"}  # keys of older files
    name = "regression"
    dynamics = "tasks.regression.task"
    action_kind: ClassVar[ActionKind] = "none"
    loss: ClassVar[Loss] = "target"
    n_action = 1
    n_state = N_STATE

    def __post_init__(self) -> None:
        require(self.function in FUNCTIONS, "function", f"one of {', '.join(FUNCTIONS)}", self.function)
        require_integer("samples", self.samples, 2)
        require_integer("sample_ms", self.sample_ms, 1)
        require_integer("answer_ms", self.answer_ms, 1, self.sample_ms)
        require_number("latent_weight", self.latent_weight, 0.0)
        require_integer("distinct_functions", self.distinct_functions, 0, MOST_FUNCTIONS)
        if self.active_dimensions is not None:
            require(self.function == "linear", "active_dimensions", "none unless function is linear", self.function)
            require_integer("active_dimensions", self.active_dimensions, 1, LINEAR_DIMENSIONS)
        if self.encoder is None:
            high = (LARGEST_X[self.kind],) * self.dimensions + (LARGEST_Y[self.kind],)  # type: ignore[unreachable]
            object.__setattr__(self, "encoder", GaussianPopulation(tuple(-h for h in high), high))
        population = isinstance(self.encoder, GaussianPopulation) and len(self.encoder.low) == self.n_observation
        require(population, "encoder", f"a GaussianPopulation of {self.n_observation} dimensions", self.encoder)

    @property
    def kind(self) -> int:
        """Number of the function's kind, an index of FUNCTIONS."""
        return FUNCTIONS.index(self.function)

    @property
    def dimensions(self) -> int:
        """Numbers in x."""
        return DIMENSIONS[self.kind]

    @property
    def n_observation(self) -> int:
        """Numbers in x, and one for y."""
        return self.dimensions + 1

    @property
    def n_target(self) -> int:
        """The answer, and the latents if they are taught."""
        return 1 + (N_LATENT[self.kind] if self.latent_weight > 0 else 0)

    @property
    def duration_ms(self) -> int:
        """Length of an episode."""
        return self.samples * self.sample_ms

    def parameters(self) -> NDArray[np.float64]:
        """The numbers the compiled functions need, in the order of the index constants of this module."""
        active = self.active_dimensions or self.dimensions
        scale = math.sqrt(self.latent_weight)
        numbers = [self.kind, self.sample_ms, self.answer_ms, scale, active, self.distinct_functions]
        return np.array(numbers, dtype=np.float64)

    def at_difficulty(self, level: float) -> "Regression":
        """Of `linear`, more variables that matter with the level, from one on (after Garg et al. 2022); else itself."""
        if self.function != "linear" or not 0.0 <= level < 1.0:
            return self
        return replace(self, active_dimensions=1 + int(level * (self.active_dimensions or self.dimensions)))

    def metrics(self, reward: NDArray[np.floating], acted: NDArray[np.bool_]) -> dict[str, float]:
        """Mean squared error of all samples, after one example and after as many as there are up to 20."""
        error = -np.asarray(reward)[:, last_steps(self)].mean(axis=0)
        return {"error": float(error.mean()), "error_1": float(error[min(1, self.samples - 1)]),
                "error_20": float(error[min(20, self.samples - 1)])}  # fmt: skip

    def stream(self, key: int) -> Iterator[Example]:
        """The examples of an episode, as the network meets them, without an end."""
        (own,) = keys_of("key", key, 1)
        parameters, state, answer = self.parameters(), np.zeros(N_STATE), np.zeros(1)
        begin(own, parameters, state)
        while True:
            yield Example(state[X : X + self.dimensions].copy(), float(state[Y]))
            state[STEP] = self.sample_ms - 1
            transition(own, 0, answer, parameters, state)

    def examples(self, keys: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """x (E, K, d) and y (E, K) of whole episodes."""
        own = keys_of("keys", keys)
        x, y = np.empty((len(own), self.samples, self.dimensions)), np.empty((len(own), self.samples))
        _fill_examples(own, self.parameters(), np.zeros(N_STATE), x, y)
        return x, y


@njit(error_model="numpy")
def _fill_examples(keys, parameters, state, x, y):
    """The first y.shape[1] examples of every episode."""
    for episode in range(len(keys)):
        begin(keys[episode], parameters, state)
        for sample in range(y.shape[1]):
            x[episode, sample] = state[X : X + x.shape[2]]
            y[episode, sample] = state[Y]
            state[SAMPLE] += 1.0
            _begin_sample(keys[episode], parameters, state)


def last_steps(task: Regression) -> NDArray[np.int64]:
    """The step at which each sample's answer is read, (samples,)."""
    return (np.arange(task.samples) + 1) * task.sample_ms - 1
