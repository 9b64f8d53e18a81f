"""The bandit: what each arm pays is read; neurons are sorted by the arm after whose pulls they spike."""

import numpy as np

from runs.demo.families import Shown
from tasks.bandit.task import LAST_ARM, N_ARMS, P_FIRST, P_SECOND

APART = (0.2, 0.5)  # how far the arms of the first bandit shown are apart
EARLY, MISSED = 40, 5  # within so many pulls it pulls the worse arm at least so often, and later never


def chances(states: np.ndarray) -> np.ndarray:
    """What the arms of states (..., n_state) pay."""
    return states[..., [P_FIRST, P_SECOND]]


def pulled(states: np.ndarray) -> np.ndarray:
    """Which arm was pulled on the trial before, (T, N_ARMS)."""
    return (states[:, LAST_ARM, None] == np.arange(N_ARMS)).astype(float)


def by_preferred_arm(tuning: np.ndarray) -> np.ndarray:
    """By the share of their spikes that fall after the first arm's pulls; tuning (n, N_ARMS)."""
    return np.argsort(-tuning[:, 0] / np.maximum(tuning.sum(axis=1), 1), kind="stable")


def first_choice(trials: np.ndarray) -> int:
    """The first bandit of arms that differ, told apart after some pulls of the worse one; else the first one."""
    for episode in np.unique(trials["episode"]):
        regret = trials["regret"][trials["episode"] == episode]
        found_out = MISSED <= np.count_nonzero(regret[:EARLY]) and not regret[EARLY:].any()
        if found_out and APART[0] <= regret.max() <= APART[1]:
            return int(episode)
    return 0


SHOWN = Shown(chances, pulled, by_preferred_arm, first_choice)
