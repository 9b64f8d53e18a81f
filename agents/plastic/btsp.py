"""Behavioural time-scale plasticity (Bittner et al. 2017; Milstein et al. 2021), on a track and in the water maze.

    eligibility  de/dt = (f - e)/tau_e           of each place cell's synapse, over its greatest
    instruction  di/dt = (plateau - i)/tau_i     one for the cell, over its greatest
    dW/dt = (1 - W) k_up q_up(e i) - W k_down q_down(e i)       W over its greatest, 0 to 1
    q(x) = (s(x) - s(0))/(s(1) - s(0)), s(x) = 1/(1 + exp(-slope (x - middle)))

Constants are those of Milstein's network model as the comments of a re-implementation have them
(github.com/antoinemadar/BTSPvsSTDP, BTSP/biBTSP/InVivoMilstein2021_MilsteinModel.m at 54aa61a, read there); place
fields of 18 cm as in that file.

In the maze a reward sets off a plateau in one goal cell. What the animal swims up is its field: the drive W . f over
sum f, which it looks up a stroke ahead in eight directions. Where all of it is low it circles as the baselines do.

    Bittner, K. C., Milstein, A. D., Grienberger, C., Romani, S., Magee, J. C. (2017). Behavioral time scale
    synaptic plasticity underlies CA1 place fields. Science 357, 1033-1036.
    Milstein, A. D., Li, Y., Bittner, K. C., Grienberger, C., Soltesz, I., Magee, J. C., Romani, S. (2021).
    Bidirectional synaptic plasticity rapidly modifies hippocampal representations. eLife 10, e73046.
"""

import math
from dataclasses import astuple, dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from agents.plastic.actor_critic import activity, dot, scatter_cells
from agents.plastic.playing import Agent, episodes_of
from lsnn.kernels.draws import BASELINE, step_key, uniform_of
from tasks.water_maze.baselines import circle_heading
from tasks.water_maze.dynamics import SPEED, X, Y

TAU_E, TAU_I, PLATEAU, UP, DOWN, UP_MIDDLE, UP_SLOPE, DOWN_MIDDLE, DOWN_SLOPE = range(N_RULE := 9)
GREATEST_E, WIDTH, STROKE, SEARCH, LEAST, CIRCLE, DIRECTIONS = range(N_RULE, N_RULE + 7)
AFTERWARDS = 6.0  # time constants of the instruction after which nothing is learnt any more


@dataclass(frozen=True)
class Rule:
    """Constants of the rule; times in s, rates in 1/s."""

    tau_e: float = 1.66
    tau_i: float = 0.44
    plateau: float = 0.3
    up: float = 1.1
    down: float = 0.425
    up_middle: float = 0.415
    up_slope: float = 4.40
    down_middle: float = 0.026
    down_slope: float = 20.04


@dataclass(frozen=True)
class GoalField:
    """The agent in the maze: the rule with times in steps, and how it swims; lengths in pool radii."""

    seconds_a_step: float = 1 / 15  # so that the pool is crossed in the time that a rat takes at 0.3 m/s, 1 m radius
    cells: int = 493
    width: float = 0.2
    stroke: int = 8  # steps for which a heading is kept
    search: int = 50  # steps for which it circles from the top of the field on
    least: float = 0.005  # field from which it is swum up
    circle: float = 0.58  # the radius at which circling is best in the default maze
    directions: int = 8
    speed: float = 0.02

    def numbers(self) -> NDArray[np.float64]:
        """The numbers that compiled functions need: the rule in steps, the greatest eligibility, how it swims."""
        rule, step = np.array(astuple(Rule())), self.seconds_a_step
        rule[[TAU_E, TAU_I, PLATEAU]] /= step
        rule[[UP, DOWN]] *= step
        own = (self.width, self.stroke, self.search, self.least, self.circle, self.directions)
        return np.array([*rule, greatest_eligibility(rule[TAU_E], self.width / self.speed), *own])


def greatest_eligibility(tau_e: float, width: float) -> float:
    """The most that e reaches when a field of this width is crossed at its middle; both in steps."""
    t, e, greatest = -5.0 * width, 0.0, 0.0
    while t < 5.0 * width + tau_e:
        e += (math.exp(-0.5 * (t / width) ** 2) - e) / tau_e
        greatest, t = max(greatest, e), t + 1.0
    return greatest


@njit(error_model="numpy")
def gain(x, middle, slope):
    """q: a sigmoid that is 0 at 0 and 1 at 1."""
    low, high = 1.0 / (1.0 + math.exp(slope * middle)), 1.0 / (1.0 + math.exp(-slope * (1.0 - middle)))
    return (1.0 / (1.0 + math.exp(-slope * (x - middle))) - low) / (high - low)


@njit(error_model="numpy")
def change(weight, overlap, rule, dt):
    """The weight after a time dt at which e i is the overlap (0 to 1), kept in 0 to 1."""
    up = (1.0 - weight) * rule[UP] * gain(overlap, rule[UP_MIDDLE], rule[UP_SLOPE])
    down = weight * rule[DOWN] * gain(overlap, rule[DOWN_MIDDLE], rule[DOWN_SLOPE])
    return min(1.0, max(0.0, weight + dt * (up - down)))


@njit(error_model="numpy")
def instruction(t, rule):
    """i over its greatest at a time t since the plateau began."""
    whole = 1.0 - math.exp(-rule[PLATEAU] / rule[TAU_I])
    if t < rule[PLATEAU]:
        return (1.0 - math.exp(-t / rule[TAU_I])) / whole
    return math.exp(-(t - rule[PLATEAU]) / rule[TAU_I])


# On a track


