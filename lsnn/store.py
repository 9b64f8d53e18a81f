"""HDF5 files: written whole or not at all, read only when sound.

Every file starts with a seal, 512 bytes of text before the HDF5 part (a 'user block', which every HDF5 program skips)
that hold the SHA-256 of all that follows. It is checked before the HDF5 library parses a byte, since a damaged file can
make that library crash or hang. Checksums inside the file (metadata of HDF5 1.10, Fletcher-32 on every chunk) guard
those who open it with other programs, and files that were changed and sealed again. For their sake text has a fixed
length: HDF5 keeps text of variable length in a heap without a checksum, and damage there can make it loop for ever.
Nothing in a file is ever unpickled or executed.
"""

import fcntl
import glob
import hashlib
import importlib.metadata
import io
import json
import math
import os
import platform
import re
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np

from lsnn.errors import InputError

SCHEMA_VERSION = 2  # 1 had text of variable length
LARGEST_READ_BYTES = 2**30

_SEAL_BYTES = 512
_SEAL = re.compile(rb"LSNN file, SHA-256 of what follows byte 512: ([0-9a-f]{64})\n\0+")
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_PACKAGES = ("numpy", "numba", "h5py", "brian2")
_KIND_NAMES = {"f": "floating", "i": "signed integer", "u": "unsigned integer", "b": "boolean", "S": "byte string"}

T = TypeVar("T", bound=str | int | float | bool)


class StoreError(OSError):
    """A file that could not be written: no space, a quota, a lost disk. What stood under its name is unharmed."""

    def __init__(self, path: Path, reason: str):
        super().__init__(f"{path}: cannot be written: {reason}; the file that was there, if any, is unharmed")
        self.path, self.reason = path, reason


# Writing


class _Sink(io.RawIOBase):
    """The file HDF5 writes into; remembers its first failure instead of raising it.

    A write that fails inside HDF5 (2.0, disk full) ends the process by a segmentation fault when the file is closed.
    """

    def __init__(self, path: Path):
        self._file = open(path, "x+b", buffering=0)
        self.failure: OSError | None = None
        _lock(self._file)

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        try:
            while rest and self.failure is None:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self.failure = error
        return memoryview(data).nbytes

    def truncate(self, size: int | None = None) -> int:
        try:
            return self._file.truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0

    def readinto(self, buffer: Any) -> int:
        return self._file.readinto(buffer) or 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def close(self) -> None:
        self._file.close()
        super().close()

    def raise_failure(self) -> None:
        if self.failure is not None:
            raise self.failure


@contextmanager
def write_atomically(path: str | Path) -> Iterator[h5py.File]:
    """Yields an empty HDF5 file that takes the place of `path` once the block has ended without an error.

    Written under a temporary name in the same folder, sealed, synchronised to the disk and renamed: at any moment the
    whole old file or the whole new one stands under `path`.

    Raises InputError if `path` cannot be a file or its folder cannot be written to, StoreError if writing fails.
    """
    target = _target(path)
    _remove_orphans(target)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        sink = _Sink(partial)
    except OSError as error:
        raise InputError(f"{path}: its folder must be writable, got: {error.strerror}") from error
    try:
        with sink, h5py.File(sink, "w", libver=("v110", "v110"), userblock_size=_SEAL_BYTES) as file:
            yield file
            fix_text(file)
        sink.raise_failure()
        _publish(partial, target)
    except Exception as error:
        if sink.failure is not None:
            raise StoreError(target, _reason(sink.failure)) from error
        raise
    finally:
        partial.unlink(missing_ok=True)


def _target(path: str | Path) -> Path:
    """The file `path` stands for, symbolic links followed."""
    try:
        target = Path(path).resolve()
        if target.exists() and not target.is_file():
            raise InputError(f"{path}: must be a regular file, got {_what_stands_at(target)}")
        if not target.parent.is_dir():
            raise InputError(f"{path}: its folder must exist, got {target.parent}")
    except (OSError, RuntimeError) as error:
        raise InputError(f"{path}: must be a place for a file, got: {error}") from error
    return target


