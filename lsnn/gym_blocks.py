"""Eight episodes side by side in an environment that is no compiled task: any Gymnasium vector environment.

The network, its encoder and its policy run compiled from one step of the environment to the next; the environment
steps in Python. So this is slower than a fused roll-out, and the same to whoever learns from it.

An episode that ends within the record is followed by another (Gymnasium's next-step autoreset): the network meets the
final observation for as long as any other, since the value of a state that was cut off is the bootstrap after a
truncation; the action then handed over does nothing; and the new episode, a new world, begins with a state of zero.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Protocol, runtime_checkable

import numpy as np
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv

from lsnn.blocks import Block, in_order_of_network
from lsnn.errors import InputError
from lsnn.kernels.layout import Adjoint, Gradient, State, Weights, adjoint_zeros, gradient_zeros, state_zeros
from lsnn.kernels.simd import LANES
from lsnn.network import Network
from lsnn.task import Task
from lsnn.validation import numbers_of, require, require_array, require_integer, require_kind


@runtime_checkable
class EnvironmentTask(Task, Protocol):
    """A task that is a Gymnasium environment; its compiled functions only hold the observation, as its state."""

    @property
    def ms_per_step(self) -> int:
        """Steps of the network for each step of the environment; it acts with the action of the last."""

    @property
    def reward_scale(self) -> float:
        """What the environment's rewards are multiplied by."""

    def vector_env(self, count: int) -> VectorEnv:
        """`count` environments side by side, with next-step autoreset."""


def block_for(
    task: Task, network: Network, steps: int, keep_states: bool = False, dtype=np.float32, segment: int = 0
) -> Block:
    """The block that rolls out this task, fused or with a Gymnasium environment; arguments as for `Block`."""
    if isinstance(task, EnvironmentTask):
        return GymBlock(task, network, steps, keep_states, dtype)
    return Block(task, network, steps, keep_states, dtype, segment)


