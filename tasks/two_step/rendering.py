"""Pictures of the two-step task as arrays of pixels."""

import numpy as np
from numpy.typing import NDArray

from tasks.rendering import ANIMAL, FOUND_PLATFORM, PIXELS, PLATFORM, ROOM
from tasks.two_step.task import ACTION, GOOD, N_ACTIONS, N_SECOND, PAID, SECOND


def draw_two_step(state: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Below the two actions, the one taken marked; above the two states: the better one, the one met, whether it paid.

    Args:
        state: (N_STATE,)

    Returns:
        (PIXELS, PIXELS, 3) RGB.
    """
    image = np.tile(ROOM, (PIXELS, PIXELS, 1))
    quarter, half = PIXELS // 4, PIXELS // 2
    for second in range(N_SECOND):
        column = slice(second * half + quarter // 2, (second + 1) * half - quarter // 2)
        if state[GOOD] == second:
            image[quarter // 2 : quarter, column] = PLATFORM
        if state[SECOND] == second:
            image[quarter:half, column] = FOUND_PLATFORM if state[PAID] > 0 else ANIMAL
    for action in range(N_ACTIONS):
        if state[ACTION] == action:
            column = slice(action * half + quarter // 2, (action + 1) * half - quarter // 2)
            image[half + quarter :, column] = ANIMAL
    return np.rint(image).astype(np.uint8)
