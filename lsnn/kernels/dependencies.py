"""All that a compiled function depends on, as one hash: the key of its machine code on disk.

numba's own disk cache looks at the text of one file alone, so it serves old code after an edit of a helper, of a
constant that is imported from another module, or of a flag. Here the functions are walked as the process has loaded
them: bytecode, options, defaults and closures, the value of every global that they name, and so on through the
functions and classes among these. The texts of the modules met on the way count as well, for what numba is given
without a name (`overload`). Python, numba, llvmlite and numpy count by their versions; so do numba's settings and the
CPU.
"""

import enum
import hashlib
import inspect
import os
import pickle
import sys
import sysconfig
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import llvmlite
import llvmlite.binding
import numba
import numpy as np
from numba.core import types

from lsnn.kernels.cached import changed_since_start
from lsnn.kernels.entry import Entry

PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...))
INNER = ("py_func", "_defn", "_pyfunc", "_dispatcher", "__wrapped__", "fget", "func", "__func__")  # of wrappers
OPTIONS = ("targetoptions", "locals", "_ctor_kwargs", "_prefer_literal")  # of numba's wrappers
WITHIN_TYPES = ("instance_class", "dispatcher", "class_type", "jit_methods", "types")
WITHOUT_EFFECT = ("CACHE", "THREAD", "COLOR", "DUMP", "WARN")  # settings of numba that leave its code as it is


class Unkeepable(Exception):
    """Code that depends on something without a lasting description; it is compiled anew in every process."""


def fingerprint(function: Any, signature: Iterable[Any] = ()) -> str:
    """The hash of all that a numba function compiled for these numba types depends on.

    Raises:
        Unkeepable: it depends on an object that cannot be described, or on a file that has changed since this process
            began.
    """
    walk = _Walk()
    walk.say(*_surroundings())
    walk.visit(function)
    for type_ in signature:
        walk.visit(type_)
    walk.say_files()
    return walk.digest.hexdigest()


def numba_functions(functions: Iterable[Any]) -> list[Any]:
    """The functions and all that they call, as numba holds them: dispatchers, and those of `vectorize`."""
    walk = _Walk()
    for function in functions:
        walk.visit(function)
    return [value for _, value in walk.met.values() if hasattr(value, "py_func")]


def _surroundings() -> tuple[str, ...]:
    """Versions, CPU and the settings of numba that may change what it compiles."""
    settings = [
        f"{name}={value!r}"
        for name, value in sorted(vars(numba.config).items())
        if name.isupper() and isinstance(value, PLAIN) and not any(part in name for part in WITHOUT_EFFECT)
    ]
    return (sys.version, numba.__version__, llvmlite.__version__, np.__version__, *_cpu(), *settings)


@cache
def _cpu() -> tuple[str, str]:
    return llvmlite.binding.get_host_cpu_name(), llvmlite.binding.get_host_cpu_features().flatten()


@cache
def _is_foreign(file: str) -> bool:
    """Whether a source belongs to Python, numba, llvmlite or numpy, which count by their versions."""
    packages = [folder + os.sep for package in (numba, llvmlite, np) for folder in package.__path__]
    standard, installed = (sysconfig.get_path(name) + os.sep for name in ("stdlib", "purelib"))
    elsewhere = file.startswith(installed) or "-packages" + os.sep in file
    return file.startswith(("<frozen ", *packages)) or (file.startswith(standard) and not elsewhere)


def _is_own(module: str) -> bool:
    """Whether what stands in a module is to be walked: it is neither foreign nor written in C."""
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    return module not in sys.builtin_module_names and not _is_foreign(file)


