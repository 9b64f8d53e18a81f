"""Induction: [A] [B] ... [A] -> [B], pairs of tokens in a stream and what followed a token when it comes again.

task.py: compiled functions and keywords     baselines.py: what can be told without memory of the pairs, and with it
presets.py     environment.py: Gymnasium     family.py: all of it together
"""

from tasks.induction.family import FAMILY
from tasks.induction.task import Induction

__all__ = ["FAMILY", "Induction"]
