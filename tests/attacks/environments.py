"""Attacks on blocks of a Gymnasium environment, and by what an environment returns."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode, VectorEnv

from lsnn.gym_blocks import GymBlock
from lsnn.learning.config import LearningConfig
from lsnn.meta import new_network
from lsnn.network import NetworkConfig
from tasks.gym_task import GymTask
from tests.attacks import wrong
from tests.attacks.attack import Attack
from tests.attacks.blocks import result_of
from tests.attacks.wrong import Pairs, named

GOOD: dict[str, Any] = {
    "observation": np.full((8, 3), 0.5, np.float32), "reward": np.ones(8), "terminated": np.zeros(8, bool),
    "truncated": np.zeros(8, bool),
}  # fmt: skip


class Parrot(VectorEnv):
    """Says the same at every step."""

    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}
    single_observation_space, single_action_space = Box(-1.0, 1.0, (3,)), Discrete(2)

    def __init__(self, count: int, observation, reward, terminated, truncated):
        self.num_envs, self.says = count, (observation, reward, terminated, truncated)

    def reset(self, *, seed=None, options=None):
        """Begin."""
        return GOOD["observation"], {}

    def step(self, actions):
        """Whatever is done."""
        return *self.says, {}


@dataclass(frozen=True)
class ParrotTask(GymTask):
    """A task of parrots."""

    env_id: str = "parrot"
    duration_ms: int = 12

    def vector_env(self, count: int) -> VectorEnv:
        """So many parrots."""
        return Parrot(count, **GOOD)


TASK, CONFIG = ParrotTask(), NetworkConfig(n_excitatory=6, n_inhibitory=2, n_adaptive=4, d_max_ms=3)
NETWORK = new_network(TASK, CONFIG, LearningConfig(), seed=1)
KEYS = np.arange(8, dtype=np.uint64)


def begun() -> GymBlock:
    block = GymBlock(TASK, NETWORK, TASK.duration_ms)
    block.begin(TASK, KEYS)
    return block


def roll_out(weights, log_std, steps, hold, **says) -> list[np.ndarray]:
    """A roll-out in which the environment says something."""
    block = begun()
    block.env = Parrot(8, **says)
    block.roll_out(weights, log_std, steps, hold)
    return result_of(block)


def wrong_roll_outs(good: dict[str, Any]) -> Pairs:
    truths = [each for each in wrong.of_array(good["terminated"], written=False) if "place" not in each[0]]
    yield from named(
        weights=(("None", None), ("in double precision", NETWORK.weights(np.float64))),
        log_std=(each for each in wrong.of_numbers(good["log_std"]) if each[0] != "axis 0 of length 2"),  # two actions
        steps=(*(each for each in wrong.of_integer() if each[1] is not None), ("beyond the end", 13)),
        hold=wrong.of_integer(1),
        observation=(*wrong.of_numbers(good["observation"]), ("NaN", good["observation"] * np.nan)),
        reward=(*wrong.of_numbers(good["reward"]), ("NaN", good["reward"] * np.nan)),
        terminated=truths,
        truncated=truths,
    )


def back(g_y, g_z) -> list[np.ndarray]:
    """The gradient of a block after its replay."""
    block = begun()
    block.replay(NETWORK.weights())
    return list(block.back(NETWORK.weights(), g_y, g_z, 0.3, False))


def attacks() -> Iterator[Attack]:
    """Every way into compiled code by an environment."""
    yield Attack(
        "GymBlock", lambda **given: GymBlock(**given).steps,
        lambda: {"task": TASK, "network": NETWORK, "steps": 12, "keep_states": True, "dtype": np.float32},
        lambda good: named(task=wrong.no_arrays(), network=wrong.no_arrays(), steps=wrong.of_integer(1),
                           keep_states=wrong.of_flag(), dtype=(("half", np.float16), ("None", None))),
    )  # fmt: skip
    yield Attack(
        "GymBlock.begin", lambda keys: GymBlock(TASK, NETWORK, 12).begin(TASK, keys), lambda: {"keys": KEYS},
        lambda good: named(keys=wrong.of_keys(KEYS)),
    )  # fmt: skip
    yield Attack(
        "GymBlock.roll_out", roll_out,
        lambda: {"weights": NETWORK.weights(), "log_std": np.zeros(1), "steps": 12, "hold": 2, **GOOD},
        wrong_roll_outs, lambda good: named(reward=wrong.converted(good["reward"])),
    )  # fmt: skip
    yield Attack(
        "GymBlock.back", back, lambda: {"g_y": np.ones((12, NETWORK.n_out, 8)), "g_z": np.ones(CONFIG.n_neurons)},
        lambda good: named(g_y=wrong.of_numbers(good["g_y"]), g_z=wrong.of_numbers(good["g_z"])),
    )  # fmt: skip
