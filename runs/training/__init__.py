"""Meta-training: a run within its budget, and whoever works on its blocks."""
