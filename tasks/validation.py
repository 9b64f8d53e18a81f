"""Checks of what a user hands to a task."""

import math
from numbers import Integral, Real
from typing import Any

from lsnn.errors import InputError
from lsnn.task import Encoder


def require(condition: bool, name: str, rule: str, value: object) -> None:
    """Raise InputError, naming the key, the rule and the value received, unless the condition holds."""
    if not condition:
        raise InputError(f"{name} must be {rule}, received {value!r}")


def require_number(name: str, value: Any, low: float, high: float = math.inf) -> None:
    """Raise InputError unless value is a finite number, low <= value <= high."""
    rule = f"a number of at least {low:g}" if high == math.inf else f"a number from {low:g} to {high:g}"
    number = not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)
    require(number and low <= value <= high, name, rule, value)


def require_integer(name: str, value: Any, low: int, high: float = math.inf) -> None:
    """Raise InputError unless value is an integer, low <= value <= high."""
    rule = f"an integer of at least {low}" if high == math.inf else f"an integer from {low} to {high}"
    integer = not isinstance(value, bool) and isinstance(value, Integral)
    require(integer and low <= value <= high, name, rule, value)


def require_flag(name: str, value: object) -> None:
    """Raise InputError unless value is True or False."""
    require(isinstance(value, bool), name, "true or false", value)


def require_encoder(encoder: object, n_observation: int) -> None:
    """Raise InputError unless it is an encoder of observations of this length."""
    require(isinstance(encoder, Encoder), "encoder", "an encoder (tasks.encoders)", encoder)
    numbers = encoder.n_observation  # type: ignore[attr-defined]
    rule = f"one of {n_observation} numbers, as the observation has (this one reads {numbers})"
    require(numbers == n_observation, "encoder", rule, encoder)
