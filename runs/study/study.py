"""All experiments on frozen networks, one group each in a result file (`lsnn study`; docs/reference/files.md)."""

import importlib
import importlib.util
import json
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import h5py

from lsnn.blocks import Threads
from lsnn.errors import InputError
from lsnn.files import store
from lsnn.files.network_file import NetworkFile, network_sha256
from lsnn.progress import Meter, duration, meter, say
from runs.study import every_family
from runs.study.subject import Findings, Subject, kept_variables
from runs.study.wiring import wiring
from runs.testing.result_file import departures, describe_family, put_network, put_trials
from runs.training.train import Budget, load_compiled
from tasks.experiment import Experiment, open_network
from tasks.family import Family

EPISODES = 256
WIRING = "wiring"
Made = Callable[[Subject, int], Findings]


class Studied(NamedTuple):
    """A network to be studied, and where it came from."""

    path: Path
    file: NetworkFile
    experiment: Experiment

    @property
    def family(self) -> Family:
        """That of its task."""
        return self.experiment.task.family  # type: ignore[attr-defined]


def own_module(family: Family) -> ModuleType | None:
    """The module of this folder that is named as a family, with experiments of its own."""
    name = f"{__package__}.{family.name.replace('-', '_')}"
    mine = family.name.replace("-", "").isalnum() and importlib.util.find_spec(name) is not None
    module = importlib.import_module(name) if mine else None
    return module if hasattr(module, "EXPERIMENTS") else None


def experiments_of(family: Family) -> dict[str, Made]:
    """The experiments that a family's networks go through, by name."""
    own: dict[str, Made] = getattr(own_module(family), "EXPERIMENTS", {})
    return {name: own.get(name, made) for name, made in (every_family.EXPERIMENTS | own).items()}


def subject_of(file: NetworkFile, experiment: Experiment, threads: int, episodes: int) -> Subject:
    """The network and its task at full difficulty."""
    return Subject(file.network, file.network.weights(), experiment.task, file.seed, Threads(threads), episodes)


def check_subject(path: Path, experiment: Experiment, asked: Collection[str]) -> None:
    """InputError unless the experiments asked for can be done on the network: its family names a latent."""
    family: Family = experiment.task.family  # type: ignore[attr-defined]
    if family.latent is None:
        rule = "must be a network for a family that names a latent, what an episode hides, to be studied"
        raise InputError(f"{path}: {rule}; {family.name} names none")
    if check := getattr(own_module(family), "check", None):
        check(path, experiment, asked)


def names_asked(studied: Studied, only: Collection[str]) -> list[str]:
    """The experiments asked for, in their order, all that are possible where none is named; InputError otherwise."""
    names = [*experiments_of(studied.family), WIRING]
    for name in only:
        if name not in names:
            raise InputError(f"--only must be one of {', '.join(names)}, got {name!r}")
    if not kept_variables(studied.file.network):
        if impossible := every_family.NEED_KEPT & set(only):
            rule = f"must have neurons that keep something beside their membranes for --only {', '.join(impossible)}"
            raise InputError(f"{studied.path}: {rule}, has none")
        names = [name for name in names if name not in every_family.NEED_KEPT]
    return [name for name in names if name in only or not only]


def run_study(
    networks: Path | Sequence[Path], out: Path, seed: int, episodes: int, threads: int, command: str,
    only: Collection[str] = (), overwrite: bool = True, task: Path | None = None, task_changed: bool = False,
) -> None:  # fmt: skip
    """Run the experiments on networks, and those on the variants that stand beside one; writes the result file.

    Args:
        networks: one, or several of one recipe, each of which has a group of its own in the file.
        only: names of the experiments to run; none: all of them.
        task, task_changed: as in `open_network`.

    Raises:
        InputError: a bad network, a family without a latent, networks of several recipes, an unknown experiment, or no
            place for the file.
        StoreError: it could not be written.
    """
    start, paths = time.monotonic(), [networks] if isinstance(networks, str | Path) else list(networks)
    studied = [Studied(Path(path), *open_network(path, task, task_changed)) for path in paths]
    require_one_recipe(studied)
    first = studied[0]
    asked = names_asked(first, only)
    check_subject(first.path, first.experiment, asked)
    variants = own_variants(first) if not only and len(studied) == 1 else None
    if variants is not None:
        variants.require_variants(variants.variants_folder(first.path), first.experiment, first.file.seed)
    load_compiled(first.experiment, first.file.network)
    with store.write_atomically(out, overwrite) as result, meter() as shown:
        if len(studied) > 1:
            put_header(result, first, seed, command, "studies")
            result.attrs["networks"] = [each.path.name for each in studied]
        for number, each in enumerate(studied):
            group = result if len(studied) == 1 else result.create_group(f"network_{number}")
            put_header(group, each, seed, command, "study")
            subject = subject_of(each.file, each.experiment, threads, episodes)
            told = Told(shown, number, len(studied))
            done = _put_experiments(group, each, subject, asked, seed, told)
            if variants is not None:
                folder = variants.variants_folder(each.path)
                for name, found in variants.findings_of_variants(folder, seed, episodes, threads, told.at(1.0)).items():
                    put_findings(group.create_group(name), found, each.family)
                    done += 1
    say(f"{done} experiments{_on(studied)} in {duration(time.monotonic() - start)}: {out}")


