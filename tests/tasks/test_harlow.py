"""Harlow's task: hand-worked trials, codes held out, the baselines' closed forms, the Gymnasium environment."""

import gymnasium
import numpy as np
import pytest

import tasks  # noqa: F401
from lsnn.errors import InputError
from tasks.encoders import FlagCells
from tasks.family import Trace
from tasks.harlow import FAMILY, Harlow
from tasks.harlow.baselines import BASELINES, play
from tasks.harlow.family import bits_of, choices_table, farther_one
from tasks.harlow.task import (
    BITS,
    CHOICE,
    N_FLAGS,
    N_STATE,
    OTHER,
    PAYS,
    SIDE,
    STEP,
    TRIAL,
    begin,
    choice_steps,
    is_held_out,
    observe,
    target,
    transition,
)

KEYS = np.random.SeedSequence(2).generate_state(2000, np.uint64)
TASK = Harlow(phase_ms=2, dark_ms=1)  # a trial of 7 steps: dark; sign, sign; choice, choice; outcome, outcome


def at(step, trial=0, side=1, choice=-1, pays=0b1, other=0b1000000010):
    state = np.zeros(N_STATE)
    state[[STEP, TRIAL, PAYS, OTHER, SIDE, CHOICE]] = step, trial, pays, other, side, choice
    return state


def up(state, task=TASK):
    """The flags that are up."""
    observation = np.full(N_FLAGS, 9.0)
    observe(state, task.parameters(), observation)
    assert set(observation) <= {0.0, 1.0}
    return np.flatnonzero(observation).tolist()


def walked(key, choose, task=TASK):
    """States (T + 1, N_STATE) and trace (of one) of an episode whose choice is a function of the state."""
    parameters, state = task.parameters(), np.zeros(N_STATE)
    begin(key, parameters, state)
    states, actions, rewards, acted = [state.copy()], [], [], []
    for t in range(task.duration_ms):
        action = np.array([float(choose(state))])
        reward, chose, terminated = transition(key, t, action, parameters, state)
        assert not terminated
        states.append(state.copy())
        actions.append(action)
        rewards.append(reward)
        acted.append(chose)
    return np.array(states), Trace(np.array(actions)[None], np.array(rewards)[None], np.array(acted)[None])


@pytest.mark.parametrize(
    ("state", "flags"),
    [
        (at(0), []),
        (at(1), [30]),
        (at(2), [30]),
        (at(3, side=1), [1, 9, 10]),  # the one that pays, code 1, on the right: its only bit is the first
        (at(4, side=0), [0, 11, 19]),
        (at(5, side=1, choice=1), [20, 31]),
        (at(6, side=0, choice=1), [21, 29, 32]),
        (at(3, trial=6), []),
    ],
)
def test_flags_of_every_phase(state, flags):
    assert up(state) == flags


def test_the_last_step_of_the_second_phase_chooses():
    for step in range(7):
        for choice, side in ((0, 0), (0, 1), (1, 1)):
            state = at(step, trial=1, side=side)
            earned = 0.1 if choice == side and step == 4 else 0.0
            assert transition(KEYS[0], 0, np.array([float(choice)]), TASK.parameters(), state) == (
                earned, step == 4, False
            )  # fmt: skip
            assert state[CHOICE] == (choice if step == 4 else -1)
            assert (state[TRIAL], state[STEP]) == ((2, 0) if step == 6 else (1, step + 1))


def test_nothing_is_chosen_after_the_last_trial():
    task = Harlow(trials=2, phase_ms=1)
    states, trace = walked(KEYS[0], lambda state: 0, task)
    assert task.duration_ms == 7 and np.flatnonzero(trace.acted[0]).tolist() == choice_steps(task).tolist() == [1, 4]
    assert states[-1, TRIAL] == 2


def test_the_target_is_the_side_that_pays_from_the_second_trial_on():
    said, parameters = np.zeros(1), TASK.parameters()
    assert [target(at(step, trial=1, side=0), parameters, said) for step in range(7)] == [0, 0, 0, 0, 1, 0, 0]
    assert said[0] == -1
    assert target(at(4, trial=0, side=1), parameters, said) == 0 and said[0] == 1


def test_a_quarter_of_the_codes_is_held_out_and_only_shown_where_asked_for():
    held = {code for code in range(1 << BITS) if is_held_out(code)}
    assert len(held) == 256 and 0 in held
    known, _ = Harlow().drawn(KEYS)
    fresh, _ = Harlow(objects="held_out").drawn(KEYS)
    assert len(set(known.ravel())) > 740 and not set(known.ravel()) & held  # of 768, 4000 drawn
    assert set(fresh.ravel()) == held - {0}
    assert np.all(known[:, 0] != known[:, 1]) and np.all(fresh[:, 0] != fresh[:, 1])
    each_bit = bits_of(np.array(sorted(held))).mean(axis=0)
    assert each_bit == pytest.approx(0.5, abs=0.05)  # so that held-out codes are like the others


def test_sides_are_drawn_anew_in_every_trial():
    _, side = Harlow().drawn(KEYS)
    assert side.mean(axis=0) == pytest.approx(0.5, abs=0.04)
    assert np.abs(np.corrcoef(side.T) - np.eye(6)).max() < 0.08
    states, _ = walked(KEYS[3], lambda state: 1)
    np.testing.assert_array_equal(states[choice_steps(TASK), SIDE], side[3])


