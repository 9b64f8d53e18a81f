"""The conditions of the regression test: the network and its controls beside algorithms on the family's own basis."""

from collections.abc import Sequence

import h5py
import numpy as np

from lsnn import store
from lsnn.seeds import TRAIN_BRANCH, episode_keys
from runs.evaluate import NETWORKS, Session
from runs.progress import Meter
from runs.trial_conditions import episodes_of
from tasks.regression.baselines import ALGORITHMS, fit
from tasks.regression.task import last_steps

EPISODES = 1024
CONDITIONS = {name: NETWORKS[name] for name in ("frozen", "state_reset", "untrained")}
YARDSTICKS = ALGORITHMS  # always run, whatever conditions are asked for
FITTED_ON = 1000  # episodes of meta-training on which algorithms are tuned


def run_conditions(session: Session, result: h5py.File, names: Sequence[str], shown: Meter) -> None:
    """The named conditions of the network, then every algorithm, on the same examples."""
    for number, name in enumerate(names):
        group, answers = result.create_group(name), []
        for _, n, block in episodes_of(session, group, name, shown, number / len(names), 1 / len(names)):
            answers.append(block.trace.action[last_steps(session.task), :n, 0].T)
        _write(group, np.concatenate(answers))
    shown.show(1.0, "algorithms")
    x, y = session.task.examples(session.keys)
    group = result.create_group("examples")
    store.put(group, "episode_key", session.keys, "1", "keys of the episodes; equal keys, equal functions and examples")
    store.put(group, "x", x, "1", "(episodes, samples, dimensions)")
    store.put(group, "y", y, "1", "(episodes, samples)")
    fitted_on = episode_keys(session.file.seed, TRAIN_BRANCH, 0, FITTED_ON)
    for name, predict in fit(session.task, *session.task.examples(fitted_on)).items():
        _write(result.create_group(name), predict(x, y))


def _write(group: h5py.Group, prediction: np.ndarray) -> None:
    """prediction: (episodes, samples)."""
    store.put(group, "prediction", prediction, "1", "(episodes, samples): y as predicted from the examples before")
