"""Graph walk: grids of rooms with symbols, walks on them, and which symbol a move leads to.

task.py: compiled functions and keywords     baselines.py: what can be told without a map, and with one
presets.py     environment.py: Gymnasium     family.py: all of it together
"""

from tasks.graph_walk.family import FAMILY
from tasks.graph_walk.task import GraphWalk

__all__ = ["FAMILY", "GraphWalk"]
