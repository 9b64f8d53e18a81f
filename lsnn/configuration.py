"""Frozen dataclasses from and to plain mappings: every key known, every value of its type, its meaning and source.

A configuration is a frozen dataclass under `documented` whose fields are made by `parameter`.
"""

import inspect
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, field, fields, replace
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints, overload

from lsnn.errors import InputError

T = TypeVar("T")

NOTHING = "–"  # no symbol, no unit
LARGEST = 1e9  # of settings: far above all that makes sense, and their products stay in single precision

_NAMES = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a text", type(None): "null"}


@overload
def parameter(default: T, meaning: str, *, unit: str = ..., symbol: str = ..., source: str = ...) -> T: ...
@overload
def parameter(
    *, meaning: str, factory: Callable[[], T], unit: str = ..., symbol: str = ..., source: str = ...
) -> T: ...
@overload
def parameter(*, meaning: str, unit: str = ..., symbol: str = ..., source: str = ...) -> Any: ...


def parameter(
    default: Any = MISSING,
    meaning: str = "",
    *,
    factory: Any = MISSING,
    unit: str = "1",
    symbol: str = NOTHING,
    source: str = "ours",
) -> Any:
    """A field of a configuration, with what the tables of the documentation say of it.

    Args:
        default, factory: the value, or what makes it; with neither it has to be given.
        meaning: what it sets, in a phrase.
        unit: of the value; "1" for a pure number, "–" for what is no quantity.
        symbol: in the paper that the value comes from.
        source: "recalled", "read" or "ours" (docs/reference/parameters.md), and more behind a colon.
    """
    metadata = {"meaning": meaning, "unit": unit, "symbol": symbol, "source": source}
    return field(default=default, default_factory=factory, metadata=metadata)


def documented(kind: type[T]) -> type[T]:
    """The configuration, its docstring followed by the meaning and unit of every field."""
    rows = [f"    {item.name}: {_phrase(item.metadata)}" for item in fields(kind)]  # type: ignore[arg-type]
    kind.__doc__ = "\n".join([inspect.cleandoc(kind.__doc__ or ""), "", "Args:", *rows])
    return kind


def _phrase(metadata: Mapping[str, str]) -> str:
    unit = metadata["unit"]
    return metadata["meaning"] if unit in ("1", NOTHING) else f"{metadata['meaning']} ({unit})"


def from_mapping(kind: type[T], values: object, section: str) -> T:
    """The dataclass `kind` with these values; keys not given take their defaults.

    Args:
        values: a mapping of key to value, as JSON gives it.
        section: where the keys stand, as messages name it ("network").

    Raises:
        InputError: an unknown key, a value of the wrong type, or one that breaks the dataclass's own rules.
    """
    if not isinstance(values, Mapping):
        raise InputError(f"{section} must be a mapping of keys to values, got {values!r:.80}")
    values = _under_todays_names(kind, values, section)
    hints = get_type_hints(kind)
    known = [item.name for item in fields(kind)]  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            raise InputError(f"{section} has no key {key!r}; known: {', '.join(sorted(known))}")
    for item in fields(kind):  # type: ignore[arg-type]
        if item.name not in values and item.default is MISSING and item.default_factory is MISSING:
            raise InputError(f"{section} must have the key {item.name!r}, has none")
    return kind(**{key: _checked(value, hints[key], f"{section}.{key}") for key, value in values.items()})


def _under_todays_names(kind: type[Any], values: Mapping[str, Any], section: str) -> dict[str, Any]:
    """The values with keys of older files (`renamed` of the dataclass, old name to new) under their present names."""
    found = dict(values)
    for old, new in getattr(kind, "renamed", {}).items():
        if old in found:
            if new in found:
                raise InputError(f"{section} must not have both {new} and {old}, its older name")
            found[new] = found.pop(old)
    return found


def with_values(config: T, values: Mapping[str, object], section: str) -> T:
    """The dataclass with some keys changed together, checked as in `from_mapping`; InputError as there."""
    known, hints = sorted(item.name for item in fields(config)), get_type_hints(type(config))  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            raise InputError(f"{section} has no key {key!r}; known: {', '.join(known)}")
    checked = {key: _checked(value, hints[key], f"{section}.{key}") for key, value in values.items()}
    return replace(config, **checked)  # type: ignore[type-var]


def to_mapping(config: Any) -> dict[str, Any]:
    """Every key of a dataclass, nested ones included, as JSON can hold them."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(config).items()}


def _checked(value: Any, hint: Any, place: str) -> Any:
    """The value, as the type its key was declared with."""
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    for option in options:
        if (found := _as_type(value, option, place)) is not None or (value is None and option is type(None)):
            return found
    rule = " or ".join(_NAMES.get(option, f"of type {option}") for option in options)
    raise InputError(f"{place} must be {rule}, got {value!r:.80}")


def _as_type(value: Any, option: Any, place: str) -> Any:
    """The value as this type, or None if it is not of it."""
    if get_origin(option) is tuple:
        return _as_tuple(value, get_args(option), place)
    if option is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if number and abs(value) <= 1e300 and math.isfinite(value) else None
    if option is int:
        if not isinstance(value, int) or isinstance(value, bool):
            return None
        if abs(value) >= 2**63:
            raise InputError(f"{place} must be below 2**63, got {value!r:.80}")
        return value
    return value if option is not type(None) and isinstance(value, option) else None


def _as_tuple(value: Any, parts: tuple[Any, ...], place: str) -> tuple[Any, ...] | None:
    if not isinstance(value, list | tuple):
        return None
    if parts[-1] is Ellipsis:
        parts = (parts[0],) * len(value)
    if len(value) != len(parts):
        raise InputError(f"{place} must have {len(parts)} entries, got {value!r:.80}")
    return tuple(_checked(item, part, f"{place}[{i}]") for i, (item, part) in enumerate(zip(value, parts, strict=True)))
