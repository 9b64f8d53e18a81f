"""The two-step task: hand-worked trials and beliefs, common luck, the baselines' closed forms, the environment."""

from dataclasses import replace

import gymnasium
import numpy as np
import pytest

import tasks  # noqa: F401
from lsnn.errors import InputError
from tasks.two_step import FAMILY, TwoStep
from tasks.two_step.baselines import (
    BASELINES,
    BELIEF,
    N_MEMORY,
    Q,
    V,
    _update_belief,
    _update_values,
    play,
    rates_of,
    start,
    values_on,
    worth,
)
from tasks.two_step.family import hidden_of_trial, other_action, trials_table
from tasks.two_step.task import (
    ACTION,
    GOOD,
    MAP,
    N_STATE,
    PAID,
    SECOND,
    STEP,
    TRIAL,
    begin,
    choice_steps,
    choose,
    next_trial,
    observe,
    target,
    transition,
)

KEYS = np.random.SeedSequence(2).generate_state(4000, np.uint64)
PRACTICE = np.random.SeedSequence(3).generate_state(100, np.uint64)
TASK = TwoStep(trials=3, phase_ms=2, dark_ms=4)


def state_with(**values: float) -> np.ndarray:
    """A state with some numbers set."""
    state = np.zeros(N_STATE)
    state[[ACTION, SECOND]] = -1.0
    for name, value in values.items():
        state[{"step": STEP, "action": ACTION, "second": SECOND, "paid": PAID, "good": GOOD, "map": MAP}[name]] = value
    return state


@pytest.mark.parametrize("remapped", [False, True])
def test_an_episode_begins_with_even_chances(remapped):
    state, found = np.zeros(N_STATE), []
    for key in KEYS:
        begin(key, TwoStep(remapped=remapped).parameters(), state)
        found.append(state[[GOOD, MAP]].copy())
    good, drawn = np.mean(found, axis=0)
    assert good == pytest.approx(0.5, abs=0.04) and drawn == pytest.approx(0.5 if remapped else 0.0, abs=0.04)
    assert not remapped or abs(np.corrcoef(np.transpose(found))[0, 1]) < 0.08


@pytest.mark.parametrize(
    ("shown", "flags"),
    [
        ({"step": 3}, [0, 0, 0, 0, 0, 0]),
        ({"step": 4}, [1, 0, 0, 0, 0, 0]),
        ({"step": 5}, [1, 0, 0, 0, 0, 0]),
        ({"step": 6, "action": 0, "second": 1, "paid": 1}, [0, 1, 0, 0, 1, 1]),
        ({"step": 7, "action": 1, "second": 0, "paid": 0}, [0, 0, 1, 1, 0, 0]),
        ({"step": 8}, [0, 0, 0, 0, 0, 0]),
    ],
)
def test_flags_are_the_cue_or_the_outcome_and_none_in_the_dark(shown, flags):
    observation = np.full(6, 9.0)
    observe(state_with(**shown), TASK.parameters(), observation)
    np.testing.assert_array_equal(observation, flags)


def test_an_action_is_taken_at_the_last_step_of_the_cue_and_told_until_the_trial_ends():
    sure = replace(TASK, common=1.0, pays=1.0, switch=0.0)
    state, parameters = np.zeros(N_STATE), sure.parameters()
    begin(KEYS[0], parameters, state)
    state[GOOD] = 1.0
    seen = []
    for t in range(sure.duration_ms):
        asked = t in choice_steps(sure)
        assert target(state, parameters, np.zeros(2)) == float(asked)
        reward, acted, terminated = transition(KEYS[0], t, np.array([1.0]), parameters, state)
        assert (reward, acted, terminated) == (0.1 if asked else 0.0, asked, False)
        seen.append((state[TRIAL], state[ACTION], state[SECOND], state[PAID]))
    assert choice_steps(sure).tolist() == [5, 13, 21] and sure.duration_ms == 25
    assert seen[4:9] == [(0, -1, -1, 0), (0, 1, 1, 1), (0, 1, 1, 1), (1, -1, -1, 0), (1, -1, -1, 0)]
    assert seen[-1] == (3, -1, -1, 0)


