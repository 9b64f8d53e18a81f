"""Proof of bounds: what runs compiled code is run with every index checked, numba's own and those of vectors.

numba checks its indexing where NUMBA_BOUNDSCHECK=1 says so, and `lsnn.kernels.simd` checks then as well. Caches are
fresh, so that all of it is compiled with checks. (The checks of `simd` themselves: `test_simd.py`.)
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = {  # all that reaches compiled code, in parts
    "kernels": ("tests/kernels",),
    "blocks": ("tests/test_blocks.py", "tests/test_gym_blocks.py", "tests/test_network.py", "tests/test_wiring.py"),
    "learning": ("tests/learning", "tests/test_meta_learning.py", "tests/test_descended_gradient.py",
                 "tests/test_refine.py"),
    "families": ("tests/tasks",),
    "models": ("tests/equations/test_generated.py", "tests/equations/test_gradients.py", "tests/test_brian.py"),
    "arrays": ("tests/arrays", "tests/simulation"),
    "attacks": ("tests/attacks",),
    "circuits": ("tests/circuits",),
}  # fmt: skip
FORWARD = "lsnn/kernels/forward.py"
PLANTED = {  # file, text and what is put in its place: each reaches beyond an array
    "an index of numba's": (FORWARD, "for i in range(flags.shape[0]):", "for i in range(flags.shape[0] + 1):"),
    "a store of lanes": (FORWARD, "store(pending, late, 0.0)", "store(pending, late + ring * n_neurons, 0.0)"),
    "a load of lanes": (FORWARD, "load(pending, late)", "load(pending, late + ring * n_neurons)"),
    "one number of a row": (FORWARD, "at(readout.bias, o)", "at(readout.bias, o + n_out)"),
}
FEW = "tests/kernels/test_compiled.py::test_forward_equals_the_reference_in_float64"


def checked(root: Path, tests: tuple[str, ...], cache: Path) -> subprocess.CompletedProcess[str]:
    """The tests of a tree in a process in which every index is checked, with nothing compiled before."""
    for name in ("lsnn", "numba"):
        (cache / name).mkdir()
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {
        "NUMBA_BOUNDSCHECK": "1", "LSNN_CACHE": str(cache / "lsnn"), "NUMBA_CACHE_DIR": str(cache / "numba")
    }  # fmt: skip
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:warnings", *tests]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)


@pytest.mark.long
@pytest.mark.parametrize("part", TESTS)
def test_no_index_leaves_its_array(part, tmp_path):
    done = checked(ROOT, TESTS[part], tmp_path)
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.long
@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_index_error_is_seen(planted, tmp_path):
    tree = tmp_path / "tree"
    for folder in ("lsnn", "tasks", "tests"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    name, text, instead = PLANTED[planted]
    source = (tree / name).read_text()
    assert source.count(text) == 1
    (tree / name).write_text(source.replace(text, instead))
    done = checked(tree, (FEW,), tmp_path)
    assert done.returncode == 1 and "IndexError: index is out of bounds" in done.stdout, done.stdout[-4000:]
