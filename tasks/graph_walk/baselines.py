"""Baselines of the graph walk: probabilities that each would give to the symbol of the room that comes next."""

import numpy as np
from numpy.typing import NDArray

from lsnn.validation import require
from tasks.graph_walk.task import LAST, MOVE, N_MOVES, ROOM, SYMBOL, SYMBOLS

Array = NDArray[np.float64]

BASELINES = ("most_frequent", "transitions", "map")


def seen(walks: Array) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Rooms (E, V + 1), their symbols (E, V + 1) and moves (E, V) of walks (E, V + 1, N_STATE)."""
    room = walks[..., ROOM].astype(np.intp)
    symbol = np.take_along_axis(walks[..., SYMBOL:LAST], room[..., None], axis=-1)[..., 0].astype(np.intp)
    return room, symbol, walks[:, :-1, MOVE].astype(np.intp)


def last_visits(walks: Array) -> NDArray[np.int64]:
    """The visit in which the room that a move leads to was visited before, (E, V); -1 at first sight."""
    room = seen(walks)[0]
    return np.take_along_axis(walks[:, :-1, LAST:], room[:, 1:, None], axis=-1)[..., 0].astype(np.int64)


def play(name: str, walks: Array) -> Array:
    """Probabilities of the symbol of the next room at every move, (E, V, SYMBOLS).

    most_frequent: the shares of the symbols over the visits so far, which is all that can be told without knowing where
    each belongs. transitions: beside them, counts of what this move from such a symbol led to, either way; the shares
    count as one more. map: the symbol of the room, if it was visited before; else all symbols are alike.

    Args:
        walks: the states at the start of each visit and after the last, (E, V + 1, N_STATE).

    Raises:
        InputError: an unknown baseline.
    """
    require(name in BASELINES, "baseline", f"one of {', '.join(BASELINES)}", name)
    _, symbol, move = seen(walks)
    flags = np.eye(SYMBOLS)[symbol]
    if name == "map":
        known = last_visits(walks)[..., None] >= 0
        return np.where(known, flags[:, 1:], 1.0 / SYMBOLS)
    shares = np.cumsum(flags[:, :-1], axis=1) / np.arange(1, move.shape[1] + 1)[:, None]
    return shares if name == "most_frequent" else _by_transitions(symbol, move, shares)


def _by_transitions(symbol: NDArray[np.intp], move: NDArray[np.intp], shares: Array) -> Array:
    """Shares of what such a move from such a symbol led to, `shares` (E, V, SYMBOLS) counted as one time more."""
    every, found = np.arange(len(symbol)), np.empty_like(shares)
    counts = np.zeros((len(symbol), SYMBOLS, N_MOVES, SYMBOLS))
    for visit in range(move.shape[1]):
        here, there, way = symbol[:, visit], symbol[:, visit + 1], move[:, visit]
        seen_so = counts[every, here, way]
        found[:, visit] = (seen_so + shares[:, visit]) / (seen_so.sum(axis=1, keepdims=True) + 1.0)
        counts[every, here, way, there] += 1.0
        counts[every, there, (way + N_MOVES // 2) % N_MOVES, here] += 1.0
    return found
