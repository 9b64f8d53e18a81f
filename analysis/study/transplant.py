"""Transplant: whose platform does an animal swim to once it has parts of another animal's state?"""

import textwrap
from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from scipy.stats import binomtest

from analysis.claims import SHARE_MARGIN, Claim, Outcome, claim, share_claim, sort_out
from analysis.maze import platform_radius
from analysis.study.measures import Claims, Outcomes, array, called, enough, mean
from analysis.style import DARK, GREEN, GREY, VERMILLION, add_footer, clear_axes, new_figure, styled
from analysis.verdict import interval
from lsnn.estimates import Estimate, estimate, quotient
from lsnn.files.reading import names, subgroup
from lsnn.files.results import Result

HEADING_MS = 30  # over which the first heading is taken
PATHS_SHOWN = 60


def label_of(swap: str) -> str:
    """A swap in words; its name holds that of a state variable, or of none."""
    words = {"none": "Exchanged nothing", "v": "Exchanged membranes v", "everything": "Exchanged everything"}
    if swap in words:
        return words[swap]
    if swap.startswith("dark_"):
        return f"{swap.removeprefix('dark_')} ms without input"
    if swap.startswith("all_but_"):
        return f"Exchanged everything but {swap.removeprefix('all_but_')}"
    if swap.endswith("_alone"):
        variable = swap.removesuffix("_alone")
        whose = "the other's " if variable.startswith("other_") else ""
        return f"Left with {whose}{variable.removeprefix('other_')} alone"
    return f"Exchanged {called(swap)}"


IN_A_ROW = 5
WHOSE = {Outcome.MORE: "most to the other's", Outcome.SAME: "as many to either", Outcome.LESS: "most to their own"}


class Pairs(NamedTuple):
    """Animals of pairs that both had found platforms apart from each other, all swaps; n animals, two a pair."""

    swaps: list[str]
    path: np.ndarray  # (swap, n, step, 2)
    own: np.ndarray  # (n, 2)
    other: np.ndarray  # (n, 2)


class Choice(NamedTuple):
    """First platform reached after a swap: animals that went to their own, to the other's, to neither.

    By chance it is half, as own and other are exchangeable.
    """

    own: int
    other: int
    neither: int
    share: Estimate  # of those that reached one, that went to the other's; Wilson's interval

    @property
    def n(self) -> int:
        return self.own + self.other + self.neither


def pairs(result: Result) -> Pairs:
    group = subgroup(result.file, "transplant")
    path, platform = array(group, "path", 4), array(group, "platform", 2)
    usable = (array(group, "found", 1) & array(group, "apart", 1)).reshape(-1, 2).all(axis=1).repeat(2)
    enough(usable, "are of pairs that both had found platforms which do not touch")
    partner = np.arange(len(platform)) ^ 1
    return Pairs(names(group, "swaps"), path[:, usable], platform[usable], platform[partner][usable])


def first_reached(path: np.ndarray, own: np.ndarray, other: np.ndarray, radius: float) -> np.ndarray:
    """0 own platform, 1 the other's, 2 neither, by which disc each path (n, step, 2) enters first; (n,)."""
    reached = []
    for platform in (own, other):
        inside = np.linalg.norm(path - platform[:, None], axis=-1) <= radius
        reached.append(np.where(inside.any(axis=1), inside.argmax(axis=1), inside.shape[1]))
    return np.where(reached[0] == reached[1], 2, (reached[1] < reached[0]).astype(int))


def reached(result: Result) -> dict[str, np.ndarray]:
    """Which platform each animal reached first, by swap, (n,) each."""
    of = pairs(result)
    return {
        swap: first_reached(path, of.own, of.other, platform_radius(result))
        for swap, path in zip(of.swaps, of.path, strict=True)
    }


def choices(result: Result) -> dict[str, Choice]:
    """Where the animals went, by swap. Animals of a pair are counted as independent: they swim apart."""
    return {swap: choice_of(each) for swap, each in reached(result).items()}


