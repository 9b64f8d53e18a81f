"""Experiments on the state of a frozen network (`lsnn study`): where its memory is, for how long, how precise.

Each is a function of (subject, seed) that returns `Findings`; docs/guide/study.md says what each does,
docs/reference/files.md what it leaves. Those of every family with a latent stand in `every_family.py`. A module or
folder here that is named as a family adds its own: `EXPERIMENTS`, by name, and where they are needed `check(path,
experiment, asked)`, which refuses a network that they cannot be done on, and `variants`, networks to be trained for
further ones.
"""
