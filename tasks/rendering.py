"""Pictures of the water maze and of the bandit as arrays of pixels."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tasks import bandit
from tasks.water_maze import GOAL_X, GOAL_Y, ON_PLATFORM, RADIUS, X, Y

PIXELS = 400
PIXEL = 2.2 / PIXELS  # the picture is 2.2 radii of the pool wide
MIDDLES = (np.arange(PIXELS) + 0.5) * PIXEL - 1.1
ROOM, WATER, PLATFORM, FOUND_PLATFORM, TRAIL, ANIMAL = np.array(
    [(255, 255, 255), (214, 232, 243), (168, 196, 216), (120, 190, 130), (95, 110, 125), (200, 60, 40)], dtype=float
)
ANIMAL_RADIUS = 0.03
TRAIL_RADIUS = 0.008


def _cover(middles_x: NDArray[np.floating], middles_y: NDArray[np.floating], radius: float) -> NDArray[np.floating]:
    """How much of each pixel a disc round the origin covers, its rim smoothed over one pixel; (rows, columns, 1)."""
    distance = np.hypot(middles_x[None, :], middles_y[:, None])
    return np.clip((radius - distance) / PIXEL + 0.5, 0.0, 1.0)[:, :, None]


def _paint_disc(image: NDArray[np.float64], x: float, y: float, radius: float, colour: NDArray[np.float64]) -> None:
    """Blend a disc into the picture (PIXELS, PIXELS, 3)."""
    columns = slice(*np.searchsorted(MIDDLES, [x - radius - PIXEL, x + radius + PIXEL]))
    rows = slice(*np.searchsorted(MIDDLES, [y - radius - PIXEL, y + radius + PIXEL]))
    image[rows, columns] += _cover(MIDDLES[columns] - x, MIDDLES[rows] - y, radius) * (colour - image[rows, columns])


def draw_maze(state: NDArray[np.floating], trail: ArrayLike = (), hidden: bool = False) -> NDArray[np.uint8]:
    """The pool from above, y upward: platform, swim path, animal.

    Args:
        state: (N_STATE,)
        trail: (n, 2), the places swum through.
        hidden: leave the platform out (a probe).

    Returns:
        (PIXELS, PIXELS, 3) RGB.
    """
    image = np.tile(WATER, (PIXELS, PIXELS, 1))
    if not hidden:
        colour = FOUND_PLATFORM if state[ON_PLATFORM] else PLATFORM
        _paint_disc(image, state[GOAL_X], state[GOAL_Y], state[RADIUS], colour)
    image = ROOM + _cover(MIDDLES, MIDDLES, 1.0) * (image - ROOM)
    for x, y in np.reshape(np.asarray(trail, dtype=float), (-1, 2)):
        _paint_disc(image, x, y, TRAIL_RADIUS, TRAIL)
    _paint_disc(image, state[X], state[Y], ANIMAL_RADIUS, ANIMAL)
    return np.rint(image[::-1]).astype(np.uint8)


def draw_bandit(state: NDArray[np.floating]) -> NDArray[np.uint8]:
    """What each arm pays, as a column as high, on a floor that shows which was pulled last and whether it paid.

    Args:
        state: (tasks.bandit.N_STATE,)

    Returns:
        (PIXELS, PIXELS, 3) RGB.
    """
    image = np.tile(ROOM, (PIXELS, PIXELS, 1))
    floor, half = PIXELS // 10, PIXELS // bandit.N_ARMS
    for arm in range(bandit.N_ARMS):
        column = slice(arm * half + half // 4, (arm + 1) * half - half // 4)
        height = round(float(state[bandit.P_FIRST + arm]) * (PIXELS - floor))
        image[PIXELS - floor - height : PIXELS - floor, column] = PLATFORM
        if state[bandit.LAST_ARM] == arm:
            image[PIXELS - floor :, column] = FOUND_PLATFORM if state[bandit.LAST_REWARD] > 0 else ANIMAL
    return np.rint(image).astype(np.uint8)
