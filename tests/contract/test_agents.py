"""Every kind of agent on every family of the registry: one iteration of meta-training, one test.

Four of them, one of each kind, are tried every time; all of them are a long test, as each is compiled anew.
"""

import numpy as np
import pytest

pytest.importorskip("equinox")
pytest.importorskip("optax")

from itertools import product

from agents.config import KINDS, AgentConfig, AgentExperiment, learning_of
from agents.learner import AgentLearner
from agents.networks import new_agent
from agents.playing import played_by
from lsnn.learning.config import LearningConfig
from tasks import registry
from tasks.family import family_of

KEYS = np.arange(3, dtype=np.uint64)


def experiment_on(name, kind):
    """A small agent on the default task of a family."""
    task = registry.family(name).task()
    learning = learning_of(task, LearningConfig(episodes=8, curriculum=False))
    return AgentExperiment(task, AgentConfig(kind, 4), learning)


def learnt(experiment):
    """An agent after one iteration, and its row of the history."""
    learner = AgentLearner(experiment, new_agent(experiment, 1), 1)
    return learner, learner.step()


SHORT = tuple(zip(registry.names()[::2], KINDS, strict=False))
PAIRS = [
    pytest.param(*pair, marks=[] if pair in SHORT else pytest.mark.long) for pair in product(registry.names(), KINDS)
]


@pytest.mark.parametrize("name, kind", PAIRS)
def test_an_agent_learns_and_is_tested_on_every_family(name, kind):
    experiment = experiment_on(name, kind)
    learner, row = learnt(experiment)
    assert np.isfinite([row["return"], row["gradient_norm"]]).all() and row["gradient_norm"] > 0
    assert row["not_finite"] == row["exploded"] == 0
    family, task = family_of(experiment.task), experiment.task
    played = played_by(experiment, learner.agent, KEYS)
    assert set(played.trials["episode"]) <= {0, 1, 2}
    assert {"action", "reward"} <= set(played.recordings)
    assert len(played.recordings["reward"]) == 3 and played.recordings["reward"].shape[1] == task.duration_ms
    baseline = next(iter(family.baselines_of(task)), None)
    if baseline is not None and family.score.per == "trial" and task.action_kind != "gaussian":
        scripted = family.play(baseline, task, KEYS, lambda count: np.arange(1000, 1000 + count, dtype=np.uint64))
        for column in ("episode", "trial", "start_ms", "end_ms"):  # the same trials, whoever acts
            np.testing.assert_array_equal(played.trials[column], scripted.trials[column])
