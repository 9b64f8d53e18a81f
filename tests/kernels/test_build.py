"""Generated modules: a task's functions are those of now, wherever its module stands and whatever it imports."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import runs
from tests.analysis.make_result import make_result

CLONE = Path(__file__).parents[2]
TASK = """
from numba import njit
from my_constants import CUE_MS
from lsnn.kernels.null_task import encode, observe, target, transition

@njit
def begin(key, parameters, state):
    state[0] = CUE_MS
"""
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from lsnn.kernels.build import roll_out_module
from lsnn.neurons import LIF

module = roll_out_module(sys.argv[2], sys.argv[2], "encode", "none", (LIF,))
state = np.zeros((8, 1))
module.start(np.arange(8, dtype=np.uint64), np.zeros(0), state)
print(state[0, 0], sum(module.start._cache_hits.values()))
"""


def begun(folder: Path, module: str) -> str:
    """The state at the start of an episode of a task, and whether its code was loaded, in a process of its own."""
    return subprocess.check_output(
        [sys.executable, "-c", PROGRAM, str(folder), module], cwd=CLONE, text=True,
        env=os.environ | {"LSNN_CACHE": str(folder / "cache")},
    ).strip()  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """A task in a module, its constant in another; and the same task in a package."""
    (tmp_path / "package").mkdir()
    for name, text in (("my_constants.py", "CUE_MS = 50\n"), ("match.py", TASK), ("package/match.py", TASK)):
        write(tmp_path / name, text)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.write_text(text)
    day_before = time.time() - 86400 + len(text)  # Python's own cache looks at time and size
    os.utime(path, (day_before, day_before))


def test_a_task_that_changes_its_module_or_a_constant(folder):
    assert begun(folder, "match") == "50.0 0"
    assert begun(folder, "match") == "50.0 1"
    write(folder / "my_constants.py", "CUE_MS = 120\n")
    assert begun(folder, "match") == "120.0 0"
    (folder / "match.py").unlink()
    assert begun(folder, "package.match") == "120.0 0"
    assert begun(folder, "package.match") == "120.0 1"


@pytest.mark.parametrize("command", ["train bandit", "--help", "experiment bandit-regret"])
def test_without_a_compiler_commands_end_in_a_message(command):
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    words = [sys.executable, "-m", "runs", *command.split()]
    ran = subprocess.run(words, cwd=CLONE, env=environment, capture_output=True, text=True)
    assert ran.returncode == 2 and ran.stderr.startswith("lsnn: NUMBA_DISABLE_JIT must not be set")
    assert len(ran.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("NUMBA_NUM_THREADS", "0", "must be a whole number of at least 1, got '0'"),
        ("NUMBA_NUM_THREADS", "-2", "must be a whole number of at least 1, got '-2'"),
        ("NUMBA_CPU_FEATURES", "avx2", "must be a list of features, each after a + or a -, got 'avx2'"),
        ("SOURCE_DATE_EPOCH", "abc", "must be a whole number of seconds since 1970, got 'abc'"),
        ("SOURCE_DATE_EPOCH", "9" * 40, "must be a whole number of seconds since 1970, got '" + "9" * 40 + "'"),
    ],
)
def test_variables_that_would_end_a_library_end_in_a_message(name, value, rule):
    words = [sys.executable, "-m", "runs", "show-kernel"]
    ran = subprocess.run(words, cwd=CLONE, env=os.environ | {name: value}, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (2, f"lsnn: {name} {rule}\n")


def test_variables_that_do_no_harm_are_let_through():
    sound = {"NUMBA_NUM_THREADS": "2", "NUMBA_CPU_FEATURES": "+avx2,-avx512f", "SOURCE_DATE_EPOCH": "1700000000"}
    assert runs.broken_rule(sound) is None and runs.broken_rule({"NUMBA_DISABLE_JIT": "0"}) is None


def test_figures_are_drawn_whatever_backend_is_asked_for(tmp_path):
    words = [
        sys.executable,
        "-m",
        "runs",
        "report",
        str(make_result(tmp_path / "r.h5")),
        "--out",
        str(tmp_path / "out"),
    ]
    ran = subprocess.run(words, cwd=CLONE, env=os.environ | {"MPLBACKEND": "none such"}, capture_output=True, text=True)
    assert ran.returncode == 0 and (tmp_path / "out" / "report.html").exists(), ran.stderr


def test_without_a_compiler_nothing_draws():
    ran = subprocess.run(
        [sys.executable, "-c", "import tasks.water_maze"], cwd=CLONE, env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode == 1 and "InputError: NUMBA_DISABLE_JIT must not be set" in ran.stderr
