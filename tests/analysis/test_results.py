"""A result file reads back as it was written, and every fault in one has a message that names it."""

import json
import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas
import pytest

from analysis.maze import Trials, path_of, platform_radius, platforms, radius_of, trials_of, visits_of
from analysis.pages.water_maze.paths import episode_at
from analysis.style import told_origin
from analysis.verdict import weights_unchanged
from lsnn.files import store
from lsnn.files.about import SCHEMA_VERSIONS, Network, Origin, Provenance
from lsnn.files.reading import ResultError
from lsnn.files.results import Result
from tests.analysis.make_result import B0, BASELINES, N_INPUTS, N_NEURONS, RELATIVE_BETA, SHA, make_result


def test_provenance_is_that_of_the_file(result):
    made = result.provenance
    assert (made.seed, made.command, made.network_sha256) == (7, "lsnn maze --seed 7", SHA)
    assert made.packages["numpy"] == np.__version__
    assert platform_radius(result) == 0.3


def test_checksums_are_of_the_whole_network_where_a_file_has_them(result, edited):
    """In older files they are of its weights alone, and the pages say so."""
    assert not result.provenance.network_is_whole and result.conditions["frozen"].checksums == (SHA, SHA)
    assert "of the weights throughout" in weights_unchanged(result).measured
    whole = "ab" * 32

    def renew(file):
        file.attrs.update(frozen_sha256=whole)
        for name in ("frozen", "frozen_sampled", "state_reset", "untrained"):
            file[name].attrs.update(frozen_sha256_before=whole, frozen_sha256_after=whole)

    with Result(edited(renew)) as newer:
        assert newer.provenance.network_sha256 == whole and newer.provenance.network_is_whole
        assert newer.conditions["frozen"].checksums == (whole, whole)
        criterion = weights_unchanged(newer)
    assert criterion.met and "weights, constants and models throughout" in criterion.measured


def test_networks_are_named_with_their_own_seed_and_command(result, edited):
    assert result.provenance.networks == ()
    with Result(edited(lambda file: file.attrs.update(network_seed=4, network_command="lsnn train"))) as one:
        assert one.provenance.networks == (Origin("network", 4, "lsnn train"),)

    def two(file):
        for number, name in enumerate(("family", "specialist")):
            file.create_group(name).attrs.update(network=f"{name}.lsnn.h5", seed=number, policy="mean")
        file["specialist"].attrs["command"] = "lsnn train"

    with Result(edited(two)) as several:
        assert several.provenance.networks == (Origin("family", 0, None), Origin("specialist", 1, "lsnn train"))
        assert [told_origin(origin) for origin in several.provenance.networks] == [
            "family: meta-trained with seed 0", "specialist: meta-trained with seed 1 by: lsnn train",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("dale", "labels"), [(True, ("excitatory", "inhibitory", "adaptive")), (False, ("LIF", "adaptive"))]
)
def test_neurons_excite_or_inhibit_only_where_signs_are_held(edited, dale, labels):
    def change(file):
        file.attrs["config"] = json.dumps(json.loads(file.attrs["config"]) | {"network": {"dale": dale}})

    with Result(edited(change)) as opened:
        network = opened.network
    assert network.labels == labels
    np.testing.assert_array_equal(np.bincount(network.population), [50, 20, 30] if dale else [70, 30])


def test_conditions_are_networks_first_then_baselines_as_they_know_more(result):
    assert list(result.conditions) == list(BASELINES)
    roles = ["network"] * 2 + ["control"] * 2 + ["baseline"] * 4 + ["oracle"]
    assert [each.role for each in result.conditions.values()] == roles
    assert {(c.n_episodes, c.duration_ms) for c in result.conditions.values()} == {(24, 600)}
    assert [c.policy for c in result.conditions.values()] == ["mean", "sampled", "mean", "mean"] + ["scripted"] * 5


def test_visits_count_the_rewarded_steps(result):
    for condition in result.conditions.values():
        rewarded = np.count_nonzero(condition.group["reward"][:] > 0.5, axis=1)
        np.testing.assert_array_equal(visits_of(condition), rewarded)


