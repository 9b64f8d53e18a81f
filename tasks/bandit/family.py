"""The bandit as a family: pulls as trials, baselines, both kinds of arms."""

from functools import partial

import numpy as np

from tasks.bandit.baselines import play
from tasks.bandit.environment import ENVIRONMENT
from tasks.bandit.presets import PRESETS
from tasks.bandit.task import (
    INDEPENDENT,
    LAST_ARM,
    OPPOSED,
    P_FIRST,
    P_SECOND,
    STEP,
    TRIAL,
    Bandit,
    last_steps,
    paid_of_trials,
)
from tasks.family import Baseline, Family, Knows, Latent, Measure, Played, Trace, Variant

TRIAL_DTYPE = np.dtype(
    [
        ("episode", np.int32),
        ("trial", np.int32),
        ("start_ms", np.int32),
        ("end_ms", np.int32),
        ("arm", np.int8),
        ("paid", np.int8),
        ("regret", np.float64),
    ]
)
COLUMNS = {
    "arm": ("1", "the arm pulled, 0 or 1"),
    "paid": ("1", "whether it paid"),
    "regret": ("1", "what the better arm would have paid more on average"),
}


def pulls_table(task: Bandit, probability: np.ndarray, arm: np.ndarray, paid: np.ndarray) -> np.ndarray:
    """A row a pull; probability (E, arms); arm, paid (E, trials)."""
    episodes, trials = arm.shape
    table = np.empty(arm.size, TRIAL_DTYPE)
    table["episode"], table["trial"] = np.repeat(np.arange(episodes), trials), np.tile(np.arange(trials), episodes)
    table["start_ms"], table["end_ms"] = table["trial"] * task.trial_ms, (table["trial"] + 1) * task.trial_ms
    table["arm"], table["paid"] = arm.ravel(), np.rint(paid).ravel()
    pulled = np.take_along_axis(probability, arm.astype(np.intp), axis=1)
    table["regret"] = (probability.max(axis=1)[:, None] - pulled).ravel()
    return table


def hidden(task: Bandit, states: np.ndarray) -> np.ndarray:
    """The chance that a pull of each arm pays, (E, arms)."""
    return states[:, 0, [P_FIRST, P_SECOND]]


def worse_arm(task: Bandit, latent: np.ndarray, trials: np.ndarray, states: np.ndarray) -> np.ndarray:
    """1 where the arm pulled is not the better one of these chances, 0 where it is, (rows,)."""
    return (trials["arm"] != latent.argmax(axis=1)).astype(float)


def without_last_pull(task: Bandit, states: np.ndarray) -> np.ndarray:
    """The states (n, N_STATE) as on a first trial: no flag tells of the pull before."""
    hidden_pull = states.copy()
    hidden_pull[:, LAST_ARM] = -1.0
    return hidden_pull


def trials_of(task: Bandit, states: np.ndarray, trace: Trace) -> np.ndarray:
    """The table of pulls of recorded episodes."""
    arm = trace.action[:, last_steps(task), 0].astype(np.int8)
    return pulls_table(task, hidden(task, states), arm, paid_of_trials(task, trace.reward))


def steps_to_pull(task: Bandit, states: np.ndarray) -> np.ndarray:
    """Steps to the end of the trial, (n,)."""
    return np.maximum(1, task.trial_ms - states[:, STEP]).astype(int)


def played(name: str, task: Bandit, keys: np.ndarray) -> Played:
    """The episodes of one baseline."""
    record = play(name, keys, task)
    return Played(pulls_table(task, task.probabilities(keys), record.choice, record.reward))


BASELINES: tuple[tuple[str, str, Knows], ...] = (
    ("random", "random", "nothing"),
    ("ucb1", "UCB1", "nothing"),
    ("thompson", "Thompson sampling", "the prior"),
    ("gittins", "Gittins index", "the prior"),
    ("oracle", "oracle", "the latent"),
)

FAMILY = Family(
    task=Bandit,
    trials=trials_of,
    measures=(
        Measure("paid", "pulls that paid", format=".3f", chance=0.5),
        Measure("regret", "regret", format=".2f", better="low", per="episode"),
    ),
    title="Two-armed bandits with frozen weights",
    question="Each episode has two arms that pay with probabilities of its own, to be found out within its trials. No "
    "weight changes: what is known of the arms is in the state.",
    columns=COLUMNS,
    history=(Measure("paid", "pulls that paid", format=".3f"), Measure("late_paid", "late", format=".3f")),
    presets=PRESETS,
    baselines={name: Baseline(label, knows, partial(played, name)) for name, label, knows in BASELINES},
    oracle="oracle",
    variants={
        INDEPENDENT: Variant("independent arms", {"arms": INDEPENDENT}),
        OPPOSED: Variant("anti-correlated arms", {"arms": OPPOSED}),
    },
    latent=Latent(("first arm pays", "second arm pays"), "1", hidden, error=worse_arm, hide=without_last_pull),
    trial_counter=TRIAL,
    steps_to_trial=steps_to_pull,
    environment=ENVIRONMENT,
    episodes=2000,
)
