"""Strength curves: where the memory is lost, and what the figure shows."""

import numpy as np
import pytest

from analysis.brian_experiments import describe, lost_from, strength_curves, survived, sweep_of, write_figure
from analysis.latencies import visits_per_episode
from lsnn.estimates import Estimate
from lsnn.files import store
from lsnn.files.reading import ResultError
from lsnn.files.results import Result


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
        (("memory", "frozen", "state_reset", "frozen"), 2.0, "survives 0, 1, 3 b0; is lost at 2 b0"),
        (("memory", "frozen"), None, "survives 0, 1 b0"),
        (("circling", "untrained"), 0.0, "is lost at 0, 1 b0"),
    ],
)
def test_memory_is_lost_where_visits_are_no_longer_above_circling(edited, names, strength, words):
    path = swept(edited, *names)
    with Result(path) as result:
        sweep = sweep_of(result)
        assert lost_from(sweep, survived(sweep, result.conditions)) == strength
    assert describe(path).endswith(f"all strengths corrected together) {words}")


def test_memory_is_neither_kept_nor_lost_where_the_interval_holds_the_margin(edited, monkeypatch):
    effects = iter([Estimate(0.3, 0.25, 0.35, 40), Estimate(0.12, 0.05, 0.19, 40), Estimate(0.05, 0.0, 0.11, 40)])
    monkeypatch.setattr("analysis.brian_experiments.visits_difference_in", lambda *_: next(effects))
    words = "survives 0 b0; is not decided at 1, 2 b0"
    assert describe(swept(edited, "memory", "frozen", "state_reset")).endswith(words)


def test_description_has_a_line_a_strength_with_its_visits(edited):
    path = swept(edited, "oracle", "circling")
    with Result(path) as result:
        visits = [visits_per_episode(result.conditions[name]).value for name in ("oracle", "circling")]
    lines = describe(path).splitlines()
    assert [float(line.split()[0]) for line in lines[1:3]] == [0.0, 1.0]
    assert [float(line.split()[1]) for line in lines[1:3]] == pytest.approx(visits, abs=0.05)
    assert float(lines[1].split()[2]) == 1.0


def test_figure_shows_visits_and_searches_against_strength(edited, tmp_path):
    path = swept(edited, "memory", "frozen", "untrained")
    with Result(path) as result:
        figure = strength_curves(result)
        expected = [visits_per_episode(c).value for c in sweep_of(result).conditions]
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
