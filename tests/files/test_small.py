"""Files of a user's own are read at once or refused by name: no device fills the memory, no pipe waits for ever."""

import os
import threading

import pytest

from lsnn.errors import InputError
from lsnn.files import small
from lsnn.files.small import read_small
from lsnn.neuron_files import text_of
from runs.sweeps.spec import read_spec
from tasks.own_file import load_file


def test_a_file_and_a_pipe_are_read_whole(tmp_path):
    content = bytes(range(256)) * 1000
    (tmp_path / "file").write_bytes(content)
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)  # so that the writer may begin
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(content))
    writer.start()
    try:
        assert read_small(tmp_path / "file") == content == read_small(tmp_path / "pipe")
    finally:
        os.close(reading)
        writer.join()


@pytest.mark.parametrize("read", [read_small, lambda path: text_of(str(path)), read_spec, load_file])
@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("/dev/zero", "/dev/zero: must be a file, got a device"),
        ("folder.py", "folder.py: must be a file, got a folder"),
        ("none.py", "none.py: must be a file that can be read, got: No such file or directory"),
        ("pipe.py", "pipe.py: must have an end, but nothing came out of this pipe for 0.1 s"),
        ("long.py", "long.py: must have at most [0-9]+ bytes, has more"),
    ],
)
def test_what_is_no_small_file_is_named(tmp_path, monkeypatch, read, place, message):
    monkeypatch.setattr(small, "WAIT_S", 0.1)
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "folder.py").mkdir()
    with open(tmp_path / "long.py", "wb") as file:
        file.truncate(small.MOST_BYTES + 1)
    with pytest.raises(InputError, match=message):
        read(tmp_path / place)
