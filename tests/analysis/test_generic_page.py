"""The page of a family that nothing here knows, from what its file says: table, chance, roles, criteria, figures."""

import json

import numpy as np
import pytest

from analysis import plots
from analysis.pages import generic
from analysis.report import page_of, write_report
from lsnn import open_result
from lsnn.estimates import Estimate
from lsnn.files import store
from lsnn.files.reading import ResultError

CONDITIONS = [["frozen", "frozen network", "network"], ["state_reset", "frozen, state reset", "control"],
              ["guess", "guessing", "baseline"], ["knows", "told the answer", "oracle"]]  # fmt: skip
RIGHT = {"frozen": 0.9, "state_reset": 0.5, "guess": 0.5, "knows": 1.0}  # share of right answers
MEASURES = [{"name": "right", "label": "right answers", "format": ".2f", "chance": 0.5},
            {"name": "wait_ms", "label": "waiting time", "unit": "ms", "format": ".0f", "better": "low",
             "censored": "ended"}]  # fmt: skip
FAMILY = {"name": "own", "title": "Mine", "question": "Which?", "measures": MEASURES, "oracle": "knows",
          "history": [{"name": "correct", "label": "right answers", "chance": 0.5}]}  # fmt: skip
EPISODES = 40


def rows(share, trials, seed):
    """Trials of every episode, the last one cut off; the first answers are right as often as asked."""
    table = np.zeros(EPISODES * trials, [(name, float) for name in (
        "episode", "trial", "start_ms", "end_ms", "right", "wait_ms", "ended")])  # fmt: skip
    table["episode"], table["trial"] = np.repeat(np.arange(EPISODES), trials), np.tile(np.arange(trials), EPISODES)
    table["start_ms"], table["end_ms"] = 10 * table["trial"], 10 * table["trial"] + 10
    table["right"] = np.arange(len(table)) < round(share * len(table))
    table["wait_ms"], table["ended"] = 10 - table["trial"], table["trial"] < trials - 1
    return np.random.default_rng(seed).permutation(table["right"]), table


def write(path, trials=4, family=FAMILY, conditions=CONDITIONS, history=True):
    with store.write_atomically(path) as file:
        file.attrs.update(store.provenance("result", {"task": {"name": "own"}}, 3, "lsnn test mine"))
        told = {"family": json.dumps(family), "conditions": json.dumps(conditions), "variants": "[]"}
        file.attrs.update(frozen_sha256="a", **told)
        if history:
            rise = np.linspace(0.5, 0.9, 30)
            table = np.rec.fromarrays([np.arange(30), rise, 5 + rise], names=["iteration", "correct", "rate_hz"])
            store.put_table(file, "history", table, dict.fromkeys(table.dtype.names, "1"),
                            dict.fromkeys(table.dtype.names, "a"))  # fmt: skip
        for name, _, role in conditions:
            right, table = rows(RIGHT[name], trials, 5)
            table["right"] = right
            group = file.create_group(name)
            group.attrs.update(duration_ms=10 * trials)
            if role in ("network", "control"):
                group.attrs.update(policy="mean", frozen_sha256_before="a", frozen_sha256_after="a")
            store.put(group, "episode_key", np.arange(EPISODES, dtype=np.uint64), "1", "keys")
            units = dict.fromkeys(table.dtype.names, "1")
            store.put_table(group, "trials", table, units, units)
    return path


@pytest.fixture
def result(tmp_path):
    with open_result(write(tmp_path / "own.h5")) as opened:
        yield opened


def test_the_table_has_every_condition_with_its_role_and_interval(result):
    (table,) = page_of(result).tables
    assert list(table.head) == ["condition", "role", "episodes", "right answers (chance 0.5)",
                                "median waiting time (ms)", "of the oracle's"]  # fmt: skip
    assert [row.role for row in table.rows] == ["network", "control", "baseline", "oracle"]
    cells = {row.cells[0]: row.cells for row in table.rows}
    assert cells["frozen network"][3].startswith("0.90 [") and cells["frozen network"][5].startswith("0.90 [")
    assert cells["guessing"][1:3] == ["baseline", "40"] and cells["told the answer"][5] == "1.00 [1.00, 1.00]"
    assert cells["guessing"][4].startswith("9 [")  # 10, 9 and 8 ms share the weight of an episode; 7 is cut off


def test_criteria_are_weights_chance_and_controls(result):
    criteria = page_of(result).criteria
    assert [criterion.met for criterion in criteria] == [True, True, True]
    assert [criterion.rule for criterion in criteria[1:]] == [
        "right answers: better than chance, 0.5",
        "right answers: the frozen network is better than the one with state reset",
    ]
    assert criteria[2].measured.startswith("by 0.40 [")


def test_a_network_at_chance_and_no_better_than_its_control_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(RIGHT, "frozen", 0.4)
    with open_result(write(tmp_path / "own.h5")) as result:
        assert [criterion.met for criterion in page_of(result).criteria] == [True, False, False]


