"""Many runs of meta-training over settings and seeds (`lsnn sweep SPEC.toml`); SPEC: docs/guide/sweeps.md.

Each cell, a combination of settings with a seed, is `lsnn train` in a process and a folder of its own, so that it can
be repeated by hand and whatever ends it is met by the rest as a line of the summary. The same command goes on with
what a broken sweep left.
"""

import itertools
import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lsnn.errors import InputError
from lsnn.files.folders import alone_in, busy, require_same, writable
from lsnn.files.whole import refuse_inputs, write_whole
from lsnn.interruption import Interruption, interruption
from lsnn.progress import say
from runs.sweeps.spec import (
    FAILURE,
    FIGURE,
    LOG,
    SPEC,
    SUMMARY,
    Cell,
    Spec,
    cells_of,
    finished,
    read_spec,
    read_spec_and_text,
    words,
)
from runs.sweeps.summary import write as write_summary
from runs.training.train import CHECKPOINT
from tasks.experiment import open_network, overridden, preset


def sweep(path: Path, out: Path, more: Sequence[str], jobs: int, retry_failed: bool, command: str) -> int:
    """Run every cell that is not done; then the summary and its figure.

    Args:
        more: options that every `lsnn train` is given ("--threads", "2").
        jobs: cells at once.
        retry_failed: run failed cells again.

    Returns:
        the signal that ended it early; else 0.
    """
    spec, text = read_spec_and_text(path)
    folder = writable(out)
    cells = cells_of(spec)
    for name in (SUMMARY, FIGURE):
        refuse_inputs(folder / name, [path])
    with alone_in(folder) as held, interruption() as interrupted, ThreadPoolExecutor(jobs) as pool:
        claim(folder, path, spec, cells, text)

        def run(number: int, cell: Cell) -> None:
            require_same(folder, held)
            place = folder / cell.name
            if finished(place, cell.budget):
                (place / FAILURE).unlink(missing_ok=True)
                return
            if interrupted.signal or ((place / FAILURE).exists() and not retry_failed):
                return
            if place.exists() and busy(place):
                say(f"cell {cell.name}: a run that an earlier sweep began is at work there; left to it")
                return
            say(f"cell {number} of {len(cells)}: {cell.name} {' '.join(words(cell.settings))}")
            run_cell(spec, cell, place, more, interrupted)

        list(pool.map(run, itertools.count(1), cells))  # what one of them raises is raised here
        require_same(folder, held)
    write_summary(folder, spec, cells, command)
    if interrupted.signal is None:
        return 0
    say(f"stopped by {interrupted.signal.name}; the same command goes on")
    return int(interrupted.signal)


def claim(folder: Path, path: Path, spec: Spec, cells: list[Cell], text: bytes) -> None:
    """The folder is new, or all cells of the sweep that it holds are cells of this one; text: of the specification."""
    kept = folder / SPEC
    if kept.exists():
        old = read_spec(kept)
        same = (old.task, old.preset) == (spec.task, spec.preset)
        here = {cell.name: cell for cell in cells}
        if changed := [cell.name for cell in cells_of(old) if not same or here.get(cell.name) != cell]:
            raise InputError(
                f"{folder}: must be a new folder or hold a part of this sweep, "
                f"has a {SPEC} whose cell {changed[0]} is none of {path}"
            )
    require_own_cells(folder, spec, cells)
    if not (kept.exists() and kept.samefile(path)):
        write_whole(kept, text)


def require_own_cells(folder: Path, spec: Spec, cells: list[Cell]) -> None:
    """InputError if the folder of a cell holds a run of another configuration or seed."""
    for cell in cells:
        checkpoint = folder / cell.name / CHECKPOINT
        if checkpoint.exists():
            file, found = open_network(checkpoint, spec.task)
            if (found, file.seed) != (overridden(preset(spec.task, spec.preset), words(cell.settings)), cell.seed):
                rule = f"must be a run of cell {cell.name}, has another configuration or seed"
                raise InputError(f"{checkpoint}: {rule} (or the preset has changed); name another --out")


def train_command(spec: Spec, cell: Cell, place: Path, more: Sequence[str]) -> list[str]:
    """`lsnn train` for a cell, from its checkpoint if it has one."""
    minutes, iterations = cell.budget
    budget = ["--minutes", str(minutes)] if iterations is None else ["--iterations", str(iterations)]
    start = ["train", spec.task, *budget, *more]
    if (place / CHECKPOINT).exists():
        return [*start, "--resume", str(place / CHECKPOINT)]
    settings = [word for setting in words(cell.settings) for word in ("--set", setting)]
    return [*start, "--preset", spec.preset, "--seed", str(cell.seed), "--out", str(place), *settings]


def run_cell(spec: Spec, cell: Cell, place: Path, more: Sequence[str], interrupted: Interruption) -> None:
    """Run a cell in a process of its own; a failure is written down in its folder."""
    place.mkdir(exist_ok=True)
    (place / FAILURE).unlink(missing_ok=True)
    arguments = train_command(spec, cell, place, more)
    with open(place / LOG, "a", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "runs", *arguments], stdout=log, stderr=subprocess.PIPE, errors="backslashreplace",
            start_new_session=True,  # Ctrl-C reaches the cell once, through this process
        )  # fmt: skip
        errors = wait(process, interrupted)
    code = process.returncode
    if code != 0 and not interrupted.signal:
        reason = errors.strip().splitlines()[-1] if errors.strip() else f"ended with code {code}"
        failure = {"reason": reason, "exit_code": code, "command": shlex.join(["lsnn", *arguments]), "stderr": errors}
        write_whole(place / FAILURE, f"{json.dumps(failure, indent=1)}\n".encode())
        say(f"cell {cell.name} failed: {reason}")


def wait(process: subprocess.Popen, interrupted: Interruption) -> str:
    """What the process wrote to stderr; a signal is handed on to it once, and a second Ctrl-C kills it."""
    told = False
    while True:
        try:
            return process.communicate(timeout=0.2)[1]
        except subprocess.TimeoutExpired:
            if interrupted.at_once:
                process.kill()
            if interrupted.signal and not told:
                process.send_signal(interrupted.signal)
                told = True
