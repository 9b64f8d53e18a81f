"""Cosines of the two changes, episode by episode, with their controls."""

from typing import Any, NamedTuple

import h5py
import numpy as np

from lsnn.files import store
from lsnn.learning.optimiser import Arrays
from lsnn.network import Network
from lsnn.seeds import STUDY_BRANCH, Study
from runs.experiments.implicit_update.shown import Episodes, after, alone, episodes_of
from runs.experiments.implicit_update.updating import ALL, CORE, Answered, Learner
from runs.experiments.side_by_side import Opened
from runs.training.train import practice_of
from tasks.regression.baselines import LinearAttention, basis, fit_attention
from tasks.regression.family import PRACTICE
from tasks.regression.task import Regression

EXAMPLES, QUERIES = 20, 8
REPEATS = 4  # of every query, with other input noise; answers and states are means over them
SHOWN = QUERIES * REPEATS
RATES = 10.0 ** np.arange(-2.0, 1.6, 0.5)
Row = dict[str, Any]  # of an episode, a number by name
TUNED_ON = 16  # episodes by which the step size is chosen


KINDS = {"answer": ALL, "state": CORE}  # what is compared, and the weights whose step it is: the readout moves no state
PAIRS = {  # of changes that are compared, for answers and for states
    "own": ("context", "step", "in context, and by a step on the same examples"),
    "other": ("context", "step_other", "in context, and by a step on those of the episode before"),
    "shuffled": ("context", "step_shuffled", "in context, and by a step on the same examples with y shuffled"),
    "context_again": ("context", "context_again", "in context twice, in another order, with other noise"),
    "step_again": ("step", "step_again", "by the step twice, with other noise"),
}
OTHERS = {
    "context_truth": "cosine of the change of answers in context and the function",
    "step_truth": "cosine of the change of answers by the step and the function",
    "core_truth": "cosine of the change of answers by a step of input and recurrent weights and the function",
    "beyond_own": "as answer_own, with the direction of the function taken out of both",
    "beyond_context_again": "as answer_context_again, likewise",
    "context_basis": "cosine of the change of answers in context and one gradient step of the family's own basis",
    "attention_dual": "linear attention: cosine of its answers and of a gradient step on its keys and values",
    "attention_basis": "linear attention: cosine of its answers and of one gradient step of the family's own basis",
    "error_alone": "mean squared error of answers without examples",
    "error_context": "mean squared error of answers in context",
    "error_step": "mean squared error of answers after the step",
    "error_core": "mean squared error of answers after a step of input and recurrent weights",
    "error_shuffled": "mean squared error of answers after the step on shuffled y",
}
TEXTS = OTHERS | {
    f"{kind}_{name}": f"cosine of changes of {kind}s: {text}" for kind in KINDS for name, (_, _, text) in PAIRS.items()
}


