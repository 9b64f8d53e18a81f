"""How alike learners are, from the file of the experiment similarity: every measure with its interval.

A measure is a function of how often each episode is drawn, and a mean over pairs one of how often each network is drawn
too. Intervals (95 %) are of resampled episodes and, in means over pairs, of networks resampled within each kind.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lsnn.estimates import CONFIDENCE, RESAMPLES, RESAMPLING_SEED, Estimate, times_drawn
from lsnn.files.reading import (
    FINITE,
    FLAG,
    ResultError,
    Rule,
    array,
    checked_label,
    json_attribute,
    label_attribute,
    names,
    number_attribute,
    reported,
    subgroup,
)
from lsnn.files.results import Result
from lsnn.seeds import RESAMPLED_NETWORKS

Array = NDArray[np.float64]

KINDS = {"spiking": "spiking", "gru": "GRU", "lstm": "LSTM", "rate": "rate", "transformer": "transformer",
         "rate_neurons": "rate neurons", "tem": "TEM"}  # fmt: skip
LARGEST_BLOCK = Rule(1, 1000, whole=True)


class Learner(NamedTuple):
    """Who it is."""

    kind: str
    seed: int

    @property
    def label(self) -> str:
        """As a figure has it."""
        return f"{KINDS[self.kind]} {self.seed}"


class Pairs(NamedTuple):
    """Pairs of learners: of two kinds or of one, trained or not, and with spiking networks (None: or without)."""

    two_kinds: bool
    trained: bool = True
    spiking: bool | None = None


GROUPS = {
    "spiking network and agent": Pairs(True, spiking=True),
    "agents of two kinds": Pairs(True, spiking=False),
    "two seeds of a kind": Pairs(False),
    "spiking network and agent, untrained": Pairs(True, trained=False, spiking=True),
    "agents of two kinds, untrained": Pairs(True, trained=False, spiking=False),
    "two seeds of a kind, untrained": Pairs(False, trained=False),
}
BETWEEN, CEILING = ("spiking network and agent", "agents of two kinds"), "two seeds of a kind"


def untrained(name: str) -> str:
    """The group of the same pairs without training."""
    return f"{name}, untrained"


class Measured:
    """What the file holds, L learners, the trained ones first, each with its untrained one L / 2 places on.

    Raises:
        ResultError: the file is not what it must be.
    """

    def __init__(self, result: Result) -> None:
        file = result.file
        self.learners = _learners(result)
        self.family = checked_label(f"{result.path}: family", json_attribute(file, "family", dict).get("name"))
        self.count = count = len(self.learners)
        shape: tuple[int | None, ...] = (None, 2 * count, 2 * count)
        self.block = int(number_attribute(file, "block", LARGEST_BLOCK))
        self.alignment = array(file, "alignment", shape, FINITE)
        self.beyond = array(file, "alignment_beyond", (len(self.alignment), *shape[1:]), FINITE)
        self.shuffled = array(file, "alignment_beyond_shuffled", (len(self.alignment), *shape[1:]), FINITE)
        if len(self.alignment) < 2:
            raise ResultError(f"{file.filename}: alignment must have two blocks or more, has {len(self.alignment)}")
        group = subgroup(file, "decoding")
        self.hidden = label_attribute(group, "what")
        self.classes = bool(number_attribute(group, "classes", FLAG))
        self.beside = array(group, "beside", (None,), Rule(0))
        shape = (2 * count, 2 * count, len(self.beside))
        self.error = array(group, "error", shape, Rule(0))
        self.error_shuffled = array(group, "error_shuffled", (2 * count, len(self.beside)), Rule(0))
        group = subgroup(file, "dynamics")
        self.same = array(group, "same", (2 * count, len(self.alignment), None, None), FINITE)
        self.next = array(group, "next", self.same.shape, FINITE)
        self.influence = _influence(result, 2 * count) if "influence" in file else None

    # Matrices (L, L) of weights of episodes, of which a block or a half or the first ones are looked at

    def cka(self, weights: Array) -> Array:
        """CKA of states; weights of blocks (blocks,)."""
        return _cka(self.alignment, self.alignment, weights)

    def cka_beyond(self, weights: Array) -> Array:
        """CKA of what the last input does not tell of states; weights of blocks (blocks,)."""
        return _cka(self.beyond, self.beyond, weights)

    def cka_shuffled(self, weights: Array) -> Array:
        """The same with one side's episodes shuffled."""
        return _cka(self.shuffled, self.beyond, weights)

    def decoding(self, weights: Array) -> Array:
        """What the decoder of one (row) makes of another's state (column); weights of tested episodes."""
        return self._decoded(self.error, weights)

    def own_decoding(self, weights: Array) -> Array:
        """What each decoder makes of its own state and, behind it, with what is known of other episodes; (2, L)."""
        own = np.diagonal(self.error).T
        return self._decoded(np.array([own, self.error_shuffled]), weights)

    def _decoded(self, error: Array, weights: Array) -> Array:
        return np.asarray(1 - error @ weights / max(weights @ self.beside, 1e-30))

    def influences(self, weights: Array) -> Array:
        """Correlations of influence of all learners and, behind them, the rules; (L + R, L + R)."""
        assert self.influence is not None
        return self.influence.correlations(weights)

    def moduli(self, weights: Array) -> Array:
        """Of the eigenvalues of the fitted dynamics, the largest first, (L, components); weights of blocks."""
        same, following = (np.einsum("b,lbij->lij", weights, each) for each in (self.same, self.next))
        fitted = following @ np.linalg.pinv(same, rcond=1e-6, hermitian=True)
        return -np.sort(-np.abs(np.linalg.eigvals(fitted)), axis=1)

    @cached_property
    def means(self) -> "dict[str, Means]":
        """Means over pairs of every measure, by its name."""
        return all_means(self)

    @cached_property
    def spectra(self) -> list[list[Estimate]]:
        """Moduli of the eigenvalues of every learner's fitted dynamics, the untrained behind the trained."""
        width = self.same.shape[2]
        flat = estimates(lambda weights: self.moduli(weights).ravel(), len(self.alignment))
        return [flat[first : first + width] for first in range(0, len(flat), width)]

    @cached_property
    def of_kind(self) -> Array:
        """Whether a learner is of a kind, (kinds, L)."""
        kinds = dict.fromkeys(each.kind for each in self.learners)
        return np.array([[each.kind == kind for each in self.learners] for kind in kinds], float)

    def members(self, pairs: Pairs) -> NDArray[np.bool_]:
        """Which pairs of learners are of a group, (L, L), each of them twice."""
        same = self.of_kind.T @ self.of_kind > 0
        spikes = np.array([each.kind == "spiking" for each in self.learners])
        found = ~same if pairs.two_kinds else same & ~np.eye(self.count, dtype=bool)
        return found if pairs.spiking is None else found & ((spikes[:, None] | spikes) == pairs.spiking)


