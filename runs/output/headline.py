"""The main numbers of a result file, printed by the commands that made it."""

from collections.abc import Sequence
from pathlib import Path

import lsnn
from analysis.pages.model import Table
from analysis.report import page_of
from analysis.verdict import Criterion
from lsnn.progress import say


def print_headline(path: Path) -> None:
    """The first table of the page of a result file, what came of it, the criteria and whether they hold."""
    with lsnn.open_result(path) as result:
        page, departures = page_of(result), result.provenance.departures
    say(f"\n{path}: {page.title}; [95 % interval]")
    for departure in departures:
        say(f"Note: {departure}.")
    _print_table(page.tables[0])
    if page.headline:
        say(f"\n{page.headline}.")
    _print_criteria(page.criteria)


def _print_table(table: Table) -> None:
    rows = [table.head, *(row.cells for row in table.rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(table.head))]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _print_criteria(criteria: Sequence[Criterion]) -> None:
    for criterion in criteria:
        state = {True: "met", False: "NOT MET", None: "undecided"}[criterion.met]
        say(f"  {state:<11}{criterion.rule}: {criterion.measured}")
