"""Checks of what a caller hands over: an InputError names the argument, the rule and the value received."""

import math
import sys
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsnn.errors import InputError

_LARGEST = sys.float_info.max


def require(condition: bool, name: str, rule: str, value: object) -> None:
    """Raise InputError, naming the key, the rule and the value received, unless the condition holds."""
    if not condition:
        raise InputError(f"{name} must be {rule}, received {_described(value)}")


def _described(value: object) -> str:
    if not isinstance(value, np.ndarray):
        try:
            return f"{value!r:.200}"
        except ValueError:  # Python does not write out so many digits
            return "a number of thousands of digits"
    contiguous = "" if value.flags.c_contiguous else ", not C-contiguous"
    access = "" if value.flags.writeable else ", read-only"
    content = f": {value.tolist()!r:.200}" if value.size <= 8 else ""
    return f"an array of shape {value.shape} and type {value.dtype}{contiguous}{access}{content}"


def require_number(name: str, value: Any, low: float, high: float = math.inf) -> None:
    """Raise InputError unless value is a finite number, low <= value <= high."""
    number = isinstance(value, Real) and not isinstance(value, bool | np.timedelta64)
    if not (number and max(float(low), -_LARGEST) <= value <= min(float(high), _LARGEST)):
        rule = f"a number of at least {low:g}" if high == math.inf else f"a number from {low:g} to {high:g}"
        require(False, name, rule, value)


def is_integer(value: object) -> bool:
    """Whether it is a whole number; a truth is none, and a time is none (NumPy counts it among its integers)."""
    return isinstance(value, Integral) and not isinstance(value, bool | np.timedelta64)


def require_integer(name: str, value: Any, low: int, high: float = math.inf) -> None:
    """Raise InputError unless value is an integer, low <= value <= high."""
    if not (is_integer(value) and low <= value <= high):
        rule = f"an integer of at least {low}" if high == math.inf else f"an integer from {low} to {high}"
        require(False, name, rule, value)


def require_flag(name: str, value: object) -> None:
    """Raise InputError unless value is True or False."""
    require(isinstance(value, bool), name, "true or false", value)


def require_kind(name: str, value: object, kind: type) -> None:
    """Raise InputError unless value is of that class."""
    require(isinstance(value, kind), name, f"of class {kind.__name__}", value)


def offers(value: object, protocol: type) -> bool:
    """Whether it has all that a protocol names: `isinstance`, many times faster."""
    return all(hasattr(value, name) for name in vars(protocol) if not name.startswith("_"))


def path_of(name: str, value: object) -> Path:
    """The path; InputError unless it is a text or a path."""
    require(isinstance(value, str | Path), name, "a path", value)
    assert isinstance(value, str | Path)
    return Path(value)


def size_of(value: object) -> int:
    """Numbers in an array; 0 of what is none."""
    return value.size if isinstance(value, np.ndarray) else 0


def precision_of(dtype: Any) -> np.dtype:
    """The type of numbers that compiled code computes with; raises InputError unless it is float32 or float64."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = np.dtype(object)
    require(dtype is not None and found in (np.float32, np.float64), "dtype", "float32 or float64", dtype)
    return found


def require_array(
    name: str, value: Any, shape: tuple[int, ...], dtype: np.dtype, written: bool = True, in_rows: bool = True
) -> None:
    """Raise InputError unless value is an array of this shape and type as compiled code needs it.

    Args:
        written: whether it will be written to; in_rows: whether it has to be C-contiguous.
    """
    holds = isinstance(value, np.ndarray) and value.shape == shape and value.dtype == dtype
    if holds and (not in_rows or value.flags.c_contiguous) and value.flags.aligned:
        if value.flags.writeable or not written:
            return
    form = f"{'C-contiguous ' if in_rows else ''}array of shape {shape} and type {np.dtype(dtype)}"
    require(False, name, f"a {form}{' that can be written to' if written else ''}", value)


def plain_numbers(name: str, values: Any) -> NDArray[Any]:
    """The values as an array; InputError unless they are real numbers without a unit, none of them masked."""
    bare = not np.ma.is_masked(values) and getattr(values, "is_dimensionless", True)
    try:
        array = np.asarray(values)
    except (ValueError, OverflowError):  # rows of unequal lengths
        array = np.empty(0, object)
    rule = "numbers" if bare else "numbers without a unit, none of them masked"
    require(bare and array.dtype.kind in "iuf", name, rule, array if array.dtype.kind in "iuf" else values)
    return array


def numbers_of(
    name: str, values: Any, shape: tuple[int, ...] | None = None, dtype: Any = np.float64
) -> NDArray[np.floating]:
    """The values in a precision, C-contiguous; InputError unless they are numbers in this shape, or a row of them."""
    rule = "a row of numbers" if shape is None else f"numbers of shape {shape}"
    array = plain_numbers(name, values)
    fits = array.shape == shape if shape is not None else array.ndim == 1 and array.size > 0
    require(fits, name, rule, array)
    return np.ascontiguousarray(array, dtype)


def keys_of(name: str, values: Any, count: int | None = None) -> NDArray[np.uint64]:
    """Keys of episodes as a new array (count,) uint64, or as many as there are; a single one counts as one.

    Raises:
        InputError: they are no whole numbers from 0 to 2**64 - 1, or not so many.
    """
    try:
        array = np.atleast_1d(np.asarray(values))
    except (ValueError, OverflowError):
        array = np.empty(0, object)
    whole = array.dtype.kind in "iu" and array.ndim == 1 and not (array.dtype.kind == "i" and np.any(array < 0))
    whole = whole and not np.ma.is_masked(values)
    rule = f"{'a row of' if count is None else count} whole numbers from 0 to 2**64 - 1 (uint64)"
    require(whole and count in (None, len(array)), name, rule, array if array.dtype.kind in "iu" else values)
    return array.astype(np.uint64)
