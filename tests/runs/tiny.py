"""Experiments small enough for tests: 16 neurons, a fifth of a second, a platform that is easily found."""

from pathlib import Path

import numpy as np

from lsnn.files.network_file import load_network
from runs.training.train import CHECKPOINT, Budget, fresh_run, train
from tasks.experiment import Experiment, overridden, preset

FREE = (
    "network.n_excitatory=8", "network.n_inhibitory=4", "network.n_adaptive=4", "network.input_gain=3.0",
    "network.readout_gain=3.0", "task.duration_ms=200", "task.platform_radius=0.6", "learning.episodes=16",
    "learning.exploded_norm=10",
)  # fmt: skip
DALE = (
    *FREE, "network.dale=true", "network.rewire=true", "network.connectivity=0.4", "network.d_max_ms=5",
    "learning.temperature=0.1", "learning.l1=0.3",
)  # fmt: skip


def tiny(settings: tuple[str, ...] = FREE) -> Experiment:
    return overridden(preset("water-maze"), settings)


def trained(
    folder: Path, iterations: int = 2, seed: int = 0, settings: tuple[str, ...] = FREE, threads: int = 1
) -> Path:
    """The network file that so many iterations leave in a folder, made if need be."""
    folder.mkdir(exist_ok=True)
    return train(fresh_run(tiny(settings), seed, "lsnn train"), Budget(iterations=iterations), folder, threads)[0]


def assert_same_run(one, other):
    """Weights, learner's state and history (the clock excepted) of two checkpoints, bit for bit."""
    assert_same_state(*(load_network(folder / CHECKPOINT) for folder in (one, other)))


def assert_same_state(a, b):
    """The same of two files of checkpoints."""
    for name in a.network.synapses._fields:
        np.testing.assert_array_equal(getattr(a.network.synapses, name), getattr(b.network.synapses, name))
    for name in ("readout", "bias", "log_std"):
        np.testing.assert_array_equal(getattr(a.network, name), getattr(b.network, name))
    for name, value in a.learner_state._asdict().items():
        if not isinstance(value, dict):
            assert value == getattr(b.learner_state, name), name
    for moment in ("first", "second", "average"):
        for name, array in getattr(a.learner_state, moment).items():
            np.testing.assert_array_equal(array, getattr(b.learner_state, moment)[name])
    assert a.history.dtype == b.history.dtype
    for name in set(a.history.dtype.names) - {"minutes"}:
        np.testing.assert_array_equal(a.history[name], b.history[name], err_msg=name)
