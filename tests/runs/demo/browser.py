"""Chromium without a window, driven by Playwright, for tests of demo pages."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(
    CHROMIUM is None or find_spec("playwright") is None,
    reason="there is no Chromium (Debian: apt-get install chromium) or no Playwright (pip install -e .[browser])",
)


@contextmanager
def running_browser() -> Iterator[Any]:
    """Chromium, until the end of the block."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def browser_page(browser: Any, width: int = 1280, height: int = 1300) -> Iterator[Any]:
    """An empty page, `requested` its requests; one of its `errors`, of scripts or console, fails the test."""
    page = browser.new_page(viewport={"width": width, "height": height}, reduced_motion="reduce")
    page.set_default_timeout(60_000)
    page.requested, page.errors = [], []
    page.on("request", lambda request: page.requested.append(request.url))
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
    yield page
    page.close()
    assert not page.errors, page.errors


def run(page: Any, ms: int) -> None:
    """Let the network of a demo page run for so long."""
    page.evaluate(f"() => {{ for (let left = {ms}; left > 0;) left -= advance_by(left); draw(); }}")


def begin(page: Any, episode: int = 0) -> None:
    """One animal in an episode at time 0, the clock stopped."""
    page.evaluate(f"() => {{ play(false); second_animal(false); new_episode({episode}); }}")
