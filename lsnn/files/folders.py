"""Where runs leave their files; nothing is written over unless that is asked for."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from lsnn.errors import InputError, StoreError
from lsnn.files.whole import holding, lock, refuse_inputs, same_folder

RESULTS = Path("results")
_made: ContextVar[list[Path] | None] = ContextVar("made", default=None)  # by `writable`, for `empty_ones_removed`


def output_folder(
    out: Path | None, default: str, files: Sequence[str], overwrite: bool = False, inputs: Iterable[Path] = ()
) -> Path:
    """The folder for these files, made if need be.

    Args:
        out: the folder asked for; without one, a new folder below `results/`, named `default` and a number if that is
            taken.
        files: names of the files that the run will leave.
        inputs: files that are read, which are never written over.

    Raises:
        InputError: no folder, one that cannot be written to, or one that holds such a file (unless `overwrite`).
    """
    folder, inputs = _fresh(RESULTS / default) if out is None else Path(out), list(inputs)
    if not overwrite:
        refuse_to_overwrite(folder, files)
    for name in files:
        refuse_inputs(folder / name, inputs)
    return writable(folder)


def refuse_to_overwrite(folder: Path, files: Sequence[str]) -> None:
    """InputError if the folder holds one of these files."""
    if there := [name for name in files if _stands(folder / name)]:
        raise InputError(
            f"{folder}: must not hold a run already, has {', '.join(there)}; name another --out, or --overwrite"
        )


def writable(folder: Path) -> Path:
    """The folder, made if need be; InputError if that fails or nothing can be written there."""
    try:
        if (made := _made.get()) is not None:
            made += [each for each in (*reversed(folder.parents), folder) if not os.path.lexists(each)]
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: must be a folder, got: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{folder}: must be writable, got a folder without that permission")
    return folder


def output_file(path: Path, overwrite: bool = False, inputs: Iterable[Path] = ()) -> Path:
    """The path of a file to write.

    Raises InputError if it exists (unless `overwrite`), is one of the `inputs`, or its folder cannot be written to.
    """
    if _stands(path) and not overwrite:
        raise InputError(f"{path}: must not exist yet; name another file, or --overwrite")
    refuse_inputs(path, inputs)
    writable(path.parent)
    return path


@contextmanager
def empty_ones_removed() -> Iterator[None]:
    """If an error ends it, the folders for output that were made in the meantime go again, those that are empty."""
    before = _made.set([])
    try:
        yield
    except BaseException:
        for folder in reversed(_made.get() or []):
            with suppress(OSError):
                folder.rmdir()
        raise
    finally:
        _made.reset(before)


@contextmanager
def alone_in(folder: Path) -> Iterator[int]:
    """Nobody else works in the folder in the meantime; InputError if somebody does. It ends with the process.

    Yields the folder's descriptor, which is that folder even when its name means another one.
    """
    with holding(folder) as held:
        if lock(held) is False:  # None: a file system without locks
            raise InputError(f"{folder}: another run is at work there; wait for it, or end it")
        yield held


def require_same(folder: Path, held: int) -> None:
    """StoreError unless the folder is still the one that was there when the run began."""
    if not same_folder(folder, held):
        raise StoreError(folder, "the folder was moved or exchanged since the run began")


def busy(folder: Path) -> bool:
    """Whether somebody works in the folder now."""
    try:
        with alone_in(folder):
            return False
    except InputError:
        return True


def _stands(path: Path) -> bool:
    """Whether there is something of that name; InputError if it is none for a file, or nobody may know."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: must be a place for a file, got: {error}") from error
    return True


def _fresh(folder: Path) -> Path:
    """The folder itself, or the first with a number that does not exist."""
    number, free = 1, folder
    while _stands(free):
        number += 1
        free = folder.with_name(f"{folder.name}-{number}")
    return free
