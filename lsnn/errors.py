"""Errors a user can mend, and those of the machine."""

import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class InputError(ValueError):
    """A bad argument, configuration key or file; the message names it, the rule and the value received."""


class DivergedError(RuntimeError):
    """Meta-training that cannot go on by itself; the message names the cause and a remedy."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in the midst of learning: what was learnt until then is not lost.

    Attributes:
        so_far: what the call would have returned, had it ended before the step that was broken off; None before the
            first. Hand it back as `resume`.
    """

    def __init__(self, what: str, so_far: Any) -> None:
        super().__init__(f"{what} was interrupted; what it had learnt is `so_far` of this error")
        self.so_far = so_far


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
