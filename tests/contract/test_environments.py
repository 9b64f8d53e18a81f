"""What the Gymnasium environments of every family of the registry have to keep, whatever it is about."""

import copy
import importlib
import pickle
import re

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Discrete
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import tasks
from lsnn.errors import InputError
from tasks import registry
from tasks.environment import FamilyEnv, FamilyVectorEnv, env_class, make, make_vec, vector_env_class
from tasks.family import Environment

KEY = 2**63 + 12345
STEPS, MANY = 110, 3
HEADINGS = (
    "Description", "Action Space", "Observation Space", "Transition Dynamics", "Reward", "Starting State",
    "Episode End", "Arguments", "Version History",
)  # fmt: skip
families = pytest.mark.parametrize("name", registry.names())


def actions_of(env, steps: int = STEPS) -> list:
    """Some actions of a single environment."""
    env.action_space.seed(1)
    return [env.action_space.sample() for _ in range(steps)]


@families
def test_a_family_is_registered_and_made_by_its_name(name):
    made = gymnasium.make(f"lsnn/{registry.title_of(name)}-v0").unwrapped
    assert type(made) is type(make(name)) is env_class(registry.family(name)) and isinstance(made, FamilyEnv)
    assert made.task == make(name).task and pickle.loads(pickle.dumps(type(made))) is type(made)
    many = gymnasium.make_vec(made.spec.id, MANY, "vector_entry_point").unwrapped
    assert type(many) is type(make_vec(name)) is vector_env_class(registry.family(name))
    assert isinstance(many, FamilyVectorEnv) and many.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP


@families
def test_an_episode_is_that_of_the_compiled_functions_called_one_by_one(name):
    env = make(name)
    task, state, observation = env.task, np.zeros(env.task.n_state), np.zeros(env.task.n_observation)
    module, parameters = importlib.import_module(task.dynamics), task.parameters()
    step_ms = (env.family.environment or Environment()).step_ms(task)
    seen, info = env.reset(options={"key": KEY})
    module.begin(np.uint64(KEY), parameters, state)
    assert info["key"] == KEY
    for first, action in zip(range(0, task.duration_ms, step_ms), actions_of(env), strict=False):
        module.observe(state, parameters, observation)
        np.testing.assert_array_equal(seen, observation.reshape(seen.shape).astype(seen.dtype))
        np.testing.assert_array_equal(env.state, state)
        assert seen in env.observation_space
        seen, reward, terminated, truncated, _ = env.step(action)
        earned = 0.0
        for t in range(first, first + step_ms):
            paid, _, ended = module.transition(np.uint64(KEY), t, np.ravel(action).astype(float), parameters, state)
            earned += paid
            if ended:
                break
        assert (reward, terminated) == (earned, ended) and truncated == (first + 2 * step_ms > task.duration_ms)
        if terminated or truncated:
            break
    assert first > 0


@families
def test_copies_and_pickles_go_on_alike(name):
    for env in (make(name, "rgb_array"), make_vec(name, MANY)):
        env.reset(seed=5)
        env.action_space.seed(1)
        env.step(env.action_space.sample())
        several = [env, copy.deepcopy(env), pickle.loads(pickle.dumps(env))]
        for _ in range(30):
            action = env.action_space.sample()
            first, *others = (one.step(action) for one in several)
            for other in others:
                assert all(map(np.array_equal, first[:4], other[:4]))
        assert len({one.reset()[1]["key"].tobytes() for one in several}) == 1


@families
def test_two_seeded_copies_match_exactly_and_seeds_differ(name):
    first, second = make(name), make(name)
    keys = [env.reset(seed=9)[1]["key"] for env in (first, second)]
    assert keys[0] == keys[1] != first.reset(seed=10)[1]["key"]
    first.reset(seed=9)
    for action in actions_of(first, 30):
        a, b = first.step(action), second.step(action)
        np.testing.assert_array_equal(a[0], b[0])
        assert a[1:4] == b[1:4]


@families
def test_many_side_by_side_are_so_many_single_ones(name):
    """Seeds count up from one to the next, also after episodes that end on the way."""
    together, apart = make_vec(name, MANY), SyncVectorEnv([lambda: make(name)] * MANY)
    outcomes = [env.reset(seed=4) for env in (together, apart)]
    np.testing.assert_array_equal(outcomes[0][0], outcomes[1][0])
    together.action_space.seed(1)
    for _ in range(STEPS):
        action = together.action_space.sample()
        (*found, info), (*wanted, expected) = together.step(action), apart.step(action)
        for value, other in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(value, other)
            assert value.dtype == other.dtype
        assert set(info) == set(expected)
        for told in info:
            np.testing.assert_array_equal(info[told], expected[told])
            assert info[told].dtype == expected[told].dtype and not np.shares_memory(info[told], together.states)


@families
def test_the_docstring_stands_under_gymnasiums_headings(name):
    told = env_class(registry.family(name)).__doc__
    assert tuple(re.findall(r"^## (.*)$", told, re.MULTILINE)) == HEADINGS
    info = make(name).reset(seed=0)[1]
    assert all(f"`{key}`" in told for key in info)
    assert f'gymnasium.make("lsnn/{registry.title_of(name)}-v0", ' in told
    assert told in vector_env_class(registry.family(name)).__doc__


@families
def test_misuse_is_named(name):
    env, many = make(name), make_vec(name, MANY)
    for made in (env, many):
        made.reset(seed=0)
    wrong = (-1, 1.5, "left") if isinstance(env.action_space, Discrete) else (np.zeros(9), np.nan, "left")
    for action in wrong:
        with pytest.raises(InputError, match="action must be"):
            env.step(action)
        with pytest.raises(InputError, match="action must be"):
            many.step([action] * MANY)
    for misuse, message in (
        (lambda: make(name, depth=1), f"a keyword of {name} must be one of .* received 'depth'"),
        (lambda: make(name, render_mode="human"), "render_mode must be None or 'rgb_array', received 'human'"),
        (lambda: env.reset(options={"place": 1}), "an option of reset must be 'key', received 'place'"),
        (lambda: env.reset(options={"key": -1}), "key must be an integer from 0"),
        (lambda: make_vec(name, 0), "num_envs must be an integer of at least 1"),
        (lambda: many.reset(options={"key": [1]}), "key must be 3 whole numbers"),
        (lambda: many.reset(seed=[1]), "seed must be one integer or 3 of them"),
        (lambda: many.step(np.zeros(99)), "action must be numbers of shape"),
    ):
        with pytest.raises(InputError, match=message):
            misuse()


@families
def test_a_task_is_taken_as_it_is(name):
    task = tasks.load(name)
    assert make(task).task is task and make_vec(task, 2).task is task
    with pytest.raises(InputError, match="the keywords beside a task must be none"):
        make(task, seed=1)
