"""The test of a frozen network on episodes it never met (`lsnn test`), for every family."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from lsnn.blocks import Threads
from lsnn.errors import InputError
from lsnn.files import store
from lsnn.files.network_file import NetworkFile, network_sha256, put_history
from lsnn.kernels.simd import LANES
from lsnn.progress import Meter, meter
from runs.testing.conditions import NETWORKS, Session, keys_of_test, roll_outs
from runs.testing.result_file import ConditionWriter, departures, describe_family, put_network, put_played
from runs.training.train import load_compiled, practice_of
from tasks.experiment import Experiment
from tasks.family import family_of

RECORDED = 8
RANKS = (0.1, 0.25, 0.5, 0.9)  # quantiles of the frozen network's score whose episodes are recorded as well


def recorded_episodes(text: str) -> int:
    """How many episodes are recorded at most, of `--record all|N`; InputError for anything else."""
    if text == "all":
        return sys.maxsize
    with suppress(ValueError):
        if (count := int(text)) >= 0:
            return count
    raise InputError(f"--record must be 'all' or a number of episodes, got {text!r}")


def run_test(
    path: Path, file: NetworkFile, experiment: Experiment, names: Sequence[str], seed: int, command: str,
    episodes: int | None = None, recorded: int = RECORDED, threads: int = 2, overwrite: bool = True,
    beside: Sequence[Any] = (),
) -> None:  # fmt: skip
    """Test a network under the named conditions, and every baseline, on the same episodes; writes a result file.

    Args:
        episodes: how many; None = as many as the family's test has.
        recorded: of how many episodes positions, actions, spikes and so on are kept; the episodes at RANKS of the
            frozen network's score come on top, so that a page may show a middling one. 0 = of none.
        beside: agents that are tested as well (`runs.testing.agents.Beside`).

    Raises:
        InputError: no place for the file, or it exists (unless `overwrite`). StoreError: it could not be written.
    """
    keys = keys_of_test(seed, episodes or family_of(experiment.task).episodes)
    session = Session(file, experiment, keys, min(recorded, len(keys)), Threads(threads))
    load_compiled(experiment, file.network)
    with store.write_atomically(path, overwrite) as result, meter() as shown:
        put_header(result, session, names, seed, command, beside)
        shared = run_networks(session, result, names, shown)
        if beside:
            shown.show(1.0, "agents")
            run_beside(session, result, shared, beside)
        shown.show(1.0, "baselines")
        run_baselines(session, result, shared)


def put_header(
    result: h5py.File, session: Session, names: Sequence[str], seed: int, command: str, beside: Sequence[Any] = (),
    **more: Any,
) -> None:  # fmt: skip
    """Root attributes, the network's neurons and its history."""
    file, experiment = session.file, session.experiment
    variants = family_of(experiment.task).variants_of(experiment.task)
    result.attrs.update(store.provenance("result", experiment.as_mapping(), seed, command))
    result.attrs.update(
        frozen_sha256=network_sha256(file.network), network_command=file.command, network_seed=file.seed,
        family=json.dumps(describe_family(experiment.task)),
        conditions=json.dumps(described(experiment.task, names, beside)),
        variants=json.dumps([[name, variant.label] for name, variant in variants.items()]), **more,
    )  # fmt: skip
    result.attrs.update(departures(file, experiment))
    put_network(result, file.network, experiment.task.encoder.channels)
    if file.history is not None:
        put_history(result, file.history)


def described(task: Any, names: Sequence[str], beside: Sequence[Any] = ()) -> list[list[str]]:
    """Name, label and role of the conditions, of agents beside them, and of all baselines."""
    family = task.family
    networks = [[name, NETWORKS[name].label, NETWORKS[name].role] for name in names]
    roles, baselines = {"the latent": "oracle"}, family.baselines_of(task)
    scripted = [[name, one.label, roles.get(one.knows, "baseline")] for name, one in baselines.items()]
    if not beside:
        return networks + scripted
    from runs.testing.agents import described_beside  # needs JAX

    agents, held = described_beside(task, beside)
    return [*networks, *agents, *scripted, *held]