def claims_of_transplant(result: Result) -> Claims:
    """Of each swap: whose platform most go to; and whether the other's b draws more of them there than none of it."""
    of = reached(result)
    claims = {swap: claim_of(choice_of(each)) for swap, each in of.items()}
    kept = kept_in(of)
    drawn = {_drawn(name, kept): claim(drawn_along(of["none"], of[name]), SHARE_MARGIN) for name in kept}
    return claims | drawn


def kept_in(swaps: Collection[str]) -> list[str]:
    """The variables beside the membranes that states were swapped by."""
    return [swap.removeprefix("all_but_") for swap in swaps if swap.startswith("all_but_")]


def _drawn(variable: str, kept: list[str]) -> str:
    """Name of the claim that a variable draws some along."""
    return "drawn" if kept == [variable] else f"drawn by {variable}"


def claim_of(choice: Choice) -> Claim:
    return share_claim(choice.other, choice.own + choice.other)


def drawn_along(before: np.ndarray, after: np.ndarray) -> Estimate:
    """Share that goes to the other's, of those that reach one, after one swap less that after another; same animals."""

    def share(weights: np.ndarray, of: np.ndarray) -> np.ndarray:
        return quotient(weights @ (of == 1), weights @ (of != 2))

    return estimate(lambda weights: share(weights, after) - share(weights, before), len(before))


def choice_of(reached: np.ndarray) -> Choice:
    """Of animals of which each reached its own platform (0), the other's (1) or neither (2) first."""
    own, other, neither = (int(count) for count in np.bincount(reached, minlength=3))
    if not own + other:
        return Choice(own, other, neither, Estimate(np.nan, np.nan, np.nan, 0))
    bounds = binomtest(other, own + other).proportion_ci(method="wilson")
    return Choice(own, other, neither, Estimate(other / (own + other), bounds.low, bounds.high, own + other))


def headings(result: Result) -> dict[str, tuple[Estimate, Estimate]]:
    """Mean cosine of the angle between the first heading and the way to the own and to the other's platform."""
    of, found = pairs(result), {}
    for swap, path in zip(of.swaps, of.path, strict=True):
        start, step = path[:, 0], path[:, min(HEADING_MS, path.shape[1] - 1)] - path[:, 0]
        found[swap] = (mean(_cosine(step, of.own - start)), mean(_cosine(step, of.other - start)))
    return found


def nearest(result: Result) -> dict[str, tuple[Estimate, Estimate]]:
    """Least distance, over the time watched, to the centre of the own and of the other's platform (pool radii)."""
    of = pairs(result)
    return {
        swap: (_least_distance(path, of.own), _least_distance(path, of.other))
        for swap, path in zip(of.swaps, of.path, strict=True)
    }


def _cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.where(length > 0, (a * b).sum(axis=1) / np.where(length > 0, length, 1), 0)


def _least_distance(path: np.ndarray, platform: np.ndarray) -> Estimate:
    return mean(np.linalg.norm(path - platform[:, None], axis=-1).min(axis=1))


def steps_to_either(of: Pairs, swap: int, radius: float) -> np.ndarray:
    """Steps until a path first lies over one of the two platforms, or its length, (n,)."""
    path = of.path[swap]
    near = [np.linalg.norm(path - platform[:, None], axis=-1) <= radius for platform in (of.own, of.other)]
    over = near[0] | near[1]
    return np.where(over.any(axis=1), over.argmax(axis=1), path.shape[1])


