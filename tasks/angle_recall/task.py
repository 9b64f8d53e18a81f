"""Angle recall: compiled functions and keywords.

An episode has one trial in three parts. An angle, uniform on the circle, is shown on a ring of tuned cells. Then
nothing is shown for a while, drawn anew for each episode: what is told afterwards was kept without input. Then a cue
asks for it, and the readout has to tell cosine and sine of the angle.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from lsnn.configuration import NOTHING, documented, parameter
from lsnn.kernels.draws import TASK_EPISODE, step_key, uniform_of
from lsnn.kernels.entry import at_least, entry, numbers
from lsnn.task import ActionKind, Encoder, Loss
from lsnn.validation import keys_of, require_integer
from tasks.encoders import RingCells
from tasks.validation import require_encoder

# The state (float64, N_STATE): steps so far, the part of the trial, the angle (rad, 0 .. 2 pi), the dark (ms)
STEP, PART, ANGLE, DARK = range(N_STATE := 4)
SHOWN, WAITING, RECALL, OVER = 0.0, 1.0, 2.0, 3.0

SHOW_STEPS, DARK_MIN, DARK_MAX, CUE_STEPS, ANSWER_STEPS = range(N_PARAMETERS := 5)  # the parameters (float64)


@njit(error_model="numpy")
def _part(step, parameters, dark):
    """The part of the trial that a step belongs to."""
    cue = parameters[SHOW_STEPS] + dark
    if step < parameters[SHOW_STEPS]:
        return SHOWN
    if step < cue:
        return WAITING
    return RECALL if step < cue + parameters[CUE_STEPS] else OVER


@entry(parameters=numbers(N_PARAMETERS), state=numbers(N_STATE))
@njit(error_model="numpy")
def begin(key, parameters, state):
    """Draw the angle and how long it has to be kept in the dark."""
    stepped = step_key(key, 0, TASK_EPISODE)
    state[STEP], state[PART] = 0.0, SHOWN
    state[ANGLE] = 2.0 * math.pi * uniform_of(stepped, 0)
    lengths = parameters[DARK_MAX] - parameters[DARK_MIN] + 1.0
    state[DARK] = parameters[DARK_MIN] + math.floor(uniform_of(stepped, 1) * lengths)


@entry(state=numbers(N_STATE), parameters=numbers(N_PARAMETERS), observation=numbers(3))
@njit(error_model="numpy")
def observe(state, parameters, observation):
    """Cosine and sine of the angle while it is shown, else 0 and 0; whether the cue is up."""
    shown = state[PART] == SHOWN
    observation[0] = math.cos(state[ANGLE]) if shown else 0.0
    observation[1] = math.sin(state[ANGLE]) if shown else 0.0
    observation[2] = 1.0 if state[PART] == RECALL else 0.0


@njit(error_model="numpy")
def _error_deg(action, angle):
    """Degrees between the direction of an answer (x, y) and an angle in rad, 0 .. 180; (0, 0) counts as 0 rad."""
    away = math.atan2(action[1], action[0]) - angle
    return math.degrees(abs(math.atan2(math.sin(away), math.cos(away))))


@entry(action=at_least(2), parameters=numbers(N_PARAMETERS), state=numbers(N_STATE))
@njit(error_model="numpy")
def transition(key, t, action, parameters, state):
    """Move the state through step t; returns reward, acted (at the answer, the last step of the cue), terminated.

    The reward is minus the circular error of the answer in degrees.
    """
    before = state[PART]
    state[STEP] += 1.0
    state[PART] = _part(state[STEP], parameters, state[DARK])
    answered = before == RECALL and state[PART] == OVER
    return (-_error_deg(action, state[ANGLE]) if answered else 0.0), answered, False


@entry(state=numbers(N_STATE), parameters=numbers(N_PARAMETERS), target=numbers(2))
@njit(error_model="numpy")
def target(state, parameters, target):
    """Cosine and sine of the angle; weight 1 over the last `answer_ms` of the cue."""
    target[0], target[1] = math.cos(state[ANGLE]), math.sin(state[ANGLE])
    over = parameters[SHOW_STEPS] + state[DARK] + parameters[CUE_STEPS]
    return 1.0 if state[PART] == RECALL and state[STEP] >= over - parameters[ANSWER_STEPS] else 0.0


@documented
@dataclass(frozen=True)
class AngleRecall:
    """A family of angles to be kept in the dark, one an episode.

    Raises:
        InputError: a value breaks its rule.
    """

    show_ms: int = parameter(200, "how long the angle is shown", unit="ms")
    dark_ms_min: int = parameter(50, "shortest dark between it and the cue, drawn uniformly", unit="ms")
    dark_ms: int = parameter(500, "longest dark", unit="ms")
    cue_ms: int = parameter(100, "how long the cue lasts; its very last step is the answer", unit="ms")
    answer_ms: int = parameter(50, "last part of the cue, in which the readout is taught", unit="ms")
    encoder: Encoder = parameter(
        factory=RingCells, meaning="how angle and cue become input spikes", unit=NOTHING, source="ours"
    )

    name = "angle-recall"
    dynamics = "tasks.angle_recall.task"
    action_kind: ClassVar[ActionKind] = "none"
    loss: ClassVar[Loss] = "target"
    n_action = 2
    n_state = N_STATE
    n_observation = 3
    n_target = 2

    def __post_init__(self) -> None:
        require_integer("show_ms", self.show_ms, 1)
        require_integer("dark_ms_min", self.dark_ms_min, 0)
        require_integer("dark_ms", self.dark_ms, self.dark_ms_min)
        require_integer("cue_ms", self.cue_ms, 1)
        require_integer("answer_ms", self.answer_ms, 1, self.cue_ms)
        require_encoder(self.encoder, self.n_observation)

    @property
    def duration_ms(self) -> int:
        """Length of an episode, that of the longest trial."""
        return self.show_ms + self.dark_ms + self.cue_ms

    def parameters(self) -> NDArray[np.float64]:
        """The numbers the compiled functions need, in the order of the index constants of this module."""
        return np.array([self.show_ms, self.dark_ms_min, self.dark_ms, self.cue_ms, self.answer_ms], float)

    def at_difficulty(self, level: float) -> "AngleRecall":
        """The task itself: there is no curriculum."""
        return self

    def metrics(self, reward: NDArray[np.floating], acted: NDArray[np.bool_]) -> dict[str, float]:
        """Mean circular error of the answers in degrees, from reward and acted, both (episodes, steps)."""
        return {"error_deg": -float(np.sum(reward)) / max(1, int(np.count_nonzero(acted)))}

    def starts(self, keys: ArrayLike) -> NDArray[np.float64]:
        """The states of episodes before their first step, (E, N_STATE)."""
        own = keys_of("keys", keys)
        states = np.zeros((len(own), N_STATE))
        for key, state in zip(own, states, strict=True):
            begin(key, self.parameters(), state)
        return states
