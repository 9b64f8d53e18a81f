"""Stages: what changes on the way is to the bit what a run resumed by hand has, from the command and from Python."""

import pytest

import lsnn
import tasks
from lsnn.errors import InputError
from lsnn.files.network_file import load_network
from lsnn.learning.config import LearningConfig, Stage, stages_of
from lsnn.learning.stages import Staged, passed, to_come
from runs.training.train import CHECKPOINT, NETWORK, Budget, fresh_run, resumed_run, train
from tasks.experiment import iterations_of, overridden, preset
from tests.runs.tiny import FREE, assert_same_state, tiny

SECOND = ("task.duration_ms=150", "learning.episodes=8", "learning.learning_rate=0.001")
LAST = ("task.encoder.grid_side=16", "task.encoder.reward_cells=80", "learning.input_rate=0.5")
STAGES = (f"2 {' '.join(SECOND)}", f"4 {' '.join(LAST)}")


def staged(*stages):
    """A tiny experiment with these stages."""
    return overridden(tiny(), ["learning.stages=[" + ", ".join(f'"{stage}"' for stage in stages) + "]"])


def run(experiment, folder, iterations):
    folder.mkdir(exist_ok=True)
    train(fresh_run(experiment, 3, "lsnn train"), Budget(iterations=iterations), folder, 1)
    return folder / CHECKPOINT


def gone_on(checkpoint, iterations, settings=(), out=None):
    """The checkpoint after so many iterations in all."""
    resumed = resumed_run(checkpoint, "water-maze", None, None, settings, "lsnn train --resume")
    folder = checkpoint.parent if out is None else out
    folder.mkdir(exist_ok=True)
    train(resumed, Budget(iterations=iterations), folder, 1)
    return folder / CHECKPOINT


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory):
    """Two iterations, two with the settings of the second stage, one with those of the last."""
    folder = tmp_path_factory.mktemp("hand")
    checkpoint = gone_on(run(tiny(), folder / "run", 2), 4, SECOND)
    return load_network(gone_on(checkpoint, 5, LAST))


@pytest.fixture(scope="module")
def at_once(tmp_path_factory):
    return run(staged(*STAGES), tmp_path_factory.mktemp("once") / "run", 5)


def test_stages_are_a_run_that_is_resumed_by_hand(by_hand, at_once):
    file = load_network(at_once)
    assert_same_state(by_hand, file)
    assert file.config["task"] == by_hand.config["task"] and file.config["task"]["encoder"]["grid_side"] == 16
    rest = {"stages": list(STAGES)}
    assert file.config["learning"] == by_hand.config["learning"] | rest
    assert file.network.n_in == load_network(at_once.with_name(NETWORK)).network.n_in > 0


@pytest.mark.parametrize("broken_at", [1, 2, 3])
def test_a_run_broken_before_at_or_after_a_stage_goes_on_to_the_same_bits(broken_at, by_hand, tmp_path):
    checkpoint = run(staged(*STAGES), tmp_path / "run", broken_at)
    assert_same_state(by_hand, load_network(gone_on(checkpoint, 5)))


def test_a_stage_at_the_end_is_entered(tmp_path):
    """So a recipe can end with the episodes of the test."""
    file = load_network(run(staged("1 task.duration_ms=100"), tmp_path / "run", 1))
    assert file.config["task"]["duration_ms"] == 100 and len(file.history) == 1


def test_from_python_it_is_the_same_on_both_sides_of_a_stage(by_hand, tmp_path):
    task = tasks.load("water-maze", duration_ms=200, platform_radius=0.6)
    plain = dict(setting.removeprefix("network.").split("=") for setting in FREE if setting.startswith("network"))
    ways = {
        "network": {name: float(value) if "." in value else int(value) for name, value in plain.items()},
        "learning": {"episodes": 16, "exploded_norm": 10, "stages": list(STAGES)},
        "seed": 3, "threads": 1, "progress": False,
    }  # fmt: skip
    first = lsnn.train(task, iterations=1, **ways)
    third = lsnn.train(task, iterations=3, resume=first, folder=tmp_path / "third", **ways)
    assert third.network.task["duration_ms"] == 150
    last = lsnn.train(task, iterations=5, resume=third.checkpoint, folder=tmp_path / "last", **ways)
    assert_same_state(by_hand, load_network(last.checkpoint))