class GymBlock(Block):
    """A block whose lanes are the sub-environments of a vector environment.

    Beside what `Block` records: `began` (T, 8) bool, whether an episode began with step t after another; `trace.acted`
    is True only in the last ms before a step of the environment that listens. All steps are kept for the adjoint.

    Raises:
        InputError: the environment begins anew within a step; or, in a roll-out, raises an error, or gives an
            observation or reward that is not finite.
    """

    def __init__(
        self, task: EnvironmentTask, network: Network, steps: int, keep_states: bool = False, dtype=np.float32
    ):
        require_kind("task", task, EnvironmentTask)
        require_integer("ms_per_step of the task", task.ms_per_step, 1)
        super().__init__(task, network, steps, keep_states, dtype)
        self.ms_per_step, self.reward_scale = task.ms_per_step, task.reward_scale
        self.env_name = task.name
        with self._asking("as eight were made"):
            self.env = task.vector_env(LANES)
        self.env_name = self.env.spec.id if self.env.spec is not None else task.name
        self.of = f"of {self.env_name}"
        require(self.env.num_envs == LANES, f"vector_env({LANES}) {self.of}", f"of {LANES}", self.env.num_envs)
        mode = self.env.metadata.get("autoreset_mode")
        if mode != AutoresetMode.NEXT_STEP:
            raise InputError(f"autoreset_mode of {task.name} must be {AutoresetMode.NEXT_STEP}, got {mode}")

    def begin(self, task: Task, keys: np.ndarray) -> None:
        """Start eight episodes from rest: keys (8,) uint64 seed the environments; the network's state is zero."""
        super().begin(task, keys)
        with self._asking("on reset"):
            observation, _ = self.env.reset(seed=self._seed())
        self._observe(observation, "on reset")
        self.over = np.zeros(LANES, bool)
        self.began[:] = False

    def _seed(self):
        """A seed a lane; a vector environment with one generator for all lanes takes the first."""
        seeds = [int(key) >> 1 for key in self.keys]
        apart = isinstance(self.env.unwrapped, SyncVectorEnv | AsyncVectorEnv)
        return seeds if apart else seeds[0]

    @contextmanager
    def _asking(self, when: str) -> Iterator[None]:
        """Turns whatever an environment raises, or Gymnasium does about what it returned, into an InputError."""
        try:
            yield
        except (Exception, SystemExit) as error:
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            rule = "must take seeds and actions, and return what Gymnasium asks for"
            raise InputError(f"the environment {self.env_name} {rule}, raised {when}: {reason}") from error

    def _observe(self, observation: np.ndarray, when: str) -> None:
        shape = (LANES, *(self.env.single_observation_space.shape or ()))
        observation = numbers_of(f"observations {self.of}", observation, shape)
        self._require_finite("observation", observation, when)
        self.task_state[:] = observation.reshape(LANES, -1)

    def _require_finite(self, what: str, values: np.ndarray, when: str) -> None:
        """InputError for NaN or infinity, (8, ...), which would pass through the network unseen."""
        values = np.reshape(values, (LANES, -1))
        for lane, i in np.argwhere(~np.isfinite(values))[:1]:
            rule = f"must be finite, got {values[lane, i]} as its number {i} {when}"
            raise InputError(f"the {what} of {self.env_name} {rule} (environment {lane} of {LANES})")

    def roll_out(
        self, weights: Weights, log_std: np.ndarray, steps: int | None = None, hold: int = 1, mean_norm: float = np.inf
    ) -> None:
        """As `Block.roll_out`; one compiled segment for each step of the environment."""
        end = self._end(steps)
        while self.t < end:
            stop = min(end, (self.t // self.ms_per_step + 1) * self.ms_per_step)
            rows = slice(self.t, stop)
            super().roll_out(weights, log_std, stop - self.t, hold, mean_norm)
            self.trace.truncated[rows] = False
            self.trace.between[rows] = self.over
            if stop % self.ms_per_step == 0:
                self._step(stop - 1)

    def _step(self, t: int) -> None:
        """The environment's step under the action of step t."""
        when = f"at step {(t + 1) // self.ms_per_step}"
        with self._asking(when):
            observation, reward, terminated, truncated, _ = self.env.step(self._handed_over(self.trace.action[t]))
        self._observe(observation, when)
        reward = numbers_of(f"rewards {self.of}", reward, (LANES,))
        self._require_finite("reward", reward, when)
        trace, ends = self.trace, (("terminations", terminated), ("truncations", truncated))
        for name, values in ends:
            require_array(f"{name} {self.of}", values, (LANES,), np.dtype(bool), written=False)
        trace.reward[t], trace.acted[t] = self.reward_scale * reward, ~self.over
        trace.terminated[t], trace.truncated[t] = terminated, truncated
        silence(self.state, self.over)
        if t + 1 < self.steps:
            self.began[t + 1] = self.over
        self.over = terminated | truncated

    def _handed_over(self, action: np.ndarray) -> np.ndarray:
        """What the environment is given for the recorded actions (8, n_action): classes, or numbers within its Box."""
        space = self.env.single_action_space
        if isinstance(space, Discrete):
            return space.start + action[:, 0].astype(space.dtype)
        assert isinstance(space, Box)
        return np.clip(action.reshape(LANES, *space.shape), space.low, space.high).astype(space.dtype)

    def _parts(self) -> Iterator[tuple[int, int, np.ndarray]]:
        """Steps first..last within which no episode begins, and the lanes (8,) whose episode begins with the first."""
        starts = [0, *(t for t in np.flatnonzero(self.began.any(axis=1)).tolist() if t > 0), self.steps]
        for first, last in pairwise(starts):
            yield first, last, self.began[first]

    def replay(self, weights: Weights) -> None:
        """Run the recorded input spikes through other weights, from zero where an episode began."""
        self._require_replay(weights)
        state = state_zeros(*self.sizes, self.dtype)
        for first, last, began in self._parts():
            silence(state, began)
            self.passes.replay(first, weights, state, self.rows(first, last))

    def back(self, weights: Weights, g_y: np.ndarray, g_z: np.ndarray, gamma: float, detach_reset: bool) -> Gradient:
        """As `Block.back`; nothing flows from an episode into the one before it."""
        g_y, g_z = self._require_adjoint(weights, g_y, g_z, gamma, detach_reset)
        gradient, adjoint = gradient_zeros(weights, self.n_learnt), adjoint_zeros(*self.sizes, self.dtype)
        for first, last, began in reversed(list(self._parts())):
            self.passes.back(
                first, weights, self.rows(first, last), g_y[first:last], g_z,
                self.dtype(gamma), self.dtype(0.0 if detach_reset else 1.0), adjoint, gradient,
            )  # fmt: skip
            if self.n_learnt:
                lanes = began if first else slice(None)
                gradient.start[:, lanes] += adjoint.x[:, lanes]
            silence(adjoint, began)
        self._credit_kappa(weights, g_y, gradient)
        return in_order_of_network(weights, gradient)


def silence(quantities: State | Adjoint, lanes: np.ndarray) -> None:
    """Zero the chosen lanes, (8,) bool, of a state of the network or of its adjoint."""
    for array in quantities:
        array[..., lanes] = 0.0
