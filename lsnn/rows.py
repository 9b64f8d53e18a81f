"""Synapses sorted by source as the rows that the kernels read."""

import numpy as np

from lsnn.kernels.layout import TILED, Rows
from lsnn.kernels.simd import LANES

TILE_BYTES = 1536 * 1024  # of the delay ring of a tile, in float32 (benchmarks/NOTES.md)


def most_in_tile(rows: int) -> int:
    """Neurons of a tile; rows: of the delay ring that are read in a step."""
    return max(1, TILE_BYTES // (rows * LANES * 4))


def is_full(place: np.ndarray, n_in: int, n: int) -> bool:
    """Whether every input and every other neuron reaches every neuron after one step; place: delay * N + target."""
    if len(place) != (n_in + n - 1) * n:
        return False
    targets = np.arange(n, 2 * n)
    others = np.tile(targets, n)[~np.eye(n, dtype=bool).ravel()]
    return np.array_equal(place, np.concatenate([np.tile(targets, n_in), others]))


def rows_of(source: np.ndarray, n_sources: int, place: np.ndarray, weight: np.ndarray, form: int, dtype) -> Rows:
    """Synapses sorted by source; place: of each in the delay ring, form: FULL or PLAIN."""
    start = np.searchsorted(source, np.arange(n_sources + 1)).astype(np.int64)
    return Rows(start, np.ascontiguousarray(place), np.ascontiguousarray(weight, dtype), np.array([form], np.uint8))


def tiled(rows: Rows, n: int, most: int) -> Rows:
    """Rows by tiles of targets, all tiles as good as equal and none with more than `most` of the n neurons."""
    n_sources, size = len(rows.start) - 1, -(-n // -(-n // most))
    row = rows.offset % n // size * n_sources + np.repeat(np.arange(n_sources), np.diff(rows.start))
    order = np.argsort(row, kind="stable")
    start = np.searchsorted(row[order], np.arange(-(-n // size) * n_sources + 1)).astype(np.int64)
    return Rows(start, rows.offset[order], rows.weight[order], np.array([TILED], np.uint8), order)
