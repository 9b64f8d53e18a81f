"""Strength curves: where the memory is lost, and what the figure shows."""

import numpy as np
import pytest

from analysis.brian_experiments import describe, lost_from, strength_curves, sweep_of, write_figure
from analysis.latencies import goals_per_episode
from analysis.results import Result, ResultError
from lsnn import store


def swept(edited, *names):
    """A file in which strength k = 0, 1, .. is the condition of that name."""

    def change(file):
        file.attrs["experiment"] = "membrane_noise"
        store.put(file, "strength", np.arange(float(len(names))), "b0", "noise of the membrane")
        for number, name in enumerate(names):
            file.copy(name, f"strength_{number:02d}")

    return edited(change)


@pytest.mark.parametrize(
    ("names", "strength", "words"),
    [
        (("memory", "frozen", "state_reset", "frozen"), 2.0, "memory is lost from 2 b0 on"),
        (("memory", "frozen"), None, "memory survives up to 1 b0"),
        (("circling", "untrained"), 0.0, "no memory to lose"),
    ],
)
def test_memory_is_lost_where_goals_are_no_longer_above_circling(edited, names, strength, words):
    path = swept(edited, *names)
    with Result(path) as result:
        assert lost_from(sweep_of(result), result.conditions["circling"]) == strength
    assert words in describe(path)


def test_description_has_a_line_a_strength_with_its_goals(edited):
    path = swept(edited, "oracle", "circling")
    with Result(path) as result:
        goals = [goals_per_episode(result.conditions[name]).value for name in ("oracle", "circling")]
    lines = describe(path).splitlines()
    assert [float(line.split()[0]) for line in lines[1:3]] == [0.0, 1.0]
    assert [float(line.split()[1]) for line in lines[1:3]] == pytest.approx(goals, abs=0.05)
    assert float(lines[1].split()[2]) == 1.0


def test_figure_shows_goals_and_searches_against_strength(edited, tmp_path):
    path = swept(edited, "memory", "frozen", "untrained")
    with Result(path) as result:
        figure = strength_curves(result)
        expected = [goals_per_episode(c).value for c in sweep_of(result).conditions]
    left, right = figure.axes
    curve = next(line for line in left.lines if line.get_label() == "network")
    np.testing.assert_array_equal(curve.get_xdata(), [0, 1, 2])
    np.testing.assert_array_equal(curve.get_ydata(), expected)
    assert {"network, trial 1", "network, trial 2"} <= {line.get_label() for line in right.lines}
    assert write_figure(path, tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_trial_that_few_episodes_began_is_left_out(edited):
    path = swept(edited, "memory", "random_walk")
    with Result(path) as result:
        figure = strength_curves(result)
    second = next(line for line in figure.axes[1].lines if line.get_label() == "network, trial 2")
    assert np.isnan(second.get_ydata()[1]) and not np.isnan(second.get_ydata()[0])


def test_a_file_without_an_experiment_is_refused(result):
    with pytest.raises(ResultError, match="strength"):
        strength_curves(result)
