"""HDF5 files: written whole or not at all, read only when sound.

A file is written under a hidden name (`whole.py`), sealed, and opened for reading once it is known to be sound
(`sealed.py`). Checksums inside the file (metadata of HDF5 1.10, Fletcher-32 on every chunk) guard those who open
it with other programs, and files that were changed and sealed again. For their sake text has a fixed length: HDF5
keeps text of variable length in a heap without a checksum, and damage there can make it loop for ever. Nothing in a
file is ever unpickled or executed.
"""

import hashlib
import importlib.metadata
import json
import math
import os
import platform
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np

from lsnn.errors import InputError
from lsnn.files import sealed
from lsnn.files.sealed import readable
from lsnn.files.soundness import LARGEST_READ_BYTES
from lsnn.files.whole import writing

SCHEMA_VERSIONS = {  # of each kind of file: those that are read here, of which the last is written
    "network": (2, 3),  # 1 had text of variable length, 2 three populations in place of lists
    "result": (3,),  # 2 said nothing of its family and kept every path
    "sweep": (2,),
    "agent": (1,),
    "circuit": (1,),
    "circuit record": (1,),
    "record": (1,),
}
RESULT_SCHEMA_VERSION = SCHEMA_VERSIONS["result"][-1]

_PACKAGES = ("numpy", "numba", "h5py", "brian2")
_KIND_NAMES = {"f": "floating", "i": "signed integer", "u": "unsigned integer", "b": "boolean", "S": "byte string"}

T = TypeVar("T", bound=str | int | float | bool)


# Writing


@contextmanager
def write_atomically(path: str | Path, overwrite: bool = True, folder: int | None = None) -> Iterator[h5py.File]:
    """Yields an empty HDF5 file that takes the place of `path`, sealed, once the block has ended without an error.

    Arguments and errors are those of `lsnn.files.whole.writing`.
    """
    with write_at_length(path, overwrite, folder) as (file, _):
        yield file


@contextmanager
def write_at_length(
    path: str | Path, overwrite: bool = True, folder: int | None = None
) -> Iterator[tuple[h5py.File, Callable[[], None]]]:
    """As `write_atomically`, for what is written over a long time: also yields what raises once writing has failed."""
    with writing(path, overwrite, folder) as sink:
        with h5py.File(sink, "w", libver=("v110", "v110"), userblock_size=sealed.SEAL_BYTES) as file:
            yield file, sink.raise_failure
            fix_text(file)
        sink.raise_failure()
        digest = sealed.seal(sink)
    sealed.trust(digest)


def fix_text(file: h5py.File) -> None:
    """Gives every text attribute a fixed length. Only `write_atomically`, and whoever edits a file, needs it."""

    def fix(_: str, node: h5py.Group | h5py.Dataset) -> None:
        for name in node.attrs:
            if node.attrs.get_id(name).dtype.hasobject:
                _write_text(node, name, node.attrs[name])

    fix("/", file)
    file.visititems(fix)


def write_attributes(node: h5py.Group | h5py.Dataset, values: Mapping[str, Any]) -> None:
    """Numbers as they are, text in its length, so that nothing is written twice."""
    for name, value in values.items():
        if isinstance(value, str):
            _write_text(node, name, value)
        else:
            node.attrs[name] = value


def _write_text(node: h5py.Group | h5py.Dataset, name: str, text: Any) -> None:
    encoded = np.char.encode(np.asarray(text, str), "utf-8", "surrogateescape")
    node.attrs.create(name, encoded, dtype=h5py.string_dtype("utf-8", max(1, encoded.dtype.itemsize)))


def seal(path: str | Path) -> None:
    """Writes the seal of an HDF5 file with a user block of 512 bytes. Only whoever edits a file on purpose needs it."""
    with open(path, "r+b") as file:
        sealed.seal(file)
        file.flush()
        os.fsync(file.fileno())


def put(
    group: h5py.Group,
    name: str,
    array: np.ndarray,
    units: str,
    description: str,
    compress: bool = True,
    chunk_rows: int | None = None,
) -> h5py.Dataset:
    """Writes an array of any shape as a data set, in checksummed (and compressed) chunks unless empty or a scalar."""
    array = np.asarray(array)
    filters: dict[str, Any] = {}
    if array.ndim and array.size:
        chunks = True if chunk_rows is None else (min(chunk_rows, len(array)), *array.shape[1:])
        filters = {"chunks": chunks, "fletcher32": True}
        if compress:
            filters |= {"compression": "gzip", "shuffle": True}
    dataset = group.create_dataset(name, data=array, **filters)
    write_attributes(dataset, {"units": units, "description": description})
    return dataset


