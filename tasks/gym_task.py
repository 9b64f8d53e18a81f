"""Any Gymnasium environment with a Box observation and a Box or Discrete action as a task.

The environment itself steps in Python (`lsnn.gym_blocks`); the compiled functions here only hold its last observation,
which is the state, while the network thinks.
"""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import VectorEnv
from numba import njit
from numpy.typing import NDArray

from lsnn.errors import InputError
from lsnn.task import ActionKind, Encoder, Loss
from lsnn.validation import require, require_integer, require_number
from tasks.encoders import GaussianPopulation
from tasks.validation import require_encoder

# Where an observation space is unbounded: the range that matters, in the environment's units.
UNBOUNDED = 1e30  # a bound beyond it is none: many a space names the largest float32
DECLARED_RANGES = {"CartPole-v1": ((-2.4, -3.0, -0.21, -3.0), (2.4, 3.0, 0.21, 3.0))}


@njit(error_model="numpy")
def begin(key, parameters, state):
    """The environment fills the state with its observation."""


@njit(error_model="numpy")
def observe(state, parameters, observation):
    """The environment's last observation."""
    observation[:] = state


@njit(error_model="numpy")
def transition(key, t, action, parameters, state):
    """Nothing happens between two steps of the environment; returns reward, acted, terminated."""
    return 0.0, False, False


@njit(error_model="numpy")
def target(state, parameters, target):
    """No target is known; returns its weight, 0."""
    return 0.0


@dataclass(frozen=True)
class GymTask:
    """A Gymnasium environment; one episode follows another until `duration_ms` are over.

    Args:
        env_id: the environment's registered name.
        env_kwargs: keywords for `gymnasium.make_vec`.
        ms_per_step: steps of the network for each step of the environment, all with the same observation; the action
            is read at the last.
        reward_scale: the environment's rewards are multiplied by it; the values to learn should be of order 1.
        duration_ms: length of a record; the last step only serves as its bootstrap.
        encoder: how the observation becomes input spikes; none = a Gaussian population for each dimension over the
            bounds of the observation space (or `DECLARED_RANGES`), none beyond `UNBOUNDED`. Observations beyond the
            range of a population are clipped.

    Raises:
        InputError: an unknown environment, other spaces than a Box to observe and a Box or Discrete to act in, an
            unbounded observation without an encoder, or a value that breaks its rule.
    """

    env_id: str = "CartPole-v1"
    env_kwargs: dict = field(default_factory=dict)
    ms_per_step: int = 5
    reward_scale: float = 1.0
    duration_ms: int = 2501
    encoder: Encoder = None  # type: ignore[assignment]

    name = "gym"
    dynamics = "tasks.gym_task"
    loss: ClassVar[Loss] = "reward"
    n_target = 0

    def __post_init__(self) -> None:
        require(isinstance(self.env_id, str), "env_id", "the name of an environment", self.env_id)
        require_integer("ms_per_step", self.ms_per_step, 1)
        require_number("reward_scale", self.reward_scale, 1e-9)
        require_integer("duration_ms", self.duration_ms, 2)
        if self.encoder is None:
            object.__setattr__(self, "encoder", _population(self.env_id, self.spaces[0]))  # type: ignore[unreachable]
        require_encoder(self.encoder, self.n_observation)

    @cached_property
    def spaces(self) -> tuple[Box, Box | Discrete]:
        """The spaces of one environment: to observe and to act in."""
        try:
            env = self.vector_env(1)
        except (Exception, SystemExit) as error:  # whatever the code of an environment raises
            message = str(error).strip().partition("\n")[0] or type(error).__name__
            rule = "an environment that Gymnasium can make"
            raise InputError(f"env_id must be {rule}, received {self.env_id!r}: {message}") from error
        observed, acted = env.single_observation_space, env.single_action_space
        env.close()
        require(isinstance(observed, Box), f"the observation space of {self.env_id}", "a Box", observed)
        require(isinstance(acted, Box | Discrete), f"the action space of {self.env_id}", "a Box or Discrete", acted)
        return observed, acted

    @property
    def n_observation(self) -> int:
        """Numbers in an observation."""
        return math.prod(self.spaces[0].shape)

    @property
    def n_state(self) -> int:
        """The state is the observation."""
        return self.n_observation

    @property
    def action_kind(self) -> ActionKind:
        """A class for a Discrete space, a Gaussian for a Box."""
        return "categorical" if isinstance(self.spaces[1], Discrete) else "gaussian"

    @property
    def n_action(self) -> int:
        """Numbers in an action, or classes."""
        acted = self.spaces[1]
        return int(acted.n) if isinstance(acted, Discrete) else math.prod(acted.shape)

    def vector_env(self, count: int) -> VectorEnv:
        """`count` environments side by side, each with a seed of its own where it can be made singly."""
        single = gymnasium.spec(self.env_id).entry_point is not None
        mode = "sync" if single else "vector_entry_point"
        return gymnasium.make_vec(self.env_id, count, **{"vectorization_mode": mode, **self.env_kwargs})

    def parameters(self) -> NDArray[np.float64]:
        """Nothing: the environment has its own."""
        return np.zeros(0)

    def at_difficulty(self, level: float) -> "GymTask":
        """The task itself: there is no curriculum."""
        return self

    def metrics(self, reward: NDArray[np.floating], acted: NDArray[np.bool_]) -> dict[str, float]:
        """Return and length of each record's first episode, which is whole or lasts as long as the record.

        Only the first counts: of those that follow, the short ones are the more likely to end within the record.

        Args:
            reward, acted: (episodes, steps).
        Returns:
            episode_return, episode_steps (steps of the environment).
        """
        last = slice(self.ms_per_step - 1, None, self.ms_per_step)
        reward, acted = np.asarray(reward)[:, last], np.asarray(acted)[:, last]
        first = np.logical_and.accumulate(acted, axis=1)
        return {
            "episode_return": float(np.sum(reward, axis=1, where=first).mean()) / self.reward_scale,
            "episode_steps": float(first.sum(axis=1).mean()),
        }


def _population(env_id: str, observed: Box) -> GaussianPopulation:
    """A Gaussian population for each dimension of the observation."""
    low, high = DECLARED_RANGES.get(env_id, (observed.low.ravel().tolist(), observed.high.ravel().tolist()))
    for dimension, ends in enumerate(zip(low, high, strict=True)):
        rule = "bounded, or the task given an encoder with a range"
        require(all(abs(end) <= UNBOUNDED for end in ends), f"dimension {dimension} of {env_id}", rule, ends)
    return GaussianPopulation(tuple(low), tuple(high))
