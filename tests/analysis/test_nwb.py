"""The NWB export: nothing critical to the inspector, and pynapple finds the spikes, the path and a place field."""

import numpy as np
import pytest
from nwbinspector import Importance, inspect_nwbfile
from pynwb import NWBHDF5IO

from analysis.maze import trials_of
from analysis.nwb import write_nwb
from lsnn.files.reading import ResultError
from lsnn.files.results import Result


@pytest.fixture(scope="module")
def exported(result_path, tmp_path_factory):
    return write_nwb(result_path, tmp_path_factory.mktemp("nwb") / "episodes.nwb")


def test_inspector_reports_nothing_critical(exported):
    with np.errstate(all="warn"):
        messages = list(inspect_nwbfile(nwbfile_path=str(exported), importance_threshold=Importance.CRITICAL))
    assert [message.message for message in messages] == []


def test_units_and_trials_are_those_of_the_file(exported, result_path):
    with Result(result_path) as result, NWBHDF5IO(str(exported), "r") as source:
        frozen, content = result.conditions["frozen"], source.read()
        episodes = frozen.spike_trains.episodes
        assert len(content.units) == len(result.network.population)
        labels = [result.network.labels[code] for code in result.network.population]
        assert list(content.units["population"][:]) == labels
        total = sum(len(content.units["spike_times"][unit]) for unit in range(len(content.units)))
        assert total == len(frozen.spike_trains.time_ms)
        rows = np.isin(trials_of(frozen).episode, episodes)
        assert len(content.trials) == rows.sum()
        latencies = content.trials["stop_time"][:] - content.trials["start_time"][:]
        np.testing.assert_allclose(latencies, trials_of(frozen).latency_ms[rows] / 1000, atol=1e-9)
        series = content.processing["thresholds"].data_interfaces["threshold_0"]
        assert series.unit == "b0" and series.data[:].min() >= 1 - 1e-6 and series.data[:].max() < 100


def test_pynapple_computes_a_place_field(exported):
    import pynapple

    with np.errstate(all="ignore"):
        session = pynapple.load_file(str(exported))
        units, place = session["units"], session["position"]
        fields = pynapple.compute_tuning_curves(units[[0, 1]], place, bins=5, range=[(-1, 1), (-1, 1)])
    assert fields.shape == (2, 5, 5)
    assert np.nanmax(np.asarray(fields)) > 0


def last(name, value):
    return lambda file: file[f"frozen/{name}"].__setitem__(-1, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (last("spikes/neuron", 100), "/frozen/spikes/neuron: must hold whole numbers in 0..99, holds 100"),
        (last("spikes/neuron", -1), "/frozen/spikes/neuron: must hold whole numbers in 0..99, holds -1"),
        (last("spikes/time_ms", 600), "/frozen/spikes/time_ms: must hold whole numbers in 0..599, holds 600"),
        (lambda file: file.attrs.__setitem__("created", "no date"), "'created': must be a date and time with a zone"),
    ],
)
def test_what_cannot_be_is_not_dropped_in_silence(edited, tmp_path, change, message):
    with pytest.raises(ResultError, match=message):
        write_nwb(edited(change), tmp_path / "x.nwb")
    assert not (tmp_path / "x.nwb").exists()


def test_a_file_without_spikes_is_named(edited, tmp_path):
    bare = edited(lambda file: file["frozen"].pop("spikes"))
    with pytest.raises(ResultError, match="needs spikes and traces"):
        write_nwb(bare, tmp_path / "x.nwb")


def test_episodes_without_a_trial_are_exported_as_such(edited, tmp_path):
    def without_trials(file):
        attributes, none = dict(file["frozen/trials"].attrs), file["frozen/trials"][:0]
        del file["frozen/trials"]
        file.create_dataset("frozen/trials", data=none).attrs.update(attributes)

    with NWBHDF5IO(str(write_nwb(edited(without_trials), tmp_path / "x.nwb")), "r") as source:
        content = source.read()
        assert content.trials is None and len(content.units["spike_times"][0])
