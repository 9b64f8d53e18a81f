"""What every family of the registry has to keep, whatever it is about."""

import dataclasses
import importlib
import json

import numpy as np
import pytest

from lsnn.blocks import Block
from lsnn.meta import new_network
from lsnn.seeds import TEST_BRANCH, TRAIN_BRANCH, episode_keys
from lsnn.task import Encoder, Task
from runs.testing.conditions import NETWORKS
from runs.testing.result_file import describe_family
from tasks import registry
from tasks.experiment import experiment_of, preset
from tasks.family import TRIAL_COLUMNS, Family
from tests.contract.driven import driven

KEYS = episode_keys(3, TEST_BRANCH, 0, 8)
PRACTICE = 40  # episodes, where a baseline asks for more
families = pytest.mark.parametrize("family", [registry.family(name) for name in registry.names()], ids=registry.names())


@pytest.fixture(scope="module")
def episodes():
    """The episodes of each family's default task under random actions, made once."""
    made = {}

    def of(family: Family):
        if family.name not in made:
            task = family.task()
            made[family.name] = (task, *driven(task, KEYS, task.duration_ms))
        return made[family.name]

    return of


@families
def test_the_task_is_what_the_kernels_ask_for(family):
    task = family.task()
    assert isinstance(task, Task) and isinstance(task.encoder, Encoder)
    assert dataclasses.is_dataclass(task) and type(task).__dataclass_params__.frozen
    assert task.family is family and family.name in registry.names()
    assert task.encoder.n_observation == task.n_observation
    assert set(family.network_conditions(task)) <= set(NETWORKS)


@families
def test_presets_go_through_json(family):
    for name in family.presets or ("compact",):
        experiment = preset(family.name, name)
        assert experiment_of(json.loads(json.dumps(experiment.as_mapping()))) == experiment
        assert experiment.task.family is family
    assert "compact" in (family.presets or ("compact",))


@families
def test_the_curriculum_keeps_the_shapes(family):
    for name in family.presets or ("compact",):
        task = preset(family.name, name).task
        assert task.at_difficulty(1.0) == task
        for level in (-1.0, 0.0, 0.3, 0.9):
            easier = task.at_difficulty(level)
            for size in ("n_state", "n_action", "n_observation", "n_target", "duration_ms", "encoder"):
                assert getattr(easier, size) == getattr(task, size)
            assert easier.parameters().shape == task.parameters().shape


@families
def test_compiled_functions_fill_what_they_are_given_and_no_more(family):
    task = family.task()
    module, parameters = importlib.import_module(task.dynamics), task.parameters()
    sizes = {"state": task.n_state, "observation": task.n_observation, "target": task.n_target}
    buffers = {name: np.full(size + 4, np.nan) for name, size in sizes.items()}
    state, observation, target = (buffers[name][:size] for name, size in sizes.items())
    for key in KEYS[:2]:
        module.begin(key, parameters, state)
        for t in range(50):
            module.observe(state, parameters, observation)
            weight = module.target(state, parameters, target)
            assert np.isfinite(state).all() and np.isfinite(observation).all() and np.isfinite(target).all()
            assert weight >= 0
            module.transition(key, t, np.zeros(max(1, task.n_action)), parameters, state)
    assert all(np.isnan(buffers[name][size:]).all() for name, size in sizes.items())


@families
def test_equal_keys_are_equal_episodes_whatever_stands_beside_them(family, episodes):
    task, states, trace = episodes(family)
    again, _ = driven(task, KEYS[::-1], 20)
    np.testing.assert_array_equal(again[::-1, 0], states[:, 0])
    single, _ = driven(task, KEYS[5:6], 0)
    np.testing.assert_array_equal(single[0, 0], states[5, 0])
    assert len({state.tobytes() for state in states[:, 0]}) > 1


@families
def test_a_block_has_the_episodes_that_its_actions_lead_to(family):
    """The states that a network meets are those of the functions called one by one, lane by lane."""
    chosen = preset(family.name)
    network = dataclasses.replace(chosen.network, n_excitatory=4, n_inhibitory=2, n_adaptive=2)
    task = family.task()
    block = Block(task, new_network(task, network, chosen.learning, 0), 300, keep_states=True)
    block.begin(task, KEYS)
    block.roll_out(new_network(task, network, chosen.learning, 0).weights(), np.zeros(max(1, task.n_action)))
    module, parameters = importlib.import_module(task.dynamics), task.parameters()
    for lane, key in enumerate(KEYS):
        state = np.zeros(task.n_state)
        module.begin(key, parameters, state)
        for t in range(300):
            np.testing.assert_array_equal(state, block.trace.task_state[t, lane])
            reward, acted, _ = module.transition(key, t, block.trace.action[t, lane], parameters, state)
            assert (reward, acted) == (block.trace.reward[t, lane], block.trace.acted[t, lane])


def check_table(family, task, table, count):
    """The rules of a table of trials."""
    names = table.dtype.names
    assert set(TRIAL_COLUMNS) <= set(names) and all(table.dtype[name].kind in "iu" for name in TRIAL_COLUMNS)
    order = table["episode"].astype(int) * (table["trial"].max(initial=0) + 1) + table["trial"]
    assert np.all(np.diff(order) > 0) and np.all((table["episode"] >= 0) & (table["episode"] < count))
    for episode in np.unique(table["episode"]):
        own = table[table["episode"] == episode]
        np.testing.assert_array_equal(own["trial"], np.arange(len(own)))
        assert np.all(own["start_ms"][1:] >= own["end_ms"][:-1])
    assert np.all((table["start_ms"] >= 0) & (table["start_ms"] < table["end_ms"]))
    assert np.all(table["end_ms"] <= task.duration_ms)
    for measure in family.measures:
        assert np.isfinite(table[measure.column or measure.name].astype(float)).all()
        assert measure.censored is None or table.dtype[measure.censored].kind == "b"
        if measure.per == "episode":
            assert measure.by_episode(table, count).mean() == pytest.approx(measure.of(table, count))
    units, texts = family.units_of(table)
    assert set(units) == set(texts) == set(names) and all(units.values()) and all(texts.values())