class _Walk:
    """Feeds a hash with a description of values; equal descriptions mean equal compiled code."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.met: dict[int, tuple[int, Any]] = {}  # by identity: number and value, held lest an identity come again
        self.names_met: set[tuple[int, tuple[str, ...]]] = set()
        self.files: dict[str, str] = {}  # module -> source

    def say(self, *words: str | bytes) -> None:
        """Add words, each with its length."""
        for word in words:
            data = word.encode("utf-8", "surrogatepass") if isinstance(word, str) else word
            self.digest.update(f"{len(data)}:".encode() + data)

    def say_files(self) -> None:
        """Add the texts of all modules met."""
        if changed_since_start(self.files.values()):
            raise Unkeepable("a source changed after this process began")
        for module, file in sorted(self.files.items()):
            self.say(module, Path(file).read_bytes())

    def visit(self, value: Any) -> None:
        """Add a value and what hangs on it."""
        if isinstance(value, Entry):
            value = value.function  # what compiled code calls
        kind = type(value)
        self.say(kind.__module__, kind.__qualname__)
        if isinstance(value, enum.Enum):
            self.say(value.name)
            self.visit(value.value)
        elif isinstance(value, PLAIN):
            self.say(repr(value))
        elif isinstance(value, np.ndarray | np.generic):
            self._visit_array(np.asarray(value))
        elif isinstance(value, tuple | list):
            self._visit_all(value)
            if hasattr(value, "_fields"):
                self.visit(kind)
        elif isinstance(value, dict):
            self._visit_all(part for item in value.items() for part in item)
        elif isinstance(value, set | frozenset):
            self.say(*sorted(_alone(part) for part in value))
        elif isinstance(value, CodeType):
            self._visit_code(value)
        else:
            self._visit_once(value)

    def _visit_all(self, values: Iterable[Any]) -> None:
        for value in values:
            self.visit(value)
        self.say("end")

    def _visit_array(self, array: np.ndarray) -> None:
        if array.dtype.hasobject:
            raise Unkeepable("an array of objects")
        layout = (array.flags.c_contiguous, array.flags.f_contiguous, array.flags.writeable)
        self.say(repr(array.dtype), repr(array.shape), repr(layout), array.tobytes())

    def _visit_code(self, code: CodeType) -> None:
        """Bytecode with its names and constants; a docstring is one of these, a line number is not."""
        self.say(code.co_code, code.co_exceptiontable, repr((code.co_flags, code.co_argcount, code.co_kwonlyargcount)))
        self._visit_all((code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_consts))

    def _visit_once(self, value: Any) -> None:
        """A thing with an identity, or the number it had when it was met first."""
        if id(value) in self.met:
            self.say("met", str(self.met[id(value)][0]))
            return
        self.met[id(value)] = (len(self.met), value)
        if isinstance(value, FunctionType):
            self._visit_function(value)
        elif isinstance(value, type):
            self._visit_class(value)
        elif isinstance(value, types.Type):
            self._visit_type(value)
        elif isinstance(value, BuiltinFunctionType | np.ufunc):
            self.say(str(value.__module__) if hasattr(value, "__module__") else "", value.__name__)
        else:
            self._visit_object(value)

    def _visit_function(self, function: FunctionType) -> None:
        """What a Python function is and every global that it names."""
        code = function.__code__
        self.say(str(function.__module__), function.__qualname__)
        if _is_foreign(code.co_filename):
            return
        self._note(function.__module__)
        self._visit_all((function.__defaults__, function.__kwdefaults__, code))
        self._visit_all(cell.cell_contents for cell in function.__closure__ or ())
        self._visit_names(function.__globals__, _names(code))

    def _visit_names(self, namespace: dict[str, Any], names: tuple[str, ...]) -> None:
        for name in names:
            if name in namespace:
                self.say(name)
                value = namespace[name]
                self._visit_module(value, names) if isinstance(value, ModuleType) else self.visit(value)

    def _visit_module(self, module: ModuleType, names: tuple[str, ...]) -> None:
        """A module through which a function may reach any of the names."""
        self.say("module", module.__name__)
        if not _is_own(module.__name__) or (id(module), names) in self.names_met:
            return
        self.names_met.add((id(module), names))
        self._note(module.__name__)
        self._visit_names(vars(module), names)

    def _visit_class(self, class_: type) -> None:
        self.say(str(class_.__module__), class_.__qualname__)
        if not _is_own(class_.__module__):
            return
        self._note(class_.__module__)
        for base in class_.__bases__:
            self.visit(base)
        for name, value in vars(class_).items():
            if not name.startswith("__") or isinstance(value, FunctionType):
                self.say(name)
                self._visit_member(value)

    def _visit_member(self, value: Any) -> None:
        """A value, or a function as classes wrap it; of what Python itself puts there its kind counts."""
        inner = _inner(value)
        if inner is not None:
            self.visit(inner)
        elif inspect.isdatadescriptor(value) or type(value).__module__ == "_abc":
            self.say(type(value).__qualname__)
        else:
            self.visit(value)

    def _visit_type(self, type_: types.Type) -> None:
        """A type of numba; its name says all but what classes and functions stand behind it."""
        self.say(str(type_))
        for name in WITHIN_TYPES:
            part = getattr(type_, name, None)
            if part is not None:
                self.visit(part)

    def _visit_object(self, value: Any) -> None:
        """A wrapped function, or an object that can be written down."""
        inner = _inner(value)
        if inner is not None:
            self._visit_all(getattr(value, name, None) for name in OPTIONS)
            self.visit(inner)
            return
        try:
            self.say(pickle.dumps(value, protocol=5))
        except Exception as error:  # whatever pickle and the object's own methods raise
            raise Unkeepable(f"an object that cannot be described, {value!r:.80}") from error

    def _note(self, module: str) -> None:
        """Remember a source. What stands in no package (a script, a user's file) is told apart by its path as well."""
        loaded = sys.modules.get(module)
        file = getattr(loaded, "__file__", None) or ""
        if os.path.isfile(file):
            self.files[module] = file
            if not getattr(loaded, "__package__", ""):
                self.say(os.path.abspath(file))


def _alone(value: Any) -> str:
    walk = _Walk()
    walk.visit(value)
    return walk.digest.hexdigest()


def _inner(value: Any) -> Any:
    """The function within a wrapper, such as a dispatcher, an intrinsic or a static method."""
    return next((inner for name in INNER if (inner := getattr(value, name, None)) is not None), None)


@cache
def _names(code: CodeType) -> tuple[str, ...]:
    """Names that a code object and those within it may read as globals or attributes, in order."""
    within = [name for part in code.co_consts if isinstance(part, CodeType) for name in _names(part)]
    return tuple(dict.fromkeys([*code.co_names, *within]))
