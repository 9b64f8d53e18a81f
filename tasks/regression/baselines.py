"""Algorithms that predict y_t from the examples before it, on the family's own basis, beside which a network is read.

Every prediction is linear in features phi(x), (p,). Sine: sin x, cos x. Quadratic: its six monomials. Linear: x. The
two-layer networks have no finite basis; here the ten monomials of two variables up to the third degree stand for it.

Arrays are over E episodes of K samples; sample t is predicted from the t examples before it, with none as 0.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.regression.task import Regression

Array = NDArray[np.float64]

GRADIENT_STEPS = (1, 2, 5, 20)
ALGORITHMS = (
    "zero", *(f"gradient_descent_{k}" for k in GRADIENT_STEPS), "linear_attention", "ridge", "least_squares"
)  # fmt: skip
_RIDGES = 10.0 ** np.arange(-6, 1.1)
_STEP_SIZES = 10.0 ** np.arange(-1.5, 1.01, 0.1)
_SWEEPS = 6  # of the alternating least squares


def basis(function: str, x: Array) -> Array:
    """phi(x), (..., p), of x (..., d)."""
    if function == "sine":
        return np.concatenate([np.sin(x), np.cos(x)], axis=-1)
    if function == "linear":
        return x
    degree = 2 if function == "quadratic" else 3
    a, b = x[..., 0], x[..., 1]
    return np.stack([a**i * b**j for i in range(degree + 1) for j in range(degree + 1 - i)], axis=-1)


class Moments(NamedTuple):
    """What the examples before each sample add up to."""

    square: Array  # sum phi phi^T, (E, K, p, p)
    cross: Array  # sum phi y, (E, K, p)
    number: Array  # how many they are, (K,)


def moments(phi: Array, y: Array) -> Moments:
    """Of features (E, K, p) and targets (E, K)."""
    square = np.cumsum(phi[..., :, None] * phi[..., None, :], axis=1)
    cross = np.cumsum(phi * y[..., None], axis=1)
    before = [np.concatenate([np.zeros_like(a[:, :1]), a[:, :-1]], axis=1) for a in (square, cross)]
    return Moments(before[0], before[1], np.arange(y.shape[1], dtype=float))


def ridge(phi: Array, y: Array, penalty: float) -> Array:
    """phi_t . w with w = (sum phi phi^T + penalty I)^-1 sum phi y, (E, K)."""
    return np.sum(phi * ridge_weights(phi, y, penalty), axis=-1)


def ridge_weights(phi: Array, y: Array, penalty: float) -> Array:
    """The w of ridge before each sample, (E, K, p)."""
    m = moments(phi, y)
    w: Array = np.linalg.solve(m.square + penalty * np.eye(phi.shape[-1]), m.cross[..., None]).astype(np.float64)
    return w[..., 0]


def best_penalty(phi: Array, y: Array) -> float:
    """The penalty of ridge of the least squared error over all samples."""
    return float(min(_RIDGES, key=lambda penalty: float(np.mean((ridge(phi, y, penalty) - y) ** 2))))


def least_squares(phi: Array, y: Array) -> Array:
    """phi_t . w with the shortest w that fits the examples best, (E, K)."""
    m = moments(phi, y)
    return np.einsum("ekp,ekpq,ekq->ek", phi, np.linalg.pinv(m.square, rcond=1e-9, hermitian=True), m.cross)


def gradient_descent(phi: Array, y: Array, steps: int, step_size: float) -> Array:
    """phi_t . w after so many steps from w = 0 down the mean over the examples of (phi . w - y)^2 / 2, (E, K)."""
    *_, w = _descent(moments(phi, y), steps, step_size)
    return np.sum(phi * w, axis=-1)


def _descent(m: Moments, steps: int, step_size: float) -> Iterator[Array]:
    """w (E, K, p) after each step."""
    count = np.maximum(m.number, 1.0)[None, :, None]
    square, cross, w = m.square / count[..., None], m.cross / count, np.zeros_like(m.cross)
    for _ in range(steps):
        w = w - step_size * ((square @ w[..., None])[..., 0] - cross)
        yield w


def _best_step_sizes(phi: Array, y: Array) -> dict[int, float]:
    """For each number of steps the step size of the least squared error over all samples."""
    m, best = moments(phi, y), dict.fromkeys(GRADIENT_STEPS, (np.inf, 0.0))
    with np.errstate(over="ignore", invalid="ignore"):  # steps too large are among those tried
        for size in _STEP_SIZES:
            for step, w in enumerate(_descent(m, max(GRADIENT_STEPS), size), start=1):
                if step in best:
                    best[step] = min(best[step], (float(np.mean((np.sum(phi * w, axis=-1) - y) ** 2)), float(size)))
    return {step: size for step, (_, size) in best.items()}


class LinearAttention(NamedTuple):
    """One layer of linear self-attention for each number of examples.

    Tokens are e_i = (phi_i, y_i); the query is phi_t. The answer is the mean over the examples of
    (phi_t . M e_i) (v . e_i) (von Oswald et al. 2023, with the layer's matrices multiplied out).
    """

    key_query: Array  # M, (K, p, p + 1)
    value: Array  # v, (K, p + 1)


def attend(layer: LinearAttention, phi: Array, y: Array) -> Array:
    """The layer's answers, (E, K)."""
    second = _second_moments(phi, y)
    return np.einsum("ekp,kpa,ekab,kb->ek", phi, layer.key_query, second, layer.value, optimize=True)


def _second_moments(phi: Array, y: Array) -> Array:
    """Mean of e e^T over the examples before each sample, (E, K, p + 1, p + 1)."""
    tokens = np.concatenate([phi, y[..., None]], axis=-1)
    m = moments(tokens, y)
    return m.square / np.maximum(m.number, 1.0)[None, :, None, None]


def fit_attention(phi: Array, y: Array) -> LinearAttention:
    """The layer of least squared error for each number of examples, by alternating least squares over M and v.

    It starts from v that picks y, as in a step of gradient descent. For given v the answer is linear in M, and the
    other way round.
    """
    second, (_, samples, p) = _second_moments(phi, y), phi.shape
    key_query, value = np.zeros((samples, p, p + 1)), np.zeros((samples, p + 1))
    value[:, -1] = 1.0
    for t in range(1, samples):
        for _ in range(_SWEEPS):
            features = np.einsum("ep,eab,b->epa", phi[:, t], second[:, t], value[t])
            key_query[t] = _solve(features.reshape(len(y), -1), y[:, t]).reshape(p, p + 1)
            value[t] = _solve(np.einsum("ep,pa,eab->eb", phi[:, t], key_query[t], second[:, t]), y[:, t])
    return LinearAttention(key_query, value)


def _solve(features: Array, y: Array) -> Array:
    """Least squares through the normal equations, with a trace of a penalty against directions without data."""
    square = features.T @ features
    penalty = 1e-9 * np.trace(square) / len(square) + 1e-12
    return np.linalg.solve(square + penalty * np.eye(len(square)), features.T @ y)


def _descended(function: str, steps: int, step_size: float, x: Array, y: Array) -> Array:
    return gradient_descent(basis(function, x), y, steps, step_size)


def fit(task: Regression, x: Array, y: Array) -> dict[str, Callable[[Array, Array], Array]]:
    """Every algorithm, tuned on episodes: by name, a function of x (E, K, d) and y (E, K) that predicts (E, K).

    One penalty, one step size for each number of gradient steps: that of the least squared error over all samples. x, y
    are episodes to tune and to train on, not those of a test.
    """
    phi = basis(task.function, x)
    penalty = best_penalty(phi, y)
    found: dict[str, Callable[[Array, Array], Array]] = {"zero": lambda x, y: np.zeros_like(y)}
    for k, size in _best_step_sizes(phi, y).items():
        found[f"gradient_descent_{k}"] = partial(_descended, task.function, k, size)
    layer = fit_attention(phi, y)
    found["linear_attention"] = lambda x, y: attend(layer, basis(task.function, x), y)
    found["ridge"] = lambda x, y: ridge(basis(task.function, x), y, penalty)
    found["least_squares"] = lambda x, y: least_squares(basis(task.function, x), y)
    return found
