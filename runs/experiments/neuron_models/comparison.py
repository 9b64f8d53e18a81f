"""One network a neuron model and seed: meta-trained, tested, and the tests of all in one table."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from analysis.neuron_models import describe, write_figure
from lsnn.errors import InputError
from lsnn.files import store
from lsnn.files.folders import output_folder
from lsnn.files.network_file import load_network
from lsnn.progress import say
from runs.testing.run import run_test
from runs.training import train as training
from runs.training.neurons import neuron_settings
from tasks.experiment import Experiment, open_network, overridden, preset

TABLE, FIGURE, TEST = "neuron_models.h5", "neuron_models.png", "result.h5"
BASELINES = ("circling", "memory", "oracle")
TESTED = ("trials", "latent", "episode_key")  # of a condition: what the table keeps
# Sub-steps of a non-linear upswing multiply the gradient: a lower damping keeps it finite.
SETTINGS = {"izhikevich": ("network.surrogate_gamma=0.1",)}


class Job(NamedTuple):
    """One model with one seed, in a folder of its own."""

    model: str
    seed: int
    folder: Path

    @property
    def result(self) -> Path:
        """The test of the frozen network."""
        return self.folder / TEST


def experiment_of(model: str, settings: Sequence[str]) -> Experiment:
    """`compact` with these adaptive neurons and further settings."""
    return overridden(preset("water-maze"), [*neuron_settings(model), *SETTINGS.get(model, ()), *settings])


def run_job(
    job: Job, experiment: Experiment, budget: training.Budget, episodes: int, threads: int, command: str
) -> bool:
    """Meta-train, freeze and test; False if a signal ended it, which leaves a checkpoint to go on from."""
    checkpoint = output_folder(job.folder, "", (), overwrite=True) / training.CHECKPOINT
    if checkpoint.exists():
        run = training.resumed_run(checkpoint, "water-maze", None, job.seed, [], command)
        if run.experiment != experiment:
            raise InputError(f"{checkpoint}: must be of the same experiment; name another --out")
    else:
        run = training.fresh_run(experiment, job.seed, command)
    network, ended_by = training.train(run, budget, job.folder, threads)
    if ended_by:
        return False
    file, tested = open_network(network)
    run_test(job.result, file, tested, ("frozen",), 0, command, episodes, 0, threads)
    return True


def check_complete(job: Job, experiment: Experiment, budget: training.Budget, episodes: int) -> None:
    """InputError if a run that is complete is not the one that would be made now."""
    file, made = open_network(job.folder / training.NETWORK)
    history = file.history
    spent = 0.0 if history is None else budget.share(len(history), float(history["minutes"][-1]))
    longer = budget.iterations is not None and spent > 1
    with store.open_for_reading(job.result, "result") as result:
        tested = len(result["frozen/episode_key"])
    if made != experiment or spent < 1 or longer or tested != episodes:
        raise InputError(f"{job.folder}: must be a run of these settings, budget and episodes; name another --out")


def write_table(path: Path, jobs: Sequence[Job], command: str) -> None:
    """The tests of all runs in one file: a group a run, and the baselines on the same mazes."""
    with store.write_atomically(path) as table:
        table.attrs.update(store.provenance("result", preset("water-maze").as_mapping(), 0, command))
        table.attrs["frozen_sha256"] = "one a run"
        for number, job in enumerate(jobs):
            with store.open_for_reading(job.result, "result") as result:
                _copy(result["frozen"], table.create_group(f"run_{number:02d}"))
                for name in BASELINES if number == 0 else ():
                    _copy(result[name], table.create_group(name))
            table[f"run_{number:02d}"].attrs.update(_course(job))


def _copy(condition: h5py.Group, target: h5py.Group) -> None:
    target.attrs.update(condition.attrs)
    for name in TESTED:
        condition.copy(name, target)


def _course(job: Job) -> dict[str, str | int | float]:
    """What a run was, and how its meta-training went."""
    history = load_network(job.folder / training.NETWORK).history
    assert history is not None
    return {
        "model": job.model,
        "seed": job.seed,
        "iterations": len(history),
        "minutes": float(history["minutes"][-1]),
        "rate_hz": float(np.mean(history["rate_hz"][-100:])),
        "exploded": int(history["exploded"].sum()),
    }


def compare(
    folder: Path, models: Sequence[str], seeds: Sequence[int], budget: training.Budget, episodes: int, threads: int,
    settings: Sequence[str], command: str,
) -> int:  # fmt: skip
    """All runs that are not there yet, then table and figure; returns the exit code."""
    jobs = [Job(model, seed, folder / f"{Path(model).stem}-seed{seed}") for model in models for seed in seeds]
    if len({job.folder for job in jobs}) < len(jobs):
        given = [*models, *seeds]
        raise InputError(f"--model and --seed must be given once each, files under different names, got {given}")
    experiments = {model: experiment_of(model, settings) for model in models}
    output_folder(folder, "", (TABLE, FIGURE), overwrite=True, inputs=map(Path, models))
    for job in jobs:
        if job.result.exists():
            check_complete(job, experiments[job.model], budget, episodes)
        else:
            say(f"{job.model}, seed {job.seed}")
            if not run_job(job, experiments[job.model], budget, episodes, threads, command):
                return 1
    write_table(folder / TABLE, jobs, command)
    figure = write_figure(folder / TABLE, folder / FIGURE)
    say(f"{describe(folder / TABLE)}\ntable: {folder / TABLE}\nfigure: {figure}")
    return 0
