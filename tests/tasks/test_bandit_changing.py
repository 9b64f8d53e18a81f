"""Arms that change: how often and how far, the filters against brute force and closed forms, the delta rule by hand."""

from itertools import product

import gymnasium
import numpy as np
import pytest

import tasks  # noqa: F401
from lsnn.errors import InputError
from tasks.bandit import FAMILY, Bandit, changing
from tasks.bandit import task as task_module
from tasks.bandit.baselines import baselines_of, play, regret, values_on
from tasks.bandit.task import ARMS, N_STATE, P_FIRST, P_SECOND, STILL, TRIAL, begin, move_arms
from tasks.experiment import preset
from tests.contract.driven import driven

KEYS = np.random.SeedSequence(2).generate_state(600, np.uint64)
PRACTICE = np.random.SeedSequence(5).generate_state(100, np.uint64)
REVERSING = Bandit(arms="reversing", trials=100, calm=0.01, volatile=0.2, block=50)
RESTLESS = Bandit(arms="restless")
TO_THE_CONTRARY, FORGETTING = np.array([0.5, 0.0]), np.array([0.5, 0.2])


# The arms


def test_reversing_arms_change_places_as_often_as_they_should():
    pays, volatile = REVERSING.course(KEYS)
    assert set(np.round(np.unique(pays), 12)) == {0.1, 0.9}
    np.testing.assert_allclose(pays.sum(axis=-1), 1.0)
    turned = np.diff(pays[..., 0], axis=1) != 0
    for block, chance in ((volatile[:, 1:], 0.2), (~volatile[:, 1:], 0.01)):
        assert turned[block].mean() == pytest.approx(chance, abs=4 * np.sqrt(chance / block.sum()))
    assert volatile.mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(2 * len(KEYS)))
    assert np.all(volatile[:, :50] == volatile[:, :1]) and np.any(volatile[:, 50] != volatile[:, 49])
    assert pays[:, 0, 0].mean() == pytest.approx(0.5, abs=4 * 0.4 / np.sqrt(len(KEYS)))


def test_restless_arms_walk_by_normal_steps_between_0_and_1():
    pays, volatile = RESTLESS.course(KEYS)
    assert not volatile.any() and np.all((pays >= 0) & (pays <= 1))
    inside = np.all(np.abs(pays - 0.5) < 0.3, axis=-1)[:, :-1]
    steps = np.diff(pays, axis=1)[inside]
    assert steps.std() == pytest.approx(0.05, rel=0.02) and steps.mean() == pytest.approx(0.0, abs=1e-3)
    assert abs(np.corrcoef(steps.T)[0, 1]) < 0.02
    assert np.mean(steps[:, 0] ** 4) == pytest.approx(3 * 0.05**4, rel=0.1)
    np.testing.assert_array_equal(RESTLESS.course(KEYS, 1).pays[:, 0], Bandit().probabilities(KEYS))


@pytest.mark.parametrize(("x", "inside"), [(0.3, 0.3), (1.3, 0.7), (-0.2, 0.2), (2.25, 0.25), (-1.5, 0.5), (3.5, 0.5)])
def test_a_walk_is_thrown_back_at_the_ends(x, inside):
    assert task_module._reflected(x) == pytest.approx(inside)


@pytest.mark.parametrize("arms", STILL)
def test_other_arms_stay_as_they_are(arms):
    task, state = Bandit(arms=arms), np.zeros(N_STATE)
    begin(KEYS[0], task.parameters(), state)
    before = state.copy()
    for trial in range(5):
        state[TRIAL] = trial
        move_arms(KEYS[0], task.parameters(), state)
        np.testing.assert_array_equal(state[[P_FIRST, P_SECOND]], before[[P_FIRST, P_SECOND]])


# The filters


