"""What the page of angle recall adds: how the circular error grows with the dark."""

import numpy as np
from matplotlib.figure import Figure

from analysis.pages import generic
from analysis.pages.model import Drawing, Page
from analysis.plots import draw_chance, score_of
from analysis.style import PALE, add_footer, looks, new_figure, styled
from analysis.verdict import Criterion, answered, at_most, interval
from lsnn.files.results import Condition, Result

DRAWN = "drawn"  # the variant of meta-training, in which darks differ
MOST_DEG = {"dark_500": 7.0, "dark_1000": 10.0}  # of the frozen network


def by_dark(result: Result, condition: Condition) -> np.ndarray:
    """Rows of dark (s), mean circular error and the ends of its 95 % interval, one a variant with one dark."""
    name, rows = score_of(result).name, []
    for variant, each in condition.variants.items():
        if variant != DRAWN:
            found = each.estimate(name)
            rows.append((each.trials["dark_ms"].mean() / 1000, found.value, found.low, found.high))
    return np.array(sorted(rows)).reshape(-1, 4)


@styled
def retention(result: Result) -> Figure:
    """Mean circular error against the dark, for every condition."""
    figure = new_figure(9, 5.6, "Angle recall, weights frozen: error against the dark")
    axes, of = figure.subplots(), looks(result.conditions)
    for name, each in result.conditions.items():
        curve, look = by_dark(result, each), of[name]
        axes.fill_between(curve[:, 0], curve[:, 2], curve[:, 3], color=look.colour, alpha=0.2, linewidth=0)
        axes.plot(curve[:, 0], curve[:, 1], marker=look.marker, linestyle=look.line, color=look.colour,
                  linewidth=look.width, label=look.label)  # fmt: skip
    draw_chance(axes, score_of(result))
    axes.set(xlabel="dark between the angle and the cue (s)", ylabel="circular error (deg)", yscale="log")
    axes.set(xlim=(0, None), ylim=(0.8, 130))
    axes.set_yticks([1, 3, 10, 30, 90], ["1", "3", "10", "30", "90"])
    axes.minorticks_off()
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=10)
    return add_footer(figure, result, f"bands: 95 % over episodes · n = {result['frozen'].n_episodes} angles, the same")


RETENTION = Drawing("retention", "Error against the dark", "Circular error by the time without any input.", retention)


def page(result: Result) -> Page:
    """The page; the generic one without the frozen network at several darks."""
    base = generic.page(result)
    if "frozen" not in result.conditions or len(result.variants) < 2:
        return base
    return base._replace(criteria=(*base.criteria, *criteria(result)), drawings=(RETENTION, base.drawings[-1]))


def criteria(result: Result) -> list[Criterion]:
    """Bars on the error at two darks, where the file has them."""
    questions = []
    for variant, most in MOST_DEG.items():
        if variant in result["frozen"].variants:
            error = result["frozen"].variants[variant].estimate(score_of(result).name)
            rule = f"circular error of at most {most:g} deg, {result.variants[variant]}"
            questions.append(at_most(rule, interval(error, 1), error, most))
    return answered(questions)
