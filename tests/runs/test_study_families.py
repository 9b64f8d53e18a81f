"""The study of any family with a latent: what is done to the state, whose latent is followed, and what is refused."""

import functools
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from analysis.report import write_report
from analysis.study.every_family import ENTRIES
from lsnn.blocks import Threads, copy_of
from lsnn.errors import InputError
from lsnn.seeds import Study
from runs.cli import main
from runs.study import every_family
from runs.study.every_family import Asked, Change, asked_of, in_the_dark, outcomes_of
from runs.study.study import Studied, check_subject, names_asked, own_module, run_study
from runs.study.subject import BRIEF, NEVER, Subject, intervene, run_blocks, study_keys
from runs.training.train import Budget, fresh_run, train
from tasks import registry
from tasks.experiment import open_network, overridden, preset

SMALL = ("network.n_excitatory=8", "network.n_inhibitory=4", "network.n_adaptive=8", "learning.episodes=16",
         "network.input_gain=3.0", "network.readout_gain=3.0")  # fmt: skip
SHORT = {
    "bandit": ("task.trials=8", "task.trial_ms=10"),
    "harlow": ("task.phase_ms=8",),
    "angle-recall": (
        "task.show_ms=20",
        "task.dark_ms_min=10",
        "task.dark_ms=60",
        "task.cue_ms=20",
        "task.answer_ms=10",
    ),
    "induction": ("task.token_ms=10", "task.answer_ms=5"),
    "store-recall": ("task.slot_ms=20", "task.answer_ms=10", "task.delay_max=3", "task.duration_ms=400"),
    "regression": ("task.samples=22", "task.sample_ms=10", "network.adaptive_model=alif2"),
}
SEED = 3
WHOLE = (*BRIEF, "b")


@pytest.fixture(scope="session")
def networks(tmp_path_factory) -> dict[str, Path]:
    """A network of one iteration of each family."""
    made = {}
    for task, settings in SHORT.items():
        run = fresh_run(overridden(preset(task), (*SMALL, *settings)), 0, "lsnn train")
        made[task] = train(run, Budget(iterations=1), tmp_path_factory.mktemp(task), 1)[0]
    return made


@pytest.fixture(scope="session")
def studies(networks, tmp_path_factory) -> dict[str, Path]:
    """The study of each, of few episodes."""
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        short = {"silence": ("silent_ms", (20,)), "retention": ("dark_ms", (0, 20)), "clamp": ("held_from", (1,)),
                 "takeover": ("told", (1, 2)), "decoding": ("lags_ms", (5, 300))}  # fmt: skip
        for name, (key, values) in short.items():
            original = every_family.EXPERIMENTS[name]
            patch.setitem(every_family.EXPERIMENTS, name, lambda subject, seed, f=original, kw={key: values}:
                          f(subject, seed, **kw))  # fmt: skip
        for task, network in networks.items():
            made[task] = tmp_path_factory.mktemp("studies") / f"{task}.h5"
            run_study(network, made[task], SEED, 24 if task == "store-recall" else 16, 2, "lsnn study")
    return made


def subject_for(path: Path, episodes: int = 16) -> Subject:
    file, experiment = open_network(path)
    return Subject(file.network, file.network.weights(), experiment.task, file.seed, Threads(1), episodes)


@pytest.fixture(scope="module")
def bandit(networks) -> Subject:
    return subject_for(networks["bandit"])


@pytest.fixture(scope="module")
def asked(bandit) -> Asked:
    return asked_of(bandit, study_keys(SEED, Study.TRANSPLANT, 16), paired=True)


# Which trial is watched


def test_the_trial_watched_is_the_first_that_asks_at_half_time(bandit, asked):
    assert np.all(asked.trial == 4) and np.all(asked.moment == 40) and bandit.task.duration_ms == 81
    later = asked_of(bandit, asked.keys, 2)
    assert np.all(later.trial == 2) and np.all(later.moment == 20)
    np.testing.assert_array_equal(asked.latent, bandit.task.probabilities(asked.keys))


def test_store_recall_asks_at_recall_for_the_bit_of_the_trial(networks):
    subject = subject_for(networks["store-recall"])
    keys = study_keys(SEED, Study.TRANSPLANT, 16)
    found = asked_of(subject, keys, 1)
    assert np.all(found.trial[found.trial >= 0] == 0) and (found.trial >= 0).sum() > 8
    for key, moment, bit in zip(keys, found.moment, found.latent[:, 0], strict=True):
        stream, kept = subject.task.stream(int(key)), None
        for slot, shown in zip(range(20), stream, strict=False):
            if shown.x[2]:  # STORE
                kept = shown.x[1]
            if shown.x[3]:  # RECALL
                assert moment == slot * subject.task.slot_ms and bit == kept
                break


