"""Measures of two sets of states of the same episodes: CKA, cross-decoding, spectrum of fitted dynamics."""

import warnings
from collections.abc import Sequence

import numpy as np
from scipy.linalg import LinAlgWarning
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold
from threadpoolctl import threadpool_limits

BLOCK = 16  # episodes of which a CKA is computed, and which are resampled together
PENALTIES = 10.0 ** np.arange(0, 6)
FOLDS = 3  # of episodes, by which the penalty is chosen
COMPONENTS = 8

Pair = tuple[np.ndarray, np.ndarray]  # states (E, ., S) with one noise and with another; the same where there is none


def centred_kernel(x: np.ndarray) -> np.ndarray:
    """Inner products of rows x (n, S), U-centred: (n, n), the diagonal 0 (Szekely & Rizzo 2014)."""
    n = len(x)
    kernel = x @ x.T
    np.fill_diagonal(kernel, 0.0)
    rows = kernel.sum(axis=0)
    kernel += rows.sum() / ((n - 1) * (n - 2)) - (rows[:, None] + rows) / (n - 2)
    np.fill_diagonal(kernel, 0.0)
    return kernel


def alignment(pairs: Sequence[Pair]) -> np.ndarray:
    """Unbiased estimates of HSIC with linear kernels, summed over decisions: (block, learner, learner).

    CKA is that of two learners over the root of the product of theirs with themselves (Kornblith et al. 2019; by blocks
    of episodes and unbiased as Nguyen, Raghu & Kornblith 2021 have it). Both sides have other noise, so that noise adds
    nothing, neither to two learners nor to one with itself. A block compares episodes at the same decision: what comes
    with time alone counts for nothing.
    """
    episodes, decisions = pairs[0][0].shape[:2]
    found = np.zeros((episodes // BLOCK, len(pairs), len(pairs)))
    for block, total in enumerate(found):
        part = slice(block * BLOCK, (block + 1) * BLOCK)
        for t in range(decisions):
            first, second = (
                np.array([centred_kernel(pair[side][part, t]).ravel() for pair in pairs]) for side in (0, 1)
            )
            product = first @ second.T / (BLOCK * (BLOCK - 3))
            total += (product + product.T) / 2
    return found


def scaled(pair: Pair) -> Pair:
    """Both sides of a pair by `in_own_units`."""
    return in_own_units(pair[0]), in_own_units(pair[1])


def beyond_input(pair: Pair, inputs: np.ndarray) -> Pair:
    """Both sides in their own units, less what the last input (E, D, u) and its products tell of them."""
    design = _design(inputs)
    one, other = (_beyond(each, design) for each in scaled(pair))
    return one, other


def in_own_units(states: np.ndarray) -> np.ndarray:
    """States (E, D, S) less the mean of each decision, columns over their standard deviation, if they vary."""
    away = states - states.mean(axis=0)
    spread = away.std(axis=(0, 1))
    return (away / np.where(spread > 1e-6, spread, np.inf)).astype(float)


# What is known


def decoded(states: Sequence[np.ndarray], known: np.ndarray, classes: bool) -> tuple[np.ndarray, np.ndarray]:
    """Errors of decoders of known (E, D, q) in the second half of the episodes, and what they are to be laid beside.

    decoder[i] is fitted to the states of learner i (E, D, S) in the first half. It reads learner j through an alignment
    of j's states to i's that is fitted there too. As both are linear, the alignment is fitted to what i's decoder makes
    of i's states. Where i is j, no alignment stands between.

    Returns:
        error (i, j, E / 2) and beside (E / 2,), by which one minus the ratio of their sums is the share of the variance
        that is decoded; with classes, the share of right answers.
    """
    half = len(known) // 2
    target = known[:half].reshape(-1, known.shape[2])
    features = [_rows(each, half) for each in states]
    own = [_fitted(first, target, half) for first, _ in features]
    read = np.concatenate([_read(one, first) for one, (first, _) in zip(own, features, strict=True)], axis=1)
    error = np.empty((len(states), len(states), len(known) - half))
    for j, (first, second) in enumerate(features):
        guesses = np.split(_read(_fitted(first, read, half), second), len(states), axis=1)
        guesses[j] = _read(own[j], second)
        for i, guess in enumerate(guesses):
            error[i, j] = _errors(guess.reshape(known[half:].shape), known[half:], classes)
    away = np.ones(known[half:].shape[:2]) if classes else ((known[half:] - target.mean(axis=0)) ** 2).sum(axis=2)
    return error, away.sum(axis=1)


def _rows(states: np.ndarray, half: int) -> Pair:
    """A row a decision, of the first half and of the second, in units of the first."""
    width = states.shape[2]
    first, second = (part.reshape(-1, width).astype(float) for part in (states[:half], states[half:]))
    middle, spread = first.mean(axis=0), first.std(axis=0)
    scale = np.where(spread > 1e-6, spread, np.inf)
    return (first - middle) / scale, (second - middle) / scale


def _fitted(features: np.ndarray, target: np.ndarray, episodes: int) -> Ridge:
    """Ridge regression of rows of so many episodes, each as many, with the penalty that serves other episodes best."""
    groups = np.repeat(np.arange(episodes), len(features) // episodes)
    search = GridSearchCV(Ridge(), {"alpha": PENALTIES}, cv=GroupKFold(FOLDS), scoring="neg_mean_squared_error")
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", LinAlgWarning)
        found: Ridge = search.fit(features, target.reshape(len(target), -1), groups=groups).best_estimator_
    return found


def _read(decoder: Ridge, features: np.ndarray) -> np.ndarray:
    """What a decoder makes of rows, (rows, q), of one number too."""
    return np.asarray(decoder.predict(features)).reshape(len(features), -1)


def _errors(guess: np.ndarray, known: np.ndarray, classes: bool) -> np.ndarray:
    """Of each episode, (E,): decisions whose class is missed, or squared errors."""
    if classes:
        return np.sum(guess.argmax(axis=2) != known.argmax(axis=2), axis=1).astype(float)
    return ((guess - known) ** 2).sum(axis=(1, 2))


# Dynamics


def moments_of(pair: Pair, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Second moments of the leading components beyond the input, of s_t with itself and with s_(t+1).

    Inputs and their products are taken out of both s_t and s_(t+1) by least squares, so that what is left of
    s_(t+1) = A s_t + B u + c is A, by moments (Frisch & Waugh 1933). As the two sides of a moment have other noise,
    noise in s_t does not make A too small.

    Args:
        pair: states (E, P, S). inputs: (E, P, u), all that came since the decision before.

    Returns:
        (block, COMPONENTS, COMPONENTS) twice, same and next; A = next same^-1.
    """
    parts = components(pair, inputs)
    design = _design(inputs[:, 1:])
    (first, first_after), (second, second_after) = (
        [_beyond(each, design) for each in (states[:, :-1], states[:, 1:])] for states in parts
    )
    same = (_by_block(first, second) + _by_block(second, first)) / 2
    following = (_by_block(first_after, second) + _by_block(second_after, first)) / 2
    return same, following


def components(pair: Pair, inputs: np.ndarray) -> Pair:
    """The leading components of both sides of a pair, (E, P, COMPONENTS).

    They are those of what neither the last input tells nor the noise: the eigenvectors of the covariance of states with
    one noise and with another, inputs and their products taken out of both.
    """
    one, other = (each.reshape(-1, each.shape[2]) for each in beyond_input(pair, inputs))
    covariance = one.T @ other
    vectors = np.linalg.eigh(covariance + covariance.T)[1][:, ::-1][:, :COMPONENTS]
    vectors = np.pad(vectors, ((0, 0), (0, COMPONENTS - vectors.shape[1])))  # a state of fewer numbers
    sides = scaled(pair)
    return sides[0] @ vectors, sides[1] @ vectors


def _by_block(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Moments of (E, P, k) with (E, P, k) by blocks of episodes, (block, k, k)."""
    blocks = len(left) // BLOCK
    cut = [each[: blocks * BLOCK].reshape(blocks, -1, each.shape[2]) for each in (left, right)]
    return cut[0].transpose(0, 2, 1) @ cut[1]


def _design(inputs: np.ndarray) -> np.ndarray:
    """Orthonormal columns (E * P, k) that span the inputs and their products, less the mean of each decision."""
    products = inputs[..., :, None] * inputs[..., None, :]
    upper = products[..., *np.triu_indices(inputs.shape[2])]
    columns = np.concatenate([inputs, upper], axis=2).astype(float)
    flat = (columns - columns.mean(axis=0)).reshape(-1, columns.shape[2])
    values, vectors = np.linalg.eigh(flat.T @ flat)
    kept = values > 1e-9 * max(values[-1], 1e-30)
    return flat @ (vectors[:, kept] / np.sqrt(values[kept]))


def _beyond(states: np.ndarray, design: np.ndarray) -> np.ndarray:
    """States (E, P, k) less the mean of each decision and what these columns tell of them."""
    away = states - states.mean(axis=0)
    flat = away.reshape(-1, states.shape[2])
    return (flat - design @ (design.T @ flat)).reshape(states.shape)
