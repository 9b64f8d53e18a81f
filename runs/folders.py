"""Where runs leave their files; nothing is written over unless that is asked for."""

import os
from collections.abc import Sequence
from pathlib import Path

from lsnn.errors import InputError

RESULTS = Path("results")


def output_folder(out: Path | None, default: str, files: Sequence[str], overwrite: bool = False) -> Path:
    """The folder for these files, made if need be.

    Args:
        out: the folder asked for; without one, a new folder below `results/`, named `default` and a number if that is
            taken.
        files: names of the files that the run will leave.

    Raises:
        InputError: no folder, one that cannot be written to, or one that holds such a file (unless `overwrite`).
    """
    folder = _fresh(RESULTS / default) if out is None else Path(out)
    if not overwrite:
        refuse_to_overwrite(folder, files)
    return writable(folder)


def refuse_to_overwrite(folder: Path, files: Sequence[str]) -> None:
    """InputError if the folder holds one of these files."""
    if there := [name for name in files if (folder / name).exists()]:
        raise InputError(
            f"{folder}: must not hold a run already, has {', '.join(there)}; name another --out, or --overwrite"
        )


def writable(folder: Path) -> Path:
    """The folder, made if need be; InputError if that fails or nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: must be a folder, got: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{folder}: must be writable, got a folder without that permission")
    return folder


def output_file(path: Path, overwrite: bool = False) -> Path:
    """The path of a file to write; InputError if it exists (unless `overwrite`) or its folder cannot be written to."""
    if path.exists() and not overwrite:
        raise InputError(f"{path}: must not exist yet; name another --out, or --overwrite")
    writable(path.parent)
    return path


def _fresh(folder: Path) -> Path:
    """The folder itself, or the first with a number that does not exist."""
    number, free = 1, folder
    while free.exists():
        number += 1
        free = folder.with_name(f"{folder.name}-{number}")
    return free
