"""Sealed files: nothing in them leads out of them, and what crashes or hangs the HDF5 library ends no other process."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from lsnn.errors import InputError
from lsnn.files import sealed, store
from lsnn.files.network_file import load_network
from lsnn.files.results import Result
from tests.analysis.make_result import BASELINES, make_result
from tests.files.small_networks import DALE, history, learner_state, network_of, saved
from tests.fuzzing.hostile import HOSTILE

CLONE = Path(__file__).parents[2]
PLACES = {
    "network": ("/", "/network", "/network/projections", "/network/populations/adaptive", "/optimizer/first"),
    "result": ("/", "/network", "/frozen", "/frozen/spikes"),
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A checkpoint and a result file."""
    folder, network = tmp_path_factory.mktemp("sealed"), network_of(DALE)
    few = {name: BASELINES[name] for name in ("frozen", "oracle")}
    return {
        "network": saved(folder / "c.h5", network, history=history(), learner_state=learner_state(network)),
        "result": make_result(folder / "r.h5", 3, 200, recorded=2, window_ms=100, baselines=few),
    }


@pytest.fixture
def soon():
    """What waits for a pipe fails instead."""

    def late(*_):
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def read(kind: str, path: Path) -> None:
    if kind == "network":
        load_network(path)
    else:
        Result(path).__exit__()


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize("what", HOSTILE)
def test_what_leads_out_of_a_file_is_refused_wherever_it_stands(sources, tmp_path, soon, kind, what):
    for place in PLACES[kind]:
        path = Path(shutil.copy(sources[kind], tmp_path / "hostile.h5"))
        with h5py.File(path, "r+") as file:
            HOSTILE[what](file[place], "planted", tmp_path)
        store.seal(path)
        with pytest.raises(InputError, match=f"hostile.h5: {place.rstrip('/')}[/@]*planted") as caught:
            read(kind, path)
        assert "cannot be read" not in str(caught.value) or what == "chunk that is none"


@pytest.mark.parametrize("what", ["external link to the file", "soft link to the root", "data of another file"])
def test_what_this_process_has_written_is_walked_through_as_well(tmp_path, what):
    with store.write_atomically(tmp_path / "own.h5") as file:
        file.attrs.update(kind="network", schema_version=store.schema_of("network"))
        HOSTILE[what](file, "planted", tmp_path)
    with pytest.raises(InputError, match=r"own.h5: /planted: must (stand in the file itself|hold its own data)"):
        sealed.open_sealed(tmp_path / "own.h5")


def test_the_group_of_a_network_in_another_file_is_not_believed(sources, tmp_path):
    path = Path(shutil.copy(sources["network"], tmp_path / "outer.h5"))
    with h5py.File(path, "r+") as file:
        del file["network"]
        file["network"] = h5py.ExternalLink(str(sources["network"]), "/network")
    store.seal(path)
    with pytest.raises(InputError, match="outer.h5: /network: must stand in the file itself, got an external link"):
        load_network(path)


def test_shipped_networks_are_sound():
    shipped = sorted((CLONE / "runs" / "pretrained").glob("*.h5"))
    assert len(shipped) >= 13
    for path in shipped:
        sealed.open_sealed(path).close()


@pytest.fixture
def tester(monkeypatch):
    """A process for trying files that runs this program instead."""

    def running(program: str) -> sealed._Tester:
        own = sealed._Tester()
        own.command = (sys.executable, "-c", program)
        monkeypatch.setattr(sealed, "_tester", own)
        monkeypatch.setattr(sealed, "_known", set())
        return own

    return running


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import os; input(); os.kill(os.getpid(), 11)", r"the HDF5 library crashed on it \(SIGSEGV\)"),
        ("import sys; input(); sys.exit(3)", r"the HDF5 library crashed on it \(code 3\)"),
        ("import time; time.sleep(60)", "the HDF5 library does not come to an end with it"),
    ],
)
def test_a_crash_or_a_hang_of_the_library_is_an_error(sources, tester, monkeypatch, program, message):
    monkeypatch.setattr(sealed, "_LEAST_SECONDS", 3)
    monkeypatch.setattr(sealed, "_END_SECONDS", 0.5)
    process = tester(program)
    with pytest.raises(InputError, match=f"c.h5: is malformed, though sealed: {message}"):
        load_network(sources["network"])
    assert process.process is None
    process.command = sealed._Tester.command
    assert load_network(sources["network"]).seed == 11
    process.close()


def test_one_process_tries_all_files_and_ends_with_its_own(sources):
    program = """
import sys
from lsnn.files import sealed
for path in sys.argv[1:]:
    sealed.open_sealed(path).close()
    print(sealed._tester.process.pid)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, sources.values())], capture_output=True, text=True, cwd=CLONE
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.split()
    assert first == second
    assert not Path(f"/proc/{first}/cmdline").exists()


def test_a_file_that_changes_while_it_is_read_is_refused(sources, tmp_path, monkeypatch):
    path = Path(shutil.copy(sources["network"], tmp_path / "a.h5"))

    def exchanged(name, *arguments, **options):
        opened = h5py_file(name, *arguments, **options)
        shutil.copy(sources["network"], tmp_path / "b.h5")
        (tmp_path / "b.h5").replace(name)
        return opened

    h5py_file = h5py.File
    monkeypatch.setattr(sealed.h5py, "File", exchanged)
    with pytest.raises(InputError, match="a.h5: must not change while it is read"):
        sealed.open_sealed(path)


def test_what_is_no_place_of_a_file():
    with pytest.raises(InputError, match="must be an LSNN file, got no such file|must be a place of a file"):
        sealed.open_sealed("a\0b")


def test_empty_and_scalar_items_are_sound(tmp_path):
    with store.write_atomically(tmp_path / "a.h5") as file:
        file.attrs.update(nothing=h5py.Empty("f4"), text=np.bytes_(b""), row=np.zeros((0, 3)), flag=True)
        file["nothing"], file["scalar"], file["text"] = h5py.Empty("f4"), 2.5, np.array([b"ab"])
        store.put(file, "rows", np.zeros((0, 3)), "1", "no rows")
    sealed._known.clear()
    with sealed.open_sealed(tmp_path / "a.h5") as file:
        assert set(file) == {"nothing", "scalar", "text", "rows"}
