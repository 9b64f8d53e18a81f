"""One synthetic result file for all tests of analysis, and a way to spoil a copy of it."""

import shutil

import h5py
import pytest

from analysis.results import Result
from lsnn import store
from tests.analysis.make_result import make_result


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
