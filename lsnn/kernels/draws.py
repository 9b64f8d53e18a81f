"""Counter-based random draws: pure functions of (key, step, stream, index).

Nothing is hidden in a generator, so the kernel, the Gymnasium environment, a recomputation and a Brian2 closed loop
see the same draws in any order and on any worker. The mixing function is the finaliser of SplitMix64
(Steele, Lea & Flood 2014), applied once to (key, step, stream) and once more to the index.
"""

import math

import numpy as np
from numba import config, njit

from lsnn.errors import InputError

if config.DISABLE_JIT:  # all of the project's compiled code draws
    raise InputError("NUMBA_DISABLE_JIT must not be set: the network's code exists compiled only")

# Streams: one for each use of randomness, so that no two uses ever share a draw.
ENCODER, ACTION, TASK_EPISODE, TASK_STEP, BASELINE, WIRING, TASK_PAUSE = range(7)

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_STEP = np.uint64(0xD1342543DE82EF95)
_STREAM = np.uint64(0xA0761D6478BD642F)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_R30, _R27, _R31 = np.uint64(30), np.uint64(27), np.uint64(31)
_TO_UNIT = 1.0 / 9007199254740992.0  # 2**-53


@njit(inline="always", error_model="numpy")
def mix(x):
    """SplitMix64's finaliser: a bijection of uint64 onto itself."""
    x = (x ^ (x >> _R30)) * _MIX_1
    x = (x ^ (x >> _R27)) * _MIX_2
    return x ^ (x >> _R31)


@njit(inline="always", error_model="numpy")
def step_key(key, step, stream):
    """The key of all draws of one stream at one step; uint64."""
    return mix(np.uint64(key) + np.uint64(step) * _STEP + np.uint64(stream + 1) * _STREAM)


@njit(inline="always", error_model="numpy")
def word(stepped, index):
    """The 64 random bits of draw `index` under a `step_key`."""
    return mix(stepped + np.uint64(index + 1) * _GOLDEN)


@njit(inline="always", error_model="numpy")
def uniform_of(stepped, index):
    """Draw `index` under a `step_key`, uniform in [0, 1); float64."""
    return np.float64(word(stepped, index) >> np.uint64(11)) * _TO_UNIT


@njit(error_model="numpy")
def uniform(key, step, stream, index):
    """One draw, uniform in [0, 1); float64."""
    return uniform_of(step_key(key, step, stream), index)


@njit(error_model="numpy")
def normal(key, step, stream, index):
    """One standard normal draw (Box & Muller 1958); float64."""
    stepped = step_key(key, step, stream)
    radius = math.sqrt(-2.0 * math.log(1.0 - uniform_of(stepped, 2 * index)))
    return radius * math.cos(2.0 * math.pi * uniform_of(stepped, 2 * index + 1))
