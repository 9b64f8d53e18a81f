"""One page from a result file: `report.html`, self-contained, and its figures as PNG files beside it."""

import base64
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from matplotlib.figure import Figure

from analysis.demo import families
from analysis.pages import generic
from analysis.pages.model import Page, render
from analysis.study.report import is_study, study_page
from analysis.style import png
from lsnn import open_result
from lsnn.files.reading import ResultError
from lsnn.files.results import Result
from lsnn.files.whole import holding, refuse_inputs, write_whole


def page_of(result: Result) -> Page:
    """What is said of a result file: by the module of `analysis/pages` named as its family, else by the generic one."""
    name = result.task.replace("-", "_")
    module = f"{generic.__package__}.{name}"
    if name.isidentifier() and find_spec(module) is not None:
        page: Page = getattr(import_module(module), "page", generic.page)(result)
        return page
    return generic.page(result)


LIVE = "demo.html"  # what `lsnn demo` may have left in the report's folder


def live_page(result: Result, folder: Path) -> str | None:
    """The page beside the report on which the network runs; "" if there is none yet, None if the family has none."""
    if result.task.replace("-", "_") not in families():
        return None
    return LIVE if (folder / LIVE).is_file() else ""


def write_report(result_path: str | Path, out_dir: str | Path, overwrite: bool = True) -> Path:
    """Write report.html and the figures of a result file into out_dir (made if need be); returns the page's path.

    The page embeds its figures and refers to nothing outside itself but a page of `lsnn demo` that lies beside it. All
    is drawn before anything is written. Raises ResultError for a file that is no result or holds no test (and no
    study), for an out_dir that cannot be written and, unless overwrite, one that holds such files already.
    """
    with open_result(result_path) as result:
        live = live_page(result, Path(out_dir))
        page, images = study_page(result) if is_study(result) else drawn(result, page_of(result), live)
    return write_page(Path(out_dir), page, images, overwrite, [Path(result_path)])


def drawn(result: Result, page: Page, live: str | None = None) -> tuple[str, dict[str, bytes]]:
    """A page as HTML, and its figures by name; live: see `live_page`."""
    images = {each.name: png(each.draw(result)) for each in page.drawings if each.present(result)}
    coded = {name: base64.b64encode(image).decode("ascii") for name, image in images.items()}
    return render(result, page, coded, live), images


def write_page(
    folder: Path, page: str, figures: dict[str, bytes], overwrite: bool = True, inputs: Sequence[Path] = ()
) -> Path:
    """Write report.html and its figures by name; returns the page's path. No input of it is written over."""
    files = {**{f"{name}.png": image for name, image in figures.items()}, "report.html": page.encode()}
    there = [name for name in files if (folder / name).exists()]
    if there and not overwrite:
        raise ResultError(f"{folder}: must not hold {', '.join(there)}; name another --out, or --overwrite")
    for name in files:
        refuse_inputs(folder / name, inputs)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise ResultError(f"{folder}: the report cannot be written there: {error}") from error
    with holding(folder) as held:
        for name, content in files.items():
            write_whole(folder / name, content, overwrite, held)
    return folder / "report.html"


def write_figure(result_path: str | Path, path: Path, draw: Callable[[Result], Figure]) -> Path:
    """One figure of a result file as PNG; returns its path."""
    with open_result(result_path) as result:
        image = png(draw(result))
    return write_whole(path, image)
