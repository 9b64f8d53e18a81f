"""Files are written whole or not at all, and only sound ones are read."""

import json
import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lsnn.errors import InputError
from lsnn.files import store

CONFIG = {"tau_m_ms": 20.0, "n_neurons": 3}
WEIGHTS = np.linspace(-1.0, 1.0, 12, dtype=np.float32).reshape(4, 3)
TRIALS = np.array([(0, 120.0, True), (1, 35.5, False)], [("trial", "i4"), ("latency_ms", "f8"), ("found", "?")])
UNITS = {"trial": "1", "latency_ms": "ms", "found": "1"}


@pytest.fixture
def network_file(tmp_path) -> Path:
    path = tmp_path / "small.lsnn.h5"
    write_network(path)
    return path


def write_network(path: Path) -> None:
    with store.write_atomically(path) as file:
        file.attrs.update(store.provenance("network", CONFIG, 7, "lsnn train water-maze"))
        store.put(file, "weight", WEIGHTS, "V", "weights of the synapses")
        store.put_table(file, "trials", TRIALS, UNITS, dict.fromkeys(UNITS, "a column"))


def written(tmp_path: Path, **datasets) -> Path:
    """A sealed network file with these data sets."""
    path = tmp_path / "made.lsnn.h5"
    with store.write_atomically(path) as file:
        file.attrs.update({"kind": "network", "schema_version": store.schema_of("network")})
        for name, data in datasets.items():
            file.create_dataset(name, data=data)
    return path


def read_weight(path: Path, dtype_kind="f", shape=(4, 3), **options) -> np.ndarray:
    with store.open_for_reading(path, "network") as file:
        return store.read(file, "weight", dtype_kind, shape, **options)


def hidden_files(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


# Writing


def test_array_comes_back_with_units_and_description(network_file):
    with store.open_for_reading(network_file, "network") as file:
        weight = store.read(file, "weight", "f", (None, 3))
        attributes = {name: store.read_attribute(file["weight"], name, str) for name in file["weight"].attrs}
    np.testing.assert_array_equal(weight, WEIGHTS)
    assert weight.dtype == np.float32
    assert attributes == {"units": "V", "description": "weights of the synapses"}


def test_other_programs_read_the_file(network_file):
    with h5py.File(network_file, "r") as file:
        np.testing.assert_array_equal(file["weight"][1:3], WEIGHTS[1:3])
        assert file["weight"].compression == "gzip" and file["weight"].fletcher32
        assert json.loads(file.attrs["config"].decode()) == CONFIG


@pytest.mark.parametrize("array", [np.array(2.5), np.zeros((0, 3)), np.array([True, False]), np.arange(3, dtype=">i4")])
def test_scalars_empty_arrays_flags_and_foreign_byte_order(tmp_path, array):
    with store.write_atomically(tmp_path / "a.h5") as file:
        file.attrs.update({"kind": "network", "schema_version": store.schema_of("network")})
        store.put(file, "weight", array, "1", "any", compress=False)
    found = read_weight(tmp_path / "a.h5", array.dtype.kind, array.shape)
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype.newbyteorder("=")


def test_table_comes_back_with_the_columns_asked_for(network_file):
    with store.open_for_reading(network_file, "network") as file:
        table = store.read_table(file, "trials", {"found": "b", "latency_ms": "f"})
        assert json.loads(store.read_attribute(file["trials"], "units", str)) == UNITS
    assert table.dtype.names == ("found", "latency_ms")
    np.testing.assert_array_equal(table["latency_ms"], TRIALS["latency_ms"])


@pytest.mark.parametrize("text", ["", "a", "größer als \u03bb", "x" * 100_000, "two\nlines"])
def test_text_comes_back_and_is_never_in_the_heap_without_a_checksum(tmp_path, text):
    path = written(tmp_path, a=WEIGHTS)
    with store.write_atomically(path) as file:
        file.attrs.update(kind="network", schema_version=store.schema_of("network"), text=text, three=[text] * 3)
        file.create_group("group").attrs["text"] = text
    with store.open_for_reading(path, "network") as file:
        assert store.read_attribute(file, "text", str) == store.read_attribute(file["group"], "text", str) == text
        assert [value.decode() for value in file.attrs["three"]] == [text] * 3


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("text", "must be a number or text of fixed length, got text of variable length"),
        (np.bytes_(b"\xff"), "must be text in UTF-8"),
    ],
)
def test_text_that_is_refused(network_file, value, message):
    with h5py.File(network_file, "r+") as file:
        file.attrs["command"] = value
    store.seal(network_file)
    with pytest.raises(InputError, match=f"/@command: {message}"):
        with store.open_for_reading(network_file, "network") as file:
            store.read_attribute(file, "command", str)


