"""Each figure shows the numbers of the file and carries n, seed and the command."""

import io

import matplotlib.image
import numpy as np
import pytest

from analysis.latencies import FIRST, escape_latency
from analysis.maze import platform_radius, platforms, radius_of, trials_of, visits_of
from analysis.pages.water_maze.paths import episode_at, swim_paths
from analysis.plots import TRIALS_SHOWN, by_trial, comparison, learning_curve, running_mean
from analysis.raster import first_visit, platform_found_first, window_of_first_visit
from analysis.style import png
from lsnn.errors import InputError
from lsnn.files.reading import ResultError
from lsnn.files.results import Result

FIGURES = (swim_paths, by_trial, comparison, learning_curve, first_visit)


def texts(figure):
    return " ".join(text.get_text() for text in figure.texts)


@pytest.mark.parametrize("draw", FIGURES)
def test_figure_is_drawn_and_says_where_it_comes_from(result, draw):
    figure = draw(result)
    picture = matplotlib.image.imread(io.BytesIO(png(figure)))
    assert picture.shape[0] > 500 and picture.shape[1] > 1000
    assert np.mean(picture[..., :3].min(axis=-1) < 0.9) > 0.02  # ink
    footer = texts(figure)
    assert "n = " in footer
    assert "seed 7" in footer
    assert "command: lsnn maze --seed 7" in footer


def test_the_same_file_gives_the_same_bytes(result):
    assert png(comparison(result)) == png(comparison(result))


def test_a_long_command_is_printed_whole(edited):
    command = "lsnn maze --out " + "folder/" * 60
    with Result(edited(lambda file: file.attrs.__setitem__("command", command))) as other:
        footer = texts(comparison(other)).replace("\n", "")
    assert command.replace(" ", "") in footer.replace(" ", "")


def test_comparison_has_a_bar_for_every_condition_in_rising_order(result):
    axes = comparison(result).axes[0]
    widths = [bar.get_width() for bar in axes.patches if bar.get_width() > 0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    visits = {condition.label: visits_of(condition).mean() for condition in result.conditions.values()}
    np.testing.assert_allclose(widths, [visits[label] for label in labels])
    assert widths == sorted(widths)
    assert len(widths) == 9


def test_search_curve_holds_the_medians(result):
    lines = {line.get_label(): line for line in by_trial(result).axes[0].lines}
    oracle = lines["oracle"]
    assert list(oracle.get_xdata()) == list(range(1, len(oracle.get_xdata()) + 1))
    assert oracle.get_ydata()[0] == escape_latency(result.conditions["oracle"], FIRST).value
    assert len(lines["frozen network"].get_xdata()) <= TRIALS_SHOWN
    assert len(lines["random walk"].get_xdata()) < len(oracle.get_xdata())


def test_swim_paths_tell_the_first_trial_apart(result):
    frozen = result.conditions["frozen"]
    episode = episode_at(frozen, 0.5)
    n_trials = np.count_nonzero(trials_of(frozen).episode == episode)
    figure = swim_paths(result)
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) > 1]
    first = [line for line in lines if line.get_color() == "#D55E00"]
    assert (len(figure.axes), len(lines), len(first)) == (7, n_trials, 1)
    latency = trials_of(frozen).latency_ms[(trials_of(frozen).episode == episode) & (trials_of(frozen).trial == 0)]
    assert len(first[0].get_xdata()) == latency + 1


def test_episodes_are_chosen_by_rank(result):
    frozen = result.conditions["frozen"]
    assert visits_of(frozen)[episode_at(frozen, 0.0)] == visits_of(frozen).min()
    assert visits_of(frozen)[episode_at(frozen, 1.0)] == visits_of(frozen).max()
    assert abs(visits_of(frozen)[episode_at(frozen, 0.5)] - np.median(visits_of(frozen))) <= 1


def test_learning_curve_takes_what_columns_there_are(edited):
    def change(file):
        for name in ("minutes", "first_search_ms", "later_search_ms", "start_radius", "rate_hz"):
            del file[f"history/{name}"]

    with Result(edited(change)) as other:
        axes = learning_curve(other).axes
    assert [panel.get_xlabel() for panel in axes] == ["iteration"]


