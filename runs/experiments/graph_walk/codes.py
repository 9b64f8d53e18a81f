"""Codes of position: what units tell of a place on a grid, by definitions of the literature on rats.

Arrays are over n visits, U units and maps of M x M bins; a bin is a place counted from the first room.
"""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import map_coordinates

LEAST_VISITS = 20  # of a bin that counts
LEAST_OVERLAP = 20  # bins of two maps that are laid over one another
RING = (2.0, 5.0)  # lags in rooms that gridness is told from: beyond the neighbours, within half a map
SIXTY = ((60, 120), (30, 90, 150))  # turns that a hexagonal grid is like, and is not
NINETY = ((90,), (45, 135))  # of a square one


class Codes(NamedTuple):
    """What units tell of place, (U,) each, NaN where a unit is constant; maps (U, M, M), NaN in bins seldom visited."""

    explained: np.ndarray
    information: np.ndarray
    sixty: np.ndarray
    ninety: np.ndarray
    maps: np.ndarray


def codes_of(activity: np.ndarray, bins: np.ndarray, side: int) -> Codes:
    """The codes of units.

    Args:
        activity: (n, U). bins: (n,), the bin of each visit in a map of side x side.
    """
    visits = np.bincount(bins, minlength=side * side).astype(float)
    kept = visits >= LEAST_VISITS
    among = kept[bins]
    rate, bins = (activity - activity.min(axis=0))[among].astype(float), bins[among]
    sums = np.zeros((side * side, rate.shape[1]))
    np.add.at(sums, bins, rate)
    means, share = sums[kept] / visits[kept, None], visits[kept] / visits[kept].sum()
    maps = np.full((rate.shape[1], side * side), np.nan)
    maps[:, kept] = means.T
    maps = maps.reshape(-1, side, side)
    alike = autocorrelograms(maps)
    return Codes(explained(rate, means, share), information(means, share), gridness(alike, *SIXTY),
                 gridness(alike, *NINETY), maps)  # fmt: skip


def explained(rate: np.ndarray, means: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Share of the variance of rates (n, U) that lies between bins with means (B, U) and shares of visits (B,)."""
    between = share @ (means - share @ means) ** 2
    whole = rate.var(axis=0)
    return np.divide(between, whole, out=np.full(len(whole), np.nan), where=whole > 0)


def information(means: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Bits per spike, sum_b p_b (r_b / r) log2(r_b / r) (Skaggs et al. 1993), of means (B, U) and shares p (B,)."""
    whole = share @ means
    ratio = np.divide(means, whole, out=np.full_like(means, np.nan), where=whole > 0)
    return share @ (ratio * np.log2(np.where(ratio == 0, 1.0, ratio)))


def autocorrelograms(maps: np.ndarray) -> np.ndarray:
    """Correlation of each map (U, M, M) with itself at every lag, (U, 2M - 1, 2M - 1); NaN with few bins in common."""
    side = maps.shape[-1]
    found = np.full((len(maps), 2 * side - 1, 2 * side - 1), np.nan)
    for row in range(1 - side, side):
        for column in range(1 - side, side):
            here, there = (_part(maps, row, column, sign) for sign in (1, -1))
            common = np.isfinite(here[:1] + there[:1])[0]
            if common.sum() >= LEAST_OVERLAP:
                found[:, row + side - 1, column + side - 1] = correlation(here[:, common], there[:, common])
    return found


def _part(maps: np.ndarray, row: int, column: int, sign: int) -> np.ndarray:
    """What of the maps lies over them once they are shifted; sign -1: what it lies over."""
    rows, columns = (
        slice(max(0, shift), maps.shape[-1] + min(0, shift)) for shift in (sign * row, sign * column)
    )  # fmt: skip
    return maps[:, rows, columns]


def correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Pearson's r of the rows of two (U, n); NaN where one is constant."""
    one, other = (each - each.mean(axis=1, keepdims=True) for each in (one, other))
    scale = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    return np.divide((one * other).sum(axis=1), scale, out=np.full(len(one), np.nan), where=scale > 0)


def gridness(alike: np.ndarray, same: tuple[int, ...], between: tuple[int, ...]) -> np.ndarray:
    """The least likeness of autocorrelograms (U, L, L) to themselves under the turns `same` (degrees), less the
    greatest under those `between`, over the lags of RING."""
    lag = np.arange(alike.shape[-1]) - alike.shape[-1] // 2
    distance = np.hypot(lag[:, None], lag)
    rows, columns = np.nonzero((distance >= RING[0]) & (distance <= RING[1]))
    rows, columns = lag[rows], lag[columns]
    at = {turn: _turned(alike, rows, columns, turn) for turn in (0, *same, *between)}
    likeness = {}
    for turn in (*same, *between):
        both = np.isfinite(at[0]) & np.isfinite(at[turn])
        likeness[turn] = np.array([
            correlation(one[None, kept], other[None, kept])[0] if kept.sum() > 2 else np.nan
            for one, other, kept in zip(at[0], at[turn], both, strict=True)
        ])  # fmt: skip
    lowest = np.min([likeness[turn] for turn in same], axis=0)
    return np.asarray(lowest - np.max([likeness[turn] for turn in between], axis=0))


def _turned(alike: np.ndarray, rows: np.ndarray, columns: np.ndarray, degrees: int) -> np.ndarray:
    """Autocorrelograms at these lags turned by an angle, between bins linearly, (U, lags)."""
    angle, middle = np.deg2rad(degrees), alike.shape[-1] // 2
    there = (np.cos(angle) * rows - np.sin(angle) * columns, np.sin(angle) * rows + np.cos(angle) * columns)
    at = np.round([each + middle for each in there], 9)
    return np.array([map_coordinates(each, at, order=1, cval=np.nan) for each in alike])
