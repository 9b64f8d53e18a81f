"""Experiments that a network of any family with a latent goes through, and any neuron model by its state variables.

An episode is left alone until one of its trials is about to ask for what was learnt (`Latent.asked`). There the state
is changed, or the world stands still for a while and no input cell fires (dark). What is measured is the score of that
trial and of those after it, and whose latent the trial follows, the animal's own or that of its partner: animals 2k and
2k + 1 are a pair. What the input of that trial would say of the latent is hidden (`Latent.hide`). The policy is its
mean, or its most likely choice.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from lsnn.blocks import Block, copy_of
from lsnn.errors import InputError
from lsnn.kernels.layout import State, record_zeros
from lsnn.kernels.simd import LANES
from lsnn.seeds import Study
from runs.study.subject import (
    BRIEF,
    NEVER,
    SEGMENT,
    SPIKES,
    Act,
    Findings,
    Item,
    Plan,
    Subject,
    clear,
    hold,
    intervene,
    note,
    place_of,
    run_blocks,
    shifted,
    slots_of,
    study_keys,
    whole_blocks,
    with_sent,
)
from runs.testing.result_file import seen

SILENT_MS = (10, 20, 50, 100, 200, 500)
DARK_MS = (0, 10, 20, 50, 100, 200, 500, 1000, 2000)
EXCHANGE_DARK_MS = (100, 500, 1000)
TOLD = (1, 2, 4, 8, 16)  # trials that told of the latent
HELD_FROM = (1, 4)
LAGS_MS = (10, 25, 50, 100, 200, 400, 800, 1200)
FILTER_MS, REACH_MS = 20.0, 120
ANIMALS_PER_EPISODE = 4  # where pairs count, or a reader learns from them
OWN, OTHERS, NEITHER = 0, 1, 2
EVERY = "every family"  # by which a reader tells a group of these experiments from one of a family's own
PARTNER = np.arange(LANES) ^ 1


class Change(NamedTuple):
    """What becomes of a state: how long it is in the dark, and whether silenced there; then which parts it has of its
    partner, which are set to their mean over the animals, and which are set to zero."""

    dark_ms: int = 0
    silent: bool = False
    exchanged: tuple[str, ...] = ()
    averaged: tuple[str, ...] = ()
    erased: tuple[str, ...] = ()


class Asked(NamedTuple):
    """Of each episode the trial that is watched: its number, the step before which it asks, and what for; -1, `NEVER`
    and NaN where there is none."""

    keys: np.ndarray  # (E,)
    trial: np.ndarray  # (E,)
    moment: np.ndarray  # (E,)
    latent: np.ndarray  # (E, K)

    @property
    def items(self) -> dict[str, Item]:
        """What the file keeps of it."""
        moment = np.where(self.moment == NEVER, -1, self.moment)
        return {
            "moment_ms": Item(moment, "ms", "(animal,): step before which the trial asks; -1 = none is watched"),
            "trial": Item(self.trial, "1", "(animal,): number of the trial watched; -1 = none"),
        }


class Outcomes(NamedTuple):
    """By condition and animal, (C, E): score in the trial watched, mean score from it on, whose latent it fits."""

    score: np.ndarray
    rest: np.ndarray
    followed: np.ndarray

    def items(self, axes: str = "(condition, animal)") -> dict[str, Item]:
        """What the file keeps of it."""
        return {
            "score": Item(self.score, "of the score", f"{axes}: score in the trial watched; NaN = none"),
            "rest": Item(self.rest, "of the score", f"{axes}: mean score over it and the trials after it"),
            "followed": Item(self.followed.astype(np.int8), "1",
                             f"{axes}: whose latent the trial fits better: 0 its own, 1 the partner's, 2 neither"),
        }  # fmt: skip


# Which trials are watched


def asked_of(subject: Subject, keys: np.ndarray, told: int | None = None, paired: bool = False) -> Asked:
    """The trial of every episode (E,) that is watched.

    Args:
        told: how many trials told of the latent before it; none = the first that asks at half time or later.
        paired: whether none is watched where the partner has none.

    Raises:
        InputError: in no episode is there such a trial, although it is not asked for by its number.
    """
    task, family = subject.task, subject.task.family
    number = None if told is None else told - (family.latent.by_trial_of(task) is not None)

    def keep(block: Block, episodes: slice) -> tuple[np.ndarray, ...]:
        count = episodes.stop - episodes.start
        states, trace = seen(block, count)
        table = family.table(task, states, trace)
        moments, hidden = _moments(task, states, table), _hidden(task, states, table)
        wanted = (moments >= task.duration_ms // 2) if number is None else (table["trial"] == number)
        wanted &= (moments >= 0) & (moments < table["end_ms"]) & np.isfinite(hidden).all(axis=1)
        rows = np.flatnonzero(wanted)[::-1]
        trial, moment, latent = np.full(count, -1), np.full(count, NEVER), np.full((count, hidden.shape[1]), np.nan)
        episode = table["episode"][rows]  # the first of each is written last
        trial[episode], moment[episode], latent[episode] = table["trial"][rows], moments[rows], hidden[rows]
        return trial, moment, latent

    found = zip(*run_blocks(subject, keys, task, intervene(subject), keep), strict=True)
    trial, moment, hidden = (np.concatenate(parts) for parts in found)
    if paired:
        alone = (trial < 0)[np.arange(len(keys)) ^ 1]
        trial[alone], moment[alone], hidden[alone] = -1, NEVER, np.nan
    asked = Asked(keys, trial, moment, hidden)
    if number is None and (asked.trial < 0).all():
        rule = "must have an episode in which a trial asks for the latent in its second half to be studied"
        raise InputError(f"{family.name}: {rule}, has none in {len(keys)}")
    return asked


def _moments(task: Any, states: np.ndarray, table: np.ndarray) -> np.ndarray:
    """The step before which each trial asks for the latent, (rows,); -1 where it cannot be known by then."""
    latent = task.family.latent
    asked = np.asarray(table["start_ms"] if latent.asked is None else latent.asked(task, table), np.int64)
    if latent.moments is None:
        known = table["trial"] > 0
    else:
        first = np.asarray(latent.moments(task, states))[table["episode"]]
        known = (first >= 0) & (first <= asked)
    return np.where(known & (asked > 0), asked, -1)


def _hidden(task: Any, states: np.ndarray, table: np.ndarray) -> np.ndarray:
    """What each trial asks for, (rows, K)."""
    latent = task.family.latent
    by_trial = latent.by_trial_of(task)
    if by_trial is not None:
        return np.asarray(by_trial(task, table), float)
    return np.asarray(latent.of(task, states), float)[table["episode"]]


# What is done to the state


def in_the_dark(
    subject: Subject, block: Block, state: State, ms: int, silent: bool = False,
    each: Callable[[np.ndarray, np.ndarray], None] = lambda x, spikes: None,
) -> State:  # fmt: skip
    """The state after so long in which the world stands still and no input cell fires, as if it were the same step.

    Args:
        state: is changed on the way. silent: no neuron can spike either.
        each: is given the variables (steps, slots, 8) and spikes (steps, N) of some steps after the other.
    """
    n_neurons, n_slots, n_out, _ = block.sizes
    record = record_zeros(min(SEGMENT, max(ms, 1)), n_neurons, n_slots, subject.network.n_in, n_out, block.dtype)
    if silent:
        state.refractory[...] = np.maximum(state.refractory, ms)
    for first in range(0, ms, SEGMENT):
        steps = min(SEGMENT, ms - first)
        part = type(record)(*(array[:steps] for array in record))
        block.run_alone(block.t + first, subject.weights, state, part)
        each(part.x, part.spikes)
    return shifted(state, -ms)


class Pairs(dict[int, State]):
    """States of the lanes of every block at their moments, as of step 0, by the block's first episode."""

    def taking(self, subject: Subject) -> Act:
        """Takes the states of its lanes."""

        def act(block: Block, lanes: np.ndarray, episodes: slice) -> None:
            now = shifted(block.state, -block.t)
            taken = self.setdefault(episodes.start, copy_of(now))
            for kept, part in zip(taken, now, strict=True):
                kept[..., lanes] = part[..., lanes]

        return act