@njit(error_model="numpy")
def laps(weights, centres, width, track, speed, plateau_at, rule, dt):
    """Three laps of a circular track with a plateau where plateau_at is passed in the second; changes the weights (N,).

    Lengths in cm, speed in cm/s, times in s. In the first lap the eligibilities and their greatest come about.
    """
    steps, length = int(round(track / (speed * dt))), len(weights)
    e, greatest, begun = np.zeros(length), 0.0, steps + int(round(plateau_at / (speed * dt)))
    for t in range(3 * steps):
        place = (t % steps) * speed * dt
        for cell in range(length):
            away = abs(place - centres[cell])
            away = min(away, track - away)
            e[cell] += dt / rule[TAU_E] * (math.exp(-0.5 * (away / width) ** 2) - e[cell])
            if t < steps:
                greatest = max(greatest, e[cell])
            elif t >= begun:
                overlap = min(1.0, e[cell] / greatest) * instruction((t - begun) * dt, rule)
                weights[cell] = change(weights[cell], overlap, rule, dt)


def track_field(
    plateaus: tuple[float, ...],
    speed: float,
    track: float = 185.0,
    width: float = 18.0,
    cells: int = 185,
    dt: float = 0.01,
) -> NDArray[np.float64]:
    """The field on a track, W . f over sum f, after each of the plateaus, (plateaus, cells); one in three laps.

    Args:
        plateaus: places in cm. speed: in cm/s. track, width: length of the track and of place fields in cm.
    """
    centres = np.arange(cells) * track / cells
    away = np.abs(centres[:, None] - centres)
    f = np.exp(-0.5 * (np.minimum(away, track - away) / width) ** 2)
    weights, rule, fields = np.zeros(cells), np.array(astuple(Rule())), []
    for place in plateaus:
        laps(weights, centres, width, track, speed, place, rule, dt)
        fields.append(f @ weights / f.sum(axis=1))
    return np.array(fields)


# In the water maze

W, E, F, HEADING = 0, 0, 1, 2  # row of the weights; rows of the activity


@njit(error_model="numpy")
def field(centres, width, weight, x, y, f):
    """W . f / sum f at a place."""
    activity(centres, width, x, y, f)
    total = 0.0
    for cell in range(len(f)):
        total += f[cell]
    return dot(weight, f) / total


@njit(error_model="numpy")
def _begin(weights):
    weights[:] = 0.0


@njit(error_model="numpy")
def _decide(key, t, fixed, weights, active, numbers, task, state):
    """Heading, NaN for circling, and for how many steps.

    Up the field; where it is low everywhere circle and look again; at the top, where the platform should have been,
    circle on for a while.
    """
    here = field(fixed, numbers[WIDTH], weights[W], state[X], state[Y], active[F])
    best, heading, ahead = here, np.nan, numbers[STROKE] * task[SPEED]
    turned = uniform_of(step_key(key, t, BASELINE), 2)
    for number in range(int(numbers[DIRECTIONS])):
        angle = 2.0 * math.pi * (number + turned) / numbers[DIRECTIONS]
        x, y = state[X] + ahead * math.cos(angle), state[Y] + ahead * math.sin(angle)
        if x * x + y * y < 1.0:
            there = field(fixed, numbers[WIDTH], weights[W], x, y, active[F])
            if there > best:
                best, heading = there, angle
    if best < numbers[LEAST]:
        return np.nan, 1.0
    return heading, numbers[SEARCH] if math.isnan(heading) else numbers[STROKE]


@njit(error_model="numpy")
def _act(key, t, fixed, weights, active, numbers, task, state, action):
    if active[HEADING, 1] == 0.0:
        decided = _decide(key, t, fixed, weights, active, numbers, task, state)
        active[HEADING, 0], active[HEADING, 1] = decided
    active[HEADING, 1] -= 1.0
    heading = active[HEADING, 0]
    if math.isnan(heading):
        heading = circle_heading(key, numbers[CIRCLE], 1, task, state)
    action[0], action[1] = math.cos(heading), math.sin(heading)


@njit(error_model="numpy")
def _eligible(fixed, active, numbers, state, lit):
    if lit:
        activity(fixed, numbers[WIDTH], state[X], state[Y], active[F])
    for cell in range(active.shape[1]):
        active[E, cell] += ((active[F, cell] if lit else 0.0) - active[E, cell]) / numbers[TAU_E]


@njit(error_model="numpy")
def write_field(weight, e, numbers):
    """All that a plateau changes, as though nothing entered after it: weight (N,) by eligibilities e (N,)."""
    for t in range(int(numbers[PLATEAU] + AFTERWARDS * numbers[TAU_I])):
        signal, kept = instruction(t + 1.0, numbers), math.exp(-t / numbers[TAU_E]) / numbers[GREATEST_E]
        for cell in range(len(weight)):
            overlap = min(1.0, e[cell] * kept) * signal
            if overlap > 1e-3:
                weight[cell] = change(weight[cell], overlap, numbers, 1.0)


@njit(error_model="numpy")
def _learn(fixed, weights, active, numbers, before, after, reward):
    _eligible(fixed, active, numbers, after, True)
    if reward > 0.0:
        write_field(weights[W], active[E], numbers)


@njit(error_model="numpy")
def _rest(fixed, weights, active, numbers, state, lit):
    _eligible(fixed, active, numbers, state, lit)
    active[HEADING] = 0.0


LOOP = episodes_of(_begin, _act, _learn, _rest)


def goal_field(key: int, settings: GoalField) -> Agent:
    """An animal whose goal cell has no field yet; its place cells are drawn from the key."""
    centres = np.zeros((settings.cells, 2))
    scatter_cells(np.uint64(key), centres)
    start = np.zeros((1, 1, settings.cells))
    return Agent(LOOP, centres, settings.numbers(), start, np.zeros((HEADING + 1, settings.cells)))
