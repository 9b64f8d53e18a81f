"""Two simulators timed in turn, A B A B ..., so that whatever the machine does meets both alike."""

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

CLONE = Path(__file__).parents[1]
TURNS, AT_LEAST, ENOUGH_S = 9, 3, 60.0  # the third, once that many turns are made


class FailedError(Exception):
    """A simulator's process has ended before it had answered."""


class Kept:
    """A simulator that is warm and waits."""

    def __init__(self, process: subprocess.Popen[str], errors: Any):
        self.process, self.errors = process, errors
        self.answer()

    def answer(self) -> str:
        """The next line that the process prints.

        Raises:
            FailedError: it prints none, with the last line of its errors.
        """
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line == "ready\n" or line[:1].isdigit():
                return line
        self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().strip().splitlines()
        raise FailedError(lines[-1] if lines else f"exit code {self.process.returncode}")

    def seconds(self, what: str) -> float:
        """Of one run: what is `forward` or `gradient`."""
        assert self.process.stdin is not None
        print(what, file=self.process.stdin, flush=True)
        return float(self.answer())


@contextmanager
def kept(command: Sequence[str], environment: dict[str, str]):
    """A simulator's harness with `--serve`, warmed up; it ends with the context."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, cwd=CLONE, env=os.environ | environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
        )  # fmt: skip
        try:
            yield Kept(process, errors)
        finally:
            process.kill()
            process.wait()


def in_turn(ours: Kept, theirs: Kept, what: str, turns: int = TURNS) -> dict[str, Any]:
    """Seconds of both, turn by turn, with the quartiles of their ratio (theirs / ours)."""
    start, pairs = time.perf_counter(), list[tuple[float, float]]()
    while len(pairs) < turns and (len(pairs) < AT_LEAST or time.perf_counter() - start < ENOUGH_S):
        pairs.append((ours.seconds(what), theirs.seconds(what)))
    seconds = np.array(pairs)
    quartiles = np.quantile(seconds[:, 1] / seconds[:, 0], [0.25, 0.5, 0.75])
    return {"ours_s": seconds[:, 0].tolist(), "theirs_s": seconds[:, 1].tolist(), "quartiles": quartiles.tolist()}