def test_an_animal_whose_partner_has_no_trial_is_not_watched(networks):
    subject = subject_for(networks["store-recall"])
    keys = study_keys(SEED, Study.TRANSPLANT, 32)
    alone, paired = asked_of(subject, keys, 3), asked_of(subject, keys, 3, paired=True)
    both = (alone.trial.reshape(-1, 2) >= 0).all(axis=1).repeat(2)
    assert 0 < both.sum() < (alone.trial >= 0).sum()
    np.testing.assert_array_equal(paired.trial >= 0, both)
    assert np.all(paired.moment[~both] == NEVER) and np.isnan(paired.latent[~both]).all()


# What is done to the state


def test_no_change_is_the_untouched_network_but_for_what_is_hidden(networks):
    subject = subject_for(networks["regression"])
    found = asked_of(subject, study_keys(SEED, Study.ABLATION, 8))
    score = outcomes_of(subject, found, {"sham": Change(), "exchanged": Change(exchanged=BRIEF)}).score
    family = subject.task.family

    def plain(block, episodes):
        states, trace = every_family.seen(block, 8)
        table = family.table(subject.task, states, trace)
        return table["squared_error"][table["trial"] == found.trial[0]]

    untouched = np.concatenate(run_blocks(subject, found.keys, subject.task, intervene(subject), plain))
    np.testing.assert_array_equal(score[0], untouched)
    assert (score[1] != untouched).any()


def test_the_dark_is_time_without_input_and_leaves_the_step(bandit):
    def keep(block, episodes):
        states, counts = [copy_of(block.state)], []
        for ms, silent in ((30, False), (30, True)):
            spikes = []
            note = functools.partial(lambda into, x, z: into.append(z.copy()), spikes)
            states.append(in_the_dark(bandit, block, copy_of(block.state), ms, silent, note))
            counts.append(sum(int(np.bitwise_count(z).sum()) for z in spikes))
        once = in_the_dark(bandit, block, in_the_dark(bandit, block, copy_of(block.state), 13), 17)
        return states, counts, once, block.t

    def to_40(block, episodes):
        block.roll_out(bandit.weights, bandit.mean_action, 40)

    kept = run_blocks(bandit, study_keys(SEED, 0, 8), bandit.task, to_40, keep)
    (before, dark, silent), counts, in_two, t = kept[0]
    assert t == 40 and counts[1] == 0
    for one, two in zip(dark, in_two, strict=True):
        np.testing.assert_array_equal(one, two)
    b = slice(bandit.network.config.n_neurons, None)
    decayed = before.x[b] * np.exp(-30 / bandit.network.config.tau_a_ms)
    np.testing.assert_allclose(silent.x[b], decayed, rtol=1e-4)  # without a spike thresholds only decay
    assert np.all(silent.refractory <= before.refractory.max())


def test_everything_exchanged_twice_is_nothing_exchanged(bandit, asked):
    """The choice of each animal is that of its partner's state, whose input was hidden as well."""
    changes = {"none": Change(), "everything": Change(exchanged=WHOLE), "all but b": Change(exchanged=BRIEF)}
    none, everything, rest = outcomes_of(bandit, asked, changes).followed
    other = none[np.arange(16) ^ 1]
    told = none != every_family.NEITHER
    assert told.any() and np.array_equal(told, everything != every_family.NEITHER)
    better = asked.latent.argmax(axis=1)
    arm = np.where(none == every_family.OWN, better, 1 - better)[told]
    given = np.where(everything == every_family.OWN, better, 1 - better)[told]
    partner = np.where(other == every_family.OWN, better[np.arange(16) ^ 1], 1 - better[np.arange(16) ^ 1])[told]
    np.testing.assert_array_equal(given, partner)
    assert len(arm) == len(partner) and set(rest) <= {0, 1, 2}


def test_everything_erased_is_the_same_state_for_all(bandit, asked):
    followed = outcomes_of(bandit, asked, {"erased": Change(erased=WHOLE)}).followed[0]
    better, told = asked.latent.argmax(axis=1), followed != every_family.NEITHER
    arms = np.where(followed == every_family.OWN, better, 1 - better)[told]
    assert len(set(arms)) == 1  # nothing in state or input tells animals apart


# The files and their pages


