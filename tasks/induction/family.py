"""Induction as a family: a trial a key, at first sight and when it is asked for."""

from functools import partial

import numpy as np

from tasks.family import Baseline, Family, Knows, Latent, Measure, Played, Trace, require_acted
from tasks.induction.baselines import play
from tasks.induction.environment import ENVIRONMENT
from tasks.induction.presets import PRESETS
from tasks.induction.task import KEYS, NAMES, ORDER, PAIRS, PLACE, STEP, TOKENS, VALUES, Induction

TRIAL_DTYPE = np.dtype(
    [
        ("episode", np.int32),
        ("trial", np.int32),
        ("start_ms", np.int32),
        ("end_ms", np.int32),
        ("pairs", np.int8),
        ("key", np.int8),
        ("value", np.int8),
        ("query", np.bool_),
        ("tokens_back", np.int8),
        ("answer", np.int8),
        ("correct", np.bool_),
        ("cross_entropy", np.float64),
        ("in_context", np.float64),
    ]
)
COLUMNS = {
    "pairs": ("1", "pairs of this episode"),
    "key": ("1", "the token shown, 0 to 5"),
    "value": ("1", "the token that followed it in the pairs"),
    "query": ("1", "whether it is asked for; else it is shown for the first time"),
    "tokens_back": ("1", "tokens since the key was shown before, the dark not counted; 0 at first sight"),
    "answer": ("1", "the token that the readout names"),
    "correct": ("1", "whether it is the value"),
    "cross_entropy": ("nat", "minus the log of the probability that the readout gives to the value"),
    "in_context": ("nat", "of a query: cross-entropy less that at first sight of the key; 0 at first sight"),
}
LEAST = 1e-12  # probability: a baseline that is sure has a finite cross-entropy
CHANCE = round(
    (2 * 7 / 12 + 3 * 53 / 108 + 4 * 197 / 432) / 9, 4
)  # right answers of the most frequent value, 2-4 pairs


def keys_in(task: Induction, starts: np.ndarray) -> np.ndarray:
    """The table of the keys of episodes, answers left open; starts (E, N_STATE) are their first states."""
    counts = starts[:, PAIRS].astype(int)
    table = np.zeros(2 * counts.sum(), TRIAL_DTYPE)
    table["episode"] = episode = np.repeat(np.arange(len(starts)), 2 * counts)
    table["trial"] = trial = np.arange(len(table)) - np.searchsorted(episode, episode)
    table["pairs"] = pairs = counts[episode]
    table["query"] = query = trial >= pairs
    pair = np.where(query, starts[episode, ORDER + np.where(query, trial - pairs, 0)], trial).astype(int)
    place = np.where(query, pairs + trial, 2 * trial)
    table["key"], table["value"] = starts[episode, KEYS + pair], starts[episode, VALUES + pair]
    table["tokens_back"] = np.where(query, place - 2 * pair, 0)
    table["start_ms"] = place * task.token_ms + query * task.dark_ms
    table["end_ms"] = table["start_ms"] + task.token_ms
    return table


def answered(table: np.ndarray, log_p: np.ndarray) -> np.ndarray:
    """The table with what was answered, from log probabilities of each token (rows, TOKENS)."""
    rows = np.arange(len(table))
    table["answer"] = log_p.argmax(axis=1)
    table["correct"] = table["answer"] == table["value"]
    table["cross_entropy"] = loss = -log_p[rows, table["value"]]
    first = np.full((table["episode"].max(initial=-1) + 1, TOKENS), np.nan)
    at = ~table["query"]
    first[table["episode"][at], table["key"][at]] = loss[at]
    table["in_context"] = np.where(at, 0.0, loss - first[table["episode"], table["key"]])
    return table


