"""Frozen networks in Brian2: agreement with the compiled engine, and physics that departs from it."""
