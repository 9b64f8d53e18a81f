"""Ablation, silence, clamp: parts of the state are erased, silenced or held once the platform has been found."""

from dataclasses import replace

import numpy as np

from lsnn.blocks import Block
from lsnn.seeds import Study
from runs.study.subject import (
    BRIEF,
    NEVER,
    Act,
    Findings,
    Item,
    Subject,
    erase,
    give,
    hold,
    intervene,
    later,
    note,
    slots_of,
    study_generator,
    study_keys,
)
from runs.study.water_maze.swimming import find_rows, moments_after_first_visit, swim
from tasks.water_maze import WaterMaze

SILENT_MS = (10, 20, 50, 100, 200, 500)
HELD_AFTER_MS = (5, 20, 50, 100)
WATCHED_MS = 500  # after an ablation or a silence


def _moment_item(moments: np.ndarray, what: str) -> Item:
    return Item(np.where(moments == NEVER, -1, moments), "ms", f"{what}; -1 = no such moment, nothing was done")


def _watched(task: WaterMaze, latest: int) -> WaterMaze:
    """The maze, as long that animals can be watched for `WATCHED_MS` after the latest moment."""
    return replace(task, duration_ms=max(task.duration_ms, latest + WATCHED_MS))


def ablation(subject: Subject, seed: int) -> Findings:
    """At a random moment after the first visit parts of the state are erased.

    sham: nothing. v, delay_lines, readout: these alone. fast: all three and the refractory counters, which is all but
    what the neurons keep beside their membranes. Of each such variable, as b of `alif`: b: it is erased. b_mean: each
    neuron's b is set to its mean over the animals, which takes the animal's own history and leaves the excitability.
    all: everything.
    """
    keys, latest = study_keys(seed, Study.ABLATION, subject.episodes), subject.task.duration_ms * 3 // 4
    task = _watched(subject.task, latest)
    found = find_rows(swim(subject, keys, task=task).trials, len(keys))
    moments = moments_after_first_visit(subject, found, latest, study_generator(seed, Study.ABLATION))
    noted = {name: np.zeros((len(keys), len(slots_of(subject.network, [name])))) for name in subject.kept}
    notes = [(moments, note(subject, [name], into)) for name, into in noted.items()]
    conditions = {"sham": swim(subject, keys, intervene(subject, *notes), task)}
    acts = {
        "v": erase(subject, ("v",)), "delay_lines": erase(subject, ("pending",)), "readout": erase(subject, ("r",)),
        "fast": erase(subject, BRIEF),
    }  # fmt: skip
    for name, values in noted.items():
        mean = values[moments != NEVER].mean(axis=0) if (moments != NEVER).any() else values.mean(axis=0)
        acts |= {name: erase(subject, (name,)), f"{name}_mean": give(subject, [name], mean)}
    acts["all"] = erase(subject, (*BRIEF, *subject.kept))
    for name, act in acts.items():
        conditions[name] = swim(subject, keys, intervene(subject, (moments, act)), task)
    moment = _moment_item(moments, "step before which the state was changed")
    return Findings({"moment_ms": moment}, conditions, {"kept": subject.kept})


def silence(subject: Subject, seed: int, silent_ms: tuple[int, ...] = SILENT_MS) -> Findings:
    """At a random moment after the first visit all spikes are suppressed for some time.

    Released as it is (`silent_D`); with v, refractory counters, delay lines and readout erased at the release, so that
    nothing but what the neurons keep beside their membranes, b of `alif`, has crossed the gap (`cleared_D`); with
    everything erased at the release (`erased_D`). sham: nothing.
    """
    keys, latest = study_keys(seed, Study.SILENCE, subject.episodes), subject.task.duration_ms // 2
    task = _watched(subject.task, latest + max(silent_ms))
    sham = swim(subject, keys, task=task)
    found = find_rows(sham.trials, len(keys))
    moments = moments_after_first_visit(subject, found, latest, study_generator(seed, Study.SILENCE))
    conditions = {"sham": sham}
    for ms in silent_ms:
        for name, parts in (("silent", ()), ("cleared", BRIEF), ("erased", (*BRIEF, *subject.kept))):
            events = (moments, _suppress(ms)), (later(moments, ms), erase(subject, parts))
            conditions[f"{name}_{ms}"] = swim(subject, keys, intervene(subject, *events), task)
    items = {
        "moment_ms": _moment_item(moments, "first step without spikes"),
        "silent_ms": Item(np.array(silent_ms), "ms", "how long all spikes were suppressed"),
    }
    return Findings(items, conditions, {})


def _suppress(ms: int) -> Act:
    """No neuron can spike for so many steps: its refractory counter says so."""

    def act(block: Block, lanes: np.ndarray, _: slice) -> None:
        block.state.refractory[:, lanes] = np.maximum(block.state.refractory[:, lanes], ms)

    return act


def clamp(subject: Subject, seed: int, held_after_ms: tuple[int, ...] = HELD_AFTER_MS) -> Findings:
    """From a moment after the first visit on what the neurons keep beside their membranes, b of `alif`, is held.

    photograph_D: at its own value D ms after the first visit. mean_D: at its mean over the animals at that time.
    sham: not held.
    """
    keys = study_keys(seed, Study.CLAMP, subject.episodes)
    conditions = {"sham": swim(subject, keys)}
    found = find_rows(conditions["sham"].trials, len(keys))
    found[found > subject.task.duration_ms // 2] = NEVER
    for ms in held_after_ms:
        moments = later(found, ms)
        b = np.zeros((len(keys), len(slots_of(subject.network, subject.kept))))
        swim(subject, keys, intervene(subject, (moments, note(subject, subject.kept, b))))
        mean = np.broadcast_to(b[moments != NEVER].mean(axis=0) if (moments != NEVER).any() else b[0], b.shape)
        for name, held in (("photograph", b), ("mean", mean)):
            conditions[f"{name}_{ms}"] = swim(subject, keys, hold(subject, moments, held))
    items = {
        "first_visit_ms": _moment_item(found, "first visit, in the first half of the episode"),
        "held_after_ms": Item(np.array(held_after_ms), "ms", "from how long after the first visit on b was held"),
    }
    return Findings(items, conditions, {})
