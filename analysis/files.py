"""Whole files or none."""

import os
import secrets
from pathlib import Path

from analysis.results import ResultError


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file under a temporary name in its folder and rename it, so that no half of it ever has its name.

    Raises ResultError where it cannot be written: a full disk, no permission.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ResultError(f"{path}: cannot be written: {error.strerror}") from error
    return path