@pytest.mark.parametrize(("action", "drawn", "expected"), [(0, 0, 0), (1, 0, 1), (0, 1, 1), (1, 1, 0)])
def test_an_action_leads_and_pays_as_often_as_it_should(action, drawn, expected):
    parameters, second, paid = TwoStep().parameters(), [], []
    for key in KEYS:
        state = state_with(map=drawn)
        paid.append(choose(key, action, parameters, state))
        second.append(state[SECOND])
    led, won = np.array(second), np.array(paid)
    assert (led == expected).mean() == pytest.approx(0.8, abs=0.03)
    assert won[led == 0].mean() == pytest.approx(0.9, abs=0.03) and won[led == 1].mean() == pytest.approx(0.1, abs=0.03)


def test_states_change_places_as_often_as_they_should():
    parameters, changed = TwoStep().parameters(), 0
    for key in KEYS:
        state = state_with()
        for _ in range(3):
            before = state[GOOD]
            next_trial(key, parameters, state)
            changed += int(state[GOOD] != before)
    assert changed / (3 * len(KEYS)) == pytest.approx(0.025, abs=0.006)


def test_metrics_count_the_trials_that_paid():
    reward = np.zeros((2, TASK.duration_ms))
    reward[0, choice_steps(TASK)] = 0.1
    reward[1, choice_steps(TASK)[0]] = 0.1
    assert TASK.metrics(reward, reward > 0) == pytest.approx({"paid": 4 / 6, "late_paid": 0.5})


def test_a_belief_worked_by_hand():
    """The first state paid: 0.9 for it, after the chance of a switch 0.88; with an unknown map 0.728 for the action."""
    memory, parameters = np.zeros(N_MEMORY), TwoStep().parameters()
    start(parameters, memory)
    _update_belief(parameters, 0, 0, 1, memory)
    np.testing.assert_allclose(memory[BELIEF : BELIEF + 4], [0.88, 0.12, 0.0, 0.0])
    assert worth(3, parameters, memory, 0) == pytest.approx(0.728 * 0.9 + 0.272 * 0.1)
    parameters = TwoStep(remapped=True).parameters()
    start(parameters, memory)
    _update_belief(parameters, 0, 0, 1, memory)
    np.testing.assert_allclose(memory[BELIEF : BELIEF + 4], [0.704, 0.096, 0.176, 0.024])
    good = 0.8 * 0.728 + 0.2 * 0.272
    assert worth(3, parameters, memory, 0) == pytest.approx(good * 0.9 + (1 - good) * 0.1)


def test_values_worked_by_hand():
    """Learning 0.5, forgetting 0.2: action 0 pays by state 1, then action 1 does not by state 1."""
    memory, rates = np.zeros(N_MEMORY), np.array([0.5, 0.2])
    start(TwoStep().parameters(), memory)
    _update_values(rates, 0, 1, 1, memory)
    _update_values(rates, 1, 1, 0, memory)
    np.testing.assert_allclose(memory[[Q, Q + 1, V, V + 1]], [0.7, 0.25, 0.5, 0.375])
    fixed, drawn = TwoStep().parameters(), TwoStep(remapped=True).parameters()
    assert worth(1, fixed, memory, 0) == pytest.approx(0.7)
    assert worth(2, fixed, memory, 0) == pytest.approx(0.8 * 0.5 + 0.2 * 0.375)
    assert worth(2, drawn, memory, 0) == pytest.approx(0.5 * 0.5 + 0.5 * 0.375)  # led once each way


def test_baselines_by_what_they_earn():
    """Random 0.5, the oracle 0.8 * 0.9 + 0.2 * 0.1; the rest in the order of what they know."""
    paid = {name: play(name, KEYS[:1000], TwoStep(), PRACTICE).paid.mean() for name in BASELINES}
    assert paid["random"] == pytest.approx(0.5, abs=0.01) and paid["oracle"] == pytest.approx(0.74, abs=0.01)
    assert (
        paid["random"] + 0.1 < paid["model_free"] < paid["model_based"] - 0.02 < paid["bayes"] < paid["oracle"] - 0.02
    )


