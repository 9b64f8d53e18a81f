"""A family from a file of one's own, far from the clone, through the commands: README's example."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from lsnn.files.results import Result
from runs.cli import main
from tasks.experiment import open_network

SOURCE = Path(__file__).parents[1] / "tasks/delayed_match.py"
NETWORK, CHECKPOINT = "match/network.lsnn.h5", "match/checkpoint.lsnn.h5"


def lsnn(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder outside the clone with the file, the network of 40 iterations and its result."""
    folder = tmp_path_factory.mktemp("elsewhere")
    shutil.copy(SOURCE, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        words = ("--iterations", 40, "--threads", 1, "--set", "learning.episodes=32")
        faster = [word for key, value in FASTER.items() for word in ("--set", f"{key}={value}")]
        done = lsnn("train", "delayed_match.py", *words, *faster, "--out", "match")
        assert done.exit_code == 0, done.output
        done = lsnn("test", NETWORK, "--task", "delayed_match.py", "--episodes", 64, "--out", "result.h5")
        assert done.exit_code == 0, done.output
        assert "right answers" in done.output and "frozen network" in done.output
    return folder


FASTER = {"learning.learning_rate": 5e-3, "learning.average_rate": 0.05}


@pytest.fixture
def here(folder, tmp_path, monkeypatch):
    """A copy of it, to spoil, in which the command runs; the file's own path is that of the original."""
    shutil.copytree(folder, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return folder / "delayed_match.py"


def test_it_is_learnt(folder):
    right = open_network(folder / NETWORK, folder / "delayed_match.py")[0].history["right"]
    assert np.mean(right[:3]) < 0.7 < 0.85 < np.mean(right[-5:])


def test_the_files_keep_name_and_hash_of_the_task(folder):
    file, experiment = open_network(folder / NETWORK, folder / "delayed_match.py")
    assert file.config["task"]["file"] == "delayed_match.py" and len(file.config["task"]["sha256"]) == 64
    assert experiment.as_mapping() == json.loads(json.dumps(file.config))
    with h5py.File(folder / "result.h5") as result:
        assert "task_changed" not in result.attrs
        assert {"frozen", "untrained"} <= set(result) and "state_reset" not in result
        trials = result["frozen/trials"]
        assert len(trials) == 64 and trials["right"].mean() > 0.8
        assert json.loads(trials.attrs["units"].decode())["end_ms"] == "ms"


def test_it_is_reported(here):
    done = lsnn("report", "result.h5", "--out", "report")
    assert done.exit_code == 0, done.output
    page = Path("report/report.html").read_text()
    assert "right answers" in page and "frozen network" in page and "data:image/png;base64," in page
    with Result("result.h5") as result:
        assert result.task == "delayed-match"


def test_training_goes_on_with_the_file_alone(here):
    done = lsnn("train", here, "--resume", CHECKPOINT, "--iterations", 41, "--threads", 1)
    assert done.exit_code == 0, done.output
    assert "iteration 41" in done.output


def test_an_error_in_the_file_is_a_line_that_names_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for old, new in (("return np.array([self.duration_ms], float)", "return np.array([self.lost])"),
                     ("@njit\ndef begin(", "def begin(")):  # fmt: skip
        assert old in (text := SOURCE.read_text())
        Path("delayed_match.py").write_text(text.replace(old, new))
        done = lsnn("train", "delayed_match.py", "--iterations", 1, "--out", "match")
        assert done.exit_code == 2 and "Traceback" not in done.stderr
        assert done.stderr.splitlines()[-1].startswith(f"lsnn: {tmp_path / 'delayed_match.py'}")
        assert not Path("match/network.lsnn.h5").exists()


def test_without_the_file_the_network_is_refused(here):
    done = lsnn("test", NETWORK, "--out", "r.h5")
    assert done.exit_code == 2 and not Path("r.h5").exists()
    assert "must be given, --task delayed_match.py" in done.stderr


def test_another_task_is_refused(here):
    text = here.read_text().replace('"delayed-match"', '"other-match"')
    Path("other.py").write_text(text)
    done = lsnn("test", NETWORK, "--task", "other.py", "--out", "r.h5")
    assert done.exit_code == 2 and "must be one of" in done.stderr and "Traceback" not in done.stderr


def test_comments_and_labels_may_change_but_no_dynamics(here):
    text = here.read_text()
    Path("same.py").write_text(text.replace("# the state", "# of an episode").replace('"right answers"', '"right"'))
    done = lsnn("test", NETWORK, "--task", "same.py", "--episodes", 8, "--out", "same.h5")
    assert done.exit_code == 0, done.output
    Path("changed.py").write_text(text.replace("< 0.5", "< 0.4"))
    done = lsnn("test", NETWORK, "--task", "changed.py", "--episodes", 8, "--out", "changed.h5")
    assert done.exit_code == 2 and done.stderr.count("\n") == 1
    assert "must have the dynamics, parameters and encoder" in done.stderr and not Path("changed.h5").exists()
    done = lsnn("test", NETWORK, "--task", "changed.py", "--task-changed", "--episodes", 8, "--out", "changed.h5")
    assert done.exit_code == 0, done.output
    assert "Note: another file of the task than in the network's meta-training" in done.output
    words = ("--set", "task.duration_ms=200", "--condition", "frozen", "--episodes", 8, "--out", "settings.h5")
    assert lsnn("test", NETWORK, "--task", here, *words).exit_code == 0
    with Result("settings.h5") as result:
        (told,) = result.provenance.departures
        assert "task_changed" not in result.file.attrs and told.endswith(": duration_ms 200 (then 300)")
    with h5py.File("same.h5") as same, h5py.File("changed.h5") as changed:
        assert "task_changed" not in same.attrs
        stored = json.loads(same.attrs["config"].decode())["task"]["sha256"]
        assert changed.attrs["task_changed"].decode() == stored


def test_workers_get_the_file_with_the_job(here):
    words = ("--resume", CHECKPOINT, "--iterations", 42)
    assert lsnn("train", here, *words, "--threads", 1, "--out", "alone").exit_code == 0
    done = lsnn("train", here, *words, "--workers", 2, "--out", "workers")
    assert done.exit_code == 0, done.output
    assert "2 workers" in done.output
    alone, workers = (open_network(f"{name}/network.lsnn.h5", here)[0] for name in ("alone", "workers"))
    assert alone.checksum == workers.checksum


ON_WORKERS_ONLY = """
import multiprocessing


def beside(made):
    def make(self, *values, **named):
        made(self, *values, **named)
        if multiprocessing.parent_process() is not None:
            raise ValueError("not here")
    return make


FAMILY.task.__init__ = beside(FAMILY.task.__init__)
"""


def test_an_error_of_the_file_on_a_worker_names_file_and_line(here):
    file = Path("only_there.py")
    file.write_text(here.read_text() + ON_WORKERS_ONLY)
    line = next(number for number, text in enumerate(file.read_text().splitlines(), 1) if "not here" in text)
    done = lsnn("train", file, "--iterations", 1, "--workers", 1, "--out", "out")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(f"lsnn: {file.resolve()}, line {line}: ") and "ValueError: not here" in done.stderr


@pytest.mark.long
def test_a_sweep_runs_it(here):
    Path("sweep.toml").write_text(
        f"task = {str(here)!r}\niterations = 1\nseeds = [0]\nepisodes = 8\n[fixed]\nlearning.episodes = 8\n"
        "[grid]\nnetwork.tau_a_ms = [200.0]\n"
    )
    done = lsnn("sweep", "sweep.toml", "--out", "sweep", "--threads", 1)
    assert done.exit_code == 0, done.output
    assert "1 finished of 1 cells" in done.output and Path("sweep/summary.png").exists()
