"""Claims: what a measured effect says of a margin that was stated beforehand.

A difference that is not significant is not thereby absent, and one that is may be too small to matter. So an effect is
held against a margin on either side of what it would be if there were none: it lies above, below or within, where its
whole interval does, and else nothing is decided. The p of a claim is the level at which the interval would just reach
the next bound (Altman & Bland 2011, with Student's t for the animals), and the claims of a page are corrected
together (Holm 1979).

    Altman, D. G., Bland, J. M. (2011). How to obtain the P value from a confidence interval. BMJ 343, d2304.
    Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scand. J. Stat. 6, 65-70.
"""

from collections.abc import Hashable, Mapping
from enum import Enum
from typing import NamedTuple, TypeVar

import numpy as np
from scipy.stats import binomtest, norm, t

from lsnn.estimates import CONFIDENCE, Estimate

SHARE_MARGIN = 0.10  # of shares of animals, of time, and of the oracle's visits
LATENCY_MARGIN = 0.20  # of escape latencies, in those of the oracle
FEWEST = 20  # animals; fewer decide nothing, as their bootstrap interval is too narrow

Key = TypeVar("Key", bound=Hashable)


class Outcome(Enum):
    """Where an effect lies; MORE, LESS and SAME are beyond the margin on either side and within it."""

    MORE = "more"
    SAME = "same"
    LESS = "less"
    UNDECIDED = "not decided"


class Claim(NamedTuple):
    """Where an effect lies by its estimate, and the p of that."""

    lies: Outcome
    p: float


def claim(effect: Estimate, margin: float = 0.0, null: float = 0.0) -> Claim:
    """An effect with its interval against null - margin and null + margin; without a margin null itself is the bar.

    p is 1 for fewer than `FEWEST` animals or without an interval, so that nothing is decided.
    """
    if effect.n < FEWEST or not np.isfinite(effect[:3]).all():
        return Claim(Outcome.UNDECIDED, 1.0)
    bounds = null - margin, null + margin
    return Claim(_side(effect.value, *bounds), max(_p_beyond(effect, bound) for bound in bounds))


def share_claim(count: int, n: int, margin: float = SHARE_MARGIN, null: float = 0.5) -> Claim:
    """The same of the share of animals, count of n, by the exact binomial test (an interval's width says too much where
    the share is near 0 or 1)."""
    if n < FEWEST:
        return Claim(Outcome.UNDECIDED, 1.0)
    bounds = null - margin, null + margin
    sides = [binomtest(count, n, bound, "less" if count < bound * n else "greater").pvalue for bound in bounds]
    return Claim(_side(count / n, *bounds), min(1.0, 2 * max(sides)))


def _side(value: float, low: float, high: float) -> Outcome:
    return Outcome.LESS if value < low else Outcome.MORE if value > high else Outcome.SAME


def _p_beyond(effect: Estimate, bound: float) -> float:
    """Two-sided p of the effect lying at a bound, from the half of its interval on that side."""
    half = effect.value - effect.low if bound < effect.value else effect.high - effect.value
    if half == 0:
        return float(effect.value == bound)
    distance = abs(effect.value - bound) / half * norm.isf((1 - CONFIDENCE) / 2)
    return float(2 * t.sf(distance, effect.n - 1))


def holm(p: np.ndarray) -> np.ndarray:
    """p of claims made together, (claims,), so corrected that a wrong one among them has the probability of each."""
    order = np.argsort(p)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
    return corrected


def decide(claims: Mapping[Key, Claim]) -> dict[Key, Outcome]:
    """Where each effect lies, or UNDECIDED, once all claims of a page are corrected together."""
    corrected = holm(np.array([each.p for each in claims.values()]))
    return {
        key: each.lies if p <= 1 - CONFIDENCE else Outcome.UNDECIDED
        for (key, each), p in zip(claims.items(), corrected, strict=True)
    }


def sort_out(outcomes: Mapping[str, Outcome], said: Mapping[Outcome, str], where: str = "at {}") -> str:
    """What is said of which: 'more at 10, 20; not decided at 50'; of all alike, 'more throughout'."""
    parts = []
    for outcome in Outcome:
        labels = [label for label, each in outcomes.items() if each is outcome]
        if labels:
            place = "throughout" if len(labels) == len(outcomes) > 1 else where.format(", ".join(labels))
            parts.append(f"{said.get(outcome, outcome.value)} {place}")
    return "; ".join(parts)
