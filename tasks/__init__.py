"""Task families: what networks are meta-trained on. `family.py` is the contract, `registry.py` finds them.

To import this registers their Gymnasium environments. Where another process makes them (Stable-Baselines3's
SubprocVecEnv), their names are "tasks:lsnn/WaterMaze-v0" and so on.
"""

import gymnasium

from tasks import environment
from tasks.registry import environments, load

__all__ = ["environment", "load"]

for _environment in environments():
    gymnasium.register(id=_environment.id, entry_point=_environment.single, vector_entry_point=_environment.vector)