@styled
def draw_transplant(result: Result) -> Figure:
    """Paths after each swap, turned so that the own platform lies left and the other's right; whose is reached."""
    of, found = pairs(result), choices(result)
    title = "Transplant: what two animals are left with of their own state and the other's, and where each then swims"
    rows = -(-len(of.swaps) // IN_A_ROW)
    figure = new_figure(14, 0.6 + 5.6 * rows, title)
    grid = figure.subplots(2 * rows, IN_A_ROW, height_ratios=(1.15, 1) * rows)
    for number in range(rows * IN_A_ROW):
        row, column = divmod(number, IN_A_ROW)
        above, below = grid[2 * row, column], grid[2 * row + 1, column]
        if number >= len(of.swaps):
            for axes in (above, below):
                axes.axis("off")
            continue
        swap = of.swaps[number]
        draw_paths(above, of, number, platform_radius(result))
        above.set_title(textwrap.fill(label_of(swap), 16), loc="center")
        draw_choice(below, found[swap])
        if column == 0:
            below.set_ylabel("of those that\nreached one (%)")
    shown = min(PATHS_SHOWN, len(of.own))
    n = f"n = {len(of.own)} animals in {len(of.own) // 2} pairs; the first {shown} paths, up to a platform"
    bars = "lines on bars: Wilson 95 % intervals; dotted: chance"
    return add_footer(figure, result, f"{n}; {bars}; {of.path.shape[2] - 1} ms watched")


def draw_paths(axes: Axes, of: Pairs, swap: int, radius: float) -> None:
    """Paths turned and scaled so that the own platform lies left, the other's right, and the start below."""
    clear_axes(axes)
    middle, across = (of.own + of.other) / 2, (of.other - of.own) / 2
    half = np.linalg.norm(across, axis=1)
    unit = across / half[:, None]
    up = np.stack([-unit[:, 1], unit[:, 0]], axis=1)
    start = of.path[swap, :, 0] - middle
    up *= np.where((start * up).sum(axis=1) > 0, -1, 1)[:, None]
    shown = (of.path[swap] - middle[:, None])[:PATHS_SHOWN] / half[:PATHS_SHOWN, None, None]
    x, y = (np.einsum("nsd,nd->ns", shown, axis[:PATHS_SHOWN]) for axis in (unit, up))
    reached = first_reached(of.path[swap], of.own, of.other, radius)
    for line, steps in enumerate(steps_to_either(of, swap, radius)[:PATHS_SHOWN]):
        colour = (GREEN, VERMILLION, GREY)[reached[line]]
        axes.plot(x[line, : steps + 1], y[line, : steps + 1], color=colour, linewidth=0.7, alpha=0.7)
        axes.plot(x[line, 0], y[line, 0], "o", markersize=2.5, color="white", markeredgecolor=DARK, markeredgewidth=0.5)
    size = radius / float(np.median(half))
    for side, colour, label in ((-1, GREEN, "own"), (1, VERMILLION, "other's")):
        axes.add_patch(Circle((side, 0), size, facecolor=colour + "50", edgecolor=colour, zorder=3))
        axes.text(side, size + 0.08, label, color=colour, ha="center", fontweight="bold")
    axes.set_xlim(-2.2, 2.2)
    axes.set_ylim(-2.6, 1.2)


def draw_choice(axes: Axes, choice: Choice) -> None:
    """Whose platform was reached first, in per cent of the animals that reached one, with intervals."""
    share = choice.share
    bars = ((1 - share.value, 1 - share.high, 1 - share.low), (share.value, share.low, share.high))
    for place, ((value, low, high), colour) in enumerate(zip(bars, (GREEN, VERMILLION), strict=True)):
        axes.bar(place, 100 * value, color=colour, width=0.75)
        axes.vlines(place, 100 * low, 100 * high, color=DARK, linewidth=1.8)
    axes.set_xticks((0, 1), ["own", "other's"])
    axes.set_xlabel(f"{choice.neither} reached neither", color=GREY)
    axes.set_xlim(-0.8, 1.8)
    axes.set_ylim(0, 105)
    axes.axhline(50, color=DARK, linewidth=1, linestyle=":", zorder=3)


def tell_transplant(result: Result, outcomes: Outcomes) -> list[str]:
    of, found, angles, distances = pairs(result), choices(result), headings(result), nearest(result)
    lines = [
        f"{len(of.own) // 2} pairs of animals that had found platforms which do not touch; released together at a new "
        f"place and watched for {of.path.shape[2] - 1} ms without a platform. By chance own and other's are alike: "
        f"50 %."
    ]
    for swap, choice in found.items():
        own, other = angles[swap]
        near, far = distances[swap]
        lines.append(
            f"{label_of(swap)}: {choice.own} swam first to their own platform, {choice.other} to the other's, "
            f"{choice.neither} to neither; of those that reached one {interval(choice.share, 2)} went to the other's "
            f"({WHOSE.get(outcomes[swap], outcomes[swap].value)}). Mean cosine of the first heading ({HEADING_MS} ms) "
            f"with the way to the own {interval(own, 2)}, to the other's {interval(other, 2)}; least distance "
            f"{interval(near, 2)} and {interval(far, 2)} pool radii."
        )
    return [*lines, carrier(found, outcomes), *enough_of_b(found, outcomes)]


def carrier(found: dict[str, Choice], outcomes: Outcomes) -> str:
    """Which part of the state animals follow where a variable and the rest are of two animals, by what is sought."""
    if outcomes["everything"] is not Outcome.MORE or outcomes["none"] is not Outcome.LESS:
        return (
            "Which part they follow is not decided: that they swim to their own platform with nothing exchanged, and "
            "to the other's with everything exchanged, is not shown."
        )
    kept = kept_in(found)
    return " ".join(_carrier(name, _drawn(name, kept), found, outcomes) for name in kept)


def _carrier(name: str, drawn_by: str, found: dict[str, Choice], outcomes: Outcomes) -> str:
    rest, those = f"all_but_{name}", f"the {called(name)}" if called(name) != name else name
    shares = (
        f"(other's: {interval(found[name].share, 2)} with its {name}, {interval(found[rest].share, 2)} with its rest)"
    )
    both = outcomes[name], outcomes[rest]
    said = {
        (Outcome.MORE, Outcome.LESS): f"most follow {those}",
        (Outcome.LESS, Outcome.MORE): "most follow the rest (membranes, spikes under way)",
        (Outcome.SAME, Outcome.SAME): "neither is followed by more than the other, to within the margin",
    }.get(both, "which is followed by most is not decided")
    what = those.removesuffix(f" {name}") if those != name else name
    drawn = {
        Outcome.MORE: f"; {what} draw some along",
        Outcome.SAME: f"; {what} draw none along beyond the margin",
    }.get(outcomes[drawn_by], f"; whether {what} draw some along is not decided")
    also = drawn if both == (Outcome.LESS, Outcome.MORE) else ""
    return f"Where {name} and the rest are of two animals, {said} {shares}{also}."


def _enough(name: str, found: dict[str, Choice], outcomes: Outcomes) -> str:
    own, other = found[f"{name}_alone"].share, found[f"other_{name}_alone"].share
    followed, kept = outcomes[f"other_{name}_alone"], outcomes[f"{name}_alone"]
    alone = f"Whether {name} alone is enough is not decided"
    if followed is Outcome.MORE and kept is Outcome.LESS:
        alone = f"{name} alone is enough"
    elif followed is Outcome.SAME:
        alone = f"{name} alone is not enough"
    return (
        f"{alone}: with all else erased {interval(other, 2)} swim to the platform of the animal whose {name} they were "
        f"given, {interval(own, 2)} to the other's where they keep their own (chance 0.5)."
    )


def enough_of_b(found: dict[str, Choice], outcomes: Outcomes) -> list[str]:
    """Whether each variable is enough by itself, and after which times without input the own platform is known."""
    lines = []
    for name in kept_in(found) or ["b"]:
        if f"{name}_alone" in found:
            lines.append(_enough(name, found, outcomes))
    dark = {swap: choice.share for swap, choice in found.items() if swap.startswith("dark_")}
    if dark:
        each = ", ".join(f"{swap.removeprefix('dark_')} ms {interval(share, 2)}" for swap, share in dark.items())
        known = {swap.removeprefix("dark_"): outcomes[swap] for swap in dark}
        said = sort_out(known, WHOSE, "after {} ms")
        lines.append(f"After so long without input they swim: {said} (to the other's after {each}; chance 0.5).")
    return lines
