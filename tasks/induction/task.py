"""Induction: compiled functions and keywords.

An episode is a stream of tokens of one vocabulary of six. First come pairs, a key and the value that follows it: keys
are distinct, values are any tokens. How many pairs is drawn anew for each episode, so that no delay line of fixed
length can answer. Then, after a dark in which nothing is shown, the keys come again, each once and in a new order,
without their values: the readout has to name the value that followed each.

The readout holds a number a token, the logits of the next one. It is taught by cross-entropy in the last part of each
query and, with a weight of its own, of each key at first sight, when no more is known than that all tokens are alike.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from lsnn.configuration import NOTHING, documented, parameter
from lsnn.kernels.draws import TASK_EPISODE, step_key, uniform_of
from lsnn.kernels.entry import at_least, entry, numbers
from lsnn.task import ActionKind, Encoder, Loss
from lsnn.validation import keys_of, require_integer, require_kind, require_number
from tasks.encoders import FlagCells
from tasks.validation import require_encoder

TOKENS = 6
NAMES = "ABCDEF"

# The state (float64, N_STATE). STEP counts from the start; PLACE is that of the token in the stream, and stays that of
# the last value in the dark. Pair i has key KEYS + i and value VALUES + i; query j asks for pair ORDER + j.
STEP, PLACE, PAIRS, KEYS = range(4)
VALUES, ORDER, N_STATE = KEYS + TOKENS, KEYS + 2 * TOKENS, KEYS + 3 * TOKENS

# The parameters (float64)
TOKEN_STEPS, FEWEST, MOST, ANSWER_STEPS, DARK_STEPS, PREVIOUS, FIRST_WEIGHT = range(N_PARAMETERS := 7)

LONGEST = 2.0**53  # steps
N_FLAGS = 2 * TOKENS  # the token, the one before it


def flag_names() -> tuple[str, ...]:
    """A name for each flag."""
    return (*NAMES, *(f"previous {name}" for name in NAMES))


@njit(error_model="numpy")
def _shuffle(stepped, first, numbers, count):
    """The first `count` of `numbers` become a draw of them without replacement, from draw `first` on."""
    for i in range(count):
        j = i + int(uniform_of(stepped, first + i) * (len(numbers) - i))
        numbers[i], numbers[j] = numbers[j], numbers[i]


@entry(parameters=numbers(N_PARAMETERS), state=numbers(N_STATE))
@njit(error_model="numpy")
def begin(key, parameters, state):
    """Draw the pairs and the order in which they are asked for."""
    stepped = step_key(key, 0, TASK_EPISODE)
    state[:] = 0.0
    lengths = parameters[MOST] - parameters[FEWEST] + 1.0
    pairs = int(parameters[FEWEST] + np.floor(uniform_of(stepped, 0) * lengths))
    pairs = max(0, min(pairs, TOKENS))
    state[PAIRS] = pairs
    for i in range(TOKENS):
        state[KEYS + i] = i
    _shuffle(stepped, 1, state[KEYS:VALUES], pairs)
    for i in range(pairs):
        state[VALUES + i] = np.floor(uniform_of(stepped, 1 + TOKENS + i) * TOKENS)
        state[ORDER + i] = i
    _shuffle(stepped, 1 + 2 * TOKENS, state[ORDER : ORDER + pairs], pairs)


@njit(error_model="numpy")
def _pairs(state):
    """How many pairs there are; 0 of a state that is none of the task's."""
    return int(state[PAIRS]) if 0.0 <= state[PAIRS] <= TOKENS else 0


@njit(error_model="numpy")
def _read(state, first, index):
    """The token or pair at a place of a row of them; 0 of a state that is none of the task's."""
    value = state[first + index] if 0 <= index < TOKENS else 0.0
    return int(value) if 0.0 <= value < TOKENS else 0


@njit(error_model="numpy")
def _where(state, parameters):
    """Place of the token in the stream, and the step within it; -1 in the dark and when all is over."""
    if not 0.0 <= state[STEP] < LONGEST:
        return -1, 0
    step, tokens = int(state[STEP]), 2 * _pairs(state)
    length, dark = int(parameters[TOKEN_STEPS]), int(parameters[DARK_STEPS])
    if step < tokens * length:
        return step // length, step % length
    step -= dark
    if step < tokens * length or step >= (tokens + _pairs(state)) * length:
        return -1, 0
    return step // length, step % length