def trials_of(task: Induction, states: np.ndarray, trace: Trace) -> np.ndarray:
    """The table of recorded episodes: the answer is read in the last step of a key."""
    table = keys_in(task, states[:, 0])
    table = table[table["end_ms"] <= trace.reward.shape[1]]
    asked = table[table["query"]]
    require_acted(trace, asked["episode"], asked["end_ms"] - 1)
    y = trace.action[table["episode"], table["end_ms"] - 1].astype(float)
    y = y - y.max(axis=1, keepdims=True)
    return answered(table, y - np.log(np.exp(y).sum(axis=1, keepdims=True)))


def pairing(task: Induction, states: np.ndarray) -> np.ndarray:
    """Which value each key has, (E, TOKENS^2): 1 for a pair that is shown, else 0."""
    start = states[:, 0]
    found = np.zeros((len(start), TOKENS, TOKENS))
    for of, row in zip(found, start, strict=True):
        for pair in range(int(row[PAIRS])):
            of[int(row[KEYS + pair]), int(row[VALUES + pair])] = 1.0
    return found.reshape(len(start), -1)


def all_shown(task: Induction, states: np.ndarray) -> np.ndarray:
    """The step from which all pairs have been shown, (E,)."""
    return (2 * states[:, 0, PAIRS]).astype(np.int64) * task.token_ms


def asked(task: Induction, trials: np.ndarray) -> np.ndarray:
    """The step before which each key is shown, (rows,)."""
    return trials["start_ms"].astype(np.int64)


def another_value(task: Induction, latent: np.ndarray, trials: np.ndarray, states: np.ndarray) -> np.ndarray:
    """1 where the answer is not what this pairing gives to the key, also where it gives none, (rows,)."""
    rows = np.arange(len(trials))
    return 1.0 - latent.reshape(-1, TOKENS, TOKENS)[rows, trials["key"], trials["answer"]]


def steps_to_token(task: Induction, states: np.ndarray) -> np.ndarray:
    """Steps to the end of the token, or of the dark, (n,)."""
    step, pairs = states[:, STEP].astype(int), states[:, PAIRS].astype(int)
    begins = 2 * pairs * task.token_ms + task.dark_ms
    into = np.where(step >= begins, step - begins, step) % task.token_ms
    waiting = (step >= begins - task.dark_ms) & (step < begins)
    return np.maximum(1, np.where(waiting, begins - step, task.token_ms - into)).astype(int)


def played(name: str, task: Induction, keys: np.ndarray) -> Played:
    """The episodes of one baseline."""
    starts = task.starts(keys)
    table = keys_in(task, starts)
    p = play(name, task, starts)[table["episode"], table["trial"]]
    return Played(answered(table, np.log(np.maximum(p, LEAST))))


BASELINES: tuple[tuple[str, str, Knows], ...] = (
    ("lag_copy", "copy at the best lag", "the prior"),
    ("most_frequent", "most frequent value", "the prior"),
    ("look_up", "look-up", "the latent"),
)

FAMILY = Family(
    task=Induction,
    trials=trials_of,
    measures=(
        Measure("accuracy", "right answers", format=".3f", chance=CHANCE, column="correct", among="query"),
        Measure("cross_entropy", "cross-entropy", "nat", ".3f", "low", among="query"),
        Measure("in_context", "in-context score", "nat", ".3f", "low", among="query"),
    ),
    title="Induction with frozen weights",
    question="Pairs of tokens are shown, then their first tokens come again in a new order: which token followed? No "
    "weight changes: what belongs to what is kept in the state.",
    columns=COLUMNS,
    history=(Measure("accuracy", "right answers", format=".3f", chance=CHANCE),),
    presets=PRESETS,
    baselines={name: Baseline(label, knows, partial(played, name)) for name, label, knows in BASELINES},
    oracle="look_up",
    latent=Latent(
        tuple(f"{key} is followed by {value}" for key in NAMES for value in NAMES),
        "1",
        pairing,
        moments=all_shown,
        asked=asked,
        error=another_value,
    ),
    trial_counter=PLACE,
    steps_to_trial=steps_to_token,
    environment=ENVIRONMENT,
    episodes=2000,
)
