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


def draw_raster(values: NDArray[np.floating], low: NDArray, high: NDArray, columns: int) -> NDArray[np.uint8]:
    """Numbers over time as a raster: a row a number, a column a step, the latest on the right; low is white.

    Args:
        values: (steps, numbers), no more than `columns` of them.
        low, high: ends of the range, (numbers,) or (1,); where it is unbounded, x / (1 + |x|) is drawn from -1 to 1.

    Returns:
        (PIXELS, PIXELS, 3) RGB.
    """
    bounded = np.isfinite(low) & np.isfinite(high)
    low, width = np.where(bounded, low, -1.0), np.where(bounded, high - low, 2.0)
    shown = np.where(bounded, values, values / (1.0 + np.abs(values)))
    shade = np.ones((columns, values.shape[1])) * np.nan
    shade[columns - len(shown) :] = np.clip((shown - low) / np.where(width > 0, width, 1.0), 0.0, 1.0)
    across, down = (np.arange(PIXELS) * count // PIXELS for count in shade.shape)
    picture = shade.T[down][:, across, None]
    image = np.where(np.isnan(picture), WATER, ROOM + picture * (TRAIL - ROOM))
    return np.rint(image).astype(np.uint8)
