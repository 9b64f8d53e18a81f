"""Short scripts to start from: `python -m runs.examples.simulate`. Each has a `main` with sizes to change."""
