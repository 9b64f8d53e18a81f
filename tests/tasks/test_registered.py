"""What every registered environment keeps: Gymnasium's checks, all modes of vectors, what other libraries ask for."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

import tasks  # noqa: F401  (registers the environments)
from tasks import registry

REGISTERED = sorted(name for name in gymnasium.registry if name.startswith("lsnn/"))
MODES = ("sync", "async", "vector_entry_point", None)
ENVS = 3


def test_environments_are_registered():
    named = {"lsnn/WaterMaze-v0", "lsnn/Bandit-v0", "lsnn/StoreRecall-v0", "lsnn/Regression-v0", "lsnn/AngleRecall-v0"}
    assert named <= set(REGISTERED) and len(REGISTERED) == len(registry.names())


@pytest.mark.parametrize("render_mode", [None, "rgb_array"])
@pytest.mark.parametrize("name", REGISTERED)
def test_check_env_passes_without_a_warning(name, render_mode):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make(name, render_mode=render_mode).unwrapped)


@pytest.mark.parametrize("name", REGISTERED)
def test_every_render_mode_gives_what_it_says(name):
    env = gymnasium.make(name, render_mode="rgb_array")
    env.reset(seed=0)
    frame = env.render()
    assert frame.dtype == np.uint8 and frame.ndim == 3 and frame.shape[2] == 3
    assert set(env.metadata["render_modes"]) == {"rgb_array"} and env.metadata["render_fps"] > 0


def rolled(env, steps: int = 40) -> list[np.ndarray]:
    """Observations, rewards and ends of some steps under drawn actions."""
    env.action_space.seed(1)
    outcomes = [env.reset(seed=5)[0]]
    for _ in range(steps):
        outcomes += env.step(env.action_space.sample())[:4]
    frames = env.render()
    env.close()
    assert len(frames) == ENVS
    return outcomes


@pytest.mark.parametrize("name", REGISTERED)
def test_vectors_of_every_mode_are_the_same_environments(name):
    vectors = [gymnasium.make_vec(name, ENVS, mode, render_mode="rgb_array") for mode in MODES]
    assert isinstance(vectors[0], SyncVectorEnv) and isinstance(vectors[1], AsyncVectorEnv)
    assert all(vector.num_envs == ENVS and vector.metadata["autoreset_mode"] for vector in vectors)
    first, *others = map(rolled, vectors)
    for other in others:
        assert all(map(np.array_equal, first, other))


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("name", REGISTERED)
def test_stable_baselines_learns_on_it(name, parallel):
    """Where it is installed; it is no dependency of the project."""
    pytest.importorskip("stable_baselines3")
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_checker import check_env as check_for_baselines
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv

    with np.errstate(all="warn"):  # torch and its friends do as they please
        check_for_baselines(gymnasium.make(name))
        named = f"tasks:{name}" if parallel else name  # a new process has to import what registers it
        env = make_vec_env(named, 2, seed=0, vec_env_cls=SubprocVecEnv if parallel else DummyVecEnv)
        learner = PPO("MlpPolicy", env, n_steps=64, batch_size=64, n_epochs=1, seed=0, device="cpu")
        before = [parameter.detach().clone() for parameter in learner.policy.parameters()]
        learner.learn(128)
        env.close()
    assert learner.num_timesteps == 128
    assert any(not a.equal(b) for a, b in zip(before, learner.policy.parameters(), strict=True))
