"""Harlow's task (Wang et al. 2018): one of two objects never seen before pays, whichever side it is on.

task.py: compiled functions and keywords     baselines.py: baselines     presets.py     family.py: all of it together
environment.py: Gymnasium
"""

from tasks.harlow.family import FAMILY
from tasks.harlow.task import Harlow

__all__ = ["FAMILY", "Harlow"]
