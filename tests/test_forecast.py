"""The forecast of memory and disk holds within a fifth."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lsnn.errors import InputError
from lsnn.forecast import HISTORY_BYTES, block_bytes, check_memory
from runs.training.train import CHECKPOINT, NETWORK, Training, fresh_run
from tasks.experiment import preset
from tests.runs.tiny import DALE, FREE, tiny

CLONE = Path(__file__).parents[1]
SMALLER = ("learning.episodes=16",)  # two blocks of the preset


@pytest.mark.parametrize(
    ("settings", "iterations"),
    [(FREE, 5), pytest.param(SMALLER, 5), pytest.param(DALE, 120, marks=pytest.mark.long)],
)
def test_memory_and_disk_are_as_said(tmp_path, settings, iterations):
    words = [word for setting in settings for word in ("--set", setting)]
    command = ["train", "water-maze", "--iterations", str(iterations), "--threads", "1", "--out", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "runs", *command, *words], cwd=CLONE, stdout=subprocess.PIPE, text=True
    )
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    memory, disk = re.search(r"forecast: (\d+) MB of memory, ([\d.]+) MB on disk", output).groups()
    assert float(memory) == pytest.approx(usage.ru_maxrss * 1024 / 1e6, rel=0.2)
    left = sum((tmp_path / name).stat().st_size for name in (CHECKPOINT, NETWORK))
    assert float(disk) == pytest.approx((left - 2 * HISTORY_BYTES * iterations) / 1e6, rel=0.2)


@pytest.mark.parametrize(
    "settings",
    [
        FREE,
        DALE,
        (*FREE, "learning.gradient_checkpointing=true"),
        (*FREE, "network.adaptive_model=adex", "network.n_adaptive=60"),
    ],
)
def test_bytes_of_a_block_are_those_of_its_arrays(tmp_path, settings):
    experiment = tiny(settings)
    run = fresh_run(experiment, 0, "")
    block = Training(run, tmp_path, 1).learner.blocks[0]
    arrays = [*block.record, *block.trace]
    small = experiment.learning.gradient_checkpointing
    expected = block_bytes(experiment, run.network.n_in, run.network.n_out)
    assert sum(array.nbytes for array in arrays) == pytest.approx(expected, rel=0.9 if small else 0.2)


def test_a_network_that_cannot_fit_is_refused_before_it_is_made():
    with pytest.raises(InputError, match=r"must fit into [\d.]+ GB of memory, needs about .* GB"):
        fresh_run(tiny((*FREE, "network.n_excitatory=9000000")), 0, "")
    check_memory(preset("water-maze", "bellec2018"))
