"""Functions of lanes that neither LLVM nor SymPy has; with numpy's functions for those of lanes they serve the host.

Both are made of `absolute`, `exp` and `where` alone.
"""

import math

from numba import njit

from lsnn.kernels.simd import absolute, exp, where

NEAR, TERMS = 0.5, 15  # of the series, whose next term is below the rounding error up to there
SERIES = tuple(1 / math.factorial(k + 1) for k in reversed(range(TERMS)))
SLOPE_SERIES = tuple((k + 1) / math.factorial(k + 2) for k in reversed(range(TERMS)))


@njit(forceinline=True)
def exprel(x):
    """(exp(x) - 1)/x, and 1 at 0."""
    near = absolute(x) < NEAR
    series = x * 0.0
    for coefficient in SERIES:
        series = series * x + coefficient
    return where(near, series, (exp(x) - 1.0) / where(near, 1.0, x))


@njit(forceinline=True)
def exprel_slope(x):
    """The derivative of exprel, (exp(x) - exprel(x))/x, and 1/2 at 0."""
    near = absolute(x) < NEAR
    series = x * 0.0
    for coefficient in SLOPE_SERIES:
        series = series * x + coefficient
    return where(near, series, (exp(x) - exprel(x)) / where(near, 1.0, x))
