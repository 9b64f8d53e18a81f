"""Gymnasium environments as tasks: spaces, ranges, measures, bad input."""

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, MultiBinary

from lsnn.configuration import from_mapping, to_mapping
from lsnn.errors import InputError
from lsnn.gym_blocks import EnvironmentTask
from lsnn.task import Task
from tasks import gym_task
from tasks.encoders import GaussianPopulation, PlaceCells
from tasks.gym_task import GymTask


class Switches(gymnasium.Env):
    """An environment whose actions are no number and no class; observations are a picture."""

    observation_space, action_space = Box(0.0, 1.0, (2, 3)), MultiBinary(3)


gymnasium.register("Switches-v0", Switches)


def test_cart_pole_chooses_between_classes():
    task = GymTask("CartPole-v1")
    assert isinstance(task, Task) and isinstance(task, EnvironmentTask)
    assert (task.action_kind, task.n_action, task.n_observation, task.n_state) == ("categorical", 2, 4, 4)
    assert task.encoder.n_inputs == 64
    assert task.encoder.high == (2.4, 3.0, 0.21, 3.0)


def test_pendulum_acts_with_a_number_and_has_its_own_bounds():
    task = GymTask("Pendulum-v1")
    assert (task.action_kind, task.n_action, task.n_observation) == ("gaussian", 1, 3)
    assert task.encoder.low == (-1.0, -1.0, -8.0)
    assert task.encoder.high == (1.0, 1.0, 8.0)


def test_an_encoder_sets_the_range():
    encoder = GaussianPopulation((-1.0,) * 4, (1.0,) * 4, cells_per_dimension=5)
    assert GymTask("CartPole-v1", encoder=encoder).encoder is encoder


def test_environments_side_by_side():
    env = GymTask("CartPole-v1", {"sutton_barto_reward": True}).vector_env(3)
    observation, _ = env.reset(seed=[1, 2, 1])
    np.testing.assert_array_equal(observation[0], observation[2])
    assert np.any(observation[0] != observation[1])
    reward = env.step(np.zeros(3, int))[1]
    np.testing.assert_array_equal(reward, 0)


def test_the_state_holds_the_observation_while_the_network_thinks():
    state, observation, parameters = np.array([0.5, -2.0]), np.zeros(2), np.zeros(0)
    gym_task.begin(np.uint64(1), parameters, state)
    gym_task.observe(state, parameters, observation)
    outcome = gym_task.transition(np.uint64(1), 0, np.ones(1), parameters, state)
    np.testing.assert_array_equal(observation, [0.5, -2.0])
    np.testing.assert_array_equal(state, [0.5, -2.0])
    assert outcome == (0.0, False, False)
    assert gym_task.target(state, parameters, np.zeros(0)) == 0.0


def test_metrics_are_of_the_first_episode_of_each_record():
    task = GymTask("CartPole-v1", ms_per_step=2, reward_scale=0.5)
    reward, acted = np.zeros((2, 11)), np.zeros((2, 11), bool)
    reward[:, 1::2] = 0.5 * np.array([[1, 2, 0, 4, 5], [1, 1, 1, 1, 3]])
    acted[:, 1::2] = np.array([[1, 1, 0, 1, 1], [1, 1, 1, 1, 1]])
    assert task.metrics(reward, acted) == {"episode_return": (3 + 7) / 2, "episode_steps": (2 + 5) / 2}


def test_there_is_no_curriculum():
    task = GymTask("CartPole-v1")
    assert task.at_difficulty(0.0) is task


def test_a_configuration_comes_back():
    task = GymTask("CartPole-v1", {"sutton_barto_reward": True}, ms_per_step=3)
    values = to_mapping(task) | {"encoder": task.encoder}
    assert from_mapping(GymTask, values, "task") == task


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GymTask("NoSuch-v0"), "env_id must be an environment that .* received 'NoSuch-v0'"),
        (lambda: GymTask("no_such_module:CartPole-v1"), "env_id must be an environment that Gymnasium can make"),
        (lambda: GymTask("CartPole-v1", {"gravity": 9.0}), "env_id must be .* unexpected keyword argument 'gravity'"),
        (lambda: GymTask(3), "env_id must be the name of an environment, received 3"),
        (lambda: GymTask("FrozenLake-v1"), "the observation space of FrozenLake-v1 must be a Box, received Discrete"),
        (lambda: GymTask("Switches-v0"), "the action space of Switches-v0 must be a Box or Discrete, received Multi"),
        (lambda: GymTask("Unbounded-v0"), r"dimension 1 of Unbounded-v0 must be bounded, .* received \(-inf, inf\)"),
        (lambda: GymTask("CartPole-v1", ms_per_step=0), "ms_per_step must be an integer of at least 1"),
        (lambda: GymTask("CartPole-v1", duration_ms=1), "duration_ms must be an integer of at least 2"),
        (lambda: GymTask("CartPole-v1", reward_scale=0.0), "reward_scale must be a number"),
        (lambda: GymTask("CartPole-v1", encoder="cells"), "encoder must be an encoder"),
        (lambda: GymTask("MountainCar-v0", encoder=PlaceCells()), "encoder must be one of 2 numbers, .* reads 4"),
        (
            lambda: GymTask("CartPole-v1", encoder=GaussianPopulation((0.0,), (1.0,))),
            "encoder must be one of 4 numbers, as the observation has .this one reads 1.",
        ),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(InputError, match=message):
        make()


class Unbounded(gymnasium.Env):
    """An environment whose second observation has no bounds, or the largest number as its bound."""

    action_space = Box(-1.0, 1.0, (1,))

    def __init__(self, bound: float, dtype: type = np.float32) -> None:
        self.observation_space = Box(np.array([0.0, -bound], dtype), np.array([1.0, bound], dtype), dtype=dtype)


gymnasium.register("Unbounded-v0", Unbounded, kwargs={"bound": np.inf})


@pytest.mark.parametrize(
    ("bound", "dtype"), [(3.4e38, np.float32), (1.01e30, np.float32), (np.finfo(np.float64).max, np.float64)]
)
def test_a_bound_of_astronomic_size_is_none(bound, dtype):
    """Cells spread over such a range would never differ."""
    with pytest.raises(InputError, match="dimension 1 of Unbounded-v0 must be bounded, or the task given an encoder"):
        GymTask("Unbounded-v0", {"bound": bound, "dtype": dtype})
    assert GymTask("Unbounded-v0", {"bound": bound, "dtype": dtype}, encoder=GaussianPopulation((0, -1), (1, 1)))
    assert GymTask("Unbounded-v0", {"bound": 1e6}).encoder.high == (1.0, 1e6)
