"""Generated modules: written and imported once, whole, whichever threads ask."""

from concurrent.futures import ThreadPoolExecutor

from lsnn.kernels.cached import import_from, write_once

TEXT = "import time\n\ntime.sleep(0.3)\nanswer = object()\n"


def test_threads_that_ask_at_once_get_the_whole_module(tmp_path):
    path = tmp_path / "made" / "slow.py"

    def ask(_: int) -> object:
        write_once(path, TEXT)
        return import_from(path).answer

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(4)))
    assert len(set(map(id, answers))) == 1
    assert path.read_text() == TEXT and list(path.parent.glob("*.tmp")) == []
