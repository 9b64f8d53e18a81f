"""The comparison of neuron models: what it runs, what it does not repeat, and what its table holds."""

import h5py
import numpy as np
import pytest

from analysis.latencies import visits_per_episode
from analysis.maze import visits_of
from analysis.neuron_models import describe, model_rows, offsets, runs_of
from lsnn.errors import InputError
from lsnn.files.reading import ResultError
from lsnn.files.results import Result
from runs.experiments.neuron_models import comparison as neuron_models
from runs.training.train import Budget
from tests.runs.refusals import assert_one_line, experiment
from tests.runs.tiny import FREE
from tests.test_neuron_files import TEXT


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Two seeds of one model."""
    folder = tmp_path_factory.mktemp("models")
    assert neuron_models.compare(folder, ["alif"], [4, 5], Budget(iterations=2), 8, 1, FREE, "python -m ...") == 0
    return folder


def test_every_run_is_in_table_and_figure(compared):
    assert (compared / "neuron_models.png").read_bytes().startswith(b"\x89PNG")
    text = describe(compared / "neuron_models.h5")
    with Result(compared / "neuron_models.h5") as table:
        runs = runs_of(table)
        assert [(run.model, run.seed, run.iterations) for run in runs] == [("alif", 4, 2), ("alif", 5, 2)]
        np.testing.assert_array_equal(runs[0].condition.episode_key, table.conditions["oracle"].episode_key)
        for run in runs:
            with Result(compared / f"alif-seed{run.seed}" / "result.h5") as alone:
                np.testing.assert_array_equal(visits_of(run.condition), visits_of(alone["frozen"]))
            assert f"{visits_per_episode(run.condition).value:5.1f} [" in text
        assert offsets(runs) == [-0.08, 0.08]
        left, right = model_rows(table).axes
        assert [label.get_text() for label in left.get_yticklabels()] == ["alif"]
        shown = next(line for line in left.lines if line.get_label() == "a network")
        assert list(shown.get_xdata()) == [visits_per_episode(run.condition).value for run in runs]


def test_complete_runs_are_not_repeated(compared, monkeypatch):
    def again(*arguments):
        raise AssertionError("a complete run was repeated")

    monkeypatch.setattr(neuron_models, "run_job", again)
    before = (compared / "alif-seed4" / "result.h5").read_bytes()
    assert neuron_models.compare(compared, ["alif"], [4], Budget(iterations=2), 8, 1, FREE, "again") == 0
    assert (compared / "alif-seed4" / "result.h5").read_bytes() == before


@pytest.mark.parametrize(
    ("settings", "budget", "episodes"),
    [
        ((*FREE, "network.beta=1.0"), Budget(iterations=2), 8),
        (FREE, Budget(iterations=3), 8),
        (FREE, Budget(iterations=2), 16),
    ],
)
def test_complete_runs_of_another_comparison_are_refused(compared, settings, budget, episodes):
    with pytest.raises(InputError, match="alif-seed5: must be a run of these settings, budget and episodes"):
        neuron_models.compare(compared, ["alif"], [5], budget, episodes, 1, settings, "again")


def test_models_from_files_stay_in_the_folder(tmp_path, monkeypatch):
    (tmp_path / "leaky.toml").write_text(TEXT)
    places = []
    monkeypatch.setattr(neuron_models, "run_job", lambda job, *arguments: places.append(job.folder))
    model = str(tmp_path / "leaky.toml")
    assert neuron_models.compare(tmp_path / "out", [model], [4], Budget(iterations=2), 8, 1, FREE, "again") == 1
    assert places == [tmp_path / "out" / "leaky-seed4"]
    with pytest.raises(InputError, match="must be given once each"):
        neuron_models.compare(tmp_path / "out", [model, "x/leaky.toml"], [4], Budget(iterations=2), 8, 1, FREE, "again")


def test_a_broken_off_run_goes_on_from_its_checkpoint(compared, tmp_path):
    job = neuron_models.Job("alif", 4, compared / "alif-seed4")
    other = neuron_models.experiment_of("alif", [*FREE, "network.beta=1.0"])
    with pytest.raises(InputError, match="must be of the same experiment"):
        neuron_models.run_job(job, other, Budget(iterations=3), 8, 1, "python -m ...")
    same = neuron_models.experiment_of("alif", FREE)
    assert neuron_models.run_job(job, same, Budget(iterations=3), 8, 1, "python -m ...")
    with h5py.File(job.folder / "network.lsnn.h5") as file:
        assert file.attrs["iterations"] == 3


def test_settings_of_a_model():
    assert neuron_models.experiment_of("izhikevich", ()).network.surrogate_gamma == 0.1
    assert neuron_models.experiment_of("adex", ()).network.adaptive_model == "adex"


def test_bad_arguments(tmp_path, capsys):
    for words, message in (
        (("--model", "hodgkin"), "no neuron model or file 'hodgkin'"),
        (("--iterations", "0"), "--iterations must be >= 1"),
        (("--seed", "-1"), "--seed must be >= 0"),
    ):
        assert_one_line(experiment("neuron-models", "--out", tmp_path / "out", *words), capsys, message)
    assert not (tmp_path / "out").exists()


def test_a_file_without_runs_is_refused(compared, tmp_path):
    with Result(compared / "alif-seed4" / "result.h5") as result, pytest.raises(ResultError, match="run_00"):
        model_rows(result)
