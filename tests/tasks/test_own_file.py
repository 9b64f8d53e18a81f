"""A family from a file of one's own: its module, what a network depends on of it, and its way to another process."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tasks
from lsnn.errors import InputError
from tasks.own_file import dependence, own_file
from tasks.water_maze import WaterMaze

CLONE = Path(__file__).parents[2]
SOURCE = Path(__file__).with_name("delayed_match.py").read_text()


@pytest.fixture
def write(tmp_path):
    """A function that writes the family's file with some texts replaced and loads its task."""

    def written(*changes, name="delayed_match.py", **keywords):
        source = SOURCE
        for old, new in changes:
            assert old in source
            source = source.replace(old, new)
        (tmp_path / name).write_text(source)
        return tasks.load(tmp_path / name, **keywords)

    return written


def test_a_file_is_a_family_like_any_other(write, tmp_path):
    task = write(duration_ms=200)
    assert (task.name, task.duration_ms, task.family.score.name) == ("delayed-match", 200, "right")
    assert own_file(task).path == (tmp_path / "delayed_match.py").resolve() and own_file(WaterMaze()) is None
    assert type(write(duration_ms=200)) is type(task)


def test_another_text_is_another_module_and_the_old_one_stays(write):
    old, new = write(), write(("< 0.5", "< 0.25"))
    assert type(old) is not type(new) and old.dynamics != new.dynamics
    state = np.zeros(3)
    drawn = []
    for task in (old, new):
        begin = sys.modules[task.dynamics].begin
        drawn.append(sum(begin(np.uint64(k), task.parameters(), state) or state[1] for k in range(2000)))
    assert drawn[0] == pytest.approx(1000, abs=100) and drawn[1] == pytest.approx(500, abs=100)


HELPED = (("from tasks.family", "from twice_named import LIMIT\nfrom tasks.family"), ("< 0.5", "< LIMIT"))


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ((("# the state", "# three numbers"),), True),
        ((("def begin(key, parameters, state):\n", 'def begin(key, parameters, state):\n    """Draws."""\n'),), True),
        (((' "right answers", chance=0.5', ' "share that is right"'),), True),
        ((("TIME, FIRST, SECOND = range(3)", "UNUSED = 3\nTIME, FIRST, SECOND = range(3)"),), True),
        ((("TIME, FIRST, SECOND = range(3)", "TIME, SECOND, FIRST = range(3)"),), False),
        ((("< 0.5", "< 0.4"),), False),
        ((("- 25 else", "- 20 else"),), False),
        ((("duration_ms: int = 300", "duration_ms: int = 301"),), False),
        ((("([self.duration_ms], float)", "([self.duration_ms + 1], float)"),), False),
        (((' FlagCells(("A", "B"))', ' FlagCells(("A", "B"), flag_rate_hz=90.0)'),), False),
    ],
)
def test_a_network_depends_on_what_is_compiled_and_its_numbers(write, changes, same):
    assert (dependence(write()) == dependence(write(*changes, name="other.py"))) is same


def test_it_depends_on_a_module_that_stands_beside_the_file(write, tmp_path, monkeypatch):
    found = []
    for limit in (0.5, 0.25):
        folder = tmp_path / str(limit)
        folder.mkdir()
        (folder / "twice_named.py").write_text(f"LIMIT = {limit}\n")
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(sys.modules, "twice_named", raising=False)
        found.append(dependence(write(*HELPED, name=f"{limit}/delayed_match.py")))
    assert found[0] != found[1]


def test_it_depends_on_what_its_encoder_shares_with_others(write, monkeypatch):
    """The drawing of spikes stands in a module beside the encoder's own."""
    task = write()
    before, shared = dependence(task), CLONE / "tasks/encoders/spikes.py"
    text = shared.read_bytes()
    for change, same in ((text.replace(b'"""Draw the spikes', b'"""The spikes'), True), (text + b"\nx = 1\n", False)):
        assert change != text

        def read(path, change=change):
            return change if path == shared else open(path, "rb").read()

        monkeypatch.setattr(Path, "read_bytes", read)
        assert (dependence(task) == before) is same


def test_a_task_travels_with_its_file(write, tmp_path):
    """To a process that has neither the module nor the file."""
    task = write(duration_ms=123)
    (tmp_path / "task.pickle").write_bytes(pickle.dumps(task))
    (tmp_path / "delayed_match.py").unlink()
    program = (
        f"import pickle; task = pickle.load(open({str(tmp_path / 'task.pickle')!r}, 'rb'));"
        "from tasks.own_file import dependence; print(task.dynamics, task.duration_ms, dependence(task))"
    )
    environment = {"LSNN_CACHE": str(tmp_path / "cache"), "PATH": "", "PYTHONPATH": str(CLONE)}
    told = subprocess.check_output([sys.executable, "-c", program], cwd=CLONE, text=True, env=environment)
    assert told.split() == [task.dynamics, "123", dependence(task)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", "must define FAMILY = tasks.family.Family"),
        ("FAMILY = 3\n", "must define FAMILY = tasks.family.Family.*, got 3"),
        ("FAMILY = (\n", "cannot be imported: SyntaxError"),
        ("import nosuch\n", "cannot be imported: ModuleNotFoundError: No module named 'nosuch'"),
        ("raise ValueError('no')\n", "cannot be imported: ValueError: no"),
    ],
)
def test_a_bad_file_is_named(tmp_path, text, message):
    (tmp_path / "bad.py").write_text(text)
    with pytest.raises(InputError, match=rf"bad\.py: {message}"):
        tasks.load(tmp_path / "bad.py")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="none.py: must be a Python file that defines a task family, got: .*No such"):
        tasks.load(tmp_path / "none.py")


def test_trials_without_a_column_are_named(write):
    task = write(('"end_ms", "right"', '"end_ms", "wrong"'), ('table["right"]', 'table["wrong"]'))
    with pytest.raises(InputError, match="trials of the family delayed-match must give .* lacks right"):
        task.family.table(task, np.zeros((2, 301, 3)), type("T", (), {"reward": np.zeros((2, 300))}))
