"""What commands write: whole or not at all, over nothing unasked, never over what they read, and nowhere else."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lsnn.errors import StoreError
from lsnn.files import store
from lsnn.files.network_file import load_network
from lsnn.files.results import Result
from runs.cli import main
from runs.sweeps import sweep as sweeping
from runs.sweeps.spec import FIGURE, SUMMARY
from runs.training import train as training
from runs.training.train import Budget, fresh_run, train
from tests.analysis.make_result import BASELINES, make_result
from tests.runs.tiny import FREE, tiny, trained

CLONE = Path(__file__).parents[2]
FEW = {name: BASELINES[name] for name in ("frozen", "circling", "oracle")}


def lsnn(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def run_python(program, *arguments, **options):
    command = [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=CLONE, **options)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def is_whole(path):
    with Result(path):
        return True


@pytest.fixture(scope="module")
def result_path(tmp_path_factory):
    return make_result(
        tmp_path_factory.mktemp("result") / "result.h5", 4, 200, recorded=2, window_ms=100, baselines=FEW
    )


@pytest.fixture
def own(folder, tmp_path):
    """A copy of the finished run, to spoil."""
    return Path(shutil.copytree(folder, tmp_path / "own"))


# A full disk, a killed process


COMMANDS = {
    "report": ("report", "--out", "{folder}", "report.html"),
    "export": ("export", "--nwb", "{folder}/old.nwb", "old.nwb"),
    "movie": ("movie", "--out", "{folder}/old.gif", "old.gif"),
    "movie of ffmpeg": ("movie", "--out", "{folder}/old.mp4", "old.mp4"),
}
FULL = """
    import resource, sys
    import matplotlib
    from analysis import movie, style
    from runs.cli import main

    movie.STEP_MS, movie.DOTS_PER_INCH, style.DOTS_PER_INCH = 50, 40, 30
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), resource.RLIM_INFINITY))
    main()
"""
KILLED = """
    import os, signal, sys
    from analysis import movie, style
    from lsnn.files import whole
    from runs.cli import main

    movie.STEP_MS, movie.DOTS_PER_INCH, style.DOTS_PER_INCH = 50, 40, 30
    fsync, left = os.fsync, int(sys.argv.pop(1))

    def killed(descriptor):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(descriptor)

    os.fsync = killed
    main()
"""


def arguments_of(command, result, folder):
    name, option, place, _ = COMMANDS[command]
    return [name, str(result), option, place.format(folder=folder), "--overwrite"]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("room", [0, 700, 5_000])
def test_a_full_disk_ends_in_exit_3_and_leaves_the_old_file(result_path, tmp_path, command, room):
    old = tmp_path / COMMANDS[command][3]
    old.write_text("precious")
    done = run_python(FULL, room, *arguments_of(command, result_path, tmp_path))
    assert done.returncode == 3, (done.returncode, done.stderr)
    said = done.stderr.splitlines()[-1]
    assert said.startswith("lsnn: ") and "cannot be written" in said and "Traceback" not in done.stderr
    assert old.read_text() == "precious"
    assert not any(name.endswith(".partial") for name in names(tmp_path))


@pytest.mark.parametrize("command", ["report", "export", "movie"])
def test_a_killed_command_leaves_the_old_file_and_the_next_removes_what_it_left(result_path, tmp_path, command):
    old = tmp_path / COMMANDS[command][3]
    old.write_text("precious")
    arguments = arguments_of(command, result_path, tmp_path)
    done = run_python(KILLED, 1, *arguments)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert old.read_text() == "precious"
    assert any(name.endswith(".partial") for name in names(tmp_path))
    done = run_python(KILLED, 10**6, *arguments)
    assert done.returncode == 0, done.stderr
    assert old.read_bytes() != b"precious"
    assert not any(name.endswith(".partial") for name in names(tmp_path))


@pytest.mark.skipif(sys.platform != "linux", reason="a file system of its own size")
def test_a_disk_that_is_really_full(result_path, tmp_path):
    """On a file system of 64 KiB, where this machine lets one be made."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("file systems may not be mounted here")
    try:
        for command in ("export", "report"):
            old = disk / COMMANDS[command][3]
            old.write_text("precious")
            done = run_python(FULL, 2**30, *arguments_of(command, result_path, disk))
            assert done.returncode == 3 and "No space left on device" in done.stderr, done.stderr
            assert old.read_text() == "precious"
            for path in disk.iterdir():
                path.unlink()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# Two at once


