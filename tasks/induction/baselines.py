"""Baselines of induction: probabilities that each would give to the value of a key."""

import numpy as np
from numpy.typing import NDArray

from lsnn.validation import require
from tasks.induction.task import KEYS, ORDER, PAIRS, TOKENS, VALUES, Induction

Array = NDArray[np.float64]

BASELINES = ("most_frequent", "lag_copy", "look_up")


def play(name: str, task: Induction, starts: Array) -> Array:
    """Probabilities of the value at every key of each episode, (E, 2 pairs_max, TOKENS): pairs, then queries.

    At first sight of a key all tokens are alike to all. At a query most_frequent: the shares of the values seen, in any
    order, which is all that can be told without knowing which belongs to which. lag_copy: the token so many places
    before, at the one lag that is right most often over all lengths; as likely as it is right. look_up: the value.

    Args:
        starts: first states, (E, N_STATE).

    Raises:
        InputError: an unknown baseline.
    """
    require(name in BASELINES, "baseline", f"one of {', '.join(BASELINES)}", name)
    found = np.full((len(starts), 2 * task.pairs_max, TOKENS), 1.0 / TOKENS)
    lag = best_lag(task)
    for start, p in zip(starts, found, strict=True):
        pairs = int(start[PAIRS])
        values = start[VALUES : VALUES + pairs].astype(int)
        for query in range(pairs):
            if name == "most_frequent":
                p[pairs + query] = np.bincount(values, minlength=TOKENS) / pairs
            elif name == "look_up":
                p[pairs + query] = np.eye(TOKENS)[values[int(start[ORDER + query])]]
            else:
                p[pairs + query] = _copied(start, pairs, query, lag)
    return found


def _copied(start: Array, pairs: int, query: int, lag: int) -> Array:
    """Probabilities of a delay line: those of what it hands on, the rest shared by all others."""
    place = 2 * pairs + query - lag
    if place < 0 or place >= 2 * pairs:
        return np.full(TOKENS, 1.0 / TOKENS)
    token = int(start[(VALUES if place % 2 else KEYS) + place // 2])
    sure = _right(pairs, query, lag)
    return np.where(np.arange(TOKENS) == token, sure, (1.0 - sure) / (TOKENS - 1))


def _right(pairs: int, query: int, lag: int) -> float:
    """How often the token `lag` places before a query is the value asked for: a value is that of any pair as often."""
    place = 2 * pairs + query - lag
    if 0 <= place < 2 * pairs and place % 2:
        return 1.0 / pairs + (1.0 - 1.0 / pairs) / TOKENS
    return 1.0 / TOKENS


def best_lag(task: Induction) -> int:
    """The lag, in tokens, that is right most often; the shortest of those."""
    lengths = range(task.pairs_min, task.pairs_max + 1)
    hits = [
        sum(_right(pairs, query, lag) for pairs in lengths for query in range(pairs))
        for lag in range(1, 3 * task.pairs_max)
    ]
    return 1 + int(np.argmax(hits))