@families
def test_trials_are_a_table_with_units(family, episodes):
    task, states, trace = episodes(family)
    table = family.table(task, states, trace)
    check_table(family, task, table, len(KEYS))
    assert len(table) and table["episode"].max() == len(KEYS) - 1
    part = family.table(task, states[3:4], type(trace)(*(array[3:4] for array in trace)))
    own = table[table["episode"] == 3].copy()
    own["episode"] = 0
    np.testing.assert_array_equal(part, own)


@families
def test_baselines_play_the_same_trials(family, episodes):
    task, states, trace = episodes(family)
    kinds, scores = family.table(task, states, trace).dtype, {}
    for variant in family.variants_of(task).values() or [None]:
        varied = dataclasses.replace(task, **variant.settings) if variant else task
        for name, baseline in family.baselines_of(varied).items():

            def practice(count):
                return episode_keys(3, TRAIN_BRANCH, 0, min(count, PRACTICE))

            played = family.play(name, varied, KEYS, practice)
            check_table(family, varied, played.trials, len(KEYS))
            assert played.trials.dtype == kinds
            np.testing.assert_array_equal(family.play(name, varied, KEYS, practice).trials, played.trials)
            assert all(len(array) == len(KEYS) for array in played.recordings.values())
            assert baseline.label and baseline.knows in ("nothing", "the prior", "the latent")
            scores.setdefault(name, []).append(family.score.of(played.trials, len(KEYS)))
    if family.oracle:
        sign = 1 if family.score.better == "high" else -1
        best = np.mean(scores[family.oracle]) * sign
        assert all(np.mean(found) * sign <= best for found in scores.values())


@families
def test_what_is_hidden_follows_from_the_key(family, episodes):
    task, states, _ = episodes(family)
    if family.latent is None:
        return
    hidden = family.latent.of(task, states)
    assert hidden.shape == (len(KEYS), len(family.latent.labels_of(task))) and np.isfinite(hidden).all()
    other, _ = driven(task, KEYS, task.duration_ms, seed=1)
    np.testing.assert_array_equal(family.latent.of(task, other), hidden)
    if family.latent.moments is not None:
        moments = family.latent.moments(task, states)
        assert moments.shape == (len(KEYS),) and np.all((moments >= -1) & (moments <= task.duration_ms))


@families
def test_what_the_study_asks_of_a_latent_fits_the_trials(family, episodes):
    """When it asks and for what; whoever fits the own latent misses none; hiding changes no shape."""
    task, states, trace = episodes(family)
    if family.latent is None:
        return
    table, latent = family.table(task, states, trace), family.latent
    asked = table["start_ms"] if latent.asked is None else latent.asked(task, table)
    assert asked.shape == (len(table),) and np.all((table["start_ms"] <= asked) & (asked < table["end_ms"]))
    hidden = latent.of(task, states)[table["episode"]] if latent.by_trial is None else latent.by_trial(task, table)
    assert hidden.shape == (len(table), len(latent.labels_of(task))) and np.isfinite(hidden).all()
    if latent.error is not None:
        last = states[table["episode"], table["end_ms"] - 1]
        error = latent.error(task, hidden, table, last)
        assert error.shape == (len(table),) and np.all(error[np.isfinite(error)] >= 0)
        other = latent.error(task, np.roll(hidden, len(table) // 2, axis=0), table, last)
        assert (other != error).any()
    if latent.hide is not None:
        shown = latent.hide(task, states[:, 5])
        assert shown.shape == states[:, 5].shape and np.array_equal(shown, latent.hide(task, shown))


@families
def test_recordings_have_a_row_a_step(family, episodes):
    task, states, trace = episodes(family)
    for recording in family.recordings.values():
        array = recording.of(task, states, trace)
        assert array.shape[:2] == (len(KEYS), task.duration_ms + recording.extra_rows) and np.isfinite(array).all()
        assert recording.unit and recording.description


@families
def test_no_trial_begins_before_the_bound(family, episodes):
    task, states, _ = episodes(family)
    if family.trial_counter is None or family.steps_to_trial is None:
        return
    counts = states[..., family.trial_counter]
    for episode in range(len(KEYS)):
        changes = np.flatnonzero(np.diff(counts[episode])) + 1
        for t in range(0, task.duration_ms, 7):
            bound, later = int(family.steps_to_trial(task, states[episode, t : t + 1])[0]), changes[changes > t]
            assert bound >= 1 and (not len(later) or later[0] - t >= bound)


@families
def test_a_family_says_what_it_is_about(family):
    said = json.loads(json.dumps(describe_family(family.task())))
    assert said["name"] == family.name and said["score"] == said["measures"][0]["name"]
    assert family.title and family.question.endswith((".", "?"))
    names = [measure.name for measure in family.history_of(family.task())]
    shape = (4, family.task().duration_ms)
    assert set(names) <= set(family.task().metrics(np.zeros(shape), np.ones(shape, bool)))
