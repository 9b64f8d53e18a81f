"""What is the two-step task's own in its Gymnasium environments: spaces, info, drawing, docstring."""

import numpy as np
from gymnasium.spaces import MultiBinary
from numpy.typing import NDArray

from tasks.family import Environment
from tasks.two_step.rendering import draw_two_step
from tasks.two_step.task import FLAGS, GOOD, MAP, TwoStep

DOC = """\
## Description
An action leads commonly to one of two states, rarely to the other. One of the states pays more often, and now and then
it becomes the other (Daw et al. 2011, as in Wang et al. 2018). A trial is two steps, a choice and its outcome; a
network has `phase_ms` for each.

## Action Space
`Discrete(2)`: the action. It matters where the cue is shown.

## Observation Space
`MultiBinary(6)`: the cue to choose, or what the choice led to.

| Num | Observation                    |
|-----|--------------------------------|
| 0   | an action is to be taken       |
| 1   | the first action was taken     |
| 2   | the second action was taken    |
| 3   | it led to the first state      |
| 4   | it led to the second state     |
| 5   | it paid                        |

`info` holds `key` (uint64, the episode's), `good` (the state that pays more often) and `map` (0: action a leads
commonly to state a; 1: to the other).

## Transition Dynamics
An action leads with chance `common` where it commonly does; the better state pays with `pays`, the other with
1 - `pays`; before each trial they change places with chance `switch`. All follow from the key and the trial, so that
all baselines meet the same luck. With `dark_ms`, steps without any observation come before each choice.

## Reward
1 if the trial paid, else 0, given at the choice.

## Starting State
Which state pays first and, with `remapped`, the map are even chances. They follow from the episode's key:
`reset(options={"key": k})` sets it, `reset(seed=s)` seeds the draw of it.

## Episode End
Never terminated; truncated after the last trial's outcome, 2 `trials` steps.

## Arguments
`remapped`, `common`, `pays`, `switch`, `trials`, `phase_ms` and `dark_ms` of `tasks.two_step.TwoStep`:

    gymnasium.make("lsnn/TwoStep-v0", remapped=True)

`render_mode`: None or "rgb_array".

## Version History
* v0: initial version
"""


def observed(task: TwoStep) -> MultiBinary:
    """The cue, or action, state and reward."""
    return MultiBinary(len(FLAGS))


def info(task: TwoStep, states: NDArray[np.float64]) -> dict[str, NDArray]:
    """What is hidden, from states (n, N_STATE)."""
    return {"good": states[:, GOOD].astype(np.int64), "map": states[:, MAP].astype(np.int64)}


def a_phase(task: TwoStep) -> int:
    """Steps of the task for the choice, and for the outcome."""
    return task.phase_ms


def draw(task: TwoStep, states: NDArray[np.float64], t: int) -> NDArray[np.uint8]:
    """The two states, the action and the outcome, (PIXELS, PIXELS, 3)."""
    return draw_two_step(states[-1])


ENVIRONMENT = Environment(
    doc=DOC,
    observation=observed,
    info=info,
    step_ms=a_phase,
    keywords=("remapped", "common", "pays", "switch", "trials", "phase_ms", "dark_ms"),
    settings={"reward": 1.0},
    draw=draw,
)