def changing(subject: Subject, change: Change, pairs: Pairs, means: Mapping[str, np.ndarray]) -> Act:
    """Does a change to the state of its lanes; means (slots,) of variables that are set to them."""
    network, hide = subject.network, subject.task.family.latent.hide

    def act(block: Block, lanes: np.ndarray, episodes: slice) -> None:
        state = copy_of(block.state)
        if change.dark_ms:
            state = in_the_dark(subject, block, state, change.dark_ms, change.silent)
        taken = shifted(pairs[episodes.start], block.t)
        for name in change.exchanged:
            array, rows = place_of(state, name, network)
            array[rows] = place_of(taken, name, network)[0][rows][..., PARTNER]
        for name in change.averaged:
            state.x[slots_of(network, [name])] = means[name][:, None]
        clear(state, change.erased, network)
        for mine, part in zip(block.state, state, strict=True):
            mine[...] = np.where(lanes, part, mine)
        if hide is not None:
            block.task_state[lanes] = hide(subject.task, block.task_state[lanes])

    return act


def outcomes_of(
    subject: Subject, asked: Asked, changes: Mapping[str, Change], means: Mapping[str, np.ndarray] | None = None
) -> Outcomes:
    """What comes of every change at the moments of the trials that are watched."""
    pairs = Pairs()
    plans = [intervene(subject, (asked.moment, changing(subject, change, pairs, means or {})))
             for change in changes.values()]  # fmt: skip
    return outcomes_of_plans(subject, asked, plans, pairs)