def put_table(
    group: h5py.Group,
    name: str,
    table: np.ndarray,
    units: Mapping[str, str],
    descriptions: Mapping[str, str],
    chunk_rows: int | None = None,
) -> h5py.Dataset:
    """Writes a structured array (n_rows,) as a data set; its attributes hold a JSON object with an entry a column."""
    columns = set(table.dtype.names or ())
    for what, given in (("units", units), ("descriptions", descriptions)):
        if set(given) != columns:
            raise ValueError(f"{name}: {what} must name the columns {sorted(columns)}, got {sorted(given)}")
    return put(group, name, table, json.dumps(dict(units)), json.dumps(dict(descriptions)), chunk_rows=chunk_rows)


# Reading


@contextmanager
def open_for_reading(path: str | Path, kind: str) -> Iterator[h5py.File]:
    """Yields the sealed file of this kind ("network", "result") at `path`, open for reading.

    Raises InputError for whatever is not such a file, and for damage met while the block reads.
    """
    with sealed.open_sealed(path) as file, readable(str(path)):
        check_root(file, kind)
        yield file


def kind_of(path: str | Path) -> str:
    """The kind of the sealed file at `path`; InputError for what is none."""
    with sealed.open_sealed(path) as file, readable(str(path)):
        return read_attribute(file, "kind", str)


def schema_of(kind: str) -> int:
    """The schema in which files of this kind are written."""
    return SCHEMA_VERSIONS[kind][-1]


def check_root(file: h5py.File, kind: str) -> None:
    """InputError unless it is a file of this kind, of a schema that is read here."""
    found = read_attribute(file, "kind", str)
    if found != kind:
        raise InputError(f"{file.filename}: must be a {kind} file, got a {found} file")
    version = read_attribute(file, "schema_version", int)
    if version not in (known := SCHEMA_VERSIONS[kind]):
        raise InputError(f"{file.filename}: schema_version must be {' or '.join(map(str, known))}, got {version}")


class Place:
    """Where something stands, spelled out for a message alone: naming a file takes h5py longer than reading it."""

    def __init__(self, node: h5py.Group | h5py.Dataset, name: str, before: str = "/"):
        self.node, self.name, self.before = node, name, before

    def __str__(self) -> str:
        node = self.node.name if self.before == "@" else self.node.name.rstrip("/")
        return f"{self.node.file.filename}: {node}{self.before}{self.name}"


def read_attribute(node: h5py.Group | h5py.Dataset, name: str, expected: type[T]) -> T:
    """A scalar attribute of the type named: str, int, float or bool. Raises InputError."""
    place = Place(node, name, "@")
    with readable(place):
        value = node.attrs.get(name)
        if value is None:
            raise InputError(f"{place}: is missing")
    if isinstance(value, bytes):
        value = _decoded(value, place)
    if isinstance(value, np.generic):
        value = value.item()
    if type(value) is not expected:
        raise InputError(f"{place}: must be of type {expected.__name__}, got {value!r:.80}")
    return value


def _decoded(text: bytes, place: object) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{place}: must be text in UTF-8, got {text!r:.80}") from error


def read_config(file: h5py.File) -> dict[str, Any]:
    """The configuration a file was made with, from the JSON of its root attribute `config`. Raises InputError."""
    place, text = f"{file.filename}: /@config", read_attribute(file, "config", str)
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: must be JSON: {error}, got {text!r:.80}") from error
    if not isinstance(config, dict):
        raise InputError(f"{place}: must be a JSON object, got {text!r:.80}")
    return config


def read(
    group: h5py.Group,
    name: str,
    dtype_kind: str,
    shape: tuple[int | None, ...],
    finite: bool = True,
    largest_bytes: int = LARGEST_READ_BYTES,
) -> np.ndarray:
    """The data set `name` of a group as an array in native byte order, of one of numpy's kinds in `dtype_kind` ("iu").

    `shape` is the one it must have, None for any length of an axis. Its declared size is held to `largest_bytes`
    before anything is read; larger ones are for reading in slices. Raises InputError.
    """
    place = Place(group, name)
    with readable(place):
        dataset = _dataset(group, name)
        _check_kind(place, dataset.dtype, dtype_kind)
        if dataset.shape is None or not _fits(dataset.shape, shape):
            raise InputError(f"{place}: must have shape {_spelled(shape)}, got {dataset.shape}")
        array = _contents(dataset, place, largest_bytes)
    if finite:
        _check_finite(place, array)
    return array


