"""The `lsnn` command: what it leaves, how it is stopped, and what it says to bad input."""

import os
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path

import h5py
import matplotlib
import numpy as np
import pytest
from typer.testing import CliRunner

from lsnn.errors import StoreError
from lsnn.files.network_file import load_network, save_network
from lsnn.files.results import Result
from runs import maze
from runs.cli import main
from runs.output.command import command_line
from runs.training import train as training
from tasks.experiment import open_network, overridden, preset
from tests.runs.tiny import FREE
from tests.test_neuron_files import TEXT

CLONE = Path(__file__).parents[2]
TINY = [word for setting in FREE for word in ("--set", setting)]


def lsnn(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def tree(folder):
    """Every file below a folder with its contents."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def own(folder, tmp_path):
    """A copy of the finished run, to spoil."""
    return Path(shutil.copytree(folder, tmp_path / "own"))


@pytest.fixture
def result(folder, tmp_path):
    path = tmp_path / "result.h5"
    done = lsnn("test", folder / "network.lsnn.h5", "--episodes", 8, "--seed", 3, "--out", path)
    assert done.exit_code == 0, done.output
    return path


# What the commands do


def test_train_test_report(tmp_path):
    run = tmp_path / "run"
    trained = lsnn("train", "water-maze", "--iterations", 2, "--seed", 4, "--out", run, "--threads", 1, *TINY)
    assert trained.exit_code == 0, trained.output
    assert sorted(path.name for path in run.iterdir()) == ["checkpoint.lsnn.h5", "network.lsnn.h5"]
    assert "compiled code ready" in trained.stdout and "visits" in trained.stdout
    file = load_network(run / "network.lsnn.h5")
    assert file.seed == 4 and len(file.history) == 2
    tested = lsnn("test", run / "network.lsnn.h5", "--episodes", 8, "--condition", "frozen", "--out", run / "r.h5")
    assert tested.exit_code == 0, tested.output
    for word in ("frozen", "oracle", "circling", "One-shot memory", "escape latency, trial 1"):
        assert word in tested.stdout
    with Result(run / "r.h5") as result:
        assert "state_reset" not in result.conditions and result.conditions["frozen"].n_episodes == 8
    reported = lsnn("report", run / "r.h5", "--out", tmp_path / "report")
    assert reported.exit_code == 0, reported.output
    assert (tmp_path / "report" / "report.html").stat().st_size > 10_000


def test_a_network_is_tested_in_another_task_than_its_own(folder, tmp_path):
    settings = ["--set", "task.duration_ms=120", "--set", "task.platform_radius=0.6"]
    words = ["--condition", "frozen", "--episodes", 8, *settings, "--out", tmp_path / "r.h5"]
    tested = lsnn("test", folder / "network.lsnn.h5", *words)
    assert tested.exit_code == 0, tested.output
    with Result(tmp_path / "r.h5") as result:
        task = result.provenance.config["task"]
        assert (task["duration_ms"], task["platform_radius"]) == (120, 0.6)
        assert result.conditions["frozen"].trials["end_ms"].max() == 120
        (told,) = result.provenance.departures
        assert told == "another task than that of the network's meta-training: duration_ms 120 (then 200)"
        assert f"note      {told}" in repr(result)
    assert f"Note: {told}." in tested.output
    assert lsnn("report", tmp_path / "r.h5", "--out", tmp_path / "page").exit_code == 0
    assert f"<b>Note: {told}.</b>" in unescape((tmp_path / "page" / "report.html").read_text())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--set", "network.beta=0"), "--set must be section.key=value with a section of task, got 'network.beta=0'"),
        (("--set", "task.duration_ms=-1"), "duration_ms"),
        (("--set", "task.encoder.reward_cells=1"), "must have input cells"),
        (("--set", "task.no_such=1"), "no_such"),
        (
            ("--set", "task.name=bandit"),
            "--set task.name: the task is one of its family; its settings alone may change",
        ),
        (("--set", "task.sha256=0"), "--set task.sha256: the task is one of its family"),
        (("--set", "task.duration_ms=100", "--beside", "agent.h5"), "--set and --beside exclude each other"),
    ],
)
def test_a_task_that_does_not_fit_is_refused(folder, tmp_path, words, message):
    tested = lsnn("test", folder / "network.lsnn.h5", *words, "--out", tmp_path / "r.h5")
    assert tested.exit_code == 2 and message in tested.output and "Traceback" not in tested.output
    assert not (tmp_path / "r.h5").exists()


def test_train_with_a_model_of_ones_own(tmp_path):
    (tmp_path / "leaky.toml").write_text(TEXT)
    run = tmp_path / "run"
    words = ("--iterations", 1, "--out", run, "--threads", 1, "--neuron", tmp_path / "leaky.toml", *TINY)
    trained = lsnn("train", "water-maze", *words)
    assert trained.exit_code == 0, trained.output
    (tmp_path / "leaky.toml").unlink()  # the network file has all of it
    file = load_network(run / "network.lsnn.h5")
    assert file.network.config.models[1].threshold == "v > -50*mV"
    tested = lsnn("brian", run / "network.lsnn.h5", "--episodes", 8, "--out", run / "brian.h5")
    assert tested.exit_code == 0 and "differing spikes: 0 of" in tested.stdout


def test_a_model_that_leaves_its_range_ends_the_run_by_name(tmp_path):
    """Below -72 mV its potential falls for ever: however short, a run that never could take a step has failed."""
    falling = TEXT.replace("(E_L - v + R*I)", "(E_L - v + R*I - (v - E_L)**2/(2*mV))").replace("exact", "euler")
    (tmp_path / "falling.toml").write_text(falling.replace("leaky", "falling"))
    run = tmp_path / "run"
    words = ("--iterations", 2, "--out", run, "--threads", 1, "--neuron", tmp_path / "falling.toml", *TINY)
    done = lsnn("train", "water-maze", *words)
    assert done.exit_code == 3, done.output
    assert "lsnn: meta-training cannot begin, in none of its first 2 iterations could a step be taken" in done.stderr
    assert "not finite: v of the adaptive neurons (of neuron " in done.stderr
    assert [path.name for path in run.iterdir()] == ["checkpoint.lsnn.h5"]
    assert load_network(run / "checkpoint.lsnn.h5").learner_state.iteration == 0


def test_show_kernel_prints_forward_step_and_adjoint(tmp_path):
    shown = lsnn("show-kernel", "izhikevich")
    assert shown.exit_code == 0
    for word in ("dv/dt = 0.04*v**2/(ms*mV)", "def update_izhikevich(", "def adjoint_of_izhikevich("):
        assert word in shown.stdout


def test_resume_goes_on_in_the_folder_of_the_checkpoint(own):
    done = lsnn("train", "water-maze", "--iterations", 3, "--resume", own / "checkpoint.lsnn.h5")
    assert done.exit_code == 0, done.output
    assert len(load_network(own / "network.lsnn.h5").history) == 3


def test_a_budget_that_is_spent_is_said(own):
    done = lsnn("train", "water-maze", "--iterations", 1, "--resume", own / "checkpoint.lsnn.h5")
    assert done.exit_code == 0 and "--iterations 1 had been spent already: no further iteration" in done.stdout
    assert len(load_network(own / "network.lsnn.h5").history) == 2


def test_overwrite_starts_anew(own):
    done = lsnn("train", "water-maze", "--iterations", 1, "--out", own, "--overwrite", *TINY)
    assert done.exit_code == 0, done.output
    assert len(load_network(own / "network.lsnn.h5").history) == 1


def test_without_out_a_new_folder_is_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("water-maze-seed0", "water-maze-seed0-2"):
        done = lsnn("train", "water-maze", "--iterations", 1, *TINY)
        assert done.exit_code == 0, done.output
        assert (tmp_path / "results" / name / "network.lsnn.h5").is_file()


def test_main_job(tmp_path):
    words = ("--preset", "bellec2018", "--iterations", 2, "--episodes", 8, "--threads", 1, *TINY)
    done = lsnn("maze", *words, "--seed", 2, "--out", tmp_path / "maze")
    assert done.exit_code == 0, done.output
    file, experiment = open_network(tmp_path / "maze" / "network.lsnn.h5")
    assert (file.seed, len(file.history)) == (2, 2)
    assert experiment == overridden(preset("water-maze", "bellec2018"), FREE)
    with Result(tmp_path / "maze" / "result.h5") as result:
        assert result.conditions["frozen"].n_episodes == 8
    names = {path.name for path in (tmp_path / "maze").iterdir()}
    assert {"network.lsnn.h5", "checkpoint.lsnn.h5", "result.h5", "report.html", "comparison.png"} <= names
    assert "state_reset" in done.stdout and "report.html" in done.stdout


def test_main_job_with_the_network_of_the_clone(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(maze, "PRETRAINED", folder / "network.lsnn.h5")
    done = lsnn("maze", "--pretrained", "--episodes", 8, "--out", tmp_path / "maze")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "maze" / "report.html").is_file()
    assert not (tmp_path / "maze" / "network.lsnn.h5").exists()


def test_test_leaves_the_network_file_alone(folder, result):
    before = tree(folder)
    assert lsnn("test", folder / "network.lsnn.h5", "--episodes", 4, "--out", result, "--overwrite").exit_code == 0
    assert tree(folder) == before


def test_help_is_quick():
    timed = "import time; s = time.perf_counter(); import runs.cli; print(time.perf_counter() - s)"
    times = [float(subprocess.check_output([sys.executable, "-c", timed], cwd=CLONE)) for _ in range(2)]
    assert min(times) < 1.0
    loaded = "import sys, runs.cli; print([name for name in ('numpy', 'numba', 'matplotlib') if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", loaded], cwd=CLONE, text=True).strip() == "[]"


# Bad input: a message on stderr, exit code 2, nothing compiled, nothing changed


@pytest.fixture
def nothing_compiles(monkeypatch):
    def compiled(*arguments):
        raise AssertionError("compiled before the input was checked")

    monkeypatch.setattr("runs.training.train.load_compiled", compiled)
    monkeypatch.setattr("runs.testing.run.load_compiled", compiled)


def refused(arguments, *words, within):
    before = tree(within)
    done = lsnn(*arguments)
    assert done.exit_code == 2, done.output
    assert done.stderr.startswith("lsnn: ") and "Traceback" not in done.stderr and done.stdout == ""
    for word in words:
        assert str(word) in done.stderr
    assert tree(within) == before


TRAIN = ("train", "water-maze")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "sudoku"), ("task must be one of angle-recall, ", "'sudoku'")),
        ((*TRAIN, "--preset", "huge"), ("--preset must be one of compact, bellec2018", "'huge'")),
        ((*TRAIN, "--set", "network.foo=1"), ("network has no key 'foo'", "known: adaptive_model")),
        ((*TRAIN, "--set", "network.tau_a_ms=-3"), ("network.tau_a_ms must be > dt_ms", "-3")),
        ((*TRAIN, "--set", "network.tau_out_ms=0.2"), ("network.tau_out_ms must be > dt_ms", "0.2")),
        ((*TRAIN, "--set", "network.dt_ms=40"), ("must be > dt_ms = 40",)),
        ((*TRAIN, "--set", "task.platform_radius=-1"), ("platform_radius", "-1")),
        ((*TRAIN, "--set", "nonsense"), ("section.key=value", "'nonsense'")),
        ((*TRAIN, "--minutes", "1", "--iterations", "3"), ("exclude each other",)),
        ((*TRAIN, "--set", "task.encoder.kind=FlagCells"), ("task.encoder must have the key 'flags', has none",)),
        ((*TRAIN, "--scheduler", "tcp://x", "--threads", "2"), ("--threads has no meaning with --scheduler", "2")),
        ((*TRAIN, "--minutes", "0"), ("--minutes must be > 0, got 0",)),
        ((*TRAIN, "--iterations", "-2"), ("--iterations must be >= 1, got -2",)),
        ((*TRAIN, "--seed", "-1"), ("--seed", "-1")),
        ((*TRAIN, "--threads", "0"), ("--threads must be >= 1, got 0",)),
        ((*TRAIN, "--workers", "100000"), ("--workers must lie in 1..256, got 100000",)),
        ((*TRAIN, "--preset", ""), ("--preset must be one of compact, bellec2018", "got ''")),
        ((*TRAIN, "--neuron", "hodgkin"), ("no neuron model or file 'hodgkin'", "known models: lif, alif")),
        (("maze", "--pretrained", "--minutes", "3"), ("--minutes: no meaning with --pretrained",)),
        (
            ("maze", "--pretrained", "--preset", "compact", "--iterations", "3", "--set", "network.beta=1"),
            ("--preset, --iterations, --set: no meaning with --pretrained",),
        ),
        (("maze", "--preset", "huge"), ("--preset must be one of compact, bellec2018", "'huge'")),
        (("maze", "--preset", ""), ("--preset must be one of compact, bellec2018", "got ''")),
        (("maze", "--set", "network.foo=1"), ("network has no key 'foo'",)),
        (("maze", "--minutes", "1", "--iterations", "3"), ("exclude each other",)),
        (("maze", "--iterations", "0"), ("--iterations must be >= 1, got 0",)),
        (("maze", "--episodes", "0"), ("--episodes must be >= 1, got 0",)),
        (("maze", "--seed", "-4"), ("--seed", "-4")),
    ],
)
def test_bad_arguments(tmp_path, nothing_compiles, arguments, words):
    refused([*arguments, "--out", tmp_path / "out"], *words, within=tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_model_that_breaks_a_rule(tmp_path, nothing_compiles):
    (tmp_path / "leaky.toml").write_text(TEXT.replace("(E_L - v + R*I)", "(E_L - v + I)"))
    words = ("'leaky', equations, 'dv/dt = (E_L - v + I)/tau_m : volt': units do not match",)
    refused([*TRAIN, "--neuron", tmp_path / "leaky.toml", "--out", tmp_path / "out"], *words, within=tmp_path)
    refused(["show-kernel", tmp_path / "leaky.toml"], *words, within=tmp_path)


def test_names_that_no_file_can_have(own, tmp_path, nothing_compiles):
    for arguments in (["test", own / training.NETWORK], TRAIN):
        refused([*arguments, "--out", tmp_path / ("x" * 300)], "must be", "File name too long", within=tmp_path)


def test_a_command_that_is_no_unicode_can_be_kept(monkeypatch):
    monkeypatch.setattr("sys.argv", ["lsnn", "train", "--out", "d\udce9"])
    assert command_line().encode() == rb"lsnn train --out 'd\udce9'"


def test_a_film_is_not_written_over(result, tmp_path, monkeypatch):
    """Whichever ffmpeg it is that makes it an MP4."""
    is_it = classmethod(lambda cls: matplotlib.rcParams["animation.ffmpeg_path"] == "/a/package/ffmpeg")
    monkeypatch.setattr("analysis.movie.FFMpegWriter.isAvailable", is_it)
    monkeypatch.setattr("analysis.movie.ffmpeg", lambda: "/a/package/ffmpeg")
    (tmp_path / "film.mp4").write_text("precious")
    refused(["movie", result, "--out", tmp_path / "film"], "film.mp4: must not exist yet", within=tmp_path)


def test_an_unknown_option_is_a_usage_error():
    done = lsnn("train", "water-maze", "--minuets", 3)
    assert done.exit_code == 2 and "--minuets" in done.stderr


def test_a_finished_run_is_not_written_over(own, nothing_compiles):
    refused([*TRAIN, "--out", own], own, "must not hold a run already", within=own)
    refused(["maze", "--out", own], own, "must not hold a run already", within=own)


def test_a_resumed_run_does_not_write_over_another(own, folder, nothing_compiles):
    refused([*TRAIN, "--resume", folder / "checkpoint.lsnn.h5", "--out", own], "must not hold a run", within=own)


def test_going_on_from_a_copy_of_a_checkpoint_writes_over_nothing(own, nothing_compiles):
    copy = Path(shutil.copy(own / "checkpoint.lsnn.h5", own / "at_two.lsnn.h5"))
    refused([*TRAIN, "--resume", copy], "must not hold a run already", within=own)


def test_a_changed_experiment_does_not_write_over_its_checkpoint(own, nothing_compiles):
    words = [*TRAIN, "--resume", own / "checkpoint.lsnn.h5", "--set", "learning.learning_rate=0.001"]
    refused(words, "must not hold a run already", within=own)


def test_a_report_writes_over_no_figure(result, tmp_path):
    folder = tmp_path / "figures"
    folder.mkdir()
    (folder / "comparison.png").write_bytes(b"mine")
    refused(["report", result, "--out", folder], folder, "must not hold comparison.png", within=folder)
    assert lsnn("report", result, "--out", folder, "--overwrite").exit_code == 0
    assert (folder / "comparison.png").read_bytes() != b"mine"


def test_out_must_be_a_folder(own, nothing_compiles):
    place = own / "network.lsnn.h5"
    refused([*TRAIN, "--out", place], place, "must be a folder", within=own)
    refused([*TRAIN, "--out", place / "below"], place, "must be a folder", within=own)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_out_must_be_writable(tmp_path, nothing_compiles):
    tmp_path.chmod(0o500)
    refused([*TRAIN, "--out", tmp_path], tmp_path, "must be writable", within=tmp_path)


def truncated(own):
    path = own / "network.lsnn.h5"
    path.write_bytes(path.read_bytes()[:-200])
    return path


def foreign(own):
    path = own / "foreign.h5"
    with h5py.File(path, "w") as file:
        file["weights"] = np.zeros(3)
    return path


def text(own):
    path = own / "notes.txt"
    path.write_text("weights: none\n")
    return path


def empty(own):
    path = own / "empty.h5"
    path.touch()
    return path


def missing(own):
    return own / "missing.lsnn.h5"


def folder_itself(own):
    return own


def changed_network(own, change):
    """The network with a change, sealed and summed again, whether or not it can be read."""
    path = own / "network.lsnn.h5"
    file = load_network(path)
    change(file)
    with pytest.MonkeyPatch.context() as unchecked:
        unchecked.setattr("lsnn.files.network_file.require_readable", lambda path, file: None)
        save_network(path, file.network, file.config, file.seed, file.command, file.history, file.learner_state)
    return path


def not_a_number(own):
    return changed_network(own, lambda file: file.network.readout.__setitem__((0, 0), np.nan))


def of_another_task(own):
    return changed_network(own, lambda file: file.config["task"].update(name="sudoku"))


def with_an_unknown_key(own):
    return changed_network(own, lambda file: file.config["learning"].update(patience=3))


def with_another_encoder(own):
    return changed_network(own, lambda file: file.config["task"]["encoder"].update(reward_cells=3))


def with_another_readout(own):
    return changed_network(own, lambda file: file.config["learning"].update(policy_std="readout"))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (missing, ("must be an LSNN file, got no such file",)),
        (folder_itself, ("must be an LSNN file, got a folder",)),
        (text, ("must be an LSNN file", "weights: none")),
        (empty, ("got an empty file",)),
        (foreign, ("must be an LSNN file", "HDF5 file without its seal")),
        (truncated, ("is damaged, truncated",)),
        (not_a_number, ("readout/weight: must be finite, got nan",)),
        (of_another_task, ("task must be one of angle-recall", "'sudoku'")),
        (with_an_unknown_key, ("learning has no key 'patience'",)),
        (with_another_encoder, ("must have input cells",)),
        (with_another_readout, ("must have readouts",)),
    ],
)
def test_bad_network_file(own, nothing_compiles, spoil, words):
    path = spoil(own)
    refused(["test", path, "--out", own / "result.h5"], path, *words, within=own)
    refused([*TRAIN, "--resume", path], path, *words, within=own)


def test_a_network_is_no_checkpoint(own, nothing_compiles):
    path = own / "network.lsnn.h5"
    refused([*TRAIN, "--resume", path], path, "must be a checkpoint", within=own)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--episodes", "0"), ("--episodes must be >= 1, got 0",)),
        (("--condition", "thawed"), ("--condition must be one of frozen", "'thawed'")),
        (("--spikes", "some"), ("--record must be 'all' or a number", "'some'")),
        (("--seed", "-1"), ("--seed", "-1")),
    ],
)
def test_bad_test_arguments(own, nothing_compiles, arguments, words):
    refused(["test", own / "network.lsnn.h5", *arguments, "--out", own / "r.h5"], *words, within=own)


def test_a_result_is_neither_a_network_nor_written_over(folder, result, nothing_compiles):
    refused(["test", result, "--out", result.with_name("n.h5")], "must be a network file", within=result.parent)
    network = folder / "network.lsnn.h5"
    refused(["test", network, "--out", result], result, "must not exist yet", within=result.parent)


def test_report_of_something_else(own):
    refused(["report", own / "network.lsnn.h5", "--out", own / "report"], "must be a result file", within=own)
    refused(["report", own / "missing.h5", "--out", own / "report"], "no such file", within=own)
    assert not (own / "report").exists()


def test_a_report_is_not_written_over(own, result):
    (own / "report.html").touch()
    refused(["report", result, "--out", own], "has report.html", within=own)


def test_the_network_of_the_clone_may_be_missing(tmp_path, monkeypatch, nothing_compiles):
    monkeypatch.setattr(maze, "PRETRAINED", tmp_path / "none.lsnn.h5")
    refused(["maze", "--pretrained", "--out", tmp_path / "out"], tmp_path / "none.lsnn.h5", within=tmp_path)


def test_a_disk_that_fills_is_said(own, monkeypatch):
    def full(path, *arguments):
        raise StoreError(path, "No space left on device")

    monkeypatch.setattr(training, "save_network", full)
    before = tree(own)
    done = lsnn(*TRAIN, "--iterations", 3, "--resume", own / "checkpoint.lsnn.h5")
    assert done.exit_code == 3 and "checkpoint.lsnn.h5: cannot be written: No space left" in done.stderr
    assert tree(own) == before