def test_table_needs_units_for_every_column(tmp_path):
    with pytest.raises(ValueError, match=r"units must name the columns .*found"):
        with store.write_atomically(tmp_path / "a.h5") as file:
            store.put_table(file, "trials", TRIALS, {"trial": "1"}, UNITS)
    assert list(tmp_path.iterdir()) == []


def test_error_while_writing_leaves_the_old_file(network_file):
    before = network_file.read_bytes()
    with pytest.raises(ZeroDivisionError):
        with store.write_atomically(network_file) as file:
            store.put(file, "weight", 2 * WEIGHTS, "V", "other weights")
            raise ZeroDivisionError
    assert network_file.read_bytes() == before
    assert hidden_files(network_file.parent) == []


def test_an_error_of_the_caller_is_not_called_a_full_disk(tmp_path):
    with pytest.raises(FileNotFoundError):
        with store.write_atomically(tmp_path / "a.h5"):
            open(tmp_path / "absent")


def test_new_file_replaces_the_old_one_through_a_link(network_file, tmp_path):
    link = tmp_path / "latest.h5"
    link.symlink_to(network_file.name)
    with store.write_atomically(link) as file:
        file.attrs.update({"kind": "network", "schema_version": store.schema_of("network")})
        store.put(file, "weight", 2 * WEIGHTS, "V", "other weights")
    assert link.is_symlink()
    np.testing.assert_array_equal(read_weight(network_file), 2 * WEIGHTS)


def run_python(program: str, *arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[2])


@pytest.mark.parametrize("n_values", [1_000, 30_000, 1_000_000])
def test_full_disk_is_an_error_that_harms_nothing(network_file, n_values):
    before = network_file.read_bytes()
    program = """
        import resource, sys
        import numpy as np
        from lsnn.files import store
        from lsnn.errors import StoreError

        resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, resource.RLIM_INFINITY))
        try:
            with store.write_atomically(sys.argv[1]) as file:
                noise = np.random.default_rng(0).normal(size=int(sys.argv[2]))
                store.put(file, "weight", noise, "V", "noise")
        except StoreError as error:
            print(error)
    """
    done = run_python(program, network_file, n_values)
    assert (done.returncode, done.stderr) == (0, "")
    assert str(network_file) in done.stdout and "File too large" in done.stdout
    assert network_file.read_bytes() == before
    assert hidden_files(network_file.parent) == []


def test_what_a_killed_writer_left_is_removed_by_the_next(network_file):
    program = """
        import os, signal, sys
        from lsnn.files import store

        with store.write_atomically(sys.argv[1]):
            os.kill(os.getpid(), signal.SIGKILL)
    """
    assert run_python(program, network_file).returncode == -9
    assert len(hidden_files(network_file.parent)) == 1
    np.testing.assert_array_equal(read_weight(network_file), WEIGHTS)
    write_network(network_file)
    assert hidden_files(network_file.parent) == []


def test_two_writers_of_one_file_do_not_meet(network_file):
    with store.write_atomically(network_file) as first:
        first.attrs.update(kind="unfinished", schema_version=store.schema_of("network"))
        write_network(network_file)
        np.testing.assert_array_equal(read_weight(network_file), WEIGHTS)
    with pytest.raises(InputError, match="must be a network file, got a unfinished file"):
        read_weight(network_file)


def test_folder_that_cannot_be_written_to():
    program = """
        import os, sys
        from lsnn.files import store
        from lsnn.errors import InputError

        if os.geteuid() == 0:  # root may write everywhere
            os.seteuid(65534)
        try:
            with store.write_atomically(sys.argv[1]):
                pass
        except InputError as error:
            print(error)
    """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        done = run_python(program, f"{folder}/a.h5")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{folder}/a.h5: its folder must be writable, got: Permission denied\n"


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("absent/a.h5", "its folder must exist, got .*absent"),
        ("", "must be a regular file, got a folder"),
        ("small.lsnn.h5/a.h5", "its folder must exist"),
        ("n" * 300, "must be a place for a file, got: .*File name too long"),
    ],
)
def test_places_that_cannot_hold_a_file(network_file, place, message):
    with pytest.raises(InputError, match=message):
        with store.write_atomically(network_file.parent / place):
            pass


# Reading what is no sound file


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"", "must be an LSNN file, got an empty file"),
        (b"time,neuron\n", "got a file that begins with b'time,neuron"),
        (None, "must be an LSNN file, got no such file"),
    ],
)
def test_files_of_another_sort(tmp_path, contents, message):
    path = tmp_path / "a.lsnn.h5"
    if contents is not None:
        path.write_bytes(contents)
    with pytest.raises(InputError, match=message) as caught:
        read_weight(path)
    assert str(path) in str(caught.value)


