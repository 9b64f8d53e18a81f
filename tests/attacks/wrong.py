"""Values that do not fit where a good one would: of arrays, numbers, keys and named tuples of arrays."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

Labelled = tuple[str, Any]
Pairs = Iterator[tuple[str, Labelled]]  # of an argument and what is wrong with it

TYPES = (np.float32, np.float64, np.int64, np.int32, np.int8, np.uint8, np.uint64, np.complex128, np.bool_, np.object_)


def named(**values: Iterable[Labelled]) -> Pairs:
    """Each value with the name of its argument."""
    for argument, labelled in values.items():
        yield from ((argument, each) for each in labelled)


def strided(array: np.ndarray) -> np.ndarray:
    """The same numbers in every other place of memory."""
    room = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    room[..., ::2] = array
    return room[..., ::2]


def unaligned(array: np.ndarray) -> np.ndarray:
    """The same numbers from an odd address on."""
    room = np.zeros(array.nbytes + 1, np.uint8)
    found = room[1:].view(array.dtype).reshape(array.shape)
    found[...] = array
    return found


def read_only(array: np.ndarray) -> np.ndarray:
    """The same numbers, which cannot be written to."""
    found = array.copy()
    found.setflags(write=False)
    return found


def swapped(array: np.ndarray) -> np.ndarray:
    """The same numbers in the other order of bytes."""
    return array.astype(array.dtype.newbyteorder())


def converted(array: np.ndarray) -> Iterator[Labelled]:
    """The same numbers in other places, where they are copied."""
    yield from (("strided", strided(array)), ("swapped", swapped(array)), ("read-only", read_only(array)))


def no_arrays() -> Iterator[Labelled]:
    """Things that are no arrays."""
    yield from (("None", None), ("a text", "text"), ("a mapping", {}), ("an object", object()))
    yield "a ragged list", [[1.0], []]


def misshapen(array: np.ndarray) -> Iterator[Labelled]:
    """Arrays of another shape."""
    yield "one axis more", array[None].copy()
    yield "no axis", np.zeros((), array.dtype)
    for axis, size in enumerate(array.shape):
        for other in {0, size - 1, size + 1, 2 * size + 1} - {size, -1}:
            shape = (*array.shape[:axis], other, *array.shape[axis + 1 :])
            found = np.resize(array, shape) if array.size else np.zeros(shape, array.dtype)
            yield f"axis {axis} of length {other}", found


def mistyped(array: np.ndarray, types: tuple[type, ...] = TYPES) -> Iterator[Labelled]:
    """The numbers in another type."""
    for kind in types:
        if np.dtype(kind) != array.dtype:
            with np.errstate(all="ignore"):
                yield f"type {np.dtype(kind)}", array.astype(kind)


def misplaced(array: np.ndarray, written: bool) -> Iterator[Labelled]:
    """The same numbers as compiled code cannot reach them."""
    if array.dtype.itemsize > 1:
        yield "the other order of bytes", swapped(array)
    if array.dtype.itemsize > 1 and array.size:
        yield "an odd address", unaligned(array)
    if array.size > 1:
        yield "every other place", strided(array)
    if written:
        yield "read-only", read_only(array)


def of_array(array: np.ndarray, written: bool = True) -> Iterator[Labelled]:
    """All that is wrong in place of an array that compiled code takes as it is."""
    for found in (no_arrays(), misshapen(array), mistyped(array), misplaced(array, written)):
        yield from found


def of_numbers(array: np.ndarray) -> Iterator[Labelled]:
    """All that is wrong in place of numbers that are converted."""
    yield from no_arrays()
    yield from misshapen(array)
    yield from mistyped(array, (np.complex128, np.bool_, np.object_))


def of_integer(low: int | None = 0) -> Iterator[Labelled]:
    """All that is wrong in place of a whole number of at least `low`."""
    yield from no_arrays()
    yield from (("a fraction", 1.5), ("NaN", np.nan), ("infinity", np.inf), ("a truth", True), ("a digit", "1"))
    yield from (("70 bits", 2**70), ("thousands of digits", 10**5000), ("two", np.array([1, 2])), ("imaginary", 1j))
    if low is not None:
        yield "too low", low - 1


def of_number(low: float | None = None) -> Iterator[Labelled]:
    """All that is wrong in place of a finite number of at least `low`."""
    yield from no_arrays()
    yield from (("NaN", np.nan), ("minus infinity", -np.inf), ("a digit", "1"), ("two", np.array([1.0, 2.0])))
    yield from (("imaginary", 1j), ("thousands of digits", 10**5000), ("a truth", True))
    if low is not None:
        yield "too low", low - 1.0


def of_flag() -> Iterator[Labelled]:
    """All that is wrong in place of a truth."""
    yield from (("None", None), ("2", 2), ("a text", "False"), ("an array", np.zeros(2, bool)))


def of_keys(keys: np.ndarray) -> Iterator[Labelled]:
    """All that is wrong in place of so many keys."""
    yield from no_arrays()
    for count in {0, 1, 4, 7, 9, 16, 24} - {len(keys)}:
        yield f"{count} keys", np.arange(count, dtype=np.uint64)
    yield from of_any_keys()


def of_any_keys() -> Iterator[Labelled]:
    """All that is wrong in place of any number of keys."""
    yield from (("None", None), ("a text", "text"), ("an object", object()), ("two axes", np.zeros((8, 2), np.uint64)))
    yield from (("fractions", np.linspace(0, 1, 8)), ("truths", np.ones(8, bool)), ("negative", np.arange(-8, 0)))
    yield from (("too large", [2**64] * 8), ("NaN", [np.nan] * 8), ("imaginary", np.ones(8) * 1j))


def of_tuple(arrays: Any, written: bool = True) -> Iterator[Labelled]:
    """A named tuple of arrays in which one is wrong, or that is none."""
    yield "None", None
    yield "a plain tuple", tuple(arrays)
    yield "one array less", tuple(arrays)[:-1]
    for name, array in arrays._asdict().items():
        for label, value in of_array(array, written):
            yield f"{name}: {label}", arrays._replace(**{name: value})
