"""The page of Harlow's task on a result of which every number can be worked out by hand."""

import json
import warnings

import numpy as np
import pytest

from analysis.pages import harlow
from analysis.report import page_of
from lsnn import open_result
from lsnn.files import store
from runs.testing.result_file import describe_family
from tasks.harlow import FAMILY, Harlow
from tasks.harlow.family import choices_table

# Right choices of four episodes by variant; the first two begin wrong.
TRAINED = [[0, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0]]
HELD_OUT = [[0, 1, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1], [1, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]]


@pytest.fixture
def result(tmp_path):
    task, path = Harlow(), tmp_path / "harlow.h5"
    with store.write_atomically(path) as file:
        file.attrs.update(store.provenance("result", {"task": {"name": "harlow"}}, 3, "lsnn test harlow"))
        file.attrs.update(
            frozen_sha256="a", family=json.dumps(describe_family(task)),
            conditions=json.dumps([["frozen", "frozen network", "network"]]),
            variants=json.dumps([[name, variant.label] for name, variant in FAMILY.variants.items()]),
        )  # fmt: skip
        for name, right in (("trained", TRAINED), ("held_out", HELD_OUT)):
            group = file.create_group(f"frozen/{name}")
            group.attrs.update(duration_ms=task.duration_ms, policy="mean")
            group.attrs.update(frozen_sha256_before="a", frozen_sha256_after="a")
            store.put(group, "episode_key", np.arange(4, dtype=np.uint64), "1", "keys")
            table = choices_table(task, np.ones((4, 6), np.int8), np.array(right, np.int8))
            store.put_table(group, "trials", table, *FAMILY.units_of(table))
    with open_result(path) as opened:
        yield opened


def test_measures_are_those_of_the_trials_that_they_say(result):
    trained = result["frozen"]["trained"]
    told = {name: trained.estimate(name).value for name in result.measures}
    assert told == pytest.approx({"later": 18 / 20, "first": 0.5, "second": 0.75, "after_wrong": 0.5})


def test_second_choices_by_what_came_of_the_first(result):
    held_out = result["frozen"]["held_out"]
    assert [harlow.second_after(held_out, first).value for first in (False, True)] == [0.5, 0.5]
    assert harlow.second_after(result["frozen"]["trained"], True).value == 1.0


def test_the_bars_are_held_against_both_kinds_of_objects(result):
    criteria = {criterion.rule: criterion.measured for criterion in page_of(result).criteria}
    assert criteria["in trial 2 at least 0.95 of choices are right (objects of meta-training)"].startswith("0.750 [")
    assert criteria["after a wrong first choice at least 0.9 are (held-out objects)"].startswith("0.500 [")
    (held_out,) = [measured for rule, measured in criteria.items() if "less often right" in rule]
    assert held_out.startswith("-0.050 [")  # 17 of 20 against 18


def test_the_figure_tells_its_curves_apart_where_no_first_choice_was_wrong(result, monkeypatch):
    monkeypatch.setattr(harlow, "right", lambda condition: np.ones((4, 6)))
    with warnings.catch_warnings(action="error"):
        legend = harlow.by_trial(result).axes[2].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["frozen network"]


def test_the_figure_has_a_curve_for_each_outcome_of_the_first_choice(result):
    figure = harlow.by_trial(result)
    drawn = [axes.lines[0].get_ydata().tolist() for axes in figure.axes[:3]]
    assert drawn[0] == [0.5, 0.75, 1, 1, 1, 0.75] and drawn[1] == [1, 1, 1, 1, 1, 0.5]
    assert drawn[2] == [0, 0.5, 1, 1, 1, 1] and len(figure.axes) == 6
