"""What the experiments share that test any number of networks of one family, a group a network in one file."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from lsnn.errors import InputError
from lsnn.files import store
from lsnn.files.folders import alone_in, output_folder
from lsnn.files.network_file import NetworkFile, network_sha256
from lsnn.progress import meter, say
from lsnn.seeds import STUDY_BRANCH, Study, episode_keys
from runs.experiments.options import Asked, check_numbers
from runs.output.command import command_line
from tasks.experiment import Experiment, open_network, require_different


class Opened(NamedTuple):
    """A network, and the file that it comes from."""

    path: Path
    network: NetworkFile
    experiment: Experiment

    @property
    def task(self) -> Any:
        """The task of its meta-training."""
        return self.experiment.task


def run(
    name: str,
    asked: Asked,
    networks: Sequence[Path],
    fits: Callable[[Any], bool],
    rule: str,
    measure: Callable[[h5py.File, list[Opened], np.ndarray], Iterator[None]],
    write_figure: Callable[[Path, Path], Any],
    describe: Callable[[Path], str],
    check: Callable[[Opened], None] = lambda each: None,
) -> None:
    """Open the networks, measure them, write NAME.h5, draw NAME.png from it and tell of it.

    Args:
        fits: whether a task is one that the experiment is for. rule: what it must be, as a message has it.
        measure: fills the file (whose header is there) and yields once a network is done.
        check: raises an InputError for a network that the experiment cannot go through.

    Raises:
        InputError: a bad number, a network of another task or given twice, or a folder that holds these files already.
    """
    check_numbers(episodes=asked.episodes, threads=asked.threads, seed=asked.seed)
    opened = [Opened(path, *open_network(path)) for path in networks]
    require_different(networks)
    for each in opened:
        if not fits(each.task):
            raise InputError(f"{each.path}: must be a network for {rule}, got {each.task.name}")
        check(each)
    files = (f"{name}.h5", f"{name}.png")
    folder = output_folder(asked.out, "", files, asked.overwrite, networks)
    result, figure = (folder / file for file in files)
    with alone_in(folder):
        first = opened[0]
        about = first.experiment.as_mapping(), network_sha256(first.network.network)
        with result_file(name, result, *about, asked) as (file, keys), meter() as shown:
            for done, _ in enumerate(measure(file, opened, keys), 1):
                shown.show(done / len(opened), opened[done - 1].path.name)
        write_figure(result, figure)
    say(f"{describe(result)}\nresult: {result}\nfigure: {figure}")


@contextmanager
def result_file(
    name: str, path: Path, config: dict[str, Any], sha256: str, asked: Asked
) -> Iterator[tuple[h5py.File, np.ndarray]]:
    """The result file with its header, and the keys of its episodes; config and checksum of the first network."""
    keys = episode_keys(asked.seed, STUDY_BRANCH, Study[name.upper()], asked.episodes or 0)
    with store.write_atomically(path) as file:
        file.attrs.update(store.provenance("result", config, asked.seed, command_line()))
        file.attrs.update(experiment=name, frozen_sha256=sha256)
        store.put(file, "episode_key", keys, "1", "(episode,): the same for every network and condition")
        yield file, keys


def group_of(file: h5py.File, number: int, each: Opened) -> h5py.Group:
    """The group of a network, with where it came from."""
    group = file.create_group(f"network_{number}")
    group.attrs.update(network=each.path.name, seed=each.network.seed, command=each.network.command)
    group.attrs.update(frozen_sha256=network_sha256(each.network.network))
    return group
