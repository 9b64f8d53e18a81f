"""What every figure shares: type, names, footer, and colours colour-blind readers tell apart (Okabe & Ito 2008)."""

import io
import re
import textwrap
from collections.abc import Mapping
from typing import Any, NamedTuple

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import Formatter, LogFormatter

from lsnn.files.about import Origin
from lsnn.files.results import Condition, Result

BLUE, SKY, ORANGE, VERMILLION, GREEN, PINK = "#0072B2", "#56B4E9", "#E69F00", "#D55E00", "#009E73", "#CC79A7"
BROWN = "#8C6D46"
BLACK, DARK, GREY, SILVER, PALE = "#000000", "#3A3A3A", "#8C8C8C", "#B5B5B5", "#D9D9D9"

ROLE_COLOURS = {
    "network": (BLUE, SKY), "agent": (GREEN, ORANGE, BROWN), "control": (VERMILLION, PINK),
    "baseline": (SILVER, GREY, BROWN, ORANGE, GREEN), "oracle": (BLACK,),
}  # fmt: skip
ROLE_MARKERS = {"network": "os", "agent": "^<>v", "control": "Dv", "baseline": ".^", "oracle": "P"}
LINES = {
    "network": ("-",), "agent": ("-", "--", ":"), "control": ("-",), "baseline": ("--", ":", "-."), "oracle": ("--",),
}  # fmt: skip
STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": 12,
    "text.color": DARK,
    "axes.titlesize": 13,
    "axes.titlelocation": "left",
    "axes.labelcolor": DARK,
    "axes.edgecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "xtick.color": DARK,
    "ytick.color": DARK,
    "legend.frameon": False,
    "legend.fontsize": 11,
    "lines.solid_capstyle": "round",
    "text.parse_math": False,  # names and commands come from files and are shown as they are
}
FOOTER_CHARACTERS_PER_INCH = 13.5
FOOTER_LINE_INCHES = 0.15
FOOTER_SHARE = 0.4  # of a figure's height at most
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
DOTS_PER_INCH = 160

styled = rc_context(STYLE)


class Look(NamedTuple):
    """How a condition is drawn."""

    label: str
    role: str
    colour: str
    line: str
    width: float
    marker: str


def looks(conditions: Mapping[str, Condition]) -> dict[str, Look]:
    """Colour, line and marker of each condition by its role: the network is bold, baselines are dashed."""
    found: dict[str, Look] = {}
    for name, each in conditions.items():
        number = sum(look.role == each.role for look in found.values())
        colours, lines, markers = ROLE_COLOURS[each.role], LINES[each.role], ROLE_MARKERS[each.role]
        first = each.role == "network" and number == 0
        found[name] = Look(
            each.label, each.role, colours[number % len(colours)], lines[number // len(colours) % len(lines)],
            3.0 if first else 1.6, markers[number % len(markers)],
        )  # fmt: skip
    return found


def new_figure(width: float, height: float, title: str) -> Figure:
    """A white figure of width x height inches with a title; no pyplot, so nothing global is touched."""
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.01, ha="left", fontsize=16, fontweight="bold")
    return figure


def add_footer(figure: Figure, result: Result, n: str) -> Figure:
    """Print n, seeds, commit, networks and commands below everything else and lay out the rest; returns the figure."""
    made = result.provenance
    where = f"commit {made.git_commit[:10]} · network {made.network_sha256[:10]}"
    networks = [*made.departures, *map(told_origin, made.networks)]
    return footer(figure, f"{n} · seed of the episodes {made.seed} · {where}", *networks, f"command: {made.command}")


def told_origin(origin: Origin) -> str:
    """Seed and command of a network's meta-training."""
    by = f" by: {origin.command}" if origin.command else ""
    return f"{origin.name}: meta-trained with seed {origin.seed}{by}"


def footer(figure: Figure, *facts: str) -> Figure:
    """Print lines below everything else and lay out the rest; returns the figure."""
    width, height = figure.get_size_inches()
    characters = int(width * FOOTER_CHARACTERS_PER_INCH)
    most = int(FOOTER_SHARE * height / FOOTER_LINE_INCHES)
    wrapper = textwrap.TextWrapper(characters, max_lines=most, placeholder=" …")
    lines = [line for fact in facts for line in wrapper.wrap(fact)][:most]
    share = (len(lines) * FOOTER_LINE_INCHES + 0.08) / height
    figure.set_layout_engine(ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.09, rect=(0, share, 1, 1 - share)))
    figure.text(
        0.01,
        0.06 / height,
        "\n".join(lines),
        fontsize=8,
        color=GREY,
        va="bottom",
        ha="left",
        linespacing=1.25,
    )
    return figure


class PlainPowers(Formatter):
    """Powers of ten that another formatter gives in the language of mathematics, as plain text."""

    def __init__(self, powers: LogFormatter) -> None:
        self.powers = powers

    def __call__(self, x: float, pos: int | None = None) -> str:
        text = re.sub(r"\^\{([-\d]+)\}", lambda found: found[1].translate(SUPERSCRIPTS), self.powers(x, pos))
        return re.sub(r"[${}]|\\mathdefault", "", text).replace(r"\times", "×")

    def set_locs(self, locs: list[float]) -> None:
        self.powers.set_locs(locs)


def plain(figure: Figure) -> None:
    """Logarithmic axes of a figure have labels without mathematics, which STYLE does not draw."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            for of in (axis.major, axis.minor):
                if isinstance(of.formatter, LogFormatter):
                    of.formatter = PlainPowers(of.formatter)


def clear_axes(axes: Axes) -> None:
    """Leave only what is drawn."""
    axes.set_axis_off()
    axes.set_aspect("equal")


def png(figure: Figure) -> bytes:
    """The figure as a PNG, the same bytes for the same figure."""
    buffer = io.BytesIO()
    plain(figure)
    with rc_context(STYLE):
        figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return buffer.getvalue()
