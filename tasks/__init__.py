"""Families of environments: compiled dynamics, encoders, Gymnasium faces, scripted swimmers."""

import gymnasium

gymnasium.register(
    id="lsnn/WaterMaze-v0",
    entry_point="tasks.gym_faces:WaterMazeEnv",
    vector_entry_point="tasks.gym_faces:WaterMazeVectorEnv",
)
gymnasium.register(id="lsnn/Bandit-v0", entry_point="tasks.bandit_env:BanditEnv")
