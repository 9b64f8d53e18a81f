"""Baselines of Harlow's task: what choices win with so much memory."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lsnn.kernels.draws import BASELINE, uniform
from lsnn.validation import keys_of, require, require_kind
from tasks.harlow.task import Harlow

BASELINES = ("random", "win_stay", "win_stay_lose_shift", "oracle")


def play(baseline: str, keys: ArrayLike, task: Harlow) -> NDArray[np.int8]:
    """The side that a baseline chooses in each trial, (E, trials).

    Args:
        baseline: random: either side; win_stay: an object that paid is chosen for good, and nothing is learnt from one
            that did not; win_stay_lose_shift: the one that paid or, after one that did not, the other, which is all
            that can be known; oracle: is told which object pays before the first trial. A side that nothing tells
            is drawn, from the same draws by all.
        keys: (E,) uint64, one an episode.

    Raises:
        InputError: an unknown baseline, another task, or what are no keys.
    """
    require(baseline in BASELINES, "baseline", f"one of {', '.join(BASELINES)}", baseline)
    require_kind("task", task, Harlow)
    own = keys_of("keys", keys)
    side = task.drawn(own)[1]
    guess = [[uniform(key, trial, BASELINE, 0) < 0.5 for trial in range(task.trials)] for key in own]
    choice = np.array(guess, np.int8).reshape(side.shape)
    if baseline == "oracle":
        return side
    if baseline == "random":
        return choice
    known = np.zeros(side.shape, bool)
    for trial in range(1, task.trials):
        won = choice[:, trial - 1] == side[:, trial - 1]
        known[:, trial] = known[:, trial - 1] | won | (baseline == "win_stay_lose_shift")
        choice[:, trial] = np.where(known[:, trial], side[:, trial], choice[:, trial])
    return choice
