"""Statistics against numbers worked by hand, and against a published survival curve."""

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.latencies import (
    FIRST,
    FROM_SECOND,
    LATER,
    SECOND,
    escape_latency,
    search_by_trial,
    search_ratio,
    searches,
    visits_difference,
    visits_per_episode,
    visits_ratio,
)
from analysis.maze import Trials
from lsnn.estimates import Times, estimate, mean_of, median_of, still_running, times_drawn
from lsnn.files.reading import ResultError
from lsnn.files.results import Condition

DURATION_MS = 100


def condition(latencies, name="frozen", key=0, rest_ms=0):
    """A condition of episodes given by their escape latencies in order; a negative one was cut off after that long."""
    rows, dtype = [], [(column, "f8") for column in Trials._fields]
    for episode, times in enumerate(latencies):
        start = 0
        for trial, time in enumerate(times):
            rows.append((episode, trial, start, abs(time), 0, 0, 0, 0, 0, 0, time > 0))
            start += abs(time) + rest_ms
    file = h5py.File.in_memory()
    group = file.create_group(name)
    group["position"] = np.zeros((len(latencies), DURATION_MS + 1, 2))
    group["episode_key"] = np.arange(len(latencies)) + key
    group["trials"] = np.array(rows, dtype)
    return Condition(group, name)


def all_of(statistic, of):
    return float(statistic(of, np.ones(of.ended.shape[0])))


def test_times_drawn_counts_each_row():
    drawn = np.array([[0, 0, 2], [1, 2, 1]])
    np.testing.assert_array_equal(times_drawn(drawn, 3), [[2, 0, 1], [0, 2, 1]])


def test_median_and_mean_of_finished_searches_are_the_plain_ones():
    odd, even = condition([[30], [10], [50]]), condition([[30], [10], [50], [20]])
    assert escape_latency(odd, FIRST).value == 30
    assert escape_latency(even, FIRST).value == 25
    assert escape_latency(odd, FIRST, mean_of).value == pytest.approx(30)
    assert escape_latency(even, FIRST, mean_of).value == pytest.approx(27.5)


def test_cut_off_searches_count_as_longer_than_they_lasted():
    # at risk 4, 3, 2: S(10) = 3/4, S(20) = 1/2 (cut at 15 leaves 2 at risk: 3/4 x 1/2 = 3/8)
    of = searches(condition([[10], [-15], [20], [40]]), *FIRST)
    np.testing.assert_allclose(still_running(of, np.ones(4)), [3 / 4, 3 / 4, 3 / 8, 0])
    assert all_of(median_of, of) == 20
    assert all_of(mean_of, of) == pytest.approx(10 + 0.75 * 10 + 0.375 * 20)


def test_searches_of_several_trials_weigh_one_an_animal():
    """One that finds it ten times in 4 ms and one that is lost: half still search when the episode ends."""
    both = condition([[30] + [4] * 10, [30, -70]])
    assert escape_latency(both, SECOND).value == 52  # between 4 and 100
    assert escape_latency(both, FROM_SECOND).value == 52 and escape_latency(both, FROM_SECOND).n == 2
    of = searches(both, *FROM_SECOND)
    np.testing.assert_allclose(of.ended.sum(axis=1) + of.cut.sum(axis=1), [1, 1])


def test_a_search_under_way_at_the_end_counts_only_where_none_was_completed():
    """It is longer than others, as a long search is likelier to be met."""
    maze = condition([[30, 4, 6, -50], [30, 8, -62], [30, -70]])
    of = searches(maze, *FROM_SECOND)
    np.testing.assert_array_equal(of.time_ms, [4, 6, 8, 70])
    np.testing.assert_allclose(of.ended.toarray(), [[0.5, 0.5, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]])
    np.testing.assert_allclose(of.cut.toarray(), [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]])
    assert escape_latency(maze, FROM_SECOND)[::3] == (8, 3)


def test_a_median_never_reached_is_the_length_of_the_episode():
    found = escape_latency(condition([[20], [-100], [-100], [-100]]), FIRST)
    assert found.value == DURATION_MS
    assert found.high == DURATION_MS


def test_published_survival_curve():
    """Remission times under 6-mercaptopurine in weeks (Freireich et al. 1963); negative: censored."""
    weeks = [6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16, -17, -19, -20, 22, 23, -25, -32, -32, -34, -35]
    of = searches(condition([[week] for week in weeks]), *FIRST)
    curve = dict(zip(of.time_ms, still_running(of, np.ones(21)), strict=True))
    published = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    assert {week: round(float(curve[week]), 3) for week in published} == published
    assert all_of(median_of, of) == 23


