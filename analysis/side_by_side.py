"""What the figures share that lay several networks side by side: the groups of their file (`runs.experiments`)."""

import re

import h5py

from lsnn.files.reading import ResultError, place, subgroup
from lsnn.files.results import Result

NAME = re.compile(r"network_(\d{1,9})")


def network_groups(result: Result) -> list[h5py.Group]:
    """The group of each network, `network_0` and so on, in the order they were given.

    Raises:
        ResultError: a file without one.
    """
    numbers = sorted(int(found[1]) for name in result.file if (found := NAME.fullmatch(name)))
    if not numbers:
        raise ResultError(f"{place(result.file)}: must have a network, has none")
    return [subgroup(result.file, f"network_{number}") for number in numbers]
