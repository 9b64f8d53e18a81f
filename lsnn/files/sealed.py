"""Sealed HDF5 files: opened only once they are known to be whole, to lead nowhere else and to crash nothing.

A seal, 512 bytes of text before the HDF5 part (a 'user block', which every HDF5 program skips), holds the SHA-256 of
all that follows. It is checked before the HDF5 library parses a byte. Then a process of its own walks through the file
and unpacks all that is stored (`soundness.py`): a file under a valid seal that crashes or hangs the library ends
that process and no other. It is started for the first file, which takes a few tenths of a second, serves all further
ones, and ends with this process. Files that this process has itself written are known to be sound.
"""

import atexit
import hashlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import h5py

from lsnn.errors import InputError
from lsnn.files import soundness
from lsnn.files.whole import reason, what_stands_at

SEAL_BYTES = 512

_SEAL = re.compile(rb"LSNN file, SHA-256 of what follows byte 512: ([0-9a-f]{64})\n\0+")
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_LEAST_SECONDS, _END_SECONDS, _BYTES_A_SECOND = 120, 5, 2e6

_known: set[str] = set()  # digests of files that are sound


def seal(file: Any) -> str:
    """Write the seal of an open HDF5 file with a user block of 512 bytes; returns the digest."""
    digest = _digest(file)
    file.seek(0)
    file.write(f"LSNN file, SHA-256 of what follows byte {SEAL_BYTES}: {digest}\n".encode().ljust(SEAL_BYTES, b"\0"))
    return digest


def trust(digest: str) -> None:
    """What this process has written itself need not be tried in another one; it is walked through all the same."""
    _known.add(digest)


def open_sealed(path: str | Path) -> h5py.File:
    """The sealed file at `path`, open for reading.

    Raises InputError for whatever is not such a file, is damaged, refers to anything outside itself, or makes the HDF5
    library crash.
    """
    path = Path(path)
    before = _checked(path)
    with readable(str(path)):
        file = h5py.File(path, "r", locking=False)
        try:
            if _identity(os.stat(path)) != before:
                raise InputError(f"{path}: must not change while it is read")
            for _ in soundness.walk(file):
                pass
        except soundness.Unsound as error:
            file.close()
            raise InputError(f"{path}: {error}") from error
        except BaseException:
            file.close()
            raise
    return file


@contextmanager
def readable(place: object) -> Iterator[None]:
    """Turns what h5py raises on bad contents into an InputError that names the place."""
    try:
        yield
    except InputError:
        raise
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, OverflowError, MemoryError) as error:
        raise InputError(f"{place}: cannot be read: {error}") from error


def _checked(path: Path) -> tuple[int, ...]:
    """The identity of a file whose seal holds and that the HDF5 library survives."""
    try:
        if not path.is_file():
            raise InputError(f"{path}: must be an LSNN file, got {what_stands_at(path)}")
        with open(path, "rb") as file:
            identity = _identity(os.fstat(file.fileno()))
            digest = _check_seal(path, file)
    except OSError as error:
        raise InputError(f"{path}: must be readable, got: {reason(error)}") from error
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: must be a place of a file, got: {error}") from error
    if digest not in _known:
        if found := _tester.fault(path):
            raise InputError(f"{path}: {found}")
        _known.add(digest)
    return identity


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _check_seal(path: Path, file: BinaryIO) -> str:
    start = file.read(SEAL_BYTES + len(_HDF5_SIGNATURE))
    sealed = _SEAL.match(start)
    if sealed is None:
        raise InputError(f"{path}: must be an LSNN file, got {_looks_like(start)}")
    digest, expected = _digest(file), sealed[1].decode()
    if digest != expected:
        raise InputError(
            f"{path}: is damaged, truncated or was changed by another program: "
            f"the SHA-256 of its contents must be {expected}, got {digest}"
        )
    return digest


def _digest(file: Any) -> str:
    file.seek(SEAL_BYTES)
    return hashlib.file_digest(file, "sha256").hexdigest()


def _looks_like(start: bytes) -> str:
    if not start:
        return "an empty file"
    if start.startswith(_HDF5_SIGNATURE) or start[SEAL_BYTES:] == _HDF5_SIGNATURE:
        return "an HDF5 file without its seal: damaged, or written by another program"
    return f"a file that begins with {start[:16]!r}"


class _Tester:
    """The process in which files are tried."""

    command = (sys.executable, "-P", "-m", "lsnn.files.soundness")

    def __init__(self) -> None:
        self.process: Any = None  # subprocess.Popen, with pipes
        self.owner, self.lock = 0, threading.Lock()

    def fault(self, path: Path) -> str | None:
        """What keeps a file from being read, or None."""
        with self.lock:
            try:
                process = self._running()
                process.stdin.write(json.dumps(os.path.abspath(path)).encode() + b"\n")
                process.stdin.flush()
                answer = self._answer(process, _LEAST_SECONDS + path.stat().st_size / _BYTES_A_SECOND)
            except OSError as error:
                return f"could not be tried in a process of its own: {reason(error)}"
            if answer is None:
                return f"is malformed, though sealed: the HDF5 library {self._end(process)}"
            return json.loads(answer)

    def _running(self) -> Any:
        if self.process is None or self.owner != os.getpid() or self.process.poll() is not None:
            path = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, sys.path)])
            # no filter is ever loaded from a file; Ctrl-C is for this process alone
            environment = {**os.environ, "PYTHONPATH": path, "HDF5_PLUGIN_PRELOAD": "::"}
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env=environment, start_new_session=True,
            )  # fmt: skip
            self.owner = os.getpid()
            atexit.register(self.close)
        return self.process

    def _answer(self, process: Any, seconds: float) -> bytes | None:
        """A line, or None if the process ended, or said nothing for so long."""
        ready, _, _ = select.select([process.stdout], [], [], seconds)
        return (process.stdout.readline() or None) if ready else None

    def _end(self, process: Any) -> str:
        """How a process that did not answer has ended; it is gone afterwards."""
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
        code = process.poll()
        self.close()
        if code is None:
            return "does not come to an end with it"
        return f"crashed on it ({signal.Signals(-code).name if code < 0 else f'code {code}'})"

    def close(self) -> None:
        """End the process, if this one started it."""
        if self.process is not None and self.owner == os.getpid():
            self.process.kill()
            self.process.communicate()
        self.process = None


_tester = _Tester()
