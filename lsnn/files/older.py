"""Words and numbers for result files that do not say what they are about: those of schema 2, and of experiments.

Schema 2 knew four families. Its files are described here as the families were then; what they stored in data sets of
their own is handed out as the table of trials and the latents of schema 3.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import h5py
import numpy as np

from lsnn.files.reading import (
    COUNT,
    FLAG,
    GAPS,
    PLACE,
    SHARE,
    ResultError,
    Rule,
    array,
    dataset,
    holds,
    place,
    reported,
    subgroup,
    table,
)

NETWORKS = (
    ("frozen", "frozen network", "network"),
    ("frozen_sampled", "frozen, sampled actions", "network"),
    ("state_reset", "frozen, state reset", "control"),
    ("untrained", "untrained network", "control"),
)
BASELINES = {
    "water-maze": {
        "random_walk": "random walk", "straight_lines": "straight lines", "border": "along the wall",
        "circling": "circling", "memory": "circling, then memory", "oracle": "oracle",
    },
    "bandit": {
        "random": "random", "ucb1": "UCB1", "thompson": "Thompson sampling", "gittins": "Gittins index",
        "oracle": "oracle",
    },
    "regression": {
        "zero": "zero", "gradient_descent_1": "1 gradient step", "gradient_descent_2": "2 gradient steps",
        "gradient_descent_5": "5 gradient steps", "gradient_descent_20": "20 gradient steps",
        "linear_attention": "linear attention", "ridge": "ridge", "least_squares": "least squares",
    },
}  # fmt: skip
VARIANTS = {"bandit": {"independent": "independent arms", "anti_correlated": "anti-correlated arms"}}
FAMILIES: dict[str, dict[str, Any]] = {
    "water-maze": {
        "title": "The water maze with frozen weights",
        "question": "Each episode hides a platform of its own. No weight changes: whoever finds it once and swims "
        "straight back from then on keeps its place in the state.",
        "measures": [
            {"name": "visits", "label": "platform visits", "format": ".1f", "column": "found", "per": "episode"},
            {"name": "latency_ms", "label": "escape latency", "unit": "ms", "format": ".0f", "better": "low",
             "censored": "found"},
        ],
        "oracle": "oracle",
        "latent": {"labels": ["platform x", "platform y", "platform radius"], "unit": "pool radius"},
        "history": [
            {"name": "goals", "label": "visits", "format": ".1f"},
            {"name": "first_search_ms", "label": "latency, trial 1", "unit": "ms", "format": ".0f", "better": "low"},
            {"name": "later_search_ms", "label": "later", "unit": "ms", "format": ".0f", "better": "low"},
        ],
        "whole": "whole_pool",
    },
    "bandit": {
        "title": "Two-armed bandits with frozen weights",
        "question": "Each episode has two arms that pay with probabilities of its own, to be found out within its "
        "trials. No weight changes: what is known of the arms is in the state.",
        "measures": [
            {"name": "paid", "label": "pulls that paid", "format": ".3f", "chance": 0.5},
            {"name": "regret", "label": "regret", "format": ".2f", "better": "low", "per": "episode"},
        ],
        "oracle": "oracle",
        "latent": {"labels": ["first arm pays", "second arm pays"], "unit": "1"},
        "history": [{"name": "paid", "label": "pulls that paid", "format": ".3f"},
                    {"name": "late_paid", "label": "late", "format": ".3f"}],
    },
    "regression": {
        "title": "Regression in context with frozen weights",
        "question": "Each episode has a function of its own, to be told from a stream of examples (x, y). No weight "
        "changes: what is known of the function is in the state.",
        "measures": [{"name": "squared_error", "label": "squared error", "format": ".4f", "better": "low"}],
        "history": [{"name": "error", "label": "squared error", "format": ".4f", "better": "low"},
                    {"name": "error_1", "label": "after 1 example", "format": ".4f", "better": "low"},
                    {"name": "error_20", "label": "after 20", "format": ".4f", "better": "low"}],
    },
    "store-recall": {
        "title": "Store and recall with frozen weights",
        "question": "One bit of a stream is marked STORE; random bits follow; at RECALL the readout has to name it. No "
        "weight changes: what is kept is kept in the state.",
        "measures": [{"name": "wrong", "label": "share of wrong answers", "format": ".3f", "better": "low",
                      "chance": 0.5}],
        "history": [{"name": "error", "label": "recall error", "format": ".3f", "better": "low", "chance": 0.5}],
    },
}  # fmt: skip


class Older(Protocol):
    """A condition of a file (`lsnn.files.conditions.Condition`)."""

    group: h5py.Group
    n_episodes: int

    @property
    def about(self) -> Any:
        """What the file says of its family."""


STEPS = {"bandit": ("trials", "trial_ms"), "regression": ("samples", "sample_ms"), "store-recall": ("duration_ms",)}


def family(task: Mapping[str, Any]) -> dict[str, Any]:
    """The description of a family as newer files hold it; a bare one for a family that schema 2 did not know."""
    return {"name": task["name"], "measures": [], **FAMILIES.get(str(task["name"]), {})}


def conditions(task: str) -> Iterable[tuple[str, str, str]]:
    """Name, label and role of the conditions that a test of schema 2 could have."""
    yield from NETWORKS
    for name, label in BASELINES.get(task, {}).items():
        yield name, label, "oracle" if name == "oracle" else "baseline"


def variants(task: str) -> dict[str, str]:
    """Name and label of the variants that a test of schema 2 went through."""
    return VARIANTS.get(task, {})


def duration_ms(group: h5py.Group, task: Mapping[str, Any]) -> int:
    """Length of an episode; from the configuration where no path tells it."""
    told = STEPS.get(str(task.get("name")))
    if told is None:
        return dataset(group, "position", (None, None, 2)).shape[1] - 1
    with reported(f"{place(group)}: length of an episode, from the task's configuration"):
        last_step = task["name"] == "bandit"  # which has a value and nothing else
        return math.prod(int(task[name]) for name in told) + last_step


def n_episodes(group: h5py.Group) -> int:
    """How many episodes a group of schema 2 holds, by the first data set that says so."""
    for name in ("position", "episode_key", "probability", "choice", "prediction"):
        if holds(group, name) and (found := dataset_shape(group, name)):
            return found[0]
    raise ResultError(f"{place(group)}: needs a data set 'position', found nothing")


def dataset_shape(group: h5py.Group, name: str) -> tuple[int, ...]:
    """Shape of a data set; none of a group."""
    return tuple(getattr(group[name], "shape", None) or ())


MOST_MS = 1e9  # of a part of an episode


def is_older(group: h5py.Group) -> bool:
    """Whether the trials of a condition stand in data sets of schema 2."""
    return any(holds(group, name) for name in ("choice", "prediction", "recalls"))


def with_keys(group: h5py.Group) -> h5py.Group:
    """The group that holds the keys of the episodes of a condition; regression kept them beside the examples."""
    shared = group.file.get("examples") if holds(group, "prediction") and not holds(group, "episode_key") else None
    return shared if isinstance(shared, h5py.Group) else group


def trials(of: Older) -> dict[str, np.ndarray]:
    """Columns of the table of trials, from the data sets of a family of schema 2."""
    for name, read in READERS.items():
        if holds(of.group, name):
            return read(of)
    raise ResultError(f"{place(of.group)}: needs a group 'trials', found nothing")


def _columns(shape: tuple[int, int], trial_ms: int, **columns: np.ndarray) -> dict[str, np.ndarray]:
    """Numbers of every trial of every episode, (E, trials), as columns."""
    episode, trial = (index.ravel() for index in np.indices(shape))
    clocks = {"episode": episode, "trial": trial, "start_ms": trial * trial_ms, "end_ms": (trial + 1) * trial_ms}
    return clocks | {name: column.ravel() for name, column in columns.items()}


def _setting(of: Older, name: str, otherwise: float, most: float = math.inf) -> float:
    """A number of the task's configuration, at most so large, or what holds where the file does not say."""
    found = of.about.task.get(name, otherwise)
    number = isinstance(found, int | float) and not isinstance(found, bool)
    fits = number and (0 <= found <= most or found is otherwise)
    if not fits:
        rule = f"must be a number in 0..{most:g}"
        raise ResultError(f"{place(of.group.file)}: attribute 'config', key task.{name}: {rule}, is {found!r:.80}")
    return float(found)


