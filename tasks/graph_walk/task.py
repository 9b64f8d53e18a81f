"""Graph walk: compiled functions and keywords.

An episode is a walk on a square grid of rooms, whose side is drawn anew; each room has a symbol, drawn anew as well, so
that several rooms may look alike. A visit shows the symbol of the room and the direction of the move that comes next.
The readout has to name the symbol of the room that the move leads to (after Whittington et al. 2020, 2022). In a room
that was visited before this can be known by whoever keeps which room has which symbol and adds up the moves.

A walk never goes straight back and never bumps into a wall; among the other moves it draws uniformly. So no room is met
again before four moves.

The readout holds a number a symbol, the logits of the next one. It is taught by cross-entropy in the last part of each
visit; a move to a room at first sight, whose symbol nobody can know, has a weight of its own.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from lsnn.configuration import NOTHING, documented, parameter
from lsnn.kernels.draws import TASK_EPISODE, TASK_STEP, step_key, uniform, uniform_of
from lsnn.kernels.entry import at_least, entry, numbers
from lsnn.task import ActionKind, Encoder, Loss
from lsnn.validation import keys_of, require_integer, require_number
from tasks.encoders import FlagCells
from tasks.validation import require_encoder

SYMBOLS = 10
LARGEST_SIDE = 6
ROOMS = LARGEST_SIDE**2
MOVES = ("north", "east", "south", "west")
N_MOVES = len(MOVES)
MOST_VISITS = 10_000

# The state (float64, N_STATE). STEP counts within the visit, VISIT from the start; room y * SIDE + x has symbol
# SYMBOL + room and was visited last as visit LAST + room, -1 if never; MOVE is the move that comes next.
STEP, VISIT, SIDE, ROOM, MOVE, SYMBOL = range(6)
LAST, N_STATE = SYMBOL + ROOMS, SYMBOL + 2 * ROOMS

# The parameters (float64)
VISIT_STEPS, VISITS, LEAST_SIDE, MOST_SIDE, ANSWER_STEPS, FIRST_WEIGHT = range(N_PARAMETERS := 6)

N_FLAGS = SYMBOLS + N_MOVES  # the symbol, the move

# Draws of an episode; from _OF_SYMBOLS on one a room
_OF_SIDE, _OF_ROOM, _OF_MOVE, _OF_SYMBOLS = range(4)


def flag_names() -> tuple[str, ...]:
    """A name for each flag."""
    return (*(f"symbol {i}" for i in range(SYMBOLS)), *MOVES)


@njit(error_model="numpy")
def _whole(value, low, high):
    """A number of the state as a whole one; `low` where it is none of the task's."""
    return int(value) if low <= value <= high else low


@njit(error_model="numpy")
def _led_to(room, side, move):
    """The room that a move leads to; -1 through a wall."""
    x, y = room % side, room // side
    if move == 0:
        y -= 1
    elif move == 1:
        x += 1
    elif move == 2:
        y += 1
    else:
        x -= 1
    return y * side + x if 0 <= x < side and 0 <= y < side else -1


@njit(error_model="numpy")
def _drawn(u, room, side, back):
    """A move by a uniform number: any that leads through no wall and is not `back`."""
    count = 0
    for move in range(N_MOVES):
        if move != back and _led_to(room, side, move) >= 0:
            count += 1
    chosen = int(u * count)
    for move in range(N_MOVES):
        if move != back and _led_to(room, side, move) >= 0:
            if chosen == 0:
                return move
            chosen -= 1
    return 0


