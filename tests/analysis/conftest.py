"""One synthetic result file for all tests of analysis, a way to spoil a copy of it, and result files made by hand."""

import shutil
from contextlib import ExitStack

import h5py
import pytest

from lsnn.files import store
from lsnn.files.results import Result
from tests.analysis.make_result import SHA, make_result

NETWORKS = ("frozen", "state_reset", "untrained")
GEOMETRY = {"platform_circle": 0.85, "platform_radius": 0.3, "speed": 0.02}


@pytest.fixture(scope="session")
def result_path(tmp_path_factory):
    return make_result(tmp_path_factory.mktemp("result") / "result.h5")


@pytest.fixture
def result(result_path):
    with Result(result_path) as opened:
        yield opened


@pytest.fixture
def edited(result_path, tmp_path):
    """A function that copies the result file, applies an edit to its open copy, seals it and returns its path."""

    def edit(change):
        path = tmp_path / "edited.h5"
        shutil.copy(result_path, path)
        with h5py.File(path, "r+") as file:
            change(file)
            store.fix_text(file)
        store.seal(path)
        return path

    return edit


@pytest.fixture
def by_hand(tmp_path):
    """A function that writes a file of arrays by their place and attributes by what they are of, and opens it.

    by_hand({"frozen/prediction": [[0.0]]}, {"frozen": {"policy": "mean"}}, function="sine"): what is named is of the
    task's configuration, beside the geometry of the maze. Networks have the checksum of the file.
    """
    with ExitStack() as opened:

        def write(arrays, attributes=None, **task):
            path = tmp_path / f"by_hand_{len(list(tmp_path.iterdir()))}.h5"
            with store.write_atomically(path) as file:
                config = {"task": GEOMETRY | task}
                file.attrs.update(store.provenance("result", config, 0, "by hand"), network_sha256=SHA)
                for place, array in arrays.items():
                    file[place] = array
                for place in {place.rpartition("/")[0] for place in arrays if place.split("/")[0] in NETWORKS}:
                    file[place].attrs.update(policy="mean", weights_sha256_before=SHA, weights_sha256_after=SHA)
                for place, of in (attributes or {}).items():
                    item = file[place] if place in file else file.create_group(place)
                    item.attrs.update(of)
            return opened.enter_context(Result(path))

        yield write
