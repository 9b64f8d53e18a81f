"""Generated modules: written and imported once, whole, whichever threads ask."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from lsnn.errors import InputError
from lsnn.kernels import build
from lsnn.kernels.cached import cache_folder, import_from, write_once

TEXT = "import time\n\ntime.sleep(0.3)\nanswer = object()\n"


def test_a_cache_that_cannot_be_written_to_is_named(monkeypatch):
    monkeypatch.setenv("LSNN_CACHE", "/proc/nowhere")
    with pytest.raises(InputError, match="^/proc/nowhere: must be a folder that can be written to.*LSNN_CACHE"):
        write_once(cache_folder() / "models" / "x.py", TEXT)


def test_threads_that_ask_at_once_get_the_whole_module(tmp_path):
    path = tmp_path / "made" / "slow.py"

    def ask(_: int) -> object:
        write_once(path, TEXT)
        return import_from(path).answer

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(4)))
    assert len(set(map(id, answers))) == 1
    assert path.read_text() == TEXT and list(path.parent.glob("*.tmp")) == []


def test_what_a_changed_source_leads_to_is_kept_for_no_other_process(monkeypatch):
    """The process has loaded the old one, so the code would not be that of the new text."""
    plain = build._sources((), build.LSNN)
    assert plain == build._sources((), build.LSNN)
    monkeypatch.setattr(build, "LOADED", ["as it was"])
    assert build._sources((), build.LSNN) != plain and str(os.getpid()) in build._sources((), build.LSNN)
