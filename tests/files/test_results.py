"""The door of results: tables, arrays with names and units, numbers with intervals, errors that list what there is."""

import gc
import json

import numpy as np
import pandas
import pytest
import xarray

import lsnn
from lsnn.errors import InputError
from lsnn.files import conditions, store
from lsnn.files.renamed import NEWER
from tests.analysis.make_result import BASELINES, CHANNELS, N_NEURONS, make_result

EPISODES, STEPS = 24, 600


@pytest.fixture(scope="module", params=[2, 3])
def path(request, tmp_path_factory):
    return make_result(tmp_path_factory.mktemp("result") / f"schema{request.param}.h5", schema=request.param)


@pytest.fixture
def result(path):
    with lsnn.open_result(path) as opened:
        yield opened


def test_its_text_tells_what_is_in_it(result, path):
    text = repr(result)
    for told in (path.name, "water maze", "50 excitatory", "lsnn maze --seed 7", "latency_ms: escape latency, ms"):
        assert told in text
    for name, condition in result.conditions.items():
        assert f"{name} " in text and condition.label in text and condition.role in text
    assert list(result) == list(BASELINES) and len(result) == 9 and "frozen" in result
    assert "frozen network, network, 24 episodes, 24 recorded" in repr(result["frozen"])
    assert list(result.measures) == ["visits", "latency_ms"] and result.measures["latency_ms"].censored == "found"


def test_trials_are_a_table_with_units(result):
    trials, rows = result["frozen"].trials, result.file["frozen/trials"][()]
    assert isinstance(trials, pandas.DataFrame) and len(trials) == len(rows)
    older = result.file.attrs["schema_version"] == 2
    todays = {name: NEWER.get(name, name) if older else name for name in rows.dtype.names}
    assert ("goal_x" in todays) == older and {"platform_x", "latency_ms"} <= set(trials)
    for name, called in todays.items():
        np.testing.assert_array_equal(trials[called], rows[name])
    np.testing.assert_array_equal(trials["end_ms"], trials["start_ms"] + trials["latency_ms"])
    assert trials["found"].dtype == bool and trials.attrs["units"]["latency_ms"] == "1"  # as written there
    assert set(todays.values()) <= set(trials.attrs["descriptions"])


def test_recordings_are_arrays_with_named_axes(result):
    frozen = result["frozen"]
    position, reward = (result.file[f"frozen/{name}"][()] for name in ("position", "reward"))
    assert frozen.recordings == ("action", "position", "reward", "value")
    assert set(frozen.recordings) <= set(dir(frozen))
    assert frozen.position.dims == ("episode", "time", "axis") and frozen.position.attrs["units"] == "pool radius"
    assert frozen.position.time.attrs["units"] == "ms" and frozen.position.sizes["time"] == STEPS + 1
    np.testing.assert_array_equal(frozen.position, position)
    np.testing.assert_array_equal(frozen.reward.sel(episode=4, time=slice(100, 199)), reward[4, 100:200])
    some = frozen.recorded_array("position", episodes=[7, 2])
    np.testing.assert_array_equal(some, position[[7, 2]])
    assert some.episode.values.tolist() == [7, 2] and some.axis.values.tolist() == ["x", "y"]


def test_spikes_are_an_array_or_a_table(result):
    frozen = result["frozen"]
    spikes, times = frozen.spikes, frozen.spike_times
    assert spikes.dims == ("episode", "time", "neuron") and spikes.shape == (3, STEPS, N_NEURONS)
    assert spikes.dtype == bool and int(spikes.sum()) == len(times) > 0
    chosen = times[times["episode"] == 1]
    assert spikes.sel(episode=1).values[chosen["time_ms"], chosen["neuron"]].all()
    assert (times["population"] == result.network.populations[times["neuron"]]).all()
    rates = spikes.groupby("population").mean(...)
    assert sorted(rates.population.values) == ["adaptive", "excitatory", "inhibitory"]
    cells = frozen.input_spikes
    assert cells.dims == ("episode", "time", "cell")
    assert [int((cells.kind == name).sum()) for name, _ in CHANNELS] == [size for _, size in CHANNELS]


def test_spikes_that_memory_would_not_hold_are_refused(result, monkeypatch):
    monkeypatch.setattr(conditions, "LARGEST_SPIKES", 1000)
    with pytest.raises(InputError, match="cannot be held in memory; ask for spike_times"):
        _ = result["frozen"].spikes


