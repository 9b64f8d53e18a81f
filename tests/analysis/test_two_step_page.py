"""The page of the two-step task on a result of which every number is known beforehand."""

import json

import numpy as np
import pytest

from analysis.pages import two_step
from analysis.report import page_of
from lsnn import open_result
from lsnn.files import store
from runs.testing.result_file import describe_family
from tasks.two_step import FAMILY, TwoStep
from tasks.two_step.baselines import Record, play
from tasks.two_step.family import trials_table

KEYS = np.random.SeedSequence(6).generate_state(30, np.uint64)
ROLES = {"frozen": "network", "state_reset": "control", "model_free": "baseline", "bayes": "baseline"}
ACTION, SECOND, PAID = [0, 1, 1, 1, 0], [1, 1, 1, 1, 0], [1, 0, 1, 1, 0]  # as in tests/runs/test_two_step_behaviour.py


@pytest.fixture
def write(tmp_path):
    """A function that writes the result of these records, and opens it."""
    opened = []

    def result(task, records):
        path = tmp_path / "two_step.h5"
        with store.write_atomically(path) as file:
            file.attrs.update(store.provenance("result", {"task": {"name": "two-step"}}, 3, "lsnn test two-step"))
            conditions = json.dumps([[name, name, role] for name, role in ROLES.items()])
            file.attrs.update(frozen_sha256="a", family=json.dumps(describe_family(task)), conditions=conditions)
            for name, record in records.items():
                group = file.create_group(name)
                group.attrs.update(duration_ms=task.duration_ms)
                if ROLES[name] != "baseline":
                    group.attrs.update(policy="mean", frozen_sha256_before="a", frozen_sha256_after="a")
                store.put(group, "episode_key", np.arange(len(record.action), dtype=np.uint64), "1", "keys")
                table = trials_table(task, record)
                store.put_table(group, "trials", table, *FAMILY.units_of(table))
        opened.append(open_result(path))
        return opened[-1]

    yield result
    for each in opened:
        each.close()


@pytest.fixture
def played(write):
    """The network plays as Bayes does and, with its state zeroed, as random does."""
    task, names = TwoStep(trials=40), {"frozen": "bayes", "state_reset": "random"}
    return write(task, {name: play(names.get(name, name), KEYS, task, KEYS) for name in ROLES})


def test_reward_on_the_way_to_bayes(played):
    assert two_step.gain(played, "frozen")[:3] == two_step.gain(played, "bayes")[:3] == (1.0, 1.0, 1.0)
    assert two_step.gain(played, "model_free").value == 0.0 > two_step.gain(played, "state_reset").value


def test_criteria_and_table(played):
    page = page_of(played)
    assert [criterion.met for criterion in page.criteria] == [True, True, True]
    rows = {row.cells[0]: row.cells[1:] for row in page.tables[-1].rows}
    assert rows["frozen"] == rows["bayes"] and rows["frozen"][0] == "1.00 [1.00, 1.00]"
    assert page.drawings[1].name == "repeated"


def test_actions_repeated_worked_by_hand(write):
    arrays = [np.array([each, each], np.int8) for each in (ACTION, SECOND, PAID, [0] * 5, [0] * 5)]
    found = two_step.stays(write(TwoStep(trials=5), {name: Record(*arrays) for name in ROLES})["frozen"])
    never = found.pop("not paid, rare")  # it did not happen: there is no chance to speak of
    assert np.isnan(never[:3]).all()
    assert {name: each.value for name, each in found.items()} == {
        "paid, common": 0.5, "paid, rare": 0.0, "not paid, common": 1.0
    }  # fmt: skip


def test_the_figure_has_every_condition(played):
    axes = two_step.repeated(played).axes[0]
    assert axes.get_legend_handles_labels()[1] == list(ROLES)
