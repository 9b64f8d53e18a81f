"""The page stands alone, shows its figures, and says what failed."""

import base64
from html.parser import HTMLParser

import pytest

from analysis.maze import visits_of
from analysis.pages.water_maze import DRAWINGS
from analysis.report import write_report
from lsnn.files.reading import ResultError
from tests.analysis.make_result import BASELINES, SHA, make_result

NAMES = {drawing.name for drawing in DRAWINGS}
REFERENCES = {"src", "href", "srcset", "data", "action", "poster", "background"}


class Page(HTMLParser):
    """Tags, what they refer to, and the text of a page."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.references, self.text = [], [], ""
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.references += [value for name, value in attributes if name in REFERENCES]

    def handle_data(self, data):
        self.text += " ".join(data.split()) + " "


@pytest.fixture(scope="module")
def page_path(result_path, tmp_path_factory):
    return write_report(result_path, tmp_path_factory.mktemp("report") / "new" / "folder")


@pytest.fixture(scope="module")
def page(page_path):
    return Page(page_path)


def test_page_refers_to_nothing_outside_itself(page):
    assert len(page.references) == len(NAMES)
    assert all(reference.startswith("data:image/png;base64,") for reference in page.references)
    assert not {"script", "link", "iframe", "object", "embed", "base"} & set(page.tags)
    style = page.source[: page.source.index("</style>")]
    assert "url(" not in style and "@import" not in style


def test_it_names_the_live_page_and_links_one_that_lies_beside_it(page, page_path, result_path, tmp_path):
    assert "lsnn demo NETWORK --out demo.html" in page.text
    (tmp_path / "demo.html").touch()
    linked = Page(write_report(result_path, tmp_path))
    assert linked.references[0] == "demo.html" and "lsnn demo NETWORK" not in linked.text


def test_embedded_figures_are_the_files_beside_the_page(page, page_path):
    files = {path.stem: path.read_bytes() for path in page_path.parent.glob("*.png")}
    assert files.keys() == NAMES
    embedded = [base64.b64decode(reference.split(",")[1], validate=True) for reference in page.references]
    assert sorted(embedded) == sorted(files.values())
    assert all(image.startswith(b"\x89PNG") for image in embedded)


def test_page_has_the_numbers(page, result):
    for condition in result.conditions.values():
        assert f"{visits_of(condition).mean():.1f} [" in page.text
    for needed in ("One-shot memory is shown", "lsnn maze --seed 7", SHA, "platform_radius", "seed 7", "the same"):
        assert needed in page.text
    assert 'class="met"' in page.source and 'class="unmet"' not in page.source


def test_page_says_what_failed_and_what_was_not_drawn(tmp_path):
    baselines = BASELINES | {"frozen": BASELINES["circling"]}
    page = Page(write_report(make_result(tmp_path / "r.h5", baselines=baselines, recorded=0), tmp_path))
    assert "One-shot memory is not shown" in page.text
    assert "Not met: frozen, it makes more visits than circling" in page.text
    assert "Not drawn, since the file does not hold what they need: Through the first visit." in page.text


def test_text_of_the_file_is_escaped(edited, tmp_path):
    path = edited(lambda file: file.attrs.__setitem__("command", "lsnn <script>alert(1)</script>"))
    page = Page(write_report(path, tmp_path / "report"))
    assert "script" not in page.tags
    assert "lsnn <script>alert(1)</script>" in page.text


def test_nothing_is_written_for_a_bad_file(edited, tmp_path):
    with pytest.raises(ResultError, match="needs a data set 'position'"):
        write_report(edited(lambda file: file.__delitem__("oracle/position")), tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_a_folder_that_cannot_be_written(result_path, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ResultError, match="the report cannot be written there"):
        write_report(result_path, tmp_path / "file")