def test_trials_lie_on_the_paths(result):
    frozen = result.conditions["frozen"]
    trials = trials_of(frozen)
    for row in np.flatnonzero(trials.found)[:20]:
        start, find = trials.start_ms[row], trials.start_ms[row] + trials.latency_ms[row]
        path = path_of(frozen, int(trials.episode[row]), int(start), int(find) + 1)
        platform = np.array([trials.platform_x[row], trials.platform_y[row]])
        np.testing.assert_allclose(path[0], [trials.start_x[row], trials.start_y[row]], atol=1e-6)
        inside = np.linalg.norm(path - platform, axis=1) <= 0.3 + 1e-6
        assert inside[-1] and not inside[:-1].any()


def test_spikes_of_an_episode_are_a_slice(result):
    group = result.conditions["frozen"].group["spikes"]
    start, stop = group["episode_offsets"][1:3]
    time, neuron = group["time_ms"][start:stop], group["neuron"][start:stop]
    inside = (time >= 100) & (time < 200)
    got_time, got_neuron = result.conditions["frozen"].spike_trains.between(1, 100, 200, N_NEURONS)
    np.testing.assert_array_equal(got_time, time[inside])
    np.testing.assert_array_equal(got_neuron, neuron[inside])
    assert len(got_time) > 0


def test_thresholds_are_b0_plus_beta_b(result):
    traces = result.conditions["frozen"].traces
    got = traces.threshold[2, 50:60].to_numpy()
    b = result.conditions["frozen"].group["traces/b"][2, 50:60]
    adaptive = np.arange(N_NEURONS) >= 70
    np.testing.assert_allclose(got[:, ~adaptive], B0)
    np.testing.assert_allclose(got[:, adaptive], B0 * (1 + RELATIVE_BETA * b[:, adaptive]), rtol=1e-5)


def test_history_reads_from_columns_and_from_one_table(result, edited):
    def as_one_table(file):
        columns = {name: file["history"][name][:] for name in file["history"]}
        del file["history"]
        rows = np.rec.fromarrays(list(columns.values()), names=list(columns))
        file.create_dataset("history", data=rows)

    with Result(edited(as_one_table)) as other:
        assert set(other.history) == set(result.history)
        np.testing.assert_array_equal(other.history["visits"], result.history["visits"])


def test_a_file_without_history_has_none(edited):
    with Result(edited(lambda file: file.__delitem__("history"))) as other:
        assert other.history.empty


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("schema_version", 1, "schema_version must be 2 or 3, is 1"),
        ("schema_version", None, "needs an attribute 'schema_version'"),
        ("kind", "network", "must be a result file, is a network file"),
        ("config", "{broken", "attribute 'config': cannot be read"),
        ("config", "[1, 2]", "attribute 'config' must be a JSON dict"),
        ("packages", None, "needs a text attribute 'packages', found nothing"),
        ("command", 3, "needs a text attribute 'command', found int64"),
        ("seed", "seven", "attribute 'seed': must be a number, is .*'seven'"),
        ("network_sha256", None, "needs a text attribute 'frozen_sha256', found nothing"),
    ],
)
def test_faulty_root_attributes(edited, attribute, value, message):
    def change(file):
        del file.attrs[attribute]
        if value is not None:
            file.attrs[attribute] = value

    with pytest.raises(ResultError, match=message) as error:
        Result(edited(change))
    assert "edited.h5" in str(error.value)


def test_text_of_variable_length_is_refused(result_path, tmp_path):
    shutil.copy(result_path, tmp_path / "heap.h5")
    with h5py.File(tmp_path / "heap.h5", "r+") as file:
        file.attrs["command"] = "lsnn maze"
    store.seal(tmp_path / "heap.h5")
    with pytest.raises(ResultError, match="/@command: must be a number or text of fixed length, got text of variable"):
        Result(tmp_path / "heap.h5")


def replace(file, name, data):
    del file[name]
    file[name] = data


def open_all(path):
    """Read whatever the figures read."""
    with Result(path) as result:
        frozen = result.conditions["frozen"]
        return (
            visits_of(frozen), platforms(frozen), frozen.episode_key, frozen.policy, frozen.checksums, result.network,
            platform_radius(result), result.history, frozen.traces, frozen.spike_trains.between(0, 0, 9, N_NEURONS),
            frozen.input_spike_trains.between(2, 0, 9, N_INPUTS), frozen.traces.threshold[0, :9],
        )  # fmt: skip