def test_what_is_low_is_better_where_the_file_says_so(tmp_path):
    lower = FAMILY | {"measures": [MEASURES[0] | {"better": "low"}, MEASURES[1]]}
    with open_result(write(tmp_path / "own.h5", family=lower)) as result:
        assert [criterion.met for criterion in page_of(result).criteria] == [True, False, False]
        labels = [label.get_text() for label in plots.comparison(result).axes[0].get_yticklabels()]
        assert labels[0] == "told the answer" and "of the oracle's" not in page_of(result).tables[0].head


def test_differences_are_paired_by_episode(result):
    score = result.about.measures[0]
    assert generic.better_by(result["frozen"], result["frozen"], score) == Estimate(0, 0, 0, EPISODES)


def test_figures_show_chance_and_tell_roles_apart(result):
    bars = plots.comparison(result).axes[0]
    assert [label.get_text() for label in bars.get_yticklabels()][-1] == "told the answer"
    assert bars.lines[0].get_xdata()[0] == 0.5 and "dotted: chance, 0.5" in bars.get_xlabel()
    colours = {bar.get_facecolor()[:3] for bar in bars.patches}
    assert len(colours) == 4
    right, waiting = plots.by_trial(result).axes
    lines = {line.get_label(): line for line in right.lines}
    frozen = result["frozen"].trials.groupby("trial")["right"].mean()
    np.testing.assert_allclose(lines["frozen network"].get_ydata(), frozen)
    assert lines["frozen network"].get_linestyle() == "-" and lines["guessing"].get_linestyle() == "--"
    assert [text.get_text() for text in right.texts] == ["chance 0.5"]
    assert {text.get_text() for text in waiting.texts} == {""}  # arrows: the last trial never ends
    np.testing.assert_allclose(waiting.lines[0].get_ydata()[:3], [10, 9, 8])
    curve = plots.learning_curve(result).axes[0]
    assert curve.get_title(loc="left") == "right answers"
    assert {0.5, 1.0} <= {line.get_ydata()[0] for line in curve.lines}  # chance, and what the oracle reaches


def test_many_trials_are_taken_together(tmp_path):
    with open_result(write(tmp_path / "own.h5", trials=60)) as result:
        trial, value, low, high = plots.curve_of(result["frozen"], result.about.measures[0])
        assert len(trial) == 20 and trial[0] == 2 and np.all((low <= value) & (value <= high))
        assert value.mean() == pytest.approx(0.9)
        assert len(plots.curve_of(result["frozen"], result.about.measures[1])[0]) == plots.TRIALS_SHOWN


def test_an_episode_of_one_trial_and_no_history_has_what_can_be_drawn(tmp_path):
    path = write(tmp_path / "own.h5", trials=1, history=False)
    page = write_report(path, tmp_path / "report").read_text()
    assert sorted(file.name for file in (tmp_path / "report").iterdir()) == ["comparison.png", "report.html"]
    assert "Not drawn, since the file does not hold what they need: Trial by trial, Meta-training." in page
    assert "lsnn demo" not in page  # such a family has no live page
    assert "Mine" in page and "Which?" in page and '<tr class="oracle">' in page


def test_a_file_without_a_test_is_named(tmp_path):
    with open_result(write(tmp_path / "own.h5", conditions=[])) as result:
        with pytest.raises(ResultError, match="must hold a condition of a test, has none"):
            page_of(result)
    with open_result(write(tmp_path / "bare.h5", family=FAMILY | {"measures": []})) as result:
        with pytest.raises(ResultError, match="needs a measure, has none"):
            page_of(result)


def test_the_module_named_as_the_family_makes_its_page_and_helpers_make_none(tmp_path):
    for name in ("own", "model", "columns", "no such", "../report"):
        with open_result(write(tmp_path / "own.h5", family=FAMILY | {"name": name})) as result:
            assert page_of(result).title == "Mine"


def test_a_measure_of_some_trials_has_a_share_and_a_difference_of_those_and_no_curve(tmp_path):
    """All right answers are right; what is cut off, the last of four trials, counts in the other."""
    measures = [MEASURES[0] | {"name": "of_right", "column": "right", "among": "right"}, MEASURES[0], MEASURES[1]]
    with open_result(write(tmp_path / "some.h5", family=FAMILY | {"measures": measures})) as result:
        assert {measure.name for measure in plots.drawn_by_trial(result)} == {"right", "wait_ms"}
        frozen, told = result["frozen"], result.about.measures
        total, count = generic.sums(frozen, told[0])
        assert total.sum() == count.sum() == 0.9 * 4 * EPISODES
        assert generic.better_by(frozen, result["guess"], told[0]).value == 0.0
        assert generic.better_by(frozen, result["guess"], told[1]).value == pytest.approx(0.4)