@pytest.mark.parametrize("remapped", [False, True])
def test_bayes_after_one_outcome_earns_its_closed_form(remapped):
    """Known map: the better action with 0.88; unknown map: with 0.728; it then pays with 0.74, the other with 0.26."""
    paid = play("bayes", KEYS, TwoStep(trials=2, remapped=remapped)).paid.mean(axis=0)
    better = 0.728 if remapped else 0.88
    assert paid == pytest.approx([0.5, better * 0.74 + (1 - better) * 0.26], abs=0.02)


def test_luck_is_common():
    one, other = (play(name, KEYS[:500], TwoStep()) for name in ("random", "bayes"))
    np.testing.assert_array_equal(one.good, other.good)
    same = one.action == other.action
    assert 0.3 < same.mean() < 0.7
    np.testing.assert_array_equal(one.paid[same], other.paid[same])


@pytest.mark.parametrize("name", ["model_free", "model_based", "bayes"])
def test_a_baseline_agrees_with_itself_on_its_own_history(name):
    record = play(name, KEYS[:50], TwoStep(remapped=True), PRACTICE)
    worths = values_on(name, TwoStep(remapped=True), record.action, record.second, record.paid, PRACTICE)
    decided = worths[..., 0] != worths[..., 1]
    assert decided.mean() > 0.9
    np.testing.assert_array_equal(worths.argmax(axis=-1)[decided], record.action[decided])


def test_rates_are_those_that_earn_most_in_practice():
    task = TwoStep(trials=20, pays=1.0, switch=0.0, common=1.0)
    assert play("model_free", PRACTICE, task, PRACTICE).paid[:, 1:].mean() == 1.0
    assert rates_of("model_free", task, PRACTICE)[0] > 0


def test_the_latent_of_a_trial_names_the_better_action():
    task = TwoStep(remapped=True)
    table = trials_table(task, play("random", KEYS[:20], task))
    error = other_action(task, hidden_of_trial(task, table), table, np.zeros((len(table), N_STATE)))
    np.testing.assert_array_equal(error, 1 - table["better"])
    led = np.where(table["map"] == 0, table["action"], 1 - table["action"]) == table["second"]
    np.testing.assert_array_equal(table["common"], led)


def test_environment_is_the_task():
    env = gymnasium.make("lsnn/TwoStep-v0", trials=30)
    record = play("bayes", KEYS[:1], TwoStep(trials=30))
    observation, _ = env.reset(options={"key": int(KEYS[0])})
    for action, second, paid, good in zip(*(array[0] for array in record[:4]), strict=True):
        assert observation.tolist() == [1, 0, 0, 0, 0, 0]
        observation, reward, _, _, info = env.step(action)
        assert reward == paid == observation[5] and observation[1 + action] == observation[3 + second] == 1
        assert info["good"] == good and observation.sum() == 2 + paid
        observation, reward, terminated, truncated, _ = env.step(1 - action)  # of no account
        assert reward == 0 and not terminated
    assert truncated


@pytest.mark.parametrize(
    ("keys", "message"),
    [({"common": 0.4}, "common"), ({"pays": 1.1}, "pays"), ({"switch": 0.6}, "switch"), ({"trials": 0}, "trials"),
     ({"dark_ms": 15}, "dark_ms must be a multiple of phase_ms"), ({"remapped": 1}, "remapped"),
     ({"reward": 0.0}, "reward")],
)  # fmt: skip
def test_bad_values_are_named(keys, message):
    with pytest.raises(InputError, match=message):
        TwoStep(**keys)


def test_bad_baselines_and_histories_are_named():
    with pytest.raises(InputError, match="baseline must be one of random"):
        play("planner", KEYS, TwoStep())
    with pytest.raises(InputError, match="baseline must be model_free or model_based"):
        rates_of("bayes", TwoStep(), PRACTICE)
    with pytest.raises(InputError, match="paid must be .* numbers 0 or 1"):
        values_on("bayes", TwoStep(), [[0]], [[1]], [[2]])


def test_presets_learn_from_reward_alone():
    assert all(not preset.learning.auxiliary for preset in FAMILY.presets.values())
    assert FAMILY.presets["remapped"].task == {"remapped": True}