@entry(parameters=numbers(N_PARAMETERS), state=numbers(N_STATE))
@njit(error_model="numpy")
def begin(key, parameters, state):
    """Draw the side of the grid, the symbols of its rooms, the first room and the first move."""
    stepped = step_key(key, 0, TASK_EPISODE)
    state[:] = 0.0
    sides = parameters[MOST_SIDE] - parameters[LEAST_SIDE] + 1.0
    side = _whole(parameters[LEAST_SIDE] + np.floor(uniform_of(stepped, _OF_SIDE) * sides), 2, LARGEST_SIDE)
    room = int(uniform_of(stepped, _OF_ROOM) * side * side)
    state[SIDE], state[ROOM] = side, room
    state[MOVE] = _drawn(uniform_of(stepped, _OF_MOVE), room, side, -1)
    for i in range(ROOMS):
        state[SYMBOL + i] = np.floor(uniform_of(stepped, _OF_SYMBOLS + i) * SYMBOLS)
        state[LAST + i] = -1.0
    state[LAST + room] = 0.0


@njit(error_model="numpy")
def _next(state):
    """The room that comes next; the present one of a state that is none of the task's."""
    side = _whole(state[SIDE], 2, LARGEST_SIDE)
    room = _whole(state[ROOM], 0, side * side - 1)
    led = _led_to(room, side, _whole(state[MOVE], 0, N_MOVES - 1))
    return led if led >= 0 else room


@njit(error_model="numpy")
def _symbol(state, room):
    return _whole(state[SYMBOL + room], 0, SYMBOLS - 1)


@njit(error_model="numpy")
def _go(key, state):
    """Take the move, and draw the one after it: a function of (key, visit)."""
    room, visit = _next(state), _whole(state[VISIT], 0, MOST_VISITS) + 1
    back = (_whole(state[MOVE], 0, N_MOVES - 1) + 2) % N_MOVES
    state[VISIT], state[ROOM], state[LAST + room] = visit, room, visit
    state[MOVE] = _drawn(uniform(key, visit, TASK_STEP, 0), room, _whole(state[SIDE], 2, LARGEST_SIDE), back)


@entry(state=numbers(N_STATE), parameters=numbers(N_PARAMETERS), observation=numbers(N_FLAGS))
@njit(error_model="numpy")
def observe(state, parameters, observation):
    """Flags of the symbol of the room and of the move that comes next; nothing once all is over."""
    observation[:] = 0.0
    if state[VISIT] < parameters[VISITS]:
        side = _whole(state[SIDE], 2, LARGEST_SIDE)
        observation[_symbol(state, _whole(state[ROOM], 0, side * side - 1))] = 1.0
        observation[SYMBOLS + _whole(state[MOVE], 0, N_MOVES - 1)] = 1.0


@njit(error_model="numpy")
def _named(action):
    """The symbol that an answer names: the first of the greatest numbers."""
    best = 0
    for i in range(1, SYMBOLS):
        if action[i] > action[best]:
            best = i
    return best


@entry(action=at_least(SYMBOLS), parameters=numbers(N_PARAMETERS), state=numbers(N_STATE))
@njit(error_model="numpy")
def transition(key, t, action, parameters, state):
    """Move the state through step t; returns reward (1 for a right answer), acted (at an answer), terminated.

    The answer is read at the last step of a visit, and counts where the move leads to a room visited before.
    """
    if state[VISIT] >= parameters[VISITS] or state[STEP] < parameters[VISIT_STEPS] - 1.0:
        state[STEP] += 1.0
        return 0.0, False, False
    room = _next(state)
    known = state[LAST + room] >= 0.0
    right = known and _named(action) == _symbol(state, room)
    _go(key, state)
    state[STEP] = 0.0
    return (1.0 if right else 0.0), known, False


@entry(state=numbers(N_STATE), parameters=numbers(N_PARAMETERS), target=numbers(SYMBOLS))
@njit(error_model="numpy")
def target(state, parameters, target):
    """The symbol of the room that comes next, as probabilities; a weight over the last `answer_ms` of a visit."""
    room = _next(state)
    target[:] = 0.0
    target[_symbol(state, room)] = 1.0
    early = state[STEP] < parameters[VISIT_STEPS] - parameters[ANSWER_STEPS]
    if early or state[VISIT] >= parameters[VISITS]:
        return 0.0
    return 1.0 if state[LAST + room] >= 0.0 else parameters[FIRST_WEIGHT]


