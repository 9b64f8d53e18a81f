"""What is angle recall's own in its Gymnasium environments: info, length of a step, docstring."""

import math

import numpy as np
from numpy.typing import NDArray

from tasks.angle_recall.task import ANGLE, PART, RECALL, AngleRecall
from tasks.family import Environment

STEP_MS = 10  # of the environment, where it divides the episode

DOC = """\
## Description
An angle is shown, then nothing is for a while, then a cue asks for it.

## Action Space
`Box(-1, 1, (2,), float32)`: a vector whose direction is the answer. It matters at the end of the cue alone.

## Observation Space
`Box(float32)` of 3 numbers:

| Num | Observation                                    | Min | Max | Unit |
|-----|------------------------------------------------|-----|-----|------|
| 0   | cosine of the angle while it is shown, else 0  | -1  | 1   | 1    |
| 1   | its sine while it is shown, else 0             | -1  | 1   | 1    |
| 2   | 1 while the cue is up, else 0                  | 0   | 1   | 1    |

`info` holds `key` (uint64, the episode's), `asked` (whether the cue is up) and `angle` (rad, the one to be told).

## Transition Dynamics
What is shown does not depend on what is answered. One step lasts 10 ms, or the greatest common divisor of that and the
episode; the observation is that at its beginning.

## Reward
Minus the angle between answer and what was shown, in degrees, once: in the step in which the cue ends. (0, 0) counts as
the angle 0.

## Starting State
Angle and dark follow from the episode's key: `reset(options={"key": k})` sets it, `reset(seed=s)` seeds the draw of it.

## Episode End
Never terminated; truncated after show_ms + dark_ms + cue_ms. Where the dark drawn is shorter, nothing happens after the
cue.

## Arguments
The fields of `tasks.angle_recall.AngleRecall`, among them `show_ms`, `dark_ms_min`, `dark_ms` and `cue_ms`:

    gymnasium.make("lsnn/AngleRecall-v0", dark_ms=1000)

`render_mode`: None or "rgb_array", a raster of what was observed.

## Version History
* v0: initial version
"""


def info(task: AngleRecall, states: NDArray[np.float64]) -> dict[str, NDArray]:
    """Whether the angle is asked for and which it is, from states (n, N_STATE)."""
    return {"asked": states[:, PART] == RECALL, "angle": states[:, ANGLE]}


ENVIRONMENT = Environment(doc=DOC, info=info, step_ms=lambda task: math.gcd(STEP_MS, task.duration_ms))
