"""One visit, then dark: how long the place of the platform is kept, and in which part of the state."""

from typing import NamedTuple

import h5py
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.claims import sort_out
from analysis.study.measures import Claims, Outcomes, array, enough
from analysis.study.transplant import WHOSE, Choice, choice_of, claim_of
from analysis.style import BLUE, DARK, GREEN, GREY, SILVER, VERMILLION, add_footer, new_figure, styled
from analysis.verdict import interval
from lsnn.estimates import Estimate
from lsnn.files.reading import ResultError, attribute, names, place, subgroup
from lsnn.files.results import Result

NOT_RUN = -1
FIRST_TICK_MS = 20.0  # where no dark at all stands on the logarithmic axis


class OneVisit(NamedTuple):
    """Animals of pairs that both found their platforms, which do not touch: whose they reach first."""

    dark_ms: np.ndarray  # (D,)
    rate_hz: np.ndarray  # (D,), since the dark before
    pairs: int
    choices: dict[str, dict[int, Choice]]  # by change, by dark
    watched_ms: int
    kept: list[str]  # state variables beside the membranes
    straight: Choice | None  # the platform that a straight way to the own one reaches first; none in older files

    @property
    def longest_changed(self) -> int:
        """The longest dark after which states were changed."""
        return max(self.choices["everything exchanged"])


def one_visit_of(result: Result) -> OneVisit:
    """What a study holds; TooFew pairs or a ResultError."""
    return one_visit_in(subgroup(result.file, "one_visit"))


def usable_in(group: h5py.Group) -> np.ndarray:
    """Animals of pairs that both found their platforms, which do not touch, (animal,) bool; TooFew."""
    usable = (array(group, "found", 1) & array(group, "apart", 1)).reshape(-1, 2).all(axis=1).repeat(2)
    enough(usable, "are of pairs that both had found platforms which do not touch")
    return usable


def one_visit_in(group: h5py.Group) -> OneVisit:
    """What a group holds; TooFew pairs or a ResultError."""
    reached, dark, changes = array(group, "reached", 3), array(group, "dark_ms", 1), names(group, "changes")
    if reached.shape[:2] != (len(dark), len(changes)) or not np.isin(reached, (NOT_RUN, 0, 1, 2)).all():
        rule = f"must hold -1, 0, 1 or 2 for {len(dark)} darks and {len(changes)} changes"
        raise ResultError(f"{place(group)}/reached: {rule}, has shape {reached.shape}")
    usable = usable_in(group)
    choices = {
        change: {
            int(ms): choice_of(reached[at, number, usable])
            for at, ms in enumerate(dark)
            if reached[at, number, 0] != NOT_RUN
        }
        for number, change in enumerate(changes)
    }
    straight = choice_of(array(group, "straight", 1)[usable]) if "straight" in group else None
    if len(choices["none"]) < len(dark) or not choices["everything exchanged"]:
        rule = "must hold what comes after each dark without a change, and after one with everything exchanged"
        raise ResultError(f"{place(group)}/reached: {rule}")
    return OneVisit(dark, array(group, "rate_hz", 1), int(usable.sum()) // 2, choices,
                    int(attribute(group, "watched_ms")), names(group, "kept"), straight)  # fmt: skip


def own(choice: Choice) -> Estimate:
    """Share that went to its own platform, of those that reached one."""
    value, low, high, n = choice.share
    return Estimate(1 - value, 1 - high, 1 - low, n)


def arrived(choice: Choice) -> float:
    """Share of all that reached a platform in time."""
    return (choice.own + choice.other) / choice.n


@styled
def draw_one_visit(result: Result) -> Figure:
    """Left: share to the own platform against the dark; right: to the other's, once states were changed."""
    of = one_visit_of(result)
    figure = new_figure(13, 5.6, "One visit, then dark: the place is kept, and in what")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.15))
    _draw_retention(left, of)
    _draw_changes(right, of)
    n = f"n = {2 * of.pairs} animals in {of.pairs} pairs; bands and lines on bars: Wilson 95 % intervals"
    return add_footer(figure, result, f"{n}; {of.watched_ms} ms watched; dark from the end of the visit")