def test_the_unspoilt_file_reads(result_path):
    assert len(open_all(result_path)) == 12


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: replace(f, "frozen", np.zeros(3)), "needs a group 'frozen', found dataset"),
        (lambda f: f.__delitem__("frozen/position"), "/frozen: needs a data set 'position', found nothing"),
        (lambda f: replace(f, "frozen/position", np.zeros((24, 601))), r"position: must have shape \(any, any, 2\)"),
        (lambda f: replace(f, "frozen/position", np.zeros((0, 601, 2))), "needs an episode and a step"),
        (
            lambda f: replace(f, "frozen/goal", np.zeros((9, 2))),
            r"goal: must have shape \(24, 2\), has \(9, 2\)",
        ),
        (lambda f: replace(f, "frozen/goal", np.array([b"a"])), r"goal: must hold numbers, holds \|S1"),
        (lambda f: f.__delitem__("frozen/episode_key"), "needs a data set 'episode_key'"),
        (lambda f: f.__delitem__("frozen/trials"), "needs a group 'trials', found nothing"),
        (
            lambda f: replace(f, "frozen/trials", f["frozen/trials"][:][["episode", "found"]]),
            "missing: trial, start_ms",
        ),
        (lambda f: f["frozen"].attrs.__delitem__("policy"), "/frozen: needs a text attribute 'policy'"),
        (lambda f: f["frozen"].attrs.__delitem__("weights_sha256_after"), "'frozen_sha256_after', found nothing"),
        (lambda f: f.__delitem__("network"), "needs a group 'network', found nothing"),
        (lambda f: f["network"].attrs.__setitem__("input_channels", "[[1]]"), "'input_channels'.*cannot be read"),
        (
            lambda f: f["network/population"].attrs.__setitem__("labels", '["one"]'),
            "population: must hold whole numbers in 0..0, holds 1",
        ),
        (lambda f: replace(f, "network/beta", np.zeros(3)), r"beta: must have shape \(100\), has \(3,\)"),
        (lambda f: f.__delitem__("frozen/traces/v"), "/frozen/traces: needs a data set 'v'"),
        (lambda f: replace(f, "frozen/traces/episode", np.zeros(9)), r"episode: must have shape \(3\), has \(9,\)"),
        (lambda f: replace(f, "frozen/spikes/neuron", np.zeros(3)), "neuron: must have shape"),
        (lambda f: replace(f, "frozen/spikes/episode_offsets", [0, 9, 3, 4]), "episode_offsets must rise from 0"),
        (lambda f: replace(f, "frozen/spikes/episode", [1, 2, 3]), r"holds the episodes \[1, 2, 3\], not episode 0"),
        (lambda f: f.attrs.__setitem__("config", '{"task": {}}'), "task.platform_radius: cannot be read"),
    ],
)
def test_faulty_contents(edited, change, message):
    with pytest.raises(ResultError, match=message) as error:
        open_all(edited(change))
    assert "edited.h5" in str(error.value)


def entry(name, index, value):
    return lambda file: file[name].__setitem__(index, value)


def said(item, name, text):
    return lambda file: file[item].attrs.__setitem__(name, text)