class Told(NamedTuple):
    """Shows how far the study of one network `of` so many is, which is the one after `number` others."""

    shown: Meter
    number: int
    of: int

    def at(self, share: float, name: str = "") -> Callable[[str], None]:
        """Takes what is to be said while an experiment runs, which begins at a share of the network's study."""
        network = f"network {self.number + 1} of {self.of}" if self.of > 1 else ""
        before = ", ".join(filter(None, (network, name)))
        place = (self.number + share) / self.of
        return lambda text: self.shown.show(place, ": ".join(filter(None, (before, text))))


def _on(studied: Sequence[Studied]) -> str:
    return f" on each of {len(studied)} networks" if len(studied) > 1 else ""


def _put_experiments(
    group: h5py.Group, studied: Studied, subject: Subject, asked: Sequence[str], seed: int, told: Told
) -> int:
    """Run them on a network and write what they found; how many they were."""
    experiments = experiments_of(studied.family)
    for number, name in enumerate(asked):
        tell = told.at(number / (len(asked) + 1), name)
        tell("")
        speaking = subject._replace(tell=tell)
        found = wiring(speaking, studied.experiment, seed) if name == WIRING else experiments[name](speaking, seed)
        put_findings(group.create_group(name), found, studied.family)
    group.attrs["frozen_sha256_after"] = network_sha256(subject.network, subject.weights)
    return len(asked)


def require_one_recipe(studied: Sequence[Studied]) -> None:
    """InputError unless the networks have one configuration and no seed twice; names the first key that differs."""
    first = studied[0]
    for other in studied[1:]:
        for key, (wanted, found) in _differences(first.experiment.as_mapping(), other.experiment.as_mapping()).items():
            rule = f"must have the configuration of {first.path}, the seed apart, to be studied with it"
            raise InputError(f"{other.path}: {rule}; {key} is {found!r:.80}, not {wanted!r:.80}")
    seeds: dict[int, Path] = {}
    for each in studied:
        if each.file.seed in seeds:
            rule = f"must be of a seed of its own, has {each.file.seed}, as {seeds[each.file.seed]}"
            raise InputError(f"{each.path}: {rule}")
        seeds[each.file.seed] = each.path


def _differences(one: Any, other: Any, key: str = "") -> dict[str, tuple[Any, Any]]:
    """Keys, joined by points, at which two nested mappings differ, with both values; None where there is none."""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return {} if one == other else {key: (one, other)}
    found: dict[str, tuple[Any, Any]] = {}
    for name in dict.fromkeys([*one, *other]):
        found |= _differences(one.get(name), other.get(name), f"{key}.{name}" if key else name)
    return found


def own_variants(studied: Studied) -> ModuleType | None:
    """The family's module of networks to be trained for further experiments; none for another model than theirs."""
    found: ModuleType | None = getattr(own_module(studied.family), "variants", None)
    return found if found is not None and found.possible(studied.experiment) else None


def train_for_study(network: Path, budget: Budget, threads: int, command: str) -> int:
    """Meta-train the variants of a network with its own configuration and seed; the signal that ended it, or 0."""
    studied = Studied(network, *open_network(network))
    check_subject(network, studied.experiment, names_asked(studied, ()))
    variants = own_variants(studied)
    if variants is None:
        rule = "must be a network of the water maze with adaptive neurons of the model 'alif' for --train"
        raise InputError(f"{network}: {rule}, is one of {studied.family.name}")
    folder = variants.variants_folder(network)
    return int(variants.train_variants(studied.experiment, studied.file.seed, budget, folder, threads, command))


def put_header(group: h5py.Group, studied: Studied, seed: int, command: str, kind: str) -> None:
    """Attributes of a study, or of studies of several networks, and what figures need to know of the network."""
    experiment, file = studied.experiment, studied.file
    group.attrs.update(store.provenance("result", experiment.as_mapping(), seed, command))
    family = json.dumps(describe_family(experiment.task))
    group.attrs.update(result_kind=kind, frozen_sha256=network_sha256(file.network), family=family)
    group.attrs.update(departures(file, experiment))
    if kind == "study":
        group.attrs.update(network_command=file.command, network_seed=file.seed)
        put_network(group, file.network, experiment.task.encoder.channels)


def put_findings(group: h5py.Group, findings: Findings, family: Family) -> None:
    """One experiment: its data sets, a group a condition with keys, trials and what else it has, and its attributes."""
    group.attrs.update(findings.attributes)
    for name, item in findings.items.items():
        store.put(group, name, item.values, item.units, item.description)
    for name, episodes in findings.conditions.items():
        condition = group.create_group(name)
        put_trials(condition, family, episodes.keys, episodes.trials, episodes.duration_ms)
        for data, item in episodes.items.items():
            store.put(condition, data, item.values, item.units, item.description)
