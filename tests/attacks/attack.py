"""Calls with one wrong argument each, told one a line, so that a crash shows which call it was.

    python -m tests.attacks.attack GROUP

An attack is a way into compiled code: what is called, with good arguments made anew for each call, and for each
argument the values that are wrong there. A wrong value must be answered with an InputError; a value of the second kind
is converted, and must give what the good one gives.
"""

import importlib
import sys
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from lsnn.errors import InputError
from tests.attacks.wrong import Labelled

Make = Callable[[], dict[str, Any]]


class Attack(NamedTuple):
    """A function that reaches compiled code, and what may be wrong."""

    name: str
    call: Callable[..., Any]
    make: Make  # good arguments
    wrong: Callable[[dict[str, Any]], Iterable[tuple[str, Labelled]]]  # takes good ones: argument, label and value
    same: Callable[[dict[str, Any]], Iterable[tuple[str, Labelled]]] = lambda good: ()


def outcome(attack: Attack, argument: str, value: Any) -> str:
    """What comes of a call with this value: refused, worked, or the error."""
    arguments = attack.make() | {argument: value}
    try:
        attack.call(**arguments)
    except InputError as error:
        return "refused" if str(error) else "without a message"
    except Exception as error:
        return f"{type(error).__name__}: {error}".replace("\n", " ")[:200]
    return "worked"


def as_the_good_one(attack: Attack, argument: str, value: Any) -> str:
    """Whether the value gives what the good one gives."""
    good = attack.call(**attack.make())
    try:
        found = attack.call(**(attack.make() | {argument: value}))
    except Exception as error:
        return f"{type(error).__name__}: {error}".replace("\n", " ")[:200]
    return "the same" if equal(good, found) else "another result"


def equal(a: Any, b: Any) -> bool:
    """Whether two results hold the same numbers."""
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(equal, a, b))
    return bool(np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f"))


def main(group: str) -> None:
    """Run every attack of a group."""
    for attack in importlib.import_module(f"tests.attacks.{group}").attacks():
        attack.call(**attack.make())  # the good arguments work
        for argument, (label, value) in attack.wrong(attack.make()):
            told(attack, argument, label, outcome, value)
        for argument, (label, value) in attack.same(attack.make()):
            told(attack, argument, label, as_the_good_one, value)
    print("end", flush=True)


def told(attack: Attack, argument: str, label: str, run: Callable[[Attack, str, Any], str], value: Any) -> None:
    """Say what is tried before it is tried, then what came of it."""
    print(f"{attack.name}({argument} = {label}) -> ", end="", flush=True)
    print(run(attack, argument, value), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
