"""Runs that are ended from outside, at any moment and in any way, go on to the bits of the unbroken run."""

import os
import pty
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from lsnn.errors import InputError
from lsnn.files.folders import alone_in
from lsnn.files.network_file import load_network
from lsnn.interruption import interruption
from runs.training.train import CHECKPOINT, NETWORK, Budget, Training, fresh_run, resumed_run, train
from tasks.water_maze import WaterMaze
from tests.runs.tiny import DALE, assert_same_run, tiny, trained

CLONE = Path(__file__).parents[2]
ITERATIONS, EVERY = 50, 3
SETTINGS = [word for setting in DALE for word in ("--set", setting)]
RUN = ("-m", "runs")
FORBIDDEN = Path("/sys/kernel")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with the unbroken run."""
    made = tmp_path_factory.mktemp("whole")
    trained(made, ITERATIONS, settings=DALE)
    return made


def start(folder, program=RUN, iterations=ITERATIONS, **options):
    """What a user types: go on if there is a checkpoint, else begin."""
    words = ["train", "water-maze", "--iterations", str(iterations), "--checkpoint-every", str(EVERY), "--threads", "1"]
    begun = (folder / CHECKPOINT).exists()
    words += ["--resume", str(folder / CHECKPOINT)] if begun else [*SETTINGS, "--out", str(folder)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, *program, *words], cwd=CLONE, **pipes, **options)


def end_of(process):
    """Exit code and what went to stderr."""
    _, errors = process.communicate(timeout=300)
    return process.returncode, errors


def wait_for(process, beginning):
    for line in process.stdout:
        if line.startswith(beginning):
            return
    raise AssertionError(process.stderr.read())


def done(folder):
    """Iterations that the checkpoint holds."""
    return load_network(folder / CHECKPOINT).learner_state.iteration if (folder / CHECKPOINT).exists() else 0


def goes_on_to_the_bits_of(whole, folder, iterations=ITERATIONS):
    run = resumed_run(folder / CHECKPOINT, "water-maze", None, None, (), "lsnn train --resume")
    train(run, Budget(iterations=iterations), folder, 1)
    assert_same_run(whole, folder)
    assert {path.name for path in folder.iterdir()} == {CHECKPOINT, NETWORK}


def wait_for_checkpoints(process, folder, count):
    """Until the file has been replaced so many times."""

    def stamp():
        return (folder / CHECKPOINT).stat().st_mtime_ns if (folder / CHECKPOINT).exists() else None

    for _ in range(count):
        before = stamp()
        while stamp() == before and process.poll() is None:
            time.sleep(0.0005)


def kill_at_random(process, folder, generator):
    """One kill in five while the program loads, the others while it iterates and writes."""
    if generator.random() < 0.2:
        time.sleep(generator.uniform(0, 1.5))
    else:
        wait_for_checkpoints(process, folder, generator.integers(1, 5))
        time.sleep(generator.uniform(0, 0.03))
    assert process.poll() is None, f"the run came to its end before the kill: {process.communicate()}"
    process.kill()
    process.communicate()


@pytest.mark.parametrize(("kills", "iterations"), [(3, ITERATIONS), pytest.param(50, 900, marks=pytest.mark.long)])
def test_killed_at_random_moments(tmp_path, whole, kills, iterations):
    if iterations != ITERATIONS:
        whole = tmp_path / "whole"
        trained(whole, iterations, settings=DALE)
    generator, folder, seen = np.random.default_rng(kills), tmp_path / "killed", []
    for _ in range(kills):
        kill_at_random(start(folder, iterations=iterations), folder, generator)
        seen.append(done(folder))
    assert seen == sorted(seen) and 0 < seen[-1] < iterations
    goes_on_to_the_bits_of(whole, folder, iterations)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stopped_by_a_signal(tmp_path, whole, number):
    process = start(tmp_path)
    wait_for(process, "iteration")
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (128 + number, "")
    assert f"stopped by {number.name}" in output and "lsnn train water-maze --iterations" in output
    assert 0 < done(tmp_path) == len(load_network(tmp_path / NETWORK).history) < ITERATIONS
    goes_on_to_the_bits_of(whole, tmp_path)


def await_idle(process, seconds=0.5):
    """Until the process has done nothing for some time."""
    before = None
    while before != (now := process.cpu_times()[:2]):
        before = now
        time.sleep(seconds)


@pytest.mark.long
def test_one_ctrl_c_ends_a_run_with_workers_even_if_one_of_them_is_stopped(tmp_path, whole):
    """Ctrl-C reaches all processes of the terminal's foreground."""
    psutil = pytest.importorskip("psutil")
    program = "from lsnn.workers import process_crew; from runs.cli import main; process_crew.SILENT_S = 3; main()"
    words = ["train", "water-maze", "--iterations", str(ITERATIONS), "--workers", "2", "--out", str(tmp_path)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    process = subprocess.Popen([sys.executable, "-c", program, *words, *SETTINGS], cwd=CLONE, **options)
    wait_for(process, "iteration")
    workers = [child for child in psutil.Process(process.pid).children() if "spawn_main" in " ".join(child.cmdline())]
    assert len(workers) == 2
    workers[0].suspend()
    await_idle(psutil.Process(process.pid))  # it waits for the stopped one
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (128 + signal.SIGINT, "")
    assert f"was lost: no sign of life of process {workers[0].pid} for 3 s, so it was killed" in output
    assert "stopped by SIGINT" in output
    assert not any(worker.is_running() for worker in workers)
    goes_on_to_the_bits_of(whole, tmp_path)


def test_a_closed_terminal_leaves_a_checkpoint_and_a_network(tmp_path):
    """The bar is drawn on a terminal that is gone when the signal comes."""
    terminal, slave = pty.openpty()
    words = ["train", "water-maze", "--iterations", "5000", "--checkpoint-every", "5000", "--threads", "1"]
    command = [sys.executable, *RUN, *words, *SETTINGS, "--out", str(tmp_path)]
    process = subprocess.Popen(command, cwd=CLONE, stdout=slave, stderr=subprocess.PIPE, text=True)
    os.close(slave)
    seen = b""
    while b"iteration " not in seen:
        seen += os.read(terminal, 4096)
    os.close(terminal)
    process.send_signal(signal.SIGHUP)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGHUP, errors
    assert 0 < done(tmp_path) == len(load_network(tmp_path / NETWORK).history) < 5000


def test_two_runs_do_not_share_a_folder(tmp_path):
    with alone_in(tmp_path):
        with pytest.raises(InputError, match="another run is at work there"), alone_in(tmp_path):
            pass
        with pytest.raises(InputError, match="another run is at work there"):
            trained(tmp_path, 1)
        assert list(tmp_path.iterdir()) == []
    with alone_in(tmp_path):  # the lock has ended with the block
        pass


def test_nohup_is_heeded(monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruption() as interrupted:
            signal.raise_signal(signal.SIGHUP)
            assert interrupted.signal is None
    finally:
        signal.signal(signal.SIGHUP, before)


def fail_after(iterations):
    """Make the maze raise in the middle of an iteration."""
    measure, calls = WaterMaze.metrics, []

    def metrics(self, reward, acted):
        calls.append(None)
        if len(calls) > iterations:
            raise ZeroDivisionError("an error in the task")
        return measure(self, reward, acted)

    WaterMaze.metrics = metrics  # type: ignore[method-assign]


def test_an_exception_in_the_task(tmp_path, whole):
    program = "from tests.runs.test_survival import fail_after; from runs.cli import main; fail_after(8); main()"
    code, errors = end_of(start(tmp_path, ("-c", program)))
    assert code == 1 and "an error in the task" in errors
    assert done(tmp_path) == 6
    goes_on_to_the_bits_of(whole, tmp_path)


def test_a_full_disk(tmp_path, whole):
    """The first checkpoint has no moments of Adam yet, so the second is larger; between them lies the limit."""
    run = fresh_run(tiny(DALE), 0, "lsnn train")
    limit = Training(run, tmp_path, 1).checkpoint().stat().st_size + 500

    def full():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    code, errors = end_of(start(tmp_path, preexec_fn=full))
    assert code == 3 and "Traceback" not in errors
    assert errors.startswith(f"lsnn: {tmp_path / CHECKPOINT}: cannot be written: File too large")
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]
    assert done(tmp_path) == 0
    goes_on_to_the_bits_of(whole, tmp_path)


def test_a_folder_that_vanishes(tmp_path):
    folder = tmp_path / "run"
    process = start(folder, iterations=10**6)
    wait_for(process, "compiled code ready")
    folder.rename(tmp_path / "elsewhere")
    code, errors = end_of(process)
    assert code == 3 and errors.startswith(f"lsnn: {folder / CHECKPOINT}: cannot be written: its folder was moved")
    assert not folder.exists() and done(tmp_path / "elsewhere") % EVERY == 0


@pytest.mark.skipif(not FORBIDDEN.is_dir(), reason="needs a folder in which not even the superuser may write")
def test_a_folder_in_which_nobody_may_write():
    code, errors = end_of(start(FORBIDDEN))
    assert code == 2 and errors.startswith(f"lsnn: {FORBIDDEN}") and "must be writable, got" in errors
    assert "Traceback" not in errors