def test_folder_and_pipe_and_foreign_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with h5py.File(tmp_path / "foreign", "w") as file:
        file["weight"] = WEIGHTS
    for place, message in (("", "got a folder"), ("pipe", "got a device or pipe"), ("foreign", "without its seal")):
        with pytest.raises(InputError, match=message):
            read_weight(tmp_path / place)


@pytest.mark.parametrize("n_bytes", [8, 511, 513, 1000, -1])
def test_truncated_file(network_file, n_bytes):
    network_file.write_bytes(network_file.read_bytes()[:n_bytes])
    with pytest.raises(InputError, match=r"must be an LSNN file|damaged, truncated"):
        read_weight(network_file)


def test_every_flipped_bit_is_noticed_or_without_effect(network_file):
    sound = network_file.read_bytes()
    generator = np.random.default_rng(1)
    n_noticed = 0
    for place in generator.integers(len(sound), size=100):
        damaged = bytearray(sound)
        damaged[place] ^= 1 << generator.integers(8)
        network_file.write_bytes(damaged)
        try:
            np.testing.assert_array_equal(read_weight(network_file), WEIGHTS)
        except InputError:
            n_noticed += 1
    assert n_noticed > 80


def test_damage_under_a_valid_seal_is_an_input_error(network_file):
    contents = bytearray(network_file.read_bytes())
    with h5py.File(network_file, "r") as file:
        chunk = file["weight"].id.get_chunk_info(0)
    start = chunk.byte_offset + (0 if contents[chunk.byte_offset] == 0x78 else 512)
    contents[start + 4 : start + 8] = b"\xff\xff\xff\xff"
    network_file.write_bytes(contents)
    store.seal(network_file)
    with pytest.raises(InputError, match="/weight: cannot be read"):
        read_weight(network_file)


def test_kind_and_schema_version(network_file, tmp_path):
    with pytest.raises(InputError, match="must be a result file, got a network file"):
        with store.open_for_reading(network_file, "result"):
            pass
    for attributes, message in (
        ({"kind": "network"}, "/@schema_version: is missing"),
        ({"schema_version": store.schema_of("network")}, "/@kind: is missing"),
        ({"schema_version": store.schema_of("network"), "kind": 3}, "/@kind: must be of type str, got 3"),
        ({"kind": "network", "schema_version": 99}, "schema_version must be 2 or 3, got 99"),
        ({"kind": "network", "schema_version": [1, 1]}, "schema_version: must be of type int"),
    ):
        with store.write_atomically(tmp_path / "a.h5") as file:
            file.attrs.update(attributes)
        with pytest.raises(InputError, match=message):
            with store.open_for_reading(tmp_path / "a.h5", "network"):
                pass


# Reading data sets


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (WEIGHTS.astype(np.int32), r"/weight: must be of type floating, got int32"),
        (WEIGHTS.astype("S8"), r"/weight: must be of type floating, got \|S8"),
        (["a", "b"], r"/weight: must be a number or text of fixed length, got text of variable length"),
        (WEIGHTS.T, r"/weight: must have shape \(4, 3\), got \(3, 4\)"),
        (WEIGHTS[0], r"/weight: must have shape \(4, 3\), got \(3,\)"),
        (h5py.Empty("f4"), r"/weight: must have shape \(4, 3\), got None"),
        (np.where(WEIGHTS > 0.9, np.nan, WEIGHTS), r"/weight: must be finite, got nan at \(3, 2\)"),
        (np.where(WEIGHTS > 0.9, -np.inf, WEIGHTS), r"/weight: must be finite, got -inf at \(3, 2\)"),
    ],
)
def test_wrong_data_set(tmp_path, data, message):
    path = written(tmp_path, weight=data)
    with pytest.raises(InputError, match=message) as caught:
        read_weight(path)
    assert str(path) in str(caught.value)


def test_missing_data_set_and_group_in_its_place(tmp_path):
    with pytest.raises(InputError, match="/weight: is missing"):
        read_weight(written(tmp_path, other=WEIGHTS))
    with pytest.raises(InputError, match="/weight: must be a data set, got a Group"):
        read_weight(written(tmp_path, **{"weight/inner": WEIGHTS}))


def test_nan_may_be_allowed(tmp_path):
    assert np.isnan(read_weight(written(tmp_path, weight=WEIGHTS * np.nan), finite=False)).all()


def test_huge_declared_size_is_refused_before_reading(tmp_path):
    path = tmp_path / "a.h5"
    with store.write_atomically(path) as file:
        file.attrs.update({"kind": "network", "schema_version": store.schema_of("network")})
        file.create_dataset("weight", (2**40, 3), "f4", chunks=(2**24, 3))
    with pytest.raises(InputError, match=r"/weight: must be stored in full, 65536 chunks, got 0"):
        read_weight(path, shape=(None, 3))


