"""Experiments on the state of a frozen network (`lsnn study`): where its memory is, for how long, how precise.

Each is a function of (subject, seed) that returns `Findings`; docs/guide/study.md says what each
does, docs/reference/files.md what it leaves.
"""
