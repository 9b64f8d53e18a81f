"""One trained layer of linear self-attention beside the best single step of gradient descent (von Oswald et al. 2022).

Sizes are those of their notebook: d = 10 numbers in x, uniform in (-0.5, 0.5), N = 10 examples, w standard normal,
y = w . x, loss half the squared error of the query. Tokens are e_i = (x_i, y_i), the query's is (x, 0); queries, keys,
values and their projection are matrices of 11 x 11, and the answer is minus the last number of

    P W_V (sum_i e_i e_i^T) W_K^T W_Q e

Deviations: one fixed sample of episodes and L-BFGS in place of fresh batches and Adam.
"""

from typing import NamedTuple

import h5py
import numpy as np
from scipy.optimize import minimize

from lsnn.files import store
from lsnn.seeds import STUDY_BRANCH, Study
from runs.experiments.implicit_update.measuring import cosine
from tasks.regression.baselines import attend, fit_attention

DIMENSIONS, EXAMPLES, HALF_RANGE = 10, 10, 0.5
EPISODES = 20_000  # to train on, and as many others to test
START = 0.2  # standard deviation of the first weights
SEED_PART = 3  # of the branch
MATRICES = ("query", "key", "value", "projection")

TEXTS = {
    "nothing": "(episode,): half the squared error of an answer of 0",
    "best_step": "(episode,): likewise of the best single step of gradient descent",
    "layer": "(episode,): likewise of the trained layer",
    "row": "(episode,): likewise of linear attention as fitted for the baseline of regression",
    "layer_cosine": "(episode,): cosine of d(answer)/d(query) of the trained layer and of the step",
    "row_cosine": "(episode,): likewise of the baseline",
}


class Sample(NamedTuple):
    """Episodes: x (E, N + 1, d) and y (E, N + 1), the query last."""

    x: np.ndarray
    y: np.ndarray

    @property
    def tokens(self) -> np.ndarray:
        """sum_i e_i e_i^T over the examples, (E, d + 1, d + 1)."""
        e = np.concatenate([self.x[:, :-1], self.y[:, :-1, None]], axis=-1)
        return np.einsum("eia,eib->eab", e, e)


def sample(episodes: int, generator: np.random.Generator) -> Sample:
    """So many episodes of linear regression."""
    x = generator.uniform(-HALF_RANGE, HALF_RANGE, (episodes, EXAMPLES + 1, DIMENSIONS))
    w = generator.standard_normal((episodes, DIMENSIONS))
    return Sample(x, np.einsum("end,ed->en", x, w))


class BestStep(NamedTuple):
    """The single step of gradient descent from 0 with the least loss, over all episodes there can be."""

    rate: float  # of the loss (1/2N) sum (w . x_i - y_i)^2
    loss: float


def best_step(dimensions: int, examples: int, half_range: float) -> BestStep:
    """In closed form, for w standard normal and numbers of x uniform in +- half_range.

    With C = (1/N) sum x_i x_i^T the error after a step is x^T (1 - rate C) w, so that with s2 = E x^2

        loss = (s2/2) E tr (1 - rate C)^2 = (s2/2) (d - 2 rate d s2 + rate^2 A)
        A = E tr C^2 = (d E x^4 + d (d - 1) s2^2)/N + (N - 1) d s2^2/N
    """
    d, n = dimensions, examples
    second, fourth = half_range**2 / 3, half_range**4 / 5
    a = (d * fourth + d * (d - 1) * second**2) / n + (n - 1) * d * second**2 / n
    rate = d * second / a
    return BestStep(rate, second / 2 * (d - 2 * rate * d * second + rate**2 * a))


