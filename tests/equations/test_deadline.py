"""A deadline ends what has no end, also where exceptions are swallowed, and leaves the rest alone."""

import threading
import time

import pytest

from lsnn import equations
from lsnn.equations import writing
from lsnn.equations.deadline import AGAIN_SECONDS, within
from lsnn.errors import InputError
from lsnn.neurons import ALIF


def for_ever(swallowed=0):
    while True:
        try:
            for i in range(1000):
                str(i)
        except BaseException:
            swallowed -= 1
            if swallowed < 0:
                raise


@pytest.mark.parametrize("swallowed", [0, 3])
def test_what_has_no_end_is_ended(swallowed):
    before = time.monotonic()
    with pytest.raises(TimeoutError, match="not done within 0.1 s"):
        with within(0.1):
            for_ever(swallowed)
    assert 0.1 <= time.monotonic() - before < 5


def test_what_is_done_in_time_is_left_alone_also_later():
    with within(0.1):
        result = sum(range(1000))
    time.sleep(0.1 + 3 * AGAIN_SECONDS)
    assert result == 499500
    assert not any(thread.name == "deadline" for thread in threading.enumerate())


def test_a_model_whose_source_is_not_written_in_time_is_refused_by_name(monkeypatch, tmp_path):
    monkeypatch.setattr(equations, "MOST_SECONDS", 0.1)
    monkeypatch.setattr(writing, "write", lambda model: for_ever(3))
    monkeypatch.setenv("LSNN_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="neuron model 'slow', equations: must be simple enough .* within 0.1 s"):
        equations.source_of(ALIF._replace(name="slow"))
    assert not list(tmp_path.rglob("*.py"))


def test_other_errors_pass():
    with pytest.raises(ZeroDivisionError):
        with within(10):
            1 / 0  # noqa: B018


def test_it_holds_in_another_thread_and_for_it_alone():
    seen = []

    def late():
        try:
            with within(0.1):
                for_ever()
        except TimeoutError as error:
            seen.append(error)

    thread = threading.Thread(target=late)
    thread.start()
    with within(60):
        thread.join(30)
    assert len(seen) == 1
