"""Where the things of the maze and of the bandit are in their pictures."""

import numpy as np

from tasks.bandit import task as bandit
from tasks.bandit.rendering import draw_bandit
from tasks.rendering import ANIMAL, FOUND_PLATFORM, PIXELS, PLATFORM, ROOM, TRAIL, WATER
from tasks.water_maze.dynamics import N_STATE, ON_PLATFORM, PLATFORM_X, PLATFORM_Y, RADIUS, X, Y
from tasks.water_maze.rendering import draw_maze


def state_at(x: float, y: float) -> np.ndarray:
    state = np.zeros(N_STATE)
    state[[X, Y, PLATFORM_X, PLATFORM_Y, RADIUS]] = (x, y, 0.0, 0.6, 0.3)
    return state


def colour_at(image: np.ndarray, x: float, y: float) -> list[float]:
    """Colour of a place in the pool, y upward."""
    column, row = (int((c + 1.1) / 2.2 * PIXELS) for c in (x, -y))
    return image[row, column].tolist()


def test_things_are_where_the_state_says() -> None:
    image = draw_maze(state_at(0.5, -0.4), [(-0.5, -0.5)])
    assert image.shape == (PIXELS, PIXELS, 3) and image.dtype == np.uint8
    assert colour_at(image, 0.5, -0.4) == ANIMAL.tolist()
    assert colour_at(image, 0.0, 0.6) == PLATFORM.tolist()
    assert colour_at(image, -0.5, -0.5) == TRAIL.tolist()
    assert colour_at(image, -0.5, 0.0) == WATER.tolist()
    assert colour_at(image, -1.0, 1.0) == ROOM.tolist()


def test_a_found_platform_changes_colour_and_a_probe_hides_it() -> None:
    state = state_at(0.2, 0.6)
    assert colour_at(draw_maze(state, hidden=True), 0.0, 0.6) == WATER.tolist()
    state[ON_PLATFORM] = 1.0
    assert colour_at(draw_maze(state), 0.0, 0.6) == FOUND_PLATFORM.tolist()


def test_arms_are_as_high_as_they_pay_and_the_last_is_marked() -> None:
    state = np.zeros(bandit.N_STATE)
    state[[bandit.P_FIRST, bandit.P_SECOND, bandit.LAST_ARM]] = 0.25, 1.0, -1
    image = draw_bandit(state)
    assert image.shape == (PIXELS, PIXELS, 3) and image.dtype == np.uint8
    columns = image[:, PIXELS // 4], image[:, 3 * PIXELS // 4]
    assert [np.all(column == PLATFORM, axis=1).sum() / (0.9 * PIXELS) for column in columns] == [0.25, 1.0]
    assert [column[-1].tolist() for column in columns] == [ROOM.tolist()] * 2
    for paid, colour in ((1.0, FOUND_PLATFORM), (0.0, ANIMAL)):
        state[[bandit.LAST_ARM, bandit.LAST_REWARD]] = 1, paid
        image = draw_bandit(state)
        assert image[-1, PIXELS // 4].tolist() == ROOM.tolist() and image[-1, -PIXELS // 4].tolist() == colour.tolist()
