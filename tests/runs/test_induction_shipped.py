"""The shipped network of induction: it names what followed a key, and knows nothing without its state."""

import numpy as np
import pytest

from lsnn.blocks import Block
from runs.experiments.options import PRETRAINED
from runs.testing.conditions import keys_of_test, roll_out_with_resets
from tasks.experiment import open_network
from tasks.induction import Induction
from tasks.induction.family import CHANCE

PATH = PRETRAINED / "induction.lsnn.h5"


@pytest.fixture(scope="module")
def opened():
    return open_network(PATH)


def test_it_is_small_and_whole(opened):
    file, experiment = opened
    assert PATH.stat().st_size < 3e6 and experiment.task == Induction()
    assert file.command.startswith("lsnn train induction ") and file.seed == 1


@pytest.mark.parametrize("reset", [False, True])
def test_it_names_what_followed(opened, reset):
    """On 64 episodes of the test; without the pairs in its state it is below what their values alone would give."""
    file, task, right, asked = opened[0], Induction(), 0.0, 0
    for keys in keys_of_test(0, 64).reshape(-1, 8):
        block = Block(task, file.network, task.duration_ms)
        block.begin(task, keys)
        if reset:
            roll_out_with_resets(block, task, file.network.weights(), np.zeros(1))
        else:
            block.roll_out(file.network.weights(), np.zeros(1))
        right, asked = right + block.trace.reward.sum(), asked + block.trace.acted.sum()
    assert right / asked < 0.3 if reset else right / asked > CHANCE + 0.2
