"""What is the water maze's own in its Gymnasium environments: spaces, info, drawing, docstring."""

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from tasks.family import Environment
from tasks.water_maze.dynamics import PLATFORM_X, PLATFORM_Y, TRIAL, X, Y
from tasks.water_maze.rendering import draw_maze
from tasks.water_maze.task import WaterMaze

DOC = """\
## Description
The water maze of Morris (1984), in the geometry of Bellec et al. (2018) as recalled. An animal swims in a circular
pool of radius 1 until it finds a hidden platform; it rests there and is released elsewhere, again and again. The
platform stays where it is for an episode, so whoever remembers the first visit swims straight to it from then on.

## Action Space
`Box(-1, 1, (2,), float32)`

| Num | Action           | Min | Max | Unit        |
|-----|------------------|-----|-----|-------------|
| 0   | velocity along x | -1  | 1   | 0.02 per ms |
| 1   | velocity along y | -1  | 1   | 0.02 per ms |

## Observation Space
`Box([-1, -1, 0, 0], 1, (4,), float32)`

| Num | Observation                          | Min | Max | Unit              |
|-----|--------------------------------------|-----|-----|-------------------|
| 0   | x                                    | -1  | 1   | radii of the pool |
| 1   | y                                    | -1  | 1   | radii of the pool |
| 2   | on the platform                      | 0   | 1   | flag              |
| 3   | ran into the wall in the step before | 0   | 1   | flag              |

In the dark (`dark_ms`) the observation is (1, 1, 0, 0), a place outside the pool. With several platforms four flags
follow, one a cue: that of the trial's platform is 1 for `cue_ms` of swimming, on a platform reached before as well.
`info` holds `key` (uint64, the episode's), `platform` (x, y of the platform) and `trial` (number of releases - 1).

## Transition Dynamics
The action's norm is clipped to 1, it is turned by the episode's rotation and moves the animal by `speed` times
itself. A path that leaves the pool ends where it meets the wall. If the move ends within the disc of the platform,
the next observation is on the platform; actions do nothing for `rest_ms` (and `dark_ms`) steps; then the animal
is released. One step is 1 ms.

## Reward
+1 on reaching the platform, -0.02 on running into the wall.

## Starting State
The platform's centre is uniform on the circle of radius 0.85, the animal uniform in the pool outside the platform.
With `platforms` above 1 each trial has one of several platforms that do not touch; the others are not there in it.
Both follow from the episode's key: `reset(options={"key": k})` sets it, `reset(seed=s)` seeds the draw of it.

## Episode End
Never terminated; truncated after `duration_ms` steps.

## Arguments
The fields of `tasks.water_maze.WaterMaze`, among them `platform_radius`, `platform_anywhere`, `held_out_wedge`,
`start_radius`, `rest_ms`, `dark_ms`, `reversal_ms`, `probe_ms`, `platforms`, `rotation_degrees` and `duration_ms`:

    gymnasium.make("lsnn/WaterMaze-v0", rest_ms=20)

`render_mode`: None or "rgb_array".

## Version History
* v0: initial version
"""


def observed(task: WaterMaze) -> Box:
    """Place and flags, among them those of cues."""
    low = np.zeros(task.n_observation, np.float32)
    low[:2] = -1
    return Box(low, np.ones(task.n_observation, np.float32))


def info(task: WaterMaze, states: NDArray[np.float64]) -> dict[str, NDArray]:
    """Where the platforms are and how many trials there were, from states (n, n_state)."""
    return {"platform": states[:, [PLATFORM_X, PLATFORM_Y]], "trial": states[:, TRIAL].astype(np.int64)}


def draw(task: WaterMaze, states: NDArray[np.float64], t: int) -> NDArray[np.uint8]:
    """The pool from above with the path of the present trial, (PIXELS, PIXELS, 3)."""
    path = states[states[:, TRIAL] == states[-1, TRIAL]][:, [X, Y]]
    return draw_maze(states[-1], path, 0 <= task.probe_ms <= t)


ENVIRONMENT = Environment(doc=DOC, observation=observed, info=info, draw=draw, fps=50)