@njit(error_model="numpy")
def _token(state, place):
    """The token at a place of the stream."""
    pairs = _pairs(state)
    if place >= 2 * pairs:
        return _read(state, KEYS, _read(state, ORDER, place - 2 * pairs))
    return _read(state, VALUES if place % 2 else KEYS, place // 2)


@entry(state=numbers(N_STATE), parameters=numbers(N_PARAMETERS), observation=numbers(N_FLAGS))
@njit(error_model="numpy")
def observe(state, parameters, observation):
    """Flags of the token and of the one before it; the first token and the first query have none before."""
    observation[:] = 0.0
    place, _ = _where(state, parameters)
    if place < 0:
        return
    observation[_token(state, place)] = 1.0
    if parameters[PREVIOUS] > 0.0 and place > 0 and place != 2 * _pairs(state):
        observation[TOKENS + _token(state, place - 1)] = 1.0


@njit(error_model="numpy")
def _named(action):
    """The token that an answer names: the first of the greatest numbers."""
    best = 0
    for i in range(1, TOKENS):
        if action[i] > action[best]:
            best = i
    return best


@njit(error_model="numpy")
def _follows(state, place):
    """The token that follows the key at a place, when it was first shown; -1 after a value."""
    pairs = _pairs(state)
    if place >= 2 * pairs:
        return _read(state, VALUES, _read(state, ORDER, place - 2 * pairs))
    return -1 if place % 2 else _read(state, VALUES, place // 2)


@entry(action=at_least(TOKENS), parameters=numbers(N_PARAMETERS), state=numbers(N_STATE))
@njit(error_model="numpy")
def transition(key, t, action, parameters, state):
    """Move the state through step t; returns reward (1 for a right answer), acted (at an answer), terminated.

    The answer is read at the last step of a query.
    """
    place, step = _where(state, parameters)
    answered = place >= 2 * _pairs(state) and step == int(parameters[TOKEN_STEPS]) - 1
    right = answered and _named(action) == _follows(state, place)
    state[STEP] += 1.0
    now, _ = _where(state, parameters)
    state[PLACE] = max(state[PLACE], now)
    return (1.0 if right else 0.0), answered, False


@entry(state=numbers(N_STATE), parameters=numbers(N_PARAMETERS), target=numbers(TOKENS))
@njit(error_model="numpy")
def target(state, parameters, target):
    """The value of the key that is shown, as probabilities; a weight over the last `answer_ms` of a key."""
    target[:] = 0.0
    place, step = _where(state, parameters)
    if place < 0 or _follows(state, place) < 0:
        target[0] = 1.0
        return 0.0
    target[_follows(state, place)] = 1.0
    if step < int(parameters[TOKEN_STEPS] - parameters[ANSWER_STEPS]):
        return 0.0
    return 1.0 if place >= 2 * _pairs(state) else parameters[FIRST_WEIGHT]


@documented
@dataclass(frozen=True)
class Induction:
    """A family of pairings of six tokens, one an episode.

    Raises:
        InputError: a value breaks its rule.
    """

    token_ms: int = parameter(25, "how long a token is shown", unit="ms")
    pairs_min: int = parameter(2, "fewest pairs of an episode, drawn uniformly", unit="pairs")
    pairs_max: int = parameter(4, "most of them", unit="pairs")
    previous: bool = parameter(
        True, "the token before is shown beside each token, but for the first and the first query", unit=NOTHING
    )
    answer_ms: int = parameter(
        10, "last part of a key, in which the readout is taught; its very last step is the answer", unit="ms"
    )
    first_weight: float = parameter(0.1, "weight of a key at first sight in the loss; that of a query is 1")
    dark_ms: int = parameter(0, "between the last pair and the first query, in which nothing is shown", unit="ms")
    encoder: Encoder = parameter(
        factory=lambda: FlagCells(flag_names(), cells_per_flag=10, flag_rate_hz=200.0),
        meaning="how the flags become input spikes",
        unit=NOTHING,
        source="ours",
    )

    name = "induction"
    dynamics = "tasks.induction.task"
    action_kind: ClassVar[ActionKind] = "none"
    loss: ClassVar[Loss] = "class"
    n_action = TOKENS
    n_state = N_STATE
    n_observation = N_FLAGS
    n_target = TOKENS

    def __post_init__(self) -> None:
        require_integer("token_ms", self.token_ms, 1)
        require_integer("pairs_min", self.pairs_min, 1, TOKENS)
        require_integer("pairs_max", self.pairs_max, self.pairs_min, TOKENS)
        require_kind("previous", self.previous, bool)
        require_integer("answer_ms", self.answer_ms, 1, self.token_ms)
        require_number("first_weight", self.first_weight, 0.0, 1.0)
        require_integer("dark_ms", self.dark_ms, 0)
        require_encoder(self.encoder, self.n_observation)

    @property
    def duration_ms(self) -> int:
        """Length of an episode, that of one with the most pairs."""
        return 3 * self.pairs_max * self.token_ms + self.dark_ms

    def parameters(self) -> NDArray[np.float64]:
        """The numbers the compiled functions need, in the order of the index constants of this module."""
        lengths = [self.token_ms, self.pairs_min, self.pairs_max, self.answer_ms, self.dark_ms]
        return np.array([*lengths, self.previous, self.first_weight], float)

    def at_difficulty(self, level: float) -> "Induction":
        """The task itself: there is no curriculum."""
        return self

    def metrics(self, reward: NDArray[np.floating], acted: NDArray[np.bool_]) -> dict[str, float]:
        """The share of queries that were answered rightly, from reward and acted, both (episodes, steps)."""
        return {"accuracy": float(np.sum(reward)) / max(1, int(np.count_nonzero(acted)))}

    def starts(self, keys: ArrayLike) -> NDArray[np.float64]:
        """The states of episodes before their first step, (E, N_STATE)."""
        own = keys_of("keys", keys)
        states = np.zeros((len(own), N_STATE))
        for key, state in zip(own, states, strict=True):
            begin(key, self.parameters(), state)
        return states
