"""Regression in context (Hochreiter, Younger & Conwell 2001): a function to be told from an episode's examples.

task.py: compiled functions and keywords     baselines.py: algorithms     presets.py     family.py: all of it together
environment.py: Gymnasium
"""

from tasks.regression.family import FAMILY
from tasks.regression.task import Regression

__all__ = ["FAMILY", "Regression"]
