"""A family from a file of one's own: its module, what a network depends on of it, and its way to another process."""

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tasks
from lsnn.blocks import Block
from lsnn.errors import InputError
from lsnn.kernels.layout import trace_zeros
from lsnn.learning.config import LearningConfig
from lsnn.meta import new_network
from lsnn.tried import measured, require_sound
from tasks.experiment import preset
from tasks.family import Baseline, Measure, Played, Trace
from tasks.own_file import dependence, failing_file, own_file
from tasks.presets import SMALL
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
        ("import sys\nsys.exit(0)\n", "cannot be imported: SystemExit: 0"),
        ("class Odd(BaseException): pass\nraise Odd('no')\n", "cannot be imported: Odd: no"),
    ],
)
def test_a_bad_file_is_named(tmp_path, text, message):
    (tmp_path / "bad.py").write_text(text)
    with pytest.raises(InputError, match=rf"bad\.py: {message}"):
        tasks.load(tmp_path / "bad.py")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="none.py: must be a file that can be read, got: No such file"):
        tasks.load(tmp_path / "none.py")


def test_trials_without_a_column_are_named(write):
    task = write(('"end_ms", "right"', '"end_ms", "wrong"'), ('table["right"]', 'table["wrong"]'))
    with pytest.raises(InputError, match="trials of the family delayed-match must give .* lacks right"):
        task.family.table(task, np.zeros((2, 301, 3)), type("T", (), {"reward": np.zeros((2, 300))}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: [1, 2], "a structured array with the columns episode, trial, start_ms, end_ms, right, lacks epi"),
        (lambda t: t[None], r"a number a column in each row, got shape \(1, 4\)"),
        (lambda t: t.astype([(name, object) for name in t.dtype.names]), "a number a column in each row"),
        (lambda t: t.astype([(name, "S3") for name in t.dtype.names]), "a number a column in each row"),
        (lambda t: with_value(t, "episode", 4.0), r"rows of episodes 0\.\.3, got episode 4, trial 0, .* in row 3"),
        (lambda t: with_value(t, "episode", -1.0), "whole numbers from 0 on as episode, got -1"),
        (lambda t: with_value(t, "trial", np.nan), "whole numbers from 0 on as trial, got nan"),
        (lambda t: with_value(t, "right", np.nan), "numbers from -1e.12 to 1e.12 as right, got nan"),
        (lambda t: with_value(t, "right", 1e300), "numbers from -1e.12 to 1e.12 as right, got 1e.300"),
        (lambda t: with_value(t, "end_ms", 0.5), "whole numbers from 0 on as end_ms, got 0.5"),
        (lambda t: with_value(t, "start_ms", 1e30), "whole numbers from 0 on as start_ms, got 1e.30"),
        (lambda t: t[::-1], "rows in order of the episode, got episode 2, .* in row 1"),
        (lambda t: np.repeat(t, 2), "a row for each of the trials 0, 1, ... of an episode, got episode 0, trial 0"),
        (lambda t: with_value(t, "trial", 1.0), "a row for each of the trials .*, got episode 3, trial 1"),
        (lambda t: with_value(t, "start_ms", 300.0), "trials that end after they begin, got episode 3"),
    ],
)
def test_a_table_of_trials_that_breaks_a_rule_is_refused(write, change, message):
    task = write()
    trace = Trace(np.zeros((4, 300, 1)), np.ones((4, 300)), np.ones((4, 300), bool))
    good = task.family.table(task, np.zeros((4, 301, 3)), trace)
    assert len(good) == 4
    twin = Baseline("its twin", "nothing", lambda task, keys: Played(change(good.astype(FLOATS))))
    family = replace(task.family, trials=lambda *_: change(good.astype(FLOATS)), baselines={"twin": twin})
    with pytest.raises(InputError, match=f"trials of the family delayed-match must give .*{message}"):
        family.table(task, np.zeros((4, 301, 3)), trace)
    with pytest.raises(InputError, match=f"the baseline twin of the family delayed-match must give .*{message}"):
        family.play("twin", task, np.arange(4), np.arange)


FLOATS = [(name, float) for name in ("episode", "trial", "start_ms", "end_ms", "right")]


def with_value(table, column, value):
    table[column][-1] = value
    return table


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": None}, {"name": ""}, {"label": 3}, {"unit": None}, {"format": None}, {"format": "zz"}, {"format": "d"},
        {"better": "x"}, {"per": "x"}, {"chance": "x"}, {"chance": np.nan}, {"column": 3}, {"censored": 3},
        {"among": 3},
    ],
)  # fmt: skip
def test_a_measure_that_is_none_is_refused(wrong):
    with pytest.raises(InputError, match=f"{next(iter(wrong))} of "):
        Measure(**{"name": "right", "label": "right answers"} | wrong)


@pytest.mark.parametrize(
    "wrong", [{"trials": None}, {"measures": "right"}, {"measures": (3,)}, {"baselines": {"guess": 1}}]
)
def test_a_family_with_a_part_that_is_none_is_refused(write, wrong):
    with pytest.raises(InputError, match="of the family delayed-match must be"):
        replace(write().family, **wrong)


def test_a_baseline_that_gives_something_else_is_named(write):
    family = replace(write().family, baselines={"none": Baseline("nobody", "nothing", lambda task, keys: None)})
    with pytest.raises(InputError, match="the baseline none of the family .* must give a .*Played, got None"):
        family.play("none", write(), np.arange(4), np.arange)


# What its functions do wrong


