"""A one-shot map from a reservoir to the goal's coordinates, after Kumar et al. (2021), in the water maze.

    reservoir:  x <- (1 - a) x + a (W_in u + W tanh(x)),   h = tanh(x),   a = 100 ms / 150 ms a step
    u = (49 place cells, a cue that is always up)          goal: g = G h = (x, y, confidence)
    on the platform:  G += (y - G h) h / |h|^2,   y = (own X, own Y, 1)     pre times (what post is held at - recalled)
    own X, Y: path integration, w += rate (X(p') - X(p) - dx) e,   e = trace e + f(p'), before the test
    heading: of 40 directions, P = softmax(sharpness (g - own place) . direction); circling if confidence < least

Read in github.com/mgkumar138/Oneshot_Reservoir (backend_scripts/model.py at 5459c32, utils.py at 0be7461): place
cells, gains, connectivity, time constants and the motor controller with its sharpness; their square of 1.6 m is
taken for the square about the pool. Ours: 256 units in place of 1024, no noise in them; the step of the map is
exact in one visit, where theirs is a rate times the reward; path integration has a rate and a trace of its own, and
is over before the test; a direction is drawn in every step and where no goal is recalled the animal circles as the
baselines do, in place of a ring of noisy action cells.

    Kumar, M. G., Tan, C., Libedinsky, C., Yen, S.-C., Tan, A. Y. Y. (2021). One-shot learning of paired
    association navigation with biologically plausible schemas. arXiv:2106.03580 (recalled).
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from agents.plastic.actor_critic import dot
from agents.plastic.playing import Agent, episodes_of
from lsnn.kernels.draws import BASELINE, step_key, uniform_of
from tasks.water_maze import WaterMaze
from tasks.water_maze.baselines import circle_heading, swim
from tasks.water_maze.dynamics import WAIT, X, Y

GRID, DIRECTIONS = 7, 40
CELLS = GRID * GRID
SPACING = 2.0 / (GRID - 1)  # of the grid of place cells, which is their width as well; pool radii
HEARD = 26  # units of the reservoir that a unit hears, a tenth of them
G_X, OWN_X, OWN_Y = 0, 3, 4  # rows of the weights: three of the goal's, over units; two of the own place, over cells
POTENTIAL, RATE, PLACE = range(3)  # rows of the activity
SHARPNESS, LEAST, GAIN, CUE, LEAK, CIRCLE, HOLD = range(7)


@dataclass(frozen=True)
class OneShot:
    """Sizes and rates; lengths in pool radii."""

    units: int = 256  # at least as many as place cells
    gain: float = 1.5  # of the recurrent weights
    cue: float = 3.0
    sharpness: float = 9.6  # 4 (mcbeta) times 3 (step of an action cell) times 0.8 m a pool radius
    least: float = 0.75  # confidence from which a recalled goal is headed for
    leak: float = 100 / 150
    coordinate_rate: float = 0.02
    trace: float = 0.9  # of path integration
    circle: float = 0.58  # the radius at which circling is best in the default maze
    hold: int = 1  # steps after which circling looks where it is

    def numbers(self) -> np.ndarray:
        """The numbers that compiled functions need."""
        return np.array([
            self.sharpness, self.least, self.gain, self.cue, self.leak, self.circle, self.hold,
        ], float)  # fmt: skip


@njit(error_model="numpy")
def place_cells(x, y, f):
    """f_i = exp(-|p - c_i|^2 / (2 spacing^2)) on a grid over the square about the pool; fills f (49,)."""
    for cell in range(CELLS):
        east, north = x + 1.0 - SPACING * (cell % GRID), y + 1.0 - SPACING * (cell // GRID)
        f[cell] = math.exp(-0.5 * (east * east + north * north) / (SPACING * SPACING))


@njit(error_model="numpy", fastmath=True)
def step_reservoir(fixed, potential, rate, place, numbers, lit):
    """One step of the reservoir; without light neither place nor cue enters."""
    w_in, w, heard = fixed
    for unit in range(len(potential)):
        drive = 0.0
        for k in range(HEARD):
            drive += w[unit, k] * rate[heard[unit, k]]
        drive *= numbers[GAIN]
        if lit:
            drive += numbers[CUE] * w_in[unit, CELLS]
            for cell in range(CELLS):
                drive += w_in[unit, cell] * place[cell]
        potential[unit] += numbers[LEAK] * (drive - potential[unit])
    for unit in range(len(potential)):
        rate[unit] = math.tanh(potential[unit])


@njit(error_model="numpy")
def write(weights, rate, wanted):
    """G += (y - G h) h / |h|^2 for rows G of weights (K, N) and y (K,), which is recalled exactly from then on."""
    length = dot(rate, rate)
    if length == 0.0:
        return
    for row in range(len(wanted)):
        change = (wanted[row] - dot(weights[row], rate)) / length
        for unit in range(len(rate)):
            weights[row, unit] += change * rate[unit]


@njit(error_model="numpy")
def towards(east, north, sharpness, uniform):
    """Number of one of the 40 directions, drawn from softmax(sharpness (east, north) . direction)."""
    total, passed, peak = 0.0, 0.0, sharpness * math.hypot(east, north)
    for draw in range(2):
        for number in range(DIRECTIONS):
            angle = 2.0 * math.pi * number / DIRECTIONS
            share = math.exp(sharpness * (east * math.cos(angle) + north * math.sin(angle)) - peak)
            if draw == 0:
                total += share
            else:
                passed += share
                if uniform * total < passed:
                    return number
    return DIRECTIONS - 1


@njit(error_model="numpy")
def _begin(weights):
    weights[:OWN_X] = 0.0


@njit(error_model="numpy")
def _act(key, t, fixed, weights, active, numbers, task, state, action):
    place = active[PLACE]
    place_cells(state[X], state[Y], place)
    step_reservoir(fixed, active[POTENTIAL], active[RATE], place, numbers, True)
    if dot(weights[G_X + 2], active[RATE]) > numbers[LEAST]:
        east = dot(weights[G_X], active[RATE]) - dot(weights[OWN_X], place)
        north = dot(weights[G_X + 1], active[RATE]) - dot(weights[OWN_Y], place)
        number = towards(east, north, numbers[SHARPNESS], uniform_of(step_key(key, t, BASELINE), 2))
        heading = 2.0 * math.pi * number / DIRECTIONS
    else:
        heading = circle_heading(key, numbers[CIRCLE], numbers[HOLD], task, state)
    action[0], action[1] = math.cos(heading), math.sin(heading)


@njit(error_model="numpy")
def _learn(fixed, weights, active, numbers, before, after, reward):
    if reward > 0.0:
        place_cells(after[X], after[Y], active[PLACE])
        _write_goal(fixed, weights, active, numbers)


@njit(error_model="numpy")
def _write_goal(fixed, weights, active, numbers):
    """What the reservoir says on the platform becomes the key of the own place there."""
    place, wanted = active[PLACE], np.ones(3)
    step_reservoir(fixed, active[POTENTIAL], active[RATE], place, numbers, True)
    for axis in range(2):
        wanted[axis] = dot(weights[OWN_X + axis], place)
    write(weights[G_X : G_X + 3], active[RATE], wanted)


@njit(error_model="numpy")
def _rest(fixed, weights, active, numbers, state, lit):
    place_cells(state[X], state[Y], active[PLACE])
    step_reservoir(fixed, active[POTENTIAL], active[RATE], active[PLACE], numbers, lit)


LOOP = episodes_of(_begin, _act, _learn, _rest)


@njit(error_model="numpy")
def path_integrated(states, rate, kept, weights):
    """Learn the own place on recorded swims: w += rate (w . (f(p') - f(p)) - dx) e, e = kept e + f(p').

    Args:
        states: (E, T + 1, n_state); from a visit to the release nothing is learnt. weights: (2, 49), changed.
    """
    before, after, trace = np.zeros(CELLS), np.zeros(CELLS), np.zeros(CELLS)
    for episode in range(len(states)):
        trace[:] = 0.0
        for t in range(states.shape[1] - 1):
            old, new = states[episode, t], states[episode, t + 1]
            if old[WAIT] > 0.0:
                trace[:] = 0.0
                continue
            place_cells(old[X], old[Y], before)
            place_cells(new[X], new[Y], after)
            for cell in range(CELLS):
                trace[cell] = kept * trace[cell] + after[cell]
            for axis in range(2):
                wrong = dot(weights[axis], after) - dot(weights[axis], before) - (new[X + axis] - old[X + axis])
                for cell in range(CELLS):
                    weights[axis, cell] += rate * wrong * trace[cell]


def one_shot(seed: int, settings: OneShot, lives: NDArray[np.uint64], task: WaterMaze) -> Agent:
    """An animal whose map is empty; it has learnt its own place swimming straight lines in the mazes of these keys."""
    drawn = np.random.default_rng(seed)
    w_in = drawn.uniform(-1.0, 1.0, (settings.units, CELLS + 1))
    heard = np.stack([drawn.permutation(settings.units - 1)[:HEARD] for _ in range(settings.units)])
    heard += heard >= np.arange(settings.units)[:, None]  # no unit hears itself
    w = drawn.normal(0.0, 1.0 / math.sqrt(HEARD), heard.shape)
    start = np.zeros((1, OWN_Y + 1, settings.units))
    own = np.zeros((2, CELLS))
    path_integrated(swim("straight_lines", lives, task).task_state, settings.coordinate_rate, settings.trace, own)
    start[0, OWN_X:, :CELLS] = own
    return Agent(LOOP, (w_in, w, heard), settings.numbers(), start, np.zeros((PLACE + 1, settings.units)))
