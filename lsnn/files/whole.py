"""Files that appear whole or not at all, whatever fills the disk or ends the process.

A file is written under a hidden name in its folder, brought to the disk, and then given its name in one step: at any
moment the whole old file or the whole new one stands there. The folder is held open meanwhile, so that a file goes
into the folder in which it was begun, even if that has been moved and another one stands under its name. A file that
is being written is locked, and the lock ends with the process; that tells what is left of killed processes, which the
next writer in the folder removes.
"""

import errno
import fcntl
import io
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from lsnn.errors import InputError, StoreError

_DRAFT = re.compile(r"\.(.+)\.[0-9a-f]{8}\.partial")


class Sink(io.RawIOBase):
    """A file open for writing that remembers its first failure instead of raising it.

    A write that fails inside HDF5 (2.0, disk full) ends the process by a segmentation fault when the file is closed.
    """

    def __init__(self, descriptor: int):
        self._file = open(descriptor, "r+b", buffering=0)
        self.failure: OSError | None = None

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

    def fileno(self) -> int:
        return self._file.fileno()

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def raise_failure(self) -> None:
        if self.failure is not None:
            raise self.failure


class _Place(NamedTuple):
    """A name in an open folder; `path` is how messages name it."""

    path: Path
    folder: int
    name: str


@contextmanager
def writing(path: str | Path, overwrite: bool = True, folder: int | None = None) -> Iterator[Sink]:
    """Yields an empty file that takes the place of `path` once the block has ended without an error.

    Args:
        path: a symbolic link is followed.
        overwrite: without it the file must not exist, nor be in the making by another process.
        folder: descriptor of the open folder of `path`; by default the one that stands there now.

    Raises:
        InputError: `path` cannot be a file, its folder cannot be written to, or (without `overwrite`) it exists.
        StoreError: writing failed; or the folder was exchanged meanwhile, then the file is in the former one.
    """
    place = _place(Path(path), folder)
    try:
        _remove_orphans(place.folder)
        draft, sink = _begin(place)
        try:
            with sink:
                if not overwrite:
                    _refuse_taken(place, draft)
                yield sink
                sink.raise_failure()
                _publish(place, draft, sink, overwrite)
        except Exception as error:
            if sink.failure is not None:
                raise StoreError(place.path, reason(sink.failure)) from error
            raise
        finally:
            with suppress(OSError):
                os.unlink(draft, dir_fd=place.folder)
        _require_same_folder(place)
    finally:
        os.close(place.folder)


def write_whole(path: str | Path, content: bytes, overwrite: bool = True, folder: int | None = None) -> Path:
    """Write a file at once; returns its path. Arguments and errors are those of `writing`."""
    with writing(path, overwrite, folder) as sink:
        sink.write(content)
    return Path(path)


@contextmanager
def holding(folder: Path) -> Iterator[int]:
    """Yields the descriptor of a folder, which is that folder even when its name means another one.

    Raises InputError if it is none, or may not be read.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: must be a folder, got: {error}") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def refuse_inputs(path: Path, inputs: Iterable[Path]) -> None:
    """InputError if a file to be written is one of those that are read, by whatever name."""
    for source in inputs:
        if _same_file(path, source):
            raise InputError(f"{path}: must be another file than the input {source}, with --overwrite as well")


def _same_file(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):  # one of them does not exist
        return False


def reason(error: OSError) -> str:
    """What went wrong, in a few words."""
    return error.strerror or str(error)


def same_folder(path: Path, folder: int) -> bool:
    """Whether `path` stands for the folder of this descriptor."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(folder))
    except OSError:
        return False