def variants_of(session: Session, group: h5py.Group) -> Iterator[tuple[str, Session, h5py.Group]]:
    """Every variant of the task with a group of its own below this one; without variants the task as it is, here."""
    variants = session.task.family.variants_of(session.task)
    if not variants:
        yield "", session, group
    for name, variant in variants.items():
        experiment = replace(session.experiment, task=replace(session.task, **variant.settings))
        yield name, session._replace(experiment=experiment), group.require_group(name)


class Shared(NamedTuple):
    """What the conditions of a variant share: which episodes are recorded, (K,), and what all episodes hide."""

    recorded: np.ndarray
    latent: np.ndarray | None = None


def run_networks(session: Session, result: h5py.File, names: Sequence[str], shown: Meter) -> dict[str, Shared]:
    """The named conditions; what further ones share with them, by the name of the variant."""
    shared: dict[str, Shared] = {}
    runs = [(name, *run) for name in names for run in variants_of(session, result.create_group(name))]
    for number, (name, variant, other, group) in enumerate(runs):
        recorded = shared[variant].recorded if variant in shared else np.arange(session.recorded)
        found = run_network(other, group, name, recorded, part_of(shown, number, len(runs)))
        shared.setdefault(variant, found)
    return shared


def part_of(shown: Meter, number: int, count: int) -> Callable[[float, str], None]:
    """Shows how far part `number` of so many is."""
    return lambda share, text: shown.show((number + share) / count, text)


def run_network(
    session: Session, group: h5py.Group, name: str, recorded: np.ndarray, tell: Callable[[float, str], None]
) -> Shared:
    """One condition, from its first episode to its last; tell: takes the share of it that is done."""
    network, total = session.network_of(name), len(session.keys)
    weights = network.weights()
    group.attrs.update(policy="sampled" if NETWORKS[name].sampled else "mean")
    group.attrs["frozen_sha256_before"] = network_sha256(network, weights)
    writer = ConditionWriter(group, session.task, session.keys, network, spikes=name == "frozen")
    for first, block in roll_outs(session, name, session.keys, network, weights):
        episodes = np.arange(first, min(first + LANES, total))
        writer.write(block, episodes)
        writer.record(block, episodes, recorded)
        tell((episodes[-1] + 1) / total, f"{name}: {episodes[-1] + 1} of {total} episodes")
    if name == "frozen" and session.recorded:
        more = np.setdiff1d(ranked(session, writer.trials), recorded)
        for first, block in roll_outs(session, name, session.keys[more], network, weights):
            writer.record(block, more[first : first + LANES])
        recorded = np.concatenate([recorded, more])
    writer.finish()
    group.attrs["frozen_sha256_after"] = network_sha256(network, weights)
    return Shared(recorded, writer.latent)


def ranked(session: Session, trials: np.ndarray) -> np.ndarray:
    """The episodes at RANKS of the score, rising, each once."""
    score, count = session.task.family.score, len(session.keys)
    values = score.by_episode(trials, count)
    order = np.argsort(values, kind="stable")
    return np.unique([order[round(rank * (count - 1))] for rank in RANKS])


def run_baselines(session: Session, result: h5py.File, shared: Mapping[str, Shared]) -> None:
    """Every baseline on the same episodes; the same ones are recorded."""
    practice = practice_of(session.file.seed)
    for name in family_of(session.task).baselines_of(session.task):
        for variant, other, group in variants_of(session, result.create_group(name)):
            played = family_of(other.task).play(name, other.task, session.keys, practice)
            alike = shared.get(variant, Shared(np.arange(session.recorded)))
            put_played(group, other.task, session.keys, played, alike.latent, alike.recorded)


def run_beside(session: Session, result: h5py.File, shared: Mapping[str, Shared], beside: Sequence[Any]) -> None:
    """Agents, and baselines whose actions last as long as theirs, on the same episodes; the same ones are recorded."""
    from runs.testing.agents import described_beside, played_beside, put_facts  # needs JAX

    agents, held = described_beside(session.task, beside)
    for name, _, _ in (*agents, *held):
        for variant, other, group in variants_of(session, result.create_group(name)):
            played = played_beside(beside, other.task, session.keys, name)
            alike = shared.get(variant, Shared(np.arange(session.recorded)))
            put_played(group, other.task, session.keys, played, alike.latent, alike.recorded)
    put_facts(result, beside)
