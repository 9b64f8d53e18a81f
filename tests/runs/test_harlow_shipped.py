"""The shipped network of Harlow's task: one choice tells it which object pays, also of objects that were held out."""

import numpy as np
import pytest

from lsnn.blocks import Block
from runs.experiments.options import PRETRAINED
from runs.testing.conditions import keys_of_test, roll_out_with_resets
from tasks.experiment import open_network
from tasks.harlow import Harlow
from tasks.harlow.task import correct_of_trials

PATH = PRETRAINED / "harlow.lsnn.h5"
MOST_LIKELY = np.full(1, -np.inf)


@pytest.fixture(scope="module")
def opened():
    return open_network(PATH)


def test_it_is_small_and_whole(opened):
    file, experiment = opened
    assert PATH.stat().st_size < 3e6 and experiment.task == Harlow()
    assert len(file.history) == 2000 and file.command == "lsnn train harlow --iterations 2000 --threads 1 --seed 1"


def choices(file, task, reset):
    """Right choices of 64 episodes of the test, (64, trials)."""
    weights, right = file.network.weights(), []
    for keys in keys_of_test(0, 64).reshape(-1, 8):
        block = Block(task, file.network, task.duration_ms)
        block.begin(task, keys)
        if reset:
            roll_out_with_resets(block, task, weights, MOST_LIKELY)
        else:
            block.roll_out(weights, MOST_LIKELY)
        right.append(correct_of_trials(task, block.trace.reward.T))
    return np.concatenate(right)


@pytest.mark.parametrize("objects", ["trained", "held_out"])
def test_one_choice_tells_it_which_object_pays(opened, objects):
    right = choices(opened[0], Harlow(objects=objects), reset=False)
    assert right[:, 1:].mean() > 0.95 and right[~right[:, 0], 1].mean() > 0.85 and 0.3 < right[:, 0].mean() < 0.7


def test_without_its_state_it_guesses(opened):
    assert choices(opened[0], Harlow(), reset=True)[:, 1:].mean() < 0.65
