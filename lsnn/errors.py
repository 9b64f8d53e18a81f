"""Errors a user can mend, and those of the machine."""

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