def read_table(
    group: h5py.Group,
    name: str,
    columns: Mapping[str, str],
    finite: bool = True,
    largest_bytes: int = LARGEST_READ_BYTES,
) -> np.ndarray:
    """The table `name` of a group as a structured array (n_rows,) with just the columns named, in their order.

    `columns` maps a name to numpy's kinds, as in `read`. Raises InputError.
    """
    place = Place(group, name)
    with readable(place):
        dataset = _dataset(group, name)
        dtype = dataset.dtype
        if dtype.names is None or dataset.shape is None or len(dataset.shape) != 1:
            raise InputError(f"{place}: must be a table, got shape {dataset.shape} of {dtype}")
        for column, kinds in columns.items():
            if column not in dtype.names:
                raise InputError(f"{place}: must have a column {column!r}, got {', '.join(dtype.names)}")
            _check_kind(Place(group, f"{name}[{column}]"), dtype[column], kinds)
        table = _contents(dataset, place, largest_bytes)
    chosen = np.empty(table.shape, [(column, table.dtype[column].newbyteorder("=")) for column in columns])
    for column in columns:
        chosen[column] = table[column]
        if finite:
            _check_finite(Place(group, f"{name}[{column}]"), chosen[column])
    return chosen


def _dataset(group: h5py.Group, name: str) -> h5py.Dataset:
    dataset = group.get(name)
    if dataset is None:
        raise InputError(f"{Place(group, name)}: is missing")
    if not isinstance(dataset, h5py.Dataset):
        raise InputError(f"{Place(group, name)}: must be a data set, got a {type(dataset).__name__}")
    return dataset


def _check_kind(place: object, dtype: np.dtype, kinds: str) -> None:
    if dtype.kind not in kinds or dtype.shape:
        names = " or ".join(_KIND_NAMES[kind] for kind in kinds)
        raise InputError(f"{place}: must be of type {names}, got {dtype}")


def _fits(found: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(found) == len(wanted) and all(want in (None, length) for length, want in zip(found, wanted, strict=True))


def _spelled(shape: tuple[int | None, ...]) -> str:
    return "(" + ", ".join("any" if length is None else str(length) for length in shape) + ")"


def _contents(dataset: h5py.Dataset, place: object, largest_bytes: int) -> np.ndarray:
    n_values = max(math.prod(dataset.shape), math.prod(dataset.chunks or ()))
    if n_values * dataset.dtype.itemsize > largest_bytes:
        raise InputError(
            f"{place}: must take at most {largest_bytes} bytes, "
            f"got {dataset.dtype} of shape {dataset.shape} in chunks of {dataset.chunks}"
        )
    array = np.asarray(dataset[()])
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _check_finite(place: object, array: np.ndarray) -> None:
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return
    index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
    raise InputError(f"{place}: must be finite, got {array[index]} at {index}")


# Where a file comes from


def provenance(kind: str, config: Mapping[str, Any], seed: int, command: str) -> dict[str, str | int]:
    """Root attributes of a file of this kind: `file.attrs.update(provenance(...))`; the seed below 2**63.

    Raises ValueError for a configuration that JSON cannot hold exactly (NaN and infinity included).
    """
    return {
        "schema_version": schema_of(kind),
        "kind": kind,
        "config": json.dumps(config, sort_keys=True, allow_nan=False),
        "git_commit": git_commit(),
        "packages": json.dumps(package_versions()),
        "seed": seed,
        "command": command,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages on which results depend."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "absent"
    return versions


def git_commit() -> str:
    """The commit of the clone this package runs from, with '+changes' if files differ from it; else 'unknown'."""
    clone = Path(__file__).resolve().parents[2]
    if not (clone / ".git").exists():
        return "unknown"
    try:
        commit = _git(clone, "rev-parse", "HEAD")
        return commit + ("+changes" if _git(clone, "status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _git(clone: Path, *arguments: str) -> str:
    command = ["git", "--no-optional-locks", "-C", str(clone), *arguments]
    return subprocess.run(command, capture_output=True, errors="replace", check=True, timeout=30).stdout.strip()


def checksum(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over the arrays in the order of their names: name, dtype, shape and bytes (little-endian) of each."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        if array.dtype.hasobject:
            raise TypeError(f"{name}: must hold plain numbers, got dtype {array.dtype}")
        array = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode() + b"\n")
        digest.update(array.tobytes())
    return digest.hexdigest()
