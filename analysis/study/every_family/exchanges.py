"""Transplant and takeover: whose latent an animal follows once it has parts of another animal's state."""

from typing import NamedTuple

from matplotlib.figure import Figure

from analysis.claims import Outcome, sort_out
from analysis.study.every_family.conditions import (
    COLOURS,
    bars,
    choices,
    colour_of,
    known,
    label_of,
    measured,
    percent,
    score_of,
    tells,
)
from analysis.study.interventions import band
from analysis.study.measures import Claims, Outcomes, TooFew, array, called
from analysis.study.transplant import Choice, choice_of, claim_of
from analysis.style import BLUE, DARK, ORANGE, PINK, SILVER, VERMILLION, add_footer, new_figure, styled
from analysis.verdict import interval
from lsnn.files.reading import names, subgroup
from lsnn.files.results import Result

FEWEST_PAIRS = 10


@styled
def draw_transplant(result: Result) -> Figure:
    """Share that follows the partner's latent, and the score, after each swap."""
    of, score = measured(result, "transplant"), score_of(result)
    found = choices(of.followed)
    title = "Transplant: parts of the states of two animals exchanged before a trial"
    figure = new_figure(13 if tells(found) else 9, 6.4, title)
    panels = figure.subplots(1, 2 if tells(found) else 1, sharey=True, squeeze=False)[0]
    labels = {name: swap_label(name, of.kept) for name in found}
    colours = {labels[name]: colour_of(name, of.kept) for name in found}
    bars(panels[-1], {labels[name]: known(each) for name, each in of.score.items()}, colours)
    panels[-1].set_title(f"{score.label}, in that trial")
    if score.chance is not None:
        panels[-1].axvline(score.chance, color=DARK, linestyle=":", linewidth=1)
    if len(panels) > 1:
        bars(panels[0], {labels[name]: choice.share for name, choice in found.items()}, colours, 100)
        panels[0].axvline(50, color=DARK, linestyle=":", linewidth=1)
        panels[0].set(title="follow the other's latent (%)", xlim=(0, 103))
    n = f"n = {of.n} animals, of which {found['none'].own + found['none'].other} can be told"
    return add_footer(figure, result, f"{n}; lines: 95 % intervals, Wilson's for shares; dotted: chance")


def swap_label(name: str, kept: list[str]) -> str:
    """'exchanged: ..' where parts were exchanged."""
    plain = name in (*kept, "v", "everything") or name.startswith("all_but_")
    return f"exchanged: {label_of(name, kept)}" if plain else label_of(name, kept)


def claims_of_transplant(result: Result) -> Claims:
    """Of each swap: whose latent most follow; nothing where the family does not say."""
    found = choices(measured(result, "transplant").followed)
    return {name: claim_of(choice) for name, choice in found.items()} if tells(found) else {}


FOLLOWED_MOST = {Outcome.MORE: "most the other's", Outcome.SAME: "as many either", Outcome.LESS: "most their own"}


def tell_transplant(result: Result, outcomes: Outcomes) -> list[str]:
    of, score = measured(result, "transplant"), score_of(result)
    found, lines = choices(of.followed), []
    lines.append(f"{of.n} animals in pairs; in the trial that follows nothing in the input tells of the latent.")
    for name, choice in found.items():
        said = f"{score.label} {score.text(known(of.score[name]))}"
        if choice.own + choice.other:
            outcome = FOLLOWED_MOST.get(outcomes[name], outcomes[name].value)
            said = f"{interval(choice.share, 2)} follow the other's latent ({outcome}); {said}"
        label = swap_label(name, of.kept)
        lines.append(f"{label[0].upper()}{label[1:]}: {said}.")
    if not tells(found):
        lines.append("Whose latent is followed is not said: the family does not tell how well a trial fits a latent.")
    return lines


class Takeover(NamedTuple):
    """By number of trials that told of the latent: whose it is that is followed, by swap."""

    told: list[int]
    choices: list[dict[str, Choice]]
    kept: list[str]


def takeover_of(result: Result) -> Takeover:
    """Of as many trials as enough pairs had."""
    group = subgroup(result.file, "takeover")
    swaps, followed = names(group, "conditions"), array(group, "followed", 3)
    found = [{swap: choice_of(each) for swap, each in zip(swaps, state, strict=True)} for state in followed]
    usable = [number for number, of in enumerate(found) if of["none"].own + of["none"].other >= 2 * FEWEST_PAIRS]
    if not usable:
        raise TooFew(f"of no more than {2 * FEWEST_PAIRS} animals it can be told whose latent they follow")
    told = [int(array(group, "told", 1)[number]) for number in usable]
    return Takeover(told, [found[number] for number in usable], names(group, "kept"))


def curves(of: Takeover) -> dict[str, tuple[str, str]]:
    """Label and colour of every swap shown, by its name."""
    found = {"none": ("nothing exchanged", SILVER), "everything": ("given all of the other's", VERMILLION)}
    found |= {"v": ("given the other's membranes v", ORANGE)}
    for number, name in enumerate(of.kept):
        colour = COLOURS[number % len(COLOURS)]
        found |= {name: (f"given the other's {called(name)}", colour),
                  f"all_but_{name}": (f"given all of the other's but {name}", BLUE),
                  f"other_{name}_alone": (f"left with the other's {name} alone", PINK)}  # fmt: skip
    return found


@styled
def draw_takeover(result: Result) -> Figure:
    """Share that follows the partner's latent, given parts of its state, by number of trials that told of it."""
    of = takeover_of(result)
    figure = new_figure(11, 6.2, "What is followed after one trial that told of the latent, and after many")
    axes = figure.subplots()
    for swap, (label, colour) in curves(of).items():
        shares = [percent(found[swap].share) for found in of.choices]
        band(axes, list(map(float, of.told)), shares, colour, label)
    axes.axhline(50, color=DARK, linestyle=":", linewidth=1)
    axes.set(xlabel="trials that had told of the latent", ylabel="follow the other's latent (%)", ylim=(-2, 102))
    if len(of.told) > 1:
        axes.set_xscale("log")
    axes.set_xticks(of.told, [str(number) for number in of.told])
    axes.minorticks_off()
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    counts = ", ".join(str(found["none"].own + found["none"].other) for found in of.choices)
    return add_footer(figure, result, f"n = {counts} animals; bands: Wilson 95 % intervals; dotted: chance")


def claims_of_takeover(result: Result) -> Claims:
    """Of each swap shown, by number of trials: whose latent most follow."""
    of = takeover_of(result)
    return {(swap, told): claim_of(found[swap])
            for told, found in zip(of.told, of.choices, strict=True) for swap in curves(of)}  # fmt: skip


def tell_takeover(result: Result, outcomes: Outcomes) -> list[str]:
    of, lines = takeover_of(result), []
    for swap, (label, _) in curves(of).items():
        shares = ", ".join(f"{told}: {interval(found[swap].share, 2)}"
                           for told, found in zip(of.told, of.choices, strict=True))  # fmt: skip
        said = sort_out({str(told): outcomes[swap, told] for told in of.told}, FOLLOWED_MOST, "after {}")
        what = f"{label[0].upper()}{label[1:]}, follow the other's latent, by number of trials that told of it"
        lines.append(f"{what}: {shares} ({said}).")
    return lines
