"""Families of environments: compiled dynamics, encoders, Gymnasium faces, scripted swimmers.

To import this registers the Gymnasium faces. Where another process makes them (Stable-Baselines3's SubprocVecEnv),
their names are "tasks:lsnn/WaterMaze-v0" and so on.
"""

import gymnasium

gymnasium.register(
    id="lsnn/WaterMaze-v0",
    entry_point="tasks.gym_faces:WaterMazeEnv",
    vector_entry_point="tasks.gym_faces:WaterMazeVectorEnv",
)
gymnasium.register(
    id="lsnn/Bandit-v0",
    entry_point="tasks.bandit_env:BanditEnv",
    vector_entry_point="tasks.bandit_env:bandit_vector_env",
)