def half_squared(answers: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Half the squared error, (E,)."""
    return (answers - truth) ** 2 / 2


def loss_and_slope(
    flat: np.ndarray, tokens: np.ndarray, query: np.ndarray, truth: np.ndarray
) -> tuple[float, np.ndarray]:
    """Mean loss of a layer, and its gradient by all weights (4 * 11 * 11,), in the order of MATRICES.

    tokens: (E, 11, 11); query: (E, 10); truth: (E,).
    """
    q, k, v, p = matrices_of(flat)
    row, inner = p[-1] @ v, k.T @ q[:, :-1]  # (11,), (11, 10): the query's token ends with 0
    seen, asked = np.einsum("a,eab->eb", row, tokens), query @ inner.T  # both (E, 11)
    apart = -np.sum(seen * asked, axis=1) - truth
    weighted = -apart[:, None] / len(truth)
    of_row = np.einsum("eab,eb->a", tokens, weighted * asked)
    of_inner = (weighted * seen).T @ query
    of_p, of_q = np.zeros_like(p), np.zeros_like(q)
    of_p[-1], of_q[:, :-1] = v @ of_row, k @ of_inner
    of_v, of_k = np.outer(p[-1], of_row), q[:, :-1] @ of_inner.T
    return float(np.mean(apart**2) / 2), np.concatenate([each.ravel() for each in (of_q, of_k, of_v, of_p)])


def matrices_of(flat: np.ndarray) -> np.ndarray:
    """The four matrices (4, 11, 11)."""
    return flat.reshape(len(MATRICES), DIMENSIONS + 1, DIMENSIONS + 1)


def trained(on: Sample, generator: np.random.Generator) -> np.ndarray:
    """The weights (4, 11, 11) after L-BFGS on a sample, from small random ones."""
    start = START * generator.standard_normal(len(MATRICES) * (DIMENSIONS + 1) ** 2)
    arguments = (on.tokens, on.x[:, -1], on.y[:, -1])
    ways = {"maxiter": 2000, "gtol": 1e-7, "ftol": 1e-12}
    found = minimize(loss_and_slope, start, arguments, method="L-BFGS-B", jac=True, options=ways)
    return matrices_of(found.x)


def sensitivity(layer: np.ndarray, of: Sample) -> np.ndarray:
    """d(answer)/d(query) of the layer, (E, d); times the query it is the answer."""
    q, k, v, p = layer
    return -np.einsum("a,eab->eb", p[-1] @ v, of.tokens) @ k.T @ q[:, :-1]


def step_sensitivity(rate: float, of: Sample) -> np.ndarray:
    """Likewise after a step of gradient descent: its weights, (E, d)."""
    return rate / EXAMPLES * np.einsum("eid,ei->ed", of.x[:, :-1], of.y[:, :-1])


def row_sensitivity(train: Sample, test: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Of linear attention as `tasks.regression.baselines` fits it: sensitivities (E, d) and answers (E,)."""
    fitted = fit_attention(train.x, train.y)
    key_query, value = fitted.key_query[EXAMPLES], fitted.value[EXAMPLES]
    found = np.einsum("pa,eab,b->ep", key_query, test.tokens / EXAMPLES, value)
    return found, attend(fitted, test.x, test.y)[:, -1]


def compared(seed: int) -> dict[str, np.ndarray]:
    """Losses and cosines of one training on test episodes, (E,) each."""
    branch = np.random.SeedSequence(seed, spawn_key=(STUDY_BRANCH, Study.IMPLICIT_UPDATE, SEED_PART))
    generator = np.random.default_rng(branch)
    train, test = sample(EPISODES, generator), sample(EPISODES, generator)
    of_step = step_sensitivity(best_step(DIMENSIONS, EXAMPLES, HALF_RANGE).rate, test)
    of_layer, (of_row, row) = sensitivity(trained(train, generator), test), row_sensitivity(train, test)
    query, truth = test.x[:, -1], test.y[:, -1]
    return {
        "nothing": half_squared(np.zeros_like(truth), truth),
        "best_step": half_squared(np.sum(of_step * query, axis=1), truth),
        "layer": half_squared(np.sum(of_layer * query, axis=1), truth),
        "row": half_squared(row, truth),
        "layer_cosine": cosine(of_layer, of_step),
        "row_cosine": cosine(of_row, of_step),
    }


def put(group: h5py.Group, seed: int) -> None:
    """Fill the group of a layer."""
    best = best_step(DIMENSIONS, EXAMPLES, HALF_RANGE)
    group.attrs.update(layer_seed=seed, best_rate=best.rate, best_loss=best.loss)
    for name, values in compared(seed).items():
        store.put(group, name, values.astype(np.float32), "1", TEXTS[name])
