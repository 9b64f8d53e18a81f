from pathlib import Path

import pytest

from tests.runs.tiny import trained


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the checkpoint and the network of a finished run; not to be changed."""
    made = tmp_path_factory.mktemp("run")
    trained(made)
    return made
