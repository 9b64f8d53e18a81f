"""Whole files or none."""

import errno

import pytest

from analysis.files import write_whole
from analysis.results import ResultError


def test_a_disk_that_fills_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "figure.png"
    assert write_whole(path, b"old") == path

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ResultError, match="figure.png: cannot be written: No space left on device"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_a_file_takes_the_place_of_the_old_one(tmp_path):
    path = tmp_path / "figure.png"
    for content in (b"old", b"new and longer"):
        assert write_whole(path, content).read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]