def _draw_retention(axes: Axes, of: OneVisit) -> None:
    at = np.maximum(of.dark_ms, FIRST_TICK_MS)
    shares = [own(of.choices["none"][int(ms)]) for ms in of.dark_ms]
    value, low, high = 100 * np.array([share[:3] for share in shares]).T
    axes.fill_between(at, low, high, color=BLUE, alpha=0.15, linewidth=0)
    axes.plot(at, value, marker="o", color=BLUE, label="to the own platform first")
    reach = [100 * arrived(of.choices["none"][int(ms)]) for ms in of.dark_ms]
    axes.plot(at, reach, marker=".", color=GREY, linestyle="--", label=f"reach one within {of.watched_ms} ms")
    if of.straight is not None:
        axes.axhline(100 * own(of.straight).value, color=GREEN, linewidth=1, label="straight way to the own platform")
    axes.axhline(50, color=DARK, linestyle=":", linewidth=1)
    axes.annotate("chance", (at[0], 50), (0, 4), textcoords="offset points", color=DARK)
    axes.set(xscale="log", xlabel="dark after one visit (ms)", ylabel="animals (%)", ylim=(0, 103))
    axes.set_xticks(at, [f"{ms:g}" for ms in of.dark_ms])
    axes.minorticks_off()
    axes.legend(loc="lower left")


def _draw_changes(axes: Axes, of: OneVisit) -> None:
    ms = of.longest_changed
    rows = [(change, by_dark[ms]) for change, by_dark in of.choices.items() if ms in by_dark and by_dark[ms].share.n]
    for row, (change, choice) in enumerate(rows):
        value, low, high = (100 * bound for bound in choice.share[:3])
        told = "other's" in change or "exchanged" in change
        axes.barh(row, value, color=VERMILLION if told else SILVER, height=0.7)
        axes.plot([low, high], [row, row], color=DARK, linewidth=1.5)
    axes.axvline(50, color=DARK, linestyle=":", linewidth=1)
    axes.set_yticks(range(len(rows)), [change if change != "none" else "state as it is" for change, _ in rows])
    axes.invert_yaxis()
    axes.set(xlabel=f"to the other's platform first, after {ms} ms of dark (%)", xlim=(0, 100))


def claims_of_one_visit(result: Result) -> Claims:
    """Of each change and dark: whose platform most go to."""
    choices = one_visit_of(result).choices
    return {(change, ms): claim_of(choice) for change, by_dark in choices.items() for ms, choice in by_dark.items()}


def whose(outcomes: Outcomes, change: str) -> str:
    """To whose platform most go, by dark."""
    return sort_out({str(ms): each for (of, ms), each in outcomes.items() if of == change}, WHOSE, "after {} ms")


def tell_one_visit(result: Result, outcomes: Outcomes) -> list[str]:
    """Shares after every dark, as the state is and changed."""
    of = one_visit_of(result)
    kept = ", ".join(f"{ms} ms {interval(own(choice), 2)}" for ms, choice in of.choices["none"].items())
    reach = ", ".join(f"{ms} ms {arrived(choice):.2f}" for ms, choice in of.choices["none"].items())
    lines = [
        f"{of.pairs} pairs after one visit each; dark is counted from the end of the time on the platform. Of those "
        f"that reach a platform within {of.watched_ms} ms, to their own (chance 0.5), by dark: {kept} "
        f"({whose(outcomes, 'none')}).",
        f"Share of all that reach one, by dark: {reach}.",
    ]
    if of.straight is not None:
        bound = f"{own(of.straight).value:.2f}"
        lines.append(f"On some ways the other's platform lies: straight to their own, {bound} of all reach that first.")
    for change, by_dark in of.choices.items():
        if change != "none":
            shares = ", ".join(f"after {ms} ms {interval(choice.share, 2)}" for ms, choice in by_dark.items())
            lines.append(f"{change[0].upper()}{change[1:]}, to the other's: {shares} ({whose(outcomes, change)}).")
    rates = ", ".join(f"{rate:.1f} Hz up to {ms} ms" for ms, rate in zip(of.dark_ms[1:], of.rate_hz[1:], strict=True))
    return [*lines, f"Mean rate of all neurons in the dark: {rates}."]