def outcomes_of_plans(subject: Subject, asked: Asked, plans: list[Plan], pairs: Pairs) -> Outcomes:
    """What comes of plans, each of which goes on from before the first moment of a block."""
    taking = intervene(subject, (asked.moment, pairs.taking(subject)))

    def keep(block: Block, episodes: slice) -> tuple[np.ndarray, ...]:
        state, world, t = copy_of(block.state), block.task_state.copy(), block.t
        taking(block, episodes)
        results = []
        for plan in plans:
            block.state, block.task_state[:], block.t = copy_of(state), world, t
            plan(block, episodes)
            results.append(_outcome(subject, block, asked, episodes))
        return tuple(np.stack(parts) for parts in zip(*results, strict=True))

    def to_the_first(block: Block, episodes: slice) -> None:
        first = min(int(asked.moment[episodes].min()), block.steps)
        block.roll_out(subject.weights, subject.mean_action, first)

    kept = run_blocks(subject, asked.keys, subject.task, to_the_first, keep)
    return Outcomes(*(np.concatenate(parts, axis=1) for parts in zip(*kept, strict=True)))


def _outcome(subject: Subject, block: Block, asked: Asked, episodes: slice) -> tuple[np.ndarray, ...]:
    """Score, mean score from the trial on, and whose latent it follows, of a block's episodes, (n,) each."""
    task, family, count = subject.task, subject.task.family, episodes.stop - episodes.start
    states, trace = seen(block, count)
    table = family.table(task, states, trace)
    number = asked.trial[episodes]
    value = np.asarray(table[family.score.column or family.score.name], float)
    score, rest, followed = np.full(count, np.nan), np.full(count, np.nan), np.full(count, NEITHER)
    rows = np.flatnonzero((table["trial"] == number[table["episode"]]) & (number[table["episode"]] >= 0))
    episode = table["episode"][rows]
    score[episode] = value[rows]
    for each in np.unique(episode):
        rest[each] = value[(table["episode"] == each) & (table["trial"] >= number[each])].mean()
    if family.latent.error is not None:
        latent, partner = asked.latent[episodes], np.minimum(np.arange(count) ^ 1, count - 1)
        last = states[episode, table["end_ms"][rows] - 1]
        own, other = (np.asarray(family.latent.error(task, of[episode], table[rows], last), float)
                      for of in (latent, latent[partner]))  # fmt: skip
        fits = np.where(own < other, OWN, np.where(other < own, OTHERS, NEITHER))
        followed[episode] = np.where(np.isfinite(latent[partner][episode]).all(axis=1), fits, NEITHER)
    return score, rest, followed


# The experiments


def _animals(subject: Subject, experiment: Study, seed: int, times: int = 1) -> np.ndarray:
    return study_keys(seed, experiment, whole_blocks(times * subject.episodes))


def noted_at(subject: Subject, asked: Asked, names: list[str]) -> np.ndarray:
    """Variables of every animal at its moment, (E, slots)."""
    values = np.zeros((len(asked.keys), len(slots_of(subject.network, names))))
    plan = intervene(subject, (asked.moment, note(subject, names, values)))
    run_blocks(subject, asked.keys, subject.task, plan, lambda block, episodes: None)
    return values


def mean_of(values: np.ndarray, asked: Asked) -> np.ndarray:
    """Mean over the animals of which a trial is watched, (slots,)."""
    watched = asked.trial >= 0
    return values[watched].mean(axis=0) if watched.any() else values.mean(axis=0)


def ablation(subject: Subject, seed: int) -> Findings:
    """Before a trial at half time parts of the state are erased, or set to their mean over the animals."""
    asked = asked_of(subject, _animals(subject, Study.ABLATION, seed))
    every = (*BRIEF, *subject.kept)
    changes = {"sham": Change(), "v": Change(erased=("v",)), "delay_lines": Change(erased=("pending",)),
               "readout": Change(erased=("r",)), "fast": Change(erased=BRIEF)}  # fmt: skip
    for name in subject.kept:
        changes |= {name: Change(erased=(name,)), f"{name}_mean": Change(averaged=(name,))}
    changes["all"] = Change(erased=every)
    means = {name: mean_of(noted_at(subject, asked, [name]), asked) for name in subject.kept}
    return _findings(subject, asked, outcomes_of(subject, asked, changes, means), list(changes))