def test_of_two_tests_into_one_file_the_second_fails(own, tmp_path):
    out, network = tmp_path / "same.h5", own / training.NETWORK
    words = [sys.executable, "-m", "runs", "test", str(network), "--episodes", "16", "--out", str(out), "--seed"]
    running = [
        subprocess.Popen([*words, str(seed)], cwd=CLONE, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for seed in (1, 2)
    ]
    ended = [(process.communicate(timeout=300)[1], process.returncode) for process in running]
    codes = [code for _, code in ended]
    assert sorted(codes) == [0, 2], ended
    with store.open_for_reading(out, "result") as result:
        assert store.read_attribute(result, "seed", int) == 1 + codes.index(0)
    loser = ended[codes.index(2)][0]
    assert "another process is writing it" in loser or "must not exist yet" in loser
    assert names(tmp_path) == ["own", "same.h5"]


def test_what_appears_during_a_test_is_not_written_over(own, tmp_path, monkeypatch):
    out = tmp_path / "r.h5"

    def meanwhile(*_):
        out.write_text("precious")

    monkeypatch.setattr("runs.testing.run.put_network", meanwhile)
    done = lsnn("test", own / training.NETWORK, "--episodes", 8, "--condition", "frozen", "--out", out)
    assert done.exit_code == 2 and "r.h5: must not exist yet, was made by another process meanwhile" in done.stderr
    assert out.read_text() == "precious" and names(tmp_path) == ["own", "r.h5"]


# An input is never an output


def link_to(path, kind, folder):
    """Another name of a file."""
    other = folder / f"{kind}-{path.name}"
    if kind == "same":
        return path
    if kind == "symbolic":
        other.symlink_to(path)
    elif kind == "hard":
        os.link(path, other)
    else:
        (folder / "aside").symlink_to(path.parent)
        return folder / "aside" / path.name
    return other


@pytest.mark.parametrize("kind", ["same", "symbolic", "hard", "through a folder"])
@pytest.mark.parametrize("command", ["test", "brian", "study", "export", "movie"])
def test_an_input_is_no_output(own, result_path, tmp_path, kind, command):
    given = own / training.NETWORK if command in ("test", "brian", "study") else own / "result.gif"
    if command in ("export", "movie"):
        shutil.copy(result_path, given)
    before = given.read_bytes()
    option = "--nwb" if command == "export" else "--out"
    done = lsnn(command, given, option, link_to(given, kind, tmp_path), "--overwrite")
    assert done.exit_code == 2 and "must be another file than the input" in done.stderr, done.output
    assert given.read_bytes() == before


def test_a_report_does_not_take_the_place_of_its_result(result_path, tmp_path):
    for name in ("report.html", "comparison.png"):
        given = Path(shutil.copy(result_path, tmp_path / name))
        done = lsnn("report", given, "--out", tmp_path, "--overwrite")
        assert done.exit_code == 2 and f"{name}: must be another file than the input" in done.stderr
        assert is_whole(given) and names(tmp_path) == [name]
        given.unlink()


def test_a_changed_run_does_not_take_the_place_of_its_checkpoint(own):
    words = ["train", "water-maze", "--resume", own / training.CHECKPOINT, "--overwrite", "--iterations", 3]
    done = lsnn(*words, "--set", "learning.learning_rate=0.001")
    assert done.exit_code == 2 and "checkpoint.lsnn.h5: must be another file than the input" in done.stderr
    (own / training.CHECKPOINT).rename(own / training.NETWORK)
    done = lsnn("train", "water-maze", "--resume", own / training.NETWORK, "--overwrite", "--iterations", 3)
    assert done.exit_code == 2 and "network.lsnn.h5: must be another file than the input" in done.stderr
    assert load_network(own / training.NETWORK).learner_state is not None


SPEC = """
task = "water-maze"
iterations = 1
seeds = [0]
episodes = 8
"""


def test_a_sweep_does_not_take_the_place_of_its_specification(tmp_path):
    for name in (SUMMARY, FIGURE):
        spec = tmp_path / name
        spec.write_text(SPEC)
        done = lsnn("sweep", spec, "--out", tmp_path)
        assert done.exit_code == 2 and f"{name}: must be another file than the input" in done.stderr
        assert spec.read_text() == SPEC


def test_the_network_of_the_clone_is_no_output(folder, tmp_path, monkeypatch):
    network = tmp_path / "result.h5"
    shutil.copy(folder / training.NETWORK, network)
    monkeypatch.setattr("runs.maze.PRETRAINED", network)
    done = lsnn("maze", "--pretrained", "--out", tmp_path, "--overwrite")
    assert done.exit_code == 2 and "must be another file than the input" in done.stderr
    assert load_network(network)


# Folders that are exchanged


def exchanged(folder):
    """Another folder takes the name of this one."""
    folder.rename(folder.with_name("moved"))
    folder.mkdir()


def test_training_goes_on_in_its_own_folder_alone(tmp_path, monkeypatch):
    run, step = tmp_path / "run", training.Training.step
    run.mkdir()

    def exchanging(self):
        if self.learner.iteration == 1:
            exchanged(run)
        return step(self)

    monkeypatch.setattr(training.Training, "step", exchanging)
    with pytest.raises(StoreError, match="run/checkpoint.lsnn.h5: .*moved or exchanged"):
        train(fresh_run(tiny(FREE), 0, "lsnn train"), Budget(iterations=4), run, 1, checkpoint_every=2)
    assert names(run) == []
    assert load_network(tmp_path / "moved" / training.CHECKPOINT).learner_state.iteration == 2


def test_a_test_writes_into_the_folder_in_which_it_began(own, tmp_path, monkeypatch):
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.setattr("runs.testing.run.put_history", lambda *_: exchanged(place))
    done = lsnn("test", own / training.NETWORK, "--episodes", 8, "--condition", "frozen", "--out", place / "r.h5")
    assert done.exit_code == 3 and "moved or exchanged meanwhile; the new file is in the former one" in done.stderr
    assert names(place) == [] and is_whole(tmp_path / "moved" / "r.h5")


def test_a_sweep_begins_no_cell_in_another_folder(tmp_path, monkeypatch):
    out, spec = tmp_path / "out", tmp_path / "spec.toml"
    spec.write_text(SPEC.replace("[0]", "[0, 1]"))
    begun = []

    def cell(spec, cell, place, *_):
        begun.append(cell.name)
        exchanged(out)

    monkeypatch.setattr(sweeping, "run_cell", cell)
    with pytest.raises(StoreError, match="out: .*moved or exchanged since the run began"):
        sweeping.sweep(spec, out, [], 1, False, "lsnn sweep")
    assert begun == ["000-seed0"] and names(out) == [] and names(tmp_path / "moved") == [sweeping.SPEC]


# Folders for a while


SCRATCH = """
    import os, signal, sys
    from lsnn.files.scratch import scratch_folder

    with scratch_folder() as folder:
        (folder / "below").mkdir()
        (folder / "below" / "main.cpp").write_text("int main() {}")
        print(folder, flush=True)
        if len(sys.argv) > 1:
            os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_folder_of_a_killed_run_is_removed_by_the_next(tmp_path):
    place = {**os.environ, "TMPDIR": str(tmp_path)}
    assert run_python(SCRATCH, "killed", env=place).returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    other = tmp_path / f"{left.name[:-4]}link"
    other.symlink_to(CLONE)
    assert run_python(SCRATCH, env=place).returncode == 0
    assert names(tmp_path) == [other.name] and (CLONE / "Makefile").exists()


def test_folders_of_runs_at_work_stay(tmp_path, monkeypatch):
    from lsnn.files.scratch import scratch_folder

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with scratch_folder() as first:
        done = run_python(SCRATCH, env={**os.environ, "TMPDIR": str(tmp_path)})
        assert done.returncode == 0 and first.is_dir()
        found: list[Path] = []

        def another():
            with scratch_folder() as folder:
                found.append(folder)
                assert folder.is_dir() and folder.stat().st_mode & 0o077 == 0

        threads = [threading.Thread(target=another) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(found)) == 8 and first.is_dir()
    assert names(tmp_path) == []


def test_brian_builds_in_such_a_folder(tmp_path, monkeypatch):
    """And nowhere else."""
    from lsnn import brian
    from lsnn.files.scratch import _PREFIX

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(brian, "_replaying", lambda *_: pytest.skip("begun"))
    seen = []
    monkeypatch.setattr(brian.br, "set_device", lambda *_, directory, **__: seen.append(directory))
    monkeypatch.setattr(brian, "reset_device", lambda: None)
    monkeypatch.setattr(brian.br, "get_device", lambda: type("Device", (), {"reinit": lambda self: None})())
    network = load_network(trained(tmp_path / "run")).network
    try:
        with brian.standalone_replay(network, 10):
            pass
    except BaseException as ended:  # that of _replaying
        assert "begun" in str(ended)
    assert [Path(place).name.startswith(_PREFIX) for place in seen] == [True]
    assert names(tmp_path) == ["run"]
