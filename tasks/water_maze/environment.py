"""The water maze as Gymnasium environments, single and vectorised, on the compiled dynamics of `tasks.water_maze`."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numba import njit
from numpy.typing import NDArray

from lsnn.validation import keys_of, numbers_of, require, require_integer
from tasks.water_maze.dynamics import GOAL_X, GOAL_Y, N_STATE, TRIAL, X, Y, begin, observe, transition
from tasks.water_maze.rendering import draw_maze
from tasks.water_maze.task import WaterMaze

RENDER_FPS = 50


@njit(error_model="numpy")
def _begin_all(keys, chosen, parameters, states, observations):
    """Begin the chosen episodes: keys, chosen (n,); states (n, N_STATE), observations (n, 4)."""
    for i in range(len(keys)):
        if chosen[i]:
            begin(keys[i], parameters, states[i])
            observe(states[i], parameters, observations[i])


@njit(error_model="numpy")
def _step_all(keys, chosen, times, actions, parameters, states, observations, rewards):
    """Move the chosen episodes through one step: times, rewards (n,), actions (n, 2)."""
    for i in range(len(keys)):
        rewards[i] = 0.0
        if chosen[i]:
            rewards[i], _, _ = transition(keys[i], times[i], actions[i], parameters, states[i])
            observe(states[i], parameters, observations[i])


def _family(members: dict[str, Any]) -> WaterMaze:
    """The family with these members; InputError for an unknown one."""
    known = [field.name for field in fields(WaterMaze)]
    for name in members:
        require(name in known, "a keyword of the water maze", f"one of {', '.join(known)}", name)
    return WaterMaze(**members)


def _observation_space() -> Box:
    return Box(np.array([-1, -1, 0, 0], np.float32), np.ones(4, np.float32))


def _action_space() -> Box:
    return Box(-1.0, 1.0, (2,))


def _option(options: dict[str, Any] | None) -> Any:
    """The value of options["key"], the only option known, or None."""
    for name in options or {}:
        require(name == "key", "an option of reset", "'key'", name)
    return (options or {}).get("key")


def _draw_key(generator: np.random.Generator) -> np.uint64:
    return generator.integers(0, 2**64, dtype=np.uint64)


class _Pools:
    """Episodes side by side: keys, times and states (n, N_STATE) with the compiled dynamics."""

    def __init__(self, family: WaterMaze, n: int) -> None:
        self.family = family
        self.parameters = family.parameters()
        self.keys = np.zeros(n, np.uint64)
        self.times = np.zeros(n, np.int64)
        self.states = np.zeros((n, N_STATE))
        self.rewards = np.zeros(n)
        self._observations = np.zeros((n, 4))

    @property
    def observations(self) -> NDArray[np.float32]:
        """What the animals perceive, (n, 4)."""
        return self._observations.astype(np.float32)

    @property
    def truncated(self) -> NDArray[np.bool_]:
        """Which episodes have lasted their time, (n,)."""
        return self.times >= self.family.duration_ms

    def begin(self, chosen: NDArray[np.bool_]) -> None:
        """Begin the chosen episodes, (n,), from their keys."""
        self.times[chosen] = 0
        _begin_all(self.keys, chosen, self.parameters, self.states, self._observations)

    def step(self, chosen: NDArray[np.bool_], action: Any) -> None:
        """Move the chosen episodes, (n,), under finite actions (n, 2)."""
        action = numbers_of("action", action, (len(self.keys), 2))
        require(bool(np.isfinite(action).all()), "action", "finite", action)
        _step_all(self.keys, chosen, self.times, action, self.parameters, self.states, self._observations, self.rewards)
        self.times[chosen] += 1

    def picture(self, i: int, trail: Sequence[tuple[float, float]] = ()) -> NDArray[np.uint8]:
        """The i-th pool from above."""
        hidden = 0 <= self.family.probe_ms <= self.times[i]
        return draw_maze(self.states[i], trail, hidden)


class WaterMazeEnv(gymnasium.Env[NDArray[np.float32], NDArray[np.float32]]):
    """
    ## Description
    The water maze of Morris (1984), in the geometry of Bellec et al. (2018) as recalled. An animal swims in a circular
    pool of radius 1 until it finds a hidden platform; it rests there and is set down elsewhere, again and again. The
    platform stays where it is for an episode, so whoever remembers the first find swims straight to it from then on.

    ## Action Space
    `Box(-1, 1, (2,), float32)`

    | Num | Action           | Min | Max | Unit        |
    |-----|------------------|-----|-----|-------------|
    | 0   | velocity along x | -1  | 1   | 0.02 per ms |
    | 1   | velocity along y | -1  | 1   | 0.02 per ms |

    ## Observation Space
    `Box([-1, -1, 0, 0], 1, (4,), float32)`

    | Num | Observation                          | Min | Max | Unit              |
    |-----|--------------------------------------|-----|-----|-------------------|
    | 0   | x                                    | -1  | 1   | radii of the pool |
    | 1   | y                                    | -1  | 1   | radii of the pool |
    | 2   | on the platform                      | 0   | 1   | flag              |
    | 3   | ran into the wall in the step before | 0   | 1   | flag              |

    In the dark (`dark_ms`) the observation is (1, 1, 0, 0), a place outside the pool.
    `info` holds `key` (uint64, the episode's), `goal` (x, y of the platform) and `trial` (number of set-downs - 1).

    ## Transition Dynamics
    The action's norm is clipped to 1, it is turned by the episode's rotation and moves the animal by `speed` times
    itself. A path that leaves the pool ends where it meets the wall. If the move ends within the disc of the platform,
    the next observation is on the platform; actions do nothing for `rest_ms` (and `dark_ms`) steps; then the animal
    is set down. One step is 1 ms.

    ## Reward
    +1 on reaching the platform, -0.02 on running into the wall.

    ## Starting State
    The platform's centre is uniform on the circle of radius 0.85, the animal uniform in the pool outside the platform.
    Both follow from the episode's key: `reset(options={"key": k})` sets it, `reset(seed=s)` seeds the draw of it.

    ## Episode End
    Never terminated; truncated after `duration_ms` steps.

    ## Arguments
    The fields of `tasks.water_maze.WaterMaze`, among them `platform_radius`, `platform_anywhere`, `held_out_wedge`,
    `start_radius`, `rest_ms`, `dark_ms`, `reversal_ms`, `probe_ms`, `rotation_degrees` and `duration_ms`:

        gymnasium.make("lsnn/WaterMaze-v0", rest_ms=20)

    `render_mode`: None or "rgb_array".

    ## Version History
    * v0: initial version
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": RENDER_FPS}

    def __init__(self, render_mode: str | None = None, **members: Any) -> None:
        require(render_mode in (None, "rgb_array"), "render_mode", "None or 'rgb_array'", render_mode)
        self.render_mode = render_mode
        self.family = _family(members)
        self.observation_space = _observation_space()
        self.action_space = _action_space()
        self._pools = _Pools(self.family, 1)
        self._trail: list[tuple[float, float]] = []
        self._trail_trial = -1

    @property
    def state(self) -> NDArray[np.float64]:
        """A copy of the state, (N_STATE,); its indices are named in `tasks.water_maze`."""
        return self._pools.states[0].copy()

    def _info(self) -> dict[str, Any]:
        state = self._pools.states[0]
        return {"key": self._pools.keys[0], "goal": state[[GOAL_X, GOAL_Y]], "trial": int(state[TRIAL])}

    def _follow(self) -> None:
        """Keep the path of the present trial for the picture."""
        state = self._pools.states[0]
        if state[TRIAL] != self._trail_trial:
            self._trail.clear()
        self._trail_trial = int(state[TRIAL])
        self._trail.append((state[X], state[Y]))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode, from options["key"] if given, else from a key drawn from the environment's generator."""
        super().reset(seed=seed)
        key = _option(options)
        if key is not None:
            require_integer("key", key, 0, 2**64 - 1)
        self._pools.keys[0] = _draw_key(self.np_random) if key is None else np.uint64(key)
        self._pools.begin(np.ones(1, bool))
        self._trail_trial = -1
        self._follow()
        return self._pools.observations[0], self._info()

    def step(self, action: NDArray[np.floating]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """One ms; returns observation, reward, terminated, truncated, info."""
        self._pools.step(np.ones(1, bool), numbers_of("action", action, (2,))[None])
        self._follow()
        truncated = bool(self._pools.truncated[0])
        return self._pools.observations[0], float(self._pools.rewards[0]), False, truncated, self._info()

    def render(self) -> NDArray[np.uint8] | None:
        """The pool from above with the path of the present trial, (400, 400, 3); None without a render mode."""
        return self._pools.picture(0, self._trail) if self.render_mode == "rgb_array" else None


class WaterMazeVectorEnv(VectorEnv[NDArray[np.float32], NDArray[np.float32], NDArray[Any]]):
    """Many water mazes in one compiled step; see `WaterMazeEnv` for what each is.

    The i-th pool under `reset(seed=s)` is what a single environment is under `reset(seed=s + i)`;
    `reset(options={"key": keys})` takes one key a pool. An episode that is over begins anew at the next step
    (Gymnasium's next-step autoreset), whose action does nothing.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": RENDER_FPS, "autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(self, num_envs: int = 1, render_mode: str | None = None, **members: Any) -> None:
        require_integer("num_envs", num_envs, 1)
        require(render_mode in (None, "rgb_array"), "render_mode", "None or 'rgb_array'", render_mode)
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.family = _family(members)
        self.single_observation_space = _observation_space()
        self.single_action_space = _action_space()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._pools = _Pools(self.family, num_envs)
        self._random = [seeding.np_random() for _ in range(num_envs)]  # a generator and its seed a pool

    @property
    def np_random(self) -> tuple[np.random.Generator, ...]:
        """The generator of each pool."""
        return tuple(generator for generator, _ in self._random)

    @property
    def np_random_seed(self) -> tuple[int, ...]:
        """The seed of each pool."""
        return tuple(seed for _, seed in self._random)

    @property
    def states(self) -> NDArray[np.float64]:
        """A copy of the states, (num_envs, N_STATE); the indices are named in `tasks.water_maze`."""
        return self._pools.states.copy()

    def _info(self) -> dict[str, Any]:
        info = {
            "key": self._pools.keys.copy(),
            "goal": self._pools.states[:, [GOAL_X, GOAL_Y]],
            "trial": self._pools.states[:, TRIAL].astype(np.int64),
        }
        return info | {f"_{name}": np.ones(self.num_envs, bool) for name in info}

    def _begin(self, chosen: NDArray[np.bool_]) -> None:
        for i in np.flatnonzero(chosen):
            self._pools.keys[i] = _draw_key(self._random[i][0])
        self._pools.begin(chosen)

    def _seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        """One seed a pool, as Gymnasium's own vector environments have it: seed + i, or those given."""
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, int | np.integer):
            return [int(seed) + i for i in range(self.num_envs)]
        several = isinstance(seed, Sequence | np.ndarray) and len(seed) == self.num_envs
        require(several, "seed", f"one integer or {self.num_envs} of them", seed)
        return list(seed)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin all episodes, from options["key"] (num_envs,) if given, else from keys drawn a pool."""
        seeds = self._seeds(seed)
        for i, pool_seed in enumerate(seeds):
            if pool_seed is not None:
                self._random[i] = seeding.np_random(pool_seed)
        keys = _option(options)
        everywhere = np.ones(self.num_envs, bool)
        if keys is None:
            self._begin(everywhere)
        else:
            self._pools.keys[:] = keys_of("key", keys, self.num_envs)
            self._pools.begin(everywhere)
        return self._pools.observations, self._info()

    def step(
        self, actions: NDArray[np.floating]
    ) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """One ms in every pool; returns observations, rewards, terminations, truncations, infos."""
        over = self._pools.truncated
        self._pools.step(~over, actions)
        if over.any():
            self._begin(over)
        terminations = np.zeros(self.num_envs, bool)
        return self._pools.observations, self._pools.rewards.copy(), terminations, self._pools.truncated, self._info()

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """The pools from above, each (400, 400, 3); None without a render mode."""
        if self.render_mode is None:
            return None
        return tuple(self._pools.picture(i) for i in range(self.num_envs))
