"""The water maze (Morris 1984) as a family of environments; dt = 1 ms.

A circular pool of radius 1 hides a platform, a disc. The animal is set down, swims, finds the platform, rests on it
and is set down elsewhere; the platform stays. Order within step t: the state shows itself (`observe`), the action
moves the animal, the reward of step t follows (`transition`). A find at step t is thus seen at t + 1, on the platform;
the actions of steps t + 1 .. t + rest_ms do nothing, and at t + rest_ms + 1 the animal stands at its next start; with
dark_ms that much later.

The k-th start is a function of (key, k) alone, whatever the animal did before, and so are rest and dark before it.
"""

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lsnn.kernels.draws import TASK_EPISODE, TASK_PAUSE, TASK_STEP, step_key, uniform_of
from lsnn.task import Encoder
from tasks.encoders import PlaceCells
from tasks.validation import require, require_encoder, require_flag, require_integer, require_number

# The state (float64, N_STATE). WAIT counts the steps until the animal is set down: rest on the platform, then dark.
# FOUND is 1 once the present platform has been found. OTHER is where the platform stands before or after a reversal.
# ROTATION is in radians. Of the episode are START_RADIUS, RADIUS (of the platform), REST (steps) and REVERSAL (the step
# before which the platform moves, negative for never). DARK (steps) is that of the pause after the last find.
X, Y, ON_PLATFORM, WALL, GOAL_X, GOAL_Y, WAIT, TRIAL, FOUND, OTHER_X, OTHER_Y, ROTATION, START_RADIUS = range(13)
RADIUS, REST, REVERSAL, DARK = range(13, 17)
N_STATE = 17

# The parameters (float64): see `WaterMaze.parameters`.
(
    RADIUS_LOW,
    RADIUS_HIGH,
    PLATFORM_CIRCLE,
    ANYWHERE,
    ARC_START,
    ARC_LENGTH,
    START_RADIUS_LOW,
    START_RADIUS_HIGH,
    MAX_ROTATION,
    SPEED,
    REWARD,
    WALL_PENALTY,
    REST_LOW,
    REST_HIGH,
    DARK_LOW,
    DARK_HIGH,
    REVERSAL_LOW,
    REVERSAL_HIGH,
    PROBE_STEP,
    REST_EACH_TRIAL,
    NO_DARK,
) = range(21)

EASIEST_START_RADIUS = 0.1  # of the curriculum
_DRAWS = 64  # bound on the draws of a place that must lie away from a platform


@njit(error_model="numpy")
def _platform_place(stepped, index, parameters):
    """Centre of a platform drawn on the circle, or over its disc, within the arc; (x, y)."""
    angle = parameters[ARC_START] + parameters[ARC_LENGTH] * uniform_of(stepped, index)
    radius = parameters[PLATFORM_CIRCLE]
    if parameters[ANYWHERE] > 0.0:
        radius *= math.sqrt(uniform_of(stepped, index + 1))
    return radius * math.cos(angle), radius * math.sin(angle)


@njit(error_model="numpy")
def _between(low, high, uniform):
    """A whole number from low to high, both included, from a uniform draw."""
    return low + math.floor((high - low + 1.0) * uniform)


@njit(error_model="numpy")
def _pause(key, parameters, state):
    """Draw rest and dark of the pause after the present trial, from a stream of their own."""
    stepped = step_key(key, int(state[TRIAL]), TASK_PAUSE)
    if parameters[REST_EACH_TRIAL] > 0.0:
        state[REST] = _between(parameters[REST_LOW], parameters[REST_HIGH], uniform_of(stepped, 0))
    low, high = parameters[DARK_LOW], parameters[DARK_HIGH]
    dark = low * (high / low) ** uniform_of(stepped, 1) if low < high else high  # log-uniform
    state[DARK] = 0.0 if uniform_of(stepped, 2) < parameters[NO_DARK] else math.floor(dark + 0.5)


@njit(error_model="numpy")
def _reversed_place(key, goal_x, goal_y, radius, parameters):
    """The platform's place after its move: the first of 64 draws that does not touch the old place, else the last."""
    stepped = step_key(key, 1, TASK_EPISODE)
    x, y = goal_x, goal_y
    for draw in range(_DRAWS):
        x, y = _platform_place(stepped, 2 * draw, parameters)
        if math.hypot(x - goal_x, y - goal_y) > 2.0 * radius:
            break
    return x, y


