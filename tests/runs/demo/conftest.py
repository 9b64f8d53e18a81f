"""Pages of shipped networks and a browser, shared by the tests of demo pages."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from runs.demo.page import write_page
from tests.runs.demo.browser import browser_page, running_browser

SHIPPED = Path(__file__).parents[3] / "runs" / "pretrained"
EPISODES = 32


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    with running_browser() as running:
        yield running


@pytest.fixture(scope="session")
def page_of(tmp_path_factory):
    """The page of a shipped network by its name, as a file."""

    @cache
    def written(name: str) -> Path:
        folder = tmp_path_factory.mktemp("demo")
        return write_page(SHIPPED / f"{name}.lsnn.h5", folder / "demo.html", 0, EPISODES, "lsnn demo", False)

    return written


@pytest.fixture(scope="session")
def opened(browser, page_of):
    """A page of a shipped network in the browser, by the network's name."""
    with browser_page(browser) as page:

        def open_page(name: str) -> Any:
            page.goto(page_of(name).as_uri())
            return page

        yield open_page
