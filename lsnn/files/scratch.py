"""Folders for what other programs write and nobody keeps; those that killed processes left are removed by the next."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lsnn.files.whole import lock, same_folder

_PREFIX = "lsnn-scratch-"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yields an empty folder of the system's place for such, which nobody else may enter; it is gone after the block.

    The folder is locked, and the lock ends with the process. Raises OSError where no folder can be made.
    """
    _remove_orphans(Path(tempfile.gettempdir()))
    path, descriptor = _begin()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


def _begin() -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        with suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            if lock(descriptor) is not False and same_folder(path, descriptor):
                return path, descriptor
            os.close(descriptor)  # another process took it for an orphan before it was locked


def _remove_orphans(place: Path) -> None:
    """Removes the folders of this user whose processes have ended."""
    for path in place.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            found = path.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                continue
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if lock(descriptor):
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(descriptor)
