"""Files of the cache folder: whole or absent; modules made once, whichever threads ask."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from lsnn.errors import InputError
from lsnn.kernels.cached import cache_folder, changed_since_start, keep, kept, module_of

CLONE = Path(__file__).parents[2]
TEXT = "import time\n\ntime.sleep(0.3)\nanswer = object()\n"
HANGS_IN_MID_WRITE = """
import os, sys, time
from pathlib import Path
from lsnn.kernels.cached import keep
os.replace = lambda *names, **folders: print("written", flush=True) or time.sleep(60)
keep(Path(sys.argv[1]), b"half")
"""


@pytest.mark.parametrize("payload", [b"", b"\n", b"x = 1\n", bytes(range(256)) * 40])
def test_what_was_kept_comes_back(tmp_path, payload):
    keep(tmp_path / "a" / "entry", payload)
    assert kept(tmp_path / "a" / "entry") == payload and os.listdir(tmp_path / "a") == ["entry"]
    keep(tmp_path / "a" / "entry", b"later")
    assert kept(tmp_path / "a" / "entry") == b"later"


def test_what_is_not_whole_counts_as_absent(tmp_path):
    """A thousand damages: cut off, zeroed, overwritten with noise, bits flipped, lengthened."""
    path, generator = tmp_path / "entry", np.random.default_rng(0)
    keep(path, generator.bytes(3000))
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    for i in range(1000):
        damaged, first = whole.copy(), int(generator.integers(len(whole)))
        segment = slice(first, first + int(generator.integers(1, 600)))
        if i % 5 == 0:
            damaged = damaged[:first]
        elif i % 5 == 1:
            damaged[segment] ^= 0xFF
        elif i % 5 == 2:
            damaged[segment] = generator.integers(0, 256, len(damaged[segment]))
        elif i % 5 == 3:
            damaged[first] ^= 1 << generator.integers(8)
        else:
            damaged = np.append(damaged, damaged[segment])
        path.write_bytes(damaged.tobytes())
        assert kept(path) is None or np.array_equal(damaged, whole)
    assert kept(tmp_path / "absent") is None and kept(tmp_path) is None


def test_a_cache_that_cannot_be_written_to_is_named(monkeypatch):
    monkeypatch.setenv("LSNN_CACHE", "/proc/nowhere")
    with pytest.raises(InputError, match="^/proc/nowhere: must be a folder that can be written to.*LSNN_CACHE"):
        keep(cache_folder() / "models" / "x.py", b"")


def test_a_full_disk_is_told_of_and_leaves_nothing(tmp_path):
    code = (
        "import resource, sys; from pathlib import Path; from lsnn.kernels.cached import keep\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)); keep(Path(sys.argv[1]), bytes(1000))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "entry")], cwd=CLONE, capture_output=True, text=True
    )
    assert ran.returncode == 0 and "could not be kept there" in ran.stderr and "File too large" in ran.stderr
    assert os.listdir(tmp_path) == []


def test_a_process_killed_in_mid_write_leaves_nothing_for_long(tmp_path):
    command = [sys.executable, "-c", HANGS_IN_MID_WRITE, str(tmp_path / "entry")]
    with subprocess.Popen(command, cwd=CLONE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == "written\n"
        keep(tmp_path / "other", b"whole")
        assert len(os.listdir(tmp_path)) == 2  # its writer lives
        writer.send_signal(signal.SIGKILL)
    keep(tmp_path / "other", b"whole")
    assert os.listdir(tmp_path) == ["other"]


def test_threads_that_ask_at_once_get_the_whole_module():
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: module_of("slow", TEXT).answer, range(4)))
    assert len(set(map(id, answers))) == 1


def test_a_module_that_cannot_be_made_is_not_there_the_next_time():
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            module_of("wrong", "1 / 0")


def test_modules_are_told_apart_by_their_texts():
    assert (module_of("same", "a = 1").a, module_of("same", "a = 2").a) == (1, 2)
    assert module_of("same", "a = 1").__name__ != module_of("same", "a = 2").__name__


def test_a_source_that_changed_after_this_process_began(tmp_path):
    source = tmp_path / "source.py"
    source.write_text("a = 1")
    assert changed_since_start([source])
    for moment in (time.time() - 1e6, time.time() + 1e6):  # long before, and by a clock that is wrong
        os.utime(source, (moment, moment))
        assert not changed_since_start([source])
