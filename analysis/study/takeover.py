"""Takeover: what an animal follows after one visit of the platform, and after many."""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from analysis.claims import sort_out
from analysis.study.measures import Claims, Outcomes, TooFew, array, called
from analysis.study.transplant import WHOSE, Choice, choice_of, claim_of, kept_in
from analysis.style import (
    BLUE,
    BROWN,
    DARK,
    GREEN,
    GREY,
    ORANGE,
    PINK,
    SILVER,
    SKY,
    VERMILLION,
    add_footer,
    new_figure,
    styled,
)
from analysis.verdict import interval
from lsnn.estimates import Estimate
from lsnn.files.reading import names, subgroup
from lsnn.files.results import Result

FEWEST_PAIRS = 10
COLOURS = (GREEN, PINK, SKY), (VERMILLION, BROWN, GREY), (BLUE, DARK, SILVER)  # of variables: itself, alone, the rest


def others_of(swaps: Collection[str]) -> dict[str, tuple[str, str]]:
    """Swap: what an animal has of the other's, by which it may swim to the other's platform, and its colour."""
    rest, one, alone = {}, {}, {}
    for number, name in enumerate(kept_in(swaps)):
        itself, by_itself, all_else = (colours[number % len(colours)] for colours in COLOURS)
        rest[f"all_but_{name}"] = f"state but for {name} (membranes, spikes)", all_else
        one[name] = called(name), itself
        alone[f"other_{name}_alone"] = f"{called(name)}, all else erased", by_itself
    return {**rest, "v": ("membranes v", ORANGE), **one, **alone}


DARK_MS = 500


class Takeover(NamedTuple):
    """Pairs that had found their platforms at least as often as the last of `visits` says, and were just released."""

    visits: np.ndarray  # (states,)
    pairs: int
    choices: dict[str, list[Choice]]  # by swap, after each number of visits


class InSearch(NamedTuple):
    """Pairs whose states were taken some time into a search."""

    lag_ms: int
    pairs: int
    choices: dict[str, Choice]  # by swap


def takeover_of(result: Result) -> Takeover:
    """The same pairs after every number of visits that at least `FEWEST_PAIRS` have made; TooFew if none is."""
    group = subgroup(result.file, "takeover")
    at_start = array(group, "lag_ms", 1) == 0
    visits, reached = array(group, "visits", 1)[at_start], array(group, "reached", 3)[at_start]
    usable = pairs(result)[at_start]
    enough = np.count_nonzero(usable, axis=1) >= FEWEST_PAIRS
    if not enough.any():
        raise TooFew(f"{usable[0].sum()} pairs found platforms which do not touch, at least {FEWEST_PAIRS} are needed")
    states = int(np.flatnonzero(enough)[-1]) + 1
    chosen = np.repeat(usable[states - 1], 2)
    choices = {
        swap: [choice_of(reached[state, number, chosen]) for state in range(states)]
        for number, swap in enumerate(names(group, "swaps"))
    }
    return Takeover(visits[:states], int(usable[states - 1].sum()), choices)


def in_search(result: Result) -> InSearch | None:
    """Of the states taken within a search; None where there are too few pairs."""
    group = subgroup(result.file, "takeover")
    lag = array(group, "lag_ms", 1)
    state = int(np.argmax(lag))
    chosen = pairs(result)[state]
    if lag[state] == 0 or np.count_nonzero(chosen) < FEWEST_PAIRS:
        return None
    reached = array(group, "reached", 3)[state][:, np.repeat(chosen, 2)]
    choices = {swap: choice_of(each) for swap, each in zip(names(group, "swaps"), reached, strict=True)}
    return InSearch(int(lag[state]), int(np.count_nonzero(chosen)), choices)


def pairs(result: Result) -> np.ndarray:
    """Of which both animals have a state, and platforms do not touch; (states, pairs)."""
    group = subgroup(result.file, "takeover")
    moment = array(group, "moment_ms", 2)
    return ((moment >= 0) & array(group, "apart", 1)).reshape(len(moment), -1, 2).all(axis=2)


def remembered(choice: Choice) -> Estimate:
    """Share that goes to its own platform, of those that reached one."""
    value, low, high, n = choice.share
    return Estimate(1 - value, 1 - high, 1 - low, n)


