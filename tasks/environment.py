"""Gymnasium environments of any family, single and vectorised, on the compiled dynamics of its task.

    gymnasium.make("lsnn/WaterMaze-v0", rest_ms=20)         a family of the project (`import tasks` registers them)
    tasks.environment.make("my_task.py", duration_ms=500)   one of your own; `make_vec` for many side by side

There is a class NameEnv and a class NameVectorEnv for each family, made when it is asked for. What is a family's own
(spaces, what `info` holds, how long a step lasts, how it is drawn, the docstring) it says in `Family.environment`.
"""

import importlib
import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, MultiBinary, Space
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

from lsnn.validation import keys_of, numbers_of, require, require_integer
from tasks import registry
from tasks.family import Environment, Family
from tasks.rendering import draw_raster

RENDER_MODES = ["rgb_array"]
DRAWN = 100  # most steps in the picture of a family that has none of its own


def make(task: Any, render_mode: str | None = None, **keywords: Any) -> "FamilyEnv":
    """The Gymnasium environment of a family.

    Args:
        task: the name of a family, a file of your own that defines one, or a task, which is taken as it is.
        render_mode: None or "rgb_array".
        keywords: of the task.

    Raises:
        InputError: no such family, an unknown keyword, or a value that breaks its rule.
    """
    family, given = _family_of(task)
    return env_class(family)(render_mode, **given, **keywords)


def make_vec(task: Any, num_envs: int = 1, render_mode: str | None = None, **keywords: Any) -> "FamilyVectorEnv":
    """Many of them side by side, which move in one compiled step; else as `make`."""
    family, given = _family_of(task)
    return vector_env_class(family)(num_envs, render_mode, **given, **keywords)


def _family_of(task: Any) -> tuple[Family, dict[str, Any]]:
    """The family, and the task where one is given."""
    if isinstance(task, str | Path):
        return registry.family(task), {}
    family = getattr(task, "family", None)
    require(isinstance(family, Family), "task", "the name of a family, a file NAME.py, or a task of a family", task)
    return family, {"task": task}  # type: ignore[return-value]


_NOTHING = Environment()


def own_of(family: Family) -> Environment:
    """What is a family's own in its environments."""
    return family.environment or _NOTHING


# Spaces


def observation_space(task: Any, own: Environment) -> Space[Any]:
    """The family's own, or the range that the encoder of the task encodes."""
    if own.observation is None:
        unknown = np.full(task.n_observation, np.inf)
        low, high = getattr(task.encoder, "low", -unknown), getattr(task.encoder, "high", unknown)
        return Box(np.asarray(low, np.float32), np.asarray(high, np.float32))
    space = own.observation(task)
    fits = isinstance(space, Box | MultiBinary) and math.prod(space.shape) == task.n_observation
    require(fits, "the observation space", f"a Box or MultiBinary of {task.n_observation} numbers", space)
    return space


def action_space(task: Any, own: Environment) -> Space[Any]:
    """The family's own; else a choice, or numbers from -1 to 1 where the readout acts or answers by numbers."""
    chooses = task.action_kind == "categorical"
    if own.action is None:
        return Discrete(task.n_action) if chooses else Box(-1.0, 1.0, (task.n_action,))
    space = own.action(task)
    if chooses:
        fits, rule = isinstance(space, Discrete) and space.n == task.n_action, f"Discrete({task.n_action})"
    else:
        fits = isinstance(space, Box) and math.prod(space.shape) == task.n_action
        rule = f"a Box of {task.n_action} numbers"
    require(fits, "the action space", rule, space)
    return space


def _numbers_of_actions(space: Space[Any], actions: ArrayLike, n: int) -> NDArray[np.floating]:
    """The actions of n episodes as `transition` takes them, (n, numbers)."""
    if isinstance(space, Discrete):
        chosen = numbers_of("action", actions, (n,)) - float(space.start)
        whole = (chosen == np.floor(chosen)) & (chosen >= 0) & (chosen < space.n)
        require(bool(whole.all()), "action", f"whole numbers within {space}", actions)
        return chosen[:, None]
    given = numbers_of("action", actions, (n, *(space.shape or ())))
    require(bool(np.isfinite(given).all()), "action", "finite", given)
    return given if given.ndim == 2 else given.reshape(n, -1)


