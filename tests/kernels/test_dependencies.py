"""The key of machine code: whatever compiled code depends on changes it, and nothing else does."""

import sys
import threading
from types import ModuleType

import numba
import numpy as np
import pytest
from numba import njit, types

from lsnn.kernels import cached
from lsnn.kernels.dependencies import Unkeepable, fingerprint

CONSTANTS = """
import enum
from typing import NamedTuple
import numpy as np

CUE_MS = 50
RATE = 0.0
TABLE = np.array([[1.0, 2.0], [3.0, 4.0]])
RANGES = ((0, 1), [2, 3])
UNUSED = 1

class Arm(enum.IntEnum):
    LEFT = 0
    RIGHT = 1

class Pair(NamedTuple):
    first: float
    second: float
"""
HELPERS = """
from numba import njit
import constants
from constants import Pair

DEEP = 7

@njit
def deep(x):
    return x + DEEP + constants.CUE_MS

@njit
def helper(x, y=2):
    return deep(x) * y

def maker(weight):
    @njit
    def scaled(x):
        return weight * x
    return scaled

scaled = maker(3.0)

@njit
def swapped(pair):
    return pair.first

@njit
def unused(x):
    return x
"""
TASK = """
import math
import numpy as np
from numba import njit
import constants
from constants import RATE, TABLE, RANGES, Arm, Pair
from helpers import helper, scaled, swapped

@njit(error_model="numpy")
def begin(x):
    lowest = np.float64(0.0)
    if x in (1, 2):
        lowest = min([y for y in range(5)])
    return helper(x) + scaled(x) + RATE + TABLE[0, 0] + RANGES[0][1] + Arm.LEFT + math.exp(x) + lowest

@njit
def takes(pair):
    return swapped(pair) + swapped(Pair(1.0, 2.0))
"""
NAMES = ("constants", "helpers", "task")


@pytest.fixture
def key(tmp_path, monkeypatch):
    """A function: texts of the three modules, as changed, to the fingerprint of task.begin; files are not new."""
    monkeypatch.setattr(cached, "BEGAN", 2e9)

    def load(name: str, text: str, file: str) -> ModuleType:
        module = ModuleType(name)
        module.__file__ = file
        monkeypatch.setitem(sys.modules, name, module)
        exec(compile(text, file, "exec"), module.__dict__)
        return module

    def key_of(*changes, on_disk: bool = False, function: str = "begin", signature=(types.float64,), folder="a"):
        texts = dict(zip(NAMES, (CONSTANTS, HELPERS, TASK), strict=True))
        for name, old, new in changes:
            assert texts[name].count(old) >= 1
            texts[name] = texts[name].replace(old, new)
        (tmp_path / folder).mkdir(exist_ok=True)
        for name, text in texts.items():
            file = tmp_path / folder / f"{name}.py"
            if on_disk:
                file.write_text(text)
            module = load(name, text, str(file) if on_disk else f"<{name}>")
        return fingerprint(getattr(module, function), signature() if callable(signature) else signature)

    return key_of


@pytest.mark.parametrize(
    "change",
    [
        ("constants", "CUE_MS = 50", "CUE_MS = 120"),
        ("constants", "CUE_MS = 50", "CUE_MS = 50.0"),
        ("constants", "RATE = 0.0", "RATE = -0.0"),
        ("constants", "[3.0, 4.0]", "[3.0, 4.5]"),
        ("constants", "4.0]])", "4.0]], order='F')"),
        ("constants", "4.0]])", "4.0]], np.float32)"),
        ("constants", "[2, 3]", "[2, 4]"),
        ("constants", "[2, 3]", "(2, 3)"),
        ("constants", "LEFT = 0", "LEFT = 2"),
        ("helpers", "DEEP = 7", "DEEP = 8"),
        ("helpers", "x + DEEP", "x - DEEP"),
        ("helpers", "y=2", "y=3"),
        ("helpers", "maker(3.0)", "maker(4.0)"),
        ("helpers", "@njit\ndef deep", "@njit(fastmath=True)\ndef deep"),
        ("helpers", "@njit\ndef deep", "@njit(boundscheck=True)\ndef deep"),
        ("task", 'error_model="numpy"', 'error_model="python"'),
        ("task", "(1, 2)", "(1, 3)"),
        ("task", "range(5)", "range(6)"),
        ("task", "min(", "max("),
        ("task", "math.exp", "math.cos"),
        ("task", "np.float64", "np.float32"),
    ],
)
def test_what_counts(key, change):
    assert key(change) != key() == key()