def test_states_and_what_is_hidden_have_names(result, path):
    frozen = result["frozen"]
    assert isinstance(frozen.traces, xarray.Dataset) and set(frozen.traces) == {"v", "b", "threshold"}
    assert frozen.traces.b.dims == ("window", "row", "neuron") and frozen.traces.episode.values.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(frozen.traces.time[1], frozen.traces.start_ms.values[1] + np.arange(500))
    threshold = result.network.b0 + result.network.beta * frozen.traces.b
    np.testing.assert_allclose(frozen.traces.threshold, threshold)
    assert frozen.latent.dims == ("episode", "latent") and frozen.latent.shape == (EPISODES, 3)
    assert frozen.latent.latent.values.tolist() == ["platform x", "platform y", "platform radius"]
    assert frozen.latent.attrs["units"] == "pool radius"
    assert isinstance(result.history, pandas.DataFrame) and len(result.history) == 400


def test_estimates_are_those_of_the_trials(result):
    frozen, trials = result["frozen"], result["frozen"].trials
    visits = frozen.estimate("visits")
    assert visits.value == trials["found"].sum() / EPISODES and visits.low < visits.value < visits.high
    assert visits.n == EPISODES
    first = trials[(trials["trial"] == 0)]
    assert first["found"].all()  # nothing is cut off, so the median is the plain one
    assert frozen.estimate("latency_ms", trials=(0, 0)).value == first["latency_ms"].median()


def test_wrong_names_list_what_there_is(result):
    frozen = result["frozen"]
    asked = [
        (lambda: result["frosen"], "no condition 'frosen'; it has frozen, frozen_sampled"),
        (lambda: frozen["easy"], "no variant 'easy'; it has none"),
        (lambda: frozen.estimate("speed"), "no measure 'speed'; it has visits, latency_ms"),
        (lambda: frozen.recorded_array("speed"), "no recording 'speed'; it has action, position"),
        (lambda: frozen.recorded_array("position", [99]), "holds the episodes .*, not episode 99"),
    ]
    for ask, message in asked:
        with pytest.raises(lsnn.InputError, match=message) as error:
            ask()
        assert isinstance(error.value, KeyError)
    with pytest.raises(AttributeError, match="no 'speed'; its recordings are action, position"):
        _ = frozen.speed
    with pytest.raises(AttributeError, match="has no attribute 'open_reslt'"):
        _ = lsnn.open_reslt
    assert {"open_result", "compare", "InputError"} <= set(dir(lsnn))


def test_a_file_that_is_none_is_an_input_error(tmp_path):
    (tmp_path / "text.h5").write_text("visits: 40")
    with pytest.raises(lsnn.InputError, match="text.h5: must be an LSNN file"):
        lsnn.open_result(tmp_path / "text.h5")


def test_a_result_that_nobody_refers_to_is_closed(path):
    file = lsnn.open_result(path)["frozen"].group.file
    gc.collect()
    assert file  # its condition is in use
    result = lsnn.open_result(path)
    with result:
        assert result.file
    assert not result.file


def test_results_are_compared_side_by_side(path, tmp_path):
    (tmp_path / "other").mkdir()
    other = make_result(tmp_path / "other" / path.name, n_episodes=12, seed=3)
    table = lsnn.compare(path, lsnn.open_result(other))
    assert len(table) == 2 * 9 * 2
    assert list(table.columns[:7]) == ["result", "condition", "label", "role", "variant", "measure", "unit"]
    assert table["result"].unique().tolist() == [f"{place.parent.name}/{path.name}" for place in (path, other)]
    values = table.pivot(index=["condition", "measure"], columns="result", values="value")
    with lsnn.open_result(path) as result:
        visits = values.loc[("oracle", "visits"), table["result"].iloc[0]]
        assert visits == result["oracle"].estimate("visits").value
    assert table["episodes"].max() == EPISODES
    with pytest.raises(lsnn.InputError, match="must be different files"):
        lsnn.compare(path, path)