# Episodes


@cache
def _compiled(dynamics: str) -> tuple[Callable[..., None], Callable[..., None]]:
    """`begin_all` and `step_all` for the task whose compiled functions stand in a module."""
    from numba import njit  # not before an environment is made: the families are found without it

    from lsnn.kernels.machine_code import keep_machine_code

    module = importlib.import_module(dynamics)
    begin, observe, transition = module.begin, module.observe, module.transition

    @njit(error_model="numpy")
    def begin_all(keys, chosen, parameters, states, observations):
        """Begin the chosen episodes: keys, chosen (n,); states (n, n_state), observations (n, n_observation)."""
        for i in range(len(keys)):
            if chosen[i]:
                begin(keys[i], parameters, states[i])
                observe(states[i], parameters, observations[i])

    @njit(error_model="numpy")
    def step_all(
        keys, chosen, times, steps, length, actions, parameters, states, observations, rewards, terminated, truncated
    ):
        """Move the chosen of n episodes through so many steps, or to their end; length: that of an episode."""
        for i in range(len(keys)):
            rewards[i] = 0.0
            if chosen[i]:
                for t in range(times[i], times[i] + steps):
                    reward, _, ended = transition(keys[i], t, actions[i], parameters, states[i])
                    rewards[i] += reward
                    terminated[i] = ended
                    if ended:
                        break
                times[i] += steps
                truncated[i] = times[i] >= length
                observe(states[i], parameters, observations[i])

    keep_machine_code((begin_all, step_all))
    return begin_all, step_all


