"""The page of arms that change, on a result of which every number is known beforehand."""

import json

import numpy as np
import pytest

from analysis.pages import bandit
from analysis.report import page_of
from lsnn import open_result
from lsnn.files import store
from runs.testing.result_file import describe_family
from tasks.bandit import FAMILY, Bandit
from tasks.bandit.baselines import play, regret
from tasks.bandit.family import pulls_table

KEYS = np.random.SeedSequence(6).generate_state(30, np.uint64)
ROLES = {"frozen": "network", "state_reset": "control", "delta_rule": "baseline", "bayes": "baseline"}
TASK = Bandit(arms="reversing", trials=40)


@pytest.fixture
def played(tmp_path):
    """The network plays as the delta rule does and, with its state zeroed, as random does."""
    path, names = tmp_path / "bandit.h5", {"frozen": "delta_rule", "state_reset": "random"}
    with store.write_atomically(path) as file:
        file.attrs.update(store.provenance("result", {"task": {"name": "bandit"}}, 3, "lsnn test bandit"))
        conditions = json.dumps([[name, name, role] for name, role in ROLES.items()])
        file.attrs.update(frozen_sha256="a", family=json.dumps(describe_family(TASK)), conditions=conditions)
        file.attrs["variants"] = "[]"
        for name, role in ROLES.items():
            group, record = file.create_group(name), play(names.get(name, name), KEYS, TASK, KEYS)
            group.attrs.update(duration_ms=TASK.duration_ms)
            if role != "baseline":
                group.attrs.update(policy="mean", frozen_sha256_before="a", frozen_sha256_after="a")
            store.put(group, "episode_key", KEYS, "1", "keys")
            table = pulls_table(TASK, record.pays, record.choice, record.reward)
            store.put_table(group, "trials", table, *FAMILY.units_of(table))
    with open_result(path) as result:
        yield result


def test_regret_beside_the_filter(played):
    lost = {}
    for name in ("delta_rule", "bayes", "random"):
        record = play(name, KEYS, TASK, KEYS)
        lost[name] = regret(record.pays, record.choice)[:, -1].mean()
    assert bandit.to_bayes(played, "frozen").value == pytest.approx(lost["delta_rule"] / lost["bayes"])
    assert bandit.to_bayes(played, "bayes")[:3] == (1.0, 1.0, 1.0)
    assert bandit.to_bayes(played, "state_reset").value == pytest.approx(lost["random"] / lost["bayes"])


def test_the_page_shows_regret_and_judges_by_the_filter(played):
    page = page_of(played)
    assert page.tables[-1].title.startswith("Regret beside") and len(page.tables[-1].rows) == len(ROLES)
    shown = [drawing.name for drawing in page.drawings]
    assert "regret" in shown and "adaptation" not in shown
    assert page.criteria[-1].rule.endswith("times that of the Bayes filter")
    (axes,) = bandit.regrets(played).axes
    assert axes.get_xlabel() == "trial"
