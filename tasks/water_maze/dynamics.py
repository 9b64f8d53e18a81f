"""The compiled dynamics of the water maze (Morris 1984); dt = 1 ms.

A circular pool of radius 1 hides a platform, a disc. The animal is released, swims, finds the platform, rests on it
and is released elsewhere; the platform stays. Order within step t: the state shows itself (`observe`), the action
moves the animal, the reward of step t follows (`transition`). A visit at step t is thus seen at t + 1, on the platform;
the actions of steps t + 1 .. t + rest_ms do nothing, and at t + rest_ms + 1 the animal stands at its next start; with
dark_ms that much later.

The k-th start is a function of (key, k) alone, whatever the animal did before, and so are rest and dark before it.

With several platforms each trial has one of them, drawn from (key, k) as well, which a cue announces at its start; the
others are not there in that trial.
"""

import math

import numpy as np
from numba import njit

from lsnn.kernels.draws import TASK_EPISODE, TASK_PAUSE, TASK_STEP, step_key, uniform_of
from lsnn.kernels.entry import entry, numbers
from lsnn.validation import size_of
from tasks.encoders import MAZE_OBSERVATION

# The state (float64, N_STATE). WAIT counts the steps until the animal is released: rest on the platform, then dark.
# FOUND is 1 once the present platform has been found. OTHER is where the platform stands before or after a reversal.
# ROTATION is in radians. Of the episode are START_RADIUS, RADIUS (of the platform), REST (steps) and REVERSAL (the step
# before which the platform moves, negative for never). DARK (steps) is that of the pause after the last visit.
X, Y, ON_PLATFORM, WALL, PLATFORM_X, PLATFORM_Y, WAIT, TRIAL, FOUND, OTHER_X, OTHER_Y, ROTATION, START_RADIUS = range(
    13
)
RADIUS, REST, REVERSAL, DARK = range(13, 17)
N_STATE = 17

# Beyond them, with several platforms: how many there are, the number of the present one and of its cue, bit i of SEEN
# whether platform i was found, steps since the release, and the places (x, y) of all of them.
COUNT, GOAL, CUE, SEEN, SINCE, PLACES = range(N_STATE, N_STATE + 6)
MOST_PLATFORMS = 4
N_STATE_MANY = PLACES + 2 * MOST_PLATFORMS

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
    PLATFORMS_LOW,
    PLATFORMS_HIGH,
    CUE_STEPS,
    DISTINCT,
) = range(N_PARAMETERS := 25)


def _of_many(given):
    """Whether a function is given a state of a maze with several platforms."""
    return size_of(given["state"]) == N_STATE_MANY


A_STATE = numbers(lambda given: N_STATE_MANY if _of_many(given) else N_STATE)
AN_OBSERVATION = numbers(lambda given: MAZE_OBSERVATION + (MOST_PLATFORMS if _of_many(given) else 0))
_ALONG, _OUT = 0.6180339887498949, 0.7548776662466927  # golden ratio and its like for two numbers (R2): spread evenly
_DRAWS = 64  # bound on the draws of a place that must lie away from a platform


@njit(error_model="numpy")
def _place_of(along, out, parameters):
    """Centre of a platform, (x, y), so far along the arc and out from the pool's centre, shares of length and area."""
    angle = parameters[ARC_START] + parameters[ARC_LENGTH] * along
    radius = parameters[PLATFORM_CIRCLE]
    if parameters[ANYWHERE] > 0.0:
        radius *= math.sqrt(out)
    return radius * math.cos(angle), radius * math.sin(angle)


@njit(error_model="numpy")
def _platform_place(stepped, index, parameters):
    """Centre of a platform drawn on the circle, or over its disc, within the arc; (x, y)."""
    return _place_of(uniform_of(stepped, index), uniform_of(stepped, index + 1), parameters)


