"""A task family in a file of one's own: its module, its way to other processes, what a network depends on of it.

The module's name is made of the file's path and text, so that another file or another text is another module. A task
is sent to another process with the text of its file, which is all that has to be there.
"""

import ast
import copyreg
import hashlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from lsnn.errors import InputError, frames_of
from lsnn.files.small import read_small
from lsnn.files.whole import write_whole
from lsnn.kernels.cached import cache_folder
from lsnn.task import Task

COMPILED = ("begin", "observe", "transition", "target")
SIZES = ("action_kind", "loss", "duration_ms", "n_action", "n_state", "n_observation", "n_target")


class Own(NamedTuple):
    """A file and what stood in it when it was loaded."""

    path: Path
    text: bytes


_loaded: dict[str, Own] = {}  # by the name of the module


def own_file(thing: Any) -> Own | None:
    """The file of one's own that defines the class of a thing; None of what comes with the project."""
    return _loaded.get(type(thing).__module__)


def load_file(file: Path) -> ModuleType:
    """The module of a file of one's own; InputError for no such file or one that cannot be imported."""
    try:
        path = file.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"{file}: must be a Python file that defines a task family, got: {error}") from error
    return _module_of(Own(path, read_small(path)), path)


def _module_of(own: Own, place: Path) -> ModuleType:
    """The module of a text, made once; place: a file that holds it."""
    digest = hashlib.sha256(str(own.path).encode() + b"\0" + own.text).hexdigest()[:12]
    name = f"task_{re.sub(r'[^0-9A-Za-z_]', '_', own.path.stem)}_{digest}"
    if name in _loaded:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, place)
    if spec is None or spec.loader is None:
        raise InputError(f"{own.path}: must be a Python file, NAME.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name], _loaded[name] = module, own
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name], _loaded[name]
        if isinstance(error, KeyboardInterrupt):
            raise
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise InputError(f"{own.path}: cannot be imported: {reason}") from error
    _check_bounds(module)
    for kind in vars(module).values():
        if isinstance(kind, type) and is_dataclass(kind) and kind.__module__ == name:
            copyreg.pickle(kind, _sent)
    return module


def _check_bounds(module: ModuleType) -> None:
    """Let numba check every index of the compiled functions in a module: they write into arrays of the project's."""
    for value in vars(module).values():
        options = getattr(value, "targetoptions", None)
        if options is not None and not value.py_func.__module__.startswith(("lsnn.", "tasks.")):
            options["boundscheck"] = True


def failing_file(error: BaseException) -> str | None:
    """The file of one's own in which an error was raised, and its line; None if that was elsewhere."""
    files = {str(sys.modules[name].__file__) for name in _loaded}
    places = [f"{file}, line {line}" for file, line in frames_of(error) if file in files]
    return places[-1] if places else None


def _sent(thing: Any) -> tuple[Any, ...]:
    """How an instance of a dataclass of such a file travels: the file, and its fields."""
    own = _loaded[type(thing).__module__]
    values = {item.name: getattr(thing, item.name) for item in fields(thing) if item.init}
    return _received, (str(own.path), own.text, type(thing).__qualname__, values)


def _received(path: str, text: bytes, name: str, values: dict[str, Any]) -> Any:
    """The instance, in a process that may have neither the module nor the file."""
    own = Own(Path(path), text)
    try:
        here = own.path.read_bytes() == text
    except OSError:
        here = False
    place = own.path if here else cache_folder() / "tasks" / hashlib.sha256(text).hexdigest()[:16] / own.path.name
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, text)
    return getattr(_module_of(own, place), name)(**values)


# What a network depends on


def dependence(task: Task) -> str:
    """SHA-256 of what a network meta-trained on a task depends on: its compiled functions, parameters and encoder.

    The functions count with all that they name in their module, without comments and docstrings; of what they import,
    a module that stands beside theirs counts whole (of an encoder, what encoders share).
    """
    digest = hashlib.sha256()
    for name in SIZES:
        digest.update(f"{name}={getattr(task, name)!r}\n".encode())
    parts = ((task.dynamics, COMPILED, task), (task.encoder.module, (task.encoder.function,), task.encoder))
    for module, functions, configured in parts:
        for text in _named(sys.modules.get(module) or importlib.import_module(module), functions):
            digest.update(text.encode() + b"\n")
        digest.update(configured.parameters().astype("<f8").tobytes())
    return digest.hexdigest()


def _named(module: ModuleType, names: tuple[str, ...]) -> list[str]:
    """The definitions of these names in a module and of all that they name in turn, sorted."""
    known, found, todo = _definitions(module), {}, list(names)
    while todo:
        name = todo.pop()
        if name in found or name not in known:
            continue
        node = known[name]
        found[name] = ast.unparse(node)
        if isinstance(node, ast.ImportFrom | ast.Import):
            found[name] += _beside(module, node)
        else:
            todo += [part.id for part in ast.walk(node) if isinstance(part, ast.Name)]
    return sorted(set(found.values()))


def _definitions(module: ModuleType) -> dict[str, ast.stmt]:
    """The statement that binds each name at the top of a module, without its docstrings."""
    own = _loaded.get(module.__name__)
    tree = _bare(own.text if own is not None else Path(str(module.__file__)).read_bytes())
    return {name: node for node in tree.body for name in _bound_by(node)}


def _bare(text: bytes) -> ast.Module:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return tree


def _bound_by(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.ImportFrom | ast.Import):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        yield from (part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name))


def _beside(module: ModuleType, node: ast.ImportFrom | ast.Import) -> str:
    """The text of the modules that an import names, where they stand in the folder of the module itself."""
    names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    folder = Path(str(module.__file__)).parent
    files = [folder / f"{name.rpartition('.')[2]}.py" for name in names]
    counts = module.__name__ in _loaded or module.__name__.startswith("tasks.encoders.")
    here = [file for file in files if file.is_file() and counts]
    return "".join(ast.unparse(_bare(file.read_bytes())) for file in here)
