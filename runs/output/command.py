"""How commands speak and end: output that cannot be said is lost and stops no work; errors have exit codes."""

import errno
import functools
import io
import os
import select
import shlex
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO

import typer

BAD_INPUT = 2
CANNOT_GO_ON = 3  # the fault of the numbers, the cluster or the machine
SIGNALLED = 128  # plus the signal's number


class _Outlet(io.FileIO):
    """The end of a stream that takes all at once and never fails; `lost` is why something could not be said.

    It stands without a buffer of bytes, which could not be entered again by the handler of a signal that has to speak.
    """

    def __init__(self, descriptor: int, lost: OSError | None = None):
        super().__init__(descriptor, "wb", closefd=False)
        self.lost = lost

    def write(self, data: Any, /) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while rest:
                if (written := super().write(rest)) is None:  # a full pipe whose writers do not wait
                    select.select([], [self.fileno()], [])
                rest = rest[written or 0 :]
        except OSError as error:  # no reader any more, a full disk, a terminal that is gone
            self.lost = self.lost or error
        return size


def sound_streams() -> None:
    """Standard output and error take every text, whatever their encoding, and lose it where nobody can be told."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:  # closed: no file of the program's own shall get its number
            os.open(os.devnull, os.O_RDWR)
    sys.stdout, sys.stderr = _sound(sys.stdout, 1), _sound(sys.stderr, 2)


def _sound(stream: TextIO | None, descriptor: int) -> TextIO:
    if stream is None:
        closed = OSError(errno.EBADF, "it is closed")
        return _text(_Outlet(descriptor, closed), encoding="utf-8")
    if not isinstance(stream, io.TextIOWrapper) or not _ends_in(stream, descriptor):
        return stream  # somebody else's
    with suppress(OSError):
        stream.flush()
    ways = {"line_buffering": stream.line_buffering, "write_through": stream.write_through}
    return _text(_Outlet(descriptor), encoding=stream.encoding, **ways)


def _text(outlet: _Outlet, **ways: Any) -> TextIO:
    return io.TextIOWrapper(outlet, errors="backslashreplace", **ways)


def _ends_in(stream: TextIO, descriptor: int) -> bool:
    try:
        return stream.fileno() == descriptor
    except OSError:  # in memory
        return False


def lost_output() -> OSError | None:
    """Why something that was said on standard output has not arrived; None if all has."""
    sys.stdout.flush()
    outlet = getattr(sys.stdout, "buffer", None)
    return outlet.lost if isinstance(outlet, _Outlet) else None


def ending_of_speech(name: str, code: int = 0) -> int:
    """The exit code of a command whose output is all that it leaves: CANNOT_GO_ON, with a message, if it was lost.

    A reader who has seen enough (`| head`) needs no message.
    """
    if code or (lost := lost_output()) is None:
        return code
    if lost.errno != errno.EPIPE:
        print(f"{name}: the standard output cannot be written: {lost.strerror}", file=sys.stderr)
    return CANNOT_GO_ON


def reported(name: str, work: Callable[[], int | None]) -> int:
    """The exit code of a piece of work; what a user can mend, or the machine's fault, is a message, no traceback."""
    from lsnn.errors import ClusterError, DivergedError, InputError, StoreError
    from lsnn.files.folders import empty_ones_removed
    from tasks.own_file import failing_file

    try:
        with empty_ones_removed():
            return work() or 0
    except InputError as error:
        message, code = str(error), BAD_INPUT
    except (DivergedError, ClusterError, StoreError) as error:
        place = failing_file(error)
        message, code = (f"{place}: {error}", BAD_INPUT) if place else (str(error), CANNOT_GO_ON)
    except MemoryError as error:
        message, code = f"this machine has not enough memory: {error}", CANNOT_GO_ON
    except Exception as error:
        if (place := failing_file(error)) is None:
            raise
        message, code = f"{place}: raised {type(error).__name__}: {error}", BAD_INPUT
    print(f"{name}: {message}", file=sys.stderr)
    return code


def reporting(command: Callable[..., int | None]) -> Callable[..., None]:
    """Bad input ends in a message and exit code 2, not in a traceback; a command returns the signal that ended it."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> None:
        def signalled() -> int:
            ended_by = command(*args, **options)
            return SIGNALLED + ended_by if ended_by else 0

        raise typer.Exit(reported("lsnn", signalled))

    return run


def command_line() -> str:
    """What the user typed, as files keep it."""
    return shlex.join(["lsnn", *sys.argv[1:]]).encode("utf-8", "backslashreplace").decode()