@njit(error_model="numpy")
def _set_down(key, state):
    """Put the animal at the start of its trial, uniform in the start region outside the platform.

    With a reversal, outside both places of the platform, so that the start does not depend on when it is reached.
    If 64 draws fall on a platform (it may cover the start region), from the whole pool.
    """
    stepped = step_key(key, int(state[TRIAL]), TASK_STEP)
    for draw in range(2 * _DRAWS):
        limit = state[START_RADIUS] if draw < _DRAWS else 1.0
        radius = limit * math.sqrt(uniform_of(stepped, 2 * draw))
        angle = 2.0 * math.pi * uniform_of(stepped, 2 * draw + 1)
        state[X], state[Y] = radius * math.cos(angle), radius * math.sin(angle)
        from_goal = math.hypot(state[X] - state[GOAL_X], state[Y] - state[GOAL_Y])
        from_other = math.hypot(state[X] - state[OTHER_X], state[Y] - state[OTHER_Y])
        if min(from_goal, from_other) > state[RADIUS]:
            break


@njit(error_model="numpy")
def begin(key, parameters, state):
    """The state before step 0: all that is drawn once an episode, and the first start."""
    stepped = step_key(key, 0, TASK_EPISODE)
    state[:] = 0.0
    state[GOAL_X], state[GOAL_Y] = _platform_place(stepped, 0, parameters)
    low, high = parameters[START_RADIUS_LOW], parameters[START_RADIUS_HIGH]
    state[START_RADIUS] = low + (high - low) * uniform_of(stepped, 2)
    state[ROTATION] = parameters[MAX_ROTATION] * (2.0 * uniform_of(stepped, 3) - 1.0)
    low, high = parameters[RADIUS_LOW], parameters[RADIUS_HIGH]
    state[RADIUS] = low + (high - low) * uniform_of(stepped, 4)
    state[REST] = _between(parameters[REST_LOW], parameters[REST_HIGH], uniform_of(stepped, 5))
    state[REVERSAL] = _between(parameters[REVERSAL_LOW], parameters[REVERSAL_HIGH], uniform_of(stepped, 6))
    state[OTHER_X], state[OTHER_Y] = state[GOAL_X], state[GOAL_Y]
    if state[REVERSAL] >= 0.0:
        state[OTHER_X], state[OTHER_Y] = _reversed_place(
            key, state[GOAL_X], state[GOAL_Y], state[RADIUS], parameters
        )
    _set_down(key, state)


@njit(error_model="numpy")
def observe(state, parameters, observation):
    """x, y, on-platform, wall contact; in the dark the corner (1, 1), which lies outside the pool, and no flag."""
    dark = state[WAIT] > 0.0 and state[ON_PLATFORM] == 0.0
    observation[0] = 1.0 if dark else state[X]
    observation[1] = 1.0 if dark else state[Y]
    observation[2] = state[ON_PLATFORM]
    observation[3] = state[WALL]


@njit(error_model="numpy")
def _velocity(action, parameters, state):
    """The displacement an action asks for: norm clipped to 1, times speed, turned by the episode's rotation; (x, y)."""
    x, y = np.float64(action[0]), np.float64(action[1])
    scale = parameters[SPEED] / max(1.0, math.hypot(x, y))
    x, y = x * scale, y * scale
    if state[ROTATION] == 0.0:
        return x, y
    cosine, sine = math.cos(state[ROTATION]), math.sin(state[ROTATION])
    return cosine * x - sine * y, sine * x + cosine * y


@njit(error_model="numpy")
def _advance(x, y, step_x, step_y):
    """Move within the pool; (x, y, ran into the wall).

    A path that leaves the pool ends where it meets the wall: |position + s step| = 1, the larger root s.
    """
    a = step_x * step_x + step_y * step_y
    if a == 0.0 or (x + step_x) ** 2 + (y + step_y) ** 2 <= 1.0:
        return x + step_x, y + step_y, False
    b = x * step_x + y * step_y
    c = x * x + y * y - 1.0
    s = min(1.0, (-b + math.sqrt(max(0.0, b * b - a * c))) / a)
    return x + s * step_x, y + s * step_y, True