def _cka(alignment: Array, own: Array, weights: Array) -> Array:
    """Sums of HSIC over the root of those of either learner with itself, (L, L)."""
    size = np.sqrt(np.maximum(np.diag(np.tensordot(weights, own, 1)), 0))
    return _over(np.asarray(np.tensordot(weights, alignment, 1), float), np.outer(size, size))


def _over(above: Array, below: Array) -> Array:
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)


def _learners(result: Result) -> list[Learner]:
    found = []
    for each in json_attribute(result.file, "learners", list):
        with reported(f"{result.path}: attribute 'learners'"):
            learner = Learner(str(each["kind"]), int(each["seed"]))
            checked_label(f"{result.path}: attribute 'learners'", str(each["file"]))
            KINDS[learner.kind]
        found.append(learner)
    if len(found) < 2:
        raise ResultError(f"{result.path}: attribute 'learners' must name two learners or more, names {len(found)}")
    return found


# Influence


class Influence:
    """Sums over the pairs of an answer and an example before it, by episode."""

    def __init__(self, rules: list[str], one: Array, other: Array, of_rules: Array) -> None:
        self.rules = rules
        before = np.tril(np.ones(one.shape[2:], bool), -1)
        first, second, linear = (each[..., before].astype(float) for each in (one, other, of_rules))
        left, right = (np.concatenate([each, linear]).transpose(1, 0, 2) for each in (first, second))
        self.episodes = left.shape[0]
        self.products = left @ right.transpose(0, 2, 1) / left.shape[2]
        self.left, self.right = left.mean(axis=2), right.mean(axis=2)
        self.left_square, self.right_square = np.mean(left**2, axis=2), np.mean(right**2, axis=2)
        elsewhere = np.roll(linear, 1, axis=1).transpose(1, 0, 2)
        self.products_elsewhere = left @ elsewhere.transpose(0, 2, 1) / left.shape[2]
        self.elsewhere = elsewhere.mean(axis=2)

    def _covariance(self, weights: Array) -> Array:
        share = weights / weights.sum()
        found = np.tensordot(share, self.products, 1) - np.outer(share @ self.left, share @ self.right)
        return np.asarray((found + found.T) / 2)

    def correlations(self, weights: Array) -> Array:
        """Of all pairs, noise of spiking networks taken out: both sides have other noise; (L + R, L + R)."""
        covariance = self._covariance(weights)
        own = np.sqrt(np.maximum(np.diag(covariance), 0))
        return _over(covariance, np.outer(own, own))

    def elsewhere_correlations(self, weights: Array) -> Array:
        """With the rules in other episodes, (L, R): what the places of example and answer alone make alike."""
        share, count = weights / weights.sum(), len(self.rules)
        found = np.tensordot(share, self.products_elsewhere, 1)
        found -= np.outer(share @ self.left, share @ self.elsewhere)
        own = np.sqrt(np.maximum(np.diag(self._covariance(weights)), 0))
        return _over(found[:-count], np.outer(own[:-count], own[-count:]))

    def repeatable(self) -> Array:
        """Correlation of one half of the passes with the other, (L + R,); 1 without noise."""
        covariance = np.diag(self._covariance(np.ones(self.episodes)))
        variances = [square.mean(axis=0) - side.mean(axis=0) ** 2
                     for square, side in ((self.left_square, self.left), (self.right_square, self.right))]  # fmt: skip
        return _over(covariance, np.sqrt(np.prod(variances, axis=0)))