def family(**told):
    """What a file says of a family of one's own."""
    measures = [
        {"name": "right", "label": "right answers", "format": ".2f", "chance": 0.5, "unit": "1", "better": "high",
         "column": None, "per": "trial", "censored": None},
    ]  # fmt: skip
    return {"name": "own", "title": "Mine", "question": "?", "measures": measures, "oracle": None} | told


@pytest.fixture
def written(tmp_path):
    """A function that writes a result of two variants, and what it says of itself changed."""

    def write(**told):
        path = tmp_path / "own.h5"
        rows = np.array([(0, 0, 0, 5, 1.0), (0, 1, 5, 10, 0.0), (1, 0, 0, 10, 1.0)],
                        [(name, float) for name in ("episode", "trial", "start_ms", "end_ms", "right")])  # fmt: skip
        with store.write_atomically(path) as file:
            file.attrs.update(store.provenance("result", {"task": {"name": "own"}}, 0, "by hand"))
            file.attrs.update(
                frozen_sha256="a", family=json.dumps(family(**told)), variants=json.dumps([["easy", "easy ones"]]),
                conditions=json.dumps([["frozen", "frozen network", "network"], ["absent", "not there", "control"]]),
            )  # fmt: skip
            group = file.create_group("frozen/easy")
            group.attrs.update(duration_ms=10, policy="mean", frozen_sha256_before="a", frozen_sha256_after="a")
            store.put(group, "episode_key", np.arange(2, dtype=np.uint64), "1", "keys")
            store.put_table(group, "trials", rows, dict.fromkeys(rows.dtype.names, "1"),
                            dict.fromkeys(rows.dtype.names, "a"))  # fmt: skip
        return path

    return write


def test_variants_stand_one_below_their_condition(written):
    with lsnn.open_result(written()) as result:
        assert list(result.conditions) == ["frozen"] and result.variants == {"easy": "easy ones"}
        easy = result["frozen"]["easy"]
        assert (easy.label, easy.variant, easy.n_episodes) == ("frozen network", "easy ones", 2)
        assert easy.estimate("right").value == pytest.approx(2 / 3)
        assert result["frozen"].trials["variant"].tolist() == ["easy"] * 3
        with pytest.raises(AttributeError, match="has the variants easy, ask one of them for 'reward'"):
            _ = result["frozen"].reward
        with pytest.raises(KeyError, match="no variant 'hard'; it has easy"):
            _ = result["frozen"]["hard"]
        table = lsnn.compare(result)
        assert table[["condition", "variant", "measure"]].values.tolist() == [["frozen", "easy", "right"]]


def test_a_measure_may_be_of_some_trials(written):
    measures = [{"name": "right"}, {"name": "of_those_right", "column": "right", "among": "right"}]
    with lsnn.open_result(written(measures=measures)) as result:
        easy = result["frozen"]["easy"]
        assert [easy.estimate(name).value for name in result.measures] == pytest.approx([2 / 3, 1.0])


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"measures": [{"name": "right", "format": "s"}]}, "has a format, a 'better' or a 'per' that cannot be"),
        ({"measures": [{"name": "right", "better": "more"}]}, "has a format, a 'better' or a 'per' that cannot be"),
        ({"measures": [{"label": "no name"}]}, "attribute 'family': cannot be read: 'name'"),
        ({"title": "two\nlines"}, "attribute 'family': must be a text of 1 to 1000 printable"),
        ({"measures": None}, "attribute 'family': must be a JSON list"),
        ({"measures": ["right"]}, "attribute 'family': must be a JSON dict"),
        ({"measures": [{"name": "right"}] * 101}, "must have at most 100 measures, has 101"),
        ({"latent": "platform"}, "attribute 'family': must be a JSON dict"),
        ({"latent": {"labels": [3]}}, "attribute 'family': must be a text of 1 to 1000 printable"),
        ({"history": 3}, "attribute 'family': must be a JSON list"),
        ({"measures": [{"name": "speed"}]}, "needs the columns .*; missing: speed"),
        ({"measures": [{"name": "right", "among": "late"}]}, "needs the columns .*; missing: late"),
        ({"measures": [{"name": "right", "among": "end_ms"}]}, "column 'end_ms'"),
    ],
)
def test_what_a_file_says_of_itself_is_checked(written, told, message):
    with lsnn.open_result(written(**told)) as result, pytest.raises(lsnn.InputError, match=message):
        _ = result["frozen"]["easy"].trials, result.title