def _lock(file: io.FileIO) -> bool:
    """Whether this process now holds the lock of a file that is being written; the lock ends with the process."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _remove_orphans(target: Path) -> None:
    """Removes what writers of the same file left behind when they were killed."""
    for orphan in target.parent.glob(f".{glob.escape(target.name)}.*.partial"):
        with suppress(OSError), open(orphan, "r+b", buffering=0) as file:
            if _lock(file):
                orphan.unlink()


def _publish(partial: Path, target: Path) -> None:
    try:
        seal(partial)
        os.replace(partial, target)
        _synchronise(target.parent)
    except OSError as error:
        raise StoreError(target, _reason(error)) from error


def fix_text(file: h5py.File) -> None:
    """Gives every text attribute a fixed length. Only `write_atomically`, and whoever edits a file, needs it."""

    def fix(_: str, node: h5py.Group | h5py.Dataset) -> None:
        for name in node.attrs:
            if node.attrs.get_id(name).dtype.hasobject:
                encoded = np.char.encode(np.asarray(node.attrs[name], str), "utf-8", "surrogateescape")
                node.attrs.create(name, encoded, dtype=h5py.string_dtype("utf-8", max(1, encoded.dtype.itemsize)))

    fix("/", file)
    file.visititems(fix)


def seal(path: str | Path) -> None:
    """Writes the seal of an HDF5 file with a user block of 512 bytes and brings the file to the disk.

    Only `write_atomically`, and whoever edits a file on purpose, needs it.
    """
    with open(path, "r+b") as file:
        text = f"LSNN file, SHA-256 of what follows byte {_SEAL_BYTES}: {_digest(file)}\n"
        file.seek(0)
        file.write(text.encode().ljust(_SEAL_BYTES, b"\0"))
        file.flush()
        os.fsync(file.fileno())


def _digest(file: io.BufferedReader | io.BufferedRandom) -> str:
    file.seek(_SEAL_BYTES)
    return hashlib.file_digest(file, "sha256").hexdigest()


def _synchronise(folder: Path) -> None:
    """Brings the renaming in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def put(
    group: h5py.Group, name: str, array: np.ndarray, units: str, description: str, compress: bool = True
) -> h5py.Dataset:
    """Writes an array of any shape as a data set, in checksummed (and compressed) chunks unless empty or a scalar."""
    array = np.asarray(array)
    filters: dict[str, Any] = {}
    if array.ndim and array.size:
        filters = {"chunks": True, "fletcher32": True}
        if compress:
            filters |= {"compression": "gzip", "shuffle": True}
    dataset = group.create_dataset(name, data=array, **filters)
    dataset.attrs["units"] = units
    dataset.attrs["description"] = description
    return dataset


def put_table(
    group: h5py.Group, name: str, table: np.ndarray, units: Mapping[str, str], descriptions: Mapping[str, str]
) -> h5py.Dataset:
    """Writes a structured array (n_rows,) as a data set; its attributes hold a JSON object with an entry a column."""
    columns = set(table.dtype.names or ())
    for what, given in (("units", units), ("descriptions", descriptions)):
        if set(given) != columns:
            raise ValueError(f"{name}: {what} must name the columns {sorted(columns)}, got {sorted(given)}")
    return put(group, name, table, json.dumps(dict(units)), json.dumps(dict(descriptions)))


# Reading


@contextmanager
def open_for_reading(path: str | Path, kind: str) -> Iterator[h5py.File]:
    """Yields the sealed file of this kind ("network", "result") at `path`, open for reading.

    Raises InputError for whatever is not such a file, and for damage met while the block reads.
    """
    _check_seal(Path(path))
    with _readable(str(path)), h5py.File(path, "r", locking=False) as file:
        _check_root(file, kind)
        yield file


def _check_seal(path: Path) -> None:
    try:
        if not path.is_file():
            raise InputError(f"{path}: must be an LSNN file, got {_what_stands_at(path)}")
        with open(path, "rb") as file:
            start = file.read(_SEAL_BYTES + len(_HDF5_SIGNATURE))
            sealed = _SEAL.match(start)
            if sealed is None:
                raise InputError(f"{path}: must be an LSNN file, got {_looks_like(start)}")
            digest = _digest(file)
    except OSError as error:
        raise InputError(f"{path}: must be readable, got: {_reason(error)}") from error
    expected = sealed[1].decode()
    if digest != expected:
        raise InputError(
            f"{path}: is damaged, truncated or was changed by another program: "
            f"the SHA-256 of its contents must be {expected}, got {digest}"
        )


def _what_stands_at(path: Path) -> str:
    if path.is_dir():
        return "a folder"
    return "a device or pipe" if path.exists() else "no such file"


def _looks_like(start: bytes) -> str:
    if not start:
        return "an empty file"
    if start.startswith(_HDF5_SIGNATURE) or start[_SEAL_BYTES:] == _HDF5_SIGNATURE:
        return "an HDF5 file without its seal: damaged, or written by another program"
    return f"a file that begins with {start[:16]!r}"


@contextmanager
def _readable(place: str) -> Iterator[None]:
    """Turns what h5py raises on bad contents into an InputError that names the place."""
    try:
        yield
    except InputError:
        raise
    except (OSError, RuntimeError, KeyError) as error:
        raise InputError(f"{place}: cannot be read: {error}") from error


