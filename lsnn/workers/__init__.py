"""Blocks of episodes on other processes: local ones, or those of a Dask cluster."""