@pytest.mark.parametrize("task", SHORT)
def test_the_study_of_every_family_has_all_its_experiments_and_a_page(studies, networks, task, tmp_path):
    with h5py.File(studies[task]) as file:
        assert set(file) == set(every_family.EXPERIMENTS) | {"wiring", "network"}
        assert file.attrs["frozen_sha256_after"] == file.attrs["frozen_sha256"]
        kept = ["b"] if task != "regression" else ["b", "b_fast"]
        swaps = [name.decode() for name in file["transplant"].attrs["conditions"]]
        assert [name for name in swaps if name.startswith("other_")] == [f"other_{name}_alone" for name in kept]
        assert all(name in file["decoding"] for name in kept)
        for group in (file[name] for name in every_family.EXPERIMENTS):
            for name, item in group.items():
                assert {"units", "description"} <= set(item.attrs), name
    page = write_report(studies[task], tmp_path / "page").read_text()
    for entry in ENTRIES:
        assert f"<h2>{entry.title}</h2>" in page or f"{entry.title}: nothing can be said" in page
    assert page.count("<h2>") >= 6 and "escape latencies" not in page.partition("<h2>")[0]


def test_a_study_is_the_same_again_on_any_number_of_threads(networks, studies, tmp_path):
    run_study(networks["bandit"], tmp_path / "again.h5", SEED, 16, 1, "lsnn study", ("transplant",))
    with h5py.File(studies["bandit"]) as one, h5py.File(tmp_path / "again.h5") as again:
        for name in ("score", "rest", "followed", "moment_ms"):
            np.testing.assert_array_equal(one["transplant"][name][()], again["transplant"][name][()])


# What is refused


def lsnn(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_experiments_of_the_maze_are_the_mazes(networks, tmp_path):
    assert own_module(registry.family("bandit")) is None and hasattr(own_module(registry.family("water-maze")), "check")
    done = lsnn("study", networks["bandit"], "--out", tmp_path / "x.h5", "--only", "reversal")
    assert done.exit_code == 2 and "--only must be one of ablation, silence, clamp, transplant, takeover" in done.output
    done = lsnn("study", networks["bandit"], "--out", tmp_path / "x.h5", "--train")
    assert done.exit_code == 2 and "is one of bandit" in done.output


def test_a_family_without_a_latent_is_refused_by_name(networks, monkeypatch):
    experiment = open_network(networks["bandit"])[1]
    family = experiment.task.family
    nothing = type(family)(family.task, family.trials, family.measures)
    monkeypatch.setattr(type(experiment.task), "family", nothing)
    with pytest.raises(InputError, match=r"net.h5: must be a network for a family.*; bandit names none"):
        check_subject(Path("net.h5"), experiment, ["ablation"])


def test_what_the_neurons_do_not_keep_cannot_be_held(networks):
    experiment = overridden(open_network(networks["bandit"])[1], ["network.n_adaptive=0"])
    run = fresh_run(experiment, 0, "lsnn train")
    studied = Studied(Path("net.h5"), type("File", (), {"network": run.network})(), experiment)
    assert "clamp" not in names_asked(studied, ()) and "ablation" in names_asked(studied, ())
    with pytest.raises(InputError, match="net.h5: must have neurons that keep something beside"):
        names_asked(studied, ("clamp",))


def test_episodes_in_which_nothing_asks_are_refused_by_name(networks, tmp_path):
    subject = subject_for(networks["bandit"])
    short = subject._replace(task=type(subject.task)(trials=1, trial_ms=10))
    with pytest.raises(InputError, match="bandit: must have an episode in which a trial asks"):
        asked_of(short, study_keys(SEED, 0, 8))


def test_a_family_of_ones_own_is_studied_with_its_file(tmp_path, monkeypatch):
    source = Path(__file__).parents[1] / "tasks/delayed_match.py"
    text = source.read_text().replace("import Family, Measure", "import Family, Latent, Measure")
    latent = """(Measure("right", "right answers", chance=0.5),),
    latent=Latent(("first symbol",), "1", lambda task, states: states[:, 0, [FIRST]],
                  lambda task, states: states[:, 0, 0], lambda task, trials: trials["end_ms"] - 50))"""
    place = tmp_path / "remember.py"
    place.write_text(text.replace("""(Measure("right", "right answers", chance=0.5),))""", latent))
    monkeypatch.chdir(tmp_path)
    words = ("--iterations", 1, "--threads", 1, "--set", "learning.episodes=8", "--set", "task.duration_ms=150")
    assert lsnn("train", "remember.py", *words, "--out", "own").exit_code == 0
    arguments = ("study", "own/network.lsnn.h5", "--out", "study.h5", "--episodes", 8)
    done = lsnn(*arguments, "--task", "remember.py", "--only", "transplant", "--only", "ablation")
    assert done.exit_code == 0, done.output
    page = write_report("study.h5", "page").read_text()
    assert "Whose latent is followed is not said" in page and "right answers" in page
    shutil.rmtree("own")
