"""The two-step task (Daw et al. 2011; Wang et al. 2018): plan by a map of chances, or repeat what was paid.

task.py: compiled functions and keywords     baselines.py: baselines     presets.py     family.py: all of it together
environment.py: Gymnasium     rendering.py: pictures
"""

from tasks.two_step.family import FAMILY
from tasks.two_step.task import TwoStep

__all__ = ["FAMILY", "TwoStep"]