def lock(descriptor: int) -> bool | None:
    """Whether this process now holds the lock of an open file or folder; None where there are no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _place(path: Path, folder: int | None) -> _Place:
    """Where to write; its folder is a descriptor of its own."""
    if folder is not None and not _is_link(path.name, folder):
        return _Place(path, os.dup(folder), path.name)
    try:
        target = path.resolve()
        if target.exists() and not target.is_file():
            raise InputError(f"{path}: must be a regular file, got {what_stands_at(target)}")
        if not target.parent.is_dir():
            raise InputError(f"{path}: its folder must exist, got {target.parent}")
        return _Place(target, os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY), target.name)
    except (OSError, RuntimeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: must be a place for a file, got: {error}") from error


def _is_link(name: str, folder: int) -> bool:
    with suppress(OSError):
        os.readlink(name, dir_fd=folder)
        return True
    return False


def what_stands_at(path: Path) -> str:
    """In words: what keeps a path from being a regular file."""
    if path.is_dir():
        return "a folder"
    return "a device or pipe" if path.exists() else "no such file"


def _begin(place: _Place) -> tuple[str, Sink]:
    """A new draft, and its locked file."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    while True:
        draft = f".{place.name}.{secrets.token_hex(4)}.partial"
        try:
            descriptor = os.open(draft, flags, 0o666, dir_fd=place.folder)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
                raise StoreError(place.path, reason(error)) from error
            raise InputError(f"{place.path}: its folder must be writable, got: {reason(error)}") from error
        if lock(descriptor) is not False and os.fstat(descriptor).st_nlink:
            return draft, Sink(descriptor)
        os.close(descriptor)  # another process took it for an orphan before it was locked


def _drafts(folder: int) -> dict[str, str]:
    """The drafts in a folder, each with the name that it is to have."""
    return {draft: found[1] for draft in os.listdir(folder) if (found := _DRAFT.fullmatch(draft))}


def _at_work(draft: str, folder: int) -> bool:
    """Whether its writer is alive; what a dead one has left is removed."""
    descriptor = -1
    try:
        descriptor = os.open(draft, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        if held := lock(descriptor):
            os.unlink(draft, dir_fd=folder)
        return held is False
    except OSError:
        return False
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _remove_orphans(folder: int) -> None:
    for draft in _drafts(folder):
        _at_work(draft, folder)


def _refuse_taken(place: _Place, own: str) -> None:
    """InputError if the file is there, or another process writes it."""
    if _stands(place):
        raise InputError(f"{place.path}: must not exist yet")
    others = [draft for draft, name in _drafts(place.folder).items() if draft != own and name == place.name]
    if any(_at_work(draft, place.folder) for draft in others):
        raise InputError(f"{place.path}: another process is writing it; wait for it, or name another file")


def _stands(place: _Place) -> bool:
    try:
        os.lstat(place.name, dir_fd=place.folder)
    except OSError:
        return False
    return True


def _publish(place: _Place, draft: str, sink: Sink, overwrite: bool) -> None:
    """Bring the draft to the disk and give it its name, in one step."""
    try:
        os.fsync(sink.fileno())
        if overwrite:
            os.replace(draft, place.name, src_dir_fd=place.folder, dst_dir_fd=place.folder)
        else:
            _publish_new(place, draft)
        os.fsync(place.folder)
    except FileExistsError as error:
        raise InputError(f"{place.path}: must not exist yet, was made by another process meanwhile") from error
    except OSError as error:
        raise StoreError(place.path, reason(error)) from error


def _publish_new(place: _Place, draft: str) -> None:
    """FileExistsError if there is such a file, however late it came."""
    try:
        os.link(draft, place.name, src_dir_fd=place.folder, dst_dir_fd=place.folder, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:  # a file system without links: the name is taken first
        os.close(os.open(place.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, dir_fd=place.folder))
        os.replace(draft, place.name, src_dir_fd=place.folder, dst_dir_fd=place.folder)


def _require_same_folder(place: _Place) -> None:
    if not same_folder(place.path.parent, place.folder):
        raise StoreError(place.path, "its folder was moved or exchanged meanwhile; the new file is in the former one")
