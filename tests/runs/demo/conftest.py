"""Pages of shipped networks and a browser, shared by the tests of demo pages."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from runs.demo.page import write_page
from tests.runs.demo.browser import begin, browser_page, running_browser

SHIPPED = Path(__file__).parents[3] / "runs" / "pretrained"
EPISODES = 32
HOSTILE = '<img src=x onerror="window.injected=1">'
COMMAND = "</script><script>window.injected = 1</script>{{ 7 * 7 }}"


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    with running_browser() as running:
        yield running


@pytest.fixture(scope="session")
def page_of(tmp_path_factory) -> Callable[[str], Path]:
    """The page of a shipped network by its name, of a file with a hostile name, written by a hostile command."""

    @cache
    def written(name: str) -> Path:
        folder = tmp_path_factory.mktemp("demo")
        network = shutil.copy(SHIPPED / f"{name}.lsnn.h5", folder / f"{HOSTILE}.lsnn.h5")
        return write_page(network, folder / "demo.html", 0, EPISODES, COMMAND, False)

    return written


@pytest.fixture(scope="session")
def opened(browser, page_of) -> Iterator[Callable[[str], Any]]:
    """The page of a shipped network in the browser, one for all tests, by the network's name."""
    with ExitStack() as pages:

        @cache
        def of(name: str) -> Any:
            page = pages.enter_context(browser_page(browser))
            page.goto(page_of(name).as_uri())
            return page

        yield of


@pytest.fixture
def fresh(opened) -> Callable[[str], Any]:
    """That page with one animal in the first episode at time 0, its clock stopped.

    A test puts back what else it moves.
    """

    def of(name: str) -> Any:
        page = opened(name)
        begin(page)
        return page

    return of