def cosine(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Along the last axis; 0 where either is nought."""
    size = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    dot = np.sum(one * other, axis=-1)
    return np.divide(dot, size, out=np.zeros_like(dot), where=size > 0)


def without(direction: np.ndarray, change: np.ndarray) -> np.ndarray:
    """A change (M,) less its part along a direction (M,)."""
    return change - direction * (direction @ change) / (direction @ direction)


class Noise(NamedTuple):
    """Keys of the input noise of one episode."""

    first: np.ndarray  # (SHOWN,) each; of queries in context, after the step, in the runs that are made again
    second: np.ndarray
    third: np.ndarray
    examples: np.ndarray  # (EXAMPLES,) each; of examples shown alone
    examples_again: np.ndarray
    context: np.ndarray  # (2,): of examples in context, and again


SIZES = (SHOWN, SHOWN, SHOWN, EXAMPLES, EXAMPLES, 2)


class Episode(NamedTuple):
    """One episode: x (EXAMPLES, d), y (EXAMPLES,), query (QUERIES, d), truth (QUERIES,)."""

    x: np.ndarray
    y: np.ndarray
    query: np.ndarray
    truth: np.ndarray
    noise: Noise


def drawn(episodes: Episodes, generator: np.random.Generator) -> list[Episode]:
    """The episodes one by one, with noise of their own."""
    found = []
    for each in zip(*episodes, strict=True):
        keys = generator.integers(0, 2**64, sum(SIZES), dtype=np.uint64)
        found.append(Episode(*each, Noise(*np.split(keys, np.cumsum(SIZES)[:-1]))))
    return found


class Trial:
    """One episode under a network: what is shown to it, and what that changes."""

    def __init__(self, learner: Learner, task: Regression, episode: Episode) -> None:
        self.learner, self.task, self.episode = learner, task, episode
        self.queries = np.tile(episode.query, (REPEATS, 1))

    def alone(self, keys: np.ndarray, network: Network | None = None) -> Answered:
        """Queries without examples; network: after a step."""
        return averaged(self.learner.answered(alone(self.task, keys, self.queries), network))

    def slope(self, y: np.ndarray, keys: np.ndarray) -> Arrays:
        """Of the examples, each alone, with these y."""
        return self.learner.slope(alone(self.task, keys, self.episode.x), y, self.task.answer_ms)

    def by_step(self, network: Network, keys: np.ndarray) -> Answered:
        """Change of answers and states by a step, with the same noise before and after."""
        return change(self.alone(keys, network), self.alone(keys))

    def in_context(self, order: np.ndarray, key: np.uint64, keys: np.ndarray) -> Answered:
        """Change of answers and states by the examples in this order, queries with the same noise."""
        of = self.episode
        x, y = of.x[order], of.y[order]
        queries = alone(self.task, keys, self.queries, y[-1])
        answered = averaged(self.learner.answered(after(self.task, int(key), x, y, queries)))
        return change(answered, self.alone(keys))


def averaged(answered: Answered) -> Answered:
    """Mean over the repeats of each query: of SHOWN streams to (QUERIES,), (QUERIES, N)."""
    answer, state = (each.reshape(REPEATS, QUERIES, *each.shape[1:]).mean(axis=0) for each in answered)
    return Answered(answer, state)


def change(changed: Answered, base: Answered) -> Answered:
    """Difference of answers, and of states that were brought to unit length; states without a spike stay nought."""
    one, other = (
        each.state / np.maximum(np.linalg.norm(each.state, axis=-1, keepdims=True), 1e-20) for each in (changed, base)
    )
    return Answered(changed.answer - base.answer, one - other)


def chosen_rate(learner: Learner, task: Regression, episodes: list[Episode], moved: tuple[str, ...]) -> float:
    """The size of a step of these weights after which answers on these episodes have the least squared error."""
    total = np.zeros(len(RATES))
    for each in episodes:
        trial = Trial(learner, task, each)
        slope = trial.slope(each.y, each.noise.examples)
        for number, rate in enumerate(RATES):
            answer = trial.alone(each.noise.second, learner.stepped(slope, rate, moved)).answer
            total[number] += np.mean((answer - each.truth) ** 2)
    return float(RATES[np.argmin(total)])


def slopes_of(trial: Trial, generator: np.random.Generator) -> dict[str, Arrays]:
    """Of the examples, once more with other noise, and with y shuffled."""
    of = trial.episode
    return {
        "step": trial.slope(of.y, of.noise.examples),
        "step_again": trial.slope(of.y, of.noise.examples_again),
        "step_shuffled": trial.slope(generator.permutation(of.y), of.noise.examples),
    }


def in_context_twice(trial: Trial, generator: np.random.Generator) -> dict[str, Answered]:
    """Changes in context, and once more in another order, with other noise."""
    noise = trial.episode.noise
    return {
        "context": trial.in_context(np.arange(EXAMPLES), noise.context[0], noise.first),
        "context_again": trial.in_context(generator.permutation(EXAMPLES), noise.context[1], noise.third),
    }


def by_steps(trial: Trial, slopes: dict[str, Arrays], rate: float, moved: tuple[str, ...]) -> dict[str, Answered]:
    """Changes by a step of these weights down each slope."""
    noise = trial.episode.noise
    keys = {name: noise.third if name == "step_again" else noise.second for name in slopes}
    return {name: trial.by_step(trial.learner.stepped(each, rate, moved), keys[name]) for name, each in slopes.items()}


def compared(trial: Trial, slopes: dict[str, Arrays], rates: dict[str, float], generator: np.random.Generator) -> Row:
    """Cosines and errors of an episode.

    slopes: of its examples, and as `step_other` of another episode's; rates: of the step behind either kind.
    """
    context, found = in_context_twice(trial, generator), Row()
    changes = {kind: context | by_steps(trial, slopes, rates[kind], moved) for kind, moved in KINDS.items()}
    for kind, of_kind in changes.items():
        for name, (one, other, _) in PAIRS.items():
            found[f"{kind}_{name}"] = np.mean(cosine(getattr(of_kind[one], kind), getattr(of_kind[other], kind)))
    answers = {name: each.answer for name, each in changes["answer"].items()} | {
        "core": changes["state"]["step"].answer
    }
    return found | _towards_the_function(trial, answers) | _errors(trial, answers)


def _towards_the_function(trial: Trial, answers: dict[str, np.ndarray]) -> Row:
    """Cosines of changes of answers (QUERIES,) with the function, and of what is left without it."""
    of, function = trial.episode, trial.task.function
    beyond = {name: without(of.truth, answers[name]) for name in ("context", "context_again", "step")}
    gradient = basis(function, of.query) @ (basis(function, of.x).T @ of.y)
    return {
        **{f"{name}_truth": cosine(answers[name], of.truth) for name in ("context", "step", "core")},
        "beyond_own": cosine(beyond["context"], beyond["step"]),
        "beyond_context_again": cosine(beyond["context"], beyond["context_again"]),
        "context_basis": cosine(answers["context"], gradient),
    }


def _errors(trial: Trial, answers: dict[str, np.ndarray]) -> Row:
    """Mean squared errors of the answers of which these are the changes."""
    of, noise = trial.episode, trial.episode.noise
    first, second = trial.alone(noise.first).answer, trial.alone(noise.second).answer
    told = {
        "alone": second,
        "context": first + answers["context"],
        "step": second + answers["step"],
        "core": second + answers["core"],
        "shuffled": second + answers["step_shuffled"],
    }
    return {f"error_{name}": np.mean((answer - of.truth) ** 2) for name, answer in told.items()}


def attention_compared(layer: LinearAttention, function: str, episodes: Episodes) -> dict[str, np.ndarray]:
    """Answers of linear attention after all examples beside two gradient steps, from nothing, (E,) cosines each.

    One is a step on the layer's own keys M e_i and values v . e_i, down half the mean of (w . k_i - v_i)^2; the other
    on the examples themselves, down half the mean of (w . phi_i - y_i)^2.
    """
    phi, query = basis(function, episodes.x), basis(function, episodes.query)
    tokens = np.concatenate([phi, episodes.y[..., None]], axis=-1)
    key_query, value = layer.key_query[EXAMPLES], layer.value[EXAMPLES]
    second = np.einsum("eia,eib->eab", tokens, tokens) / EXAMPLES
    answers = np.einsum("emp,pa,eab,b->em", query, key_query, second, value)
    keys, values = tokens @ key_query.T, tokens @ value
    dual, plain = stepped_from_nothing(keys, values), stepped_from_nothing(phi, episodes.y)
    return {
        "attention_dual": cosine(answers, np.einsum("emp,ep->em", query, dual)),
        "attention_basis": cosine(answers, np.einsum("emp,ep->em", query, plain)),
    }


def stepped_from_nothing(inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """w (E, p) after one step of size 1 from 0 down half the mean of (w . inputs - targets)^2; (E, K, p), (E, K)."""
    w = np.zeros((len(inputs), inputs.shape[2]))
    apart = np.einsum("ekp,ep->ek", inputs, w) - targets
    return w - np.einsum("ek,ekp->ep", apart, inputs) / inputs.shape[1]


def put(group: h5py.Group, each: Opened, keys: np.ndarray, seed: int) -> None:
    """Fill the group of a network."""
    task, learner, function = each.task, Learner(each.network.network), each.task.function
    branches = [np.random.SeedSequence(seed, spawn_key=(STUDY_BRANCH, Study.IMPLICIT_UPDATE, part)) for part in (1, 2)]
    noise, tuning = (np.random.default_rng(branch) for branch in branches)
    practice = tuning.integers(0, 2**64, TUNED_ON, dtype=np.uint64)
    tuned_on = drawn(episodes_of(task, practice, EXAMPLES, QUERIES), tuning)
    rates = {kind: chosen_rate(learner, task, tuned_on, moved) for kind, moved in KINDS.items()}
    episodes = episodes_of(task, keys, EXAMPLES, QUERIES)
    trials = [Trial(learner, task, episode) for episode in drawn(episodes, noise)]
    slopes = [slopes_of(trial, noise) for trial in trials]
    rows = [
        compared(trial, of | {"step_other": slopes[number - 1]["step"]}, rates, noise)
        for number, (trial, of) in enumerate(zip(trials, slopes, strict=True))
    ]
    found = {name: np.array([row[name] for row in rows], float) for name in rows[0]}
    found |= attention_compared(fitted_attention(task, practice_of(each.network.seed)(PRACTICE)), function, episodes)
    group.attrs.update(function=function, rate=rates["answer"], core_rate=rates["state"])
    group.attrs.update(examples=EXAMPLES, queries=QUERIES, repeats=REPEATS)
    for name, text in TEXTS.items():
        store.put(group, name, found[name], "1", f"(episode,): {text}")


def fitted_attention(task: Regression, keys: np.ndarray) -> LinearAttention:
    """The baseline of linear attention, fitted to episodes of these keys."""
    on = episodes_of(task, keys, EXAMPLES, 1)
    x, y = np.concatenate([on.x, on.query], axis=1), np.concatenate([on.y, on.truth], axis=1)
    return fit_attention(basis(task.function, x), y)