@njit(error_model="numpy")
def _swim(key, t, action, parameters, state):
    """Move the animal through step t and return its reward; a find starts the rest."""
    step_x, step_y = _velocity(action, parameters, state)
    state[X], state[Y], wall = _advance(state[X], state[Y], step_x, step_y)
    state[WALL] = 1.0 if wall else 0.0
    reward = -parameters[WALL_PENALTY] if wall else 0.0
    distance = math.hypot(state[X] - state[GOAL_X], state[Y] - state[GOAL_Y])
    gone = 0.0 <= parameters[PROBE_STEP] <= t
    if distance <= state[RADIUS] and not gone:
        reward += parameters[REWARD]
        state[ON_PLATFORM] = 1.0
        state[FOUND] = 1.0
        _pause(key, parameters, state)
        state[WAIT] = state[REST] + state[DARK]
    return reward


@njit(error_model="numpy")
def _rest(key, parameters, state):
    """One step of rest or dark; the last one sets the animal down."""
    state[WAIT] -= 1.0
    state[WALL] = 0.0
    state[ON_PLATFORM] = 1.0 if state[WAIT] > state[DARK] else 0.0
    if state[WAIT] == 0.0:
        state[TRIAL] += 1.0
        _set_down(key, state)


@njit(error_model="numpy")
def transition(key, t, action, parameters, state):
    """Move the state through step t.

    Reward: +reward on reaching the platform, -wall_penalty on running into the wall (both, if both).

    Args:
        key: uint64, the episode's.
        action: (2,), the velocity before clipping, in units of the greatest speed.

    Returns:
        reward, acted (False while resting or in the dark), terminated (never).
    """
    acted = state[WAIT] == 0.0
    reward = 0.0
    if acted:
        reward = _swim(key, t, action, parameters, state)
    else:
        _rest(key, parameters, state)
    if t + 1 == state[REVERSAL]:
        state[GOAL_X], state[OTHER_X] = state[OTHER_X], state[GOAL_X]
        state[GOAL_Y], state[OTHER_Y] = state[OTHER_Y], state[GOAL_Y]
        state[FOUND] = 0.0
    return reward, acted, False


@njit(error_model="numpy")
def target(state, parameters, target):
    """The platform's place (x, y); weight 1 once the present platform has been found, 0 before."""
    target[0] = state[GOAL_X]
    target[1] = state[GOAL_Y]
    return state[FOUND]


def search_metrics(found: NDArray[np.bool_], acted: NDArray[np.bool_]) -> dict[str, float]:
    """Goals an episode and search time on the first, the second and later trials.

    A search time here is the steps spent searching on those trials, unfinished ones included, for each find on them
    (the maximum-likelihood mean if the chance of a find is the same in every step); infinite without a find.

    Args:
        found: (episodes, steps), a find in this step.
        acted: (episodes, steps), the animal searched in this step (it did not rest).
    """
    trial: NDArray[np.int64] = np.cumsum(found, axis=1) - found
    measures = {"goals": float(np.count_nonzero(found) / len(found))}
    for name, chosen in (("first", trial == 0), ("second", trial == 1), ("later", trial > 1)):
        steps, finds = int(np.count_nonzero(acted & chosen)), int(np.count_nonzero(found & chosen))
        measures[f"{name}_search_ms"] = steps / finds if finds else math.inf
    return measures


