"""`lsnn train --agent` and `lsnn test --beside`: one result file, the same episodes, a page of it."""

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

pytest.importorskip("equinox")
pytest.importorskip("optax")

from typer.testing import CliRunner

import lsnn
from agents.files import load_agent
from analysis.report import write_report
from runs.cli import main
from runs.training.agents import AGENT
from runs.training.train import CHECKPOINT
from tests.runs.tiny import trained

CLONE = Path(__file__).parents[2]
SHORT = ["--set", "task.duration_ms=200", "--set", "task.platform_radius=0.6", "--set", "learning.episodes=8"]
TRAIN = ["train", "water-maze", "--agent", "gru", "--seed", "3", *SHORT, "--set", "agent.units=6"]


def command(*arguments):
    found = CliRunner().invoke(main, [str(each) for each in arguments])
    return found.exit_code, found.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A spiking network, an agent of two iterations, and both tested on 16 episodes."""
    at = tmp_path_factory.mktemp("agents")
    trained(at / "network")
    assert command(*TRAIN, "--iterations", 2, "--out", at / "gru")[0] == 0
    network, agent = at / "network" / "network.lsnn.h5", at / "gru" / AGENT
    code, told = command(
        "test", network, "--out", at / "result.h5", "--episodes", 16, "--threads", 1, "--condition", "frozen",
        "--beside", agent, "--beside", agent,
    )  # fmt: skip
    assert code == 0, told
    return at


def test_a_run_that_is_taken_up_ends_with_the_bits_of_an_unbroken_one(folder, tmp_path):
    code, told = command(*TRAIN, "--iterations", 1, "--out", tmp_path)
    assert code == 0, told
    code, told = command(*TRAIN[:4], "--iterations", 2, "--resume", tmp_path / CHECKPOINT)
    assert code == 0, told
    one, other = (load_agent(at / AGENT) for at in (folder / "gru", tmp_path))
    assert one.checksum == other.checksum and len(other.history) == 2
    for name in set(one.history.dtype.names) - {"minutes", "core_minutes"}:
        np.testing.assert_array_equal(one.history[name], other.history[name])
    assert np.all(np.diff(other.history["core_minutes"]) >= 0)


def test_agents_are_conditions_of_the_networks_result_on_the_same_episodes(folder):
    with lsnn.open_result(folder / "result.h5") as result:
        roles = {name: (each.role, each.label) for name, each in result.conditions.items()}
        assert roles["gru"] == ("agent", "GRU, seed 3") and roles["gru_2"][0] == "agent"
        assert roles["oracle_held"] == ("oracle", "oracle, held 8 ms")
        for name in ("gru", "gru_2", "memory_held", "oracle_held", "oracle"):
            np.testing.assert_array_equal(result[name].episode_key, result["frozen"].episode_key)
            np.testing.assert_array_equal(result[name].latent, result["frozen"].latent)
        assert result["gru"].trials.equals(result["gru_2"].trials)
        assert result["gru"].position.shape[1:] == result["frozen"].position.shape[1:]
        facts = dict(result["gru"].group.attrs)
    assert (facts["decision_ms"], facts["agent_seed"], facts["iterations"], facts["state_size"]) == (8, 3, 2, 6)
    assert facts["agent_sha256"].decode() == load_agent(folder / "gru" / AGENT).checksum


def test_the_page_shows_them(folder, tmp_path):
    html = write_report(folder / "result.h5", tmp_path).read_text()
    assert "GRU, seed 3" in html and "oracle, held 8 ms" in html


def test_a_network_tested_alone_is_the_same(folder, tmp_path):
    network = folder / "network" / "network.lsnn.h5"
    options = ["--episodes", 16, "--threads", 1, "--condition", "frozen"]
    assert command("test", network, "--out", tmp_path / "alone.h5", *options)[0] == 0
    with h5py.File(tmp_path / "alone.h5") as alone, h5py.File(folder / "result.h5") as beside:
        np.testing.assert_array_equal(alone["frozen/trials"], beside["frozen/trials"])
        named = [name for name, _, _ in json.loads(alone.attrs["conditions"])]
        assert not {"gru", "oracle_held"} & set(named)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--agent", "mlp"], "--agent must be one of gru, lstm, rate, transformer"),
        (["--agent", "gru", "--workers", "2"], "--workers: no meaning with --agent"),
        (["--agent", "gru", "--set", "network.beta=0"], "a section of task, agent, learning"),
        (["--agent", "transformer", "--set", "agent.units=5"], "agent.units must be a multiple of 2"),
    ],
)
def test_what_cannot_be_trained_is_refused(arguments, message, tmp_path):
    code, told = command("train", "bandit", *arguments, "--iterations", 1, "--out", tmp_path / "new")
    assert code == 2 and message in " ".join(told.split())


def test_other_files_and_tasks_are_refused(folder, tmp_path):
    network, agent = folder / "network" / "network.lsnn.h5", folder / "gru" / AGENT
    for given, message in ((network, "must be a agent file"), (agent, "with platform_radius 0.3, got 0.6")):
        taken = CLONE / "runs" / "pretrained" / "water_maze.lsnn.h5"
        code, told = command("test", taken, "--out", tmp_path / "no.h5", "--beside", given)
        assert code == 2 and message in " ".join(told.split()), told
    code, told = command("train", "water-maze", "--agent", "lstm", "--resume", folder / "gru" / CHECKPOINT)
    assert code == 2 and "must be of --agent lstm, got gru" in " ".join(told.split())
    code, told = command("train", "water-maze", "--agent", "gru", "--resume", agent)
    assert code == 2 and "must be a checkpoint" in " ".join(told.split())


def test_without_the_libraries_the_extra_is_named(tmp_path):
    script = "import sys; sys.modules['equinox'] = None; from runs.cli import main; main()"
    call = [sys.executable, "-c", script, "train", "bandit", "--agent", "gru", "--out", str(tmp_path)]
    done = subprocess.run(call, cwd=CLONE, capture_output=True, text=True)
    assert done.returncode == 2 and "pip install -e .[agents]" in " ".join(done.stderr.split())
