"""The bandit as a family: pulls as trials, baselines, the kinds of arms."""

from functools import partial

import numpy as np

from tasks.bandit.baselines import baselines_of, play
from tasks.bandit.environment import ENVIRONMENT
from tasks.bandit.presets import PRESETS
from tasks.bandit.task import (
    INDEPENDENT,
    LAST_ARM,
    OPPOSED,
    P_FIRST,
    P_SECOND,
    STEP,
    STILL,
    TRIAL,
    Bandit,
    last_steps,
)
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

PRACTICE = 1000  # episodes of meta-training on which the delta rule's rates are chosen
TRIAL_DTYPE = np.dtype(
    [
        ("episode", np.int32),
        ("trial", np.int32),
        ("start_ms", np.int32),
        ("end_ms", np.int32),
        ("arm", np.int8),
        ("paid", np.int8),
        ("first_pays", np.float64),
        ("second_pays", np.float64),
        ("regret", np.float64),
    ]
)
COLUMNS = {
    "arm": ("1", "the arm pulled, 0 or 1"),
    "paid": ("1", "whether it paid"),
    "first_pays": ("1", "the chance that the first arm pays in this trial"),
    "second_pays": ("1", "the same of the second arm"),
    "regret": ("1", "what the better arm would have paid more on average"),
}


def pulls_table(task: Bandit, pays: np.ndarray, arm: np.ndarray, paid: np.ndarray) -> np.ndarray:
    """A row a pull; pays (E, trials, arms); arm, paid (E, trials)."""
    episodes, trials = arm.shape
    table = np.empty(arm.size, TRIAL_DTYPE)
    table["episode"], table["trial"] = np.repeat(np.arange(episodes), trials), np.tile(np.arange(trials), episodes)
    table["start_ms"], table["end_ms"] = table["trial"] * task.trial_ms, (table["trial"] + 1) * task.trial_ms
    table["arm"], table["paid"] = arm.ravel(), np.rint(paid).ravel()
    table["first_pays"], table["second_pays"] = pays[..., 0].ravel(), pays[..., 1].ravel()
    pulled = np.take_along_axis(pays, arm[..., None].astype(np.intp), axis=-1)[..., 0]
    table["regret"] = (pays.max(axis=-1) - pulled).ravel()
    return table


def hidden(task: Bandit, states: np.ndarray) -> np.ndarray:
    """The chance that a pull of each arm pays, in the first trial where it changes, (E, arms)."""
    return states[:, 0, [P_FIRST, P_SECOND]]


def hidden_of_trial(task: Bandit, trials: np.ndarray) -> np.ndarray:
    """The same in each trial, (rows, arms)."""
    return np.column_stack([trials["first_pays"], trials["second_pays"]])


def changes(task: Bandit) -> bool:
    """Whether the arms pay something else from trial to trial."""
    return task.arms not in STILL


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
    at = last_steps(task)[: trials_over(trace, task.trials, task.trial_ms)]
    require_every_acted(trace, at)
    arm, pays = trace.action[:, at, 0].astype(np.int8), states[:, at, P_FIRST : P_SECOND + 1]
    return pulls_table(task, pays, arm, trace.reward[:, at] / task.reward)


def steps_to_pull(task: Bandit, states: np.ndarray) -> np.ndarray:
    """Steps to the end of the trial, (n,)."""
    return np.maximum(1, task.trial_ms - states[:, STEP]).astype(int)


def played(name: str, task: Bandit, keys: np.ndarray, practice: np.ndarray | tuple[()] = ()) -> Played:
    """The episodes of one baseline."""
    record = play(name, keys, task, practice)
    return Played(pulls_table(task, record.pays, record.choice, record.reward))


def plays(name: str, task: Bandit) -> bool:
    """Whether a baseline plays a task."""
    return name in baselines_of(task)


BASELINES: tuple[tuple[str, str, Knows, int], ...] = (
    ("random", "random", "nothing", 0),
    ("ucb1", "UCB1", "nothing", 0),
    ("delta_rule", "delta rule, fixed rate", "the prior", PRACTICE),
    ("thompson", "Thompson sampling", "the prior", 0),
    ("gittins", "Gittins index", "the prior", 0),
    ("bayes", "Bayes filter", "the prior", 0),
    ("bayes_bonus", "Bayes filter, mean + std", "the prior", 0),
    ("oracle", "oracle", "the latent", 0),
)
STILL_ARMS = {INDEPENDENT: "independent arms", OPPOSED: "anti-correlated arms"}

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
    baselines={
        name: Baseline(label, knows, partial(played, name), practice, partial(plays, name))
        for name, label, knows, practice in BASELINES
    },
    oracle="oracle",
    variants={
        arms: Variant(label, {"arms": arms}, applies=lambda task: not changes(task))
        for arms, label in STILL_ARMS.items()
    },
    latent=Latent(
        ("first arm pays", "second arm pays"),
        "1",
        hidden,
        by_trial=hidden_of_trial,
        error=worse_arm,
        hide=without_last_pull,
        changes=changes,
    ),
    trial_counter=TRIAL,
    steps_to_trial=steps_to_pull,
    environment=ENVIRONMENT,
    episodes=2000,
)
