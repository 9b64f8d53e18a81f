"""Ctrl-C, SIGTERM and the end of the terminal (SIGHUP, unless under nohup) end a run at its next iteration."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from lsnn.progress import say


class Interruption:
    """The signal that asked for the end, if one did; a second Ctrl-C ends at once."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self.at_once = False  # a second Ctrl-C came

    def receive(self, number: int, frame: FrameType | None) -> None:
        """The handler of all of them."""
        if self.signal is not None and number == signal.SIGINT:
            self.at_once = True
            raise KeyboardInterrupt
        self.signal = signal.Signals(number)
        say(f"{self.signal.name} received: ending after this iteration")


@contextmanager
def interruption() -> Iterator[Interruption]:
    """Signals that arrive in the block only raise a flag."""
    received = Interruption()
    heard = [signal.SIGINT, signal.SIGTERM]
    heard += [signal.SIGHUP] if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN else []
    old = {number: signal.signal(number, received.receive) for number in heard}
    try:
        yield received
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


@contextmanager
def postponed() -> Iterator[Callable[[], None]]:
    """Ctrl-C in the block counts when the function that is given is called, or when the block is over.

    Its handler is called then (that of Python, of Brian2 or of a notebook). Signals reach the main thread alone.
    """
    pressed: list[int] = []
    handler = signal.getsignal(signal.SIGINT)

    def look() -> None:
        if pressed and callable(handler):
            handler(pressed.pop(), None)

    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield look
        return
    signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    try:
        yield look
    finally:
        signal.signal(signal.SIGINT, handler)
    look()