def brute_force(task: Bandit, choice: np.ndarray, paid: np.ndarray) -> float:
    """The chance that the first arm pays next, from every course that blocks and arms can have taken."""
    trials, weight = len(choice) + 1, np.zeros(2)
    blocks = -(-trials // task.block)
    for volatile in product((False, True), repeat=blocks):
        for better in product((0, 1), repeat=trials):
            chance = 0.5 * 0.5**blocks
            for trial in range(1, trials):
                turns = task.volatile if volatile[trial // task.block] else task.calm
                chance *= turns if better[trial] != better[trial - 1] else 1 - turns
            for trial, (arm, won) in enumerate(zip(choice, paid, strict=True)):
                pays = task.pays if arm == better[trial] else 1 - task.pays
                chance *= pays if won else 1 - pays
            weight[better[-1]] += chance
    return float((weight[0] * task.pays + weight[1] * (1 - task.pays)) / weight.sum())


def test_one_pull_filtered_by_hand():
    """After a pull that paid the arm is the better one with 0.9; calm 0.892, volatile 0.74 a trial later."""
    worth = values_on("bayes", REVERSING, [[0, 0]], [[1, 1]])
    assert worth[0, 0].tolist() == [0.5, 0.5]
    first = (0.892 + 0.74) / 2
    assert worth[0, 1] == pytest.approx([first * 0.9 + (1 - first) * 0.1, first * 0.1 + (1 - first) * 0.9])


@pytest.mark.parametrize("block", [1, 2, 3, 50])
def test_the_filter_of_reversing_arms_is_exact(block):
    task = Bandit(arms="reversing", trials=8, block=block, pays=0.8, calm=0.05, volatile=0.3)
    choice, paid = np.array([0, 0, 1, 0, 1, 1, 0]), np.array([1, 1, 0, 0, 1, 0, 1])
    worth = values_on("bayes", task, [[*choice, 0]], [[*paid, 0]])[0, :, 0]
    for seen in range(len(choice) + 1):
        assert worth[seen] == pytest.approx(brute_force(task, choice[:seen], paid[:seen]), abs=1e-12)


def test_a_walk_from_cell_to_cell():
    kernel, middle = changing.drift_kernel(0.05), (np.arange(changing.GRID) + 0.5) / changing.GRID
    np.testing.assert_allclose(kernel.sum(axis=1), 1.0)
    np.testing.assert_allclose(kernel, kernel.T, atol=0.01)
    assert kernel[25] @ middle == pytest.approx(middle[25])
    assert kernel[25] @ (middle - middle[25]) ** 2 == pytest.approx(0.05**2 + (1 / changing.GRID) ** 2 / 12, rel=1e-3)
    steps = middle[0] + 0.05 * np.random.default_rng(0).normal(size=20_000)
    assert kernel[0] @ middle == pytest.approx(np.abs(steps).mean(), abs=2e-3)
    np.testing.assert_array_equal(changing.drift_kernel(0.0), np.eye(changing.GRID))


def test_the_filter_of_arms_that_do_not_drift_is_the_beta_posterior():
    task = Bandit(arms="restless", drift=0.0)
    choice, paid = [[0, 0, 1, 0, 1, 0]], [[1, 1, 0, 0, 1, 1]]
    worth = values_on("bayes", task, choice, paid)
    assert worth[0, 5] == pytest.approx([3 / 5, 2 / 4], abs=1e-3)
    assert worth[0, 4] == pytest.approx([3 / 5, 1 / 3], abs=1e-3)


def test_a_restless_arm_that_is_left_alone_is_forgotten():
    """Its mean goes to 0.5, the more slowly the less it drifts, and it is worth trying: the bonus grows."""
    task = Bandit(arms="restless", drift=0.1)
    worth = values_on("bayes", task, [[0] + [1] * 59], [[1] * 60])[0, :, 0]
    assert worth[1] == pytest.approx(2 / 3, abs=0.02) and np.all(np.diff(worth[1:]) < 0)
    assert worth[-1] == pytest.approx(0.5, abs=0.01)


# The delta rule


def test_values_of_the_delta_rule_by_hand():
    choice, paid = np.array([[0, 0, 1]]), np.array([[1.0, 0.0, 0.0]])
    worth = changing.follow(changing.DELTA_RULE, REVERSING, choice, paid, TO_THE_CONTRARY)
    np.testing.assert_allclose(worth[0], [[0.5, 0.5], [0.75, 0.25], [0.375, 0.625]])
    worth = changing.follow(changing.DELTA_RULE, RESTLESS, choice, paid, FORGETTING)
    np.testing.assert_allclose(worth[0], [[0.5, 0.5], [0.75, 0.5], [0.375, 0.5]])
    worth = changing.follow(changing.DELTA_RULE, RESTLESS, choice[:, ::-1].copy(), paid, FORGETTING)
    np.testing.assert_allclose(worth[0], [[0.5, 0.5], [0.5, 0.75], [0.25, 0.7]])


def test_rates_are_those_that_earn_most():
    """Where nothing but chance turns the arms, learn fast; where they stay, slowly."""
    fast = Bandit(arms="reversing", pays=1.0, calm=0.3, volatile=0.3)
    slow = Bandit(arms="reversing", pays=0.7, calm=0.0, volatile=0.0)
    rates = [changing.rates_of(changing.DELTA_RULE, task, PRACTICE)[0] for task in (fast, slow)]
    assert rates[0] >= 0.5 > 0.2 >= rates[1]


# Play


def test_baselines_of_reversing_arms_by_what_they_earn():
    """Random is paid half the time, the oracle 0.9; a fixed rate earns less than the filter, sampling less still."""
    earned = {name: play(name, KEYS, REVERSING, PRACTICE).reward.mean() for name in baselines_of(REVERSING)}
    assert earned["random"] == pytest.approx(0.5, abs=0.01) and earned["oracle"] == pytest.approx(0.9, abs=0.01)
    assert earned["random"] < earned["thompson"] < earned["delta_rule"] < earned["bayes"] < earned["oracle"]


def test_baselines_of_restless_arms_by_what_they_lose():
    lost = {}
    for name in baselines_of(RESTLESS):
        if name != "delta_rule":
            record = play(name, KEYS, RESTLESS)
            lost[name] = regret(record.pays, record.choice)[:, -1].mean()
    assert lost["oracle"] == 0 < lost["bayes_bonus"] < lost["bayes"] < lost["thompson"] < lost["random"]


def test_bayes_does_what_it_says():
    record = play("bayes", KEYS[:50], REVERSING)
    worth = values_on("bayes", REVERSING, record.choice, record.reward)
    decided = worth[..., 0] != worth[..., 1]
    assert decided.mean() > 0.9
    np.testing.assert_array_equal(worth.argmax(axis=-1)[decided], record.choice[decided])


def test_sampling_matches_the_belief():
    """Over episodes the second arm is pulled as often as it is believed to be the better one."""
    record = play("thompson", KEYS, REVERSING)
    worth = values_on("bayes", REVERSING, record.choice, record.reward)
    believed = (worth[..., 1] - 0.1) / 0.8
    for low in (0.05, 0.3, 0.6, 0.85):
        cell = (believed >= low) & (believed < low + 0.1)
        error = 4 * 0.5 / np.sqrt(cell.sum())
        assert record.choice[cell].mean() == pytest.approx(believed[cell].mean(), abs=error)


@pytest.mark.parametrize("task", [REVERSING, RESTLESS])
def test_luck_is_common_and_the_arms_go_their_own_way(task):
    one, other = (play(name, KEYS, task) for name in ("random", "bayes"))
    same = one.choice == other.choice
    np.testing.assert_array_equal(one.reward[same], other.reward[same])
    np.testing.assert_array_equal(one.pays, other.pays)


# The family


@pytest.mark.parametrize("arms", ARMS)
def test_tables_hold_what_the_arms_pay_trial_by_trial(arms):
    task = Bandit(arms=arms, trials=12, trial_ms=2, block=5)
    states, trace = driven(task, KEYS[:4], task.duration_ms)
    table, course = FAMILY.table(task, states, trace), task.course(KEYS[:4])
    np.testing.assert_array_equal(table["first_pays"].reshape(4, 12), course.pays[..., 0])
    np.testing.assert_array_equal(table["second_pays"].reshape(4, 12), course.pays[..., 1])
    lost = np.diff(regret(course.pays, table["arm"].reshape(4, 12)), axis=1, prepend=0).ravel()
    np.testing.assert_allclose(table["regret"], lost, atol=1e-12)
    assert (FAMILY.latent.by_trial_of(task) is None) == (arms in STILL)


def test_a_test_goes_through_both_kinds_of_arms_that_stay_and_no_others():
    assert list(FAMILY.variants_of(Bandit(arms="anti_correlated"))) == ["independent", "anti_correlated"]
    assert not FAMILY.variants_of(REVERSING) and not FAMILY.variants_of(RESTLESS)
    assert list(FAMILY.baselines_of(Bandit())) == ["random", "ucb1", "thompson", "gittins", "oracle"]
    assert list(FAMILY.baselines_of(REVERSING)) == ["random", "delta_rule", "thompson", "bayes", "oracle"]
    assert "bayes_bonus" in FAMILY.baselines_of(RESTLESS)
    assert preset("bandit", "reversing").task.arms == "reversing" and preset("bandit", "restless").task.trials == 100


def test_environment_is_the_task():
    env = gymnasium.make("lsnn/Bandit-v0", arms="reversing", trials=30, volatile=0.5, calm=0.5)
    record = play("bayes", KEYS[:1], Bandit(arms="reversing", trials=30, volatile=0.5, calm=0.5))
    _, info = env.reset(options={"key": int(KEYS[0])})
    for trial, (arm, paid) in enumerate(zip(record.choice[0], record.reward[0], strict=True)):
        np.testing.assert_array_equal(info["probability"], record.pays[0, trial])
        _, reward, _, _, info = env.step(arm)
        assert reward == paid


@pytest.mark.parametrize(
    ("keys", "message"),
    [({"drift": -0.1}, "drift"), ({"pays": 0.4}, "pays"), ({"calm": 0.6}, "calm"), ({"volatile": -1}, "volatile"),
     ({"block": 0}, "block"), ({"block": 1.5}, "block")],
)  # fmt: skip
def test_bad_values_are_named(keys, message):
    with pytest.raises(InputError, match=f"{message} must be"):
        Bandit(**keys)


def test_baselines_of_other_arms_are_refused():
    with pytest.raises(InputError, match="baseline must be one of random, delta_rule, .* received 'gittins'"):
        play("gittins", KEYS, REVERSING)
    with pytest.raises(InputError, match="baseline must be one of random, ucb1"):
        play("bayes", KEYS, Bandit())
    with pytest.raises(InputError, match="arms of task must be restless or reversing"):
        values_on("bayes", Bandit(), [[0]], [[0]])
    with pytest.raises(InputError, match="choice must be"):
        values_on("bayes", REVERSING, [[2]], [[0]])
    with pytest.raises(InputError, match="practice must be"):
        play("delta_rule", KEYS, REVERSING, "none")
