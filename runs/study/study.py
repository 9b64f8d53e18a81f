"""All experiments on a frozen network, one group each in a result file (`lsnn study`; docs/reference/files.md)."""

import time
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

import h5py

from lsnn.blocks import Threads
from lsnn.configuration import to_mapping
from lsnn.errors import InputError
from lsnn.files import store
from lsnn.files.network_file import NetworkFile, network_sha256
from lsnn.progress import duration, meter, say
from runs.study.apparatus import Findings, Subject
from runs.study.behaviour import probe, reversal
from runs.study.decoding import decoding
from runs.study.generalisation import generalisation
from runs.study.interventions import ablation, clamp, silence
from runs.study.one_visit import one_visit
from runs.study.retention import retention
from runs.study.transplant import takeover, transplant
from runs.study.variants import findings_of_variants, require_variants, train_variants, variants_folder
from runs.study.wiring import wiring
from runs.testing.result_file import put_network, put_trials
from runs.training.train import Budget, load_compiled
from tasks.experiment import Experiment, open_network
from tasks.water_maze import FAMILY, WaterMaze

EPISODES = 256
EXPERIMENTS: dict[str, Callable[[Subject, int], Findings]] = {
    "ablation": ablation,
    "silence": silence,
    "clamp": clamp,
    "transplant": transplant,
    "takeover": takeover,
    "one_visit": one_visit,
    "decoding": decoding,
    "retention": retention,
    "reversal": reversal,
    "probe": probe,
    "generalisation": generalisation,
}
WIRING = "wiring"
ANY_NETWORK, PAUSES = {"one_visit"}, ("rest_ms_min", "dark_ms_min")


def subject_of(path: Path, file: NetworkFile, experiment: Experiment, threads: int, episodes: int) -> Subject:
    """The network and its maze at full difficulty; InputError for a network of another task."""
    if not isinstance(experiment.task, WaterMaze):
        raise InputError(f"{path}: must be a network for {WaterMaze.name} to be studied, got {experiment.task.name}")
    return Subject(file.network, file.network.weights(), experiment.task, file.seed, Threads(threads), episodes)


def check_subject(path: Path, experiment: Experiment, asked: Collection[str] = (*EXPERIMENTS, WIRING)) -> None:
    """InputError unless the experiments asked for can be done on the network.

    Adaptation has to be that of thresholds, and radius, rest, dark, start region and reversal fixed. Those of
    ANY_NETWORK take any model, and fix rest and dark themselves.
    """
    network, task = experiment.network, experiment.task
    any_network = set(asked) <= ANY_NETWORK
    if not any_network and (network.adaptive_model != "alif" or network.n_adaptive == 0):
        has = f"{network.n_adaptive} adaptive neurons of the model {network.adaptive_model!r:.80}"
        raise InputError(f"{path}: must have adaptive neurons of the model 'alif' to be studied, has {has}")
    for name, value in to_mapping(task).items():
        if name.endswith("_min") and value is not None and not (any_network and name in PAUSES):
            raise InputError(f"{path}: task.{name} must not be set in a network to be studied, is {value}")


def run_study(
    network: Path, out: Path, seed: int, episodes: int, threads: int, command: str, only: Collection[str] = (),
    overwrite: bool = True,
) -> None:  # fmt: skip
    """Run the experiments on a network, and those on the variants that stand beside it; writes the result file.

    Args:
        only: names of the experiments to run; none: all of them.

    Raises:
        InputError: a bad network, another task than the maze, an unknown experiment, or no place for the file.
        StoreError: it could not be written.
    """
    names = (*EXPERIMENTS, WIRING)
    for name in only:
        if name not in names:
            raise InputError(f"--only must be one of {', '.join(names)}, got {name!r}")
    file, experiment = open_network(network)
    subject, start = subject_of(network, file, experiment, threads, episodes), time.monotonic()
    asked = [name for name in names if name in only or not only]
    check_subject(network, experiment, asked)
    if not only:
        require_variants(variants_folder(network), experiment, file.seed)
    load_compiled(experiment, file.network)
    with store.write_atomically(out, overwrite) as result, meter() as shown:
        put_study_header(result, file, experiment, seed, command)
        for number, name in enumerate(asked):
            share = number / (len(asked) + 1)
            shown.show(share, name)
            told = subject._replace(
                tell=lambda text, share=share, name=name: shown.show(share, f"{name}: {text}")  # type: ignore[misc]
            )
            found = wiring(told, experiment, seed) if name == WIRING else EXPERIMENTS[name](told, seed)
            put_findings(result.create_group(name), found)
        variants = {}
        if not only:
            tell = partial(shown.show, len(asked) / (len(asked) + 1))
            variants = findings_of_variants(variants_folder(network), seed, episodes, threads, tell)
        for name, findings in variants.items():
            put_findings(result.create_group(name), findings)
        result.attrs["frozen_sha256_after"] = network_sha256(subject.network, subject.weights)
    say(f"{len(asked) + len(variants)} experiments in {duration(time.monotonic() - start)}: {out}")


def train_for_study(network: Path, budget: Budget, threads: int, command: str) -> int:
    """Meta-train the variants of a network with its own configuration and seed; the signal that ended it, or 0."""
    file, experiment = open_network(network)
    subject_of(network, file, experiment, threads, EPISODES)
    check_subject(network, experiment)
    return train_variants(experiment, file.seed, budget, variants_folder(network), threads, command)


def put_study_header(result: h5py.File, file: NetworkFile, experiment: Experiment, seed: int, command: str) -> None:
    """Root attributes and what figures need to know of the network."""
    result.attrs.update(store.provenance("result", experiment.as_mapping(), seed, command))
    sha = network_sha256(file.network)
    result.attrs.update(
        result_kind="study", frozen_sha256=sha, network_command=file.command, network_seed=file.seed
    )  # fmt: skip
    put_network(result, file.network, experiment.task.encoder.channels)


def put_findings(group: h5py.Group, findings: Findings) -> None:
    """One experiment: its data sets, a group a condition with keys, platforms and trials, and its attributes."""
    group.attrs.update(findings.attributes)
    for name, item in findings.items.items():
        store.put(group, name, item.values, item.units, item.description)
    for name, swum in findings.conditions.items():
        condition = group.create_group(name)
        put_trials(condition, FAMILY, swum.keys, swum.trials, swum.position.shape[1] - 1)
        store.put(condition, "goal", swum.goal, "pool radius", "centre of the first platform")
