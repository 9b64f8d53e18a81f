"""What a run of meta-training will take of memory and disk, said before it begins."""

import os
import resource
import sys
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from lsnn.equations.host import host_model
from lsnn.errors import InputError
from lsnn.files.network_lists import pairs_of, populations_of
from lsnn.kernels.simd import LANES
from lsnn.learning.config import LearningConfig, outputs_of
from lsnn.network import Network, NetworkConfig
from lsnn.task import Task

MB = 1e6
# Measured on small runs of the presets, CPython 3.11 on Linux.
HISTORY_BYTES = 55  # an iteration's row, compressed
FILE_BYTES = 17_000  # attributes, groups and chunk indices of a network file
PROJECTION_BYTES = 1_300  # likewise of each of its projections
LEARNER_BYTES = 8_000  # likewise of what a checkpoint holds besides
SYNAPSE_BYTES = 4.8  # source, target, delay, sign and weight, compressed; weights hardly shrink
COMPILED_BYTES = 8e6  # small functions that the first iteration compiles
BASELINE_BYTES = 52e6  # the scripted baselines, compiled at the first validation
WORKER_BYTES = 200e6  # a worker process with everything imported


class Planned(Protocol):
    """What a forecast reads of an experiment."""

    @property
    def task(self) -> Task: ...

    @property
    def network(self) -> NetworkConfig: ...

    @property
    def learning(self) -> LearningConfig: ...


class Forecast(NamedTuple):
    """Bytes: the greatest memory of the process, and the files it leaves when it ends."""

    memory: float
    checkpoint: float
    network: float

    def __str__(self) -> str:
        disk = (self.checkpoint + self.network) / MB
        growth = f"{HISTORY_BYTES * 1000 / MB:.2f} MB more for every 1000 iterations in each of 2 files"
        return f"forecast: {self.memory / MB:.0f} MB of memory, {disk:.2f} MB on disk at first ({growth})"


def resident_bytes() -> float:
    """Memory that the process holds now; its peak where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return peak_bytes()
    return pages * resource.getpagesize()


def peak_bytes() -> float:
    """The most memory that the process has held."""
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def block_bytes(experiment: Planned, n_in: int, n_out: int) -> float:
    """Record and trace of one block, from the configuration alone."""
    c, task = experiment.network, experiment.task
    steps, counts = task.duration_ms, (c.n_excitatory + c.n_inhibitory, c.n_adaptive)
    n_slots = sum(n * (1 + host_model(model).n_extra) for n, model in zip(counts, c.models, strict=True))
    kept = int(np.ceil(np.sqrt(steps))) if experiment.learning.gradient_checkpointing else steps
    state = 4 * LANES * (n_slots + c.n_neurons * (2 * (c.d_max_ms + 1) + 1) + n_out)
    record = kept * (4 * LANES * n_slots + c.n_neurons) + steps * (c.n_neurons + n_in + 4 * LANES * n_out)
    saved = state * (steps / kept - 1)
    trace = steps * LANES * (8 * (task.n_action + 2 + task.n_target) + 4)
    return record + saved + 2 * state + trace


def work_bytes(experiment: Planned, n_out: int) -> float:
    """What the gradient of one block takes while it is computed: outputs and scores in double precision."""
    task = experiment.task
    return task.duration_ms * LANES * (4 * n_out + 8 * n_out + 8 * (7 * max(1, task.n_action) + 8))


def shared_bytes(experiment: Planned, network: Network, blocks: int, threads: int) -> float:
    """What so many blocks take, and their gradients while `threads` of them are computed."""
    kept = 2 * 8 * LANES * experiment.task.duration_ms  # advantages and likelihoods, between calls
    whole = blocks * (block_bytes(experiment, network.n_in, network.n_out) + kept)
    return whole + min(threads, blocks) * work_bytes(experiment, network.n_out)


def forecast(experiment: Planned, network: Network, validates: bool, threads: int | None) -> Forecast:
    """For a run whose blocks are not filled yet, in this process.

    Args:
        validates: whether it is long enough to be tested on the whole task.
        threads: None where the blocks are on workers.
    """
    learning, blocks = experiment.learning, experiment.learning.episodes // LANES
    batch = 2 * 9 * learning.episodes * experiment.task.duration_ms  # reward and acted
    gradients = blocks * 4 * (len(network.synapses.theta) + LANES * network.readout.size)
    learnt = 8 * (len(network.synapses.theta) + network.readout.size + network.bias.size + network.log_std.size)
    more = batch + gradients + 14 * learnt + COMPILED_BYTES + (BASELINE_BYTES if validates else 0)
    if threads is not None:
        more += shared_bytes(experiment, network, blocks, threads)
    small: float = FILE_BYTES + PROJECTION_BYTES * len(list(pairs_of(populations_of(network.config, network.n_in))))
    small += SYNAPSE_BYTES * len(network.synapses.theta) + 8 * network.readout.size
    return Forecast(max(peak_bytes(), resident_bytes() + more), small + LEARNER_BYTES + 4 * learnt, small)


def worker_forecast(experiment: Planned, network: Network, workers: int, threads: int) -> str:
    """Memory of each of so many workers with so many threads in all, in words."""
    blocks = -(-(experiment.learning.episodes // LANES) // workers)
    needed = WORKER_BYTES + shared_bytes(experiment, network, blocks, -(-threads // workers))
    return f"forecast: {needed / MB:.0f} MB of memory on each of {workers} workers"


def check_memory(experiment: Planned) -> None:
    """InputError for a run that cannot fit into this machine, before anything of its size is made."""
    task = experiment.task
    n_out = sum(outputs_of(task, experiment.learning).values())
    pairs = (task.encoder.n_inputs + experiment.network.n_neurons) * experiment.network.n_neurons
    blocks = experiment.learning.episodes / LANES * block_bytes(experiment, task.encoder.n_inputs, n_out)
    needed, there = blocks + 200 * experiment.network.connectivity * pairs, _physical_bytes()
    if needed > there:
        raise InputError(
            f"network, learning.episodes, task.duration_ms: a run must fit into {there / 1e9:.1f} GB of memory, needs "
            f"about {needed / 1e9:.3g} GB; learning.gradient_checkpointing=true or fewer episodes take less"
        )


def check_block(experiment: Planned) -> None:
    """InputError unless eight episodes of the task, the least that is ever run, fit into this machine's memory."""
    n_out = sum(outputs_of(experiment.task, experiment.learning).values())
    what = f"task, network: eight episodes of {experiment.task.duration_ms} steps"
    require_memory(what, block_bytes(experiment, experiment.task.encoder.n_inputs, n_out))


def require_memory(what: str, needed: float) -> None:
    """InputError unless so many bytes fit into this machine."""
    there = _physical_bytes()
    if needed > there:
        raise InputError(f"{what} must fit into {there / 1e9:.1f} GB of memory, need about {needed / 1e9:.3g} GB")


def _physical_bytes() -> float:
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (OSError, ValueError):
        return float("inf")
