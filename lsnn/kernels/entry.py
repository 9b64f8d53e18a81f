"""Compiled functions that Python calls, too: there their arguments are checked first, for compiled code believes them.

    @entry(state=numbers(6), arm=whole(0, 1))
    @njit
    def pull(key, arm, state): ...

Compiled code calls the function itself, with no check and at no cost. A `key` is that of an episode, `t` a step,
wherever they stand among the arguments. What else an argument must be, a rule of it says.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numba import types

from lsnn.validation import require, require_array, require_integer, size_of

Rule = Callable[[str, Any, Mapping[str, Any]], None]  # takes the name of an argument, its value and all arguments
Length = int | Callable[[Mapping[str, Any]], int]  # a number, or what it is for these arguments

_FLOAT, _BYTE = np.dtype(np.float64), np.dtype(np.uint8)


def numbers(length: Length) -> Rule:
    """One row of so many float64."""

    def rule(name: str, value: Any, given: Mapping[str, Any]) -> None:
        number = length if isinstance(length, int) else length(given)
        require_array(name, value, (number,), _FLOAT, written=False, in_rows=False)

    return rule


def at_least(length: Length) -> Rule:
    """One row of so many float64 or more."""

    def rule(name: str, value: Any, given: Mapping[str, Any]) -> None:
        number = length if isinstance(length, int) else length(given)
        require_array(name, value, (max(number, size_of(value)),), _FLOAT, written=False, in_rows=False)

    return rule


def octets(name: str, value: Any, given: Mapping[str, Any]) -> None:
    """One row of uint8, of any length."""
    require_array(name, value, (size_of(value),), _BYTE, written=True, in_rows=False)


def whole(low: int, high: int) -> Rule:
    """A whole number from low to high."""
    return lambda name, value, given: require_integer(name, value, low, high)


ALWAYS = {"key": whole(0, 2**64 - 1), "t": whole(0, 2**53)}


class Entry:
    """A compiled function with rules for its arguments."""

    def __init__(self, function: Any, rules: Mapping[str, Rule]):
        self.function, self.py_func = function, function.py_func
        self.__name__, self.__module__, self.__doc__ = function.__name__, function.__module__, function.__doc__
        code = self.py_func.__code__
        self.names = code.co_varnames[: code.co_argcount]
        assert set(rules) <= set(self.names)
        self.rules = {name: rule for name, rule in (ALWAYS | dict(rules)).items() if name in self.names}

    @property
    def _numba_type_(self) -> types.Type:
        """What compiled code takes it for: the compiled function."""
        return types.Dispatcher(self.function)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """The function's result.

        Raises:
            InputError: an argument breaks its rule, or there are more or fewer than the function has.
        """
        given = dict(zip(self.names, arguments, strict=False)) | named
        complete = len(arguments) + len(named) == len(self.names) and set(given) == set(self.names)
        require(complete, f"the arguments of {self.__name__}", ", ".join(self.names), tuple(given))
        for name, rule in self.rules.items():
            rule(f"{name} of {self.__name__}", given[name], given)
        return self.function(*(given[name] for name in self.names))


def entry(**rules: Rule) -> Callable[[Any], Entry]:
    """Let Python call a compiled function with arguments that obey rules, by name."""
    return lambda function: Entry(function, rules)
