"""Experiments small enough for tests: 16 neurons, a fifth of a second, a platform that is easily found."""

from pathlib import Path

from runs.configuration import Experiment, overridden
from runs.presets import preset
from runs.train import Budget, fresh_run, train

FREE = (
    "network.n_excitatory=8", "network.n_inhibitory=4", "network.n_adaptive=4", "network.input_gain=3.0",
    "network.readout_gain=3.0", "task.duration_ms=200", "task.platform_radius=0.6", "learning.episodes=16",
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
