"""Input spikes of samples, from dense arrays or from spike times, as the kernels read them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lsnn.kernels.simd import LANES
from lsnn.validation import plain_numbers, require, require_integer, require_number

MOST_STEPS = 2**24


def spikes_from_times(times: Sequence[Any], steps: int, cells: int, dt_ms: float = 1.0) -> np.ndarray:
    """Dense spikes of samples that are given by the times of their spikes: `lsnn.spikes_from_times`.

    Args:
        times: a sample each, (n, 2): time in ms from 0 and number of the input cell; n may differ.
        steps: of every sample. cells: input cells. dt_ms: length of a step.

    Returns:
        (samples, steps, cells) bool. A time t falls into step floor(t / dt).

    Raises:
        InputError: a time beyond the steps, a cell that is none, or two spikes of a cell in one step.
    """
    require_integer("steps", steps, 1, MOST_STEPS)
    require_integer("cells", cells, 1, MOST_STEPS)
    require_number("dt_ms", dt_ms, 1e-6, 1e6)
    spikes = np.zeros((len(times), steps, cells), bool)
    for i, sample in enumerate(times):
        rows = np.asarray(plain_numbers(f"times[{i}]", sample), float)
        if rows.size == 0:
            continue
        require(rows.ndim == 2 and rows.shape[1] == 2, f"times[{i}]", "rows of a time and a cell, (n, 2)", rows)
        step, cell = np.floor(rows[:, 0] / dt_ms + 1e-9), rows[:, 1]
        inside = np.isfinite(step) & (step >= 0) & (step < steps)
        require(bool(inside.all()), f"times[{i}]", f"times within 0..{steps * dt_ms:g} ms", rows[~inside])
        known = (cell >= 0) & (cell < cells) & (cell == np.floor(cell))
        require(bool(known.all()), f"times[{i}]", f"cells within 0..{cells - 1}", rows[~known])
        places = step.astype(np.int64) * cells + cell.astype(np.int64)
        require(len(np.unique(places)) == len(places), f"times[{i}]", "at most one spike of a cell in a step", rows)
        spikes[i].reshape(-1)[places] = True
    return spikes


def spikes_of(name: str, values: Any, cells: int) -> np.ndarray:
    """Samples of spikes, (samples, steps, cells) bool; InputError unless they are zeros and ones in that form."""
    truths = isinstance(values, np.ndarray) and values.dtype == bool
    array = plain_numbers(name, values.view(np.uint8) if truths else values)
    rule = f"spikes (samples, steps, cells) of {cells} input cells"
    require(array.ndim == 3 and array.shape[2] == cells, name, rule, array)
    require(array.shape[0] > 0 and 0 < array.shape[1] <= MOST_STEPS, name, f"{rule}, at least one of each", array)
    require(bool(((array == 0) | (array == 1)).all()), name, "zeros and ones", array)
    return array.astype(bool)


def eights(count: int) -> list[np.ndarray]:
    """The numbers of so many samples, eight by eight; the last part may be shorter."""
    return [np.arange(first, min(first + LANES, count)) for first in range(0, count, LANES)]


def packed(spikes: np.ndarray) -> np.ndarray:
    """Up to eight samples (n, T, cells) as the bits of bytes, (T, cells) uint8; missing ones are silent."""
    whole = np.zeros((LANES, *spikes.shape[1:]), bool)
    whole[: len(spikes)] = spikes
    return np.packbits(whole, axis=0, bitorder="little")[0]
