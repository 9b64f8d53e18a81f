"""What is measured of a history on reversing arms, by hand; the experiment on the shipped network; messages."""

import h5py
import numpy as np
import pytest

from analysis import bandit_volatility as analysis
from lsnn.files.results import Result
from runs.experiments.bandit_volatility import BASELINES, measures
from runs.experiments.bandit_volatility.measures import CALM, RATES, VOLATILE, Hidden, History
from runs.experiments.options import PRETRAINED
from tasks.bandit import Bandit, changing, family
from tasks.experiment import open_network
from tests.runs.refusals import assert_one_line, experiment, saved_again

KEYS = np.random.SeedSequence(4).generate_state(200, np.uint64)
PRACTICE = np.random.SeedSequence(5).generate_state(50, np.uint64)
TASK = Bandit(arms="reversing", trials=200, trial_ms=10)
SHIPPED = PRETRAINED / "bandit_reversing.lsnn.h5"


def history(choice, paid, preference=None) -> History:
    """One episode; what it prefers does not matter unless it is given."""
    return History(*map(np.atleast_2d, (choice, paid, choice if preference is None else preference)))


def hidden(volatile, better, block) -> Hidden:
    """What one episode hides, given by hand."""
    made = Hidden(Bandit(arms="reversing", trials=len(better), block=block), KEYS[:1])
    made.volatile, made.better = np.atleast_2d(volatile), np.atleast_2d(better)
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The experiment on the shipped network, twice."""
    out = tmp_path_factory.mktemp("volatility")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(family, "PRACTICE", len(PRACTICE))
        networks = SHIPPED, saved_again(SHIPPED, out)
        assert experiment("bandit-volatility", *networks, "--episodes", 16, "--threads", 1, "--out", out) == 0
    return out


def test_outcomes_speak_for_an_arm():
    told = measures.evidence(history([0, 0, 1, 1], [1, 0, 1, 0]))
    assert told.tolist() == [[0, 1, 1, 0]]
    np.testing.assert_allclose(measures.values(told, 0.5), [[0.5, 0.25, 0.625, 0.8125]])


def test_least_squares_of_a_preference_by_hand():
    """Values 0.5, 0.25, 0.625 at rate 0.5 beside preferences 1, 0, 2, the last two in a cell."""
    own = history([0, 0, 1], [1, 0, 1], [1.0, 0.0, 2.0])
    total = measures.sums(own, np.array([[0, 1, 1]]), 2)
    assert total.shape == (1, 2, len(RATES), 6) and RATES[24] == 0.5
    assert total[0, 0, 24].tolist() == [1, 0.5, 1, 0.25, 0.5, 1]
    assert total[0, 1, 24].tolist() == [2, 0.875, 2, 0.453125, 1.25, 4]
    assert measures.explained(total[0, 1, 24]) == pytest.approx(1.0)
    assert np.all(measures.sums(own, np.full((1, 3), -1), 1) == 0) and measures.explained(np.zeros(6)) == 0


def test_variance_explained_is_the_squared_correlation():
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 500))
    y += x
    total = np.array([500, x.sum(), y.sum(), (x * x).sum(), (x * y).sum(), (y * y).sum()])
    assert measures.explained(total) == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2)


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.8])
def test_a_fixed_rate_is_found_again_in_both_kinds_of_blocks(rate):
    rates = np.array([rate, 0.0])
    choice, reward = changing.record(changing.DELTA_RULE, KEYS, TASK, rates)
    worth = changing.follow(changing.DELTA_RULE, TASK, choice.astype(np.int64), reward, rates)
    own = History(choice, reward > 0, worth[..., 1] - worth[..., 0])
    found = measures.rates(own, Hidden(TASK, KEYS).settled(), 2)
    assert [each.value for each in found.rate] == pytest.approx([rate, rate], abs=0.002)
    assert found.rise[0].value == pytest.approx(0, abs=0.002) and found.explained == pytest.approx([1, 1])


def test_a_rate_between_those_tried_is_that_of_the_parabola():
    assert measures.best_rate(-((RATES - 0.333) ** 2)) == pytest.approx(0.333)
    assert measures.best_rate(-((RATES - 2.0) ** 2)) == pytest.approx(1.0)


def test_bayes_learns_faster_where_arms_change_often():
    own, seen = measures.baseline_played("bayes", TASK, KEYS, PRACTICE), Hidden(TASK, KEYS)
    (calm, volatile), (rise,), _ = measures.rates(own, seen.settled(), 2)
    assert calm.value < 0.5 < volatile.value and rise.low > 0.1
    assert rise.value == pytest.approx(volatile.value - calm.value)
    left, could = (each.sum(axis=0) for each in measures.leaves(own, seen.settled()))
    assert left[CALM] / could[CALM] < 0.1 < 0.7 < left[VOLATILE] / could[VOLATILE]


def test_arms_left_after_a_first_loss_are_counted_by_hand():
    """Three wins, a loss, left; three wins and a loss in a volatile block, kept; two wins alone do not count."""
    choice = [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1]
    paid = [1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 1, 0, 0]
    kind = np.array([[CALM] * 7 + [VOLATILE] * 7])
    left, could = measures.leaves(history(choice, paid), kind)
    assert could.tolist() == [[1, 1]] and left.tolist() == [[1, 0]]
    left, could = measures.leaves(history(choice, paid), np.where(kind == CALM, -1, kind))
    assert could.tolist() == [[0, 1]] and left.tolist() == [[0, 0]]


def test_choices_round_a_reversal_that_stands_alone():
    better = [0] * 6 + [1] * 14 + [0] * 2 + [1] * 8
    seen = hidden([VOLATILE] * 20 + [CALM] * 10, better, 20)
    choice = [0] * 8 + [1] * 22
    count, number = measures.round_reversal(history(choice, [1] * 30), seen)
    assert number.tolist() == [[0, 1]] and count[0, VOLATILE].tolist() == [0] * 5 + [1] * 5
    assert measures.round_reversal(history(choice, [1] * 30), hidden([CALM] * 30, better, 10))[1].sum() == 0


def test_cells_are_halves_of_blocks_and_bins_after_a_change():
    seen = hidden([CALM] * 20 + [VOLATILE] * 20 + [VOLATILE] * 20, [0] * 60, 20)
    assert seen.settled()[0].tolist() == ([-1] * 10 + [CALM] * 10) + 2 * ([-1] * 10 + [VOLATILE] * 10)
    assert seen.bins() == 2 and seen.changed()[0].tolist() == [-1] * 20 + [2] * 10 + [3] * 10 + [-1] * 20


def test_every_network_has_its_history_and_the_baselines_theirs(folder):
    with Result(folder / "bandit_volatility.h5") as result:
        groups = analysis.network_groups(result)
        assert len(groups) == 2 and set(groups[0]) == {"frozen", *BASELINES}
        for group in groups:
            assert analysis.is_adaptive(group) and np.all(group["frozen/decided_bayes"][:] <= TASK.trials)
            assert analysis.rise(group, "bayes").value > 0.1 > abs(analysis.rise(group, "delta_rule").value)
            assert analysis.agreement(group, "bayes").value > 0.85
        np.testing.assert_array_equal(groups[0]["frozen/rate"][:], groups[1]["frozen/rate"][:])
    said = analysis.describe(folder / "bandit_volatility.h5").splitlines()
    assert len(said) == 14 and (folder / "bandit_volatility.png").stat().st_size > 10_000


def test_a_player_is_nearest_to_itself(folder, tmp_path):
    path = tmp_path / "copy.h5"
    path.write_bytes((folder / "bandit_volatility.h5").read_bytes())
    for policy, gain in (("delta_rule", 0), ("bayes", 1)):
        with h5py.File(path, "r+") as file:
            del file["network_0/frozen"]
            file.copy(file[f"network_0/{policy}"], "network_0/frozen")
            assert analysis.share_of_gain(file["network_0"])[:3] == pytest.approx((gain, gain, gain))


def test_the_shipped_network_is_small_and_of_reversing_arms():
    file, opened = open_network(SHIPPED)
    assert SHIPPED.stat().st_size < 3e6 and opened.task == TASK and not opened.learning.auxiliary
    assert file.command.startswith("lsnn train bandit --preset reversing ") and file.seed == 1


def test_networks_of_other_arms_are_refused(tmp_path, capsys):
    code = experiment("bandit-volatility", PRETRAINED / "bandit.lsnn.h5", "--out", tmp_path)
    assert_one_line(code, capsys, "bandit.lsnn.h5: must be a network for bandit with task.arms=reversing, got bandit")