def open_whole(path):
    """As `open_all`, and what is drawn of single episodes."""
    open_all(path)
    with Result(path) as result:
        frozen = result.conditions["frozen"]
        return path_of(frozen, 0), result.task, radius_of(frozen, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (said("/", "created", "yesterday"), "'created': must be a date and time with a zone, is 'yesterday'"),
        (said("/", "created", "2026-13-45T00:00:00+00:00"), "'created': must be a date and time"),
        (said("/", "created", "2026-01-01T00:00:00"), "'created': must be a date and time with a zone"),
        (said("/", "seed", -1), "'seed': must hold whole numbers in 0..1.84467e\\+19, holds -1"),
        (said("/", "seed", np.nan), "'seed': must hold whole numbers"),
        (said("/", "schema_version", 2.5), "'schema_version': must hold whole numbers >= 0, holds 2.5"),
        (
            said("/", "config", '{"task": {"name": "a\\nb", "platform_radius": 0.3}}'),
            "key task.name: must be a text of 1 to 1000 printable",
        ),
        (said("/", "config", '{"task": {"platform_radius": 1e999}}'), r"must lie in \(0, 1\], holds inf"),
        (said("network", "input_channels", '[["place", -64]]'), r"sizes must be whole numbers >= 0.*are \[-64\]"),
        (said("network", "input_channels", '[["place", 1000000000]]'), "sizes must be whole numbers >= 0, at most"),
        (said("network", "input_channels", '[["place", 1e999]]'), "sizes must be whole numbers"),
        (said("network", "input_channels", '[["\\u0000", 80]]'), "'input_channels': must be a text of 1 to"),
        (said("network/population", "labels", '["", "b", "c"]'), "'labels': must be a text of 1 to 1000 printable"),
        (said("network/population", "labels", "[1, 2, 3]"), "'labels': must be a text"),
        (entry("network/b0", 3, 0.0), "b0: must hold finite numbers >= 1.17549e-38, holds 0.0"),
        (entry("network/beta", 3, -1.0), "beta: must hold finite numbers >= 0, holds -1.0"),
        (entry("network/beta", 3, np.nan), "beta: must hold finite numbers >= 0, holds nan"),
        (entry("history/minutes", 5, np.nan), "column 'minutes': must hold finite numbers >= 0, holds nan"),
        (entry("history/minutes", 5, -2.0), "column 'minutes': must hold finite numbers >= 0, holds -2.0"),
        (lambda f: replace(f, "frozen/trials", f["frozen/trials"][:0]), "must have a trial of every episode"),
        (lambda f: replace(f, "frozen/trials", f["frozen/trials"][1:]), r"must have the trials 0, 1, \.\.\. of"),
        (lambda f: replace(f, "frozen/trials", f["frozen/trials"][:][::-1]), r"must have the trials 0, 1, \.\.\."),
        (entry("frozen/position", (0, 7, 1), np.nan), "position: must hold finite numbers in -10..10, holds nan"),
        (entry("frozen/position", (0, 7, 1), 1e30), "position: must hold finite numbers in -10..10, holds 1"),
        (entry("frozen/goal", (2, 0), np.inf), "goal: must hold finite numbers in -10..10, holds inf"),
        (entry("frozen/traces/b", (0, 3, 80), np.nan), "traces/b: must hold finite numbers, holds nan"),
        (entry("frozen/traces/episode", 0, 24), "traces/episode: must hold whole numbers in 0..23, holds 24"),
        (entry("frozen/traces/start_ms", 0, -1), "traces/start_ms: must hold whole numbers in 0..100, holds -1"),
        (entry("frozen/spikes/episode", 0, -1), "spikes/episode: must hold whole numbers in 0..23, holds -1"),
        (entry("frozen/spikes/episode", 0, 1), r"spikes: episode must name each once, has \[1, 1, 2\]"),
        (entry("frozen/spikes/time_ms", 0, 600), "time_ms: must hold whole numbers in 0..599, holds 600"),
        (entry("frozen/spikes/time_ms", 0, -1), "time_ms: must hold whole numbers in 0..599, holds -1"),
        (entry("frozen/spikes/neuron", 0, -1), "spikes/neuron: must hold whole numbers in 0..99, holds -1"),
        (entry("frozen/input_spikes/neuron", -1, 80), "input_spikes/neuron: must hold whole numbers in 0..79"),
        (lambda f: replace(f, "frozen/episode_key", -np.ones(24)), "episode_key: must hold whole numbers in 0..1.8"),
    ],
)  # fmt: skip
def test_contents_that_cannot_be(edited, change, message):
    with pytest.raises(ResultError, match=message) as error:
        open_whole(edited(change))
    assert "edited.h5" in str(error.value)


def test_what_can_be_is_read(edited):
    assert len(open_whole(edited(lambda file: None))) == 3


@pytest.mark.parametrize(
    ("column", "value"), [("episode", 24), ("episode", -1), ("trial", -1), ("start_ms", 601), ("latency_ms", 1e4)]
)
def test_trials_out_of_range(edited, column, value):
    def change(file):
        rows = file["frozen/trials"][:]
        rows[column][5] = value
        file["frozen/trials"][:] = rows

    rule = f"/frozen, table 'trials': column '{column}': must hold whole numbers .*, holds {int(value)}"
    with pytest.raises(ResultError, match=rule):
        open_all(edited(change))


def test_a_huge_declared_size_is_refused_unread(edited):
    def change(file):
        del file["network/population"]
        file["network"].create_dataset("population", (2**40,), "i1", chunks=(2**20,))
        file["network/population"].attrs["labels"] = json.dumps(["a"])

    with pytest.raises(ResultError, match="population: must be stored in full, 1048576 chunks, got 0"):
        open_all(edited(change))


