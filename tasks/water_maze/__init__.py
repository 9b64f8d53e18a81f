"""The water maze (Morris 1984): one hidden platform an episode, many releases.

dynamics.py: the compiled functions     task.py: its keywords        trials.py: the table of trials
baselines.py: scripted policies         presets.py                   family.py: all of it together
environment.py: Gymnasium               rendering.py: pictures
"""

from tasks.water_maze.family import FAMILY
from tasks.water_maze.task import WaterMaze

__all__ = ["FAMILY", "WaterMaze"]
