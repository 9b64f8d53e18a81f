"""Patterns, weights and recall of a Hopfield network, units +1 or -1."""

from collections.abc import Sequence

import numpy as np

STARTS = {
    "from_pattern": "a stored pattern itself",
    "from_cue": "a stored pattern with a share of its units turned",
    "from_unseen": "such a cue of a pattern that was never stored",
}


def stored(neurons: int, loads: Sequence[float]) -> np.ndarray:
    """Patterns that are stored at each load, at least one, (loads,)."""
    return np.maximum(1, np.rint(np.multiply(loads, neurons))).astype(int)


def weights_of(patterns: np.ndarray) -> np.ndarray:
    """Sum of xi xi^T over patterns (P, N), nothing on the diagonal, (N, N) int32: N times the weights.

    In whole numbers a field of nought is nought.
    """
    real = patterns.astype(np.float64)  # products of whole numbers are quick, and exact, in floats alone
    weights = (real.T @ real).astype(np.int32)
    np.fill_diagonal(weights, 0)
    return weights


def recalled(weights: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The fixed point (N,) that a start (N,) leads to: units turn to their field one at a time, in order.

    Units of random patterns are alike, so that any order is a random one. A unit without a field stays. Weights are
    symmetric without a diagonal, so that each turn lowers the energy -s W s / 2 and there is an end.
    """
    state, fields, unit = start.copy(), weights @ start, 0
    while True:
        against = fields * state < 0
        if not against.any():
            return state
        ahead = against[unit:]
        unit = unit + int(ahead.argmax()) if ahead.any() else int(against.argmax())
        state[unit] = -state[unit]
        fields += 2 * state[unit] * weights[unit]


def cue_of(pattern: np.ndarray, share: float, generator: np.random.Generator) -> np.ndarray:
    """The pattern with a share of its units turned."""
    cue, count = pattern.copy(), round(share * len(pattern))
    cue[generator.choice(len(pattern), count, replace=False)] *= -1
    return cue


def overlaps(
    neurons: int, loads: Sequence[float], most: int, turned: float, generator: np.random.Generator
) -> dict[str, np.ndarray]:
    """Of each kind of start, the overlap (1/N) xi . s of the fixed point with its pattern, (loads, most).

    At each load as many patterns are recalled as were stored, `most` at most; NaN for the rest.
    """
    counts = stored(neurons, loads)
    patterns = generator.choice(np.array([-1, 1], np.int32), (counts.max() + most, neurons))
    found = {name: np.full((len(counts), most), np.nan) for name in STARTS}
    for row, count in enumerate(counts):
        weights = weights_of(patterns[:count])
        for column in range(min(count, most)):
            own, unseen = patterns[column], patterns[counts.max() + column]
            starts = own, cue_of(own, turned, generator), cue_of(unseen, turned, generator)
            for name, start, of in zip(STARTS, starts, (own, own, unseen), strict=True):
                found[name][row, column] = np.dot(of, recalled(weights, start)) / neurons
    return found
