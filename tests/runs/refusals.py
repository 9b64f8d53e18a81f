"""An experiment as it is called, and what it does with bad input: exit code 2, one line that says why, no file."""

import sys

from typer.testing import CliRunner

from lsnn.files.network_file import load_network, save_network
from runs.cli import main


def experiment(name, *words):
    """The exit code of `lsnn experiment NAME WORDS`; what it says is passed on."""
    done = CliRunner().invoke(main, ["experiment", name, *map(str, words)])
    print(done.stdout, end="")
    print(done.stderr, end="", file=sys.stderr)
    return done.exit_code


def assert_one_line(code, capsys, message):
    """Exit code 2 and one line on standard error that holds the message."""
    assert code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and message in lines[0]


def assert_not_written_over(run, path, capsys):
    """`run()` would write `path`, is refused, names the option and leaves the file as it was."""
    before = path.read_bytes()
    assert run() == 2
    assert "--overwrite" in capsys.readouterr().err and path.read_bytes() == before


def saved_again(path, folder):
    """The network of a file in another file, as the same file is not taken twice."""
    file, other = load_network(path), folder / "again.lsnn.h5"
    save_network(other, file.network, file.config, file.seed, "lsnn train again")
    return other
