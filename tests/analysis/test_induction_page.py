"""The page of induction on a result of which every number can be worked out by hand."""

import json

import numpy as np
import pytest

from analysis.pages import induction
from analysis.report import page_of
from lsnn import open_result
from lsnn.files import store
from runs.testing.result_file import describe_family
from tasks.induction import FAMILY, Induction
from tasks.induction.family import answered, keys_in
from tasks.induction.task import KEYS, N_STATE, ORDER, PAIRS, VALUES

# Four pairs asked for in their order: 8, 7, 6, 5 tokens back. What is named in each of four episodes:
NAMED = [[1, 1, 1, 1], [1, 1, 1, 1], [0, 1, 0, 1], [1, 0, 1, 1]]  # 1 is the value of all


@pytest.fixture(params=[True, False])
def result(request, tmp_path):
    task, path = Induction(previous=request.param), tmp_path / "induction.h5"
    starts = np.zeros((4, N_STATE))
    starts[:, PAIRS], starts[:, VALUES : VALUES + 4] = 4, 1
    starts[:, KEYS : KEYS + 4] = starts[:, ORDER : ORDER + 4] = np.arange(4)
    table = keys_in(task, starts)
    named = np.concatenate([np.zeros((4, 4), int), NAMED], axis=1).ravel()
    table = answered(table, np.log(np.where(np.arange(6) == named[:, None], 0.5, 0.1)))
    with store.write_atomically(path) as file:
        config = {"task": {"name": "induction", "previous": request.param}}
        file.attrs.update(store.provenance("result", config, 3, "lsnn test induction"))
        file.attrs.update(
            frozen_sha256="a", family=json.dumps(describe_family(task)),
            conditions=json.dumps([["frozen", "frozen network", "network"]]), variants=json.dumps([]),
        )  # fmt: skip
        group = file.create_group("frozen")
        group.attrs.update(duration_ms=task.duration_ms, policy="mean")
        group.attrs.update(frozen_sha256_before="a", frozen_sha256_after="a")
        store.put(group, "episode_key", np.arange(4, dtype=np.uint64), "1", "keys")
        store.put_table(group, "trials", table, *FAMILY.units_of(table))
    with open_result(path) as opened:
        yield opened, request.param


def test_measures_and_bars(result):
    """13 of 16 right; 8 tokens back 3 of 4; cross-entropy 13 ln 2 + 3 ln 10 less ln 10 at first sight."""
    opened, previous = result
    told = {name: opened["frozen"].estimate(name).value for name in opened.measures}
    late = (13 * np.log(2) + 3 * np.log(10)) / 16
    assert told == pytest.approx({"accuracy": 13 / 16, "cross_entropy": late, "in_context": late - np.log(10)})
    criteria = {criterion.rule: criterion.measured for criterion in page_of(opened).criteria}
    if previous:
        assert criteria["at least 0.9 of answers are right"].startswith("0.812 [")
        assert criteria["at least 0.8 are, 8 tokens back or more"].startswith("0.750 [")
    else:
        assert criteria["at least 0.75 of answers are right, the previous token not shown"].startswith("0.812 [")


def test_the_figure_has_a_point_for_every_number_of_tokens_back(result):
    curve = induction.by_tokens(result[0]["frozen"])
    assert curve[:, :2].tolist() == [[5, 1], [6, 0.75], [7, 0.75], [8, 0.75]]
    assert curve[:, 2] == pytest.approx([0, *[np.sqrt(0.75 * 0.25 / 4)] * 3])
    axes = induction.tokens_back(result[0]).axes[0]
    assert axes.lines[0].get_ydata().tolist() == [1, 0.75, 0.75, 0.75]