def test_what_is_larger_than_can_be_read_is_refused_unread(result_path, monkeypatch):
    monkeypatch.setattr("lsnn.files.reading.LARGEST_READ_BYTES", 100)
    with Result(result_path) as result, pytest.raises(ResultError, match="goal: must take at most 100 bytes"):
        assert platforms(result.conditions["frozen"]).size
    monkeypatch.setattr("lsnn.files.reading.LARGEST_READ_BYTES", 4000)
    with Result(result_path) as result, pytest.raises(ResultError, match="position: must take at most 4000 bytes"):
        path_of(result.conditions["frozen"], 0)


def test_what_is_no_result_file(tmp_path):
    (tmp_path / "text").write_text("visits: 40")
    (tmp_path / "empty").touch()
    with h5py.File(tmp_path / "unsealed.h5", "w") as file:
        file["platform"] = 1
    for name, message in [
        ("absent", "no such file"), (".", "got a folder"), ("text", "got a file that begins with b'visits: 40'"),
        ("empty", "got an empty file"), ("unsealed.h5", "got an HDF5 file without its seal"),
    ]:  # fmt: skip
        with pytest.raises(ResultError, match=message):
            Result(tmp_path / name)


@pytest.mark.parametrize("spoil", [lambda data: data[:-7], lambda data: data[:9000] + b"~" + data[9001:]])
def test_damage_is_seen_before_hdf5_parses(result_path, tmp_path, spoil):
    (tmp_path / "spoilt.h5").write_bytes(spoil(result_path.read_bytes()))
    with pytest.raises(ResultError, match="is damaged, truncated or was changed by another"):
        Result(tmp_path / "spoilt.h5")


def test_the_layout_is_documented():
    text = (Path(__file__).parents[2] / "docs" / "reference" / "files.md").read_text()
    named = set(re.findall(r"`(\w+)`", text))
    made = set(Provenance.__dataclass_fields__) - {"departures", "network_is_whole", "networks"}  # follow from others
    assert {*BASELINES, "border", *Trials._fields, *Network._fields, *made} - named == set()


def test_the_schema_is_that_of_the_writer():
    assert store.RESULT_SCHEMA_VERSION == max(SCHEMA_VERSIONS)


@pytest.fixture(scope="module")
def newer_path(tmp_path_factory):
    return make_result(tmp_path_factory.mktemp("newer") / "result.h5", schema=3)


def test_both_schemas_are_read_alike(result, newer_path):
    with Result(newer_path) as newer:
        assert (result.provenance.schema_version, newer.provenance.schema_version) == (2, 3)
        assert newer.conditions.keys() == result.conditions.keys()
        for name, condition in newer.conditions.items():
            older = result.conditions[name]
            assert (condition.n_episodes, condition.duration_ms) == (older.n_episodes, older.duration_ms)
            for field in ("episode_key", "recorded", "latent"):
                np.testing.assert_array_equal(getattr(condition, field), getattr(older, field))
            pandas.testing.assert_frame_equal(condition.trials, older.trials)
            np.testing.assert_array_equal(path_of(condition, 4, 7, 30), path_of(older, 4, 7, 30))
            assert radius_of(condition, 3) == radius_of(older, 3) == 0.3


def test_paths_are_those_of_the_recorded_episodes(newer_path, tmp_path):
    path = tmp_path / "few.h5"
    shutil.copy(newer_path, path)
    kept = [2, 3, 11]
    with h5py.File(path, "r+") as file:
        for name in ("position", "action", "reward", "value", "recorded_episode"):
            replace(file, f"frozen/{name}", file[f"frozen/{name}"][kept])
        replace(file, "oracle/recorded_episode", np.array([3, 2, 11]))
    store.seal(path)
    with Result(newer_path) as whole, Result(path) as few:
        frozen = few.conditions["frozen"]
        assert frozen.recorded.tolist() == kept
        np.testing.assert_array_equal(path_of(frozen, 11), path_of(whole.conditions["frozen"], 11))
        with pytest.raises(ResultError, match=r"position: holds the episodes \[2, 3, 11\], not episode 4"):
            path_of(frozen, 4)
        assert episode_at(frozen, 0.5) in kept
        with pytest.raises(ResultError, match="recorded_episode: must rise, has"):
            _ = few.conditions["oracle"].recorded
