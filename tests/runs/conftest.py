from pathlib import Path

import pytest

from runs.maze import pretrained_network
from runs.study.study import run_study
from tests.runs.tiny import trained


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the checkpoint and the network of a finished run; not to be changed."""
    made = tmp_path_factory.mktemp("run")
    trained(made)
    return made


@pytest.fixture(scope="session")
def study_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short study of the network that comes with the clone, whose animals find their platforms."""
    path = tmp_path_factory.mktemp("study") / "study.h5"
    run_study(pretrained_network(), path, 3, 8, 2, "lsnn study NETWORK --out study.h5")
    return path
