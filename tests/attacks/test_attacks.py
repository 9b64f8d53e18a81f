"""No call from Python crashes the interpreter or computes in silence with what does not fit.

Every way into compiled code is called with one wrong argument after another, in a process of its own: a crash names
the last call it told of.
"""

import subprocess
import sys
from collections import Counter

import pytest

FEWEST = {"blocks": 150, "families": 150}  # attacks, so that none goes missing unseen


@pytest.mark.parametrize("group", FEWEST)
def test_wrong_arguments_are_refused_and_others_work(group):
    command = [sys.executable, "-m", "tests.attacks.attack", group]
    run = subprocess.run(command, capture_output=True, text=True, timeout=540)
    *told, end = run.stdout.splitlines() or [""]
    assert run.returncode == 0 and end == "end", f"ended after {end!r}\n{run.stderr[-2000:]}"
    outcomes = [line.rpartition(" -> ")[2] for line in told]
    bad = [line for line, outcome in zip(told, outcomes, strict=True) if outcome not in ("refused", "the same")]
    assert not bad, "\n".join(bad[:40])
    assert Counter(outcomes)["refused"] >= FEWEST[group]
