"""Gymnasium environments of families from a file of one's own, and what a family that says nothing of them gets."""

import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AsyncVectorEnv

import tasks
from lsnn.errors import InputError
from tasks.environment import make, make_vec
from tasks.rendering import PIXELS, ROOM, TRAIL, WATER, draw_raster
from tasks.store_recall import StoreRecall

CLONE = Path(__file__).parents[2]
FILE = Path(__file__).with_name("delayed_match.py")


def changed(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    """The file of the family with some texts replaced."""
    source = FILE.read_text()
    for old, new in changes:
        assert old in source
        source = source.replace(old, new)
    (tmp_path / "delayed_match.py").write_text(source)
    return tmp_path / "delayed_match.py"


def test_a_file_of_ones_own_is_an_environment():
    env = make(FILE, duration_ms=200)
    assert (type(env).__name__, env.task.duration_ms) == ("DelayedMatchEnv", 200)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(make(FILE), skip_render_check=True)
    drawn = make(FILE, "rgb_array")
    drawn.reset(seed=0)
    drawn.step(np.zeros(1))
    assert drawn.render().shape == (PIXELS, PIXELS, 3) and drawn.render().dtype == np.uint8
    assert not np.array_equal(drawn.render()[0, -1], drawn.render()[0, 0])
    env.reset(options={"key": 3})
    same = env.state[1] == env.state[2]
    outcomes = [env.step(np.array([1.0 if same else -1.0])) for _ in range(200)]
    assert [outcome[1] for outcome in outcomes] == [0.0] * 199 + [1.0]
    assert [outcome[3] for outcome in outcomes] == [False] * 199 + [True]
    assert "## Description\ndelayed-match" in env.__doc__ and "`duration_ms`, `encoder`" in env.__doc__


def test_many_of_a_file_of_ones_own_in_one_step_and_in_processes():
    """Whatever makes an environment out of its path can stand in another process."""
    together, apart = make_vec(FILE, 3), AsyncVectorEnv([lambda: make(FILE)] * 3)
    np.testing.assert_array_equal(together.reset(seed=2)[0], apart.reset(seed=2)[0])
    together.action_space.seed(0)
    for _ in range(310):
        action = together.action_space.sample()
        for value, other in zip(together.step(action)[:4], apart.step(action)[:4], strict=True):
            np.testing.assert_array_equal(value, other)
    apart.close()


def test_an_environment_travels_with_its_file(tmp_path):
    """To a process that has neither the module nor the file."""
    file = changed(tmp_path)
    env = make(file)
    env.reset(seed=3)
    (tmp_path / "env.pickle").write_bytes(pickle.dumps(env))
    file.unlink()
    program = f"import pickle; env = pickle.load(open({str(tmp_path / 'env.pickle')!r}, 'rb')); env.step([0.0]);"
    told = {"LSNN_CACHE": str(tmp_path / "cache"), "PATH": "", "PYTHONPATH": str(CLONE)}
    command = [sys.executable, "-c", program + "print(type(env).__name__, env.state.tolist())"]
    env.step([0.0])
    expected = f"DelayedMatchEnv {env.state.tolist()}\n"
    assert subprocess.check_output(command, cwd=CLONE, text=True, env=told) == expected


def test_an_episode_that_terminates_ends_there(tmp_path):
    file = changed(tmp_path, ("0.0), last, False", "0.0), last, state[TIME] == 3"))
    env, many = make(file), make_vec(file, 2)
    env.reset(seed=0)
    many.reset(seed=0)
    ends = [env.step(np.zeros(1))[2:4] for _ in range(3)]
    together = [many.step(np.zeros((2, 1)))[2:4] for _ in range(5)]
    assert ends == [(False, False)] * 2 + [(True, False)]
    assert [terminated.tolist() for terminated, _ in together] == [[last] * 2 for last in (0, 0, 1, 0, 0)]
    assert not np.any([truncated for _, truncated in together])


def test_a_step_of_several_ms_adds_up_what_is_earned_until_the_end(tmp_path):
    own = 'FAMILY = Family(DelayedMatch, trials, (Measure("right", "right"),), environment='
    own += "Environment(step_ms=lambda task: 50, settings={'duration_ms': 110}, keywords=()))"
    old = 'FAMILY = Family(DelayedMatch, trials, (Measure("right", "right answers", chance=0.5),))'
    earned = ("(1.0 if last and (action[0] > 0) == same else 0.0), last, False", "0.5, last, state[TIME] == 70")
    file = changed(tmp_path, (old, own), ("import Family", "import Environment, Family"), earned)
    env = make(file)
    env.reset(seed=0)
    assert env.task.duration_ms == 110
    assert env.step(np.zeros(1))[1:4] == (25.0, False, False)
    assert env.step(np.zeros(1))[1:4] == (10.0, True, True) and env.state[0] == 70
    with pytest.raises(InputError, match="a keyword of delayed-match must be one of none, received 'duration_ms'"):
        make(file, duration_ms=3)


def test_without_spaces_of_its_own_the_encoder_bounds_what_is_seen(tmp_path):
    cells = "GaussianPopulation((-1.0, 0.0), (1.0, 0.5))"
    file = changed(tmp_path, ("FlagCells", "GaussianPopulation"), ('GaussianPopulation(("A", "B"))', cells))
    env = make(file)
    assert env.observation_space.low.tolist() == [-1.0, 0.0] and env.observation_space.high.tolist() == [1.0, 0.5]
    seen = {tuple(env.reset(seed=seed)[0]) for seed in range(20)}
    assert seen == {(1.0, 0.0), (0.0, 0.5)}


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ("action=lambda task: Discrete(3)", "the action space must be a Box of 1 numbers, received Discrete"),
        ("action=lambda task: Box(-1, 1, (2,))", "the action space must be a Box of 1 numbers, received Box"),
        ("observation=lambda task: Discrete(3)", "the observation space must be a Box or MultiBinary of 2 numbers"),
        ("observation=lambda task: Box(-1, 1, (3,))", "the observation space must be a Box or MultiBinary of 2"),
    ],
)
def test_spaces_that_do_not_fit_the_task_are_named(tmp_path, told, message):
    imports = ("from numba", "from gymnasium.spaces import Box, Discrete\nfrom numba")
    own = ("chance=0.5),)", f"chance=0.5),), environment=Environment({told})")
    file = changed(tmp_path, imports, own, ("import Family", "import Environment, Family"))
    with pytest.raises(InputError, match=message):
        make(file)


