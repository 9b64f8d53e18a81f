"""Values with units, drawn ones among them, as arrays in SI units."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lsnn.validation import require, require_array, require_number


@dataclass(frozen=True)
class Drawn:
    """Values that are drawn one by one: `uniform` between two bounds or `normal` about a mean. Times a unit it has one.

    Attributes:
        kind: of the draw. first, second: lower and upper bound, or mean and standard deviation. unit: of both.
    """

    kind: str
    first: float
    second: float
    unit: Any = 1.0

    def __mul__(self, unit: Any) -> "Drawn":
        return Drawn(self.kind, self.first, self.second, self.unit * unit)

    __rmul__ = __mul__
    __array_ufunc__ = None  # so that a quantity times it asks us

    def draw(self, size: int, generator: np.random.Generator) -> Any:
        """So many values with their unit."""
        draw = generator.uniform if self.kind == "uniform" else generator.normal
        return draw(self.first, self.second, size) * self.unit


def uniform(low: float, high: float) -> Drawn:
    """Values drawn between two numbers: `lsnn.uniform(15, 30)*ms`."""
    require_number("low", low, -np.inf)
    require_number("high", high, low)
    require_number("high - low", float(high) - float(low), 0.0)
    return Drawn("uniform", float(low), float(high))


def normal(mean: float, std: float) -> Drawn:
    """Values drawn about a mean with a standard deviation: `lsnn.normal(0, 1)*mV`."""
    require_number("mean", mean, -np.inf)
    require_number("std", std, 0.0)
    return Drawn("normal", float(mean), float(std))


def in_si(name: str, value: Any, dimension: Any, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """A value as numbers of a shape in SI units: one number, an array, or draws.

    Args:
        dimension: of Brian2, that it must have.

    Raises:
        InputError: no finite numbers of that dimension, or of another shape.
    """
    from brian2.units.fundamentalunits import get_dimensions, get_unit_for_display

    if isinstance(value, Drawn):
        value = value.draw(int(np.prod(shape)), generator).reshape(shape)
    unit = get_unit_for_display(dimension)
    try:
        array, fits = np.asarray(value), get_dimensions(value) is dimension
    except (TypeError, ValueError):
        array, fits = np.empty(0, object), False
    wanted = f"{'finite numbers' if unit == 1 else f'finite numbers in units of {unit}'}"
    rule = f"{wanted}: one, or an array of shape {shape}"
    numeric = array.dtype.kind in "iuf" and not np.ma.is_masked(value)
    require(numeric and fits and array.shape in ((), shape) and bool(np.isfinite(array).all()), name, rule, value)
    return np.array(np.broadcast_to(np.asarray(array, float), shape))


def seconds_of(name: str, value: Any) -> float:
    """One positive time in seconds; InputError for what is none."""
    from brian2.units import second

    found = float(in_si(name, value, second.dim, (), np.random.default_rng(0)))
    require(found > 0, name, "a time above 0", value)
    return found


def require_values(name: str, values: Any, shape: tuple[int, ...]) -> None:
    """InputError unless it is an array of finite numbers of that shape."""
    require_array(name, values, shape, np.dtype(float), written=False, in_rows=False)
    require(bool(np.isfinite(values).all()), name, "finite", values[~np.isfinite(values)])
