"""Networks meta-trained for a study: held-out wedge, series of tau_a, controls."""

from collections.abc import Mapping

import h5py
import numpy as np
from matplotlib.figure import Figure

from analysis.claims import claim
from analysis.study.interventions import band
from analysis.study.measures import FEWEST, Claims, Outcomes, array, enough, latency_margin, ratio
from analysis.study.retention import Retention, half_life, half_life_text, kept_across, saved
from analysis.style import BLUE, DARK, GREEN, GREY, ORANGE, PINK, SKY, VERMILLION, add_footer, new_figure, styled
from analysis.verdict import interval
from lsnn.estimates import Estimate
from lsnn.files.reading import attribute, holds, names, subgroup
from lsnn.files.results import Result

COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, PINK, SKY)


def fractions(result: Result) -> dict[str, tuple[Estimate, Estimate]]:
    """Of the wedge: visits of network and circling as fractions of the oracle's, outside and inside."""
    group = subgroup(result.file, "wedge")
    visits, circling, oracle = (array(group, name, 2).astype(float) for name in ("visits", "circling", "oracle"))
    return {
        place: (ratio(visits[number], oracle[number]), ratio(circling[number], oracle[number]))
        for number, place in enumerate(("outside the wedge", "inside the wedge"))
    }


@styled
def draw_wedge(result: Result) -> Figure:
    """Fractions of the oracle's visits outside and inside the wedge of angles that training left out."""
    found = fractions(result)
    wedge = "-".join(f"{angle:g}" for angle in attribute(subgroup(result.file, "wedge"), "held_out_wedge"))
    figure = new_figure(8, 5, f"No platform at {wedge} degrees in meta-training")
    bars(figure, {place: both for place, both in found.items()}, ("network", "circling: no memory"))
    return add_footer(
        figure, result, f"95 % bootstrap over n = {next(iter(found.values()))[0].n} episodes; one network"
    )


def bars(figure: Figure, groups: Mapping[str, tuple[Estimate, ...]], labels: tuple[str, ...]) -> None:
    """Groups of bars with intervals: fraction of the oracle's visits."""
    axes = figure.subplots()
    for number, label in enumerate(labels):
        at = np.arange(len(groups)) + 0.38 * number
        each = [estimates[number] for estimates in groups.values()]
        axes.bar(at, [e.value for e in each], width=0.34, color=(BLUE, ORANGE)[number], label=label)
        axes.vlines(at, [e.low for e in each], [e.high for e in each], color=DARK, linewidth=1.8)
    axes.set_xticks(np.arange(len(groups)) + 0.19, [name.replace("_", " ") for name in groups])
    axes.set(ylabel="visits, fraction of the oracle's", ylim=(0, 1.05))
    axes.legend(loc="upper right")


def tell_wedge(result: Result, _: Outcomes) -> list[str]:
    found = fractions(result)
    return [
        f"{place.capitalize()}: network {interval(own, 2)}, circling {interval(circling, 2)} of the oracle's visits "
        f"({own.n} episodes)."
        for place, (own, circling) in found.items()
    ]


def series(result: Result) -> dict[float, Retention]:
    """Searches after a dark, by tau_a in ms, of animals that knew the platform; networks with too few are left out."""
    group = subgroup(result.file, "tau_a")
    dark, search = array(group, "dark_ms", 1), array(group, "search_ms", 4)
    everyone = np.ones((len(search), search.shape[-1]))  # older files do not say who knew it
    valid = (array(group, "valid", 2) if holds(group, "valid") else everyone) > 0
    enough(max(valid, key=np.count_nonzero), "had found the platform before the dark")
    return {
        float(tau): Retention(f"tau_a {tau:g} ms", dark, kept[:, known], erased[:, known])
        for tau, known, (kept, erased) in zip(array(group, "tau_a_ms", 1), valid, search, strict=True)
        if np.count_nonzero(known) >= FEWEST
    }


@styled
def draw_tau_a(result: Result) -> Figure:
    """Escape latency saved by the state against the dark, a line a network."""
    figure = new_figure(10, 5.8, "Retention of networks trained with different tau_a")
    axes = figure.subplots()
    for number, of in enumerate(series(result).values()):
        band(axes, of.dark_ms.tolist(), saved(of), COLOURS[number % len(COLOURS)], of.arm)
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set_xscale("symlog", linthresh=10)
    axes.set(xlabel="dark (ms)", ylabel="escape latency saved by the state (ms)", xlim=(-1, None))
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    animals = ", ".join(str(of.kept.shape[1]) for of in series(result).values())
    return add_footer(figure, result, f"bands: 95 % bootstrap over n = {animals} animals; one network a line")


def claims_of_tau_a(result: Result) -> Claims:
    """Of each network and dark: whether the state saves escape latency."""
    margin = latency_margin(result)
    return {
        (of.arm, int(ms)): claim(gain, margin)
        for of in series(result).values()
        for ms, gain in zip(of.dark_ms, saved(of), strict=True)
    }


def tell_tau_a(result: Result, outcomes: Outcomes) -> list[str]:
    return [
        f"{of.arm.capitalize()} ({of.kept.shape[1]} animals). {half_life_text(half_life(of), tau)} "
        f"{kept_across(outcomes, of.arm)}"
        for tau, of in series(result).items()
    ]


def controls(result: Result) -> dict[str, tuple[Estimate, Estimate]]:
    """Fractions of the oracle's visits of each network, state kept and zeroed at every start."""
    group = subgroup(result.file, "controls")
    visits, oracle = array(group, "visits", 3).astype(float), array(group, "oracle", 1).astype(float)
    return {
        name: (ratio(kept, oracle), ratio(zeroed, oracle))
        for name, (kept, zeroed) in zip(names(group, "networks"), visits, strict=True)
    }


@styled
def draw_controls(result: Result) -> Figure:
    """Each control beside the reference."""
    found, group = controls(result), subgroup(result.file, "controls")
    figure = new_figure(10, 5.6, "Controls")
    bars(figure, found, ("state kept", "zeroed at every start"))
    level = ratio(array(group, "circling", 1).astype(float), array(group, "oracle", 1).astype(float)).value
    figure.axes[0].axhline(level, color=DARK, linestyle=":", label="circling: no memory")
    figure.axes[0].legend(loc="upper right")
    n = f"95 % bootstrap over n = {next(iter(found.values()))[0].n} episodes; one network a pair"
    return add_footer(figure, result, n + meta_trained(group))


def meta_trained(group: h5py.Group) -> str:
    """How many iterations of meta-training the controls had; nothing of older files, which do not say it."""
    counts = sorted({int(count) for count in np.atleast_1d(group.attrs.get("iterations", []))})
    return f"; {' to '.join(map(str, dict.fromkeys((counts[0], counts[-1]))))} iterations each" if counts else ""


def tell_controls(result: Result, _: Outcomes) -> list[str]:
    return [
        f"{name.replace('_', ' ').capitalize()}: {interval(kept, 2)} of the oracle's visits, with the state zeroed at "
        f"every "
        f"start {interval(zeroed, 2)} ({kept.n} episodes)."
        for name, (kept, zeroed) in controls(result).items()
    ]