def _time(of: Older, name: str) -> int:
    return int(_setting(of, name, 0, MOST_MS))


def _bandit(of: Older) -> dict[str, np.ndarray]:
    arm = array(of.group, "choice", (of.n_episodes, None), FLAG).astype(np.int64)
    pays = array(of.group, LATENT, (of.n_episodes, 2), SHARE)
    regret = pays.max(axis=1)[:, None] - np.take_along_axis(pays, arm, axis=1)
    paid = {"paid": array(of.group, "paid", arm.shape, FLAG)} if holds(of.group, "paid") else {}
    return _columns(arm.shape, _time(of, "trial_ms"), arm=arm, **paid, regret=regret)


def _regression(of: Older) -> dict[str, np.ndarray]:
    prediction = array(of.group, "prediction", (of.n_episodes, None))
    y = array(subgroup(of.group.file, "examples"), "y", prediction.shape)
    step = _time(of, "sample_ms")
    return _columns(prediction.shape, step, y=y, prediction=prediction, squared_error=(prediction - y) ** 2)


def _recalls(of: Older) -> dict[str, np.ndarray]:
    within = Rule(0, of.n_episodes - 1, whole=True)
    rules = {"episode": within, "delay_ms": COUNT, "time_ms": COUNT, "right": FLAG}
    found = table(of.group, "recalls", rules, GAPS, ("episode", "delay_ms", "right"))
    episode = found.pop("episode").astype(np.int64)
    begins = np.searchsorted(episode, episode)
    end_ms = found.pop("time_ms", np.zeros(len(episode))).astype(np.int64) + 1
    start_ms = end_ms - found["delay_ms"].astype(np.int64) - 2 * _time(of, "slot_ms")
    clocks = {"episode": episode, "trial": np.arange(len(episode)) - begins, "start_ms": np.maximum(start_ms, 0)}
    return {**clocks, "end_ms": end_ms, **found, "wrong": ~found.pop("right").astype(bool)}


LATENT = "probability"  # of a bandit
READERS: dict[str, Callable[[Older], dict[str, np.ndarray]]] = {
    "choice": _bandit, "prediction": _regression, "recalls": _recalls,
}  # fmt: skip


def latent(of: Older) -> np.ndarray | None:
    """What the episodes hide, (E, numbers); None where the file does not say."""
    if holds(of.group, "platform"):
        platform = array(of.group, "platform", (of.n_episodes, 2), PLACE)
        return np.column_stack([platform, _radii(of)])
    return array(of.group, LATENT, (of.n_episodes, 2), SHARE) if holds(of.group, LATENT) else None


def _radii(of: Older) -> np.ndarray:
    """Radius of each platform; that of all, from the configuration, where the file has none."""
    if holds(of.group, "platform_radius"):
        return array(of.group, "platform_radius", (of.n_episodes,))
    return np.full(of.n_episodes, _setting(of, "platform_radius", np.nan))