def test_texts_are_read():
    assert stages_of(["20 task.dark_ms=5 task.encoder.kind=X", "30 learning.episodes=8"]) == [
        Stage(20, (("task.dark_ms", "5"), ("task.encoder.kind", "X"))), Stage(30, (("learning.episodes", "8"),)),
    ]  # fmt: skip
    experiment = staged(*STAGES)
    present = Staged(experiment.task, experiment.learning)
    assert [each.task.duration_ms for each in to_come(present, experiment.network)] == [200, 150, 150]
    assert [each.task.duration_ms for each in to_come(present, experiment.network, 2)] == [200, 200]
    assert passed(present, 1) == present and passed(present, 2).learning.episodes == 8
    assert passed(present, 4).task.encoder.grid_side == 16


@pytest.mark.parametrize(
    "stages",
    [["task.dark_ms=5"], ["0 task.dark_ms=5"], ["-3 task.dark_ms=5"], ["5"], [""], ["5 task.dark_ms"],
     ["9" * 5000 + " task.dark_ms=1"], ["5 network.beta=1"], ["5 learning.stages=1"],
     ["5 task.a.b.c=1"], ["1e3 task.dark_ms=1"]],
)  # fmt: skip
def test_a_text_of_another_form_is_named(stages):
    with pytest.raises(InputError, match=r"learning.stages must be texts `ITERATIONS task.KEY=VALUE"):
        LearningConfig(stages=tuple(stages))


def test_stages_come_in_order():
    with pytest.raises(InputError, match="learning.stages must come in the order of their iterations"):
        LearningConfig(stages=("5 task.dark_ms=5", "5 task.dark_ms=6"))


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ("2 task.depth=1", "learning.stages, after 2 iterations: task has no key 'depth'"),
        ("2 task.duration_ms=short", "after 2 iterations: task.duration_ms must be a whole number, got 'short'"),
        ("2 task.duration_ms=-4", "after 2 iterations: duration_ms .*-4"),
        ("2 learning.episodes=7", "after 2 iterations: learning.episodes must be a positive multiple of 8, got 7"),
        ("2 task.encoder.reward_cells=3", "after 2 iterations: the number of input cells must stay 140"),
        ("2 learning.auxiliary=true", "after 2 iterations: the readouts must stay"),
    ],
)
def test_a_stage_that_cannot_be_entered_is_named_before_the_first_iteration(stage, message):
    with pytest.raises(InputError, match=message):
        fresh_run(staged(stage), 0, "lsnn train")


@pytest.mark.parametrize("settings", ["task.rest_ms_min=5 task.rest_ms=8", "task.rest_ms=8 task.rest_ms_min=5"])
def test_settings_of_a_stage_change_together(settings):
    """As those of `--set` do: each may need the other."""
    experiment = staged(f"2 {settings} task.encoder.width=0.3 task.duration_ms=300")
    task = passed(Staged(experiment.task, experiment.learning), 2).task
    assert (task.rest_ms_min, task.rest_ms, task.encoder.width, task.duration_ms) == (5, 8, 0.3, 300)
    by_hand = overridden(tiny(), [*settings.split(), "task.encoder.width=0.3", "task.duration_ms=300"])
    assert task == by_hand.task


def test_a_stage_that_would_have_begun_is_named_when_a_run_goes_on(at_once):
    """Only those to come are entered: it was ignored without a word."""
    for stages, late in (('["4 task.dark_ms=5"]', "4"), ('["5 task.dark_ms=5", "9 task.dark_ms=7"]', "5")):
        with pytest.raises(InputError, match=f"must begin after more than the 5 iterations .* got '{late} task.dark"):
            resumed_run(at_once, "water-maze", None, None, [f"learning.stages={stages}"], "lsnn train --resume")
    kept = [*STAGES, "6 task.dark_ms=5"]
    setting = "learning.stages=[" + ", ".join(f'"{stage}"' for stage in kept) + "]"
    run = resumed_run(at_once, "water-maze", None, None, [setting], "lsnn train --resume")
    assert run.experiment.learning.stages == tuple(kept)


def test_an_agent_goes_through_no_stages():
    from agents.config import preset as preset_of

    with pytest.raises(InputError, match="learning.stages .*empty for an agent"):
        preset_of("water-maze", "gru", "silence")


@pytest.mark.parametrize("name", ["silence", "frontier"])
def test_presets_with_stages_can_be_trained_and_say_how_long(name):
    chosen = preset("water-maze", name)
    present = Staged(chosen.task, chosen.learning)
    assert len(list(to_come(present, chosen.network))) == 1 + len(chosen.learning.stages)
    assert iterations_of("water-maze", name) >= stages_of(chosen.learning.stages)[-1].after
    assert iterations_of("water-maze", None) is None
