"""Inputs of samples, from dense arrays or from spike times, as the kernels read them."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from lsnn.forecast import require_memory
from lsnn.kernels.simd import LANES
from lsnn.validation import plain_numbers, require, require_integer, require_number

MOST_STEPS = 2**24
LARGEST_CURRENT = 1e6  # times a threshold's worth of weight: far beyond any membrane, far within single precision


def spikes_from_times(times: Iterable[Any], steps: int, cells: int, dt_ms: float = 1.0) -> np.ndarray:
    """Dense spikes of samples that are given by the times of their spikes: `lsnn.spikes_from_times`.

    Args:
        times: a sample each, (n, 2): time in ms from 0 and number of the input cell; n may differ.
        steps: of every sample. cells: input cells. dt_ms: length of a step.

    Returns:
        (samples, steps, cells) bool. A time t falls into step floor(t / dt).

    Raises:
        InputError: a time beyond the steps, a cell that is none, two spikes of a cell in one step, or more than fits
            into memory.
    """
    require_integer("steps", steps, 1, MOST_STEPS)
    require_integer("cells", cells, 1, MOST_STEPS)
    require_number("dt_ms", dt_ms, 1e-6, 1e6)
    require(isinstance(times, Iterable) and not isinstance(times, str | bytes), "times", "a row of samples", times)
    samples = list(times)
    require_memory(f"spikes of {len(samples)} samples of {steps} steps of {cells} cells", len(samples) * steps * cells)
    spikes = np.zeros((len(samples), steps, cells), bool)
    for i, sample in enumerate(samples):
        rows = np.asarray(plain_numbers(f"times[{i}]", sample), float)
        if rows.size:
            places = _places(f"times[{i}]", rows, steps, cells, dt_ms)
            spikes[i].reshape(-1)[places] = True
    return spikes


def _places(name: str, rows: np.ndarray, steps: int, cells: int, dt_ms: float) -> np.ndarray:
    """Where the spikes of a sample stand, step * cells + cell."""
    require(rows.ndim == 2 and rows.shape[1] == 2, name, "rows of a time and a cell, (n, 2)", rows)
    time, cell = rows.T
    inside = np.isfinite(time) & (time >= 0) & (time < steps * dt_ms)
    require(bool(inside.all()), name, f"times from 0 to below {steps * dt_ms:g} ms", rows[~inside])
    known = (cell >= 0) & (cell < cells) & (cell == np.floor(cell))
    require(bool(known.all()), name, f"cells within 0..{cells - 1}", rows[~known])
    step = np.minimum(np.floor(time / dt_ms + 1e-9), steps - 1).astype(np.int64)
    places = step * cells + cell.astype(np.int64)
    require(len(np.unique(places)) == len(places), name, "at most one spike of a cell in a step", rows)
    return places


def inputs_of(name: str, values: Any, cells: int, currents: bool) -> np.ndarray:
    """Samples of inputs (samples, steps, cells): spikes as bool, or currents as float32.

    Raises:
        InputError: another form, spikes that are not zeros and ones, currents that are not finite.
    """
    array = counted(name, values)
    rule = f"{'currents' if currents else 'spikes'} (samples, steps, cells) of {cells} input cells"
    require(array.ndim == 3 and array.shape[2] == cells, name, rule, array)
    require(array.shape[0] > 0 and 0 < array.shape[1] <= MOST_STEPS, name, f"{rule}, at least one of each", array)
    if currents:
        require_memory(f"{name} of shape {array.shape}", 4.0 * array.size)
        sound = np.abs(array) <= LARGEST_CURRENT
        require(bool(sound.all()), name, f"numbers from -{LARGEST_CURRENT:g} to {LARGEST_CURRENT:g}", array[~sound])
        return array.astype(np.float32)
    require_memory(f"{name} of shape {array.shape}", 3.0 * array.size)
    if array.dtype != bool:
        fits = bool(((array == 0) | (array == 1)).all())
        require(fits, name, "zeros and ones; numbers of any size go in with currents=True", array)
    return array.astype(bool)


def counted(name: str, values: Any) -> np.ndarray:
    """The values as an array of numbers or of truths; InputError unless they are real and not masked."""
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, OverflowError, RuntimeError):  # ragged rows, or a tensor that is elsewhere
        array = np.empty(0, object)
    if array.dtype == bool and not np.ma.is_masked(values):
        return array
    return plain_numbers(name, values)


def eights(count: int) -> list[np.ndarray]:
    """The numbers of so many samples, eight by eight; the last part may be shorter."""
    return [np.arange(first, min(first + LANES, count)) for first in range(0, count, LANES)]


def packed(spikes: np.ndarray) -> np.ndarray:
    """Up to eight samples (n, T, cells) as the bits of bytes, (T, cells) uint8; missing ones are silent."""
    whole = np.zeros((LANES, *spikes.shape[1:]), bool)
    whole[: len(spikes)] = spikes
    return np.packbits(whole, axis=0, bitorder="little")[0]
