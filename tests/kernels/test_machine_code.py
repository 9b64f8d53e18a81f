"""Machine code on disk: loaded where nothing it depends on has changed, else made again, as where it is damaged."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from numba import njit, vectorize

from lsnn.errors import InputError
from lsnn.kernels.machine_code import keep_machine_code

CLONE = Path(__file__).parents[2]
CONSTANTS = "CUE_MS = 50\nTABLE = (1, 50)\n"
HELPERS = """
from numba import njit, prange
import constants
from constants import CUE_MS

@njit(cache=True)
def cached_by_numba(x):
    return x + CUE_MS

@njit("float64(float64)", cache=True)
def compiled_on_import(x):
    return x + CUE_MS

@njit(inline="always")
def inlined(x):
    return x + constants.CUE_MS
"""
TASK = """
from numba import njit
from constants import CUE_MS, TABLE
from helpers import cached_by_numba, compiled_on_import, inlined

@njit
def through_a_constant(x):
    return x + CUE_MS

@njit
def through_a_tuple(x):
    return x + TABLE[1]

@njit
def through_a_cache_of_numba(x):
    return cached_by_numba(x)

@njit
def through_a_signature(x):
    return compiled_on_import(x)

@njit
def through_an_inlined_helper(x):
    return inlined(x)

@njit
def that_raises(x):
    if x < CUE_MS:
        raise ValueError("too small")
    return x
"""
PROGRAM = """
import json, sys
sys.path.insert(0, sys.argv[1])
import task, helpers
from lsnn.kernels.machine_code import keep_machine_code

functions = [getattr(task, name) for name in dir(task) if name.startswith("th")]
if "--used-before" in sys.argv:
    helpers.cached_by_numba(1.0)
keep_machine_code(functions)
found = {}
for function in functions:
    try:
        found[function.__name__] = function(1.0) - 1
    except ValueError as error:
        found[function.__name__] = str(error)
hits = [name for function in functions if function._cache_hits for name in [function.__name__]]
print(json.dumps([found, sorted(hits), helpers.cached_by_numba(1.0) - 1]))
"""


@pytest.fixture
def folder(tmp_path):
    """A task, its helpers and constants as files that are a day old."""
    for name, text in (("constants", CONSTANTS), ("helpers", HELPERS), ("task", TASK)):
        write(tmp_path / f"{name}.py", text)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.write_text(text)
    day_before = time.time() - 86400 + len(text)  # Python's own cache looks at time and size
    os.utime(path, (day_before, day_before))


def run(folder: Path, *options: str, **environment: str) -> tuple[dict, list[str], float]:
    """What the functions add to 1, which of them were loaded, and what a helper adds that Python calls."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), *options], cwd=CLONE, capture_output=True, text=True,
        env={k: v for k, v in os.environ.items() if k != "NUMBA_BOUNDSCHECK"}
        | {"LSNN_CACHE": str(folder / "cache")} | environment,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def added(ms: int) -> dict:
    return {
        "that_raises": "too small", "through_a_constant": ms, "through_a_tuple": ms, "through_a_cache_of_numba": ms,
        "through_a_signature": ms, "through_an_inlined_helper": ms,
    }  # fmt: skip


@pytest.mark.parametrize("option", ["", "--used-before"])
def test_a_constant_of_another_module_changes_and_changes_back(folder, option):
    every = sorted(added(50))
    assert run(folder, option) == [added(50), [], 50]
    assert run(folder, option) == [added(50), every, 50]
    write(folder / "constants.py", CONSTANTS.replace("50", "120"))
    assert run(folder, option) == [added(120), [], 120]
    write(folder / "constants.py", CONSTANTS)
    assert run(folder, option) == [added(50), every, 50]


def test_flags_of_numba_have_entries_of_their_own(folder):
    assert run(folder)[1] == run(folder, NUMBA_BOUNDSCHECK="1")[1] == run(folder, NUMBA_OPT="1")[1] == []
    assert run(folder, NUMBA_BOUNDSCHECK="1")[1] == run(folder)[1] == sorted(added(50))


def test_damaged_entries_are_made_again(folder):
    whole = run(folder)
    entries = sorted((folder / "cache" / "machine_code").iterdir())
    before = [path.stat().st_size for path in entries]
    damages = [b"", b"garbage", entries[0].read_bytes()[:-20], bytes(5000), entries[0].read_bytes() + b"more"]
    for i, path in enumerate(entries):
        path.write_bytes(damages[i % len(damages)])
    assert run(folder) == whole
    assert [path.stat().st_size for path in entries] == pytest.approx(before, rel=0.1)
    assert run(folder)[:2] == [whole[0], sorted(added(50))]


def test_a_whole_entry_that_does_not_load_is_made_again(folder):
    """Such as one whose module is no longer there."""
    whole = run(folder)
    keep = "import sys; from pathlib import Path; from lsnn.kernels.cached import keep; "
    keep += "[keep(path, b'cno_such_module\\nthing\\n.') for path in Path(sys.argv[1]).iterdir()]"
    subprocess.run([sys.executable, "-c", keep, str(folder / "cache" / "machine_code")], cwd=CLONE, check=True)
    assert run(folder) == whole
    assert run(folder)[:2] == [whole[0], sorted(added(50))]


def test_processes_that_start_at_once_share_a_cache(folder):
    command = [sys.executable, "-c", PROGRAM, str(folder)]
    unchecked = {name: value for name, value in os.environ.items() if name != "NUMBA_BOUNDSCHECK"}  # as `run` has it
    environment = unchecked | {"LSNN_CACHE": str(folder / "cache")}
    started = [
        subprocess.Popen(command, cwd=CLONE, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    found = [json.loads(process.communicate()[0]) for process in started]
    assert [answer[0] for answer in found] == [added(50)] * 3
    assert list(folder.rglob("*.partial")) == [] and run(folder)[1] == sorted(added(50))


def test_a_full_disk_costs_no_result(folder):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
    program = PROGRAM.replace("functions =", limit + "functions =", 1)
    ran = subprocess.run(
        [sys.executable, "-c", program, str(folder)], cwd=CLONE, capture_output=True, text=True,
        env=os.environ | {"LSNN_CACHE": str(folder / "cache")},
    )  # fmt: skip
    assert "could not be kept there" in ran.stderr and json.loads(ran.stdout)[0] == added(50)
    assert list((folder / "cache" / "machine_code").iterdir()) == []


def test_a_vectorized_helper_with_a_cache_of_numba_is_refused():
    helper = vectorize(["float64(float64)"], cache=True)(exponent)
    namespace: dict = {"__name__": "task", "njit": njit, "helper": helper}
    exec("@njit\ndef begin(x):\n    return helper(x)", namespace)
    with pytest.raises(InputError, match="exponent must be vectorized without cache=True"):
        keep_machine_code([namespace["begin"]])


def exponent(x):
    return 2.0**x
