"""Sphinx directives whose text is made from the code: parameters, presets, commands.

    {parameters} lsnn.network.NetworkConfig     a table with a row for every field of a configuration
    {commands}                                  a section for every command, with its arguments and options
"""

import importlib
import re
from dataclasses import MISSING, Field, fields
from typing import Any

import typer
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from typer.cli import get_docs_for_click

from lsnn.configuration import NOTHING

HEAD = ("name", "default", "unit", "symbol", "meaning", "source")


def shown(value: Any) -> str:
    """A value as a cell of a table shows it; an encoder by its name."""
    if value is None or value is MISSING:
        return NOTHING if value is MISSING else "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}" if abs(value) < 1e6 else str(value)
    return value if isinstance(value, str) else type(value).__name__


def default_of(item: "Field[Any]") -> Any:
    """The default of a field, MISSING where it has to be given."""
    return item.default if item.default_factory is MISSING else item.default_factory()


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def parameter_table(configuration: Any) -> str:
    """Name, default, unit, symbol, meaning and source of every field of a configuration made by `parameter`."""
    rows = []
    for item in fields(configuration):
        known = item.metadata
        cells = (known["unit"], known["symbol"], known["meaning"], known["source"])
        rows.append((f"`{item.name}`", shown(default_of(item)), *cells))
    return table(HEAD, rows)


def command_sections() -> str:
    """Usage, arguments and options of every command, as Typer writes them."""
    from runs.cli import main

    group = typer.main.get_command(main)
    text = get_docs_for_click(obj=group, ctx=typer.Context(group), name="lsnn")
    sections = text[text.index("## `lsnn ") :]
    return re.sub(r"(?<![`\w-])(--[a-z][a-z-]*)(?!`)", r"`\1`", sections)


def named(path: str) -> Any:
    """The object of a dotted path."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


class Parameters(SphinxDirective):
    """The table of a configuration."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        found = self.parse_text_to_nodes(parameter_table(named(self.arguments[0])))
        for made in found:
            made["classes"].append("parameters")  # type: ignore[index]
        return found


class Commands(SphinxDirective):
    """A section for every command."""

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(command_sections(), allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("parameters", Parameters)
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True}
