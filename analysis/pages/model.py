"""What a page says of a result file, and how it becomes HTML."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from matplotlib.figure import Figure

from analysis.verdict import Criterion
from lsnn.files.results import Result

FOLDERS = (Path(__file__).parent, Path(__file__).parents[1])


class Drawing(NamedTuple):
    """A figure of a page: its file's name, title and caption, how to draw it, and what the file must hold for it."""

    name: str
    title: str
    caption: str
    draw: Callable[[Result], Figure]
    present: Callable[[Result], bool] = lambda result: True


class Row(NamedTuple):
    """A line of a table, marked by the role of its condition (or nothing)."""

    role: str
    cells: Sequence[str]


class Table(NamedTuple):
    """A table of a page with what is said below it."""

    title: str
    head: Sequence[str]
    rows: Sequence[Row]
    note: str = ""


class Page(NamedTuple):
    """What is said of a result file.

    Args:
        headline, told: what came of it, in a line and in some sentences; empty where nothing is claimed as a whole.
        good: whether that is what was hoped for; None = undecided.
    """

    title: str
    question: str
    tables: tuple[Table, ...]
    criteria: tuple[Criterion, ...]
    drawings: tuple[Drawing, ...]
    headline: str = ""
    told: str = ""
    good: bool | None = None


def template(name: str) -> Template:
    """The template of a page; those of this folder, and of studies."""
    environment = Environment(
        loader=FileSystemLoader(FOLDERS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def render(result: Result, page: Page, images: dict[str, str], live: str | None = None) -> str:
    """The page as HTML; images: name of a figure to its PNG in base 64; live: see report.live_page."""
    hashes = {
        each.name: each.checksums
        for parent in result.conditions.values()
        for each in parent.variants.values() or (parent,)
        if each.checksums is not None
    }
    return template("page.html.jinja").render(
        page=page,
        images=images,
        live=live,
        absent=[drawing.title for drawing in page.drawings if drawing.name not in images],
        failed=[criterion.rule for criterion in page.criteria if criterion.met is False],
        undecided=[criterion.rule for criterion in page.criteria if criterion.met is None],
        file_name=result.path.name,
        made=result.provenance,
        config=json.dumps(result.provenance.config, indent=2, sort_keys=True),
        hashes=hashes,
    )
