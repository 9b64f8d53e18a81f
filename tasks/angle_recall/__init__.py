"""Angle recall: an angle is shown, then nothing is; at a cue it has to be told.

task.py: compiled functions and keywords     baselines.py: what the input itself allows     presets.py
environment.py: Gymnasium     family.py: all of it together
"""

from tasks.angle_recall.family import FAMILY
from tasks.angle_recall.task import AngleRecall

__all__ = ["FAMILY", "AngleRecall"]
