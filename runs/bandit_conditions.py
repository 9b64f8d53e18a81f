"""The conditions of the bandit's test: the network and its controls beside players, on independent and opposed arms."""

from collections.abc import Sequence
from dataclasses import replace

import h5py
import numpy as np

from lsnn import store
from runs.evaluate import NETWORKS, Session
from runs.progress import Meter
from runs.trial_conditions import episodes_of
from tasks.bandit.baselines import PLAYERS, play
from tasks.bandit.task import ARMS, last_steps, paid_of_trials

EPISODES = 2000
CONDITIONS = NETWORKS
YARDSTICKS = PLAYERS  # always run, whatever conditions are asked for


def run_conditions(session: Session, result: h5py.File, names: Sequence[str], shown: Meter) -> None:
    """The named conditions of the network, then every player; a group of each for both kinds of arms."""
    runs = [(name, arms) for name in names for arms in ARMS]
    for number, (name, arms) in enumerate(runs):
        group = result.require_group(name).create_group(arms)
        _run_network(_with_arms(session, arms), group, name, shown, number / len(runs), 1 / len(runs))
    shown.show(1.0, "players")
    for name in PLAYERS:
        for arms in ARMS:
            other = _with_arms(session, arms)
            _write(result.require_group(name).create_group(arms), other, *play(name, session.keys, other.task))


def _with_arms(session: Session, arms: str) -> Session:
    experiment = session.experiment
    return session._replace(experiment=replace(experiment, task=replace(experiment.task, arms=arms)))


def _run_network(session: Session, group: h5py.Group, name: str, shown: Meter, done: float, share: float) -> None:
    pulls, choice, paid = last_steps(session.task), [], []
    for _, n, block in episodes_of(session, group, name, shown, done, share):
        choice.append(block.trace.action[pulls, :n, 0].T)
        paid.append(paid_of_trials(session.task, block.trace.reward.T[:n]))
    _write(group, session, np.concatenate(choice), np.concatenate(paid))


def _write(group: h5py.Group, session: Session, choice: np.ndarray, paid: np.ndarray) -> None:
    """choice, paid: (episodes, trials)."""
    store.put(group, "episode_key", session.keys, "1", "keys of the episodes; equal keys, equal arms and luck")
    probability = session.task.probabilities(session.keys)
    store.put(group, "probability", probability, "1", "(episodes, arms): chance that a pull of the arm pays")
    store.put(group, "choice", choice.astype(np.int8), "1", "(episodes, trials): the arm pulled")
    store.put(group, "paid", np.rint(paid).astype(np.int8), "1", "(episodes, trials): whether it paid")
