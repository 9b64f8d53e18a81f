"""Frozen networks run from Python: `lsnn.load`, `lsnn.simulate`, `lsnn.Simulation`, and what they leave."""
