"""The simulators that are timed, one module each, run in a process of its own by `harness.py`."""
