"""What the experiments share that open no network file: their folder, result file and figure."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py

from lsnn.files import store
from lsnn.files.folders import alone_in, output_folder
from lsnn.progress import say
from runs.output.command import command_line


def run(
    name: str,
    out: Path,
    overwrite: bool,
    config: Mapping[str, Any],
    measure: Callable[[h5py.File], None],
    write_figure: Callable[[Path, Path], Any],
    describe: Callable[[Path], str],
    frozen_sha256: str = "no network",
) -> None:
    """Measure into NAME.h5, draw NAME.png from it and tell of it.

    Args:
        config: what was asked for, kept in the file; its `seed` is that of the file.
        measure: fills the file, whose header is there.
        frozen_sha256: of the network, or why there is no one checksum.

    Raises:
        InputError: a folder that holds these files already.
    """
    files = (f"{name}.h5", f"{name}.png")
    folder = output_folder(out, "", files, overwrite)
    result, figure = (folder / file for file in files)
    with alone_in(folder):
        with store.write_atomically(result) as file:
            file.attrs.update(store.provenance("result", {name: dict(config)}, config["seed"], command_line()))
            file.attrs.update(experiment=name, frozen_sha256=frozen_sha256)
            measure(file)
        write_figure(result, figure)
    say(f"{describe(result)}\nresult: {result}\nfigure: {figure}")
