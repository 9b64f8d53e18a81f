"""An end to what may take for ever."""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager

AGAIN_SECONDS = 0.05  # code on the way may swallow an exception, so it is raised until it has arrived


class _Late(BaseException):
    """No `except Exception` on the way stops it."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises TimeoutError in Python code that has not left the block after so many seconds; in any thread."""
    thread, lock, left = threading.get_ident(), threading.Lock(), threading.Event()

    def interrupt() -> None:
        left.wait(seconds)
        while not left.wait(AGAIN_SECONDS):
            with lock:
                if not left.is_set():
                    _raise_in(thread, _Late)

    def leave() -> None:
        while not left.is_set():
            try:
                with lock:
                    left.set()
                    _raise_in(thread, None)
            except _Late:
                continue

    threading.Thread(target=interrupt, daemon=True, name="deadline").start()
    try:
        try:
            yield
        finally:
            leave()
    except _Late as late:
        raise TimeoutError(f"not done within {seconds} s") from late


def _raise_in(thread: int, exception: type[BaseException] | None) -> None:
    """Let a thread meet an exception at its next instruction; None: not the one that is under way."""
    raised = None if exception is None else ctypes.py_object(exception)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)
