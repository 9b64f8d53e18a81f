"""A condition of a result file for pandas and xarray: trials as a table, paths and rewards as labelled arrays."""

import numpy as np
import pandas
import xarray

from analysis.reading import attributes, values
from analysis.results import Condition

ARRAYS = {"position": ("episode", "row", "axis"), "action": ("episode", "time_ms", "axis"),
          "reward": ("episode", "time_ms"), "value": ("episode", "time_ms")}  # fmt: skip


def trials_frame(condition: Condition) -> pandas.DataFrame:
    """The trials, a row each, indexed by episode and trial; columns as in docs/reference/files.md."""
    return pandas.DataFrame(condition.trials._asdict()).set_index(["episode", "trial"])


def episodes_dataset(condition: Condition, episodes: slice = slice(None)) -> xarray.Dataset:
    """Paths, actions, rewards, values and platforms of recorded episodes, with units and descriptions as attributes.

    Dimensions: episode, time_ms, row (of a path: before step `row`), axis (x, y). Only the episodes asked for are read.

    Args:
        episodes: a slice of `condition.recorded`.
    """
    numbers = condition.recorded[episodes]
    found = {
        name: (dimensions, values(condition.group[name], episodes), attributes(condition.group[name]))
        for name, dimensions in ARRAYS.items()
        if name in condition.group
    }
    source = condition.group["latent" if "latent" in condition.group else "goal"]
    found["goal"] = ("episode", "axis"), condition.goal[numbers], attributes(source)
    times = {"time_ms": np.arange(condition.duration_ms), "row": np.arange(condition.duration_ms + 1)}
    return xarray.Dataset(found, {"episode": numbers, "axis": ["x", "y"], **times}, {"condition": condition.name})
