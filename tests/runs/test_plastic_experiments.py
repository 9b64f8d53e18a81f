"""The experiments plastic-tasks and plastic-rivals: what their files hold, what is said and drawn, what is refused."""

import numpy as np
import pytest

from analysis import plastic_rivals as drawn
from analysis import plastic_tasks as told
from lsnn.files.results import Result
from runs.experiments import plastic_tasks
from runs.experiments.options import PRETRAINED
from runs.experiments.plastic_rivals import rivals
from tests.runs.refusals import assert_not_written_over, assert_one_line, experiment

SHIPPED = PRETRAINED / "water_maze.lsnn.h5"


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    """Three rats of each kind for two days."""
    out = tmp_path_factory.mktemp("tasks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plastic_tasks, "DAYS", 2)
        assert experiment("plastic-tasks", "--rats", 3, "--out", out) == 0
    return out


@pytest.fixture(scope="module")
def beside(tmp_path_factory):
    """Eight short mazes, darks of 50 ms and agents that lived in two."""
    out = tmp_path_factory.mktemp("rivals")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("RATS", 2), ("MAZES", 1), ("STRAIGHT_MAZES", 8), ("DARK_MS", 50), ("DARKS", 2)):
            patch.setattr(rivals, name, value)
        whole = rivals.own_maze
        patch.setattr(rivals, "own_maze", lambda *of: rivals.replace(whole(*of), duration_ms=500))
        assert experiment("plastic-rivals", SHIPPED, "--episodes", 8, "--threads", 1, "--out", out) == 0
    return out


def test_rats_and_fields_are_in_the_file(tasks):
    with Result(tasks / "plastic_tasks.h5") as result:
        rats, track = told.rats_of(result), told.track_of(result)
    assert rats["with_coordinates"].matching_to_place.shape == (3, 2, 4)
    first = rats["without_coordinates"]
    saved = first.matching_to_place[:, 1, 0] - first.matching_to_place[:, 1, 1]
    assert first.saving_on(1).value == pytest.approx(saved.mean())
    assert first.latency_on(0).value == pytest.approx(first.reference_memory[:, 0].mean())
    assert track.by_speed.shape == (3, 185) and list(track.plateaus) == [100.0, 140.0]
    assert (tasks / "plastic_tasks.png").read_bytes().startswith(b"\x89PNG")


def test_a_field_is_told_by_peak_and_width():
    assert told.peak_and_width(np.array([0.0, 0.2, 0.5, 1.0, 0.4, 0.6])) == (3, 3)


def test_the_report_has_a_line_a_kind_and_a_field(tasks):
    said = told.describe(tasks / "plastic_tasks.h5")
    assert said.count("day 2: reference memory") == 2 and said.count("peak at") == 4


def test_a_network_keeps_its_weights_and_an_agent_loses_with_them(beside):
    with Result(beside / "plastic_rivals.h5") as result:
        frozen, erased = result["frozen"], result["frozen_weights_reset"]
        assert frozen.trials.equals(erased.trials) and frozen.role == "network" and erased.role == "control"
        assert not frozen.trials.equals(result["frozen_state_reset"].trials)
        keys = frozen.episode_key
        for name, condition in result.conditions.items():
            np.testing.assert_array_equal(condition.episode_key, keys)
            assert list(condition.trials) == list(frozen.trials), name
        assert result["frozen_dark"].duration_ms == 600 and result["one_shot"].role == "agent"
        field, without = result["goal_field"].trials, result["goal_field_weights_reset"].trials
        first, first_without = (each[each.trial == 0].reset_index(drop=True) for each in (field, without))
        assert first.equals(first_without) and not field.equals(without)
        assert without.equals(result["circling"].trials)


def test_all_conditions_are_told_and_drawn(beside):
    said = drawn.describe(beside / "plastic_rivals.h5")
    assert said.count("of 8)") == 5 * 4 + 3 and "one-shot map, 1 s of dark" in said
    assert (beside / "plastic_rivals.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_is_written_over_and_other_mazes_are_refused(tasks, tmp_path, capsys):
    def again():
        return experiment("plastic-tasks", "--rats", 3, "--out", tasks)

    assert_not_written_over(again, tasks / "plastic_tasks.h5", capsys)
    for other, rule in (("water_maze_rotation", "one platform whose actions are not turned"), ("bandit", "water-maze")):
        code = experiment("plastic-rivals", PRETRAINED / f"{other}.lsnn.h5", "--out", tmp_path / "out")
        assert_one_line(code, capsys, rule)
    assert not (tmp_path / "out").exists()
