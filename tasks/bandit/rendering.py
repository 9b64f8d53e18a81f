"""Pictures of the bandit as arrays of pixels."""

import numpy as np
from numpy.typing import NDArray

from tasks.bandit.task import LAST_ARM, LAST_REWARD, N_ARMS, P_FIRST
from tasks.rendering import ANIMAL, FOUND_PLATFORM, PIXELS, PLATFORM, ROOM


def draw_bandit(state: NDArray[np.floating]) -> NDArray[np.uint8]:
    """What each arm pays, as a column as high, on a floor that shows which was pulled last and whether it paid.

    Args:
        state: (N_STATE,)

    Returns:
        (PIXELS, PIXELS, 3) RGB.
    """
    image = np.tile(ROOM, (PIXELS, PIXELS, 1))
    floor, half = PIXELS // 10, PIXELS // N_ARMS
    for arm in range(N_ARMS):
        column = slice(arm * half + half // 4, (arm + 1) * half - half // 4)
        height = round(float(state[P_FIRST + arm]) * (PIXELS - floor))
        image[PIXELS - floor - height : PIXELS - floor, column] = PLATFORM
        if state[LAST_ARM] == arm:
            image[PIXELS - floor :, column] = FOUND_PLATFORM if state[LAST_REWARD] > 0 else ANIMAL
    return np.rint(image).astype(np.uint8)
