"""What figures share: text from files is shown as it is, and never takes a figure's room."""

import numpy as np
import pytest
from matplotlib.text import Text

from analysis.pages.water_maze.paths import swim_paths
from analysis.raster import first_visit
from analysis.style import FOOTER_SHARE, add_footer, footer, new_figure, plain, png, styled
from lsnn.files.results import Result

MATHEMATICS = r"$\frac{$"


@styled
def curves(**scales):
    figure = new_figure(6, 4, MATHEMATICS)
    axes = figure.subplots()
    axes.plot([0.001, 1, 1000], [0.001, 1, 1000], label=r"$\alpha$")
    axes.set(xlabel=MATHEMATICS, **scales)
    axes.legend()
    return footer(figure, MATHEMATICS, r"command: lsnn test $\sqrt{")


def shown(figure):
    figure.draw_without_rendering()
    return [text.get_text() for text in figure.findobj(Text)]


def test_text_from_a_file_is_no_mathematics():
    figure = curves()
    assert png(figure).startswith(b"\x89PNG")
    assert not any(text.get_parse_math() for text in figure.findobj(Text))
    assert {MATHEMATICS, r"$\alpha$"} <= set(shown(figure))


@pytest.mark.parametrize(
    ("scale", "labels"),
    [
        ({"xscale": "log"}, ["10⁻³", "10⁻²", "10⁻¹", "10⁰", "10¹", "10²", "10³"]),
        ({"xscale": "symlog"}, ["0", "10⁰", "10¹", "10²", "10³"]),
    ],
)
def test_powers_of_ten_need_no_mathematics(scale, labels):
    figure = curves(**scale)
    plain(figure)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    low, high = axes.get_xlim()
    drawn = [label.get_text() for label in axes.get_xticklabels() if low <= label.get_position()[0] <= high]
    assert drawn == labels


def test_multiples_of_powers_as_well():
    figure = new_figure(6, 4, "")
    axes = figure.subplots()
    axes.set(yscale="log", ylim=(2, 9))
    plain(figure)
    figure.draw_without_rendering()
    minor = [label.get_text() for label in axes.get_yticklabels(minor=True)]
    assert "3×10⁰" in minor and not any("$" in text or "\\" in text for text in minor)


@pytest.mark.parametrize("draw", [first_visit, swim_paths])
def test_labels_with_mathematics_are_drawn(edited, draw):
    def change(file):
        file["network/population"].attrs["labels"] = f'["{MATHEMATICS[:1]}", "$a^$", "\\\\frac{{"]'
        file["network"].attrs["input_channels"] = '[["$x$", 64], ["$\\\\foo$", 8], ["wall", 8]]'
        file.attrs["command"] = MATHEMATICS * 20

    with Result(edited(change)) as result:
        assert png(draw(result)).startswith(b"\x89PNG")


def test_a_footer_leaves_a_figure_its_room(edited):
    with Result(edited(lambda file: file.attrs.__setitem__("command", "word " * 20_000))) as result:
        figure = new_figure(6, 4, "")
        axes = figure.subplots()
        axes.plot(np.arange(3))
        add_footer(figure, result, "n = 1")
        figure.draw_without_rendering()
    (text,) = [text for text in figure.texts if "command" in text.get_text()]
    assert text.get_text().count("\n") < 12
    assert text.get_window_extent().height < 1.1 * FOOTER_SHARE * figure.bbox.height < axes.bbox.height
