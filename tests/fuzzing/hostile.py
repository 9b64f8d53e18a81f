"""What a well-formed HDF5 file may hold to lead out of itself, or to make the library read what is not there.

`HOSTILE` has a function for each: it adds the thing under a name to a group of an open file, or an attribute of it.
"""

import os
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

Plant = Callable[[h5py.Group, str, Path], object]
UNKNOWN_FILTER = 32001


def pipe(folder: Path) -> str:
    """A named pipe without a writer: whoever opens it waits for ever."""
    path = folder / "pipe"
    if not path.exists():
        os.mkfifo(path)
    return str(path)


def secret(folder: Path) -> str:
    path = folder / "secret"
    path.write_bytes(b"precious" * 512)
    return str(path)


def external(group: h5py.Group, name: str, path: str) -> None:
    group.create_dataset(name, (64,), "f8", external=[(path, 0, 512)])


def virtual(group: h5py.Group, name: str, path: str) -> None:
    layout = h5py.VirtualLayout((64,), "f8")
    layout[:] = h5py.VirtualSource(path, "x", (64,))
    group.create_virtual_dataset(name, layout)


def unlimited_view(group: h5py.Group, name: str, path: str) -> None:
    layout = h5py.VirtualLayout((64,), "f8", maxshape=(None,))
    source = h5py.VirtualSource(path, "x", (64,), maxshape=(None,))
    layout[: h5py.h5s.UNLIMITED] = source[: h5py.h5s.UNLIMITED]
    group.create_virtual_dataset(name, layout)


def references(group: h5py.Group, name: str) -> None:
    group.create_dataset(name, (2,), h5py.ref_dtype)[0] = group.file["/"].ref


def regions(group: h5py.Group, name: str) -> None:
    values = group.create_dataset(f"{name}_of", data=np.zeros(9))
    group.create_dataset(name, (1,), h5py.regionref_dtype)[0] = values.regionref[2:4]


def compound_of_references(group: h5py.Group, name: str) -> None:
    group.create_dataset(name, (2,), np.dtype([("a", "f8"), ("b", h5py.ref_dtype)]))


def unknown_filter(group: h5py.Group, name: str) -> None:
    group.create_dataset(name, (64,), "f8", chunks=(8,), compression=UNKNOWN_FILTER, allow_unknown_filter=True)


def short_chunk(group: h5py.Group, name: str, mask: int, packed: bytes) -> None:
    data = group.create_dataset(name, (64,), "f8", chunks=(32,), compression="gzip")
    data.id.write_direct_chunk((0,), packed, mask)


def set_attribute(group: h5py.Group, name: str, value: object, dtype: object = None) -> None:
    group.attrs.create(name, value, dtype=dtype)


def region_attribute(group: h5py.Group, name: str) -> None:
    values = group.create_dataset(f"{name}_of", data=np.zeros(9))
    group.attrs.create(name, values.regionref[2:4], dtype=h5py.regionref_dtype)


def rows_as_attribute(group: h5py.Group, name: str) -> None:
    rows = np.empty(1, object)
    rows[0] = np.zeros(3)
    group.attrs.create(name, rows, dtype=h5py.vlen_dtype("f8"))


HOSTILE: dict[str, Plant] = {
    "soft link to nothing": lambda g, n, _: g.__setitem__(n, h5py.SoftLink("/nowhere")),
    "soft link to the root": lambda g, n, _: g.__setitem__(n, h5py.SoftLink("/")),
    "soft link to itself": lambda g, n, _: g.__setitem__(n, h5py.SoftLink(f"{g.name.rstrip('/')}/{n}")),
    "external link to a device": lambda g, n, _: g.__setitem__(n, h5py.ExternalLink("/dev/zero", "/")),
    "external link to a pipe": lambda g, n, at: g.__setitem__(n, h5py.ExternalLink(pipe(at), "/")),
    "external link to the file": lambda g, n, _: g.__setitem__(n, h5py.ExternalLink(g.file.filename, "/")),
    "second name of the root": lambda g, n, _: g.__setitem__(n, g.file["/"]),
    "second name of its group": lambda g, n, _: g.create_group(n).__setitem__("again", g),
    "data of another file": lambda g, n, at: external(g, n, secret(at)),
    "data of a pipe": lambda g, n, at: external(g, n, pipe(at)),
    "view of another file": lambda g, n, at: virtual(g, n, secret(at)),
    "view of a pipe": lambda g, n, at: virtual(g, n, pipe(at)),
    "view of the file": lambda g, n, _: virtual(g, n, "."),
    "view of any length": lambda g, n, at: unlimited_view(g, n, pipe(at)),
    "references": lambda g, n, _: references(g, n),
    "region references": lambda g, n, _: regions(g, n),
    "compound of references": lambda g, n, _: compound_of_references(g, n),
    "text of variable length": lambda g, n, _: g.create_dataset(n, data=["a", "b"]),
    "rows of variable length": lambda g, n, _: g.create_dataset(n, (2,), h5py.vlen_dtype("f8")),
    "opaque": lambda g, n, _: g.create_dataset(n, data=np.zeros(3, "V7")),
    "data type": lambda g, n, _: g.__setitem__(n, np.dtype("f8")),
    "filter of another program": lambda g, n, _: g.create_dataset(n, data=np.zeros(64), compression="lzf"),
    "scale-offset filter": lambda g, n, _: g.create_dataset(n, data=np.arange(64), scaleoffset=3),
    "filter that nobody knows": lambda g, n, _: unknown_filter(g, n),
    "chunk that is too short": lambda g, n, _: short_chunk(g, n, 0, zlib.compress(b"abcd")),
    "chunk that is too long": lambda g, n, _: short_chunk(g, n, 0, zlib.compress(bytes(2**20))),
    "chunk that is none": lambda g, n, _: short_chunk(g, n, 0, b"abcd" * 9),
    "chunk without its filter": lambda g, n, _: short_chunk(g, n, 1, b"abcd"),
    "chunk of 4 GiB": lambda g, n, _: g.create_dataset(n, (2**30,), "f4", chunks=(2**30,)),
    "a billion chunks": lambda g, n, _: g.create_dataset(n, (2**30,), "f4", chunks=(1,)),
    "reference as attribute": lambda g, n, _: set_attribute(g, n, g.file["/"].ref, h5py.ref_dtype),
    "region reference as attribute": lambda g, n, _: region_attribute(g, n),
    "attribute of variable length": lambda g, n, _: rows_as_attribute(g, n),
    "text of variable length as attribute": lambda g, n, _: set_attribute(g, n, "text", h5py.string_dtype()),
}
