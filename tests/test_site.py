"""The documentation builds without a warning into pages that need nothing from outside and hang together."""

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest

CLONE = Path(__file__).parents[1]
ASSETS = {"img": "src", "script": "src", "link": "href", "source": "src", "iframe": "src", "video": "src"}


class Page(HTMLParser):
    """What a page loads, what it links to, and the places that can be linked to."""

    def __init__(self, path: Path):
        super().__init__()
        self.assets: list[str] = []
        self.links: list[str] = []
        self.places: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.places.add(attributes.get("id", ""))
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        elif tag in ASSETS and ASSETS[tag] in attributes:
            self.assets.append(attributes[ASSETS[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built pages."""
    out = tmp_path_factory.mktemp("site") / "html"
    options = ["--fail-on-warning", "--keep-going", "--quiet", "-b", "html"]
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, "docs", out], cwd=CLONE, capture_output=True, text=True
    )
    assert built.returncode == 0 and not built.stderr, built.stderr
    return out


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path) for path in sorted(site.rglob("*.html"))}


def test_pages_load_nothing_from_outside(site, pages):
    for path, page in pages.items():
        for asset in page.assets:
            assert not urlsplit(asset).netloc, f"{path} loads {asset}"
            assert (path.parent / urlsplit(asset).path).exists(), f"{path} loads {asset}"
    for style in site.rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        assert "url(http" not in text and "@import" not in text and "url(//" not in text, style


def test_links_between_pages_lead_somewhere(pages):
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / parts.path).resolve() if parts.path else path
            assert target.exists(), f"{path}: {link}"
            if parts.fragment and target in pages:
                assert parts.fragment in pages[target].places, f"{path}: {link}"


def test_every_page_and_the_notebook_are_there(site):
    sources = [path for path in (CLONE / "docs").rglob("*") if path.suffix in (".md", ".ipynb")]
    names = {path.relative_to(CLONE / "docs").with_suffix(".html") for path in sources if "_build" not in path.parts}
    assert names <= {path.relative_to(site) for path in site.rglob("*.html")}
    notebook = (site / "guide/tutorial.html").read_text(encoding="utf-8")
    assert notebook.count("<img alt") >= 4 and "Exchanged everything" in notebook