@pytest.mark.parametrize("task", [3, None, object(), "nosuch", Path("none.py")])
def test_what_is_no_family_is_named(task):
    with pytest.raises(InputError, match=r"task must be|none\.py: must be"):
        make(task)


def test_another_task_in_the_place_of_its_own_is_named():
    with pytest.raises(InputError, match="task must be a StoreRecall"):
        gymnasium.make("lsnn/StoreRecall-v0", task=tasks.load("bandit"))
    assert gymnasium.make("lsnn/StoreRecall-v0", task=StoreRecall(delay_max=3)).unwrapped.task.delay_max == 3


def test_right_answers_to_recalls_are_paid():
    env = gymnasium.make("lsnn/StoreRecall-v0", delay_max=4, duration_ms=3000)
    _, info = env.reset(seed=1)
    asked, earned, truncated = 0, 0.0, False
    while not truncated:
        asked += info["asked"]
        answer = np.array([2.0 * info["kept"] - 1.0], np.float32)
        _, reward, _, truncated, info = env.step(answer)
        earned += reward
    assert asked == earned > 2


def test_the_answer_that_is_told_has_no_error():
    env = gymnasium.make("lsnn/Regression-v0", function="quadratic")
    seen, info = env.reset(seed=1)
    for sample in range(25):
        assert info["sample"] == sample and abs(info["y"]) <= env.observation_space.high[-1]
        before = info["y"]
        seen, reward, _, truncated, info = env.step(np.array([before + 0.5]))
        assert reward == pytest.approx(-0.25) and seen[-1] == np.float32(before)
    assert truncated


def test_a_raster_has_a_row_a_number_and_the_latest_step_on_the_right():
    picture = draw_raster(np.array([[0.0, 1.0], [1.0, 0.0]]), np.zeros(2), np.ones(2), 4)
    quarter, half = PIXELS // 4, PIXELS // 2
    blocks = picture.reshape(2, half, 4, quarter, 3)
    expected = [[WATER, WATER, ROOM, TRAIL], [WATER, WATER, TRAIL, ROOM]]
    np.testing.assert_array_equal(blocks, np.broadcast_to(np.array(expected)[:, None, :, None], blocks.shape))
    unbounded = draw_raster(np.array([[1e9]]), np.array([-np.inf]), np.array([np.inf]), 1)
    np.testing.assert_array_equal(unbounded[0, 0], TRAIL)


def test_environments_are_there_without_numba_until_one_is_made():
    program = (
        "import sys, gymnasium, tasks; print('numba' in sys.modules);"
        "tasks.environment.make('bandit'); print('numba' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", program], cwd=CLONE, text=True) == "False\nTrue\n"
