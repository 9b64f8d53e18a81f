"""What the figures share that lay several networks side by side: the groups of their file (`runs.experiments`)."""

import re
from collections.abc import Sequence

import h5py
import numpy as np
from matplotlib.axes import Axes

from analysis.study.measures import points
from lsnn.estimates import Estimate
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


def draw_by_number(
    axes: Axes, numbers: Sequence[int], values: Sequence[Estimate], colour: str, label: str | None, line: str = "-",
    scale: float = 1.0,
) -> None:  # fmt: skip
    """A point with its interval for each network, by how many it met, and a line through the means over networks.

    Places of the axis are those of the distinct numbers, in their order. A line that is not solid has no points.
    """
    places = list(dict.fromkeys(numbers))
    at = np.array([places.index(number) for number in numbers])
    value, low, high = scale * points(list(values))
    if line == "-":
        axes.vlines(at, low, high, color=colour, linewidth=1)
        axes.plot(at, value, "o", color=colour, markersize=4)
    middle = [value[at == place].mean() for place in range(len(places))]
    axes.plot(range(len(places)), middle, line, color=colour, linewidth=2, label=label)
    axes.set_xticks(range(len(places)), [str(number or "any") for number in places])
