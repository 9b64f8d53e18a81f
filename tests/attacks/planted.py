"""An attack that ends the interpreter, and one that is answered by what is no InputError: both have to be seen."""

import ctypes
from collections.abc import Iterator

from tests.attacks.attack import Attack
from tests.attacks.wrong import named


def answer(value: int) -> int:
    """1, an error of another kind, or a write to address 8."""
    if value == 3:
        ctypes.memset(8, 0, 1)
    return [0, 1][value]


def attacks() -> Iterator[Attack]:
    """Two in a row."""
    yield Attack("answer", answer, lambda: {"value": 1}, lambda good: named(value=(("2", 2), ("1", 1), ("3", 3))))
