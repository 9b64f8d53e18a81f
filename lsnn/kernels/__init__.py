"""Compiled code. Whatever stands here believes its arguments: it is called by compiled code and by `lsnn.blocks`,
`lsnn.gym_blocks`, `lsnn.arrays` and `lsnn.brian`, which check shapes, types and places before (`lsnn.forms`). Of a
task's own functions those that Python calls as well check for themselves (`entry.py`).
"""