@njit(error_model="numpy")
def _distinct_place(key, parameters):
    """One of so many places, the same in every episode; more places hold all of fewer, and all lie far apart."""
    number = math.floor(parameters[DISTINCT] * uniform_of(step_key(key, 0, TASK_PAUSE), 6))
    along, out = 0.5 + number * _ALONG, 0.5 + number * _OUT
    return _place_of(along - math.floor(along), out - math.floor(out), parameters)


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
def _reversed_place(key, platform_x, platform_y, radius, parameters):
    """The platform's place after its move: the first of 64 draws that does not touch the old place, else the last."""
    stepped = step_key(key, 1, TASK_EPISODE)
    x, y = platform_x, platform_y
    for draw in range(_DRAWS):
        x, y = _platform_place(stepped, 2 * draw, parameters)
        if math.hypot(x - platform_x, y - platform_y) > 2.0 * radius:
            break
    return x, y


@njit(error_model="numpy")
def _many(state):
    """Whether a state is of a maze with several platforms."""
    return state.shape[0] >= N_STATE_MANY


@njit(error_model="numpy")
def _place_all(key, parameters, state):
    """How many platforms there are, and where: each the first of 64 draws that touches none before it, else the last.

    The first is where it would be alone. Cue i belongs to platform i, turned by a number drawn once an episode.
    """
    low, high = parameters[PLATFORMS_LOW], parameters[PLATFORMS_HIGH]
    state[COUNT] = _between(low, high, uniform_of(step_key(key, 0, TASK_PAUSE), 4))
    state[PLACES], state[PLACES + 1] = state[PLATFORM_X], state[PLATFORM_Y]
    for platform in range(1, min(int(state[COUNT]), MOST_PLATFORMS)):
        stepped, place = step_key(key, 1 + platform, TASK_EPISODE), PLACES + 2 * platform
        for draw in range(_DRAWS):
            x, y = _platform_place(stepped, 2 * draw, parameters)
            state[place], state[place + 1] = x, y
            nearest = math.inf
            for other in range(platform):
                from_other = math.hypot(x - state[PLACES + 2 * other], y - state[PLACES + 2 * other + 1])
                nearest = min(nearest, from_other)
            if nearest > 2.0 * state[RADIUS]:
                break


@njit(error_model="numpy")
def platform_of_trial(key, trial, count):
    """The number of the platform of a trial, uniform over count of them."""
    return math.floor(count * uniform_of(step_key(key, trial, TASK_PAUSE), 3))


@njit(error_model="numpy")
def cue_of(key, platform):
    """The number of the cue that announces a platform in this episode."""
    turned = math.floor(MOST_PLATFORMS * uniform_of(step_key(key, 0, TASK_PAUSE), 5))
    return (platform + turned) % MOST_PLATFORMS


@njit(error_model="numpy")
def _announce(key, state):
    """The platform of the trial that begins, and its cue."""
    trial, count = int(state[TRIAL]), max(1.0, min(state[COUNT], float(MOST_PLATFORMS)))
    state[GOAL] = platform_of_trial(key, trial, count)
    state[CUE] = cue_of(key, state[GOAL])
    place = PLACES + 2 * int(state[GOAL])
    state[PLATFORM_X], state[PLATFORM_Y] = state[place], state[place + 1]
    state[OTHER_X], state[OTHER_Y] = state[PLATFORM_X], state[PLATFORM_Y]
    state[FOUND] = 1.0 if int(state[SEEN]) & (1 << int(state[GOAL])) else 0.0
    state[SINCE] = 0.0


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
        from_platform = math.hypot(state[X] - state[PLATFORM_X], state[Y] - state[PLATFORM_Y])
        from_other = math.hypot(state[X] - state[OTHER_X], state[Y] - state[OTHER_Y])
        if min(from_platform, from_other) > state[RADIUS]:
            break


