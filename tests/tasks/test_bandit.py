"""Bandits: hand-worked trials, common luck, the baselines' closed forms, the Gymnasium environment."""

import gymnasium
import numpy as np
import pytest

import tasks  # noqa: F401
from lsnn.errors import InputError
from tasks.bandit import Bandit
from tasks.bandit.baselines import BASELINES, gittins_table, play, regret
from tasks.bandit.task import (
    LAST_ARM,
    LAST_REWARD,
    N_STATE,
    P_FIRST,
    P_SECOND,
    STILL,
    TRIAL,
    begin,
    last_steps,
    observe,
    paid_of_trials,
    pull,
    target,
    transition,
)
from tasks.environment import BanditEnv

KEYS = np.random.SeedSequence(2).generate_state(1000, np.uint64)
TASK = Bandit(trials=30, trial_ms=3)


@pytest.mark.parametrize("arms", STILL)
def test_arms_are_uniform_and_independent_or_opposed(arms):
    p = Bandit(arms=arms).probabilities(KEYS)
    assert p.mean(axis=0) == pytest.approx(0.5, abs=0.04) and p.std(axis=0) == pytest.approx(12**-0.5, abs=0.02)
    if arms == "anti_correlated":
        np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-15)
    else:
        assert abs(np.corrcoef(p.T)[0, 1]) < 0.1


@pytest.mark.parametrize(("arm", "paid", "flags"), [(-1, 0, [0, 0, 0, 0]), (0, 1, [1, 0, 0, 0]), (0, 0, [0, 1, 0, 0]),
                                                    (1, 1, [0, 0, 1, 0]), (1, 0, [0, 0, 0, 1])])  # fmt: skip
def test_flags_are_the_outcome_before(arm, paid, flags):
    state, observation = np.zeros(N_STATE), np.full(4, 9.0)
    state[LAST_ARM], state[LAST_REWARD] = arm, paid
    observe(state, TASK.parameters(), observation)
    np.testing.assert_array_equal(observation, flags)


def test_only_the_last_step_of_a_trial_pulls():
    state, parameters = np.zeros(N_STATE), TASK.parameters()
    begin(KEYS[0], parameters, state)
    state[[P_FIRST, P_SECOND]] = 0.0, 1.0
    for t in range(TASK.duration_ms):
        pulled = t in last_steps(TASK)
        assert target(state, parameters, np.zeros(2)) == float(pulled)
        reward, acted, terminated = transition(KEYS[0], t, np.array([1.0, 0.0]), parameters, state)
        assert (reward, acted, terminated) == (0.1 if pulled else 0.0, pulled, False)
    assert state[TRIAL] == 30 and len(last_steps(TASK)) == 30 and TASK.duration_ms == 91


def test_arms_pay_as_often_as_they_should():
    state = np.zeros(N_STATE)
    state[[P_FIRST, P_SECOND]] = 0.2, 0.9
    for arm, p in ((0, 0.2), (1, 0.9)):
        assert np.mean([pull(key, arm, state.copy()) for key in KEYS]) == pytest.approx(p, abs=0.04)


def test_metrics_count_the_pulls_that_paid():
    reward = np.zeros((2, TASK.duration_ms))
    reward[0, last_steps(TASK)] = 0.1
    reward[1, last_steps(TASK)[-1]] = 0.1
    paid = paid_of_trials(TASK, reward)
    assert paid.sum(axis=1).tolist() == [30, 1]
    assert TASK.metrics(reward, reward > 0) == pytest.approx({"paid": 31 / 60, "late_paid": 8 / 14})


def test_gittins_index_has_its_tabulated_values():
    """Gittins, Glazebrook & Weber (2011), table for Bernoulli arms, as recalled: a = b = 1 and a = 2, b = 1."""
    assert gittins_table(3, 0.9)[0, 0] == pytest.approx(0.7029, abs=1e-3)
    assert gittins_table(3, 0.9)[1, 0] == pytest.approx(0.8001, abs=1e-3)


