"""Read items of a sealed file, each checked before it is handed out: presence, kind, shape, size and range."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from lsnn.errors import InputError
from lsnn.files.renamed import NEWER, OLDER, has_older_names
from lsnn.files.sealed import open_sealed

LARGEST_READ_BYTES = 2**30
LARGEST = 1e12  # no quantity of a result is greater
LONGEST_LABEL = 1000


class ResultError(InputError):
    """A result file that breaks a rule; the message names the file, the item, the rule and what was found."""


class Rule(NamedTuple):
    """What numbers have to be; `gaps`: NaN and infinity may stand for what was not measured."""

    least: float = -LARGEST
    most: float = LARGEST
    whole: bool = False
    gaps: bool = False
    kinds: str = "biuf"

    def __str__(self) -> str:
        kind = "whole numbers" if self.whole else "numbers" if self.gaps else "finite numbers"
        if (self.least, self.most) == (-LARGEST, LARGEST):
            return kind
        return f"{kind} >= {self.least:g}" if self.most == LARGEST else f"{kind} in {self.least:g}..{self.most:g}"


FINITE, GAPS = Rule(), Rule(gaps=True)
COUNT, FLAG, SHARE = Rule(0, whole=True), Rule(0, 1, whole=True), Rule(0, 1)
KEY = Rule(0, 2.0**64, whole=True)
PLACE = Rule(-10, 10)  # pool radii

_KINDS = {"biuf": "numbers", "b": "true or false", "iu": "integers"}


def opened(path: Path) -> h5py.File:
    """A sealed file, open for reading; ResultError for whatever is none."""
    try:
        return open_sealed(path)
    except InputError as error:
        raise ResultError(str(error)) from error


@contextmanager
def reported(where: str) -> Iterator[None]:
    """Turn whatever h5py, JSON or a conversion raises into a ResultError that says where."""
    try:
        yield
    except ResultError:
        raise
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, OverflowError, MemoryError) as error:
        raise ResultError(f"{where}: cannot be read: {error}") from error


def place(item: h5py.Group | h5py.Dataset) -> str:
    """File and item, as every message begins."""
    return f"{item.file.filename}: {item.name}"


def subgroup(parent: h5py.Group, name: str) -> h5py.Group:
    """The group `name` of `parent`; ResultError when absent or no group."""
    with reported(f"{place(parent)}, group {name!r}"):
        found = parent.get(name)
    if not isinstance(found, h5py.Group):
        raise ResultError(f"{place(parent)}: needs a group {name!r}, found {describe(found)}")
    return found


def dataset(parent: h5py.Group, name: str, shape: tuple[int | None, ...]) -> h5py.Dataset:
    """The numeric data set `name` of `parent` with the given shape (None: any length); ResultError otherwise."""
    with reported(f"{place(parent)}, data set {name!r}"):
        found = parent.get(_stored(parent, name))
        if not isinstance(found, h5py.Dataset):
            raise ResultError(f"{place(parent)}: needs a data set {name!r}, found {describe(found)}")
        if found.dtype.kind not in "biuf":
            raise ResultError(f"{place(found)}: must hold numbers, holds {found.dtype}")
        if not fits(found.shape, shape):
            rule = ", ".join("any" if length is None else str(length) for length in shape)
            raise ResultError(f"{place(found)}: must have shape ({rule}), has {found.shape}")
    return found


def _stored(parent: h5py.Group, name: str) -> str:
    """The name under which a file has what is called so today."""
    older = name not in parent and has_older_names(parent.file.attrs.get("schema_version", 3))
    return OLDER.get(name, name) if older else name


def todays_name(item: h5py.Group | h5py.Dataset, name: str) -> str:
    """What a column of a file is called today."""
    return NEWER.get(name, name) if has_older_names(item.file.attrs.get("schema_version", 3)) else name


def values(source: h5py.Dataset, *selection: int | slice, rule: Rule = FINITE) -> np.ndarray:
    """The selected part of a data set in memory, in the byte order of this machine.

    Raises ResultError when it is damaged, larger than LARGEST_READ_BYTES or breaks the rule.
    """
    with reported(place(source)):
        parts = zip(selection, source.shape, strict=False)
        lengths = [len(range(*part.indices(n))) if isinstance(part, slice) else 1 for part, n in parts]
        if math.prod([*lengths, *source.shape[len(selection) :]]) * source.dtype.itemsize > LARGEST_READ_BYTES:
            raise ResultError(f"{place(source)}: must take at most {LARGEST_READ_BYTES} bytes, has {source.shape}")
        array = np.asarray(source[selection or ...])
        array = array.astype(array.dtype.newbyteorder("="), copy=False)  # pandas takes no other
    check(place(source), array, rule)
    return array


def array(parent: h5py.Group, name: str, shape: tuple[int | None, ...], rule: Rule = FINITE) -> np.ndarray:
    """A whole data set of this shape, in memory; ResultError unless it is there and holds what it must."""
    return values(dataset(parent, name, shape), rule=rule)


def check(where: str, found: np.ndarray, rule: Rule) -> None:
    """ResultError unless every number keeps to the rule; names the first that does not."""
    if found.dtype.kind not in rule.kinds:
        raise ResultError(f"{where}: must hold {_KINDS[rule.kinds]}, holds {found.dtype}")
    wide = found.astype(np.float64) if found.dtype == np.float16 else found
    fine = (wide >= rule.least) & (wide <= rule.most)
    if rule.whole and found.dtype.kind == "f":
        fine &= np.floor(wide) == wide
    if rule.gaps and found.dtype.kind == "f":
        fine |= ~np.isfinite(wide)
    if not np.all(fine):
        raise ResultError(f"{where}: must hold {rule}, holds {found[~fine].flat[0]}")


def check_layout(
    group: h5py.Group, layout: Mapping[str, tuple[str, Rule]], lengths: dict[str, int] | None = None
) -> None:
    """ResultError unless a group holds these data sets, whole.

    Args:
        layout: of a data set, the names of its axes ("animal step 2": the same name, the same length, at least 1; a
            number: that length) and the rule for its numbers.
        lengths: those of axes that are known already; the others are added.
    """
    lengths = {} if lengths is None else lengths
    for name, (axes, rule) in layout.items():
        source = dataset(group, name, (None,) * len(axes.split()))
        for axis, length in zip(axes.split(), source.shape, strict=True):
            wanted = int(axis) if axis.isdigit() else lengths.setdefault(axis, length)
            if length != wanted or length < 1:
                raise ResultError(f"{place(source)}: must have {max(wanted, 1)} along {axis!r}, has {length}")
        values(source, rule=rule)


def table(
    parent: h5py.Group, name: str, rules: Mapping[str, Rule], others: Rule = FINITE, needed: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    """The columns of a table: a data set of compound type, or a group with a one-dimensional data set a column.

    Args:
        rules: of some columns; `others` is that of the rest.
        needed: columns that must be there.
    """
    columns, where = _columns(parent, name), f"{place(parent)}, table {name!r}"
    if missing := [column for column in needed if column not in columns]:
        raise ResultError(f"{where}: needs the columns {', '.join(needed)}; missing: {', '.join(missing)}")
    for column, found in columns.items():
        check(f"{where}: column {column!r}", found, rules.get(column, others))
    return columns


def _columns(parent: h5py.Group, name: str) -> dict[str, np.ndarray]:
    with reported(f"{place(parent)}, table {name!r}"):
        found = parent.get(name)
        if isinstance(found, h5py.Dataset) and found.dtype.names and len(found.shape or ()) == 1:
            wrong = [column for column in found.dtype.names if found.dtype[column].kind not in "biuf"]
            if wrong:
                raise ResultError(f"{place(found)}: columns must hold numbers, {wrong[0]!r} does not")
            if found.size * found.dtype.itemsize > LARGEST_READ_BYTES:
                raise ResultError(f"{place(found)}: must take at most {LARGEST_READ_BYTES} bytes, has {found.shape}")
            rows = found[...]
            rows = rows.astype(rows.dtype.newbyteorder("="), copy=False)
            return {todays_name(found, column): rows[column] for column in found.dtype.names}
    group, columns = subgroup(parent, name), {}
    length: tuple[int | None, ...] = (None,)
    with reported(place(parent)):
        names = list(group)
    for column in names:
        source = dataset(group, column, length)
        columns[todays_name(group, column)], length = (
            values(source, rule=Rule(-np.inf, np.inf, gaps=True)),
            source.shape,
        )
    return columns


def holds(group: h5py.Group, name: str) -> bool:
    """Whether a group has an item of that name; ResultError where it is damaged."""
    with reported(place(group)):
        return _stored(group, name) in group


def describe(found: object) -> str:
    return "nothing" if found is None else type(found).__name__.lower()


def fits(shape: tuple[int, ...] | None, wanted: tuple[int | None, ...]) -> bool:
    return (
        shape is not None
        and len(shape) == len(wanted)
        and all(rule is None or length == rule for length, rule in zip(shape, wanted, strict=True))
    )


def attribute(item: h5py.Group | h5py.Dataset, name: str) -> Any:
    """An attribute, text as str; ResultError when absent."""
    with reported(f"{place(item)}, attribute {name!r}"):
        if name not in item.attrs:
            raise ResultError(f"{place(item)}: needs an attribute {name!r}, found nothing")
        value = item.attrs[name]
        if isinstance(value, np.ndarray | np.bytes_) and np.asarray(value).dtype.kind == "S":
            value = np.char.decode(value, "utf-8")
        single = value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value
        return str(single) if isinstance(single, str) else single


def attributes(item: h5py.Group | h5py.Dataset) -> dict[str, Any]:
    """All attributes by name, as `attribute` gives them."""
    with reported(f"{place(item)}: attributes"):
        return {name: attribute(item, name) for name in item.attrs}


def text_attribute(item: h5py.Group | h5py.Dataset, name: str) -> str:
    """A text attribute; ResultError when absent or no text."""
    with reported(f"{place(item)}, attribute {name!r}"):
        value = attribute(item, name) if name in item.attrs else None
        if not isinstance(value, str):
            raise ResultError(f"{place(item)}: needs a text attribute {name!r}, found {describe(value)}")
        return str(value)


def number_attribute(item: h5py.Group | h5py.Dataset, name: str, rule: Rule = FINITE) -> float:
    """A single number that keeps to a rule, an int where it must be whole; ResultError otherwise."""
    value, where = attribute(item, name), f"{place(item)}, attribute {name!r}"
    if not isinstance(value, np.number | np.bool_) or np.asarray(value).dtype.kind not in "biuf":
        raise ResultError(f"{where}: must be a number, is {value!r:.60}")
    check(where, np.asarray(value), rule)
    return int(value) if rule.whole else float(value)


def json_attribute(item: h5py.Group | h5py.Dataset, name: str, kind: type) -> Any:
    """A JSON attribute that must be a `kind` (dict or list)."""
    text = text_attribute(item, name)
    with reported(f"{place(item)}, attribute {name!r}"):
        value = json.loads(text)
    if not isinstance(value, kind):
        raise ResultError(f"{place(item)}: attribute {name!r} must be a JSON {kind.__name__}, is {text[:60]!r}")
    return value


def checked_label(where: str, text: object) -> str:
    """A text that may stand in a figure or a table; ResultError otherwise."""
    if not isinstance(text, str) or not 0 < len(text) <= LONGEST_LABEL or not text.isprintable():
        raise ResultError(f"{where}: must be a text of 1 to {LONGEST_LABEL} printable characters, is {text!r:.60}")
    return str(text)


def label_attribute(item: h5py.Group | h5py.Dataset, name: str) -> str:
    """A text attribute that may stand in a figure."""
    return checked_label(f"{place(item)}, attribute {name!r}", text_attribute(item, name))


def names(group: h5py.Group, name: str) -> list[str]:
    """An attribute that lists names."""
    where = f"{place(group)}, attribute {name!r}"
    return [checked_label(where, str(text)) for text in np.atleast_1d(attribute(group, name))]
