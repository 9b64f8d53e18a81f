"""What is induction's own in its Gymnasium environments: spaces, info, docstring."""

import math

import numpy as np
from gymnasium.spaces import MultiBinary
from numpy.typing import NDArray

from tasks.family import Environment
from tasks.induction.task import N_FLAGS, ORDER, PAIRS, PLACE, VALUES, Induction

DOC = """\
## Description
Pairs of tokens are shown, a key and the value that follows it; then the keys come again in a new order, and the value
of each is to be named (after the induction heads of Olsson et al. 2022).

## Action Space
`Box(-1, 1, (6,), float32)`: a number a token; the greatest is the answer. It matters at the queries alone.

## Observation Space
`MultiBinary(12)`

| Num  | Observation                                                                          |
|------|--------------------------------------------------------------------------------------|
| 0-5  | the token                                                                            |
| 6-11 | with `previous`: the token before it; none for the first token and the first query   |

`info` holds `key` (uint64, the episode's), `asked` (whether the observation is a query or, after the last one, nothing)
and `value` (the token to name; -1 where none is asked for).

## Transition Dynamics
The stream does not depend on what is answered. One step is one token; a network has `token_ms` for it. With a dark a
step is the greatest common divisor of the two, and the answer is the action of the last step of a query.

## Reward
1 for a right answer to a query, else 0.

## Starting State
The pairs follow from the episode's key: `reset(options={"key": k})` sets it, `reset(seed=s)` seeds the draw of it.

## Episode End
Never terminated; truncated after as many steps as the most pairs need. With fewer pairs nothing happens after the last
query.

## Arguments
The fields of `tasks.induction.Induction`, among them `pairs_min`, `pairs_max`, `previous` and `dark_ms`:

    gymnasium.make("lsnn/Induction-v0", previous=False)

`render_mode`: None or "rgb_array", a raster of what was observed.

## Version History
* v0: initial version
"""


def info(task: Induction, states: NDArray[np.float64]) -> dict[str, NDArray]:
    """Whether an answer is asked for and which is right, from states (n, N_STATE)."""
    query = (states[:, PLACE] - 2 * states[:, PAIRS]).astype(int)
    pair = states[np.arange(len(states)), ORDER + np.maximum(query, 0)].astype(int)
    value = states[np.arange(len(states)), VALUES + pair].astype(np.int64)
    return {"asked": query >= 0, "value": np.where(query >= 0, value, -1)}


ENVIRONMENT = Environment(
    doc=DOC,
    observation=lambda task: MultiBinary(N_FLAGS),
    info=info,
    step_ms=lambda task: math.gcd(task.token_ms, task.dark_ms),
)
