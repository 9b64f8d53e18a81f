"""What can go wrong with a file: damage of its bytes, and changes of its contents by another program."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np

from lsnn.files import store
from tests.fuzzing.hostile import HOSTILE

SEAL_BYTES = 512
OTHER_DTYPES = ("<i1", "<u8", ">f4", "<f2", "?", "<c16", "S5")
TEXTS = (
    "text", "", " ", "{", "[]", "[" * 3000, "x" * 5000, "a\nb", "$\\frac{$", "$\\alpha$", "</script>", "\x01",
    "Ünïcode 𝔘", "2026-13-45", "2026-01-01", "1e999", "-1", "NaN",
)  # fmt: skip
NUMBERS = (-1, 0, 1, 10**9, 2**62, -(2**63), np.uint64(2**64 - 1), np.nan, np.inf, -np.inf, 1e300, 1e-300, -0.5, True)
VALUES = (*NUMBERS, *TEXTS, np.zeros(3), np.zeros((0, 2)), h5py.Empty("f"), b"\xff\xfe")
IN_JSON = ("-1", "0", "1000000000", f"{2**70}", "1e999", "NaN", "null", "true", "[]", "{}", '"$\\\\frac{"', '""', "1.5")


def flip_bits(path: Path, generator: np.random.Generator, first: int = 0) -> str:
    """A few bits of the file at or behind byte `first`."""
    data = bytearray(path.read_bytes())
    for _ in range(generator.integers(1, 9)):
        data[generator.integers(first, len(data))] ^= 1 << generator.integers(8)
    path.write_bytes(data)
    return "flipped bits"


def truncate(path: Path, generator: np.random.Generator, first: int = 0) -> str:
    """The beginning of the file alone."""
    length = int(generator.integers(first, path.stat().st_size))
    path.write_bytes(path.read_bytes()[:length])
    return f"truncated to {length} bytes"


def shuffle_pages(path: Path, generator: np.random.Generator, first: int = 0) -> str:
    """A segment of bytes that another segment, zeros or noise replace."""
    data = bytearray(path.read_bytes())
    length = int(generator.integers(1, max(2, (len(data) - first) // 4)))
    to, origin = (int(generator.integers(first, len(data) - length + 1)) for _ in range(2))
    segments = (data[origin : origin + length], bytes(length), generator.bytes(length))
    data[to : to + length] = segments[generator.integers(3)]
    path.write_bytes(data)
    return f"{length} bytes at {to} replaced"


def become_something_else(path: Path, generator: np.random.Generator, first: int = 0) -> str:
    """No HDF5 file at all."""
    kind = ("empty", "text", "noise", "directory", "link to itself", "foreign HDF5")[generator.integers(6)]
    path.unlink()
    if kind == "directory":
        path.mkdir()
    elif kind == "link to itself":
        path.symlink_to(path)
    elif kind == "foreign HDF5":
        with h5py.File(path, "w") as file:
            file["weights"] = np.zeros(3)
    else:
        path.write_bytes({"empty": b"", "text": b"weights: none\n", "noise": generator.bytes(3000)}[kind])
    return kind


def data_sets(file: h5py.File) -> list[str]:
    """Names of all data sets."""
    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return names


def swap(file: h5py.File, generator: np.random.Generator) -> str:
    """Two data sets change places, if there are any of the same shape and type two such."""
    names = data_sets(file)
    one = names[generator.integers(len(names))]
    alike = [n for n in names if n != one and file[n].shape == file[one].shape and file[n].dtype == file[one].dtype]
    other = (alike or names)[generator.integers(len(alike or names))]
    if one != other:
        file.move(one, "aside")
        file.move(other, one)
        file.move("aside", other)
    return f"{one} and {other} swapped"


def replaced(file: h5py.File, name: str, data: np.ndarray) -> None:
    attributes = dict(file[name].attrs)
    del file[name]
    file.create_dataset(name, data=data).attrs.update(attributes)


def change_dtype(file: h5py.File, generator: np.random.Generator) -> str:
    """A data set in another type."""
    names = data_sets(file)
    name, dtype = names[generator.integers(len(names))], OTHER_DTYPES[generator.integers(len(OTHER_DTYPES))]
    replaced(file, name, np.zeros(file[name].shape, dtype))
    return f"{name} as {dtype}"


def change_shape(file: h5py.File, generator: np.random.Generator) -> str:
    """A data set that is flattened, shortened, turned or empty."""
    names = data_sets(file)
    name = names[generator.integers(len(names))]
    data = file[name][()]
    changed = (np.ravel(data), np.ravel(data)[: data.size // 2], np.transpose(data)[None], np.ravel(data)[:0])
    replaced(file, name, changed[generator.integers(4)])
    return f"{name} reshaped"


def declare_huge(file: h5py.File, generator: np.random.Generator) -> str:
    """A data set that claims up to an exabyte, of which nothing is stored, or 4 GB that are compressed."""
    names = data_sets(file)
    name = names[generator.integers(len(names))]
    dtype, dimensions = file[name].dtype, max(1, file[name].ndim)
    del file[name]
    shape = (int(2 ** generator.integers(28, 57)), *file_shape_rest(dimensions))
    options = {"compression": "gzip"} if generator.random() < 0.5 else {}
    file.create_dataset(name, shape, dtype, chunks=(2**14, *file_shape_rest(dimensions)), **options)
    return f"{name} declared as {shape}"


def file_shape_rest(dimensions: int) -> tuple[int, ...]:
    return (2,) * (dimensions - 1)


def lose(file: h5py.File, generator: np.random.Generator) -> str:
    """A group or data set that is gone, or stands elsewhere."""
    names: list[str] = []
    file.visit(names.append)
    name = names[generator.integers(len(names))]
    del file[name]
    links = (None, h5py.SoftLink("/nowhere"), h5py.SoftLink("/"), h5py.ExternalLink("/dev/zero", "/"))
    if link := links[generator.integers(4)]:
        file[name] = link
    return f"{name} gone or linked"


def change_attribute(file: h5py.File, generator: np.random.Generator) -> str:
    """An attribute that is gone or says something else."""
    names = ["/"]
    file.visit(names.append)
    places = [(name, key) for name in names for key in file[name].attrs]
    name, key = places[generator.integers(len(places))]
    del file[name].attrs[key]
    if generator.random() < 0.7:
        value = VALUES[generator.integers(len(VALUES))]
        file[name].attrs[key] = value
    return f"{name}@{key} changed"


def change_json(file: h5py.File, generator: np.random.Generator) -> str:
    """Something within a text in JSON that says something else."""
    names = ["/"]
    file.visit(names.append)
    places = []
    for name in names:
        for key, value in file[name].attrs.items():
            text = value.decode() if isinstance(value, bytes) else value
            if isinstance(text, str) and text[:1] in ("{", "["):
                places.append((name, key, json.loads(text)))
    name, key, content = places[generator.integers(len(places))]
    path = []
    at = content
    while isinstance(at, dict | list) and at and (not path or generator.random() < 0.8):
        keys = list(at) if isinstance(at, dict) else range(len(at))
        path.append((at, list(keys)[generator.integers(len(keys))]))
        at = path[-1][0][path[-1][1]]
    if path:
        path[-1][0][path[-1][1]] = "@@@"
    text = json.dumps(content if path else "@@@").replace('"@@@"', IN_JSON[generator.integers(len(IN_JSON))])
    file[name].attrs[key] = text
    return f"{name}@{key} now {text[:60]}"


def extreme_values(file: h5py.File, generator: np.random.Generator) -> str:
    """Some numbers of a data set, of one column if it is a table, that are no such numbers."""
    names = [name for name in data_sets(file) if file[name].size]
    name = names[generator.integers(len(names))]
    data = file[name][()]
    columns = data.dtype.names
    column = columns[generator.integers(len(columns))] if columns else None
    flat = (data[column] if column else data).reshape(-1)
    some = slice(None) if generator.random() < 0.3 else generator.integers(flat.size, size=3)
    value = NUMBERS[generator.integers(len(NUMBERS))]
    with np.errstate(all="ignore"):
        flat[some] = np.array(value).astype(flat.dtype)
    if column:
        data[column] = flat
    file[name][...] = data if column else flat.reshape(data.shape)
    return f"{name} {column or ''} with {value}"


def no_rows(file: h5py.File, generator: np.random.Generator) -> str:
    """A data set without a row, or with its last one alone."""
    names = [name for name in data_sets(file) if file[name].ndim]
    name = names[generator.integers(len(names))]
    replaced(file, name, file[name][: 0 if generator.random() < 0.5 else 1])
    return f"{name} with few rows"


def plant(file: h5py.File, generator: np.random.Generator) -> str:
    """Something that leads out of the file, in some group, in the place of what stands there or beside it."""
    groups = ["/"]
    file.visititems(lambda name, item: groups.append(name) if isinstance(item, h5py.Group) else None)
    group = file[groups[generator.integers(len(groups))]]
    names = [*group, "planted"]
    name = names[generator.integers(len(names))]
    if name in group:
        del group[name]
    kinds = list(HOSTILE)
    kind = kinds[generator.integers(len(kinds))]
    HOSTILE[kind](group, name, Path(file.filename).parent)
    return f"{kind} as {group.name}/{name}"


def change_values(file: h5py.File, generator: np.random.Generator) -> str:
    """Some numbers of a data set that are others."""
    names = [name for name in data_sets(file) if file[name].size and file[name].dtype.names is None]
    name = names[generator.integers(len(names))]
    data = file[name][()]
    flat = data.reshape(-1)
    some = generator.integers(data.size, size=generator.integers(1, 4))
    flat[some] = generator.integers(0, 2, len(some)) if data.dtype == bool else flat[some] + data.dtype.type(1)
    file[name][...] = data
    return f"values of {name} changed"


BYTES = (flip_bits, truncate, shuffle_pages, become_something_else)
CONTENTS = (
    swap, change_dtype, change_shape, declare_huge, lose, change_attribute, change_values, change_json, extreme_values,
    no_rows, plant,
)  # fmt: skip


def mutate(source: Path, path: Path, generator: np.random.Generator, sealed: float = 2 / 3) -> str:
    """Write a mutated copy: a share of `sealed` has a seal made to fit, half of these changed contents and half damaged

    bytes, so that HDF5 itself meets them; the rest damaged bytes that the seal shows. Returns what was done.
    """
    shutil.copy(source, path)
    resealed, contents = generator.random() < sealed, generator.random() < 0.5
    if resealed and contents:
        change = CONTENTS[generator.integers(len(CONTENTS))]
        with h5py.File(path, "r+") as file:
            done = change(file, generator)
            if change is not plant:
                store.fix_text(file)
    else:
        done = BYTES[generator.integers(3 if resealed else 4)](path, generator, SEAL_BYTES if resealed else 0)
    if resealed:
        store.seal(path)
    return done + (", sealed again" if resealed else "")