def _influence(result: Result, count: int) -> Influence:
    group = subgroup(result.file, "influence")
    rules = names(group, "rules")
    one = array(group, "one", (count, None, None, None), FINITE)
    other = array(group, "other", one.shape, FINITE)
    return Influence(rules, one, other, array(group, "rules", (len(rules), *one.shape[1:]), FINITE))


# Means over pairs


@dataclass(frozen=True, eq=False)
class Means:
    """Means over the pairs of each of GROUPS: as measured, (groups,), and resampled, (RESAMPLES, groups)."""

    value: Array
    resampled: Array
    pairs: tuple[int, ...]  # of networks, in each group

    def __getitem__(self, name: str) -> Estimate:
        at = list(GROUPS).index(name)
        return bounded(self.value[at], self.resampled[:, at], self.pairs[at])

    def way(self, name: str) -> Estimate:
        """How far a group is on the way from the same pairs untrained, 0, to two seeds of a kind, 1."""
        at, low, high = (list(GROUPS).index(each) for each in (name, untrained(name), CEILING))

        def share(means: Array) -> Array:
            return _over(means[..., at] - means[..., low], means[..., high] - means[..., low])

        return bounded(float(share(self.value)), share(self.resampled), self.pairs[at])


def means_of(measured: Measured, matrix: Callable[[Array], Array], episodes: int) -> Means:
    """Means of a measure: of the pairs of two kinds their mean, of those the mean over all pairs of kinds.

    Args:
        matrix: of weights (episodes,), trained learners before untrained ones.
    """
    rng = np.random.default_rng(np.random.SeedSequence(RESAMPLING_SEED, spawn_key=(RESAMPLED_NETWORKS,)))
    members = [(pairs.trained, measured.members(pairs)) for pairs in GROUPS.values()]

    def means(weights: Array, drawn: Array) -> list[float]:
        found, pairs = matrix(weights), _pair_weights(measured, drawn)
        return [_mean(_part(found, measured.count, trained), pairs * chosen) for trained, chosen in members]

    value = means(np.ones(episodes), np.ones(measured.count))
    resampled = [means(_drawn(rng, episodes), _drawn_networks(rng, measured)) for _ in range(RESAMPLES)]
    return Means(np.array(value), np.array(resampled), tuple(int(chosen.sum()) // 2 for _, chosen in members))


def all_means(measured: Measured) -> dict[str, Means]:
    """Means over pairs of every measure, by its name."""
    blocks = len(measured.alignment)
    found = {
        "CKA": means_of(measured, measured.cka, blocks),
        "CKA beyond the input": means_of(measured, measured.cka_beyond, blocks),
        "cross-decoding": means_of(measured, measured.decoding, len(measured.beside)),
    }
    if measured.influence is not None:
        found["influence"] = means_of(measured, measured.influences, measured.influence.episodes)
    return found


def bounded(value: float, resampled: Array, n: int) -> Estimate:
    """With the percentile interval of what was resampled; none where that is defined too seldom."""
    sound = resampled[np.isfinite(resampled)]
    ends = 50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)
    low, high = np.percentile(sound, ends) if 10 * len(sound) > len(resampled) else (np.nan, np.nan)
    return Estimate(float(value), float(low), float(high), n)


def resampled_episodes(statistic: Callable[[Array], Array], episodes: int) -> tuple[Array, Array]:
    """A statistic of weights of episodes (episodes,): its value, and resampled, (RESAMPLES, ...)."""
    rng = np.random.default_rng(RESAMPLING_SEED)
    return statistic(np.ones(episodes)), np.array([statistic(_drawn(rng, episodes)) for _ in range(RESAMPLES)])


def estimates(statistic: Callable[[Array], Array], episodes: int) -> list[Estimate]:
    """Of a statistic with one axis, a value each, over episodes."""
    value, resampled = resampled_episodes(statistic, episodes)
    return [bounded(*each, episodes) for each in zip(value, resampled.T, strict=True)]


def _part(matrix: Array, count: int, trained: bool) -> Array:
    first = 0 if trained else count
    part = matrix[first : first + count, first : first + count]
    return (part + part.T) / 2


def _pair_weights(measured: Measured, drawn: Array) -> Array:
    """Weights of pairs (L, L) that add up to 1 for each pair of kinds; drawn (L,): how often each network is."""
    pairs = np.outer(drawn, drawn) * (1 - np.eye(len(drawn)))
    kinds = measured.of_kind
    total = kinds.T @ (kinds @ pairs @ kinds.T) @ kinds
    return np.divide(pairs, total, out=np.zeros_like(pairs), where=total > 0)


def _mean(matrix: Array, weights: Array) -> float:
    weights = np.where(np.isfinite(matrix), weights, 0)
    total = weights.sum()
    return float(np.sum(weights * np.nan_to_num(matrix)) / total) if total > 0 else np.nan


def _drawn(rng: np.random.Generator, count: int) -> Array:
    return times_drawn(rng.integers(0, count, (1, count)), count)[0]


def _drawn_networks(rng: np.random.Generator, measured: Measured) -> Array:
    """How often each network is drawn, as many of each kind as there are."""
    drawn = np.zeros(measured.count)
    for kind in measured.of_kind:
        numbers = np.flatnonzero(kind)
        drawn[numbers] = _drawn(rng, len(numbers))
    return drawn