class _Episodes:
    """n episodes of a task side by side, with its spaces: keys, times in ms, states (n, n_state)."""

    def __init__(self, family: Family, n: int, task: Any, keywords: dict[str, Any]) -> None:
        self.task = _task_of(family, own_of(family), task, keywords)
        self.observed = observation_space(self.task, self.own)
        self.acted = action_space(self.task, self.own)
        self.parameters = self.task.parameters()
        self.step_ms = self.own.step_ms(self.task)
        self.length = max(1, self.task.duration_ms // self.step_ms) * self.step_ms
        self.keys, self.times = np.zeros(n, np.uint64), np.zeros(n, np.int64)
        self.states, self.rewards = np.zeros((n, self.task.n_state)), np.zeros(n)
        self.terminated, self.truncated = np.zeros((2, n), bool)
        self._observations = np.zeros((n, self.task.n_observation))
        _compiled(self.task.dynamics)

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def own(self) -> Environment:
        """What is the family's own; looked up, for an environment can be copied and pickled, a family cannot."""
        return own_of(self.task.family)

    @property
    def observations(self) -> NDArray[Any]:
        """What the episodes show, (n, ...) in the form of the space."""
        return self._seen(self._observations)

    def _seen(self, observations: NDArray[np.float64]) -> NDArray[Any]:
        space = self.observed
        if self.own.observation is None:  # by the encoder's range; what lies beyond is encoded as its end
            observations = np.clip(observations, space.low, space.high)
        shape = space.shape or ()
        seen = observations.astype(space.dtype)
        return seen if len(shape) == 1 else seen.reshape(-1, *shape)

    @property
    def info(self) -> dict[str, Any]:
        """What is told of the episodes: the key, and what the family adds; name to (n, ...)."""
        told = self.own.info(self.task, self.states) | {"key": self.keys}
        return {name: np.array(value) for name, value in told.items()}  # a copy: states and keys go on

    def begin(self, chosen: NDArray[np.bool_]) -> None:
        """Begin the chosen episodes, (n,), from their keys."""
        self.times[chosen], self.terminated[chosen], self.truncated[chosen] = 0, False, False
        begin_all, _ = _compiled(self.task.dynamics)
        begin_all(self.keys, chosen, self.parameters, self.states, self._observations)

    def step(self, chosen: NDArray[np.bool_], actions: ArrayLike) -> None:
        """Move the chosen episodes, (n,), by one step of the environment."""
        numbers = _numbers_of_actions(self.acted, actions, len(self))
        _, step_all = _compiled(self.task.dynamics)
        step_all(
            self.keys, chosen, self.times, self.step_ms, self.length, numbers, self.parameters, self.states,
            self._observations, self.rewards, self.terminated, self.truncated,
        )  # fmt: skip

    def picture(self, i: int, path: NDArray[np.float64]) -> NDArray[np.uint8]:
        """The i-th episode; path: its states so far, or the last ones, (k, n_state)."""
        if self.own.draw is not None:
            return self.own.draw(self.task, path, int(self.times[i]))
        columns = min(DRAWN, self.length // self.step_ms + 1)
        path = path[-columns:]
        module, shown = importlib.import_module(self.task.dynamics), np.zeros((len(path), self.task.n_observation))
        for state, row in zip(path, shown, strict=True):
            module.observe(state, self.parameters, row)
        flat = self._seen(shown).reshape(len(path), -1).astype(float)
        low, high = (getattr(self.observed, end, value) for end, value in (("low", 0.0), ("high", 1.0)))
        return draw_raster(flat, np.ravel(low), np.ravel(high), columns)


def _task_of(family: Family, own: Environment, task: Any, keywords: dict[str, Any]) -> Any:
    """The task that is given, or the family's with these keywords; InputError for an unknown one."""
    if task is not None:
        require(isinstance(task, family.task), "task", f"a {family.task.__name__}, without other keywords", task)
        require(not keywords, "the keywords beside a task", "none", list(keywords))
        return task
    every = tuple(field.name for field in fields(family.task) if field.init)
    known = every if own.keywords is None else own.keywords
    for name in keywords:
        require(name in known, f"a keyword of {family.name}", f"one of {', '.join(known) or 'none'}", name)
    return family.task(**{**own.settings, **keywords})


def _option(options: dict[str, Any] | None) -> Any:
    """The value of options["key"], the only option known, or None."""
    for name in options or {}:
        require(name == "key", "an option of reset", "'key'", name)
    return (options or {}).get("key")


def _draw_key(generator: np.random.Generator) -> np.uint64:
    return generator.integers(0, 2**64, dtype=np.uint64)


def _check_mode(render_mode: str | None) -> None:
    require(render_mode in (None, *RENDER_MODES), "render_mode", "None or 'rgb_array'", render_mode)


# Environments


class FamilyEnv(gymnasium.Env[NDArray[Any], Any]):
    """One episode of a family after another; `env_class` makes that of a family, whose docstring is the family's."""

    family: ClassVar[Family]

    def __init__(self, render_mode: str | None = None, *, task: Any = None, **keywords: Any) -> None:
        _check_mode(render_mode)
        self.render_mode = render_mode
        self._episodes = _Episodes(self.family, 1, task, keywords)
        self.task = self._episodes.task
        self.observation_space, self.action_space = self._episodes.observed, self._episodes.acted
        self._path: list[NDArray[np.float64]] = []

    def __reduce__(self) -> tuple[Any, ...]:
        return _empty, (self.task, FamilyEnv), vars(self)

    @property
    def state(self) -> NDArray[np.float64]:
        """A copy of the state, (n_state,); the module of the family's dynamics names its indices."""
        return self._episodes.states[0].copy()

    def _info(self) -> dict[str, Any]:
        info = {name: value[0] for name, value in self._episodes.info.items()}
        plain = {name: value.item() for name, value in info.items() if name != "key" and np.ndim(value) == 0}
        return info | plain

    def _follow(self) -> None:
        """Keep the states of the episode for the picture."""
        if self.render_mode is not None:
            self._path.append(self.state)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Begin an episode, from options["key"] if given, else from a key drawn from the environment's generator."""
        super().reset(seed=seed)
        key = _option(options)
        if key is not None:
            require_integer("key", key, 0, 2**64 - 1)
        self._episodes.keys[0] = _draw_key(self.np_random) if key is None else np.uint64(key)
        self._episodes.begin(np.ones(1, bool))
        self._path.clear()
        self._follow()
        return self._episodes.observations[0], self._info()

    def step(self, action: Any) -> tuple[NDArray[Any], float, bool, bool, dict[str, Any]]:
        """One step; returns observation, reward, terminated, truncated, info."""
        if isinstance(self.action_space, Discrete):
            action = action[()] if isinstance(action, np.ndarray) and action.shape == () else action
            first = int(self.action_space.start)
            require_integer("action", action, first, first + int(self.action_space.n) - 1)
        else:
            action = numbers_of("action", action, self.action_space.shape)
        self._episodes.step(np.ones(1, bool), np.array([action]))
        self._follow()
        terminated, truncated = bool(self._episodes.terminated[0]), bool(self._episodes.truncated[0])
        return self._episodes.observations[0], float(self._episodes.rewards[0]), terminated, truncated, self._info()

    def render(self) -> NDArray[np.uint8] | None:
        """The episode as a picture (pixels, pixels, 3); None without a render mode."""
        return self._episodes.picture(0, np.array(self._path)) if self.render_mode is not None else None


class FamilyVectorEnv(VectorEnv[NDArray[Any], Any, NDArray[Any]]):
    """Many episodes of a family in one compiled step; `vector_env_class` makes that of a family.

    The i-th one under `reset(seed=s)` is what a single environment is under `reset(seed=s + i)`;
    `reset(options={"key": keys})` takes one key each. An episode that is over begins anew at the next step
    (Gymnasium's next-step autoreset), whose action does nothing.
    """

    family: ClassVar[Family]

    def __init__(self, num_envs: int = 1, render_mode: str | None = None, *, task: Any = None, **keywords: Any) -> None:
        require_integer("num_envs", num_envs, 1)
        _check_mode(render_mode)
        self.num_envs, self.render_mode = num_envs, render_mode
        self._episodes = _Episodes(self.family, num_envs, task, keywords)
        self.task = self._episodes.task
        self.single_observation_space, self.single_action_space = self._episodes.observed, self._episodes.acted
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._everywhere = np.ones(num_envs, bool)
        self._random = [seeding.np_random() for _ in range(num_envs)]  # a generator and its seed each

    def __reduce__(self) -> tuple[Any, ...]:
        return _empty, (self.task, FamilyVectorEnv), vars(self)

    @property
    def np_random(self) -> tuple[np.random.Generator, ...]:
        """The generator of each."""
        return tuple(generator for generator, _ in self._random)

    @property
    def np_random_seed(self) -> tuple[int, ...]:
        """The seed of each."""
        return tuple(seed for _, seed in self._random)

    @property
    def states(self) -> NDArray[np.float64]:
        """A copy of the states, (num_envs, n_state); the module of the family's dynamics names the indices."""
        return self._episodes.states.copy()

    def _info(self) -> dict[str, Any]:
        info = self._episodes.info
        for name in list(info):
            info[f"_{name}"] = self._everywhere.copy()
        return info

    def _begin(self, chosen: NDArray[np.bool_]) -> None:
        for i in np.flatnonzero(chosen):
            self._episodes.keys[i] = _draw_key(self._random[i][0])
        self._episodes.begin(chosen)

    def _seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        """One seed each, as Gymnasium's own vector environments have it: seed + i, or those given."""
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, int | np.integer):
            return [int(seed) + i for i in range(self.num_envs)]
        several = isinstance(seed, Sequence | np.ndarray) and len(seed) == self.num_envs
        require(several, "seed", f"one integer or {self.num_envs} of them", seed)
        return list(seed)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Begin all episodes, from options["key"] (num_envs,) if given, else from keys drawn for each."""
        for i, own_seed in enumerate(self._seeds(seed)):
            if own_seed is not None:
                self._random[i] = seeding.np_random(own_seed)
        keys = _option(options)
        if keys is None:
            self._begin(self._everywhere)
        else:
            self._episodes.keys[:] = keys_of("key", keys, self.num_envs)
            self._episodes.begin(self._everywhere)
        return self._episodes.observations, self._info()

    def step(
        self, actions: Any
    ) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """One step in every episode; returns observations, rewards, terminations, truncations, infos."""
        episodes = self._episodes
        over = episodes.truncated | episodes.terminated
        episodes.step(~over, actions)
        if over.any():
            self._begin(over)
        terminated, truncated = episodes.terminated.copy(), episodes.truncated.copy()
        return episodes.observations, episodes.rewards.copy(), terminated, truncated, self._info()

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """The episodes as they stand, each (pixels, pixels, 3); None without a render mode."""
        if self.render_mode is None:
            return None
        return tuple(self._episodes.picture(i, state[None]) for i, state in enumerate(self._episodes.states))


# The classes of a family


def env_class(family: Family) -> type[FamilyEnv]:
    """The environment of a family, NameEnv."""
    return _class_of(family, FamilyEnv)


def vector_env_class(family: Family) -> type[FamilyVectorEnv]:
    """Many of them side by side, NameVectorEnv."""
    return _class_of(family, FamilyVectorEnv)


_classes: dict[tuple[type, type], Any] = {}


def _class_of(family: Family, base: Any) -> Any:
    """The class of a family, made once."""
    if (family.task, base) not in _classes:
        _classes[family.task, base] = _made(family, base)
    return _classes[family.task, base]


def _made(family: Family, base: Any) -> Any:
    own = own_of(family)
    metadata: dict[str, Any] = {"render_modes": [*RENDER_MODES], "render_fps": own.fps}
    if base is FamilyVectorEnv:
        metadata["autoreset_mode"] = AutoresetMode.NEXT_STEP
    name = f"{registry.title_of(family.name)}{base.__name__.removeprefix('Family')}"
    told = inspect.cleandoc(own.doc or _description(family))
    if base is FamilyVectorEnv:
        told = f"{inspect.cleandoc(base.__doc__ or '')}\n\n{told}"
    return type(name, (base,), {"family": family, "metadata": metadata, "__doc__": told, "__module__": __name__})


def _description(family: Family) -> str:
    """The docstring for a family that gives none."""
    arguments = ", ".join(f"`{field.name}`" for field in fields(family.task) if field.init)
    return "\n".join(
        (
            f"## Description\n{family.title or family.name}\n{family.question}\n",
            "## Action Space\nWhat the readout of a network does: a choice, numbers, or an answer.\n",
            "## Observation Space\nWhat the encoder is given. `info` holds `key` (uint64, the episode's).\n",
            "## Reward\nThat of the task's `transition`.\n",
            "## Starting State\nIt follows from the key: `reset(options={'key': k})` sets it, a seed draws it.\n",
            "## Episode End\nTruncated after `duration_ms` of the task; terminated where its `transition` says so.\n",
            f"## Arguments\nThose of `{family.task.__name__}`: {arguments}. `render_mode`: None or 'rgb_array'.",
        )
    )


def _empty(task: Any, base: Any) -> Any:
    """An environment to be filled by a copy or a pickle; a task of a file of one's own travels with its text."""
    kind = _class_of(task.family, base)
    return kind.__new__(kind)


def __getattr__(name: str) -> Any:
    """The class NameEnv or NameVectorEnv of a family in `tasks/`: Gymnasium and pickles look them up here."""
    for family in registry.names():
        for suffix, class_of in (("Env", env_class), ("VectorEnv", vector_env_class)):
            if name == registry.title_of(family) + suffix:
                return class_of(registry.family(family))
    raise AttributeError(f"module {__name__} has no attribute {name!r}")
