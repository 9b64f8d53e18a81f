"""What is regression's own in its Gymnasium environments: spaces, info, docstring."""

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from tasks.family import Environment
from tasks.regression.task import LARGEST_X, N_HIDDEN, SAMPLE, Regression, Y

FARTHEST_Y = (1.0, 6.0, N_HIDDEN + 1.0, np.inf)  # that a function of each kind can reach, as FUNCTIONS has them

DOC = """\
## Description
A function that is to be told from examples (Hochreiter, Younger & Conwell 2001). At each step x is shown together with
the right answer for the x before; the action is the answer for this one. What was learnt of the function is of use
until the end of the episode, which has one function.

## Action Space
`Box(-h, h, (1,), float32)`: y as predicted. h is what a function of the kind can reach: 1 for `sine`, 6 for
`quadratic`, 11 for `network`, unbounded for `linear`.

## Observation Space
`Box(float32)` of d + 1 numbers, d = 1 for `sine`, 2 for `quadratic` and `network`, 5 for `linear`:

| Num  | Observation           | Min | Max | Unit |
|------|-----------------------|-----|-----|------|
| 0..  | x (d numbers)         | -1 (`sine`: -pi) | 1 (`sine`: pi) | 1 |
| last | y for the x before, 0 at the start | -h | h | 1 |

`info` holds `key` (uint64, the episode's), `sample` (number of answers given) and `y` (the right answer for this x).

## Transition Dynamics
x is uniform in its range, independent of all that was answered. One step is one example; a network has `sample_ms`
for it.

## Reward
Minus the squared error of the answer.

## Starting State
The function's coefficients and all x follow from the episode's key: `reset(options={"key": k})` sets it,
`reset(seed=s)` seeds the draw of it.

## Episode End
Never terminated; truncated after `samples` steps.

## Arguments
`function`, `samples` and `active_dimensions` of `tasks.regression.Regression`:

    gymnasium.make("lsnn/Regression-v0", function="quadratic")

`render_mode`: None or "rgb_array", a raster of what was observed.

## Version History
* v0: initial version
"""


def observed(task: Regression) -> Box:
    """x, and y of the sample before."""
    high = np.array([*[LARGEST_X[task.kind]] * task.dimensions, FARTHEST_Y[task.kind]], np.float32)
    return Box(-high, high)


def answered(task: Regression) -> Box:
    """y as predicted."""
    return Box(-FARTHEST_Y[task.kind], FARTHEST_Y[task.kind], (1,))


def info(task: Regression, states: NDArray[np.float64]) -> dict[str, NDArray]:
    """How many answers were given and which is the next right one, from states (n, N_STATE)."""
    return {"sample": states[:, SAMPLE].astype(np.int64), "y": states[:, Y]}


def a_sample(task: Regression) -> int:
    """Steps of the task for each example."""
    return task.sample_ms


ENVIRONMENT = Environment(
    doc=DOC,
    observation=observed,
    action=answered,
    info=info,
    step_ms=a_sample,
    keywords=("function", "samples", "active_dimensions"),
)
