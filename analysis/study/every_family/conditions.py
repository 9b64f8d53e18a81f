"""What came of the conditions of an experiment: the score, and whose latent is followed; how they are called."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from analysis.study.measures import array, called, enough, mean
from analysis.study.transplant import Choice, choice_of
from analysis.style import BLUE, DARK, GREEN, GREY, ORANGE, PINK, SILVER, SKY, VERMILLION
from lsnn.estimates import Estimate
from lsnn.files.reading import json_attribute, names, subgroup
from lsnn.files.results import Result

WATCHED = "have a trial that asks for the latent there"
COLOURS = (GREEN, ORANGE, PINK, SKY)  # of what the neurons keep beside their membranes, in order


class Score(NamedTuple):
    """The family's score: how it is called, written, and which way is better."""

    label: str
    format: str
    high: bool
    chance: float | None

    def text(self, of: Estimate) -> str:
        """Its value with the interval."""
        return f"{of.value:{self.format}} [{of.low:{self.format}}, {of.high:{self.format}}]"


def score_of(result: Result) -> Score:
    """What the file says of the score."""
    measure = json_attribute(result.file, "family", dict)["measures"][0]
    unit = "" if measure["unit"] == "1" else f" ({measure['unit']})"
    return Score(f"{measure['label']}{unit}", str(measure["format"]), measure["better"] == "high", measure["chance"])


class Measured(NamedTuple):
    """What came of the conditions of an experiment: by name, of the animals of which a trial is watched."""

    score: dict[str, np.ndarray]  # (animal,)
    rest: dict[str, np.ndarray]
    followed: dict[str, np.ndarray]
    kept: list[str]

    @property
    def n(self) -> int:
        """Animals."""
        return len(next(iter(self.score.values())))


def measured(result: Result, experiment: str) -> Measured:
    """Of an experiment; TooFew animals or a ResultError."""
    group = subgroup(result.file, experiment)
    used = enough(array(group, "trial", 1) >= 0, WATCHED)
    score, rest, followed = (
        dict(zip(names(group, "conditions"), array(group, name, 2)[:, used], strict=True))
        for name in ("score", "rest", "followed")
    )
    return Measured(score, rest, followed, names(group, "kept"))


def known(sample: np.ndarray) -> Estimate:
    """Mean of the animals that have a value."""
    return mean(sample[np.isfinite(sample)])


def choices(of: Mapping[str, np.ndarray]) -> dict[str, Choice]:
    """Whose latent is followed, by condition."""
    return {name: choice_of(each) for name, each in of.items()}


def tells(found: Mapping[str, Choice]) -> bool:
    """Whether the family says whose latent is followed."""
    return any(choice.own + choice.other for choice in found.values())


def own(choice: Choice) -> Estimate:
    """Share that follows its own latent, of those that can be told."""
    value, low, high, n = choice.share
    return Estimate(1 - value, 1 - high, 1 - low, n)


def label_of(condition: str, kept: list[str]) -> str:
    """A condition in words."""
    known_ones = {
        "sham": "nothing changed", "none": "nothing exchanged", "v": "membranes v", "delay_lines": "delay lines",
        "readout": "readout r", "fast": f"all but {' and '.join(kept) or 'nothing'}", "all": "everything",
        "everything": "everything", "nothing_left": "everything erased",
    }  # fmt: skip
    for name in kept:
        known_ones |= {
            name: called(name), f"{name}_mean": f"{called(name)} at their mean", f"all_but_{name}": f"all but {name}",
            f"{name}_alone": f"left with own {name} alone", f"other_{name}_alone": f"left with other's {name} alone",
        }  # fmt: skip
    return known_ones.get(condition) or condition.replace("dark_", "after dark of ") + " ms"


def bars(axes: Axes, rows: Mapping[str, Estimate], colours: Mapping[str, str], scale: float = 1.0) -> None:
    for row, (name, each) in enumerate(rows.items()):
        axes.barh(row, scale * each.value, color=colours[name], height=0.7)
        axes.plot([scale * each.low, scale * each.high], [row, row], color=DARK, linewidth=1.8)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(rows) - 0.4, -0.6)


def colour_of(condition: str, kept: list[str]) -> str:
    if condition in ("sham", "none"):
        return SILVER
    if condition in ("all", "everything", "nothing_left"):
        return VERMILLION
    if condition.startswith("dark_"):
        return GREY
    held = [name for name in kept if condition in (name, f"{name}_mean", f"{name}_alone", f"other_{name}_alone")]
    return COLOURS[kept.index(held[0]) % len(COLOURS)] if held else BLUE


def mark_chance(axes: Axes, score: Score) -> None:
    if score.chance is not None:
        axes.axhline(score.chance, color=DARK, linestyle=":", linewidth=1, label="chance")


def worse(result: Result, sample: np.ndarray) -> np.ndarray:
    """The values so that more is worse."""
    return -sample if score_of(result).high else sample


def percent(of: Estimate) -> Estimate:
    """A share in per cent."""
    return Estimate(100 * of.value, 100 * of.low, 100 * of.high, of.n)
