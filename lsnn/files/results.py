"""Open result files: `lsnn.open_result` and `lsnn.compare`.

A file is known to be sound before it is opened (`lsnn/files/sealed.py`): sealed, walked through in a process of its
own, without links. Whatever is asked for is checked before it is handed out (`lsnn/files/reading.py`).
"""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas

from lsnn.files.about import (
    About,
    Measure,
    Network,
    Provenance,
    about_of,
    named_conditions,
    named_variants,
    network_of,
    provenance_of,
)
from lsnn.files.conditions import Condition, MissingError, listed
from lsnn.files.reading import GAPS, ResultError, Rule, holds, opened, place, subgroup, table
from lsnn.validation import path_of


class Result:
    """An open result file, read only: `result["frozen"]` is a condition of it. Comes from `lsnn.open_result`.

    It may be used in a `with` statement, which closes the file; it is closed as well once nothing refers to it.

    Attributes:
        path: of the file. file: the open file (h5py), for what experiments keep in groups of their own.
        provenance: command, seed, commit, versions, configuration, network.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path_of("path of a result", path)
        self.file = opened(self.path)
        try:
            self.provenance: Provenance = provenance_of(self.file, self.path)
        except ResultError:
            self.file.close()
            raise

    def __enter__(self) -> "Result":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was read stays."""
        self.file.close()

    # What it is about

    @cached_property
    def about(self) -> About:
        """What the file says of its family."""
        return about_of(self.file, self.provenance.config)

    @property
    def task(self) -> str:
        """Name of the family, as on the command line."""
        return self.about.name

    @property
    def title(self) -> str:
        """What the test is about, in a line."""
        return self.about.title or self.about.name

    @property
    def question(self) -> str:
        """What is asked."""
        return self.about.question

    @property
    def measures(self) -> dict[str, Measure]:
        """What is measured, by name; the first is the score."""
        return {measure.name: measure for measure in self.about.measures}

    @cached_property
    def variants(self) -> dict[str, str]:
        """Label of each variant of the task that the conditions went through; empty without any."""
        return named_variants(self.file, self.about.task)

    @cached_property
    def conditions(self) -> dict[str, Condition]:
        """The conditions by name: those of the network first, then the baselines."""
        return {
            each.name: Condition(subgroup(self.file, each.name), each.name, self, each.label, each.role, self.variants)
            for each in named_conditions(self.file, self.about.task)
        }

    def __getitem__(self, name: str) -> Condition:
        if name not in self.conditions:
            raise MissingError(f"{self.path}: has no condition {name!r}; it has {listed(self.conditions)}")
        return self.conditions[name]

    def __contains__(self, name: object) -> bool:
        return name in self.conditions

    def __iter__(self) -> Iterator[str]:
        return iter(self.conditions)

    def __len__(self) -> int:
        return len(self.conditions)

    def require(self, *names: str) -> None:
        """Raise ResultError unless every named condition is in the file."""
        missing = [name for name in names if name not in self.conditions]
        if missing:
            raise ResultError(f"{self.path}: needs the conditions {', '.join(names)}; missing: {', '.join(missing)}")

    @cached_property
    def network(self) -> Network:
        """Populations and thresholds of the network tested, kinds of its input cells."""
        return network_of(self.file, self.provenance.config)

    @cached_property
    def history(self) -> pandas.DataFrame:
        """Meta-training, a row an iteration; empty when the file has none. A reader takes what columns there are."""
        if not holds(self.file, "history"):
            return pandas.DataFrame()
        columns = table(self.file, "history", {"iteration": Rule(0), "minutes": Rule(0)}, GAPS)
        if not columns or not all(map(len, columns.values())):
            raise ResultError(f"{place(self.file)}: /history must have a row, has none")
        return pandas.DataFrame({name: column.astype(np.float64) for name, column in columns.items()})

    def __repr__(self) -> str:
        made = self.provenance
        lines = [
            f"<lsnn result {self.path.name!r}: {self.title}>",
            f"  task      {self.task}",
            *([f"  network   {_populations(self.network)}"] if holds(self.file, "network") else []),
            f"  made by   {made.command}  (seed {made.seed}, {made.created})",
            *(f"  note      {departure}" for departure in made.departures),
        ]
        lines += [f"  measure   {_measure(measure)}" for measure in self.measures.values()]
        if self.variants:
            lines.append(f"  variants  {', '.join(f'{name} ({label})' for name, label in self.variants.items())}")
        lines += [f"  {line}" for line in _conditions(self.conditions)]
        return "\n".join(lines)


def _populations(network: Network) -> str:
    count = np.bincount(network.population, minlength=len(network.labels))
    return ", ".join(f"{n} {label}" for n, label in zip(count, network.labels, strict=True)) + " neurons"


def _measure(measure: Measure) -> str:
    unit = "" if measure.unit == "1" else f", {measure.unit}"
    chance = "" if measure.chance is None else f", chance {measure.chance:g}"
    return f"{measure.name}: {measure.label}{unit}, per {measure.per}, {measure.better} is better{chance}"


def _conditions(conditions: dict[str, Condition]) -> list[str]:
    """A line a condition, in columns."""
    rows = [("condition", "label", "role", "episodes", "recorded")]
    for name, each in conditions.items():
        recorded = next(iter(each.variants.values()), each).recorded
        rows.append((name, each.label, each.role, str(each.n_episodes), str(len(recorded))))
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def open_result(path: str | Path) -> Result:
    """Open a result file (`lsnn test` and the experiments write them), of this version's layout or an older one.

    Raises:
        InputError: what is there is no result file, is damaged or not whole, or leads out of itself.
    """
    return Result(path)


def compare(*results: Result | str | Path) -> pandas.DataFrame:
    """Results side by side: a row for each result, condition, variant and measure, with its value and 95 % interval.

    `compare("a.h5", "b.h5").pivot(index=["condition", "measure"], columns="result", values="value")` sets them out in
    columns. Intervals are over the episodes of each result on its own.

    Returns:
        columns result, condition, label, role, variant, measure, unit, value, low, high, episodes.

    Raises:
        InputError: a file that is no result, or two results of one name.
    """
    opened_ones = [each if isinstance(each, Result) else open_result(each) for each in results]
    told = _told_apart([each.path for each in opened_ones])
    rows = [
        (name, condition, each.label, each.role, variant, measure.name, measure.unit, *each.estimate(measure.name))
        for name, result in zip(told, opened_ones, strict=True)
        for condition, parent in result.conditions.items()
        for variant, each in (parent.variants or {"": parent}).items()
        for measure in result.measures.values()
    ]
    head = ("result", "condition", "label", "role", "variant", "measure", "unit", "value", "low", "high", "episodes")
    return pandas.DataFrame(rows, columns=list(head))


def _told_apart(paths: list[Path]) -> list[str]:
    """A short name for each path: as many of its last parts as it takes to tell them apart."""
    if len(set(paths)) < len(paths):
        raise ResultError(f"results to compare must be different files, got {', '.join(map(str, paths))}")
    for parts in range(1, max(len(path.parts) for path in paths) + 1 if paths else 1):
        names = [str(Path(*path.parts[-parts:])) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]


__all__ = ["Condition", "Measure", "Result", "ResultError", "compare", "open_result"]