def block_of(task):
    """A block of the task that has begun."""
    learning = LearningConfig(curriculum=False, episodes=8)
    network = new_network(task, SMALL, learning, seed=0)
    block = Block(task, network, 4)
    block.begin(task, np.arange(8, dtype=np.uint64))
    return block, network.weights()


BEGIN = "    state[TIME] = 0\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("state[TIME + 3] = 0", "must stay within their arrays .n_parameters 1, n_state 3, n_observation 2"),
        ("state[-4] = 0", "must stay within their arrays"),
        ("state[TIME] = parameters[1]", "must stay within their arrays"),
        ("state[TIME] = object()", "must be such that numba can compile them .* got: Untyped global name 'object'"),
        ("state[TIME] = {}", "must be such that numba can compile them"),
    ],
)
def test_functions_that_leave_their_arrays_or_cannot_be_compiled_are_named(write, change, message):
    task = write((BEGIN, f"    {change}\n"))
    with pytest.raises(InputError, match=rf"delayed_match\.py: begin, observe, target and transition {message}"):
        block_of(task)


def test_an_observation_that_is_no_number_is_named(write):
    block, weights = block_of(write(("observation[:] = 0", "observation[:] = 0 if state[TIME] < 2 else np.nan")))
    block.roll_out(weights, np.zeros(1), 2)
    with pytest.raises(InputError, match=r"delayed_match\.py: the observation must be finite, got nan before step 4"):
        block.roll_out(weights, np.zeros(1), 2)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("reward", np.nan, "the reward of transition must be finite, got nan at step 7"),
        ("reward", -np.inf, "the reward of transition must be finite, got -inf at step 7"),
        ("target_weight", -1.0, "the weight of target must be finite and at least 0, got -1.0 at step 7"),
        ("target_weight", np.nan, "the weight of target must be finite and at least 0, got nan at step 7"),
        ("target", np.inf, "the target must be finite, got inf at step 7"),
    ],
)
def test_what_is_no_number_is_named_unless_the_action_was_none(write, name, value, message):
    form = block_of(write())[0].of_task
    trace = trace_zeros(9, 1, 1, 2, 3, keep=False)
    trace.target_weight[:] = 1.0
    require_sound(form, trace, 0, 9)
    getattr(trace, name)[7, 3] = value
    with pytest.raises(InputError, match=rf"delayed_match\.py: {message}"):
        require_sound(form, trace, 5, 9)
    trace.action[6, 3] = np.nan  # the network's fault
    require_sound(form, trace, 5, 9)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([1.0], "must give a dict of names and numbers, got .1.0."),
        ({"right": np.zeros(2)}, "got array.* for 'right'"),
        ({"right": "much"}, "got 'much' for 'right'"),
        ({"a/b\n": 1.0}, "names of letters, digits and underscores"),
        ({3: 1.0}, "names of letters, digits and underscores, got 3"),
        ({"iteration": 1.0}, "none of them called iteration, minutes, .*, got 'iteration'"),
    ],
)
def test_metrics_are_numbers_with_names_of_their_own(write, found, message):
    task = write(('return {"right": reward[acted].mean()}', "return FOUND"))
    sys.modules[task.dynamics].FOUND = found
    with pytest.raises(InputError, match=f"metrics of the task delayed-match .*{message}"):
        measured(task, np.zeros((8, 3)), np.ones((8, 3), bool))
    sys.modules[task.dynamics].FOUND = {"right": np.float32(0.5)}
    assert measured(task, np.zeros((8, 3)), np.ones((8, 3), bool)) == {"right": 0.5}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('"delayed-match", __name__', '"../match", __name__'), "the name of its task must be of letters, digits"),
        (('"delayed-match", __name__', '"", __name__'), "the name of its task must be of letters, digits"),
        (('"delayed-match", __name__', '"bandit", __name__'), "must not be that of a family that is there, got bandit"),
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(write, change, message):
    with pytest.raises(InputError, match=rf"delayed_match\.py: .*{message}"):
        write(change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('"delayed-match", __name__', '"delayed-match", "os"'), "dynamics of the task must be the name of a module"),
        (('"delayed-match", __name__', '"delayed-match", "no.where"'), "dynamics of the task must be .* got 'no.wh"),
        (('"delayed-match", __name__', '"delayed-match", 3'), "dynamics of the task must be the name of a module"),
        (('"none", "target"', '"none", "tagret"'), "loss of the task must be one of .* received 'tagret'"),
        (("duration_ms: int = 300", "duration_ms: int = 0"), "duration_ms of the task must be an integer of at"),
        (("@dataclass(frozen=True)\n", ""), "the task delayed-match must be a dataclass"),
        (("np.array([self.duration_ms], float)", "[self.duration_ms]"), "parameters of the task must be a C-cont"),
        (('FlagCells = FlagCells(("A", "B"))', "FlagCells = None"), "encoder of the task must be an encoder"),
    ],
)
def test_a_task_that_is_none_is_refused_before_anything_is_made_of_it(write, tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        write(change)
        preset(str(tmp_path / "delayed_match.py"))


def test_an_error_in_a_file_of_ones_own_is_told_from_others(write, tmp_path):
    task = write(('return {"right": reward[acted].mean()}', 'raise KeyError("lost")'))
    with pytest.raises(KeyError) as caught:
        task.metrics(np.zeros(1), np.zeros(1))
    path = tmp_path / "delayed_match.py"
    (line,) = (number for number, text in enumerate(path.read_text().splitlines(), 1) if "lost" in text)
    assert failing_file(caught.value) == f"{path}, line {line}"
    try:
        raise RuntimeError("elsewhere")
    except RuntimeError as error:
        assert failing_file(error) is None
