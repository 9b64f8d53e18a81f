"""What stands between Stable-Baselines3 and the maze; the library itself is in the environment of the benchmarks."""

import gymnasium
import numpy as np

from benchmarks.recurrent_ppo import Held, of_baselines, visits
from lsnn.seeds import episode_keys

HOLD = 8
KEYS = episode_keys(3, 1, 0, 8)


class Ahead:
    """A model that swims to a place, and counts how often it is asked."""

    def __init__(self, place: np.ndarray) -> None:
        self.place, self.asked = place, 0

    def predict(self, seen, states, starts, deterministic):
        """The velocity towards the place."""
        assert starts.all() == (self.asked == 0) and states == (self.asked or None)
        self.asked += 1
        way = self.place - seen[:, :2]
        return way / np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9), self.asked


def test_visits_are_those_of_the_environment_that_it_learns_in():
    place = np.array([0.6, 0.6], np.float32)
    found = visits(Ahead(place), KEYS, HOLD)
    for key, expected in zip(KEYS, found, strict=True):
        env, model, earned, steps = Held(gymnasium.make("lsnn/WaterMaze-v0"), HOLD), Ahead(place), 0, 0
        seen, _ = env.reset(options={"key": int(key)})
        truncated = False
        while not truncated:
            action, _ = model.predict(seen[None], steps or None, np.array([steps == 0]), True)
            seen, reward, _, truncated, _ = env.step(action[0])
            earned, steps = earned + round(reward + 0.4), steps + 1  # 1 for the platform, -0.02 a step at the wall
        assert (earned, steps) == (expected, 2000 // HOLD)
    assert 0 < found.sum() < 0.5 * 8 * of_baselines(KEYS, HOLD)["oracle"]


def test_a_flag_of_one_step_is_seen_after_those_that_follow():
    class Flashes(gymnasium.Env):
        """On the platform in its third step alone."""

        observation_space = gymnasium.spaces.Box(-1, 1, (4,))
        action_space = gymnasium.spaces.Box(-1, 1, (2,))

        def reset(self, **keywords):
            self.t = 0
            return np.zeros(4, np.float32), {}

        def step(self, action):
            self.t += 1
            return np.array([0, 0, self.t == 3, 0], np.float32), float(self.t == 3), False, self.t == 12, {}

    env = Held(Flashes(), HOLD)
    env.reset()
    seen, reward, _, truncated, _ = env.step(np.zeros(2))
    assert (seen[2], reward, truncated) == (1, 1.0, False)
    seen, reward, _, truncated, _ = env.step(np.zeros(2))
    assert (seen[2], reward, truncated) == (0, 0.0, True)
