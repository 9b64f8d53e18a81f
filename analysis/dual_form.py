"""A readout as attention over its training examples (reads the file of the experiment dual-form)."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpecFromSubplotSpec, SubplotSpec

from analysis.style import BLUE, DARK, SILVER, VERMILLION, clear_axes, footer, new_figure, png, styled
from lsnn import open_result
from lsnn.files.reading import COUNT, FINITE, ResultError, Rule, array, place, subgroup
from lsnn.files.results import Result
from lsnn.files.whole import write_whole

CLASSES, PIXELS = 10, 64
A_CLASS, A_BRIGHTNESS = Rule(0, CLASSES - 1, whole=True), Rule(0, 16, whole=True)
SHOWN = (0, 2, 4, 6, 8)  # classes of which the figure shows a digit that is answered rightly


class Answers(NamedTuple):
    """Of one readout; m test digits, classes (10)."""

    logit: np.ndarray  # (m, 10)
    attended: np.ndarray  # (m, 10)
    initial: np.ndarray  # (m, 10)
    by_class: np.ndarray  # (m, 10)
    attention: np.ndarray  # (m, 10)
    shuffled_logit: np.ndarray  # (m, 10)
    shuffled_attended: np.ndarray  # (m, 10)
    half: np.ndarray  # (m,)
    support: np.ndarray  # (m, 5)
    supporting: np.ndarray  # (m, 5)

    @property
    def apart(self) -> tuple[float, float]:
        """Largest difference between the two ways to an answer: of the readout, of the one with shuffled labels."""
        pairs = (self.logit, self.attended), (self.shuffled_logit, self.shuffled_attended)
        first, second = (float(np.abs(one - other).max()) for one, other in pairs)
        return first, second

    @property
    def answer(self) -> np.ndarray:
        """The class answered, (m,)."""
        return self.logit.argmax(axis=1)

    def by_answer(self) -> np.ndarray:
        """What examples add to the logit of an answer, (class answered, class of the examples); NaN if not answered."""
        found = np.full((CLASSES, CLASSES), np.nan)
        for each in np.unique(self.answer):
            found[each] = self.by_class[self.answer == each].mean(axis=0)
        return found


class Digits(NamedTuple):
    """Pixels 0 to 16, and classes, of the examples and of the test digits."""

    pixels: np.ndarray
    label: np.ndarray
    test_pixels: np.ndarray
    test_label: np.ndarray


def answers_in(result: Result) -> tuple[Digits, list[Answers]]:
    """What the file holds; ResultError unless it has a seed and every example that it names."""
    file = result.file
    label, test_label = (array(file, name, (None,), A_CLASS) for name in ("label", "test_label"))
    pixels = array(file, "pixels", (len(label), PIXELS), A_BRIGHTNESS)
    tests = len(test_label)
    test_pixels = array(file, "test_pixels", (tests, PIXELS), A_BRIGHTNESS)
    found = []
    for name in (name for name in file if name.startswith("seed_")):
        group, an_example = subgroup(file, name), Rule(0, len(label) - 1, whole=True)
        parts = {each: array(group, each, (tests, CLASSES), FINITE) for each in Answers._fields[:7]}
        parts["half"], parts["support"] = array(group, "half", (tests,), COUNT), array(group, "support", (tests, 5))
        found.append(Answers(**parts, supporting=array(group, "supporting", (tests, 5), an_example)))
    if not found or not tests:
        raise ResultError(f"{place(file)}: must have a seed and a test digit")
    return Digits(pixels, label, test_pixels, test_label), found


def added(answers: Answers) -> tuple[float, float]:
    """What examples of the class answered, and those of all other classes, add to its logit; means over answers."""
    own = np.take_along_axis(answers.by_class, answers.answer[:, None], axis=1)[:, 0]
    return float(own.mean()), float((answers.by_class.sum(axis=1) - own).mean())


def nearness(answers: Answers) -> float:
    """Mean attention to examples of the class answered over that to an example of any class."""
    own = np.take_along_axis(answers.attention, answers.answer[:, None], axis=1)
    return float(own.mean() / answers.attention.mean())


def describe(path: Path) -> str:
    """Two lines a seed."""
    with open_result(path) as result:
        data, found = answers_in(result)
    lines = ["seed: right answers; largest difference from attention; likewise with shuffled labels, right answers"]
    for seed, each in enumerate(found, 1):
        right, shuffled = (
            np.mean(logit.argmax(axis=1) == data.test_label) for logit in (each.logit, each.shuffled_logit)
        )
        own, others = added(each)
        lines += [
            f"{seed}: {right:.3f}; {each.apart[0]:.1e}; {each.apart[1]:.1e}, {shuffled:.3f}",
            f"  attention to the class answered is {nearness(each):.2f} times the mean; its examples add {own:+.0f} to "
            f"the logit, all others {others:+.0f}; half of it all is of {np.median(each.half):.0f} examples (median) "
            f"of {len(data.label)}",
        ]
    return "\n".join(lines)


@styled
def dual_form_figure(result: Result) -> Figure:
    """Left what single answers attend to, in the middle by class, right both ways to a logit."""
    (data, found), made = answers_in(result), result.provenance
    figure = new_figure(15, 7, "A readout trained by gradient descent is attention over its training examples")
    layout = figure.add_gridspec(1, 3, width_ratios=(1.25, 1, 1))
    _draw_examples(figure, layout[0], data, found[0])
    _draw_classes(figure.add_subplot(layout[1]), np.nanmean([each.by_answer() for each in found], axis=0))
    _draw_identity(figure.add_subplot(layout[2]), found)
    seeds = f"seeds 1 to {len(found)} (left: seed 1)" if len(found) > 1 else "seed 1"
    return footer(
        figure,
        f"n = {len(found)} networks of spiking neurons with random frozen weights, {seeds} · {len(data.label)} digits "
        f"learnt by the readout, {len(data.test_label)} tested · commit {made.git_commit[:10]}",
        f"command: {made.command}",
    )


def _examples(data: Digits, answers: Answers) -> list[int]:
    """The first test digit of some classes that is answered rightly, and the first that is not."""
    right = answers.answer == data.test_label
    chosen = [np.flatnonzero(right & (data.test_label == each))[:1] for each in SHOWN]
    return [int(each) for each in np.concatenate([*chosen, np.flatnonzero(~right)[:1]])]


def _draw_examples(figure: Figure, where: SubplotSpec, data: Digits, answers: Answers) -> None:
    """A row a test digit: the digit, what is answered, the examples that add most to its logit and how much."""
    rows = _examples(data, answers)
    heights = (0.25, *(1 for _ in rows), 0.1)  # words stand above the first row and below the last
    grid = GridSpecFromSubplotSpec(len(heights), 6, where, wspace=0.1, hspace=0.3, height_ratios=heights)
    for row, test in enumerate(rows, 1):
        says = f"says {answers.answer[test]}"
        colour = DARK if answers.answer[test] == data.test_label[test] else VERMILLION
        _draw_digit(figure.add_subplot(grid[row, 0]), data.test_pixels[test], "Blues", says, colour)
        for column, (example, value) in enumerate(zip(answers.supporting[test], answers.support[test], strict=True)):
            axes = figure.add_subplot(grid[row, 1 + column])
            _draw_digit(axes, data.pixels[example], "Greys", f"{value:+.1f}", DARK)
            if (row, column) == (1, 0):
                _beside(axes, 0, 1.12, "the examples that add most to its logit", fontsize=11.5)


def _draw_digit(axes: Axes, pixels: np.ndarray, colours: str, words: str, colour: str) -> None:
    axes.imshow(pixels.reshape(8, 8), cmap=colours, vmin=0, vmax=16)
    _beside(axes, 0.5, -0.02, words, ha="center", va="top", color=colour, fontsize=9.5)
    clear_axes(axes)


def _beside(axes: Axes, x: float, y: float, words: str, **look: Any) -> None:
    """Words beside axes, for which no room is made."""
    axes.text(x, y, words, transform=axes.transAxes, **look).set_in_layout(False)


def _draw_classes(axes: Axes, added: np.ndarray) -> None:
    """added: (class answered, class of the examples)."""
    largest = np.nanmax(np.abs(added))
    image = axes.imshow(added, cmap="RdBu", vmin=-largest, vmax=largest)
    axes.set(xlabel="class of the training examples", ylabel="class answered")
    axes.set_title("what they add to the answer's logit")
    axes.set_xticks(range(CLASSES))
    axes.set_yticks(range(CLASSES))
    figure = axes.get_figure()
    assert figure is not None
    figure.colorbar(image, ax=axes, location="bottom", shrink=0.8, aspect=30, pad=0.02)


def _draw_identity(axes: Axes, found: list[Answers]) -> None:
    """Both ways to every logit, and how far the first weights had come."""
    logit, attended, initial = (np.concatenate([getattr(each, name) for each in found]).ravel() for name in (
        "logit", "attended", "initial"))  # fmt: skip
    axes.plot(logit, initial, ".", markersize=2, color=SILVER, label="the first weights alone")
    axes.plot(logit, attended, ".", markersize=3, color=BLUE, label="first weights and attention")
    apart = max(each.apart[0] for each in found)
    axes.set(xlabel="logit by the trained weights", ylabel="logit without them")
    axes.set_title(f"largest difference {apart:.0e}")
    axes.legend(loc="upper left", fontsize=9.5, markerscale=4)


def write_figure(path: Path, out: Path) -> Path:
    """Draw the experiment in a file; returns where the PNG stands."""
    with open_result(path) as result:
        write_whole(out, png(dual_form_figure(result)))
    return out
