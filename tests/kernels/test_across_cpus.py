"""Numbers across processors (docs/reference/numbers.md): compiled for the least of its kind they are the same.

A child process compiles for a generic CPU, without vectors of eight or fused operations, with the C library, NumPy and
OpenBLAS held back likewise. That is the oldest x86-64 there is, on this machine.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
WITHOUT = ("AVX", "AVX2", "FMA", "AVX512F")
TO_THE_BIT = ("draws", "built", "replayed", "mean policy", "sampled policy", "Adam")
NEARLY = {"fit": 1e-12, "training": 1e-6}  # relative to the largest


def numbers(path: Path, **environment: str) -> dict[str, np.ndarray]:
    """What `across_cpus` finds in a process with this environment."""
    command = [sys.executable, "-m", "tests.kernels.across_cpus", str(path)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(path) as found:
        return dict(found)


@pytest.mark.long
@pytest.mark.skipif(platform.machine() != "x86_64" or sys.platform != "linux", reason="of another kind of CPU")
def test_numbers_are_those_of_the_least_cpu_of_its_kind(tmp_path):
    for name in ("lsnn", "numba"):
        (tmp_path / name).mkdir()
    features = ",".join(f"-{name}" for name in WITHOUT)
    own = numbers(tmp_path / "own.npz")
    least = numbers(
        tmp_path / "least.npz", NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="", LSNN_CACHE=str(tmp_path / "lsnn"),
        NUMBA_CACHE_DIR=str(tmp_path / "numba"), GLIBC_TUNABLES=f"glibc.cpu.hwcaps={features}",
        NPY_DISABLE_CPU_FEATURES="AVX2 FMA3 AVX512F AVX512CD AVX512_SKX", OPENBLAS_CORETYPE="Nehalem",
    )  # fmt: skip
    assert not least.pop("machine/fused") and set(own) - set(least) == {"machine/fused"}
    for name, array in least.items():
        part = name.partition("/")[0]
        if part in TO_THE_BIT:
            np.testing.assert_array_equal(own[name], array, err_msg=name)
        else:
            apart = np.abs(own[name].astype(float) - array).max()
            assert apart <= NEARLY[part] * np.abs(array).max(), (name, apart)
    assert sum(name.partition("/")[0] in TO_THE_BIT for name in least) > 20
