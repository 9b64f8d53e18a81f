"""Sparse wiring: fixed signs and delays of every ordered pair, random masks, and DEEP R.

Sign and delay of a pair are pure functions of (wiring key, pair), so a synapse that comes back after a rewiring has the
sign and the delay it had before, and nothing of size N x N is stored. A source is an input cell (0..n_in) or a
neuron (n_in..n_in + N); its synapse onto a neuron is numbered source * N + target.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from lsnn.errors import InputError
from lsnn.kernels.draws import WIRING, step_key, uniform_of, word
from lsnn.validation import numbers_of, require, require_array, require_integer, require_kind, size_of


class Wiring(NamedTuple):
    """What fixes the synapses that may exist."""

    key: int  # uint64
    n_in: int
    n_neurons: int
    d_max: int  # delays are 1..d_max steps
    source_sign: np.ndarray  # (n_in + N,) int8: sign of all synapses of a source; 0 = each pair has its own
    excited: int = 2**62  # from this neuron on pairs with a sign of their own have the sign +1


class Synapses(NamedTuple):
    """The synapses that exist, sorted by source, delay and target; theta >= 0 where signs are fixed."""

    source: np.ndarray  # (S,) int32
    target: np.ndarray  # (S,) int32
    delay: np.ndarray  # (S,) int32, steps
    sign: np.ndarray  # (S,) int8
    theta: np.ndarray  # (S,) float64, the normalised weight is sign * theta


@njit(error_model="numpy")
def _delays_and_signs(key, sources, targets, n_neurons, d_max, source_sign, excited, delay, sign):
    stepped = step_key(key, 0, WIRING)
    for s in range(sources.shape[0]):
        pair = np.int64(sources[s]) * n_neurons + targets[s]
        delay[s] = 1 + int(uniform_of(stepped, 2 * pair) * d_max)
        sign[s] = source_sign[sources[s]]
        if sign[s] == 0 and targets[s] >= excited:
            sign[s] = 1
        if sign[s] == 0:
            sign[s] = 1 - 2 * (word(stepped, 2 * pair + 1) & np.uint64(1))


def require_wiring(wiring: Wiring) -> None:
    """Raise InputError unless it says what synapses a network can have."""
    require_kind("wiring", wiring, Wiring)
    require_integer("wiring.key", wiring.key, 0, 2**64 - 1)
    require_integer("wiring.n_in", wiring.n_in, 0, 2**31)
    require_integer("wiring.n_neurons", wiring.n_neurons, 1, 2**31)
    require_integer("wiring.d_max", wiring.d_max, 1, 2**31)
    require_integer("wiring.excited", wiring.excited, 0, 2**62)
    places = (wiring.d_max + 1) * wiring.n_neurons
    require(places < 2**31, "wiring", "of fewer than 2**31 places in the delay ring, neurons times (d_max + 1)", places)
    shape = (wiring.n_in + wiring.n_neurons,)
    require_array("wiring.source_sign", wiring.source_sign, shape, np.dtype(np.int8), written=False)


def require_pairs(name: str, pairs: np.ndarray, wiring: Wiring) -> None:
    """Raise InputError unless they are numbers of pairs that the wiring has."""
    end = (wiring.n_in + wiring.n_neurons) * wiring.n_neurons
    whole = isinstance(pairs, np.ndarray) and pairs.ndim == 1 and pairs.dtype.kind in "iu"
    within = whole and (len(pairs) == 0 or (pairs.min() >= 0 and pairs.max() < end))
    require(bool(within), name, f"a row of whole numbers from 0 to {end - 1}", pairs)


def require_synapses(wiring: Wiring, synapses: Synapses) -> None:
    """Raise InputError unless all synapses lie within the wiring and rise by source, delay and target."""
    require_wiring(wiring)
    require_kind("synapses", synapses, Synapses)
    types = (np.int32, np.int32, np.int32, np.int8, np.float64)
    for name, array, dtype in zip(Synapses._fields, synapses, types, strict=True):
        require_array(f"synapses.{name}", array, (size_of(synapses.source),), np.dtype(dtype), False, False)
    sources = wiring.n_in + wiring.n_neurons
    for name, low, end in (("source", 0, sources), ("target", 0, wiring.n_neurons), ("delay", 1, wiring.d_max + 1)):
        array = getattr(synapses, name)
        within = len(array) == 0 or (array.min() >= low and array.max() < end)
        require(bool(within), f"synapses.{name}", f"from {low} to {end - 1}", array)
    rises = not np.any(np.diff(_ranks(wiring, *synapses[:3])) <= 0)
    require(rises, "synapses", "sorted by source, delay and target, none twice", synapses.source)


def _ranks(wiring: Wiring, source: np.ndarray, target: np.ndarray, delay: np.ndarray) -> np.ndarray:
    """Numbers that rise with source, delay and target."""
    return (source.astype(np.int64) * (wiring.d_max + 1) + delay) * wiring.n_neurons + target


def synapses_of_pairs(wiring: Wiring, pairs: np.ndarray, theta: np.ndarray) -> tuple[Synapses, np.ndarray]:
    """The synapses of numbered pairs in kernel order, and the permutation (S,) that sorted them.

    Raises:
        InputError: a pair that the wiring does not have, or not as many theta as pairs.
    """
    require_wiring(wiring)
    require_pairs("pairs", pairs, wiring)
    theta = numbers_of("theta", theta, (len(pairs),))
    source = (pairs // wiring.n_neurons).astype(np.int32)
    target = (pairs % wiring.n_neurons).astype(np.int32)
    delay, sign = np.empty(len(pairs), np.int32), np.empty(len(pairs), np.int8)
    _delays_and_signs(
        np.uint64(wiring.key), source, target, wiring.n_neurons, wiring.d_max, wiring.source_sign, wiring.excited,
        delay, sign,
    )  # fmt: skip
    order = np.argsort(_ranks(wiring, source, target, delay), kind="stable")
    return Synapses(source[order], target[order], delay[order], sign[order], theta[order]), order


def pair_numbers(wiring: Wiring, synapses: Synapses) -> np.ndarray:
    """source * N + target of each synapse, (S,) int64."""
    return synapses.source.astype(np.int64) * wiring.n_neurons + synapses.target


def _is_autapse(wiring: Wiring, pairs: np.ndarray) -> np.ndarray:
    return pairs // wiring.n_neurons - wiring.n_in == pairs % wiring.n_neurons


def draw_pairs(wiring: Wiring, count: int, taken: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """`count` distinct pairs drawn uniformly among those not taken (sorted int64) and no autapse."""
    require_wiring(wiring)
    require_integer("count", count, 0, 2**63)
    require_pairs("taken", taken, wiring)
    require(bool(np.all(taken[:-1] <= taken[1:])), "taken", "sorted", taken)
    total = (wiring.n_in + wiring.n_neurons) * wiring.n_neurons
    free = total - wiring.n_neurons - len(taken)
    if count > free:
        raise InputError(f"{count} synapses asked for, {free} pairs are free")
    if count > free // 4:
        open_ = np.ones(total, dtype=bool)
        open_[taken] = False
        candidates = np.flatnonzero(open_)
        candidates = candidates[~_is_autapse(wiring, candidates)]
        return generator.choice(candidates, count, replace=False)
    chosen = np.empty(0, np.int64)
    while len(chosen) < count:
        fresh = generator.integers(0, total, 2 * (count - len(chosen)) + 8)
        place = np.minimum(np.searchsorted(taken, fresh), max(len(taken) - 1, 0))
        known = taken[place] == fresh if len(taken) else np.zeros(len(fresh), bool)
        chosen = np.concatenate([chosen, fresh[~known & ~_is_autapse(wiring, fresh)]])
        chosen = chosen[np.sort(np.unique(chosen, return_index=True)[1])]
    return chosen[:count]


def rewire(
    wiring: Wiring, synapses: Synapses, theta_new: float, generator: np.random.Generator
) -> tuple[Synapses, np.ndarray, np.ndarray]:
    """DEEP R (Bellec et al. 2018, ICLR): synapses with theta < 0 go dormant, as many are drawn at random.

    Args:
        theta_new: parameter of a new synapse, small and positive, normalised.
    Returns:
        the synapses, as many as before; the permutation (S,) from old places to new; the places (K,) that are new.
    """
    dormant = np.flatnonzero(synapses.theta < 0)
    if len(dormant) == 0:
        return synapses, np.arange(len(synapses.theta)), dormant
    pairs, theta = pair_numbers(wiring, synapses), synapses.theta.copy()
    alive = np.sort(np.delete(pairs, dormant))
    pairs[dormant] = draw_pairs(wiring, len(dormant), alive, generator)
    theta[dormant] = theta_new
    rewired, order = synapses_of_pairs(wiring, pairs, theta)
    return rewired, order, np.flatnonzero(np.isin(order, dormant))