@njit(error_model="numpy")
def _walk(keys, parameters, states):
    for i in range(len(keys)):
        begin(keys[i], parameters, states[i, 0])
        for visit in range(1, states.shape[1]):
            states[i, visit] = states[i, visit - 1]
            _go(keys[i], states[i, visit])


@njit(error_model="numpy")
def _next_of_all(states, rooms):
    for i in range(len(states)):
        rooms[i] = _next(states[i])


def going_to(states: NDArray[np.float64]) -> NDArray[np.int64]:
    """The room that comes next, (n,), from states (n, N_STATE)."""
    rooms = np.zeros(len(states), np.int64)
    _next_of_all(np.ascontiguousarray(states, float), rooms)
    return rooms


@documented
@dataclass(frozen=True)
class GraphWalk:
    """A family of grids of rooms with symbols, one an episode, and of walks on them.

    Raises:
        InputError: a value breaks its rule.
    """

    visit_ms: int = parameter(20, "how long a symbol and the next move are shown", unit="ms")
    visits: int = parameter(60, "visits of an episode, each of which ends in a move", unit="visits")
    side_min: int = parameter(3, "least side of the grid, drawn uniformly", unit="rooms")
    side_max: int = parameter(6, "greatest side", unit="rooms")
    answer_ms: int = parameter(
        10, "last part of a visit, in which the readout is taught; its very last step is the answer", unit="ms"
    )
    first_weight: float = parameter(
        0.1, "weight of a move to a room at first sight in the loss; that of one to a room visited before is 1"
    )
    encoder: Encoder = parameter(
        factory=lambda: FlagCells(flag_names(), cells_per_flag=10, flag_rate_hz=200.0),
        meaning="how the flags become input spikes",
        unit=NOTHING,
        source="ours",
    )

    name = "graph-walk"
    dynamics = "tasks.graph_walk.task"
    action_kind: ClassVar[ActionKind] = "none"
    loss: ClassVar[Loss] = "class"
    n_action = SYMBOLS
    n_state = N_STATE
    n_observation = N_FLAGS
    n_target = SYMBOLS
    movement = (SYMBOLS, N_FLAGS)  # from where to where the observation says how one moves

    def __post_init__(self) -> None:
        require_integer("visit_ms", self.visit_ms, 1)
        require_integer("visits", self.visits, 1, MOST_VISITS)
        require_integer("side_min", self.side_min, 2, LARGEST_SIDE)
        require_integer("side_max", self.side_max, self.side_min, LARGEST_SIDE)
        require_integer("answer_ms", self.answer_ms, 1, self.visit_ms)
        require_number("first_weight", self.first_weight, 0.0, 1.0)
        require_encoder(self.encoder, self.n_observation)

    @property
    def duration_ms(self) -> int:
        """Length of an episode."""
        return self.visits * self.visit_ms

    def parameters(self) -> NDArray[np.float64]:
        """The numbers the compiled functions need, in the order of the index constants of this module."""
        walk = [self.visit_ms, self.visits, self.side_min, self.side_max]
        return np.array([*walk, self.answer_ms, self.first_weight], float)

    def at_difficulty(self, level: float) -> "GraphWalk":
        """The task itself: there is no curriculum."""
        return self

    def metrics(self, reward: NDArray[np.floating], acted: NDArray[np.bool_]) -> dict[str, float]:
        """The share of moves to rooms visited before that were answered rightly, both (episodes, steps)."""
        return {"accuracy": float(np.sum(reward)) / max(1, int(np.count_nonzero(acted)))}

    def walks(self, keys: ArrayLike) -> NDArray[np.float64]:
        """The states at the start of each visit, and after the last, of episodes (E,): (E, visits + 1, N_STATE)."""
        own = keys_of("keys", keys)
        states = np.zeros((len(own), self.visits + 1, N_STATE))
        _walk(own, self.parameters(), states)
        return states
