"""Which experiments there are, and their commands.

An experiment is found by its place: a module or a package directly in this folder that defines `experiment`. Its
parameters are the options, the module's docstring is the help, whose first line the list shows. Such a module imports
what computes only when it runs, so that its help is quick.
"""

import importlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from runs.output.command import reporting

FOLDER = Path(__file__).parent
FUNCTION = "experiment"  # by which a module gives its experiment
ANYTHING = {"ignore_unknown_options": True, "allow_extra_args": True}


@cache
def modules() -> dict[str, str]:
    """Name of each experiment on the command line to its module, in order."""
    from tasks.registry import defines

    files = [*FOLDER.glob("*.py"), *FOLDER.glob("*/__init__.py")]
    found = {file.stem if file.parent == FOLDER else file.parent.name: file for file in files}
    names = [name for name, file in sorted(found.items()) if defines(file, FUNCTION)]
    return {name.replace("_", "-"): f"{__package__}.{name}" for name in names}


class Experiments(TyperGroup):
    """The commands of the experiments; one that cannot be imported says so when it is run, and hinders no other."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(modules())

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        return command_of(cmd_name) if cmd_name in modules() else None


@cache
def command_of(name: str) -> TyperCommand:
    """The command of an experiment."""
    try:
        module = importlib.import_module(modules()[name])
        return _command(name, getattr(module, FUNCTION), module.__doc__)
    except Exception as error:
        return _command(name, _refusal(name, error), "Cannot be imported.", **ANYTHING)


def _command(name: str, function: Callable[..., Any], words: str | None, **settings: bool) -> TyperCommand:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command(name, help=words, context_settings=settings)(reporting(function))
    command = typer.main.get_command(app)
    assert isinstance(command, TyperCommand)
    return command


def _refusal(name: str, error: Exception) -> Callable[[], None]:
    from lsnn.errors import InputError

    why = f"experiment {name}: its module cannot be imported: {type(error).__name__}: {error}".partition("\n")[0]

    def refuse() -> None:
        raise InputError(why)

    return refuse