@given(st.lists(st.tuples(st.integers(1, 40), st.booleans(), st.integers(0, 3)), min_size=1, max_size=12))
def test_an_episode_drawn_twice_counts_twice(episodes):
    time, found, drawn = (np.array(column) for column in zip(*episodes, strict=True))
    if not drawn.any():
        return
    signed = np.where(found, time, -time)
    once = searches(condition([[t] for t in signed]), *FIRST)
    repeated = searches(condition([[t] for t in np.repeat(signed, drawn)]), *FIRST)
    assert float(median_of(once, drawn.astype(float))) == all_of(median_of, repeated)


def test_trials_are_those_asked_for():
    maze = condition([[50, 20, 10, 8, -3], [40, 30, 12, -6]])
    assert escape_latency(maze, FIRST).value == 45
    assert escape_latency(maze, SECOND).value == 25
    assert escape_latency(maze, LATER).value == 11  # 8 and 10 share a weight, 12 has its own: S(10) = 1/2
    assert [escape_latency(maze, trials).n for trials in (FIRST, LATER, (3, 3), (4, 4), (7, None))] == [2, 2, 2, 1, 0]
    assert np.isnan(escape_latency(maze, (7, None)).value)
    assert isinstance(searches(maze, *FROM_SECOND), Times)


def test_curve_stops_where_too_few_episodes_go_on():
    maze = condition([[50, 20, 10], [40, 30], [40, 30], [-100]])
    assert list(search_by_trial(maze, 15, 0.5)) == [0, 1]
    assert list(search_by_trial(maze, 15, 0.25)) == [0, 1, 2]
    assert list(search_by_trial(maze, 1, 0.25)) == [0]


def test_visits_are_visits():
    maze = condition([[50, 20, -10], [40, -5], [-100]])
    assert visits_per_episode(maze).value == pytest.approx(1.0)
    assert visits_per_episode(maze).n == 3


def test_interval_of_a_mean_is_that_of_its_standard_error():
    generator = np.random.default_rng(1)
    visits = generator.integers(0, 20, 200)
    got = visits_per_episode(condition([[2] * count or [-1] for count in visits]))
    half_width = 1.96 * visits.std() / np.sqrt(200)
    assert got.value == pytest.approx(visits.mean())
    assert (got.high - got.low) / 2 == pytest.approx(half_width, rel=0.1)


def test_interval_comes_from_whole_episodes():
    """Trials of an episode are alike, so that many of them in few episodes do not narrow the interval."""
    alike = escape_latency(condition([[2] * 20, [4] * 20, [4] * 20]), (0, None))
    assert (alike.low, alike.value, alike.high) == (2, 4, 4)


def test_ratio_and_difference_are_paired():
    frozen, oracle = condition([[8] * 2, [8] * 4, [8] * 6]), condition([[8] * 4, [8] * 8, [8] * 12], "oracle")
    assert visits_ratio(frozen, oracle)[:3] == (0.5, 0.5, 0.5)
    assert visits_difference(frozen, oracle).value == -4
    assert visits_ratio(frozen, frozen)[:3] == (1, 1, 1)
    assert visits_difference(frozen, frozen)[:3] == (0, 0, 0)


def test_search_ratio_by_hand():
    maze = condition([[60, 20, 20], [60, 20, 20], [60, 20, 20]])
    assert search_ratio(maze, FIRST, maze, FROM_SECOND)[:3] == (3, 3, 3)
    assert search_ratio(maze, FIRST, maze, (9, 9)).n == 0


def test_search_ratio_is_of_mazes_that_began_both():
    """A baseline without memory in two easy mazes and two in which it never finds the platform."""
    maze = condition([[10, 10], [10, 10], [-100], [-100]])
    ratio = search_ratio(maze, FIRST, maze, FROM_SECOND)
    assert ratio.value == 1 and ratio.n == 2


def test_other_episodes_are_not_compared():
    frozen, oracle = condition([[9], [9]]), condition([[9], [9]], "oracle", key=5)
    for compare in (visits_ratio, visits_difference):
        with pytest.raises(ResultError, match="^.+: /frozen: was run on other episodes than /oracle"):
            compare(frozen, oracle)
    with pytest.raises(ResultError, match="other episodes"):
        search_ratio(frozen, FIRST, oracle, FIRST)


def test_nothing_is_a_fraction_of_no_platform():
    with pytest.raises(ResultError, match="^.+: /oracle: no visit in any episode"):
        visits_ratio(condition([[9], [9]]), condition([[-9], [-9]], "oracle"))


def test_one_episode_has_no_interval():
    got = visits_per_episode(condition([[9, 9]]))
    assert got.value == 2
    assert np.isnan([got.low, got.high]).all()


def test_the_same_numbers_every_time():
    visits = np.arange(30.0)
    mean = lambda weights: weights @ visits / weights.sum(-1)  # noqa: E731
    assert estimate(mean, 30) == estimate(mean, 30)
