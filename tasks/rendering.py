"""What the pictures of families share: arrays of pixels, colours, discs."""

import numpy as np
from numpy.typing import NDArray

PIXELS = 400
PIXEL = 2.2 / PIXELS  # the picture is 2.2 radii of the pool wide
MIDDLES = (np.arange(PIXELS) + 0.5) * PIXEL - 1.1
ROOM, WATER, PLATFORM, FOUND_PLATFORM, TRAIL, ANIMAL = np.array(
    [(255, 255, 255), (214, 232, 243), (168, 196, 216), (120, 190, 130), (95, 110, 125), (200, 60, 40)], dtype=float
)


def cover(middles_x: NDArray[np.floating], middles_y: NDArray[np.floating], radius: float) -> NDArray[np.floating]:
    """How much of each pixel a disc round the origin covers, its rim smoothed over one pixel; (rows, columns, 1)."""
    distance = np.hypot(middles_x[None, :], middles_y[:, None])
    return np.clip((radius - distance) / PIXEL + 0.5, 0.0, 1.0)[:, :, None]


def paint_disc(image: NDArray[np.float64], x: float, y: float, radius: float, colour: NDArray[np.float64]) -> None:
    """Blend a disc into the picture (PIXELS, PIXELS, 3)."""
    columns = slice(*np.searchsorted(MIDDLES, [x - radius - PIXEL, x + radius + PIXEL]))
    rows = slice(*np.searchsorted(MIDDLES, [y - radius - PIXEL, y + radius + PIXEL]))
    image[rows, columns] += cover(MIDDLES[columns] - x, MIDDLES[rows] - y, radius) * (colour - image[rows, columns])
