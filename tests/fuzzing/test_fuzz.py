"""Damaged, foreign and hostile files: each ends in a clear error or a correct read, whatever HDF5 makes of it."""

import shutil
import subprocess
import sys
from collections import Counter
from json import loads
from pathlib import Path

import numpy as np
import pytest

from runs.maze import PRETRAINED as MAZE
from runs.study.study import run_study
from tests.files.schema_2 import save_schema_2
from tests.files.small_networks import mutated, whole_checkpoint
from tests.fuzzing import sources as made
from tests.fuzzing.mutations import CONTENTS, declare_huge, lose, mutate, plant
from tests.runs.tiny import DALE, trained

CLONE, PRETRAINED = Path(__file__).parents[2], MAZE.parent
BATCH, SECONDS = 100, 1200
RESEALED = [change for change in CONTENTS if change not in (declare_huge, lose, plant)]


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A checkpoint, one of schema 2, and a result file."""
    folder = tmp_path_factory.mktemp("sources")
    trained(folder, 2, settings=DALE)
    older = whole_checkpoint(folder / "older.lsnn.h5", save=save_schema_2)
    return {"network": folder / "checkpoint.lsnn.h5", "older": older, "result": made.maze(folder / "result.h5")}


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
@pytest.mark.parametrize("count", [50, pytest.param(1000, marks=pytest.mark.long)])
def test_every_mutated_file_is_refused_or_read_correctly(tmp_path, sources, kind, count):
    generator, seen, faults = np.random.default_rng([count, 4]), Counter(), []
    for first in range(0, count, BATCH):
        paths = [tmp_path / f"{number}.h5" for number in range(first, min(first + BATCH, count))]
        done = [mutate(sources[kind], path, generator) for path in paths]
        (untouched, intact), *outcomes = read_all(kind, [sources[kind], *paths])
        assert untouched == "read"
        for path, what, (outcome, detail) in zip(paths, done, outcomes, strict=True):
            seen[outcome] += 1
            another = kind == "result" or "@config now" in what  # contents that no checksum within the file guards
            correct = detail == intact or (another and "sealed again" in what)
            if not {"error": str(path) in detail, "read": correct, "raised": False}[outcome]:
                faults.append(f"{path}, {what}: {outcome}: {detail[:300]}")
    assert faults == []
    assert seen["error"] > 0.5 * count and seen["read"] > 0


@pytest.mark.parametrize("source", ["network", "older"])
@pytest.mark.parametrize("count", [30, pytest.param(1000, marks=pytest.mark.long)])
def test_every_change_of_a_network_that_no_checksum_shows_is_refused_or_read(tmp_path, sources, source, count):
    """What a program might write that knows all checksums: indices, counts, names, lists, shapes, types."""
    generator, paths, done = np.random.default_rng(count), [], []
    for number in range(count):
        paths.append(tmp_path / f"{number}.h5")
        shutil.copy(sources[source], paths[-1])
        change = RESEALED[generator.integers(len(RESEALED))]
        mutated(paths[-1], lambda file, change=change: done.append(change(file, generator)))
    outcomes = read_all("network", paths)
    faults = [
        (path.name, what, *outcome) for path, what, outcome in zip(paths, done, outcomes, strict=True)
        if outcome[0] == "raised" or (outcome[0] == "error" and str(path) not in outcome[1])
    ]  # fmt: skip
    assert faults == []
    assert sum(kind == "error" for kind, _ in outcomes) > 0.5 * count


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Result files of every family as first written, and that of the maze as written now."""
    folder = tmp_path_factory.mktemp("drawn")
    families = (made.maze, made.bandit, made.regression, made.store_recall)
    now = made.tested(folder / "tested.h5", MAZE)
    return [now, *(make(folder / f"{make.__name__}.h5") for make in families)]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """Tests of the networks that come with the clone, and a study."""
    folder = tmp_path_factory.mktemp("shipped")
    families = ("bandit", "regression_sine", "store_recall", "two_step", "harlow", "induction", "angle_recall")
    tested = [made.tested(folder / f"{name}.h5", PRETRAINED / f"{name}.lsnn.h5") for name in families]
    run_study(MAZE, folder / "study.h5", 3, 8, 2, "lsnn study NETWORK --out study.h5")
    return [*tested, folder / "study.h5"]


def attack(command, sources, count, folder):
    """Damage so many copies, half of them under a seal made to fit, and give each to the command."""
    generator, seen, faults = np.random.default_rng([count, 4]), Counter(), []
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        paths = [folder / f"{number}.h5" for number in numbers]
        done = [mutate(sources[number % len(sources)], folder / f"{number}.h5", generator, 0.5) for number in numbers]
        outcomes = read_all(command, [*sources, *paths])
        assert {outcome for outcome, _ in outcomes[: len(sources)]} == {"read"}
        for path, what, (outcome, detail) in zip(paths, done, outcomes[len(sources) :], strict=True):
            seen[outcome, "sealed again" in what] += 1
            if outcome == "raised" or (outcome == "error" and str(path) not in detail):
                faults.append(f"{path}, {what}: {outcome}: {detail[:300]}")
            path.rmdir() if path.is_dir() else path.unlink()
    print(f"{command}: {count} files tried, {len(faults)} faults; (outcome, sealed): {dict(seen)}", *faults, sep="\n")
    assert faults == []
    assert 0.35 * count < sum(number for (_, sealed), number in seen.items() if sealed) < 0.65 * count
    return seen


@pytest.mark.parametrize("command", ["report", "movie", "export"])
@pytest.mark.parametrize("count", [24, pytest.param(1000, marks=pytest.mark.long)])
def test_every_damaged_result_file_ends_a_command_in_a_message_or_well(tmp_path, drawn, command, count):
    seen = attack(command, drawn if command == "report" else drawn[:2], count, tmp_path)
    assert seen["error", True] > 0 and seen["read", True] > 0


@pytest.mark.long
def test_every_damaged_file_of_a_shipped_network_ends_its_report_in_a_message_or_well(tmp_path, shipped):
    assert attack("report", shipped, 400, tmp_path)["error", True] > 0
