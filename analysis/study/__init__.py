"""Figures and text of a study file, one module for each kind of experiment; from the file alone."""
