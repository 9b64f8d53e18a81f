"""What is the graph walk's own in its Gymnasium environments: spaces, info, docstring."""

import numpy as np
from gymnasium.spaces import MultiBinary
from numpy.typing import NDArray

from tasks.family import Environment
from tasks.graph_walk.task import LAST, N_FLAGS, ROOM, SYMBOL, VISIT, GraphWalk, going_to

DOC = """\
## Description
A walk on a grid of rooms, each with a symbol. The symbol of the room and the next move are shown; the symbol of the
room that the move leads to is to be named (after Whittington et al. 2020, 2022).

## Action Space
`Box(-1, 1, (10,), float32)`: a number a symbol; the greatest is the answer. It does not change the walk.

## Observation Space
`MultiBinary(14)`

| Num   | Observation                                        |
|-------|----------------------------------------------------|
| 0-9   | the symbol of the room                             |
| 10-13 | the move that comes next: north, east, south, west |

`info` holds `key` (uint64, the episode's), `room` (its number, row by row), `known` (whether the move leads to a room
visited before) and `symbol` (of the room that it leads to; -1 after the last move).

## Transition Dynamics
A move is drawn uniformly from those that lead through no wall and not straight back. One step is one visit; a network
has `visit_ms` for it.

## Reward
1 for a right answer where the move leads to a room visited before, else 0.

## Starting State
Side, symbols, first room and moves follow from the episode's key: `reset(options={"key": k})` sets it, `reset(seed=s)`
seeds the draw of it.

## Episode End
Never terminated; truncated after `visits` steps.

## Arguments
The fields of `tasks.graph_walk.GraphWalk`, among them `side_min`, `side_max` and `visits`:

    gymnasium.make("lsnn/GraphWalk-v0", side_min=4, side_max=4)

`render_mode`: None or "rgb_array", a raster of what was observed.

## Version History
* v0: initial version
"""


def info(task: GraphWalk, states: NDArray[np.float64]) -> dict[str, NDArray]:
    """The room, whether the next one is known and its symbol, from states (n, N_STATE)."""
    every, room, over = np.arange(len(states)), going_to(states), states[:, VISIT] >= task.visits
    symbol = states[every, SYMBOL + room].astype(np.int64)
    known = (states[every, LAST + room] >= 0) & ~over
    return {"room": states[:, ROOM].astype(np.int64), "known": known, "symbol": np.where(over, -1, symbol)}


ENVIRONMENT = Environment(
    doc=DOC,
    observation=lambda task: MultiBinary(N_FLAGS),
    info=info,
    step_ms=lambda task: task.visit_ms,
)
