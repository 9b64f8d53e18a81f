"""Two-armed bandits (Wang et al. 2018): what the arms pay has to be found out within an episode.

task.py: compiled functions and keywords     baselines.py: baselines     presets.py     family.py: all of it together
environment.py: Gymnasium
"""

from tasks.bandit.family import FAMILY
from tasks.bandit.task import Bandit

__all__ = ["FAMILY", "Bandit"]
