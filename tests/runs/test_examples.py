"""The examples run, with small sizes, and show what they say."""

from pathlib import Path

import numpy as np
import pytest

from lsnn.meta import MetaLearner, new_network
from runs.examples import intervene, read_result, simulate, sweep
from tasks.experiment import overridden, preset
from tests.analysis.make_result import make_result

EXAMPLES = Path(read_result.__file__).parent


def test_a_frozen_network_runs_and_earns(capsys):
    record = simulate.main(episodes=9, duration_ms=300)
    assert record.reward.shape == (9, 300) and record.reward.sum("time").max() > 1
    assert "visits of each animal: [" in capsys.readouterr().out


def test_erased_thresholds_cost_visits():
    visits = intervene.main(at_ms=600, watched_ms=300, episodes=16)
    assert list(visits) == ["nothing", "b erased", "all erased"]
    assert visits["nothing"] > visits["b erased"] and visits["nothing"] > visits["all erased"]


def test_the_task_in_a_file_is_learnt():
    experiment = overridden(preset(str(EXAMPLES / "own_task.py")), ["learning.episodes=32"])
    network = new_network(experiment.task, experiment.network, experiment.learning, 0)
    learner = MetaLearner(experiment.task, network, experiment.learning, 0, threads=1)
    right = [learner.step()["right"] for _ in range(30)]
    assert np.mean(right[:3]) < 0.8 < 0.9 < np.mean(right[-5:])


def test_a_result_is_told_and_drawn(tmp_path, capsys):
    read_result.main(str(make_result(tmp_path / "result.h5")), str(tmp_path / "latency.png"))
    printed = capsys.readouterr().out
    assert "frozen network" in printed and "firing rates (Hz): {'adaptive': " in printed
    assert (tmp_path / "latency.png").read_bytes().startswith(b"\x89PNG")


def test_a_sweep_has_a_row_a_run():
    table = sweep.main(betas=(0.0, 1.7), seeds=(3,), iterations=2, episodes=8)
    assert table["beta"].tolist() == [0.0, 1.7] and table["error"].between(0, 1).all()


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("[!_]*.py")), ids=lambda path: path.stem)
def test_they_are_short_and_on_the_page(script):
    assert len(script.read_text().splitlines()) <= 50
    assert f"runs/examples/{script.name}" in (EXAMPLES.parents[1] / "docs/guide/examples.md").read_text()
