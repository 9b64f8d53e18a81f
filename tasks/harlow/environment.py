"""What is Harlow's own in its Gymnasium environments: spaces, info, docstring."""

import numpy as np
from gymnasium.spaces import MultiBinary
from numpy.typing import NDArray

from tasks.family import Environment
from tasks.harlow.task import N_FLAGS, OTHER, PAYS, SIDE, Harlow

DOC = """\
## Description
Two objects that were never seen before; one of them always pays, the other never, whichever side each is on (Harlow
1949; Wang et al. 2018). One choice tells which. A trial has three steps: a sign at the centre, the choice, what came of
it. A network has `phase_ms` for each.

## Action Space
`Discrete(2)`: left or right. It matters in the second step of a trial alone.

## Observation Space
`MultiBinary(33)`

| Num   | Observation                                                            |
|-------|------------------------------------------------------------------------|
| 0-9   | second step: bits of the object on the left                            |
| 10-19 | second step: bits of the object on the right                           |
| 20-29 | third step: bits of the chosen object, at the centre                   |
| 30    | first step: the sign                                                   |
| 31    | third step: it paid                                                    |
| 32    | third step: it did not                                                 |

`info` holds `key` (uint64, the episode's), `objects` (codes of the object that pays and of the other) and `side` (where
the one that pays is in this trial, 0 left, 1 right).

## Transition Dynamics
Sides are drawn anew for each trial.

## Reward
1 for the choice of the object that pays, else 0.

## Starting State
Two different codes, of which a quarter is held out: `objects="trained"` draws from the rest, `objects="held_out"` from
them. All follows from the episode's key: `reset(options={"key": k})` sets it, `reset(seed=s)` seeds the draw of it.

## Episode End
Never terminated; truncated after three steps for each of `trials`.

## Arguments
`trials` and `objects` of `tasks.harlow.Harlow`:

    gymnasium.make("lsnn/Harlow-v0", objects="held_out")

`render_mode`: None or "rgb_array", a raster of what was observed.

## Version History
* v0: initial version
"""


def info(task: Harlow, states: NDArray[np.float64]) -> dict[str, NDArray]:
    """The objects and the side of the one that pays, from states (n, N_STATE)."""
    return {"objects": states[:, [PAYS, OTHER]].astype(np.int64), "side": states[:, SIDE].astype(np.int64)}


ENVIRONMENT = Environment(
    doc=DOC,
    observation=lambda task: MultiBinary(N_FLAGS),
    info=info,
    step_ms=lambda task: task.phase_ms,
    keywords=("trials", "objects"),
    settings={"reward": 1.0},
)
