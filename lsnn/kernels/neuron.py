"""What is the same for every neuron model: the refractory count and the surrogate derivatives of the spike.

All quantities are `Lanes` (or `Mask`). The functions of a model itself are written from its Brian2 equations
(`lsnn.equations`; `lsnn show-kernel MODEL` prints them).

A surrogate is dz/du = gamma psi(u/width), u = (lhs - rhs)/scale of the threshold 'lhs > rhs'; gamma is its damping.
"""

from numba import njit

from lsnn.kernels.simd import absolute, exp, where


@njit(forceinline=True)
def count_refractory(refractory, spike, steps):
    """Steps that stay blocked, seen from the next step."""
    return where(spike, steps - 1.0, where(refractory > 0.0, refractory - 1.0, 0.0))


@njit(forceinline=True)
def triangle(u, inverse_width, gamma):
    """psi(x) = max(0, 1 - |x|) (Bellec et al. 2018)."""
    height = 1.0 - absolute(u) * inverse_width
    return where(height > 0.0, height * gamma, 0.0)


@njit(forceinline=True)
def fast_sigmoid(u, inverse_width, gamma):
    """psi(x) = 1 / (1 + |x|)**2 (Zenke & Ganguli 2018)."""
    root = 1.0 + absolute(u) * inverse_width
    return gamma / (root * root)


@njit(forceinline=True)
def gaussian(u, inverse_width, gamma):
    """psi(x) = exp(-x**2 / 2)."""
    x = u * inverse_width
    return exp(x * x * -0.5) * gamma