def test_baselines_by_their_closed_forms():
    """Win-stay knows from trial k on with 1 - 1/2^(k-1), and guesses else."""
    task, trials = Harlow(), np.arange(6)
    right = {name: (play(name, KEYS, task) == task.drawn(KEYS)[1]).mean(axis=0) for name in BASELINES}
    assert right["random"] == pytest.approx(0.5, abs=0.04)
    assert right["win_stay"] == pytest.approx(1 - 0.5 ** (trials + 1), abs=0.04)
    assert right["win_stay_lose_shift"] == pytest.approx([0.5, 1, 1, 1, 1, 1], abs=0.04)
    assert right["win_stay_lose_shift"][1:].tolist() == [1] * 5 and right["oracle"].tolist() == [1] * 6


def test_win_stay_alone_learns_nothing_from_a_wrong_choice():
    table = FAMILY.play("win_stay", Harlow(), KEYS, lambda count: KEYS[:0]).trials
    told = {measure.name: measure.of(table, len(KEYS)) for measure in FAMILY.measures}
    assert told["first"] == pytest.approx(0.5, abs=0.04) and told["second"] == pytest.approx(0.75, abs=0.04)
    assert told["after_wrong"] == pytest.approx(0.5, abs=0.05)
    assert told["later"] == pytest.approx(np.mean(1 - 0.5 ** np.arange(2, 7)), abs=0.02)


def test_measures_count_the_trials_that_they_say():
    choice = np.array([[0, 0, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0], [1, 0, 0, 0, 0, 1]])
    table = choices_table(Harlow(), np.zeros((3, 6), int), choice)  # wrong first in two of three, then right in one
    told = {measure.name: measure.of(table, 3) for measure in FAMILY.measures}
    assert told == pytest.approx({"later": 12 / 15, "first": 1 / 3, "second": 2 / 3, "after_wrong": 1 / 2})
    after = FAMILY.measures[3].by_episode(table, 3)
    assert np.isnan(after[0]) and after[1:].tolist() == [0, 1]
    reward = np.zeros((3, Harlow().duration_ms))
    reward[:, choice_steps(Harlow())] = 0.1 * (choice == 0)
    assert Harlow().metrics(reward, reward > 0) == pytest.approx({"later": 0.8, "second": 2 / 3, "after_wrong": 0.5})


def test_the_table_is_that_of_the_episode():
    states, trace = walked(KEYS[5], lambda state: state[SIDE] if state[TRIAL] != 1 else 1 - state[SIDE])
    table = FAMILY.table(TASK, states[None], trace)
    assert table["correct"].tolist() == [True, False, True, True, True, True]
    np.testing.assert_array_equal(table["correct"], trace.reward[0, choice_steps(TASK)] > 0)
    assert table["start_ms"].tolist() == [0, 7, 14, 21, 28, 35] and table["end_ms"][-1] == 42


def test_a_choice_is_judged_by_the_likeness_to_what_a_latent_says_pays():
    """Shown: 0b0011, which pays, and 0b0101; they differ in the second bit (of what pays) and the third."""
    states = np.array([at(4, pays=0b0011, other=0b0101)] * 2)
    table = np.array([(True,), (False,)], [("correct", bool)])
    own = np.zeros((2, BITS))
    own[:, [1, 2]] = 1, -1
    assert farther_one(TASK, own, table, states).tolist() == [0, 1]
    assert farther_one(TASK, -own, table, states).tolist() == [1, 0]
    strange = np.zeros((2, BITS))
    strange[:, [0, 9]] = 1, -1  # says nothing of these two
    assert farther_one(TASK, strange, table, states).tolist() == [0.5, 0.5]


def test_environment_has_three_steps_a_trial():
    env = gymnasium.make("lsnn/Harlow-v0", trials=2)
    observation, info = env.reset(options={"key": int(KEYS[0])})
    codes, side = Harlow(trials=2).drawn(KEYS[:1])
    assert info["objects"].tolist() == codes[0].tolist()
    for trial in range(2):
        assert np.flatnonzero(observation).tolist() == [30]
        observation, *_ = env.step(0)
        on_right = codes[0, 0 if side[0, trial] == 1 else 1]
        assert observation[10:20].tolist() == bits_of(on_right).tolist()
        observation, reward, _, truncated, info = env.step(1)
        assert reward == float(side[0, trial]) and info["side"] == side[0, trial]
        assert observation[20:30].tolist() == bits_of(on_right).tolist() and observation[31] == reward
        observation, reward, terminated, truncated, _ = env.step(0)
        assert (reward, terminated, truncated) == (0.0, False, trial == 1)


@pytest.mark.parametrize(
    ("keys", "message"),
    [({"objects": "new"}, "objects must be one of trained, held_out"), ({"trials": 1}, "trials"),
     ({"phase_ms": 0}, "phase_ms"), ({"dark_ms": -1}, "dark_ms"), ({"reward": 0.0}, "reward"),
     ({"encoder": FlagCells(("a",))}, "FlagCells of 33 flags")],
)  # fmt: skip
def test_bad_values_are_named(keys, message):
    with pytest.raises(InputError, match=message):
        Harlow(**keys)


def test_an_unknown_baseline_is_named():
    with pytest.raises(InputError, match="baseline must be one of random"):
        play("lose_stay", KEYS, Harlow())
