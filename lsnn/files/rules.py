"""Rules that what is read from a file has to keep; a broken one is an InputError with file, place, rule and value."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np

from lsnn.errors import InputError
from lsnn.files import store

LARGEST_WEIGHT = float(np.finfo(np.float32).max)


def require(group: h5py.Group | h5py.Dataset, name: str, holds: Any, rule: str, found: Any) -> None:
    """InputError unless the rule holds, for every entry if it is an array; names the first value that breaks it."""
    if np.all(holds):
        return
    value = np.asarray(found)[~holds][0] if isinstance(holds, np.ndarray) else found
    raise InputError(f"{group.file.filename}: {group.name.rstrip('/')}/{name}: must have {rule}, got {value!s:.80}")


@contextmanager
def placed(group: h5py.Group) -> Iterator[None]:
    """Lets an InputError of what is computed with the numbers of a group name file and group."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{group.file.filename}: {group.name}: {error}") from error


def group_of(parent: h5py.Group, name: str) -> h5py.Group:
    """The group of that name."""
    found = parent.get(name)
    require(parent, name, isinstance(found, h5py.Group), "the form of a group", type(found).__name__)
    return found


def data_set(group: h5py.Group, name: str, kinds: str, shape: tuple[int | None, ...]) -> h5py.Dataset:
    """A data set that is read later; InputError unless it has these kinds of numbers and this shape."""
    found = group.get(name)
    fits = isinstance(found, h5py.Dataset) and found.dtype.kind in kinds and not found.dtype.shape
    require(group, name, fits, "the form of an array of numbers", getattr(found, "dtype", None))
    alike = len(found.shape) == len(shape) and all(w in (None, n) for n, w in zip(found.shape, shape, strict=True))
    require(group, name, alike, f"shape {shape}", found.shape)
    return found


def require_attributes(node: h5py.Group | h5py.Dataset, expected: Mapping[str, Any], rule: str) -> None:
    """Each attribute has its one value; `rule` says whose value that is."""
    for key, value in expected.items():
        found = store.read_attribute(node, key, type(value))
        require(node, f"@{key}", found == value, f"{rule}, {value!r:.300}", found)


def require_only(group: h5py.Group | h5py.Dataset, members: Collection[str], attributes: Collection[str]) -> None:
    """Nothing stands there but this, lest a later version's network be taken for another."""
    found = set(group) if isinstance(group, h5py.Group) else set()
    for prefix, names, known in (("", found, members), ("@", set(group.attrs), attributes)):
        for name in sorted(names - set(known)):
            require(group, prefix + name, False, f"a name that this version reads, {', '.join(known)}", name)


def read_single(
    group: h5py.Group, name: str, shape: tuple[int | None, ...], largest: float = LARGEST_WEIGHT
) -> np.ndarray:
    """A data set whose numbers the kernels hold in single precision."""
    array = store.read(group, name, "f", shape).astype(float, copy=False)  # half precision does not reach `largest`
    require(group, name, np.abs(array) <= largest, f"values in -{largest:g}..{largest:g}", array)
    return array
