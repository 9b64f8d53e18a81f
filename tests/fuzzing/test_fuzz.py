"""Damaged, foreign and hostile files: each ends in a clear error or a correct read, whatever HDF5 makes of it."""

import subprocess
import sys
from collections import Counter
from json import loads
from pathlib import Path

import numpy as np
import pytest

from tests.analysis.make_result import SWIMMERS, make_result
from tests.fuzzing.mutations import mutate
from tests.runs.tiny import DALE, trained

CLONE = Path(__file__).parents[2]
BATCH, SECONDS = 100, 120


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A checkpoint and a result file."""
    folder = tmp_path_factory.mktemp("sources")
    trained(folder, 2, settings=DALE)
    few = {name: SWIMMERS[name] for name in ("frozen", "circling", "oracle")}
    result = make_result(folder / "result.h5", n_episodes=3, duration_ms=200, recorded=2, window_ms=100, swimmers=few)
    return {"network": folder / "checkpoint.lsnn.h5", "result": result}


def read_all(kind, paths):
    """The outcome of each file, read in one process; a crash or a hang names the file that caused it."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.fuzzing.reader", kind], input="".join(f"{path}\n" for path in paths),
        capture_output=True, text=True, cwd=CLONE, timeout=SECONDS,
    )  # fmt: skip
    lines = process.stdout.splitlines()
    culprit = paths[min(len(lines), len(paths) - 1)]
    assert process.returncode == 0 and len(lines) == len(paths), f"{culprit} ended the reader: {process.stderr[-2000:]}"
    return [loads(line) for line in lines]


@pytest.mark.parametrize("kind", ["network", "result"])
@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.long)])
def test_every_mutated_file_is_refused_or_read_correctly(tmp_path, sources, kind, count):
    generator, seen, faults = np.random.default_rng(count), Counter(), []
    for first in range(0, count, BATCH):
        paths = [tmp_path / f"{number}.h5" for number in range(first, min(first + BATCH, count))]
        done = [mutate(sources[kind], path, generator) for path in paths]
        (untouched, intact), *outcomes = read_all(kind, [sources[kind], *paths])
        assert untouched == "read"
        for path, what, (outcome, detail) in zip(paths, done, outcomes, strict=True):
            seen[outcome] += 1
            correct = detail == intact or (kind == "result" and "sealed again" in what)
            if not {"error": str(path) in detail, "read": correct, "raised": False}[outcome]:
                faults.append(f"{path}, {what}: {outcome}: {detail[:300]}")
    assert faults == []
    assert seen["error"] > 0.5 * count and seen["read"] > 0
