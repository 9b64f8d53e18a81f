"""No call from Python crashes the interpreter or computes in silence with what does not fit.

Every way into compiled code is called with one wrong argument after another, in a process of its own: a crash names
the last call it told of.
"""

import importlib
import pkgutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest
from numba.core.dispatcher import Dispatcher

import lsnn
import tasks

ROOT = Path(__file__).parents[2]
# Attacks of a group at least, so that none goes missing unseen
FEWEST = {"blocks": 4000, "families": 4500, "environments": 200, "circuits": 300}
SAFE = {  # compiled functions that use no array, or bound every index by its length
    "tasks.gym_task": {"begin", "observe", "transition", "target"},
    "tasks.water_maze.dynamics": {"platform_of_trial", "cue_of"},
    "tasks.encoders.spikes": {"as_index", "spike_line", "spike_alike", "spike_anyhow"},
}
CALLERS = {"lsnn/blocks.py", "lsnn/gym_blocks.py", "lsnn/brian.py", "lsnn/arrays/blocks.py", "lsnn/circuits/passage.py"}
OF_EXTRAS = {"lsnn.bridges.pytorch"}  # cannot be imported where its extra is not installed


def attacked(group: str) -> tuple[int, list[str], str]:
    """Exit status of the attacks of a group, what came of each, and the error."""
    command = [sys.executable, "-m", "tests.attacks.attack", group]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=540)
    return run.returncode, run.stdout.splitlines() or [""], run.stderr[-2000:]


LONG = ("circuits",)  # of the long tests, since what it calls is compiled for it alone


@pytest.mark.parametrize("group", [pytest.param(group, marks=[pytest.mark.long] * (group in LONG)) for group in FEWEST])
def test_wrong_arguments_are_refused_and_others_work(group):
    status, (*told, end), error = attacked(group)
    assert status == 0 and end == "end", f"ended after {end!r}\n{error}"
    outcomes = [line.rpartition(" -> ")[2] for line in told]
    bad = [line for line, outcome in zip(told, outcomes, strict=True) if outcome not in ("refused", "the same")]
    assert not bad, "\n".join(bad[:40])
    assert Counter(outcomes)["refused"] >= FEWEST[group]


def test_a_planted_error_and_a_planted_crash_are_seen():
    status, told, _ = attacked("planted")
    assert status < 0
    outcomes = ("IndexError: list index out of range", "worked", "")
    assert told == [f"answer(value = {value}) -> {what}" for value, what in zip((2, 1, 3), outcomes, strict=True)]


def compiled_functions(package: ModuleType) -> dict[str, set[str]]:
    """By module, the public compiled functions that Python can call without a check; not of the kernels."""
    found: dict[str, set[str]] = {}
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not info.name.startswith("lsnn.kernels") and info.name not in OF_EXTRAS:
            for name, value in vars(importlib.import_module(info.name)).items():
                own = isinstance(value, Dispatcher) and value.py_func.__module__ == info.name
                if own and not name.startswith("_"):
                    found.setdefault(info.name, set()).add(name)
    return found


def test_whatever_python_may_call_of_compiled_code_checks_its_arguments():
    assert compiled_functions(tasks) | compiled_functions(lsnn) == SAFE


def test_modules_written_for_a_network_are_called_by_those_that_check():
    calls, within = (".module.", ".passes.", "roll_out_module(", "network_module("), ("lsnn/kernels", "lsnn/equations")
    folders = ("lsnn", "tasks", "agents", "runs", "analysis")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    texts = {str(file.relative_to(ROOT)): file.read_text() for file in files}
    found = {name for name, text in texts.items() if any(call in text for call in calls)}
    assert {name for name in found if not name.startswith(within)} == CALLERS
