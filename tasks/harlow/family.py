"""Harlow's task as a family: choices as trials, baselines, objects of meta-training and held-out ones."""

from functools import partial

import numpy as np

from tasks.family import (
    Baseline,
    Family,
    Knows,
    Latent,
    Measure,
    Played,
    Trace,
    Variant,
    require_every_acted,
    trials_over,
)
from tasks.harlow.baselines import play
from tasks.harlow.environment import ENVIRONMENT
from tasks.harlow.presets import PRESETS
from tasks.harlow.task import (
    BITS,
    KEPT_BACK,
    OTHER,
    PAYS,
    SIDE,
    STEP,
    TRAINED,
    TRIAL,
    Harlow,
    choice_steps,
)

TRIAL_DTYPE = np.dtype(
    [
        ("episode", np.int32),
        ("trial", np.int32),
        ("start_ms", np.int32),
        ("end_ms", np.int32),
        ("choice", np.int8),
        ("side", np.int8),
        ("correct", np.bool_),
        ("first", np.bool_),
        ("second", np.bool_),
        ("later", np.bool_),
        ("after_wrong", np.bool_),
    ]
)
COLUMNS = {
    "choice": ("1", "the side chosen, 0 left or 1 right"),
    "side": ("1", "the side of the object that pays"),
    "correct": ("1", "whether it was chosen"),
    "first": ("1", "whether this is the first trial"),
    "second": ("1", "whether this is the second trial"),
    "later": ("1", "whether this is a trial after the first"),
    "after_wrong": ("1", "whether this is the second trial and the first choice was wrong"),
}


def choices_table(task: Harlow, side: np.ndarray, choice: np.ndarray) -> np.ndarray:
    """A row a choice; side (of the object that pays) and choice, both (E, trials)."""
    episodes, trials = choice.shape
    table = np.empty(choice.size, TRIAL_DTYPE)
    table["episode"], table["trial"] = np.repeat(np.arange(episodes), trials), np.tile(np.arange(trials), episodes)
    table["start_ms"], table["end_ms"] = table["trial"] * task.trial_ms, (table["trial"] + 1) * task.trial_ms
    table["choice"], table["side"] = choice.ravel(), side.ravel()
    table["correct"] = table["choice"] == table["side"]
    table["first"], table["second"], table["later"] = table["trial"] == 0, table["trial"] == 1, table["trial"] > 0
    table["after_wrong"] = table["second"] & ~np.repeat(table["correct"][table["first"]], trials)
    return table


def trials_of(task: Harlow, states: np.ndarray, trace: Trace) -> np.ndarray:
    """The table of choices of recorded episodes."""
    at = choice_steps(task)[: trials_over(trace, task.trials, task.trial_ms)]
    require_every_acted(trace, at)
    return choices_table(task, states[:, at, SIDE].astype(np.int8), trace.action[:, at, 0].astype(np.int8))


def bits_of(codes: np.ndarray) -> np.ndarray:
    """The bits of codes, (..., BITS), each 0 or 1."""
    return (np.asarray(codes, np.int64)[..., None] >> np.arange(BITS)) & 1


def what_pays(task: Harlow, states: np.ndarray) -> np.ndarray:
    """Bits of the object that pays less those of the other, (E, BITS), each -1, 0 or 1."""
    return (bits_of(states[:, 0, PAYS]) - bits_of(states[:, 0, OTHER])).astype(float)


def objects_shown(task: Harlow, trials: np.ndarray) -> np.ndarray:
    """The step before which both objects of each trial are shown, (rows,)."""
    return trials["start_ms"].astype(np.int64) + task.dark_ms + task.phase_ms


def farther_one(task: Harlow, latent: np.ndarray, trials: np.ndarray, states: np.ndarray) -> np.ndarray:
    """1 where the object chosen is less like what this latent says pays than the other is, 0.5 if neither, (rows,)."""
    shown = bits_of(states[:, PAYS]) - bits_of(states[:, OTHER])
    towards = np.sum(latent * np.where(trials["correct"], 1, -1)[:, None] * shown, axis=1)
    return (1.0 - np.sign(towards)) / 2.0


def steps_to_trial(task: Harlow, states: np.ndarray) -> np.ndarray:
    """Steps to the end of the trial, (n,)."""
    return np.maximum(1, task.trial_ms - states[:, STEP]).astype(int)


def played(name: str, task: Harlow, keys: np.ndarray) -> Played:
    """The episodes of one baseline."""
    return Played(choices_table(task, task.drawn(keys)[1], play(name, keys, task)))


BASELINES: tuple[tuple[str, str, Knows], ...] = (
    ("random", "random", "nothing"),
    ("win_stay", "win-stay", "nothing"),
    ("win_stay_lose_shift", "win-stay, lose-shift", "the prior"),
    ("oracle", "oracle", "the latent"),
)

FAMILY = Family(
    task=Harlow,
    trials=trials_of,
    measures=(
        Measure("later", "right choices from trial 2 on", format=".3f", chance=0.5, column="correct", among="later"),
        Measure("first", "trial 1", format=".3f", chance=0.5, column="correct", among="first"),
        Measure("second", "trial 2", format=".3f", chance=0.5, column="correct", among="second"),
        Measure("after_wrong", "after a wrong one", format=".3f", chance=0.5, column="correct", among="after_wrong"),
    ),
    title="Harlow's task with frozen weights",
    question="Each episode has two new objects, one of which pays on whichever side it is. One choice tells which. No "
    "weight changes: what was learnt from it is in the state.",
    columns=COLUMNS,
    history=(
        Measure("later", "from trial 2 on", format=".3f", chance=0.5),
        Measure("second", "trial 2", format=".3f", chance=0.5),
        Measure("after_wrong", "after a wrong choice", format=".3f", chance=0.5),
    ),
    presets=PRESETS,
    baselines={name: Baseline(label, knows, partial(played, name)) for name, label, knows in BASELINES},
    oracle="oracle",
    variants={
        TRAINED: Variant("objects of meta-training", {"objects": TRAINED}),
        KEPT_BACK: Variant("held-out objects", {"objects": KEPT_BACK}),
    },
    latent=Latent(
        tuple(f"bit {bit} of what pays less the other's" for bit in range(BITS)),
        "1",
        what_pays,
        asked=objects_shown,
        error=farther_one,
    ),
    trial_counter=TRIAL,
    steps_to_trial=steps_to_trial,
    environment=ENVIRONMENT,
    episodes=2000,
)
