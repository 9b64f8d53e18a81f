"""Pictures of the water maze as arrays of pixels."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tasks.rendering import (
    ANIMAL,
    FOUND_PLATFORM,
    MIDDLES,
    PIXELS,
    PLATFORM,
    ROOM,
    TRAIL,
    WATER,
    cover,
    paint_disc,
)
from tasks.water_maze.dynamics import ON_PLATFORM, PLATFORM_X, PLATFORM_Y, RADIUS, X, Y

ANIMAL_RADIUS = 0.03
TRAIL_RADIUS = 0.008


def draw_maze(state: NDArray[np.floating], trail: ArrayLike = (), hidden: bool = False) -> NDArray[np.uint8]:
    """The pool from above, y upward: platform, swim path, animal.

    Args:
        state: (n_state,)
        trail: (n, 2), the places swum through.
        hidden: leave the platform out (a probe).

    Returns:
        (PIXELS, PIXELS, 3) RGB.
    """
    image = np.tile(WATER, (PIXELS, PIXELS, 1))
    if not hidden:
        colour = FOUND_PLATFORM if state[ON_PLATFORM] else PLATFORM
        paint_disc(image, state[PLATFORM_X], state[PLATFORM_Y], state[RADIUS], colour)
    image = ROOM + cover(MIDDLES, MIDDLES, 1.0) * (image - ROOM)
    for x, y in np.reshape(np.asarray(trail, dtype=float), (-1, 2)):
        paint_disc(image, x, y, TRAIL_RADIUS, TRAIL)
    paint_disc(image, state[X], state[Y], ANIMAL_RADIUS, ANIMAL)
    return np.rint(image[::-1]).astype(np.uint8)