def _check_root(file: h5py.File, kind: str) -> None:
    version = read_attribute(file, "schema_version", int)
    if version != SCHEMA_VERSION:
        raise InputError(f"{file.filename}: schema_version must be {SCHEMA_VERSION}, got {version}")
    found = read_attribute(file, "kind", str)
    if found != kind:
        raise InputError(f"{file.filename}: must be a {kind} file, got a {found} file")


def read_attribute(node: h5py.Group | h5py.Dataset, name: str, expected: type[T]) -> T:
    """A scalar attribute of the type named: str, int, float or bool. Raises InputError."""
    place = f"{node.file.filename}: {node.name}@{name}"
    with _readable(place):
        if name not in node.attrs:
            raise InputError(f"{place}: is missing")
        held = node.attrs.get_id(name).dtype
        if held.hasobject:
            raise InputError(f"{place}: must be a number or text of fixed length, got {held}")
        value = node.attrs[name]
    if isinstance(value, bytes):
        value = _decoded(value, place)
    if isinstance(value, np.generic):
        value = value.item()
    if type(value) is not expected:
        raise InputError(f"{place}: must be of type {expected.__name__}, got {value!r:.80}")
    return value


def _decoded(text: bytes, place: str) -> str:
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
    place = _place(group, name)
    with _readable(place):
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
    place = _place(group, name)
    with _readable(place):
        dataset = _dataset(group, name)
        if dataset.dtype.names is None or dataset.shape is None or len(dataset.shape) != 1:
            raise InputError(f"{place}: must be a table, got shape {dataset.shape} of {dataset.dtype}")
        for column, kinds in columns.items():
            if column not in dataset.dtype.names:
                raise InputError(f"{place}: must have a column {column!r}, got {', '.join(dataset.dtype.names)}")
            _check_kind(f"{place}[{column}]", dataset.dtype[column], kinds)
        table = _contents(dataset, place, largest_bytes)
    chosen = np.empty(table.shape, [(column, table.dtype[column].newbyteorder("=")) for column in columns])
    for column in columns:
        chosen[column] = table[column]
        if finite:
            _check_finite(f"{place}[{column}]", chosen[column])
    return chosen


def _place(group: h5py.Group, name: str) -> str:
    return f"{group.file.filename}: {group.name.rstrip('/')}/{name}"


def _dataset(group: h5py.Group, name: str) -> h5py.Dataset:
    """The data set itself: no link to elsewhere, no view of other files."""
    place = _place(group, name)
    link = group.get(name, getlink=True)
    if link is None:
        raise InputError(f"{place}: is missing")
    if not isinstance(link, h5py.HardLink):
        raise InputError(f"{place}: must stand in the file itself, got a {type(link).__name__}")
    dataset = group[name]
    if not isinstance(dataset, h5py.Dataset):
        raise InputError(f"{place}: must be a data set, got a {type(dataset).__name__}")
    if dataset.external or dataset.is_virtual:
        raise InputError(f"{place}: must hold its own data, got a view of another file")
    return dataset


def _check_kind(place: str, dtype: np.dtype, kinds: str) -> None:
    if dtype.kind not in kinds or dtype.shape:
        names = " or ".join(_KIND_NAMES[kind] for kind in kinds)
        raise InputError(f"{place}: must be of type {names}, got {dtype}")


def _fits(found: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(found) == len(wanted) and all(
        want in (None, length) for length, want in zip(found, wanted, strict=True)
    )


def _spelled(shape: tuple[int | None, ...]) -> str:
    return "(" + ", ".join("any" if length is None else str(length) for length in shape) + ")"


def _contents(dataset: h5py.Dataset, place: str, largest_bytes: int) -> np.ndarray:
    n_values = max(math.prod(dataset.shape), math.prod(dataset.chunks or ()))
    if n_values * dataset.dtype.itemsize > largest_bytes:
        raise InputError(
            f"{place}: must take at most {largest_bytes} bytes, "
            f"got {dataset.dtype} of shape {dataset.shape} in chunks of {dataset.chunks}"
        )
    array = np.asarray(dataset[()])
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _check_finite(place: str, array: np.ndarray) -> None:
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
        "schema_version": SCHEMA_VERSION,
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
    clone = Path(__file__).resolve().parents[1]
    if not (clone / ".git").exists():
        return "unknown"
    try:
        commit = _git(clone, "rev-parse", "HEAD")
        return commit + ("+changes" if _git(clone, "status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _git(clone: Path, *arguments: str) -> str:
    command = ["git", "--no-optional-locks", "-C", str(clone), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()


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
