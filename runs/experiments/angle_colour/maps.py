"""Maps by which colours arrive: which synapses a colour cell has, given those of the ring cells.

Colour cells are ring cells of another ring: cell m of M prefers the hue 2 pi m / M. Its synapses are those that the
ring has at the angle at which the map lets it land, between two ring cells the mean of both by their nearness.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lsnn.seeds import STUDY_BRANCH, Study
from tasks.encoders import RingCells

Array = NDArray[np.float64]

GRADED = {  # what is graded, and how strongly
    "warp": (0.25, 0.5, 0.75, 1.0, 1.5),
    "noise": (10.0, 20.0, 40.0, 80.0),
    "overlap": (0.75, 0.5, 0.25, 0.0),
    "width": (5.0, 10.0, 40.0, 60.0, 90.0),
    "cells": (4.0, 8.0, 16.0, 64.0),
}
MEANING = {
    "same": "every colour cell has the synapses of a ring cell, in order",
    "turned": "the same, a quarter of the circle on",
    "mirrored": "the same, in the opposite order",
    "folded": "two hues land on each angle of a half circle",
    "shuffled": "colour cells have the synapses of ring cells in random order",
    "warp": "hue h lands at h + value sin(h); above 1 it folds",
    "noise": "colour cells land beside their place, normal, sd in deg",
    "overlap": "share of synapses that are the ring's; the others are drawn from all of the ring's",
    "width": "tuning of the colour cells in deg; as many spikes as the ring's",
    "cells": "number of colour cells; their synapses are stronger the fewer they are",
}
DRAWS = {"noise": 2, "overlap": 2, "shuffled": 2}  # of maps that are drawn
KINDS = tuple(MEANING)
GRID = 72  # hues at which two drives are compared


class Map(NamedTuple):
    """A map: its kind, how strong it is, and which draw where it is drawn."""

    kind: str
    value: float = 0.0
    draw: int = 0


def all_maps() -> list[Map]:
    """Every map of the experiment; the first is `same`."""
    kinds = ((kind, value) for kind in KINDS for value in GRADED.get(kind, (0.0,)))
    return [Map(kind, value, draw) for kind, value in kinds for draw in range(DRAWS.get(kind, 1))]


def colour_cells(ring: RingCells, way: Map) -> RingCells:
    """The colour cells of a map; their spikes are as many as the ring's where their tuning differs."""
    if way.kind == "cells":
        return replace(ring, n_cells=int(way.value))
    if way.kind != "width":
        return ring
    other, hues = replace(ring, width_deg=way.value), 2 * np.pi * np.arange(GRID) / GRID
    rate = ring.rate_hz * ring.probabilities(hues).mean() / other.probabilities(hues).mean()
    return replace(other, rate_hz=float(rate))


def landed(weights: Array, angles: Array) -> Array:
    """The synapses (M, N) that a ring with weights (n, N) has at these angles (M,), in rad."""
    n = len(weights)
    place = angles / (2 * np.pi) * n
    below = np.floor(place)
    share = (place - below)[:, None]
    first = below.astype(int) % n
    return np.asarray((1 - share) * weights[first] + share * weights[(first + 1) % n])


def colour_weights(weights: Array, way: Map, seed: int) -> Array:
    """The synapses of the colour cells (M, N) of a map, from those of the ring (n, N)."""
    n = int(way.value) if way.kind == "cells" else len(weights)
    hue = 2 * np.pi * np.arange(n) / n
    kind = KINDS.index(way.kind)
    own = np.random.SeedSequence(seed, spawn_key=(STUDY_BRANCH, Study.ANGLE_COLOUR, 1, kind, way.draw))
    generator = np.random.default_rng(own)
    if way.kind == "shuffled":
        return weights[generator.permutation(n)]
    if way.kind == "overlap":
        other = generator.permutation(weights.ravel()).reshape(weights.shape)
        return np.where(generator.random(weights.shape) < way.value, weights, other)
    places = {
        "turned": lambda: hue + np.pi / 2,
        "mirrored": lambda: -hue,
        "folded": lambda: np.minimum(hue, 2 * np.pi - hue),
        "warp": lambda: hue + way.value * np.sin(hue),
        "noise": lambda: hue + np.radians(way.value) * generator.standard_normal(n),
    }
    found = landed(weights, places[way.kind]()) if way.kind in places else landed(weights, hue)
    return found * len(weights) / n


def distortion(ring: RingCells, weights: Array, cells: RingCells, colours: Array) -> float:
    """1 - r: r is the correlation of the drives by hue and by angle after the best rotation or reflection.

    The drive of a neuron at hue h is sum_m p_m(h) w_mj; its mean over hues is taken off. 0: the same drive; about 1:
    another.
    """
    grid = 2 * np.pi * np.arange(GRID) / GRID
    own, other = ring.probabilities(grid) @ weights, cells.probabilities(grid) @ colours
    own, other = own - own.mean(axis=0), other - other.mean(axis=0)
    norm = np.linalg.norm(own) * np.linalg.norm(other)
    turns = [np.roll(each, shift, axis=0) for each in (own, own[::-1]) for shift in range(GRID)]
    return float(1.0 - max(np.sum(turn * other) for turn in turns) / norm)
