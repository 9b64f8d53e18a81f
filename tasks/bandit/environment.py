"""What is the bandit's own in its Gymnasium environments: spaces, info, drawing, docstring."""

import numpy as np
from gymnasium.spaces import MultiBinary
from numpy.typing import NDArray

from tasks.bandit.rendering import draw_bandit
from tasks.bandit.task import N_ARMS, P_FIRST, P_SECOND, Bandit
from tasks.family import Environment

DOC = """\
## Description
Two arms that pay or do not, each with a probability of its own that has to be found out within an episode (Wang et
al. 2018). One step is one pull; a network has `trial_ms` for it.

## Action Space
`Discrete(2)`: the arm to pull.

## Observation Space
`MultiBinary(4)`, the outcome of the pull before; all 0 at the start.

| Num | Observation                      |
|-----|----------------------------------|
| 0   | the first arm was pulled, paid   |
| 1   | the first arm was pulled, no pay |
| 2   | the second was pulled, paid      |
| 3   | the second was pulled, no pay    |

`info` holds `key` (uint64, the episode's) and `probability` (what the arms pay next).

## Transition Dynamics
Whether an arm pays on a trial is a function of the key, the trial and the arm, so that all baselines meet the same
luck. `restless` arms walk from trial to trial by normal steps of std `drift`, reflected at 0 and 1; `reversing` ones
change places before a trial with chance `calm` or `volatile`, by the block of `block` trials.

## Reward
1 if the arm paid, else 0.

## Starting State
What the arms pay is uniform in [0, 1), independent or (`arms="anti_correlated"`) adding up to 1; of `reversing` arms
one pays with chance `pays`, the other with 1 minus it. It follows from the episode's key: `reset(options={"key": k})`
sets it, `reset(seed=s)` seeds the draw of it.

## Episode End
Never terminated; truncated after `trials` steps.

## Arguments
`arms`, `trials`, `drift`, `pays`, `calm`, `volatile` and `block` of `tasks.bandit.Bandit`:

    gymnasium.make("lsnn/Bandit-v0", arms="anti_correlated")

`render_mode`: None or "rgb_array".

## Version History
* v0: initial version
"""


def observed(task: Bandit) -> MultiBinary:
    """Flags of the pull before."""
    return MultiBinary(2 * N_ARMS)


def info(task: Bandit, states: NDArray[np.float64]) -> dict[str, NDArray]:
    """What the arms pay, from states (n, N_STATE)."""
    return {"probability": states[:, [P_FIRST, P_SECOND]]}


def a_pull(task: Bandit) -> int:
    """Steps of the task for each pull."""
    return task.trial_ms


def draw(task: Bandit, states: NDArray[np.float64], t: int) -> NDArray[np.uint8]:
    """What the arms pay and the outcome of the last pull, (PIXELS, PIXELS, 3)."""
    return draw_bandit(states[-1])


ENVIRONMENT = Environment(
    doc=DOC,
    observation=observed,
    info=info,
    step_ms=a_pull,
    keywords=("arms", "trials", "drift", "pays", "calm", "volatile", "block"),
    settings={"reward": 1.0},
    draw=draw,
)