def silence(subject: Subject, seed: int, silent_ms: tuple[int, ...] = SILENT_MS) -> Findings:
    """Before a trial at half time the world stands still for some time, in which no neuron can spike.

    Then the animal goes on as it is (`silent_D`), with nothing but what the neurons keep beside their membranes
    (`cleared_D`), or with everything erased (`erased_D`). sham: nothing.
    """
    asked = asked_of(subject, _animals(subject, Study.SILENCE, seed))
    changes = {"sham": Change()}
    for ms in silent_ms:
        for name, parts in (("silent", ()), ("cleared", BRIEF), ("erased", (*BRIEF, *subject.kept))):
            changes[f"{name}_{ms}"] = Change(ms, silent=True, erased=parts)
    found = _findings(subject, asked, outcomes_of(subject, asked, changes), list(changes))
    found.items["silent_ms"] = Item(np.array(silent_ms), "ms", "how long all spikes were suppressed")
    return found


def retention(subject: Subject, seed: int, dark_ms: tuple[int, ...] = DARK_MS) -> Findings:
    """Before a trial at half time the world stands still and nothing enters the network for some time.

    At its end the state is as it is (`kept_D`), or everything is erased (`erased_D`).
    """
    asked = asked_of(subject, _animals(subject, Study.RETENTION, seed))
    every = (*BRIEF, *subject.kept)
    changes = {f"kept_{ms}": Change(ms) for ms in dark_ms} | {
        f"erased_{ms}": Change(ms, erased=every) for ms in dark_ms
    }
    found = _findings(subject, asked, outcomes_of(subject, asked, changes), list(changes))
    found.items["dark_ms"] = Item(np.array(dark_ms), "ms", "how long no input cell fired and the world stood still")
    return found


def clamp(subject: Subject, seed: int, held_from: tuple[int, ...] = HELD_FROM) -> Findings:
    """From a trial on, what the neurons keep beside their membranes is held to the end of the episode.

    photograph_K: at the animal's own value, once so many trials told of the latent. mean_K: at the mean over the
    animals. sham_K: not held. What is measured is the mean score from that trial on.
    """
    parts, names = [], []
    for told in held_from:
        asked = asked_of(subject, _animals(subject, Study.CLAMP, seed), told)
        own = noted_at(subject, asked, subject.kept)
        mean = np.broadcast_to(mean_of(own, asked), own.shape)
        plans = [intervene(subject), hold(subject, asked.moment, own), hold(subject, asked.moment, mean)]
        parts.append(outcomes_of_plans(subject, asked, plans, Pairs()))
        names += [f"{name}_{told}" for name in ("sham", "photograph", "mean")]
    found = Outcomes(*(np.concatenate(each) for each in zip(*parts, strict=True)))
    findings = _findings(subject, asked, found, names)
    findings.items["held_from"] = Item(np.array(held_from), "1", "trials that had told of the latent when it was held")
    return findings


def swaps_of(kept: list[str]) -> dict[str, Change]:
    """The swaps by name, for what the neurons keep beside their membranes: each of it alone, and all but it."""
    every = (*BRIEF, *kept)
    others = {name: tuple(part for part in every if part != name) for name in kept}
    return {
        "none": Change(),
        **{name: Change(exchanged=(name,)) for name in kept},
        "v": Change(exchanged=("v",)),
        **{f"all_but_{name}": Change(exchanged=rest) for name, rest in others.items()},
        "everything": Change(exchanged=every),
        **{f"{name}_alone": Change(erased=rest) for name, rest in others.items()},
        **{f"other_{name}_alone": Change(exchanged=(name,), erased=rest) for name, rest in others.items()},
        "nothing_left": Change(erased=every),
        **{f"dark_{ms}": Change(ms) for ms in EXCHANGE_DARK_MS},
    }


def transplant(subject: Subject, seed: int) -> Findings:
    """Before a trial at half time the animals of a pair exchange parts of their states, or keep only some, or wait.

    They wait in the dark. The world of each stays its own.
    """
    swaps = swaps_of(subject.kept)
    asked = asked_of(subject, _animals(subject, Study.TRANSPLANT, seed, ANIMALS_PER_EPISODE), paired=True)
    return _findings(subject, asked, outcomes_of(subject, asked, swaps), list(swaps))


