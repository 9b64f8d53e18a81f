"""The experiments on a frozen network: what they do to the state, and what must then follow to the bit."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from analysis.report import write_report
from lsnn.blocks import Block, Threads, copy_of
from lsnn.errors import InputError
from lsnn.files.reading import attribute
from lsnn.learning.config import LearningConfig
from lsnn.meta import new_network
from lsnn.seeds import Study
from runs.cli import main
from runs.experiments.options import PRETRAINED
from runs.study import subject as states
from runs.study import wiring
from runs.study.study import check_subject, run_study
from runs.study.subject import BRIEF, NEVER, Subject, erase, intervene, run_blocks, study_keys
from runs.study.water_maze import (
    EXPERIMENTS,
    behaviour,
    decoding,
    generalisation,
    interventions,
    one_visit,
    retention,
    swimming,
    transplant,
    variants,
)
from runs.study.water_maze.swimming import find_rows, swim
from runs.training.train import Budget
from tasks.experiment import open_network, overridden
from tasks.water_maze.dynamics import ON_PLATFORM, PLATFORM_X, PLATFORM_Y, WAIT, X, Y
from tests.runs.tiny import trained

EPISODES, SEED = 12, 3
WHOLE = (*BRIEF, "b")
SWAPS = transplant.swaps_of(["b"])
FAMILY = str(PRETRAINED / "water_maze_family.lsnn.h5")


@pytest.fixture(scope="module")
def subject(folder) -> Subject:
    file, experiment = open_network(folder / "network.lsnn.h5")
    return Subject(file.network, file.network.weights(), experiment.task, file.seed, Threads(2), EPISODES)


@pytest.fixture(scope="module")
def keys() -> np.ndarray:
    return study_keys(SEED, 0, EPISODES)


def recorded(subject, keys, plan, task=None, what=lambda block: block.record.x):
    """Something of the records of all episodes under a plan, episodes first."""

    def keep(block, episodes):
        return np.moveaxis(what(block).copy(), 2, 0)[: episodes.stop - episodes.start]

    return np.concatenate(run_blocks(subject, keys, task or subject.task, plan, keep, segment=0))


def spikes_of(block):
    return np.unpackbits(block.record.spikes[..., None], axis=-1, bitorder="little")


# Plans and parts of the state


def test_a_plan_that_changes_nothing_leaves_the_same_bits(subject, keys):
    moments = np.arange(len(keys)) * 13
    moments[4] = NEVER
    idle = intervene(subject, (moments, lambda block, lanes, episodes: None), (moments, erase(subject, ())))
    np.testing.assert_array_equal(recorded(subject, keys, idle), recorded(subject, keys, intervene(subject)))
    plain, again = swim(subject, keys), swim(subject, keys, idle)
    np.testing.assert_array_equal(plain.trials, again.trials)
    np.testing.assert_array_equal(plain.position, again.position)


def test_swims_are_the_same_on_one_thread_and_in_other_company(subject, keys):
    alone = swim(subject._replace(threads=Threads(1)), keys[:3])
    together = swim(subject, keys)
    np.testing.assert_array_equal(alone.position, together.position[:3])
    np.testing.assert_array_equal(alone.trials, together.trials[together.trials["episode"] < 3])


def test_an_intervention_strikes_each_episode_at_its_own_moment(subject, keys):
    moments = 20 + 7 * np.arange(len(keys))
    seen = np.full(len(keys), -1)

    def act(block, lanes, episodes):
        real = np.flatnonzero(lanes[: episodes.stop - episodes.start])
        seen[episodes.start + real] = block.t

    recorded(subject, keys, intervene(subject, (moments, act)))
    np.testing.assert_array_equal(seen, moments)


def test_erasing_everything_starts_the_network_from_silence(subject, keys):
    moments = np.full(len(keys), 50)
    x = recorded(subject, keys, intervene(subject, (moments, erase(subject, WHOLE))))
    plain = recorded(subject, keys, intervene(subject))
    np.testing.assert_array_equal(x[:, :50], plain[:, :50])
    assert plain[:, 50].any() and not x[:, 50].any()


def test_moments_lie_between_the_second_start_and_the_latest(subject):
    found = np.array([10, 99, 100, NEVER])
    drawn = [
        swimming.moments_after_first_visit(subject, found, 101, np.random.default_rng(number)) for number in range(200)
    ]
    first = np.array(drawn)[:, 0]
    assert first.min() == 11 and first.max() == 100
    assert np.all(np.array(drawn)[:, 1] == 100) and np.all(np.array(drawn)[:, 2:] == NEVER)


# Interventions


def test_sham_is_the_untouched_network(subject):
    findings = interventions.ablation(subject, SEED)
    task = replace(subject.task, duration_ms=150 + interventions.WATCHED_MS)  # three quarters of it, then watched
    plain = swim(subject, study_keys(SEED, Study.ABLATION, EPISODES), task=task)
    np.testing.assert_array_equal(findings.conditions["sham"].trials, plain.trials)
    moments = findings.items["moment_ms"].values
    assert (moments >= 0).any()
    for swum in findings.conditions.values():
        for episode, moment in enumerate(moments):
            until = len(plain.position[episode]) if moment < 0 else moment + 1
            np.testing.assert_array_equal(swum.position[episode, :until], plain.position[episode, :until])
    assert any((swum.position != plain.position).any() for swum in findings.conditions.values())


def test_silence_lasts_as_long_as_asked_and_ends(subject, keys):
    moments = np.full(len(keys), 60)
    spikes = recorded(subject, keys, intervene(subject, (moments, interventions._suppress(30))), what=spikes_of)
    plain = recorded(subject, keys, intervene(subject), what=spikes_of)
    np.testing.assert_array_equal(spikes[:, :60], plain[:, :60])
    assert plain[:, 60:90].any() and not spikes[:, 60:90].any() and spikes[:, 90:100].any()


def test_held_thresholds_stay(subject, keys):
    moments = 40 + 5 * np.arange(len(keys))
    n = subject.network.config.n_neurons
    held = np.random.default_rng(0).random((len(keys), subject.network.config.n_adaptive))
    x = recorded(subject, keys, states.hold(subject, moments, held))
    plain = recorded(subject, keys, intervene(subject))
    for episode, moment in enumerate(moments):
        b = x[episode, moment:, n:]
        np.testing.assert_allclose(b, np.broadcast_to(held[episode], b.shape), rtol=1e-5)
        np.testing.assert_array_equal(x[episode, :moment], plain[episode, :moment])


# Transplant


def test_transplant_of_everything_with_the_world_swaps_the_behaviour_to_the_bit(subject, keys):
    task, weights, order = subject.task, subject.network.weights(), transplant._PARTNER
    actions = []
    for swapped in (False, True):
        block = Block(task, subject.network, task.duration_ms, keep_states=True)
        block.begin(task, keys[:8])
        block.roll_out(weights, subject.mean_action, 100)
        if swapped:
            states.exchange(block.state, WHOLE, subject.network, order)
            block.task_state[:], block.keys = block.task_state[order], block.keys[order]
        block.roll_out(weights, subject.mean_action)
        actions.append(block.trace.action[100:])
    np.testing.assert_array_equal(actions[1], actions[0][:, order])
    assert (actions[0] != actions[0][:, order]).any()


def test_animals_of_a_pair_start_together_and_their_platforms_are_gone(subject):
    found = transplant.transplant(subject, SEED, watched_ms=40)
    path, platform = found.items["path"].values, found.items["platform"].values
    assert path.shape == (len(SWAPS), len(platform), 41, 2) and len(platform) % 8 == 0
    np.testing.assert_array_equal(path[:, ::2, 0], path[:, 1::2, 0])
    distance = np.linalg.norm(path[0, :, 0] - platform, axis=-1)
    assert np.all(distance > subject.task.platform_radius)
    for name, swap in SWAPS.items():
        place = list(SWAPS).index(name)
        alone = SWAPS["none"] == swap
        assert (path[place] == path[0]).all() == alone, name  # each is a fork of its own, from the same place
        np.testing.assert_array_equal(path[place, :, 0], path[0, :, 0])
    steps = np.linalg.norm(np.diff(path, axis=2), axis=-1)
    assert steps.max() <= subject.task.speed * (1 + 1e-4)  # nobody is released elsewhere: there is nothing to find


def test_after_the_first_find_states_are_those_at_the_second_start(subject):
    found = transplant.takeover(subject, SEED, (1, 2), watched_ms=20)
    both, half = found.items["moment_ms"].values, subject.task.duration_ms // 2
    assert found.items["reached"].values.shape == (3, len(SWAPS), both.shape[1])
    in_search = both[2] >= 0
    assert np.all(both[2][in_search] == both[0][in_search] + transplant.LATER_MS) and in_search.any()
    assert np.all((both[1] < 0) | (both[1] > both[2]) | ~in_search)
    assert np.all((both[1] < 0) | (both[1] > both[0]))
    moments = both[0]
    keys = study_keys(SEED, Study.TAKEOVER, len(moments))
    trials = swim(subject, keys).trials
    second = trials[trials["trial"] == 1]
    started = second["start_ms"] <= half
    np.testing.assert_array_equal(moments[second["episode"][started]], second["start_ms"][started])
    assert 0 < (moments >= 0).sum() < len(moments)
    assert len(set(moments[moments >= 0])) > 1


@pytest.fixture(scope="module")
def visited(subject):
    return one_visit.one_visit(subject, SEED, (0, 40), (0, 40), watched_ms=60, searched_ms=400)


def test_one_visit_tells_for_every_dark_and_change_whose_platform_is_reached(subject, visited):
    reached, changes = visited.items["reached"].values, visited.attributes["changes"]
    assert reached.shape == (2, len(changes), 48) and set(np.unique(reached)) <= {0, 1, 2}
    assert changes[:3] == ["none", "erased", "own b alone"] and visited.attributes["kept"] == ["b"]
    assert visited.items["rate_hz"].values[0] == 0
    assert set(np.unique(visited.items["straight"].values)) <= {0, 1}
    skipped = one_visit.one_visit(subject, SEED, (0, 40), (40,), watched_ms=60, searched_ms=400).items["reached"].values
    np.testing.assert_array_equal(skipped[1], reached[1])
    np.testing.assert_array_equal(skipped[0, 0], reached[0, 0])
    assert np.all(skipped[0, 1:] == one_visit.NOT_RUN)


def test_a_straight_way_meets_the_platform_that_lies_on_it_first():
    start, own = np.zeros((4, 2)), np.tile([0.9, 0.0], (4, 1))
    other = np.array([[0.4, 0.1], [0.4, 0.3], [-0.4, 0.0], [0.0, 0.9]])  # on the way, beside it, behind, aside
    np.testing.assert_array_equal(one_visit.straight_to(start, own, other, 0.2), [1, 0, 0, 0])


def test_changes_of_states_do_what_their_names_say(subject):
    network, generator = subject.network, np.random.default_rng(0)
    n = network.config.n_neurons
    changes = one_visit.changes_of(network)
    untrained = generator.random((network.n_slots, 8), np.float32)
    given = one_visit.Given(untrained, generator.random(untrained.shape))

    def after(name):
        block = Block(subject.task, network, 1)
        block.begin(subject.task, np.arange(8, dtype=np.uint64))
        for number, array in enumerate(block.state, start=1):
            array[...] = (np.arange(array.size).reshape(array.shape) % 97 + number).astype(array.dtype)
        before = copy_of(block.state)
        changes[name](block.state, given)
        return before, block.state

    partner, third = [1, 0, 3, 2, 5, 4, 7, 6], [2, 3, 0, 1, 6, 7, 4, 5]
    for name, lanes in (("own b alone", list(range(8))), ("other's b alone", partner), ("third's b alone", third)):
        before, state = after(name)
        np.testing.assert_array_equal(state.x[n:], before.x[n:][:, lanes])
        assert not state.x[:n].any() and not state.pending.any() and not state.r.any() and not state.refractory.any()
    before, state = after("other's b shuffled")
    np.testing.assert_array_equal(np.sort(state.x[n:], axis=0), np.sort(before.x[n:][:, partner], axis=0))
    assert not np.array_equal(state.x[n:], before.x[n:][:, partner])
    order = [np.argsort(np.argsort(state.x[n:, lane])) for lane in (0, 2)]
    assert not np.array_equal(*order)  # each in an order of its own
    np.testing.assert_array_equal(after("untrained b alone")[1].x[n:], untrained[n:])
    before, state = after("all but b exchanged")
    np.testing.assert_array_equal(state.x, np.concatenate([before.x[:n][:, partner], before.x[n:]]))
    np.testing.assert_array_equal(state.pending, before.pending[..., partner])
    before, state = after("everything exchanged")
    assert all(np.array_equal(a, b[..., partner]) for a, b in zip(state, before, strict=True))
    assert not any(array.any() for array in after("erased")[1])


def test_states_are_taken_at_the_end_of_the_time_on_the_platform(subject):
    """An animal whose visit ends at the very end of the search goes on as if nothing had been moved in time."""
    task = one_visit.with_one_visit(subject.task, 400, 60)
    keys = study_keys(SEED, Study.ONE_VISIT, 8)
    found = find_rows(swim(subject, keys, task=replace(task, duration_ms=400)).trials, 8)
    moments = states.later(found, one_visit.ON_PLATFORM_MS)
    taken = one_visit._after_one_visit(subject, keys, replace(task, duration_ms=420), moments)[0][0]
    block = Block(task, subject.network, 420, keep_states=True)
    block.begin(task, keys)
    for lane in np.flatnonzero(found != NEVER):
        block.begin(task, keys)
        block.roll_out(subject.weights, subject.mean_action, int(moments[lane]))
        np.testing.assert_array_equal(taken[:, lane], block.state.x[:, lane])
        assert block.task_state[lane, WAIT] == task.dark_ms and block.task_state[lane, ON_PLATFORM] == 0


def test_currents_under_way_arrive_as_late_as_they_would_have(subject, keys):
    """In the dark nothing depends on the step but them: a state that is shifted goes on as the one that was not."""
    network = new_network(subject.task, replace(subject.network.config, d_max_ms=5), LearningConfig(), seed=0)
    block = Block(subject.task, network, 90, keep_states=True)
    block.begin(subject.task, keys[:8])
    block.roll_out(network.weights(), subject.mean_action, 37)
    state, world, spikes = block.state, block.task_state.copy(), []
    assert state.pending.any()
    for steps in (0, 6):
        block.state, block.task_state[:], block.t = states.shifted(copy_of(state), steps), world, 37 + steps
        retention.lift_out(block, 40)
        block.roll_out(network.weights(), subject.mean_action, 30)
        spikes.append(block.record.spikes[37 + steps : 67 + steps].copy())
    assert spikes[0].any()
    np.testing.assert_array_equal(*spikes)


# Decoding


def test_states_are_those_at_the_lag_since_the_last_visit(subject):
    lags = (3, 20)
    found = decoding.decoding(subject._replace(episodes=4), SEED, lags)
    keys, half = study_keys(SEED, Study.DECODING, 16), subject.task.duration_ms // 2
    known = np.isfinite(found.items["platform"].values).all(axis=1)
    assert known.any()
    plain = swim(subject, keys, task=replace(subject.task, duration_ms=half))
    x = recorded(subject, keys, intervene(subject), replace(subject.task, probe_ms=half, duration_ms=half + 21))
    n = subject.network.config.n_neurons
    for animal in np.flatnonzero(known):
        trials = plain.trials[(plain.trials["episode"] == animal) & plain.trials["found"]]
        last = trials["start_ms"][-1] + trials["latency_ms"][-1] - 1
        for number, lag in enumerate(lags):
            np.testing.assert_array_equal(found.items["b"].values[0, number, animal], x[animal, last + lag, n:])
            np.testing.assert_array_equal(found.items["v"].values[0, number, animal], x[animal, last + lag, :n])


def test_filtered_spikes_are_the_convolution(subject):
    generator = np.random.default_rng(1)
    spikes = generator.integers(0, 256, (300, 5), dtype=np.uint8)
    found = decoding._filtered(spikes, np.full((8, 2), (250, 40)))
    for lane, (column, t) in ((0, (0, 250)), (6, (1, 40))):
        lags = np.arange(min(t + 1, 120))
        train = (spikes[t - lags] >> lane) & 1
        np.testing.assert_allclose(found[lane, column], np.exp(-lags / 20) @ train / 20)


def test_in_the_dark_no_input_cell_fires(subject, keys):
    task = replace(subject.task, duration_ms=200)

    def plan(block, episodes):
        block.roll_out(subject.network.weights(), subject.mean_action, 100)
        decoding.lift_out(block)
        block.roll_out(subject.network.weights(), subject.mean_action)

    def inputs(block):
        return np.unpackbits(block.record.input_spikes[..., None], axis=-1, bitorder="little")

    fired = recorded(subject, keys, plan, task, inputs)
    assert fired[:, :100].any(axis=(1, 2)).all() and not fired[:, 100:].any()


# Retention, reversal, probe


def test_retention_without_a_dark_is_the_plain_maze(subject):
    found = retention.retention(subject, SEED, dark_ms=(0,), watched_ms=150)
    keys = study_keys(SEED, Study.RETENTION, EPISODES)
    plain = swim(subject, keys, task=replace(subject.task, duration_ms=301))
    second = find_rows(plain.trials, EPISODES, 1)
    valid, search = found.items["valid"].values[0], found.items["search_ms"].values[0, 0, 0]
    assert valid.any()
    for animal in np.flatnonzero(valid):
        rows = plain.trials[(plain.trials["episode"] == animal) & (plain.trials["trial"] == 1)]
        within = second[animal] != NEVER and rows["latency_ms"][0] <= 150
        assert search[animal] == (rows["latency_ms"][0] if within else 151)


def test_the_first_start_after_a_dark_is_the_same_whatever_its_length(subject, keys):
    weights, places = subject.network.weights(), []
    for ms in (0, 5, 40):
        block = Block(subject.task, subject.network, subject.task.duration_ms, keep_states=True)
        block.begin(subject.task, keys[:8])
        block.roll_out(weights, subject.mean_action, 100)
        retention.lift_out(block, ms)
        block.roll_out(weights, subject.mean_action, ms + 1)
        places.append(block.task_state[:, [X, Y]].copy())
        assert np.all(
            block.task_state[:, [PLATFORM_X, PLATFORM_Y]] == block.trace.task_state[0][:, [PLATFORM_X, PLATFORM_Y]]
        )
    np.testing.assert_array_equal(places[0], places[1])
    np.testing.assert_array_equal(places[0], places[2])


def test_the_platform_moves_away_and_the_probe_has_none(subject):
    moved = behaviour.reversal(subject, SEED, watched_ms=80).items
    assert np.all(np.linalg.norm(moved["old_platform"].values - moved["new_platform"].values, axis=1) > 0)
    probed = behaviour.probe(subject, SEED, watched_ms=80).items
    steps = np.linalg.norm(np.diff(probed["path"].values, axis=2), axis=-1)
    assert steps.max() <= subject.task.speed * (1 + 1e-4)
    np.testing.assert_array_equal(probed["path"].values[0, :, 0], probed["path"].values[1, :, 0])


# Generalisation and wiring


def test_no_damage_is_the_plain_network_and_damage_is_as_large_as_asked(subject):
    findings = generalisation.generalisation(subject, SEED)
    found, curves = findings.items, findings.attributes["curves"]
    plain = swim(subject, study_keys(SEED, Study.GENERALISATION, EPISODES))
    visits = np.bincount(plain.trials["episode"][plain.trials["found"]], minlength=EPISODES)
    for name in ("place-cell noise", "synapses pruned", "weights jittered", "neurons silenced"):
        row = (found["curve"].values == curves.index(name)) & (found["value"].values == 0)
        np.testing.assert_array_equal(found["visits"].values[row][0], visits)
    weights, generator = subject.network.weights(), np.random.default_rng(0)
    cut = generalisation.pruned(weights, 0.3, generator)
    share = np.mean(cut.inputs.weight[weights.inputs.weight != 0] == 0)
    assert 0.2 < share < 0.4
    shaken = generalisation.jittered(weights, 0.1, generator).inputs.weight / weights.inputs.weight
    assert 0.05 < np.std(shaken - 1) < 0.15


def test_silenced_neurons_never_spike(subject, keys):
    point = generalisation.Point("neurons silenced", 0.5, subject.task, silenced=0.5)
    spikes = recorded(subject, keys[:8], generalisation._plan(subject, point, (SEED, 0, 0)), what=spikes_of)
    count = subject.network.config.n_neurons // 2
    assert np.count_nonzero(~spikes.any(axis=(0, 1))) >= count
    assert spikes.any()


def test_wiring_says_what_is_connected(subject, folder):
    experiment = open_network(folder / "network.lsnn.h5")[1]
    items = wiring.wiring(subject, experiment, SEED).items
    assert items["in_degree"].values.sum() == items["out_degree"].values.sum() == len(items["weight"].values)
    assert np.all(items["random_in_degree"].values.sum(axis=1) == len(items["weight"].values))
    assert np.isfinite(items["initial_weight"].values).all()  # not rewired: every synapse was there
    assert (items["initial_weight"].values != items["weight"].values).any()


def test_weights_before_a_finer_input_are_not_known(subject):
    """The network of the same configuration and seed never was the one that this one comes from."""
    synapses = subject.network.synapses
    other = synapses._replace(target=np.roll(synapses.target, 1))
    initial = subject.network
    assert np.isnan(wiring._initial_weights(initial, replace(initial, synapses=other))).all()
    rewired = replace(initial, config=replace(initial.config, rewire=True), synapses=other)
    assert np.isfinite(wiring._initial_weights(initial, rewired)).any()  # of the pairs that were there, they are


def test_animals_are_watched_for_the_whole_time_in_short_episodes_too(subject):
    studied = (interventions.ablation(subject, SEED), 0), (interventions.silence(subject, SEED, (20,)), 20)
    for found, released in studied:
        end = found.conditions["sham"].position.shape[1] - 1
        assert 0 < found.items["moment_ms"].values.max() + released + interventions.WATCHED_MS <= end


# Networks trained for a study


@pytest.fixture(scope="module")
def variants_study(tmp_path_factory):
    """A study beside which five of the variants stand, an iteration of training each."""
    made = tmp_path_factory.mktemp("variants")
    network = trained(made, 1)
    chosen = ("reference", "wedge", "tau_a_150", "no_recurrence", "rewired")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(variants, "VARIANTS", {name: variants.VARIANTS[name] for name in chosen})
        patch.setattr("runs.study.study.experiments_of", lambda family: {})
        patch.chdir(made)
        arguments = ["study", str(network), "--out", "study.h5", "--train", "--iterations", "1", "--episodes", "8"]
        outcome = CliRunner().invoke(main, arguments)
    assert outcome.exit_code == 0, outcome.output
    return made, outcome.output


def test_variants_are_trained_with_what_they_are_named_for(variants_study):
    made, output = variants_study
    assert "to meta-train: 5 of 5 networks, 1 iterations each" in output
    opened = {path.parent.name: open_network(path) for path in made.glob("network-variants/*/network.lsnn.h5")}
    assert len(opened) == 5 and opened["rewired"][0].network.config.rewire
    assert opened["wedge"][1].task.held_out_wedge == (0.0, 90.0)
    assert opened["tau_a_150"][0].network.config.tau_a_ms == 150
    alone = opened["no_recurrence"][0].network
    assert not alone.synapses.theta[alone.n_input_synapses :].any()
    assert opened["reference"][0].network.synapses.theta[alone.n_input_synapses :].any()


def test_study_reads_the_variants_and_its_report_shows_them(variants_study):
    made, _ = variants_study
    with h5py.File(made / "study.h5") as file:
        assert {"wedge", "tau_a", "controls", "wiring_rewired"} <= set(file)
        assert file["wiring_rewired"].attrs["rewired"] and not file["wiring"].attrs["rewired"]
        assert list(file["tau_a/tau_a_ms"]) == [150, 1200]
        assert list(attribute(file["controls"], "networks")) == ["reference", "no_recurrence"]
    page = write_report(made / "study.h5", made / "report").read_text()
    assert "<h2>Held-out wedge</h2>" in page and "<h2>Controls</h2>" in page
    assert "<h2>Wiring learned by DEEP R</h2>" in page and "The wiring was rewired by DEEP R" in page
    assert (made / "report" / "tau_a.png").is_file()


@pytest.mark.parametrize(
    ("changes", "seed", "message"),
    [((), 1, "must be the variant 'reference' of the network studied, with its configuration and seed, and is not"),
     (("network.tau_a_ms=600",), 0, "must be the variant 'reference'"),
     ((), 0, "must have had 2 iterations, had 1")],
)  # fmt: skip
def test_networks_that_are_no_variants_of_the_one_studied_are_refused(variants_study, changes, seed, message):
    made, _ = variants_study
    experiment = overridden(open_network(made / "network.lsnn.h5")[1], changes)
    with pytest.raises(InputError, match=message):
        variants.require_variants(made / "network-variants", experiment, seed, Budget(iterations=2))


def test_a_variant_that_was_broken_off_goes_on(folder, tmp_path, monkeypatch):
    _, experiment = open_network(folder / "network.lsnn.h5")
    place = tmp_path / "variants" / "reference"
    place.parent.mkdir()
    trained(place, 2)
    (place / "network.lsnn.h5").unlink()
    asked = []
    monkeypatch.setattr(variants, "VARIANTS", {"reference": ()})
    monkeypatch.setattr(variants, "train", lambda run, *_: asked.append(run) or (None, 0))
    variants.train_variants(experiment, 0, Budget(iterations=3), tmp_path / "variants", 1, "lsnn study")
    assert [len(run.history) for run in asked] == [2]
    for seed, iterations in ((1, 3), (0, 1)):
        with pytest.raises(InputError, match="must be of the variant 'reference' of the network studied and within"):
            variants.train_variants(experiment, seed, Budget(iterations=iterations), place.parent, 1, "lsnn study")


def test_a_variant_that_would_change_nothing_is_not_trained(folder, monkeypatch):
    asked = []
    monkeypatch.setattr(variants, "train", lambda run, *_: asked.append(run) or (None, 0))
    changed = ["network.rewire=true", "network.tau_a_ms=600"]
    experiment = overridden(open_network(folder / "network.lsnn.h5")[1], changed)
    variants.train_variants(experiment, 0, Budget(iterations=1), folder / "variants", 1, "lsnn study")
    assert len(asked) == len(variants.VARIANTS) - 2


def test_minutes_of_training_need_training(folder, tmp_path):
    network = str(folder / "network.lsnn.h5")
    outcome = CliRunner().invoke(main, ["study", network, "--out", str(tmp_path / "x.h5"), "--minutes", "3"])
    assert outcome.exit_code == 2 and "only with --train" in outcome.output


# The command


@pytest.fixture(scope="module")
def study_of_8(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("study_of_8") / "first.h5"
    run_study(folder / "network.lsnn.h5", path, SEED, 8, 2, "lsnn study")
    return path


def test_study_is_the_same_file_again_and_describes_itself(folder, tmp_path, study_of_8):
    run_study(folder / "network.lsnn.h5", tmp_path / "again.h5", SEED, 8, 1, "lsnn study")
    with h5py.File(study_of_8) as first, h5py.File(tmp_path / "again.h5") as again:
        assert set(EXPERIMENTS) | {"wiring", "network"} == set(first)
        names = []
        first.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        for name in names:
            assert {"units", "description"} <= set(first[name].attrs), name
            np.testing.assert_array_equal(first[name][()], again[name][()])
        assert first.attrs["frozen_sha256_after"] == first.attrs["frozen_sha256"]


def test_one_experiment_alone_is_what_it_is_among_the_others(folder, tmp_path, study_of_8):
    out = tmp_path / "clamp.h5"
    arguments = ["study", str(folder / "network.lsnn.h5"), "--out", str(out), "--episodes", "8", "--only", "clamp"]
    outcome = CliRunner().invoke(main, [*arguments, "--seed", str(SEED)])
    assert outcome.exit_code == 0, outcome.output
    with h5py.File(out) as alone, h5py.File(study_of_8) as all_of_them:
        assert set(alone) == {"clamp", "network"}
        for name in ("photograph_5/platform", "photograph_5/trials", "first_visit_ms"):
            np.testing.assert_array_equal(alone["clamp"][name][()], all_of_them["clamp"][name][()])


def test_weights_that_change_under_an_experiment_are_seen(folder, tmp_path, monkeypatch):
    """A roll-out that learns: the hash after it is that of the weights it ran on."""
    whole = Block.roll_out

    def learning(block, weights, *arguments, **keywords):
        weights.readout.weight.flags.writeable = True
        weights.readout.weight[:] *= 1.01
        return whole(block, weights, *arguments, **keywords)

    monkeypatch.setattr(Block, "roll_out", learning)
    run_study(folder / "network.lsnn.h5", tmp_path / "s.h5", SEED, 8, 1, "lsnn study", only=("probe",))
    with h5py.File(tmp_path / "s.h5") as file:
        assert file.attrs["frozen_sha256_after"] != file.attrs["frozen_sha256"]


def test_networks_that_cannot_be_studied_are_refused(folder):
    experiment = overridden(open_network(folder / "network.lsnn.h5")[1], ["task.rest_ms_min=1"])
    with pytest.raises(InputError, match=r"net.h5: task.rest_ms_min must not be set"):
        check_subject("net.h5", experiment, list(EXPERIMENTS))


def test_one_visit_takes_any_model_and_a_network_whose_dark_is_drawn(folder):
    stored = open_network(folder / "network.lsnn.h5")[1]
    drawn = overridden(stored, ["task.dark_ms=50", "task.dark_ms_min=10", "task.rest_ms=9", "task.rest_ms_min=3"])
    check_subject("net.h5", drawn, ["one_visit"])
    check_subject("net.h5", overridden(drawn, ["network.adaptive_model=exponential"]), ["one_visit"])
    for asked in (["one_visit", "clamp"], ["retention"]):
        with pytest.raises(InputError, match="net.h5: task.(rest|dark)_ms_min must not be set"):
            check_subject("net.h5", drawn, asked)
    with pytest.raises(InputError, match="task.platform_radius_min must not be set"):
        check_subject("net.h5", overridden(stored, ["task.platform_radius_min=0.2"]), ["one_visit"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.h5", "--out", "new.h5"], "missing.h5"),
        (["{network}", "--out", "new.h5", "--episodes", "3"], "--episodes must be >= 8, got 3"),
        (["{network}", "--out", "{network}"], "must not exist yet"),
        (["{network}", "--out", "new.h5", "--only", "dreams"], "--only must be one of ablation, silence"),
        (["{network}", "--out", "new.h5", "--only", "clamp", "--train"], "leave out --only"),
        ([FAMILY, "--out", "new.h5"], f"{FAMILY}: task.platform_radius_min must not be set in a network to be studied"),
    ],
)
def test_bad_input_is_named(folder, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    network = str(folder / "network.lsnn.h5")
    outcome = CliRunner().invoke(main, ["study", *(text.format(network=network) for text in arguments)])
    assert outcome.exit_code == 2 and message in outcome.output
    assert not (tmp_path / "new.h5").exists()
