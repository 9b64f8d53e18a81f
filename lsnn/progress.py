"""What a long run says while it works: a bar on a terminal, else a plain line every few seconds."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column

SECONDS_BETWEEN_LINES = 5.0


def duration(seconds: float) -> str:
    """A time as minutes and seconds, with hours if there are any."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def say(text: str) -> None:
    """One line to the user, at once and whole, whoever else speaks; work goes on if nobody can be told any more."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    sayable = text.encode(encoding, "backslashreplace").decode(encoding)
    with suppress(OSError):  # the terminal was closed, or the disk of the log is full
        print(f"{sayable}\n", end="", flush=True)


class Meter:
    """Shows how far a piece of work has come."""

    def __init__(self, bar: Progress | None):
        self.bar = bar
        self.task = None if bar is None else bar.add_task("", total=1.0)
        self.last_line = -SECONDS_BETWEEN_LINES

    def show(self, share: float, text: str) -> None:
        """share: of the work that is done, 0..1; text: the numbers that matter."""
        if self.bar is not None and self.task is not None:
            with suppress(OSError):
                self.bar.update(self.task, completed=share, description=text)
        elif time.monotonic() - self.last_line >= SECONDS_BETWEEN_LINES:
            self.last_line = time.monotonic()
            say(text)


@contextmanager
def meter() -> Iterator[Meter]:
    """A meter for the work done in the block."""
    if not sys.stdout.isatty():
        yield Meter(None)
        return
    text = TextColumn("{task.description}", table_column=Column(ratio=1))
    bar = Progress(BarColumn(bar_width=16), text, console=Console(), expand=True, refresh_per_second=2)
    bar.start()
    try:
        yield Meter(bar)
    finally:
        with suppress(OSError):  # as in `say`
            bar.stop()
