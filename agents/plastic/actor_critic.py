"""The actor-critic of Foster, Morris & Dayan (2000), without and with coordinates: TD error, path integration.

    delta  = r + gamma C(p') - C(p)                   0 in place of C(p') on the platform
    critic: w += critic_rate delta f(p)               C(p) = w . f(p)
    actor:  z_a += actor_rate delta f(p)              of the action a that was taken; P(a) = softmax(temperature z . f)
    heading = (direction + momentum heading) / norm   of the eight directions
    x, y:   w += coordinate_rate (X(p') - X(p) - dx) e     e = trace e + f(p')

With coordinates there is a ninth action: it heads for the place remembered as the goal, by the learnt coordinates
X, Y of here and there; where none is remembered yet, in a random one of the eight directions. Its preference is one
weight times sum f, and grows by goal_rate delta whenever it was taken with a goal known. The goal's coordinates are
written once a visit, and count as a weight here: the model does not say what holds them.

Sizes and rates are those of a re-implementation (github.com/charlinetess/FMD_DMP, DMPCoordSearchPref.jl at 5a3d94b,
DiverseFunctions.jl at 1d3c930), except that delta there meets f(p') where the paper has f(p). Lengths are in pool
radii.

    Foster, D. J., Morris, R. G. M., Dayan, P. (2000). A model of hippocampally dependent navigation, using the temporal
    difference learning rule. Hippocampus 10, 1-16.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from lsnn.kernels.draws import BASELINE, WIRING, step_key, uniform_of

DIRECTIONS = 8
TO_GOAL = DIRECTIONS  # the ninth action
CRITIC, ACTOR, X_OF, Y_OF = 0, 1, 1 + DIRECTIONS, 2 + DIRECTIONS  # rows of the weights
N_ROWS = 3 + DIRECTIONS
# What is learnt beside the weights of place cells: preference of the ninth action, goal's coordinates, whether known.
PREFERENCE, GOAL_X, GOAL_Y, KNOWN = range(N_MEMORY := 4)
GREATEST = 100.0  # of the preferences' size


@dataclass(frozen=True)
class ActorCritic:
    """Sizes and rates; lengths in pool radii, rates a step."""

    coordinates: bool = False
    cells: int = 493
    width: float = 0.3
    discount: float = 0.99
    temperature: float = 2.0  # multiplies preferences
    momentum: float = 1.0
    critic_rate: float = 0.01
    actor_rate: float = 0.01
    goal_rate: float = 0.0009
    coordinate_rate: float = 0.001
    trace: float = 0.9

    def parameters(self) -> np.ndarray:
        """The numbers that compiled functions need, in the order of the constants below."""
        return np.array([
            self.coordinates, self.width, self.discount, self.temperature, self.momentum, self.critic_rate,
            self.actor_rate, self.goal_rate, self.coordinate_rate, self.trace,
        ], float)  # fmt: skip


(COORDINATES, WIDTH, DISCOUNT, TEMPERATURE, MOMENTUM, CRITIC_RATE, ACTOR_RATE, GOAL_RATE, COORDINATE_RATE, TRACE) = (
    range(10)
)


@njit(error_model="numpy")
def scatter_cells(key, centres):
    """Centres (N, 2), uniform in the pool."""
    stepped = step_key(key, 0, WIRING)
    for cell in range(len(centres)):
        radius, angle = math.sqrt(uniform_of(stepped, 2 * cell)), 2.0 * math.pi * uniform_of(stepped, 2 * cell + 1)
        centres[cell, 0], centres[cell, 1] = radius * math.cos(angle), radius * math.sin(angle)


@njit(error_model="numpy", fastmath=True)
def activity(centres, width, x, y, f):
    """f_i = exp(-|p - c_i|^2 / (2 width^2)); fills f (N,)."""
    scale = -0.5 / (width * width)
    for cell in range(len(f)):
        east, north = x - centres[cell, 0], y - centres[cell, 1]
        f[cell] = math.exp(scale * (east * east + north * north))


@njit(error_model="numpy", fastmath=True)
def dot(a, b):
    """Sum of a_i b_i."""
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@njit(error_model="numpy")
def td_error(reward, discount, value, next_value):
    """delta = r + gamma C(p') - C(p)."""
    return reward + discount * next_value - value


@njit(error_model="numpy")
def preferences(weights, memory, f, parameters, preference):
    """Fills preference (9,), scaled to a size of 100 at most; returns how many there are (nine with coordinates)."""
    actions, greatest = DIRECTIONS, 0.0
    for action in range(DIRECTIONS):
        preference[action] = dot(weights[ACTOR + action], f)
    if parameters[COORDINATES] > 0.0:
        actions += 1
        preference[TO_GOAL] = 0.0
        for cell in range(len(f)):
            preference[TO_GOAL] += memory[PREFERENCE] * f[cell]
    for action in range(actions):
        greatest = max(greatest, abs(preference[action]))
    if greatest >= GREATEST:
        for action in range(actions):
            preference[action] *= GREATEST / greatest
    return actions


@njit(error_model="numpy")
def sampled(preference, actions, temperature, uniform):
    """The action drawn from the softmax of temperature times preference, by one uniform draw."""
    highest, total = preference[0], 0.0
    for action in range(actions):
        highest = max(highest, preference[action])
    for action in range(actions):
        total += math.exp(temperature * (preference[action] - highest))
    passed = 0.0
    for action in range(actions):
        passed += math.exp(temperature * (preference[action] - highest)) / total
        if uniform < passed:
            return action
    return actions - 1


@njit(error_model="numpy")
def head_for(action, weights, memory, f, momentum, uniform, heading):
    """Turn heading (2,) to where the action leads; it is zero where the new direction takes back the old one."""
    if action == TO_GOAL and memory[KNOWN] > 0.0:
        east, north = memory[GOAL_X] - dot(weights[X_OF], f), memory[GOAL_Y] - dot(weights[Y_OF], f)
    else:
        number = int(DIRECTIONS * uniform) if action == TO_GOAL else action
        angle = 2.0 * math.pi * (number - 3) / DIRECTIONS
        east, north = math.cos(angle) + momentum * heading[0], math.sin(angle) + momentum * heading[1]
    length = math.hypot(east, north)
    heading[0], heading[1] = (east / length, north / length) if length > 1e-9 else (0.0, 0.0)


@njit(error_model="numpy")
def decide(key, t, weights, memory, f, parameters, preference, heading):
    """Draw an action at step t of a life and turn the heading; the action."""
    stepped = step_key(key, t, BASELINE)
    actions = preferences(weights, memory, f, parameters, preference)
    action = sampled(preference, actions, parameters[TEMPERATURE], uniform_of(stepped, 0))
    head_for(action, weights, memory, f, parameters[MOMENTUM], uniform_of(stepped, 1), heading)
    return action


@njit(error_model="numpy", fastmath=True)
def _learn_coordinates(weights, before, after, moved_x, moved_y, parameters, trace, first):
    """Path integration; in the first step of a trial the trace begins and nothing is learnt."""
    kept = 0.0 if first else parameters[TRACE]
    for cell in range(len(trace)):
        trace[cell] = kept * trace[cell] + after[cell]
    if first:
        return
    wrong_x = parameters[COORDINATE_RATE] * (dot(weights[X_OF], after) - dot(weights[X_OF], before) - moved_x)
    wrong_y = parameters[COORDINATE_RATE] * (dot(weights[Y_OF], after) - dot(weights[Y_OF], before) - moved_y)
    for cell in range(len(trace)):
        weights[X_OF, cell] += wrong_x * trace[cell]
        weights[Y_OF, cell] += wrong_y * trace[cell]


@njit(error_model="numpy")
def remember_goal(weights, memory, f):
    """Write the coordinates of here, by one's own reckoning, as those of the goal."""
    memory[GOAL_X], memory[GOAL_Y], memory[KNOWN] = dot(weights[X_OF], f), dot(weights[Y_OF], f), 1.0


@njit(error_model="numpy", fastmath=True)
def learn(weights, memory, before, after, action, moved_x, moved_y, reward, parameters, trace, first):
    """All that is learnt of one step, from place cells before and after it (N,); the TD error.

    A reward of 1 says that the step led onto the platform. action: -1 where the animal was put there by hand; then the
    actor does not learn.
    """
    next_value = 0.0 if reward > 0.0 else dot(weights[CRITIC], after)
    error = td_error(reward, parameters[DISCOUNT], dot(weights[CRITIC], before), next_value)
    if reward > 0.0:
        remember_goal(weights, memory, after)
    if action == TO_GOAL:
        if memory[KNOWN] > 0.0:
            memory[PREFERENCE] += parameters[GOAL_RATE] * error
    elif action >= 0:
        for cell in range(len(before)):
            weights[ACTOR + action, cell] += parameters[ACTOR_RATE] * error * before[cell]
    for cell in range(len(before)):
        weights[CRITIC, cell] += parameters[CRITIC_RATE] * error * before[cell]
    if parameters[COORDINATES] > 0.0 and action >= 0:
        _learn_coordinates(weights, before, after, moved_x, moved_y, parameters, trace, first)
    return error