@styled
def draw_takeover(result: Result) -> Figure:
    """Share that swims to the platform of whose state is named, against the number of visits before."""
    of = takeover_of(result)
    figure = new_figure(11, 6.2, "What animals follow after one visit of the platform, and after many")
    axes = figure.subplots()
    curves = [(f"to the other's, given its {label}", colour, "-", [choice.share for choice in of.choices[swap]])
              for swap, (label, colour) in others_of(of.choices).items()]  # fmt: skip
    dark = [remembered(choice) for choice in of.choices[f"dark_{DARK_MS}"]]
    curves.append((f"to the own, after {DARK_MS} ms without input", DARK, "--", dark))
    for label, colour, line, shares in curves:
        value, low, high = 100 * np.array([share[:3] for share in shares]).T
        axes.fill_between(of.visits, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(of.visits, value, line, marker="o", color=colour, label=label)
    axes.axhline(50, color=DARK, linestyle=":", linewidth=1)
    axes.annotate("chance", (of.visits[0], 50), (0, 4), textcoords="offset points", color=DARK)
    axes.set(xscale="log", xlabel="visits before the state was taken", ylabel="of those that reached a platform (%)",
             ylim=(0, 100))  # fmt: skip
    axes.set_xticks(of.visits, [str(number) for number in of.visits])
    axes.minorticks_off()
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    n = f"n = {2 * of.pairs} animals in {of.pairs} pairs, the same throughout"
    return add_footer(figure, result, f"{n}; bands: Wilson 95 % intervals")


def darks(of: Takeover) -> list[str]:
    """The swaps that are a while without input."""
    return [swap for swap in of.choices if swap.startswith("dark_")]


def claims_of_takeover(result: Result) -> Claims:
    """Of each swap told, and after each number of visits: whose platform most go to."""
    of = takeover_of(result)
    return {
        (swap, int(number)): claim_of(choice)
        for swap in (*others_of(of.choices), *darks(of))
        for number, choice in zip(of.visits, of.choices[swap], strict=True)
    }


def tell_takeover(result: Result, outcomes: Outcomes) -> list[str]:
    of = takeover_of(result)
    lines = [
        f"{of.pairs} pairs that had each found their platforms {of.visits[-1]} times; states are of the start of the "
        f"trial after so many visits. Shares are of the animals that reached one of the two platforms, chance 0.5."
    ]
    for swap, (label, _) in others_of(of.choices).items():
        lines.append(
            f"Given the other's {label}, to the other's: {by_visits(of, [c.share for c in of.choices[swap]])}."
        )
    for swap in darks(of):
        own = [remembered(choice) for choice in of.choices[swap]]
        lines.append(f"After {swap.removeprefix('dark_')} ms without input, to the own: {by_visits(of, own)}.")
    if later := in_search(result):
        shares = ", ".join(
            f"{label} {interval(later.choices[swap].share, 2)}" for swap, (label, _) in others_of(later.choices).items()
        )
        dark = ", ".join(
            f"{swap.removeprefix('dark_')} ms {interval(remembered(later.choices[swap]), 2)}" for swap in darks(of)
        )
        lines.append(
            f"After {of.visits[0]} visit and {later.lag_ms} ms into the next search ({later.pairs} pairs that had not "
            f"found their platforms again), to the other's given its {shares}; to the own after {dark} without input."
        )
    return [*lines, carriers(outcomes)]


def by_visits(of: Takeover, shares: list[Estimate]) -> str:
    """'1: 0.50 [0.40, 0.60], 2: ..'"""
    return ", ".join(f"{number}: {interval(share, 2)}" for number, share in zip(of.visits, shares, strict=True))


def carriers(outcomes: Outcomes) -> str:
    """What is followed by number of visits: where the two disagree, thresholds by themselves, and after the dark."""
    asked: dict[str, str] = {}
    for name in kept_in(dict.fromkeys(swap for swap, _ in outcomes)):
        asked |= {f"all_but_{name}": f"given all of the other's but its {_short(name)}",
                  f"other_{name}_alone": f"Given its {_short(name)} with all else erased"}  # fmt: skip
    dark = [swap for swap, _ in outcomes if swap.startswith("dark_")]
    asked |= {swap: f"After {swap.removeprefix('dark_')} ms without input" for swap in dark}
    parts = []
    for swap, what in asked.items():
        by_number = {str(number): each for (of, number), each in outcomes.items() if of == swap}
        parts.append(f"{what}, {sort_out(by_number, WHOSE, 'after {}')}")
    return f"Numbers of visits: {'. '.join(parts)}."


def _short(variable: str) -> str:
    return called(variable).removesuffix(f" {variable}")
