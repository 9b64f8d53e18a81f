"""Numbers of every trial and episode of families with as many trials in each, from result files of schema 2 and 3.

Schema 2 had data sets of its own for each family, /frozen/choice and so on, where schema 3 has the columns of one table
of trials and the data set `latent`.
"""

from collections.abc import Mapping

import h5py
import numpy as np

from analysis.reading import COUNT, FINITE, ResultError, Rule, array, check_layout, holds, place, subgroup, table
from analysis.results import Result

COLUMNS = {"arm": "choice", "paid": "paid", "prediction": "prediction"}  # of schema 3: data set of schema 2
LATENT = "probability"


def group_at(result: Result, where: str) -> h5py.Group:
    """The group at `where` ("frozen" or "frozen/independent")."""
    group = result.file
    for part in where.split("/"):
        group = subgroup(group, part)
    return group


def per_trial(result: Result, where: str, column: str, rule: Rule = FINITE) -> np.ndarray:
    """A column of the trials of the group at `where`, (E, trials)."""
    group = group_at(result, where)
    if not holds(group, "trials"):
        if column == "y":
            return array(subgroup(result.file, "examples"), "y", (None, None), rule)
        return array(group, COLUMNS[column], (None, None), rule)
    needed = ("episode", "trial", column)
    columns = table(group, "trials", {"episode": COUNT, "trial": COUNT, column: rule}, needed=needed)
    episode, trial = (columns[name].astype(np.int64) for name in ("episode", "trial"))
    episodes, trials = (int(numbers.max(initial=-1)) + 1 for numbers in (episode, trial))
    whole = len(episode) == episodes * trials
    if not whole or not np.array_equal(episode * trials + trial, np.arange(len(episode))):
        raise ResultError(f"{place(group)}, table 'trials': must have trials 0..{trials - 1} of each episode in order")
    return columns[column].reshape(episodes, trials)


def hidden(result: Result, where: str, rule: Rule = FINITE) -> np.ndarray:
    """What the episodes of the group at `where` hide, (E, numbers)."""
    group = group_at(result, where)
    return array(group, "latent" if holds(group, "latent") else LATENT, (None, None), rule)


def check_trials(
    result: Result, where: str, older: Mapping[str, tuple[str, Rule]], columns: Mapping[str, Rule],
    latent: tuple[int, Rule] | None, lengths: dict[str, int],
) -> None:  # fmt: skip
    """ResultError unless the group at `where` holds these columns, with as many episodes and trials as others.

    Args:
        older: its layout in schema 2, as `check_layout` has it.
        latent: how many numbers an episode hides, and their rule.
        lengths: of axes that are known already; the others are added.
    """
    group = group_at(result, where)
    if not holds(group, "trials"):
        check_layout(group, older, lengths)
        return
    shapes = [per_trial(result, where, column, rule).shape for column, rule in columns.items()]
    episodes = lengths.setdefault("episode", shapes[0][0])
    wanted = (episodes, lengths.setdefault("trial", shapes[0][1]))
    for shape in shapes:
        if shape != wanted or 0 in shape:
            raise ResultError(f"{place(group)}, table 'trials': must be of {wanted} episodes and trials, is of {shape}")
    if latent is not None and hidden(result, where, latent[1]).shape != (episodes, latent[0]):
        found = hidden(result, where, latent[1]).shape
        raise ResultError(f"{place(group)}/latent: must have shape ({episodes}, {latent[0]}), has {found}")