def test_learning_curve_without_a_clock(edited):
    def change(file):
        del file["history/minutes"], file["history/iteration"]

    with Result(edited(change)) as other, pytest.raises(ResultError, match="needs a column 'minutes' or 'iteration'"):
        learning_curve(other)


def test_running_mean_by_hand():
    column = np.arange(50.0)  # two rows wide
    column[10] = np.inf
    got = running_mean(column)
    assert (got[0], got[1], got[10], got[11], got[49]) == (0, 0.5, 9, 11, 48.5)


def test_raster_shows_every_spike_around_the_visit(result):
    frozen = result.conditions["frozen"]
    window = window_of_first_visit(frozen, frozen.traces)
    time, _ = frozen.spike_trains.between(window.episode, window.start_ms, window.stop_ms, 100)
    network = first_visit(result).axes[2]
    drawn = sum(len(lines.get_segments()) for lines in network.collections)
    assert drawn == len(time) > 0
    trials = trials_of(frozen)
    first = (trials.episode == window.episode) & (trials.trial == 0)
    assert window.find_ms == (trials.start_ms + trials.latency_ms)[first]
    assert window.start_ms < window.find_ms < window.stop_ms


def test_an_episode_may_be_chosen_among_those_recorded(result):
    frozen = result.conditions["frozen"]
    for episode in sorted(set(frozen.traces.episode.values.tolist())):
        assert window_of_first_visit(frozen, frozen.traces, episode).episode == episode
    with pytest.raises(InputError, match="--episode must be a recorded episode of .*, got 999"):
        window_of_first_visit(frozen, frozen.traces, 999)


def test_raster_sorts_thresholds_by_what_the_find_raised(result):
    picture = first_visit(result).axes[3].images[0].get_array()
    frozen = result.conditions["frozen"]
    window = window_of_first_visit(frozen, frozen.traces)
    find = window.find_ms - window.start_ms
    raised = picture[:, find : find + 50].mean(axis=1) - picture[:, max(find - 50, 0) : find].mean(axis=1)
    assert len(raised) == 30
    assert np.all(np.diff(raised) <= 1e-12)


def test_platforms_have_the_radius_of_their_episode_and_the_place_of_the_first_visit(edited):
    def change(file):
        n_episodes = len(file["frozen/goal"])
        file["frozen/platform_radius"] = 0.1 + 0.01 * np.arange(n_episodes)
        trials = file["frozen/trials"][:]
        trials["goal_x"][trials["trial"] == 0] = 0.25
        file["frozen/trials"][:] = trials

    with Result(edited(change)) as other:
        frozen = other.conditions["frozen"]
        assert [radius_of(frozen, episode) for episode in (0, 3)] == pytest.approx([0.1, 0.13])
        assert radius_of(other.conditions["oracle"], 3) == platform_radius(other)  # an older file
        assert platform_found_first(frozen, 0)[0] == 0.25 != platforms(frozen)[0, 0]


@pytest.mark.parametrize(
    ("radius", "rule"), [(0.0, r"lie in \(0, 1\]"), (1.5, r"lie in \(0, 1\]"), (np.nan, "hold finite numbers, holds n")]
)
def test_a_radius_that_cannot_be_is_named(edited, radius, rule):
    def change(file):
        file["frozen/platform_radius"] = np.full(len(file["frozen/goal"]), radius)

    with Result(edited(change)) as other, pytest.raises(ResultError, match=f"platform.*: must {rule}"):
        swim_paths(other)


def test_windows_that_miss_the_first_visit(edited):
    def change(file):
        trials = file["frozen/trials"][:]
        trials["found"] = False
        file["frozen/trials"][:] = trials

    with Result(edited(change)) as other, pytest.raises(ResultError, match="no window holds the first visit"):
        first_visit(other)


def test_cells_beyond_the_network(edited):
    def change(file):
        file["frozen/spikes/neuron"][:] = 100

    rule = "neuron: must hold whole numbers in 0..99, holds 100"
    with Result(edited(change)) as other, pytest.raises(ResultError, match=rule):
        first_visit(other)


def test_a_network_without_adaptation_says_so(edited):
    def change(file):
        file["network/beta"][:] = 0

    with Result(edited(change)) as other:
        said = " ".join(text.get_text() for text in first_visit(other).axes[3].texts)
        assert "no adaptive neuron with the threshold b0 + beta b" in said