@entry(parameters=numbers(N_PARAMETERS), state=A_STATE)
@njit(error_model="numpy")
def begin(key, parameters, state):
    """The state before step 0: all that is drawn once an episode, and the first start."""
    stepped = step_key(key, 0, TASK_EPISODE)
    state[:] = 0.0
    if parameters[DISTINCT] > 0.0:
        state[PLATFORM_X], state[PLATFORM_Y] = _distinct_place(key, parameters)
    else:
        state[PLATFORM_X], state[PLATFORM_Y] = _platform_place(stepped, 0, parameters)
    low, high = parameters[START_RADIUS_LOW], parameters[START_RADIUS_HIGH]
    state[START_RADIUS] = low + (high - low) * uniform_of(stepped, 2)
    state[ROTATION] = parameters[MAX_ROTATION] * (2.0 * uniform_of(stepped, 3) - 1.0)
    low, high = parameters[RADIUS_LOW], parameters[RADIUS_HIGH]
    state[RADIUS] = low + (high - low) * uniform_of(stepped, 4)
    state[REST] = _between(parameters[REST_LOW], parameters[REST_HIGH], uniform_of(stepped, 5))
    state[REVERSAL] = _between(parameters[REVERSAL_LOW], parameters[REVERSAL_HIGH], uniform_of(stepped, 6))
    state[OTHER_X], state[OTHER_Y] = state[PLATFORM_X], state[PLATFORM_Y]
    if state[REVERSAL] >= 0.0:
        state[OTHER_X], state[OTHER_Y] = _reversed_place(
            key, state[PLATFORM_X], state[PLATFORM_Y], state[RADIUS], parameters
        )
    if _many(state):
        _place_all(key, parameters, state)
        _announce(key, state)
    _set_down(key, state)


@entry(state=A_STATE, parameters=numbers(N_PARAMETERS), observation=AN_OBSERVATION)
@njit(error_model="numpy")
def observe(state, parameters, observation):
    """x, y, on-platform, wall contact; in the dark the corner (1, 1), which lies outside the pool, and no flag.

    With several platforms a flag a cue follows, up for so long after the release; on a platform reached before as well.
    """
    dark = state[WAIT] > 0.0 and state[ON_PLATFORM] == 0.0
    observation[0] = 1.0 if dark else state[X]
    observation[1] = 1.0 if dark else state[Y]
    observation[2] = state[ON_PLATFORM]
    observation[3] = state[WALL]
    if _many(state):
        observation[MAZE_OBSERVATION:] = 0.0
        cue = MAZE_OBSERVATION + int(state[CUE])
        shown = not dark and state[SINCE] < parameters[CUE_STEPS]
        if shown and MAZE_OBSERVATION <= cue < observation.shape[0]:
            observation[cue] = 1.0


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
    """Move the animal through step t and return its reward; a visit starts the rest."""
    step_x, step_y = _velocity(action, parameters, state)
    if _many(state):
        state[SINCE] += 1.0
    state[X], state[Y], wall = _advance(state[X], state[Y], step_x, step_y)
    state[WALL] = 1.0 if wall else 0.0
    reward = -parameters[WALL_PENALTY] if wall else 0.0
    distance = math.hypot(state[X] - state[PLATFORM_X], state[Y] - state[PLATFORM_Y])
    gone = 0.0 <= parameters[PROBE_STEP] <= t
    if distance <= state[RADIUS] and not gone:
        reward += parameters[REWARD]
        state[ON_PLATFORM] = 1.0
        state[FOUND] = 1.0
        if _many(state):
            state[SEEN] = float(int(state[SEEN]) | (1 << int(state[GOAL])))
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
        if _many(state):
            _announce(key, state)
        _set_down(key, state)


@entry(action=numbers(2), parameters=numbers(N_PARAMETERS), state=A_STATE)
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
        state[PLATFORM_X], state[OTHER_X] = state[OTHER_X], state[PLATFORM_X]
        state[PLATFORM_Y], state[OTHER_Y] = state[OTHER_Y], state[PLATFORM_Y]
        state[FOUND] = 0.0
    return reward, acted, False


@entry(state=A_STATE, parameters=numbers(N_PARAMETERS), target=numbers(2))
@njit(error_model="numpy")
def target(state, parameters, target):
    """The platform's place (x, y); weight 1 once the present platform has been found, 0 before."""
    target[0] = state[PLATFORM_X]
    target[1] = state[PLATFORM_Y]
    return state[FOUND]
