"""The two-step task as a family: trials, baselines, what the episode hides."""

from functools import partial

import numpy as np

from tasks.family import Baseline, Family, Knows, Latent, Measure, Played, Trace, require_every_acted, trials_over
from tasks.two_step.baselines import Record, play
from tasks.two_step.environment import ENVIRONMENT
from tasks.two_step.presets import PRESETS
from tasks.two_step.task import ACTION, GOOD, MAP, PAID, SECOND, STEP, TRIAL, TwoStep, choice_steps

PRACTICE = 1000  # episodes of meta-training on which the learners' rates are chosen
TRIAL_DTYPE = np.dtype(
    [
        ("episode", np.int32),
        ("trial", np.int32),
        ("start_ms", np.int32),
        ("end_ms", np.int32),
        ("action", np.int8),
        ("second", np.int8),
        ("common", np.int8),
        ("paid", np.int8),
        ("good", np.int8),
        ("map", np.int8),
        ("better", np.int8),
    ]
)
COLUMNS = {
    "action": ("1", "the action taken, 0 or 1"),
    "second": ("1", "the state that it led to, 0 or 1"),
    "common": ("1", "whether it led where it commonly does"),
    "good": ("1", "the state that pays more often"),
    "map": ("1", "0: action a leads commonly to state a; 1: to the other"),
}


def trials_table(task: TwoStep, record: Record) -> np.ndarray:
    """A row a trial."""
    episodes, trials = record.action.shape
    table = np.empty(record.action.size, TRIAL_DTYPE)
    table["episode"], table["trial"] = np.repeat(np.arange(episodes), trials), np.tile(np.arange(trials), episodes)
    table["start_ms"], table["end_ms"] = table["trial"] * task.trial_ms, (table["trial"] + 1) * task.trial_ms
    for name, values in record._asdict().items():
        table[name] = values.ravel()
    leads = (table["action"] + table["map"]) % 2
    table["common"], table["better"] = leads == table["second"], leads == table["good"]
    return table


def trials_of(task: TwoStep, states: np.ndarray, trace: Trace) -> np.ndarray:
    """The table of trials of recorded episodes."""
    over = trials_over(trace, task.trials, task.trial_ms)
    require_every_acted(trace, choice_steps(task)[:over])
    last = states[:, (np.arange(over) + 1) * task.trial_ms - 1].astype(np.int8)
    return trials_table(task, Record(*(last[..., each] for each in (ACTION, SECOND, PAID, GOOD, MAP))))


def labels(task: TwoStep) -> tuple[str, ...]:
    """What is hidden; the map where it is drawn."""
    return ("state that pays", "map") if task.remapped else ("state that pays",)


def hidden(task: TwoStep, states: np.ndarray) -> np.ndarray:
    """The state that pays in the first trial and, where it is drawn, the map: (E, numbers)."""
    return states[:, 0, [GOOD, MAP] if task.remapped else [GOOD]]


def hidden_of_trial(task: TwoStep, trials: np.ndarray) -> np.ndarray:
    """The same in each trial, (rows, numbers)."""
    names = ("good", "map") if task.remapped else ("good",)
    return np.column_stack([trials[name] for name in names]).astype(float)


def other_action(task: TwoStep, latent: np.ndarray, trials: np.ndarray, states: np.ndarray) -> np.ndarray:
    """1 where the action does not lead commonly to the state that pays under this latent, else 0: (rows,)."""
    better = latent[:, 0] != latent[:, 1] if task.remapped else latent[:, 0]
    return (trials["action"] != better).astype(float)


def steps_to_trial(task: TwoStep, states: np.ndarray) -> np.ndarray:
    """Steps to the end of the trial, (n,)."""
    return np.maximum(1, task.trial_ms - states[:, STEP]).astype(int)


def played(name: str, task: TwoStep, keys: np.ndarray, practice: np.ndarray | tuple[()] = ()) -> Played:
    """The episodes of one baseline."""
    return Played(trials_table(task, play(name, keys, task, practice)))


BASELINES: tuple[tuple[str, str, Knows, int], ...] = (
    ("random", "random", "nothing", 0),
    ("model_free", "model-free Q", "the prior", PRACTICE),
    ("model_based", "model-based", "the prior", PRACTICE),
    ("bayes", "exact Bayes", "the prior", 0),
    ("oracle", "oracle", "the latent", 0),
)

FAMILY = Family(
    task=TwoStep,
    trials=trials_of,
    measures=(
        Measure("paid", "trials that paid", format=".3f", chance=0.5),
        Measure("better", "better action taken", format=".3f", chance=0.5),
    ),
    title="The two-step task with frozen weights",
    question="An action leads commonly to one of two states, rarely to the other; one of the states pays, and now and "
    "then it becomes the other. No weight changes: what is known of it is in the state.",
    columns=COLUMNS,
    history=(Measure("paid", "trials that paid", format=".3f"), Measure("late_paid", "late", format=".3f")),
    presets=PRESETS,
    baselines={name: Baseline(label, knows, partial(played, name), n) for name, label, knows, n in BASELINES},
    oracle="oracle",
    latent=Latent(labels, "1", hidden, by_trial=hidden_of_trial, error=other_action),
    trial_counter=TRIAL,
    steps_to_trial=steps_to_trial,
    environment=ENVIRONMENT,
    episodes=2000,
)
