"""Meta-training over settings and seeds: what to run, running it, its summary."""