@dataclass(frozen=True)
class WaterMaze:
    """A family of water mazes; lengths in units of the pool's radius, times in ms.

    The defaults are the geometry of Bellec et al. (2018), as recalled.

    Args:
        platform_radius: radius of the platform.
        platform_radius_min: an episode's radius is uniform from this to `platform_radius`; none = always
            `platform_radius`.
        platform_circle: distance of the platform's centre from the pool's; with `platform_anywhere` the greatest one.
        platform_anywhere: the centre is uniform in the disc of radius `platform_circle`, not on the circle.
        held_out_wedge: (from, to) in degrees, counter-clockwise: no platform is centred in this wedge.
        platform_in_wedge: instead, every platform is centred in that wedge.
        start_radius: the animal is set down in the disc of this radius round the centre, outside the platform.
        start_radius_min: an episode's start radius is uniform from this to `start_radius`; none = always
            `start_radius`.
        rest_ms: time on the platform after a find.
        rest_ms_min: an episode's rest is uniform from this to `rest_ms`; none = always `rest_ms`.
        rest_each_trial: the rest is drawn for every trial, not once an episode.
        dark_ms: time between rest and set-down without any input of place or reward (retention).
        dark_ms_min: a trial's dark is log-uniform from this to `dark_ms`; none = always `dark_ms`.
        no_dark: share of the trials that have no dark, where it is drawn.
        reversal_ms: time at which the platform moves, once, to a place that does not touch the old one; -1 = never.
        reversal_ms_min: an episode's time of reversal is uniform from this to `reversal_ms`, so that with a
            `reversal_ms` beyond `duration_ms` some episodes have none; none = always `reversal_ms`.
        probe_ms: time from which the platform is gone; -1 = never.
        rotation_degrees: an episode's actions are turned by a fixed angle, uniform in +- this (motor adaptation).
        speed: distance swum in 1 ms by an action of norm 1.
        reward: earned by reaching the platform.
        wall_penalty: lost by running into the wall.
        duration_ms: length of an episode.
        encoder: how the observation becomes input spikes.

    Raises:
        InputError: a value breaks its rule.
    """

    platform_radius: float = 0.3
    platform_radius_min: float | None = None
    platform_circle: float = 0.85
    platform_anywhere: bool = False
    held_out_wedge: tuple[float, float] | None = None
    platform_in_wedge: bool = False
    start_radius: float = 1.0
    start_radius_min: float | None = None
    rest_ms: int = 1
    rest_ms_min: int | None = None
    rest_each_trial: bool = False
    dark_ms: int = 0
    dark_ms_min: int | None = None
    no_dark: float = 0.0
    reversal_ms: int = -1
    reversal_ms_min: int | None = None
    probe_ms: int = -1
    rotation_degrees: float = 0.0
    speed: float = 0.02
    reward: float = 1.0
    wall_penalty: float = 0.02
    duration_ms: int = 2000
    encoder: Encoder = field(default_factory=PlaceCells)

    name = "water-maze"
    dynamics = "tasks.water_maze"
    action_kind = "gaussian"
    loss = "reward"
    n_action = 2
    n_state = N_STATE
    n_observation = 4
    n_target = 2
    renamed = {"blank_ms": "dark_ms"}  # keys of older files

    def __post_init__(self) -> None:
        self._check_geometry()
        self._check_times()
        require_number("speed", self.speed, 1e-6, 2.0)
        require_number("reward", self.reward, 1e-6)
        require_number("wall_penalty", self.wall_penalty, 0.0)
        rule = "less than half of the reward, so that a find at the wall counts as one"
        require(self.wall_penalty < 0.5 * self.reward, "wall_penalty", rule, self.wall_penalty)
        require_number("rotation_degrees", self.rotation_degrees, 0.0, 180.0)
        require_encoder(self.encoder, self.n_observation)

    def _check_geometry(self) -> None:
        require_number("platform_radius", self.platform_radius, 1e-3, 0.9)
        if self.platform_radius_min is not None:
            require_number("platform_radius_min", self.platform_radius_min, 1e-3, self.platform_radius)
        require_number("platform_circle", self.platform_circle, 0.0, 1.0)
        require_flag("platform_anywhere", self.platform_anywhere)
        require_number("start_radius", self.start_radius, 0.0, 1.0)
        if self.start_radius_min is not None:
            require_number("start_radius_min", self.start_radius_min, 0.0, self.start_radius)
        require_flag("platform_in_wedge", self.platform_in_wedge)
        if self.held_out_wedge is None:
            require(not self.platform_in_wedge, "platform_in_wedge", "false without held_out_wedge", True)
            return
        require(len(self.held_out_wedge) == 2, "held_out_wedge", "(from, to) in degrees", self.held_out_wedge)
        for angle in self.held_out_wedge:
            require_number("held_out_wedge", angle, -360.0, 360.0)
        width = (self.held_out_wedge[1] - self.held_out_wedge[0]) % 360.0
        require(width > 0.0, "held_out_wedge", "wider than 0 and narrower than 360 degrees", self.held_out_wedge)
        object.__setattr__(self, "held_out_wedge", tuple(self.held_out_wedge))

    def _check_times(self) -> None:
        require_integer("duration_ms", self.duration_ms, 1)
        require_integer("rest_ms", self.rest_ms, 1)
        if self.rest_ms_min is not None:
            require_integer("rest_ms_min", self.rest_ms_min, 1, self.rest_ms)
        require_flag("rest_each_trial", self.rest_each_trial)
        require_integer("dark_ms", self.dark_ms, 0)
        if self.dark_ms_min is not None:
            require_integer("dark_ms_min", self.dark_ms_min, 1, self.dark_ms)
        require_number("no_dark", self.no_dark, 0.0, 1.0)
        rule = "0 where dark_ms_min does not say that it is drawn"
        require(self.dark_ms_min is not None or self.no_dark == 0.0, "no_dark", rule, self.no_dark)
        require_integer("probe_ms", self.probe_ms, -1)
        require_integer("reversal_ms", self.reversal_ms, -1)
        require(self.reversal_ms != 0, "reversal_ms", "-1 (never) or at least 1", self.reversal_ms)
        if self.reversal_ms_min is not None:
            require_integer("reversal_ms_min", self.reversal_ms_min, 1, self.reversal_ms)

    def _platform_arc(self) -> tuple[float, float]:
        """Where the platform's angle may lie: start and length in radians."""
        if self.held_out_wedge is None:
            return 0.0, 2.0 * math.pi
        start, end = self.held_out_wedge
        if not self.platform_in_wedge:
            start, end = end, start
        return math.radians(start), math.radians((end - start) % 360.0)

    def shortest_pause(self, rest: NDArray[np.float64]) -> NDArray[np.float64]:
        """Steps from a find to set-down at least; rest: that of each episode (where it is drawn once), any shape."""
        drawn = self.rest_each_trial and self.rest_ms_min is not None
        shortest = np.full_like(rest, self.rest_ms_min) if drawn else rest
        dark = self.dark_ms if self.dark_ms_min is None else self.dark_ms_min
        return shortest + (0 if self.no_dark > 0 else dark)

    def parameters(self) -> NDArray[np.float64]:
        """The numbers the compiled functions need, in the order of the index constants of this module."""

        def lowest(name: str) -> float:
            low = getattr(self, f"{name}_min")
            return getattr(self, name) if low is None else low

        return np.array(
            [
                lowest("platform_radius"),
                self.platform_radius,
                self.platform_circle,
                self.platform_anywhere,
                *self._platform_arc(),
                lowest("start_radius"),
                self.start_radius,
                math.radians(self.rotation_degrees),
                self.speed,
                self.reward,
                self.wall_penalty,
                lowest("rest_ms"),
                self.rest_ms,
                lowest("dark_ms"),
                self.dark_ms,
                lowest("reversal_ms"),
                self.reversal_ms,
                self.probe_ms,
                self.rest_each_trial,
                self.no_dark,
            ],
            dtype=np.float64,
        )

    def at_difficulty(self, level: float) -> "WaterMaze":
        """Start regions that widen from the centre with the level: near it, a remembered direction is enough.

        An episode's start radius is uniform between w^2/start_radius and w, which grows from `EASIEST_START_RADIUS`
        to start_radius. Where the dark is drawn it is as short as can be until that is reached, at level 1/2; its
        greatest length grows from then on, by equal factors. The warm-up has the whole pool and the shortest dark.
        """
        if level >= 1.0:
            return self
        if self.dark_ms_min is None:
            return self._nearer_starts(level)
        longest = self.dark_ms_min * (self.dark_ms / self.dark_ms_min) ** max(0.0, 2.0 * level - 1.0)
        return replace(self, dark_ms=round(longest))._nearer_starts(2.0 * level)

    def _nearer_starts(self, level: float) -> "WaterMaze":
        if not 0.0 <= level < 1.0:
            return self
        easiest = min(EASIEST_START_RADIUS, self.start_radius)
        widest = easiest + level * (self.start_radius - easiest)
        nearest = widest * (widest / self.start_radius) if self.start_radius > 0 else 0.0  # in this order <= widest
        return replace(self, start_radius=widest, start_radius_min=nearest)

    def metrics(self, reward: NDArray[np.floating], acted: NDArray[np.bool_]) -> dict[str, float]:
        """Goals an episode and search times, from reward and acted, both (episodes, steps); see `search_metrics`."""
        return search_metrics(np.asarray(reward) > 0.5 * self.reward, acted)