def test_what_is_larger_than_asked_for_is_refused_before_reading(network_file):
    with pytest.raises(InputError, match=r"/weight: must take at most 40 bytes, got float32 of shape \(4, 3\)"):
        read_weight(network_file, largest_bytes=40)
    with pytest.raises(InputError, match="/trials: must take at most 20 bytes"):
        with store.open_for_reading(network_file, "network") as file:
            store.read_table(file, "trials", {"trial": "i"}, largest_bytes=20)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"latency": "f"}, r"/trials: must have a column 'latency', got trial, latency_ms, found"),
        ({"trial": "f"}, r"/trials\[trial\]: must be of type floating, got int32"),
    ],
)
def test_wrong_table(network_file, columns, message):
    with pytest.raises(InputError, match=message):
        with store.open_for_reading(network_file, "network") as file:
            store.read_table(file, "trials", columns)


def test_array_is_no_table_and_table_with_nan(tmp_path):
    trials = TRIALS.copy()
    trials["latency_ms"][1] = np.nan
    with store.open_for_reading(written(tmp_path, weight=WEIGHTS, trials=trials), "network") as file:
        with pytest.raises(InputError, match=r"/weight: must be a table, got shape \(4, 3\) of float32"):
            store.read_table(file, "weight", {"trial": "i"})
        with pytest.raises(InputError, match=r"/trials\[latency_ms\]: must be finite, got nan at \(1,\)"):
            store.read_table(file, "trials", {"latency_ms": "f"})
        assert np.isnan(store.read_table(file, "trials", {"latency_ms": "f"}, finite=False)["latency_ms"][1])


# Configuration, provenance, checksum


def test_provenance_comes_back(network_file):
    with store.open_for_reading(network_file, "network") as file:
        assert store.read_config(file) == CONFIG
        assert store.read_attribute(file, "seed", int) == 7
        assert store.read_attribute(file, "command", str) == "lsnn train water-maze"
        assert store.read_attribute(file, "created", str).endswith("+00:00")
        packages = json.loads(store.read_attribute(file, "packages", str))
    assert packages["numpy"] == np.__version__
    assert set(packages) == {"python", "numpy", "numba", "h5py", "brian2"}


@pytest.mark.parametrize("text", ["", "{'a': 1}", "[1]", "[" * 100_000, 3])
def test_configuration_that_is_no_json_object(tmp_path, text):
    with store.write_atomically(tmp_path / "a.h5") as file:
        file.attrs.update({"kind": "network", "schema_version": store.schema_of("network"), "config": text})
    with pytest.raises(InputError, match="/@config: must be"):
        with store.open_for_reading(tmp_path / "a.h5", "network") as file:
            store.read_config(file)


def test_commit_of_the_clone_is_marked_when_files_differ(tmp_path, monkeypatch):
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    monkeypatch.setattr(store, "__file__", str(tmp_path / "lsnn" / "files" / "store.py"))
    assert store.git_commit() == "unknown"
    git("init")
    (tmp_path / "a").write_text("a")
    git("add", "a")
    git("commit", "-m", "a")
    commit = store.git_commit()
    assert len(commit) == 40
    (tmp_path / "a").write_text("b")
    assert store.git_commit() == commit + "+changes"


def test_checksum_ignores_order_of_names_and_of_bytes():
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.arange(3)}
    again = {"b": np.arange(3).astype(">i8"), "a": np.asfortranarray(arrays["a"])}
    assert store.checksum(arrays) == store.checksum(again)


def test_checksum_sees_name_dtype_shape_and_values():
    array = np.zeros((2, 3), np.float32)
    others = [{"b": array}, {"a": array.astype("f8")}, {"a": array.T}, {"a": array + 1}, {"a": array, "b": array[:0]}]
    assert len({store.checksum(arrays) for arrays in [{"a": array}, *others]}) == 6


@given(hnp.arrays(st.sampled_from(["f4", "f8", "i4", "u1", "?"]), hnp.array_shapes(min_dims=0, min_side=0, max_side=4)))
def test_any_array_comes_back_with_its_checksum(tmp_path_factory, array):
    path = tmp_path_factory.mktemp("store") / "a.h5"
    with store.write_atomically(path) as file:
        file.attrs.update({"kind": "network", "schema_version": store.schema_of("network")})
        store.put(file, "weight", array, "1", "any")
    found = read_weight(path, array.dtype.kind, array.shape, finite=False)
    assert store.checksum({"weight": found}) == store.checksum({"weight": array})
