"""Experiments, a file or folder each, run as `lsnn experiment NAME`; a new one needs no entry elsewhere."""
