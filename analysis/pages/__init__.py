"""The pages of result files: `generic.py` makes one of any family, a module named as the family adds to it."""
