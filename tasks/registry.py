"""Which task families there are, and families from files of one's own.

A family is found by its place: a module or a package directly in `tasks/` that defines FAMILY. Its name on the command
line is that of the file with hyphens. Names are read from the text alone, so that one family that cannot be imported
stands in no other's way.
"""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from inspect import signature
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, TypeGuard

from lsnn.errors import InputError
from tasks.family import DEFAULT_PRESET, Family
from tasks.own_file import load_file

FOLDER = Path(__file__).parent
CALLED = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
NAME = "FAMILY"  # by which a module gives its family
ENVIRONMENTS = "tasks.environment"


class Registered(NamedTuple):
    """A Gymnasium environment of a family: its id, and where its classes are ("module:class")."""

    id: str
    single: str
    vector: str


@cache
def modules() -> dict[str, str]:
    """Name of each family to its module, in order."""
    files = [*FOLDER.glob("*.py"), *FOLDER.glob("*/__init__.py")]
    found = {file.stem if file.parent == FOLDER else file.parent.name: file for file in files}
    return {name.replace("_", "-"): f"tasks.{name}" for name, file in sorted(found.items()) if defines(file, NAME)}


def names() -> tuple[str, ...]:
    """The families, by their names on the command line."""
    return tuple(modules())


def defines(file: Path, name: str) -> bool:
    """Whether a module binds a name at its top level; of one that does not parse, whether it looks so."""
    text = file.read_text(encoding="utf-8")
    try:
        return name in _bound(ast.parse(text))
    except (SyntaxError, ValueError, RecursionError):
        return re.search(rf"^{name}\b", text, re.MULTILINE) is not None


def _bound(tree: ast.Module) -> Iterator[str]:
    """Names that the statements of a module bind by assignment, import, def or class."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def family(name: object) -> Family:
    """The family of that name, or of that file of one's own; InputError for an unknown one or one that fails."""
    if is_file(name):
        return _checked(load_file(Path(name)), name)
    if not isinstance(name, str) or name not in modules():
        raise InputError(f"task must be one of {', '.join(modules())}, or a file NAME.py, got {name!r:.80}")
    try:
        module = importlib.import_module(modules()[name])
    except Exception as error:
        raise InputError(f"task {name}: its module cannot be imported: {_words(error)}") from error
    return _checked(module, name)


def is_file(name: object) -> TypeGuard[str | Path]:
    """Whether what is given for a task is a file of one's own, not a name."""
    return isinstance(name, Path) or (isinstance(name, str) and (name.endswith(".py") or "/" in name))


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]


def _checked(module: ModuleType, place: object) -> Family:
    found = getattr(module, NAME, None)
    if not isinstance(found, Family):
        raise InputError(f"{place}: must define {NAME} = tasks.family.Family(...), got {found!r:.80}")
    if not CALLED.fullmatch(found.name):
        rule = "must be of letters, digits, hyphens and underscores, and begin with a letter"
        raise InputError(f"{place}: the name of its task {rule}, got {found.name!r:.80}")
    if is_file(place) and found.name in modules():
        raise InputError(f"{place}: the name of its task must not be that of a family that is there, got {found.name}")
    return found


def load(task: str | Path, **keywords: Any) -> Any:
    """A task by the name of its family, or from a file of one's own, with these keywords: `tasks.load`.

    Raises:
        InputError: an unknown family, a file that is none, an unknown keyword, or a value that breaks its rule.
    """
    found = family(task)
    try:
        with advising(found, keywords):
            return found.task(**{**found.preset().task, **keywords})
    except TypeError as error:
        raise InputError(f"{found.name}: {error}") from error


@contextmanager
def advising(found: Family, given: Iterable[str]) -> Iterator[None]:
    """An InputError about a key of the task that was not given names the presets that set those which were."""
    try:
        yield
    except InputError as error:
        fitting = [name for name, one in found.presets.items() if name != DEFAULT_PRESET and {*one.task} & {*given}]
        at_fault = str(error).partition(" ")[0]
        if not fitting or at_fault in given or at_fault not in signature(found.task).parameters:
            raise
        name = " or ".join(map(repr, fitting))
        raise InputError(f"{error}; what goes with {', '.join(given)} is in the preset {name}") from error


# Encoders


@cache
def encoders(beside: str = "tasks.encoders") -> dict[str, type[Any]]:
    """Encoders by the names of their classes: those in the files of `tasks/encoders/`, or in a module of one's own."""
    module = importlib.import_module(beside)
    files = pkgutil.iter_modules(getattr(module, "__path__", ()))
    within = [module, *(importlib.import_module(f"{beside}.{file.name}") for file in files)]
    kinds = [kind for part in within for kind in vars(part).values() if isinstance(kind, type)]
    own = [kind for kind in kinds if hasattr(kind, "channels") and kind.__module__.startswith(module.__name__)]
    return {kind.__name__: kind for kind in own}


# Environments


def title_of(name: str) -> str:
    """A family's name in those of its classes: water-maze is WaterMaze."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[\W_]+", name))


def environments() -> Iterator[Registered]:
    """The Gymnasium environments of the families, as `tasks.environment` gives them."""
    for title in map(title_of, names()):
        yield Registered(f"lsnn/{title}-v0", f"{ENVIRONMENTS}:{title}Env", f"{ENVIRONMENTS}:{title}VectorEnv")
