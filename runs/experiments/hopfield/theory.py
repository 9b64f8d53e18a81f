"""The overlap of recall for N to infinity at zero temperature (Amit, Gutfreund & Sompolinsky 1985; recalled).

With load a, overlap m and noise of variance a r from the other patterns,

    m = erf(m / sqrt(2 a r)),   r = 1/(1 - C)^2,   C = sqrt(2/(pi a r)) exp(-m^2/(2 a r)).

With y = m / sqrt(2 a r) this is m = erf(y) and sqrt(2 a) = erf(y)/y - (2/sqrt(pi)) exp(-y^2). The greatest such a is
the capacity; below it the solution with the greater y is that of recall.
"""

from functools import cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq, minimize_scalar
from scipy.special import erf

LARGEST_Y = 50.0


def load_of(y: float) -> float:
    """The load a at which y solves the equation."""
    return float((erf(y) / y - 2 / np.sqrt(np.pi) * np.exp(-(y**2))) ** 2 / 2)


@cache
def _at_capacity() -> float:
    return float(minimize_scalar(lambda y: -load_of(y), bounds=(0.5, 5.0), method="bounded").x)


def capacity() -> float:
    """The greatest load at which patterns are recalled."""
    return load_of(_at_capacity())


def overlap(loads: ArrayLike) -> np.ndarray:
    """Overlap of recall at loads (L,) up to the capacity, (L,)."""
    first = _at_capacity()

    def at(load: float) -> float:
        if load >= capacity():
            return float(erf(first))
        return float(erf(brentq(lambda y: load_of(y) - load, first, LARGEST_Y)))

    return np.array([at(float(load)) for load in np.atleast_1d(loads)])