def test_gittins_index_reaches_beyond_any_number_of_trials(monkeypatch):
    """With many trials the last rows are still means and a little more, not nought."""
    monkeypatch.setattr("tasks.bandit.baselines._HORIZON", 30)
    index = gittins_table.__wrapped__(60)
    won = np.arange(60)
    np.testing.assert_allclose(index[won, 59 - won], (won + 1) / 61, atol=0.08)


def test_gittins_index_without_a_future_is_the_mean():
    table = gittins_table(4, 1e-9)
    for won in range(4):
        for lost in range(4 - won):
            assert table[won, lost] == pytest.approx((won + 1) / (won + lost + 2), abs=2e-3)


def test_baselines_by_what_they_lose():
    """Random loses the mean distance to the better arm, 1/6 a trial; the oracle nothing; the rest lie in order."""
    task, p = Bandit(), Bandit().probabilities(KEYS)
    lost = {baseline: regret(p, play(baseline, KEYS, task).choice)[:, -1].mean() for baseline in BASELINES}
    assert lost["random"] == pytest.approx(100 / 6, abs=1.0)
    assert lost["oracle"] == 0 < lost["gittins"] < lost["thompson"] < lost["ucb1"] < lost["random"]


def test_thompson_sampling_is_the_one_of_numpy():
    """Against an independent simulation with numpy's beta draws."""
    rng = np.random.default_rng(0)
    p, won, lost, total = rng.random((4000, 2)), np.ones((4000, 2)), np.ones((4000, 2)), 0.0
    row = np.arange(4000)
    for _ in range(50):
        arm = rng.beta(won, lost).argmax(axis=1)
        paid = rng.random(4000) < p[row, arm]
        won[row, arm] += paid
        lost[row, arm] += ~paid
        total += (p.max(axis=1) - p[row, arm]).mean()
    task = Bandit(trials=50)
    ours = regret(task.probabilities(KEYS), play("thompson", KEYS, task).choice)[:, -1]
    assert ours.mean() == pytest.approx(total, abs=4 * ours.std() / np.sqrt(len(KEYS)))


def test_luck_is_common():
    """Two baselines that pull the same arm on the same trial are paid alike."""
    one, other = (play(baseline, KEYS, Bandit()) for baseline in ("random", "thompson"))
    same = one.choice == other.choice
    assert 0.3 < same.mean() < 0.7
    np.testing.assert_array_equal(one.reward[same], other.reward[same])


def test_environment_is_the_task():
    env = gymnasium.make("lsnn/Bandit-v0", trials=30)
    record = play("ucb1", KEYS[:1], Bandit(trials=30))
    env.reset(options={"key": int(KEYS[0])})
    for arm, paid in zip(record.choice[0], record.reward[0], strict=True):
        observation, reward, terminated, truncated, info = env.step(arm)
        assert reward == paid and not terminated and observation[2 * arm + int(1 - paid)] == 1
    assert truncated
    np.testing.assert_array_equal(info["probability"], Bandit().probabilities(KEYS[:1])[0])


def test_environment_takes_what_matters_and_nothing_else():
    assert gymnasium.make("lsnn/Bandit-v0", render_mode=None).reset(seed=0)
    with pytest.raises(InputError, match="render_mode must be None or 'rgb_array', received 'human'"):
        BanditEnv(render_mode="human")
    with pytest.raises(InputError, match="a keyword of bandit must be one of arms, trials, .* received 'trial_ms'"):
        gymnasium.make("lsnn/Bandit-v0", trial_ms=7)


def test_same_seed_same_episode():
    env = gymnasium.make("lsnn/Bandit-v0")
    keys = [env.reset(seed=seed)[1]["key"] for seed in (1, 1, 2)]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    ("keys", "message"),
    [({"arms": "three"}, "arms must be one of independent, anti_correlated"), ({"trials": 0}, "trials"),
     ({"reward": 0.0}, "reward")],
)  # fmt: skip
def test_bad_values_are_named(keys, message):
    with pytest.raises(InputError, match=message):
        Bandit(**keys)


def test_an_unknown_baseline_is_named():
    with pytest.raises(InputError, match="baseline must be one of random"):
        play("softmax", KEYS, Bandit())