@pytest.mark.parametrize(
    "change",
    [
        ("constants", "UNUSED = 1", "UNUSED = 2"),
        ("helpers", "def unused(x):\n    return x", "def unused(x):\n    return -x"),
        ("task", "\n@njit\ndef takes", "\n# a remark\n\n@njit\ndef takes"),
    ],
)
def test_what_does_not(key, change):
    assert key(change) == key()


def test_the_texts_of_the_modules_count_where_they_are_files(key):
    """Beside functions they hold what numba is given without a name, such as an `overload`."""
    plain = key(on_disk=True)
    assert key(("helpers", "def unused", "def used_by_overload"), on_disk=True) != plain == key(on_disk=True)
    assert key(on_disk=True, folder="b") != plain  # they stand in no package


def test_a_class_counts_that_only_the_types_of_the_arguments_name(key):
    def pair():
        return (numba.typeof(sys.modules["constants"].Pair(1.0, 2.0)),)

    swapped = ("constants", "first: float\n    second", "second: float\n    first")
    assert key(swapped, function="takes", signature=pair) != key(function="takes", signature=pair)


def test_types_of_the_arguments_count(key):
    assert key(signature=(types.float32,)) != key(signature=(types.float64,))
    assert key(signature=(types.float64[::1],)) != key(signature=(types.float64[:],))


@pytest.mark.parametrize("flag", ["BOUNDSCHECK", "OPT", "SLP_VECTORIZE", "DEBUGINFO_DEFAULT", "CPU_NAME"])
def test_settings_of_numba_count(key, flag, monkeypatch):
    monkeypatch.setattr(numba.config, flag, 0)
    plain = key()
    monkeypatch.setattr(numba.config, flag, 1)
    assert key() != plain


@pytest.mark.parametrize("flag", ["CACHE_DIR", "NUMBA_NUM_THREADS"])
def test_settings_that_leave_code_as_it_is_do_not(key, flag, monkeypatch):
    plain = key()
    monkeypatch.setattr(numba.config, flag, 99)
    assert key() == plain


def test_the_name_of_the_module_counts():
    functions = []
    for name in ("delayed_match", "tasks.delayed_match"):
        namespace = {"__name__": name}
        exec("def begin(x):\n    return x", namespace)
        functions.append(njit(namespace["begin"]))
    assert fingerprint(functions[0]) != fingerprint(functions[1])


def test_functions_that_call_each_other_have_an_end():
    namespace: dict = {"__name__": "mutual", "njit": njit}
    exec("@njit\ndef even(n):\n    return n == 0 or odd(n - 1)\n", namespace)
    exec("@njit\ndef odd(n):\n    return n > 0 and even(n - 1)\n", namespace)
    assert fingerprint(namespace["even"]) != fingerprint(namespace["odd"])


def test_what_cannot_be_described_is_never_kept():
    for value in (threading.Lock(), np.array([object()])):
        namespace = {"__name__": "odd", "value": value}
        exec("def begin(x):\n    return value", namespace)
        with pytest.raises(Unkeepable):
            fingerprint(njit(namespace["begin"]))


def test_what_a_changed_source_leads_to_is_never_kept(key, monkeypatch):
    """The process has loaded the old one, so the code may not be that of the new text."""
    assert key(on_disk=True)
    monkeypatch.setattr(cached, "BEGAN", 0.0)
    with pytest.raises(Unkeepable, match="changed after this process began"):
        key(on_disk=True)
