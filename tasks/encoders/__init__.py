"""Encoders: input cells that turn an observation into spikes, shared by all tasks; a file a kind, found by its place.

coordinate.py, place.py, cued_place.py: the water maze's place     population.py: any bounded vector
flag.py: flags     ring.py: an angle and a cue     spikes.py: the drawing of spikes, which all share

Each cell spikes in a step with probability rate x dt (dt = 1 ms), independently of the others. A Gaussian cell whose
rate is below a millionth of its peak is taken as silent, so that only cells near the observed value need a draw.

How many cells a compiled encoder has to deal with follows from the lengths of its arrays, and no cell beyond the end of
`spikes` is ever written.

`CoordinateCells`, `PlaceCells` and, with cues beside, `CuedPlaceCells` read the water maze's observation (x, y,
on_platform, wall): pool of radius 1, flags 0 or 1. A place outside the pool (the corner (1, 1) while the animal is held
between trials) excites no cell.
"""

from tasks.encoders.coordinate import CoordinateCells
from tasks.encoders.cued_place import CuedPlaceCells
from tasks.encoders.flag import FlagCells
from tasks.encoders.place import PlaceCells
from tasks.encoders.population import GaussianPopulation
from tasks.encoders.ring import RingCells
from tasks.encoders.spikes import MAZE_OBSERVATION

__all__ = [
    "MAZE_OBSERVATION", "CoordinateCells", "CuedPlaceCells", "FlagCells", "GaussianPopulation", "PlaceCells",
    "RingCells"
]  # fmt: skip
