"""Output never decides whether work is kept: any encoding, closed streams, full disks, readers that left."""

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from lsnn.errors import ClusterError, DivergedError, InputError, StoreError
from lsnn.files.network_file import load_network
from lsnn.progress import say
from runs.output import command
from runs.training.train import NETWORK
from tests.runs.tiny import FREE

CLONE = Path(__file__).parents[3]
TRAIN = ["train", "water-maze", "--iterations", "1", "--threads", "1", *(w for s in FREE for w in ("--set", s))]
NOT_UTF8 = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}
FULL = Path("/dev/full")
REDIRECTED = [
    ">&-", ">&- 2>&-", "<&- >&- 2>&-", "| true", "2>&1 | true",
    *(pytest.param(text, marks=pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full"))
      for text in ("> /dev/full", "> /dev/full 2>&1")),
]  # fmt: skip


def in_shell(words, redirection="", program="-m runs", **variables):
    """Exit code, output and errors of `lsnn` with these words, its streams redirected by the shell."""
    line = f'{sys.executable} {program} "$@" {redirection}; exit "${{PIPESTATUS[0]}}"'
    done = subprocess.run(
        ["bash", "-c", line, "lsnn", *map(str, words)], cwd=CLONE, env={**os.environ, **variables},
        capture_output=True, timeout=300,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


@pytest.mark.parametrize("redirection", REDIRECTED)
def test_a_run_whose_words_are_lost_leaves_its_network(tmp_path, redirection):
    code, _, errors = in_shell([*TRAIN, "--out", tmp_path], redirection)
    assert (code, errors) == (0, "")
    assert len(load_network(tmp_path / NETWORK).history) == 1


@pytest.mark.parametrize("words", [["show-kernel", "lif"], ["--help"], ["--version"]])
@pytest.mark.parametrize("redirection", REDIRECTED)
def test_a_command_that_only_speaks_fails_where_its_words_are_lost(words, redirection):
    code, output, errors = in_shell(words, redirection)
    assert (code, output) == (3, b"") and "Traceback" not in errors
    told = "2>" not in redirection and "true" not in redirection  # a reader that left needs no message
    assert len(errors.splitlines()) == told
    assert errors.startswith("lsnn: the standard output cannot be written: ") == told


@pytest.mark.parametrize("redirection", [">&-", ">&- 2>&-", "2>&1 | true"])
def test_bad_input_has_its_exit_code_whoever_hears_of_it(redirection):
    code, _, errors = in_shell(["show-kernel", "nosuch"], redirection)
    assert code == 2 and "Traceback" not in errors


def small_maze(network):
    """A program: the main job with a network that is quickly tested."""
    return (
        f"from pathlib import Path; from runs import maze; from runs.cli import main; "
        f"maze.PRETRAINED = Path({str(network)!r}); main()"
    )


@pytest.mark.parametrize(
    "terminal", [name if name == "ascii" else pytest.param(name, marks=pytest.mark.long) for name in NOT_UTF8]
)
def test_the_main_job_reports_on_a_terminal_that_is_not_utf8(folder, tmp_path, terminal):
    program = f'-c "{small_maze(folder / NETWORK)}"'
    words = ["maze", "--pretrained", "--episodes", "8", "--out", tmp_path]
    code, output, errors = in_shell(words, program=program, **NOT_UTF8[terminal])
    assert (code, errors) == (0, "")
    assert rb"\u2212" in output  # the minus signs of the verdict
    assert (tmp_path / "report.html").is_file()


def test_a_bar_on_a_terminal_that_is_not_utf8(tmp_path):
    terminal, slave = pty.openpty()
    environment = {**os.environ, **NOT_UTF8["ascii"]}
    process = subprocess.Popen(
        [sys.executable, "-m", "runs", *TRAIN, "--out", str(tmp_path)], cwd=CLONE, env=environment, stdout=slave,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(slave)
    seen = b""
    try:
        while part := os.read(terminal, 4096):
            seen += part
    except OSError:  # the other end was closed
        pass
    assert process.communicate(timeout=60) == (None, b"") and process.returncode == 0
    assert b"meta-trained for" in seen and b" core-minutes of this process): " in seen and seen.isascii()


def test_say_in_a_program_of_ones_own(monkeypatch):
    """Whose streams are as strict as Python makes them."""
    heard = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr("sys.stdout", heard)
    say("\u2212 2 \udce9")
    assert heard.buffer.getvalue() == b"\\u2212 2 \\udce9\n"


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_the_first_loss_is_remembered():
    with open(FULL, "wb") as full:
        outlet = command._Outlet(full.fileno())
        assert outlet.write(b"three") == 5 and outlet.lost.strerror == "No space left on device"


def test_a_pipe_whose_writers_do_not_wait_is_written_whole():
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    size = 300_000  # more than a pipe holds
    with subprocess.Popen(["wc", "-c"], stdin=reading, stdout=subprocess.PIPE) as counter:
        os.close(reading)
        assert command._Outlet(writing).write(bytes(size)) == size
        os.close(writing)
        assert int(counter.communicate(timeout=60)[0]) == size


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("why"), 2), (DivergedError("why"), 3), (ClusterError("why"), 3), (StoreError(Path("f"), "full"), 3),
    ],
)  # fmt: skip
def test_exit_codes(error, code, capsys):
    def work():
        raise error

    assert command.reported("runs.some", work) == code
    assert capsys.readouterr().err == f"runs.some: {error}\n"
    assert command.reported("runs.some", lambda: None) == 0
