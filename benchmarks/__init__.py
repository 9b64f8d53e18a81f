"""Side-by-side timings of the engine and of what a user would pick instead; `python -m benchmarks.run`."""