def takeover(subject: Subject, seed: int, told: tuple[int, ...] = TOLD) -> Findings:
    """The same before the trials that follow so and so many that told of the latent."""
    keys, swaps = _animals(subject, Study.TAKEOVER, seed, ANIMALS_PER_EPISODE), swaps_of(subject.kept)
    parts, moments = [], []
    for number in told:
        subject.tell(f"after {number} trials")
        asked = asked_of(subject, keys, number, paired=True)
        parts.append(outcomes_of(subject, asked, swaps))
        moments.append(asked.items["moment_ms"].values)
    found = Outcomes(*(np.stack(each) for each in zip(*parts, strict=True)))
    items = found.items("(state, condition, animal)") | {
        "told": Item(np.array(told), "1", "(state,): trials before it that told of the latent"),
        "moment_ms": Item(np.array(moments), "ms", "(state, animal): when the state was taken; -1 = there is none"),
    }
    return Findings(items, {}, {"of": EVERY, "conditions": list(swaps), "kept": subject.kept})


def decoding(subject: Subject, seed: int, lags_ms: tuple[int, ...] = LAGS_MS) -> Findings:
    """States before a trial at half time, after some times in the dark, from which the latent is to be read."""
    asked = asked_of(subject, _animals(subject, Study.DECODING, seed, ANIMALS_PER_EPISODE))
    n_neurons, shape = subject.network.config.n_neurons, (len(lags_ms), len(asked.keys))
    x = np.zeros((*shape, subject.network.n_slots), np.float32)
    rates = np.zeros((*shape, n_neurons), np.float32)

    def act(block: Block, lanes: np.ndarray, episodes: slice) -> None:
        real = np.flatnonzero(lanes[: episodes.stop - episodes.start])
        animals, spikes = episodes.start + real, [block.record.spikes[max(0, block.t - REACH_MS) : block.t].copy()]
        variables: list[np.ndarray] = []

        def each(part: np.ndarray, fired: np.ndarray) -> None:
            spikes.append(fired.copy())
            variables.append(part[-1].copy())

        state, before = copy_of(block.state), 0
        for number, lag in enumerate(lags_ms):
            state = in_the_dark(subject, block, state, lag - before, each=each)
            before = lag
            x[number, animals] = variables[-1][:, real].T
            rates[number, animals] = filtered(np.concatenate(spikes)[-REACH_MS:])[:, real].T

    run_blocks(subject, asked.keys, subject.task, intervene(subject, (asked.moment, act)), lambda block, episodes: None)
    axes, hidden = "(lag, animal, ", subject.task.family.latent
    items = asked.items | {
        "lag_ms": Item(np.array(lags_ms), "ms", "time in the dark"),
        "v": Item(x[..., :n_neurons], "of the model", axes + "neuron): v at the threshold of the step"),
        **{
            name: Item(x[..., slots_of(subject.network, [name])], "of the model",
                       axes + f"neuron that has it): {name} at the threshold of the step")
            for name in subject.kept
        },
        "spikes": Item(with_sent(subject.network, rates, x), "1/ms", axes + SPIKES),
        "latent": Item(asked.latent, hidden.unit, "(animal, number): what is to be read; NaN = none"),
    }  # fmt: skip
    labels = list(hidden.labels_of(subject.task))
    return Findings(items, {}, {"of": EVERY, "kept": subject.kept, "labels": labels, "filter_ms": FILTER_MS})


def filtered(spikes: np.ndarray) -> np.ndarray:
    """sum_s exp(-(t-s)/FILTER_MS) z[s] / FILTER_MS at the last step t of (steps, N) bits, for every lane; (N, 8)."""
    trains = np.unpackbits(spikes[..., None], axis=-1, bitorder="little")
    weight = np.exp(-np.arange(len(spikes))[::-1] / FILTER_MS) / FILTER_MS
    return np.tensordot(weight, trains, 1)


def _findings(subject: Subject, asked: Asked, found: Outcomes, names: list[str]) -> Findings:
    return Findings(found.items() | asked.items, {}, {"of": EVERY, "conditions": names, "kept": subject.kept})


EXPERIMENTS: dict[str, Callable[[Subject, int], Findings]] = {
    "ablation": ablation,
    "silence": silence,
    "clamp": clamp,
    "transplant": transplant,
    "takeover": takeover,
    "decoding": decoding,
    "retention": retention,
}
NEED_KEPT = {"clamp"}  # experiments on what the neurons keep beside their membranes
