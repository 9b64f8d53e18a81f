"""The maze's dynamics against cases worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsnn.errors import InputError
from lsnn.task import Task
from tasks.encoders import FlagCells
from tasks.water_maze import WaterMaze
from tasks.water_maze.dynamics import (
    FOUND,
    N_STATE,
    ON_PLATFORM,
    OTHER_X,
    OTHER_Y,
    PLATFORM_X,
    PLATFORM_Y,
    RADIUS,
    REST,
    REVERSAL,
    ROTATION,
    START_RADIUS,
    TRIAL,
    WAIT,
    WALL,
    X,
    Y,
    begin,
    observe,
    target,
    transition,
)
from tasks.water_maze.task import latency_metrics

KEY = np.uint64(11)
EAST, NORTH, SOUTH, STILL = (np.array(action, float) for action in ((1, 0), (0, 1), (0, -1), (0, 0)))


def begun(task: WaterMaze, keys) -> np.ndarray:
    """States at the start of the episodes of these keys, (keys, N_STATE)."""
    states = np.full((len(keys), N_STATE), np.nan)
    for key, state in zip(keys, states, strict=True):
        begin(np.uint64(key), task.parameters(), state)
    return states


def placed(x: float, y: float, platform: tuple[float, float] = (0.85, 0.0), rest: int = 1) -> np.ndarray:
    """An animal at (x, y) in the first trial, the platform at `platform`, on which it will rest for so many steps."""
    state = np.zeros(N_STATE)
    state[[X, Y, PLATFORM_X, PLATFORM_Y, OTHER_X, OTHER_Y, START_RADIUS]] = (x, y, *platform, *platform, 1.0)
    state[[RADIUS, REST, REVERSAL]] = 0.3, rest, -1.0
    return state


def moved(state: np.ndarray, action: np.ndarray, t: int = 0, **members) -> tuple[float, bool, bool]:
    return transition(KEY, t, action, WaterMaze(**members).parameters(), state)


def seen(state: np.ndarray) -> list[float]:
    observation = np.full(4, np.nan)
    observe(state, WaterMaze().parameters(), observation)
    return observation.tolist()


def platform_angles(**members) -> np.ndarray:
    states = begun(WaterMaze(**members), range(400))
    return np.degrees(np.arctan2(states[:, PLATFORM_Y], states[:, PLATFORM_X])) % 360.0


def test_the_maze_is_a_task() -> None:
    assert isinstance(WaterMaze(), Task)


def test_platforms_are_uniform_on_the_circle() -> None:
    states = begun(WaterMaze(), range(2000))
    assert np.allclose(np.hypot(states[:, PLATFORM_X], states[:, PLATFORM_Y]), 0.85)
    quadrants = np.histogram(np.arctan2(states[:, PLATFORM_Y], states[:, PLATFORM_X]), 4, (-np.pi, np.pi))[0]
    assert np.all(np.abs(quadrants - 500) < 5 * math.sqrt(2000 * 0.25 * 0.75))


def test_starts_are_uniform_in_the_pool_outside_the_platform() -> None:
    states = begun(WaterMaze(), range(4000))
    from_platform = np.hypot(states[:, X] - states[:, PLATFORM_X], states[:, Y] - states[:, PLATFORM_Y])
    assert from_platform.min() > 0.3
    radius = np.hypot(states[:, X], states[:, Y])
    assert radius.max() <= 1.0
    x, y = np.meshgrid(np.linspace(-1, 1, 801), np.linspace(-1, 1, 801))
    pool = np.hypot(x, y) <= 1.0
    share = np.mean(np.hypot(x, y)[pool & (np.hypot(x - 0.85, y) > 0.3)] <= 0.5)
    assert abs(np.mean(radius <= 0.5) - share) < 5 * math.sqrt(share * (1 - share) / 4000)


def test_an_episode_is_a_function_of_its_key() -> None:
    states = begun(WaterMaze(), [1, 2, 1])
    assert np.array_equal(states[0], states[2])
    assert not np.array_equal(states[0, [PLATFORM_X, PLATFORM_Y]], states[1, [PLATFORM_X, PLATFORM_Y]])
    assert not np.array_equal(states[0, [X, Y]], states[1, [X, Y]])


def test_a_straight_swim_takes_the_distance_to_the_rim_over_the_speed() -> None:
    state = placed(0.0, 0.0)
    rewards = [moved(state, EAST, t)[0] for t in range(28)]
    assert rewards == [0.0] * 27 + [1.0]  # (0.85 - 0.3) / 0.02 = 27.5
    assert state[X] == pytest.approx(0.56)


@pytest.mark.parametrize(
    ("action", "step"), [((3.0, 4.0), (0.012, 0.016)), ((0.3, 0.4), (0.006, 0.008)), ((0.0, -1.0), (0.0, -0.02))]
)
def test_the_norm_of_an_action_is_clipped_to_one(action, step) -> None:
    state = placed(0.1, 0.2)
    assert moved(state, np.array(action)) == (0.0, True, False)
    assert state[[X, Y]] == pytest.approx([0.1 + step[0], 0.2 + step[1]])


def test_a_path_ends_where_it_meets_the_wall() -> None:
    state = placed(-0.6, 0.79)
    reward, acted, terminated = moved(state, NORTH)
    assert (reward, acted, terminated) == (-0.02, True, False)
    assert state[[X, Y, WALL]] == pytest.approx([-0.6, 0.8, 1.0])
    assert seen(state) == pytest.approx([-0.6, 0.8, 0.0, 1.0])


def test_an_animal_at_the_wall_can_leave_it_but_not_the_pool() -> None:
    state = placed(-0.6, 0.8)
    moved(state, NORTH)
    assert state[[X, Y, WALL]] == pytest.approx([-0.6, 0.8, 1.0])
    assert moved(state, SOUTH)[0] == 0.0
    assert state[[X, Y, WALL]] == pytest.approx([-0.6, 0.78, 0.0])


def test_the_farther_intersection_counts() -> None:
    state = placed(-0.6, 0.8)
    moved(state, SOUTH, speed=1.9)
    assert state[[X, Y, WALL]] == pytest.approx([-0.6, -0.8, 1.0])


def test_keeping_still_at_the_wall_is_no_contact() -> None:
    beyond = math.nextafter(1.0, 2.0)
    state = placed(0.0, -beyond)
    assert moved(state, STILL)[0] == 0.0
    assert state[[X, Y, WALL]].tolist() == [0.0, -beyond, 0.0]


@settings(max_examples=200, deadline=None)
@given(
    angle=st.floats(0, 2 * np.pi),
    heading=st.floats(0, 2 * np.pi),
    radius=st.floats(0, 1),
    norm=st.sampled_from([1e-9, 1]),
)
def test_the_animal_never_leaves_the_pool(angle, heading, radius, norm) -> None:
    state = placed(radius * math.cos(angle), radius * math.sin(angle), rest=9)
    for t in range(5):
        moved(state, norm * np.array([math.cos(heading), math.sin(heading)]), t)
        assert math.hypot(state[X], state[Y]) <= 1.0 + 1e-12


def test_a_find_at_the_wall_earns_reward_and_penalty() -> None:
    state = placed(0.999, 0.0)
    assert moved(state, EAST)[0] == pytest.approx(0.98)
    assert seen(state) == [1.0, 0.0, 1.0, 1.0]


def test_rest_of_one_step() -> None:
    state = placed(0.54, 0.0)
    assert moved(state, EAST, 0) == (1.0, True, False)
    assert seen(state) == pytest.approx([0.56, 0.0, 1.0, 0.0])
    assert moved(state, EAST, 1) == (0.0, False, False)
    assert state[TRIAL] == 1 and state[ON_PLATFORM] == 0 and state[WAIT] == 0
    assert math.hypot(state[X] - 0.85, state[Y]) > 0.3
    before = state[[X, Y]].copy()
    assert moved(state, STILL, 2) == (0.0, True, False)
    assert np.array_equal(state[[X, Y]], before)


def test_rest_and_dark() -> None:
    state = placed(0.54, 0.0, rest=3)
    moved(state, EAST, 0, dark_ms=2)
    shown, acted = [], []
    for t in range(1, 7):
        shown.append(seen(state))
        acted.append(moved(state, EAST, t, dark_ms=2)[1])
    assert shown[:3] == [pytest.approx([0.56, 0.0, 1.0, 0.0])] * 3
    assert shown[3:5] == [[1.0, 1.0, 0.0, 0.0]] * 2
    assert math.hypot(*shown[5][:2]) <= 1.0
    assert acted == [False] * 5 + [True]
    assert state[TRIAL] == 1


RETENTION = {
    "rest_ms": 6, "rest_ms_min": 3, "rest_each_trial": True, "dark_ms": 1000, "dark_ms_min": 10, "no_dark": 0.2
}  # fmt: skip


def pauses(count: int, **members) -> np.ndarray:
    """Steps on the platform and in the dark after each of `count` visits of an episode, (count, 2), by what is seen."""
    state, found, parameters = placed(0.54, 0.0), np.zeros((count, 2), int), WaterMaze(**members).parameters()
    observation = np.zeros(4)
    for trial in range(count):
        state[[X, Y]] = 0.84, 0.0
        assert transition(KEY, 0, EAST, parameters, state)[0] == 1.0
        while state[TRIAL] == trial:
            observe(state, parameters, observation)
            found[trial, 0 if observation[2] else 1] += 1
            transition(KEY, 1, STILL, parameters, state)
    return found


def test_rest_and_dark_are_drawn_for_every_trial() -> None:
    rest, dark = pauses(1000, **RETENTION).T
    assert set(rest) == {3, 4, 5, 6}
    assert abs(np.mean(dark == 0) - 0.2) < 5 * math.sqrt(0.16 / 1000)
    drawn = dark[dark > 0]
    assert drawn.min() == 10 and 950 < drawn.max() <= 1000
    below = np.mean(drawn < 100)  # log-uniform: half of the drawn ones lie in each of the two decades
    assert abs(below - 0.5) < 5 * math.sqrt(0.25 / len(drawn))


def test_pauses_leave_platforms_and_starts_alone() -> None:
    def starts(**members) -> list[list[float]]:
        state, found = begun(WaterMaze(**members), [KEY])[0], []
        for trial in range(4):
            found.append([*state[[X, Y, PLATFORM_X, PLATFORM_Y]]])
            state[[X, Y]] = state[[PLATFORM_X, PLATFORM_Y]]
            moved(state, STILL, 0, **members)
            while state[TRIAL] == trial:
                moved(state, STILL, 1, **members)
        return found

    assert starts() == starts(**RETENTION)


def test_the_curriculum_widens_starts_and_then_lengthens_the_dark() -> None:
    task = WaterMaze(**RETENTION)
    darks = [task.at_difficulty(level).dark_ms for level in (-1.0, 0.0, 0.3, 0.5, 0.75, 1.0)]
    assert darks == [10, 10, 10, 10, 100, 1000]
    radii = [task.at_difficulty(level).start_radius for level in (-1.0, 0.0, 0.25, 0.5, 0.75)]
    assert radii == pytest.approx([1.0, 0.1, 0.55, 1.0, 1.0])
    assert WaterMaze().at_difficulty(-1.0) == WaterMaze()
    assert {task.at_difficulty(level).no_dark for level in (0.0, 0.7, 1.0)} == {0.2}


def test_the_shortest_pause() -> None:
    rest = np.array([4.0, 6.0])
    assert list(WaterMaze(dark_ms=7).shortest_pause(rest)) == [11, 13]
    assert list(WaterMaze(**RETENTION).shortest_pause(rest)) == [3, 3]
    assert list(WaterMaze(**{**RETENTION, "no_dark": 0.0}).shortest_pause(rest)) == [13, 13]


def test_the_wall_flag_goes_down_during_rest() -> None:
    state = placed(0.999, 0.0, rest=2)
    moved(state, EAST, 0)
    assert seen(state)[2:] == [1.0, 1.0]
    moved(state, EAST, 1)
    assert seen(state)[2:] == [1.0, 0.0]


def test_target_names_the_platform_after_the_first_visit() -> None:
    state, named = placed(0.54, 0.0), np.zeros(2)
    parameters = WaterMaze().parameters()
    assert target(state, parameters, named) == 0.0
    moved(state, EAST)
    assert target(state, parameters, named) == 1.0
    assert named.tolist() == [0.85, 0.0]


def test_reversal_moves_the_platform_once() -> None:
    task = WaterMaze(reversal_ms=3)
    for state in begun(task, range(100)):
        first, state[FOUND] = state[[PLATFORM_X, PLATFORM_Y]].copy(), 1.0
        visits = []
        for t in range(6):
            visits.append(state[[PLATFORM_X, PLATFORM_Y]].copy())
            transition(KEY, t, STILL, task.parameters(), state)
        assert np.array_equal(visits[:3], [first] * 3)
        assert np.array_equal(visits[3:], [state[[PLATFORM_X, PLATFORM_Y]]] * 3)
        assert math.dist(first, visits[3]) > 0.6
        assert math.hypot(*visits[3]) == pytest.approx(0.85)
        assert state[FOUND] == 0.0


def test_starts_avoid_both_places_of_a_reversal() -> None:
    states = begun(WaterMaze(reversal_ms=3), range(500))
    assert np.hypot(states[:, X] - states[:, OTHER_X], states[:, Y] - states[:, OTHER_Y]).min() > 0.3


def test_a_family_draws_radius_rest_and_reversal_once_an_episode() -> None:
    ranges = {"platform_radius": 0.4, "platform_radius_min": 0.15, "rest_ms": 50, "rest_ms_min": 1,
              "reversal_ms": 3999, "reversal_ms_min": 1}  # fmt: skip
    drawn = begun(WaterMaze(**ranges), range(4000))[:, [RADIUS, REST, REVERSAL]]
    for column, low, high in ((0, 0.15, 0.4), (1, 1, 50), (2, 1, 3999)):
        values, width = drawn[:, column], high - low
        assert low <= values.min() < low + width / 40 and high - width / 40 < values.max() <= high
        assert abs(values.mean() - (low + high) / 2) < 5 * width / math.sqrt(12 * 4000)
    assert set(drawn[:, 1]) == set(range(1, 51))
    assert np.abs(np.corrcoef(drawn.T) - np.eye(3)).max() < 5 / math.sqrt(4000)
    assert np.array_equal(begun(WaterMaze(), range(9))[:, [RADIUS, REST, REVERSAL]], [[0.3, 1.0, -1.0]] * 9)


def test_an_episode_has_its_own_radius_rest_and_reversal() -> None:
    for radius, found in ((0.15, 0.0), (0.35, 1.0)):
        state = placed(0.5, 0.0)
        state[[RADIUS, REST, REVERSAL]] = radius, 7.0, -1.0
        moved(state, EAST)
        assert state[ON_PLATFORM] == found and state[WAIT] == 7.0 * found
    state[REVERSAL], other = 6.0, state[OTHER_X]
    moved(state, STILL, 5)
    assert state[PLATFORM_X] == other


def test_in_a_probe_the_platform_is_gone() -> None:
    state = placed(0.54, 0.0)
    assert moved(state, EAST, 7, probe_ms=7)[0] == 0.0
    assert state[ON_PLATFORM] == 0.0
    assert moved(state, EAST, 6, probe_ms=7)[0] == 1.0


def test_rotation_turns_the_action() -> None:
    state = placed(0.0, 0.0)
    state[ROTATION] = math.pi / 2
    moved(state, EAST)
    assert state[[X, Y]] == pytest.approx([0.0, 0.02])


def test_rotation_is_uniform_within_its_bounds() -> None:
    rotation = np.degrees(begun(WaterMaze(rotation_degrees=40.0), range(1000))[:, ROTATION])
    assert np.abs(rotation).max() <= 40.0
    assert abs(np.mean(rotation)) < 5 * 80 / math.sqrt(12 * 1000)
    assert abs(np.mean(rotation > 20.0) - 0.25) < 5 * math.sqrt(0.25 * 0.75 / 1000)
    assert not begun(WaterMaze(), range(10))[:, ROTATION].any()


@pytest.mark.parametrize("wedge", [(30.0, 90.0), (330.0, 30.0), (-30.0, 30.0)])
def test_wedge_is_held_out_or_chosen(wedge) -> None:
    width = (wedge[1] - wedge[0]) % 360.0
    outside = (platform_angles(held_out_wedge=wedge) - wedge[0]) % 360.0
    inside = (platform_angles(held_out_wedge=wedge, platform_in_wedge=True) - wedge[0]) % 360.0
    assert np.all(outside >= width) and outside.min() < width + 10 and outside.max() > 350
    assert np.all(inside <= width) and inside.min() < 5 and inside.max() > width - 5


def test_so_many_places_are_spread_evenly_and_hold_those_of_fewer() -> None:
    def places(**members) -> set[tuple[float, float]]:
        states = begun(WaterMaze(**members), range(600))
        return {(float(x), float(y)) for x, y in states[:, [PLATFORM_X, PLATFORM_Y]]}

    assert places(distinct_platforms=1).pop() == pytest.approx((-0.85, 0.0), abs=1e-12)
    four, sixteen = places(distinct_platforms=4), places(distinct_platforms=16)
    assert (len(four), len(sixteen)) == (4, 16) and four < sixteen
    angles = np.sort([math.degrees(math.atan2(y, x)) % 360.0 for x, y in sixteen])
    apart = np.diff(np.append(angles, angles[0] + 360.0))
    assert apart.min() > 360 / 16 / 2 and apart.max() < 2 * 360 / 16
    inside = [math.degrees(math.atan2(y, x)) % 360.0 for x, y in places(distinct_platforms=9, held_out_wedge=(0, 90))]
    assert len(inside) == 9 and min(inside) >= 90
    disc = np.array(list(places(distinct_platforms=200, platform_anywhere=True, platform_circle=1.0)))
    assert abs(np.mean(np.hypot(*disc.T) < math.sqrt(0.5)) - 0.5) < 0.05
    number = begun(WaterMaze(distinct_platforms=4), range(400))[:, PLATFORM_X]
    counts = np.unique(number.round(9), return_counts=True)[1]
    assert np.all(np.abs(counts - 100) < 5 * math.sqrt(400 * 0.25 * 0.75))


def test_platform_anywhere_is_uniform_in_the_disc() -> None:
    states = begun(WaterMaze(platform_anywhere=True, platform_circle=0.6), range(1000))
    radius = np.hypot(states[:, PLATFORM_X], states[:, PLATFORM_Y])
    assert radius.max() <= 0.6
    assert abs(np.mean(radius < 0.6 / math.sqrt(2)) - 0.5) < 5 * math.sqrt(0.25 / 1000)


def test_start_region() -> None:
    states = begun(WaterMaze(start_radius=0.2), range(300))
    assert 0.15 < np.hypot(states[:, X], states[:, Y]).max() <= 0.2
    assert set(states[:, START_RADIUS]) == {0.2}


def test_start_radius_of_an_episode_is_uniform_in_its_range() -> None:
    states = begun(WaterMaze(start_radius=0.5, start_radius_min=0.1), range(1000))
    limit = states[:, START_RADIUS]
    assert np.all((limit >= 0.1) & (limit <= 0.5))
    assert abs(np.mean(limit < 0.2) - 0.25) < 5 * math.sqrt(0.25 * 0.75 / 1000)
    assert np.all(np.hypot(states[:, X], states[:, Y]) <= limit)


def test_a_start_region_under_the_platform_gives_way_to_the_pool() -> None:
    states = begun(WaterMaze(platform_circle=0.0, start_radius=0.1), range(50))
    assert np.hypot(states[:, X], states[:, Y]).min() > 0.3


def test_search_metrics_by_hand() -> None:
    found = np.zeros((2, 10), bool)
    found[0, [3, 6]] = True
    acted = np.ones((2, 10), bool)
    acted[0, [4, 7]] = False
    # trial 1: 4 + 10 steps for one visit; trial 2: steps 5 and 6; later: steps 8 and 9 without a visit
    measured = latency_metrics(found, acted)
    assert measured == {"visits": 1.0, "first_latency_ms": 14.0, "second_latency_ms": 2.0, "later_latency_ms": math.inf}


def test_metrics_take_a_find_for_a_find_whatever_the_wall() -> None:
    reward = np.array([[0.0, 0.98, 0.0, -0.02]])
    assert WaterMaze().metrics(reward, np.ones((1, 4), bool))["visits"] == 1.0


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"platform_radius": -0.3}, "platform_radius must be a number from 0.001 to 0.9, received -0.3"),
        ({"platform_radius": math.nan}, "platform_radius must be .* received nan"),
        ({"platform_circle": 1.5}, "platform_circle must be a number from 0 to 1, received 1.5"),
        ({"platform_anywhere": 1}, "platform_anywhere must be true or false, received 1"),
        ({"platform_in_wedge": True}, "platform_in_wedge must be false without held_out_wedge"),
        ({"held_out_wedge": (30.0, 30.0)}, "held_out_wedge must be wider than 0"),
        ({"held_out_wedge": (0.0, 360.0)}, "held_out_wedge must be wider than 0 and narrower than 360"),
        ({"held_out_wedge": (0.0, 10.0, 20.0)}, "held_out_wedge must be .from, to. in degrees"),
        ({"distinct_platforms": -1}, "distinct_platforms must be an integer"),
        ({"distinct_platforms": 3, "platforms": 2}, "distinct_platforms must be 0 with several platforms"),
        ({"distinct_platforms": 3, "reversal_ms": 90}, "must be 0 with several platforms or cues, or with one"),
        ({"start_radius": 1.1}, "start_radius must be a number from 0 to 1"),
        ({"start_radius": 0.2, "start_radius_min": 0.3}, "start_radius_min must be a number from 0 to 0.2"),
        ({"rest_ms": 0}, "rest_ms must be an integer of at least 1, received 0"),
        ({"rest_ms": 1.5}, "rest_ms must be an integer of at least 1, received 1.5"),
        ({"dark_ms": -1}, "dark_ms must be an integer of at least 0"),
        ({"dark_ms": 20, "dark_ms_min": 30}, "dark_ms_min must be an integer from 1 to 20"),
        ({"dark_ms": 20, "no_dark": 0.5}, "no_dark must be 0 where dark_ms_min does not say that it is drawn"),
        ({"rest_each_trial": 1}, "rest_each_trial must be true or false"),
        ({"reversal_ms": 0}, "reversal_ms must be -1 .never. or at least 1, received 0"),
        ({"platform_radius_min": 0.31}, "platform_radius_min must be a number from 0.001 to 0.3, received 0.31"),
        ({"rest_ms_min": 2}, "rest_ms_min must be an integer from 1 to 1, received 2"),
        ({"reversal_ms_min": 1}, "reversal_ms_min must be"),
        ({"probe_ms": -2}, "probe_ms must be an integer of at least -1"),
        ({"rotation_degrees": 200.0}, "rotation_degrees must be a number from 0 to 180"),
        ({"speed": 0.0}, "speed must be a number from 1e-06 to 2"),
        ({"reward": -1.0}, "reward must be a number of at least"),
        ({"wall_penalty": -0.1}, "wall_penalty must be a number of at least 0"),
        ({"wall_penalty": 0.5}, "wall_penalty must be less than half of the reward"),
        ({"duration_ms": 0}, "duration_ms must be an integer of at least 1"),
        ({"encoder": "places"}, "encoder must be an encoder"),
        ({"encoder": FlagCells(tuple("abcdefgh"))}, "encoder must be one of 4 numbers, .* reads 8"),
    ],
)
def test_bad_members_are_named(members, message) -> None:
    with pytest.raises(InputError, match=message):
        WaterMaze(**members)


@pytest.mark.parametrize("radius", [1.0, 0.4, 0.1, 0.05, 0.025, 0.0])
def test_start_regions_widen_to_that_of_the_task(radius) -> None:
    task = WaterMaze(start_radius=radius)
    mazes = [task.at_difficulty(level) for level in (0.0, 0.5, 0.999)]
    assert [maze.start_radius for maze in mazes] == sorted(maze.start_radius for maze in mazes)
    assert all(0 <= maze.start_radius_min <= maze.start_radius <= radius for maze in mazes)
    assert task.at_difficulty(1.0) is task
