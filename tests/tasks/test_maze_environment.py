"""The Gymnasium environments of the maze: their interface, and the same paths as the compiled functions."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import tasks  # noqa: F401  (registers the environments)
from lsnn.errors import InputError
from tasks.environment import WaterMazeEnv, WaterMazeVectorEnv
from tasks.water_maze import WaterMaze
from tasks.water_maze.dynamics import N_STATE, PLATFORM_X, PLATFORM_Y, begin, observe, transition
from tasks.water_maze.rendering import PIXELS, PLATFORM

EVERY_MEMBER = {
    "rest_ms": 3,
    "dark_ms": 4,
    "reversal_ms": 150,
    "rotation_degrees": 30.0,
    "probe_ms": 250,
    "platform_radius": 0.5,
    "duration_ms": 300,
}


def actions_of(steps: int, pools: int = 1, seed: int = 0) -> np.ndarray:
    """Slowly turning actions (steps, pools, 2) that cross the pool, some beyond norm 1."""
    heading = np.cumsum(np.random.default_rng(seed).normal(0.0, 0.3, (steps, pools)), axis=0)
    return np.stack([np.cos(heading), np.sin(heading)], axis=2).astype(np.float32)


@pytest.mark.parametrize("members", [{}, EVERY_MEMBER])
def test_check_env_passes_without_a_warning(members) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make("lsnn/WaterMaze-v0", **members).unwrapped)


@pytest.mark.parametrize("members", [{"duration_ms": 300}, EVERY_MEMBER])
def test_same_path_as_the_compiled_functions(members) -> None:
    task, key = WaterMaze(**members), np.uint64(2**63 + 5)
    parameters, state, observed = task.parameters(), np.zeros(N_STATE), np.zeros(4)
    environment = WaterMazeEnv(**members)
    seen, info = environment.reset(options={"key": key})
    begin(key, parameters, state)
    assert info["key"] == key
    for t, action in enumerate(actions_of(task.duration_ms)[:, 0]):
        observe(state, parameters, observed)
        assert np.array_equal(environment.state, state)
        assert np.array_equal(seen, observed.astype(np.float32)) and seen in environment.observation_space
        seen, reward, terminated, truncated, info = environment.step(action)
        assert reward == transition(key, t, action.astype(np.float64), parameters, state)[0]
        assert not terminated and truncated == (t == task.duration_ms - 1)
        assert np.array_equal(info["platform"], state[[PLATFORM_X, PLATFORM_Y]])


def test_two_seeded_copies_match_exactly_and_seeds_differ() -> None:
    first, second = WaterMazeEnv(), WaterMazeEnv()
    starts = [environment.reset(seed=9)[0] for environment in (first, second)]
    assert np.array_equal(*starts)
    for action in actions_of(200)[:, 0]:
        a, b = first.step(action), second.step(action)
        assert np.array_equal(a[0], b[0]) and a[1:4] == b[1:4]
    assert np.array_equal(first.reset()[0], second.reset()[0])
    assert not np.array_equal(first.reset(seed=10)[0], starts[0])


def test_the_vector_environment_is_many_single_ones() -> None:
    pools, members = 3, EVERY_MEMBER | {"duration_ms": 120, "reversal_ms": 50}
    together = gymnasium.make_vec("lsnn/WaterMaze-v0", num_envs=pools, **members)
    assert isinstance(together, WaterMazeVectorEnv)
    apart = gymnasium.vector.SyncVectorEnv([lambda: WaterMazeEnv(**members)] * pools)
    outcomes = [environment.reset(seed=4) for environment in (together, apart)]
    assert np.array_equal(outcomes[0][0], outcomes[1][0])
    assert together.np_random_seed == apart.np_random_seed == (4, 5, 6)
    for action in actions_of(300, pools):  # two autoresets on the way
        (seen, reward, terminated, truncated, info), (*expected, expected_info) = (
            together.step(action),
            apart.step(action),
        )
        for value, wanted in zip((seen, reward, terminated, truncated), expected, strict=True):
            assert np.array_equal(value, wanted)
        assert all(np.array_equal(info[name], expected_info[name]) for name in ("key", "platform", "trial"))


def test_an_episode_over_begins_anew_at_the_next_step() -> None:
    environment = WaterMazeVectorEnv(2, duration_ms=5)
    _, info = environment.reset(seed=1)
    truncations = [environment.step(np.zeros((2, 2)))[3].all() for _ in range(5)]
    assert truncations == [False] * 4 + [True]
    _, reward, _, truncated, after = environment.step(np.ones((2, 2)))
    assert not truncated.any() and not reward.any()
    assert not np.any(after["key"] == info["key"])


def test_keys_of_a_vector_environment() -> None:
    environment = WaterMazeVectorEnv(2)
    seen, info = environment.reset(options={"key": [7, 8]})
    assert info["key"].tolist() == [7, 8]
    assert np.array_equal(seen[1], WaterMazeEnv().reset(options={"key": 8})[0])


def test_pictures() -> None:
    single = gymnasium.make("lsnn/WaterMaze-v0", render_mode="rgb_array").unwrapped
    single.reset(options={"key": 7})
    empty = single.render()
    for action in actions_of(20)[:, 0]:
        single.step(action)
    assert empty.shape == (PIXELS, PIXELS, 3) and not np.array_equal(single.render(), empty)
    together = WaterMazeVectorEnv(2, render_mode="rgb_array", probe_ms=0)
    together.reset(seed=0)
    frames = together.render()
    assert len(frames) == 2 and not np.any(np.all(frames[0] == PLATFORM, axis=2))
    assert WaterMazeEnv().render() is None and WaterMazeVectorEnv().render() is None


@pytest.mark.parametrize(
    ("misuse", "message"),
    [
        (lambda: WaterMazeEnv(depth=1.0), "a keyword of water-maze must be one of .* received 'depth'"),
        (lambda: WaterMazeEnv(platform_radius=-1.0), "platform_radius must be"),
        (lambda: WaterMazeEnv(render_mode="human"), "render_mode must be None or 'rgb_array', received 'human'"),
        (
            lambda: WaterMazeEnv().reset(options={"platform": 1}),
            "an option of reset must be 'key', received 'platform'",
        ),
        (lambda: WaterMazeEnv().reset(options={"key": -1}), "key must be an integer from 0"),
        (lambda: WaterMazeEnv().reset(options={"key": 1.5}), "key must be an integer from 0"),
        (lambda: WaterMazeEnv().step(np.zeros(3)), "action must be numbers of shape"),
        (lambda: WaterMazeEnv().step(np.array([np.nan, 0.0])), "action must be finite"),
        (lambda: WaterMazeVectorEnv(0), "num_envs must be an integer of at least 1"),
        (lambda: WaterMazeVectorEnv(2).reset(options={"key": [1]}), "key must be 2 whole numbers"),
        (lambda: WaterMazeVectorEnv(2).reset(seed=[1]), "seed must be one integer or 2 of them"),
        (lambda: WaterMazeVectorEnv(2).step(np.zeros((3, 2))), "action must be numbers of shape"),
    ],
)
def test_misuse_is_named(misuse, message) -> None:
    with pytest.raises(InputError, match=message):
        misuse()
