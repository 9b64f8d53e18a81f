"""What an HDF5 file may hold to be read at all: plain numbers and text that stand in the file itself.

HDF5 follows links, views and external storage out of a file, loads programs for filters that it does not know, and
believes what a file says of its own chunks: one that unpacks to less than it should makes it read, or crash on, memory
that is none of the file's. So a file is walked through at opening, before anything of it is used, and refused for what
this program never writes, wherever it stands. As a malformed file can crash or hang the library even so, `check` runs
in a process of its own first (`sealed.py`), which is what this module is as a program:

    python -m lsnn.files.soundness    a path a line on stdin, as JSON; a line each on stdout: null, or the broken rule
"""

import json
import math
import resource
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import h5py
from h5py import h5a, h5d, h5g, h5i, h5l, h5o, h5t, h5z

LARGEST_CHUNK_BYTES = LARGEST_READ_BYTES = 2**30
LARGEST_ATTRIBUTE_BYTES = 2**26
MOST_CHUNKS = 2**20
SPARE_BYTES = 4 * 2**30  # of memory, for the process that checks

_PLAIN = {h5t.INTEGER, h5t.FLOAT, h5t.ENUM}
_LAYOUTS = {h5d.COMPACT, h5d.CONTIGUOUS, h5d.CHUNKED}
_FILTERS = {h5z.FILTER_DEFLATE: "gzip", h5z.FILTER_SHUFFLE: "shuffle", h5z.FILTER_FLETCHER32: "fletcher32"}
_LINKS = {h5l.TYPE_SOFT: "a soft link", h5l.TYPE_EXTERNAL: "an external link"}
_CHECKSUM_BYTES = 4


class Unsound(ValueError):
    """What stands where, and which rule it breaks."""


def walk(file: h5py.File) -> Iterator[h5d.DatasetID]:
    """Every data set of a file, once all that the file holds has been found to be allowed; no data is read.

    Raises:
        Unsound: a link other than a hard one, an object under two names, a view of other files, external storage, an
            unknown filter, a type other than numbers and text of fixed length, or data that are declared and not
            stored; in the file, a group or an attribute.
    """
    seen, found = {_address(file.id)}, []
    todo: list[tuple[str, h5g.GroupID]] = [("/", file["/"].id)]
    _check_attributes(todo[0][1], "/")
    while todo:
        place, group = todo.pop()
        for name, item in _members(group, place):
            if (address := _address(item)) in seen:
                raise Unsound(f"{name}: must stand under one name, got two")
            seen.add(address)
            _check_attributes(item, name)
            if isinstance(item, h5g.GroupID):
                todo.append((f"{name}/", item))
            elif isinstance(item, h5d.DatasetID):
                _check_data_set(item, name)
                found.append(item)
            else:
                raise Unsound(f"{name}: must be a group or a data set, got a data type")
    yield from found


def check(path: Path) -> None:
    """Raise Unsound, or whatever HDF5 raises, unless the whole file can be read: `walk`, and all that is stored."""
    with h5py.File(path, "r", locking=False) as file:
        for data_set in walk(file):
            place = _shown(h5i.get_name(data_set) or b"?")
            try:
                _check_contents(data_set, place)
            except (OSError, RuntimeError, LookupError, ValueError, TypeError, MemoryError, zlib.error) as error:
                raise error if isinstance(error, Unsound) else Unsound(f"{place}: cannot be read: {error}") from error


def _address(item: h5g.GroupID | h5d.DatasetID) -> int:
    return h5o.get_info(item).addr


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace").encode("unicode_escape").decode()[:200]


def _members(group: h5g.GroupID, place: str) -> Iterator[tuple[str, h5g.GroupID | h5d.DatasetID]]:
    """The full name of every member of a group, and the member, open."""
    links: list[tuple[bytes, int]] = []
    group.links.iterate(lambda name, info: links.append((name, info.type)), info=True)
    for name, kind in links:
        shown = place + _shown(name)
        if kind != h5l.TYPE_HARD:
            raise Unsound(f"{shown}: must stand in the file itself, got {_LINKS.get(kind, 'a link of another kind')}")
        yield shown, h5o.open(group, name)


def _check_attributes(item: h5g.GroupID | h5d.DatasetID, place: str) -> None:
    for number in range(h5a.get_num_attrs(item)):
        attribute = h5a.open(item, index=number)
        name = f"{place}@{_shown(attribute.name)}"
        _check_type(attribute.get_type(), name)
        size = attribute.get_space().get_simple_extent_npoints() * attribute.get_type().get_size()
        if size > LARGEST_ATTRIBUTE_BYTES:
            raise Unsound(f"{name}: must take at most {LARGEST_ATTRIBUTE_BYTES} bytes, got {size}")


