"""Angle recall as a family: one trial an episode, darks of several lengths as variants."""

from functools import partial

import numpy as np

from tasks.angle_recall.baselines import directions, play
from tasks.angle_recall.environment import ENVIRONMENT
from tasks.angle_recall.presets import PRESETS
from tasks.angle_recall.task import ANGLE, DARK, PART, RECALL, STEP, AngleRecall
from tasks.family import Baseline, Family, Knows, Latent, Measure, Played, Trace, Variant, require_acted

TRIAL_DTYPE = np.dtype(
    [
        ("episode", np.int32),
        ("trial", np.int32),
        ("start_ms", np.int32),
        ("end_ms", np.int32),
        ("dark_ms", np.int32),
        ("angle_deg", np.float64),
        ("answer_deg", np.float64),
        ("length", np.float64),
        ("error_deg", np.float64),
    ]
)
COLUMNS = {
    "dark_ms": ("ms", "without input, between the angle and the cue"),
    "angle_deg": ("deg", "the angle shown, 0 to 360"),
    "answer_deg": ("deg", "direction of the readout at the end of the cue, 0 to 360"),
    "length": ("1", "length of the readout; taught is 1"),
}
BASELINES: tuple[tuple[str, str, Knows], ...] = (
    ("no_memory", "no memory", "nothing"),
    ("population_vector", "population vector of the input", "the prior"),
    ("ideal_observer", "ideal observer of the input", "the prior"),
)
DARKS_MS = (200, 500, 1000, 2000)


def circular_deg(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Degrees between two angles in degrees, 0 .. 180."""
    return np.abs((np.asarray(a) - b + 180.0) % 360.0 - 180.0)


def angles_table(task: AngleRecall, starts: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """A row an episode; starts (E, N_STATE) are its first states, answer (E, 2) a vector in the direction told."""
    table = np.zeros(len(starts), TRIAL_DTYPE)
    table["episode"], table["dark_ms"] = np.arange(len(starts)), starts[:, DARK]
    table["end_ms"] = task.show_ms + table["dark_ms"] + task.cue_ms
    table["angle_deg"] = np.degrees(starts[:, ANGLE])
    table["answer_deg"] = np.degrees(np.arctan2(answer[:, 1], answer[:, 0])) % 360.0
    table["length"] = np.hypot(*answer.T)
    table["error_deg"] = circular_deg(table["answer_deg"], table["angle_deg"])
    return table


def trials_of(task: AngleRecall, states: np.ndarray, trace: Trace) -> np.ndarray:
    """The table of recorded episodes."""
    last = task.show_ms + states[:, 0, DARK].astype(int) + task.cue_ms - 1
    over = np.flatnonzero(last < trace.reward.shape[1])
    require_acted(trace, over, last[over])
    table = angles_table(task, states[over, 0], trace.action[over, last[over]])
    table["episode"] = over
    return table


def hidden(task: AngleRecall, states: np.ndarray) -> np.ndarray:
    """Cosine and sine of the angle, (E, 2)."""
    return directions(states[:, 0, ANGLE])


def shown(task: AngleRecall, states: np.ndarray) -> np.ndarray:
    """The step from which the angle has been shown to its end, (E,)."""
    return np.full(len(states), task.show_ms)


def cues(task: AngleRecall, trials: np.ndarray) -> np.ndarray:
    """The step before which the cue comes, (rows,)."""
    return trials["end_ms"].astype(np.int64) - task.cue_ms


def by_trial(task: AngleRecall, trials: np.ndarray) -> np.ndarray:
    """Cosine and sine of the angle of each trial, (rows, 2)."""
    return directions(np.radians(trials["angle_deg"]))


def away(task: AngleRecall, latent: np.ndarray, trials: np.ndarray, states: np.ndarray) -> np.ndarray:
    """Degrees between each answer and these angles, (rows,)."""
    return circular_deg(trials["answer_deg"], np.degrees(np.arctan2(latent[:, 1], latent[:, 0])))


def steps_to_part(task: AngleRecall, states: np.ndarray) -> np.ndarray:
    """Steps to the end of the part of the trial, (n,)."""
    ends = np.cumsum([np.full(len(states), task.show_ms), states[:, DARK], np.full(len(states), task.cue_ms)], axis=0)
    part = states[:, PART].astype(int)
    end = ends[np.minimum(part, int(RECALL)), np.arange(len(states))]
    return np.maximum(1, np.where(part <= RECALL, end, task.duration_ms) - states[:, STEP]).astype(int)


def played(name: str, task: AngleRecall, keys: np.ndarray) -> Played:
    """The answers of one baseline."""
    return Played(angles_table(task, task.starts(keys), play(name, task, keys)))


FAMILY = Family(
    task=AngleRecall,
    trials=trials_of,
    measures=(Measure("error_deg", "circular error", unit="deg", format=".1f", better="low", chance=90.0),),
    title="Angle recall with frozen weights",
    question="An angle is shown on a ring of tuned cells, then nothing is; at a cue the readout has to tell it. No "
    "weight changes: what is kept is kept in the state.",
    columns=COLUMNS,
    history=(Measure("error_deg", "circular error (deg)", format=".1f", better="low", chance=90.0),),
    presets=PRESETS,
    baselines={name: Baseline(label, knows, partial(played, name)) for name, label, knows in BASELINES},
    variants={
        "drawn": Variant("dark as in training", {}),
        **{f"dark_{ms}": Variant(f"dark {ms} ms", {"dark_ms_min": ms, "dark_ms": ms}) for ms in DARKS_MS},
    },
    latent=Latent(("cosine of the angle", "sine of the angle"), "1", hidden, shown, cues, by_trial, away),
    trial_counter=PART,
    steps_to_trial=steps_to_part,
    environment=ENVIRONMENT,
    episodes=1024,
)
