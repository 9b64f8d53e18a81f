"""The pointwise update of a neuron and its adjoint, for eight episodes at a time.

One step of a LIF or adaptive (ALIF) neuron, in Brian2's order (Bellec et al. 2018; docs/design.md, section 1):

    v = alpha v + (1 - alpha) I               b = rho b                          integrate
    z = 1 if v > B and not refractory         B = b0 + beta b                    threshold
    v -= z B exp(dt/tau_m)                    b += z (exp(dt/tau_a) - 1)         reset

The derivative of the spike is replaced: dz/dv = (gamma / b0) max(0, 1 - |v - B| / b0), 0 while refractory.
All quantities are `Lanes` (or `Mask`); the constants are numbers, one a neuron.
"""

from numba import njit

from lsnn.kernels.simd import absolute, where


@njit(forceinline=True)
def integrate_v(v, current, alpha, input_gain):
    """Membrane potential at the threshold of this step."""
    return alpha * v + input_gain * current


@njit(forceinline=True)
def threshold(b, b0, beta):
    """Adaptive threshold B."""
    return b * beta + b0


@njit(forceinline=True)
def surrogate(v, threshold, inverse_b0, gamma):
    """dz/dv, the triangle of Bellec et al. 2018 with u = (v - B) / b0."""
    height = 1.0 - absolute((v - threshold) * inverse_b0)
    return where(height > 0.0, height * (gamma * inverse_b0), 0.0)


@njit(forceinline=True)
def reset_v(v, spike, threshold, reset_gain):
    """Membrane potential after the reset by the threshold."""
    return where(spike, v - threshold * reset_gain, v)


@njit(forceinline=True)
def reset_b(b, spike, jump):
    """Adaptation after a spike."""
    return where(spike, b + jump, b)


@njit(forceinline=True)
def count_refractory(refractory, spike, steps):
    """Steps that stay blocked, seen from the next step."""
    return where(spike, steps - 1.0, where(refractory > 0.0, refractory - 1.0, 0.0))


@njit(forceinline=True)
def adjoint_lif(g_v, g_z, spike, slope, b0, reset_gain, alpha, through_reset):
    """dL/dv before the step from dL/dv after it, and dL/dv at the threshold; dL/dz comes from outside.

    g_v: dL/dv after the reset; g_z: dL/dz without the reset's share; through_reset 0 takes the spike of the
    reset as constant.
    """
    g_z = g_z - g_v * (b0 * reset_gain * through_reset)
    at_threshold = g_v + g_z * slope
    return at_threshold * alpha, at_threshold


@njit(forceinline=True)
def adjoint_alif(g_v, g_b, g_z, b, spike, slope, b0, beta, reset_gain, jump, alpha, rho, through_reset):
    """As `adjoint_lif`, with the threshold's share: dL/dv and dL/db before the step, dL/dv at the threshold."""
    g_z = g_z - g_v * threshold(b, b0, beta) * (reset_gain * through_reset) + g_b * jump
    at_threshold = g_v + g_z * slope
    by_reset = where(spike, g_v * reset_gain, 0.0)
    g_b = g_b - (by_reset + g_z * slope) * beta
    return at_threshold * alpha, g_b * rho, at_threshold