def _check_type(kind: h5t.TypeID, place: str) -> None:
    """Unsound unless it is made of numbers and text of fixed length alone."""
    of = kind.get_class()
    if of == h5t.COMPOUND:
        for number in range(kind.get_nmembers()):
            _check_type(kind.get_member_type(number), place)
    elif of == h5t.ARRAY:
        _check_type(kind.get_super(), place)
    elif of == h5t.STRING:
        if kind.is_variable_str():
            raise Unsound(f"{place}: must be a number or text of fixed length, got text of variable length")
    elif of not in _PLAIN:
        names = {h5t.REFERENCE: "a reference", h5t.VLEN: "rows of variable length", h5t.OPAQUE: "bytes"}
        raise Unsound(f"{place}: must be a number or text of fixed length, got {names.get(of, 'another type')}")


def _check_data_set(item: h5d.DatasetID, place: str) -> None:
    made = item.get_create_plist()
    if made.get_layout() not in _LAYOUTS or made.get_external_count():
        raise Unsound(f"{place}: must hold its own data, got a view of another file")
    for number in range(made.get_nfilters()):
        if (code := made.get_filter(number)[0]) not in _FILTERS:
            raise Unsound(f"{place}: must have no filters but {', '.join(_FILTERS.values())}, got number {code}")
    _check_type(item.get_type(), place)
    if made.get_layout() == h5d.CHUNKED:
        _check_chunks(item, place, made.get_chunk())
        return
    size = item.get_space().get_simple_extent_npoints() * item.get_type().get_size()
    if (stored := item.get_storage_size()) != size:
        raise Unsound(f"{place}: must be stored in full, {size} bytes, got {stored}")


def _check_chunks(item: h5d.DatasetID, place: str, chunk: tuple[int, ...]) -> None:
    """Unsound unless the chunks are of a size that can be read, and all of them are stored."""
    if (size := math.prod(chunk) * item.get_type().get_size()) > LARGEST_CHUNK_BYTES:
        raise Unsound(f"{place}: must have chunks of at most {LARGEST_CHUNK_BYTES} bytes, got {size}")
    if (count := math.prod(-(-n // c) for n, c in zip(item.shape, chunk, strict=True))) > MOST_CHUNKS:
        raise Unsound(f"{place}: must have at most {MOST_CHUNKS} chunks, got {count}")
    if (stored := item.get_num_chunks()) != count:
        raise Unsound(f"{place}: must be stored in full, {count} chunks, got {stored}")


def _check_contents(item: h5d.DatasetID, place: str) -> None:
    """Unsound unless every stored chunk unpacks to its size; HDF5 itself reads what is not in chunks."""
    made = item.get_create_plist()
    if made.get_layout() != h5d.CHUNKED:
        if item.get_space().get_simple_extent_npoints() * item.get_type().get_size() <= LARGEST_READ_BYTES:
            h5py.Dataset(item)[()]
        return
    size = math.prod(made.get_chunk()) * item.get_type().get_size()
    filters = [made.get_filter(number)[0] for number in range(made.get_nfilters())]
    stored: list[h5d.StoreInfo] = []
    item.chunk_iter(stored.append)
    for chunk in stored:
        mask, packed = item.read_direct_chunk(chunk.chunk_offset)
        if mask or (length := _unpacked_length(packed, filters, size)) != size:
            found = "skips filters" if mask else f"unpacks to {length}"
            raise Unsound(f"{place}: every chunk must unpack to {size} bytes, that at {chunk.chunk_offset} {found}")


def _unpacked_length(packed: bytes, filters: list[int], size: int) -> int:
    """Bytes that a stored chunk has once its filters, given in the order of writing, are undone; at most size + 5."""
    for code in reversed(filters):
        if code == h5z.FILTER_FLETCHER32:
            packed = packed[:-_CHECKSUM_BYTES]
        elif code == h5z.FILTER_DEFLATE:
            packed = zlib.decompressobj().decompress(packed, size + _CHECKSUM_BYTES + 1)
    return len(packed)


def fault(path: Path) -> str | None:
    """What keeps a file from being read, in words, or None."""
    try:
        check(path)
    except Exception as error:  # HDF5 and h5py raise many kinds on malformed files
        return str(error) if isinstance(error, Unsound) else f"cannot be read: {error}"
    return None


def main() -> None:
    """Answer for each path on stdin, with bounded memory."""
    if (memory := Path("/proc/self/statm")).exists():
        most = int(memory.read_text().split()[0]) * resource.getpagesize() + SPARE_BYTES
        _, allowed = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (most if allowed < 0 else min(most, allowed), allowed))
    for line in sys.stdin:
        print(json.dumps(fault(Path(json.loads(line)))), flush=True)


if __name__ == "__main__":
    main()
