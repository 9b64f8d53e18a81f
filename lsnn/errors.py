"""Errors a user can mend, and those of the machine."""

import traceback
from collections.abc import Iterator
from pathlib import Path


class InputError(ValueError):
    """A bad argument, configuration key or file; the message names it, the rule and the value received."""


class DivergedError(RuntimeError):
    """Meta-training that cannot go on by itself; the message names the cause and a remedy."""


class ClusterError(RuntimeError):
    """A cluster that cannot do the work: no workers, or workers whose results would differ."""


class StoreError(OSError):
    """A file that could not be written: no space, a quota, a lost disk. What stood under its name is unharmed."""

    def __init__(self, path: Path, reason: str):
        super().__init__(f"{path}: cannot be written: {reason}; the file that was there, if any, is unharmed")
        self.path, self.reason = path, reason


def frames_of(error: BaseException) -> Iterator[tuple[str, int | None]]:
    """File and line of each call of an error, from the first to where it was raised, and of the errors it came of.

    Those of an error that travelled from another process are its attribute `frames_there`.
    """
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from frames_of(before)
    yield from ((frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__))
    yield from getattr(error, "frames_there", ())
