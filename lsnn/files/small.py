"""Files of a user's own (a model, a specification, a task) read at once or refused; none hangs or fills the memory."""

import os
import select
import stat
from pathlib import Path

from lsnn.errors import InputError
from lsnn.files.whole import reason

MOST_BYTES = 10 * 2**20
WAIT_S = 20.0  # for the next bytes out of a pipe


def read_small(path: str | Path, most_bytes: int = MOST_BYTES) -> bytes:
    """All bytes of a regular file, or of a pipe that somebody writes to (`<(command)`).

    Raises:
        InputError: it is neither, cannot be read, or is longer than `most_bytes`; or a pipe falls silent.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        what = reason(error) if isinstance(error, OSError) else str(error)
        raise InputError(f"{path}: must be a file that can be read, got: {what}") from error
    try:
        kind = os.fstat(descriptor).st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISFIFO(kind)):
            raise InputError(f"{path}: must be a file, got {'a folder' if stat.S_ISDIR(kind) else 'a device'}")
        return _contents(path, descriptor, most_bytes)
    except OSError as error:
        raise InputError(f"{path}: must be a file that can be read, got: {reason(error)}") from error
    finally:
        os.close(descriptor)


def _contents(path: str | Path, descriptor: int, most_bytes: int) -> bytes:
    parts, length = [], 0
    while True:
        if not select.select([descriptor], [], [], WAIT_S)[0]:
            raise InputError(f"{path}: must have an end, but nothing came out of this pipe for {WAIT_S:g} s")
        part = os.read(descriptor, 2**16)
        parts.append(part)
        length += len(part)
        if length > most_bytes:
            raise InputError(f"{path}: must have at most {most_bytes} bytes, has more")
        if not part:
            return b"".join(parts)
