"""Docstrings of this project are plain text: what reStructuredText would take for markup is shown as it stands."""

import inspect
import re

from sphinx.application import Sphinx

MARKUP = re.compile(r"``?[^`]+``?|[*|]|(?<=\w)_(?!\w)")


def literal(line: str) -> str:
    """A line with stars, bars and trailing underscores escaped, except in code."""
    return MARKUP.sub(lambda found: found[0] if found[0][0] == "`" else "\\" + found[0], line)


def plain(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Escape markup; an indented block after a colon is code. Properties come later."""
    if what != "property":
        escape(lines)


def of_property(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """The docstring of a property as it stands: napoleon takes what comes before a colon for its type."""
    if what == "property":
        lines[:] = inspect.cleandoc(obj.__doc__ or "").splitlines()
        escape(lines)


def escape(lines: list[str]) -> None:
    for number, line in enumerate(lines):
        lines[number] = literal(line)
        after = lines[number + 1 : number + 3]
        if line.endswith(":") and len(after) == 2 and not after[0] and after[1].startswith("    "):
            lines[number] += ":"
    inside = False
    for number, line in enumerate(lines):
        if inside and line and not line.startswith("    "):
            inside = False
        if inside:
            lines[number] = line.replace("\\", "")
        inside = inside or line.endswith("::")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", plain, priority=400)  # before napoleon
    app.connect("autodoc-process-docstring", of_property, priority=600)  # after it
    return {"parallel_read_safe": True}
