"""Angles and colours by kind of network (reads the file of the experiment angle-colour)."""

from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.side_by_side import network_groups
from analysis.style import (
    BLACK,
    BLUE,
    BROWN,
    DARK,
    GREEN,
    GREY,
    ORANGE,
    PALE,
    PINK,
    SKY,
    VERMILLION,
    add_footer,
    new_figure,
    png,
    styled,
)
from lsnn import open_result
from lsnn.files.reading import Rule, array, json_attribute, label_attribute, subgroup
from lsnn.files.results import Result
from lsnn.files.whole import write_whole

DEGREES, CHANCE = Rule(0, 180), 90.0
SHOWN_KINDS = 3  # of networks that are drawn answer by answer beside the attractor
COLOURS = {"adaptive": BLUE, "LIF": ORANGE, "slow_synapses": GREEN, "attractor": BLACK, "untrained": VERMILLION}
CALLED = {
    "adaptive": "adaptive thresholds", "LIF": "LIF, no adaptation", "slow_synapses": "slow synapses, no adaptation",
    "attractor": "hand-wired ring attractor", "untrained": "untrained",
}  # fmt: skip
MAPS = {  # colour and marker of each kind of map
    "same": (BLACK, "o"), "turned": (BLACK, "s"), "mirrored": (BLACK, "^"), "folded": (GREY, "D"),
    "shuffled": (VERMILLION, "X"), "warp": (BLUE, "o"), "noise": (ORANGE, "o"), "overlap": (GREEN, "o"),
    "width": (PINK, "o"), "cells": (SKY, "o"),
}  # fmt: skip


class Way(NamedTuple):
    """A map of the file."""

    kind: str
    value: float
    draw: int

    @property
    def label(self) -> str:
        """Kind and strength."""
        return f"{self.kind} {self.value:g}" if self.value or self.kind == "overlap" else self.kind


class Group(NamedTuple):
    """What one network, or the attractor, did."""

    name: str
    kind: str
    item: h5py.Group

    @property
    def colour(self) -> str:
        """In every panel."""
        return COLOURS.get(self.kind, BROWN)

    @property
    def label(self) -> str:
        """In legends."""
        return CALLED.get(self.kind, self.kind)


def maps_of(result: Result) -> list[Way]:
    """The maps, in order."""
    return [Way(str(kind), float(value), int(draw)) for kind, value, draw in json_attribute(result.file, "maps", list)]


def groups(result: Result) -> list[Group]:
    """The networks in their order, then the first one untrained, then the attractor."""
    found = [Group(group.name.strip("/"), label_attribute(group, "kind"), group) for group in network_groups(result)]
    return [*found, *(Group(n, n, subgroup(result.file, n)) for n in ("untrained", "attractor"))]


def errors(group: Group, name: str, count: int) -> np.ndarray:
    """Mean error over episodes, (count,), in degrees."""
    return array(group.item, name, (count, None), DEGREES).mean(axis=1)


def by_dark(result: Result, group: Group) -> tuple[np.ndarray, np.ndarray]:
    """Darks in s and the mean error of the angle after each, both (D,)."""
    darks = array(result.file, "dark_ms", (None,), Rule(0))
    answer, shown = (array(group.item, name, (len(darks), None)) for name in ("answer_deg", "shown_deg"))
    return darks / 1000, np.abs((answer - shown + 180) % 360 - 180).mean(axis=1)


def erased(group: Group) -> dict[str, float]:
    """Mean error after every erasure, by what was erased."""
    names = json_attribute(group.item, "erased", list)
    return dict(zip(map(str, names), errors(group, "erased_error_deg", len(names)), strict=True))


def states_told(group: Group, darks: int, bins: int = 24) -> float:
    """exp of the entropy of the last answers over so many bins: about how many different ones there are."""
    answers = array(group.item, "answer_deg", (darks, None))[-1] % 360
    share = np.histogram(answers, bins, (0, 360))[0] / len(answers)
    return float(np.exp(-np.sum(share[share > 0] * np.log(share[share > 0]))))


def describe(path: Path) -> str:
    """For every group its errors by dark, after erasures, and by map."""
    with open_result(path) as result:
        ways, lines = maps_of(result), []
        for group in groups(result):
            lines.append(f"{group.name}, {group.label}")
            if group.kind != "untrained":
                darks, found = by_dark(result, group)
                told = ", ".join(f"{e:.1f} ({d:g} s)" for d, e in zip(darks, found, strict=True))
                lines.append(
                    f"  error in deg after a dark: {told}; {states_told(group, len(darks)):.0f} of 24 bins told"
                )
            if "erased" in group.item.attrs:
                lines.append("  erased: " + ", ".join(f"{name} {error:.1f}" for name, error in erased(group).items()))
            lines.append("  map: distortion, error after the best turn, of a fitted decoder")
            lines += [f"    {label}: {values}" for label, values in map_lines(group, ways).items()]
    return "\n".join(lines)


def map_lines(group: Group, ways: list[Way]) -> dict[str, str]:
    """For every map, over its draws, the three numbers."""
    columns = np.stack(map_numbers(group, ways))
    labels = [way.label for way in ways]
    chosen = {label: [label == other for other in labels] for label in labels}
    return {label: "{:.2f}, {:.1f}, {:.1f}".format(*columns[:, rows].mean(axis=1)) for label, rows in chosen.items()}


def map_numbers(group: Group, ways: list[Way]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distortion, error after the best rotation or reflection, error of the decoder; (maps,) each."""
    turned, decoded = (errors(group, name, len(ways)) for name in ("turned_error_deg", "decoded_error_deg"))
    return array(group.item, "distortion", (len(ways),), Rule(-1, 2)), turned, decoded


# Panels


def draw_answers(axes: Axes, group: Group, dark_s: float) -> None:
    """Answers against angles after the longest dark."""
    answer, shown = (array(group.item, name, (None, None))[-1] % 360 for name in ("answer_deg", "shown_deg"))
    axes.plot([0, 360], [0, 360], color=PALE, linewidth=1.5)
    axes.plot(shown, answer, ".", color=group.colour, markersize=4)
    axes.set(xlim=(0, 360), ylim=(0, 360), xticks=(0, 180, 360), yticks=(0, 180, 360), aspect="equal")
    axes.set(xlabel="angle shown (deg)", ylabel=f"told {dark_s:g} s later (deg)")
    axes.set_title(group.label, fontsize=11)


def draw_retention(axes: Axes, result: Result, drawn: list[Group]) -> None:
    """Error against the dark, a line a network."""
    named: set[str] = set()
    for group in drawn:
        axes.plot(
            *by_dark(result, group), "o-", color=group.colour, label=group.label if group.kind not in named else None
        )
        named.add(group.kind)
    axes.axhline(CHANCE, color=GREY, linestyle=":")
    axes.set(
        xlabel="dark (s)",
        ylabel="circular error (deg)",
        yscale="log",
        ylim=(1, 120),
        xlim=(0, None),
        title="Angles: how long",
    )
    axes.set_yticks([1, 3, 10, 30, 90], ["1", "3", "10", "30", "90"])
    axes.minorticks_off()
    axes.legend(fontsize=9)


def draw_rates(axes: Axes, result: Result, drawn: list[Group]) -> None:
    """Mean rate in the course of the longest dark."""
    longest = float(array(result.file, "dark_ms", (None,), Rule(0))[-1]) / 1000
    for group in drawn:
        rate = array(group.item, "dark_rate_hz", (None,), Rule(0))
        axes.plot(np.linspace(0, longest, len(rate)), rate, color=group.colour)
    axes.set(xlabel="time in the dark (s)", ylabel="mean rate (Hz)", ylim=(0, None), title="Is anything active?")


def draw_erased(axes: Axes, drawn: list[Group]) -> None:
    """Error after parts of the state were erased half way through the dark, a bar a part, one network a kind."""
    place, ticks = 0.0, []
    for group in drawn:
        for name, error in erased(group).items():
            axes.barh(place, error, color=group.colour, height=0.75)
            axes.annotate(f"{error:.1f}", (error, place), (3, 0), textcoords="offset points", va="center", fontsize=8)
            ticks.append((place, name))
            place -= 1
        place -= 0.7
    axes.set_yticks([at for at, _ in ticks], [name for _, name in ticks], fontsize=8)
    axes.axvline(CHANCE, color=GREY, linestyle=":")
    axes.set(xlabel="circular error (deg)", xlim=(0, 115), title="What is erased at half time")


def draw_maps(axes: Axes, group_rows: list[Group], ways: list[Way], column: int, title: str) -> None:
    """Error against distortion, a marker a map, the mean over networks of one kind."""
    numbers = np.mean([map_numbers(group, ways) for group in group_rows], axis=0)
    for kind, (colour, marker) in MAPS.items():
        rows = [way.kind == kind for way in ways]
        axes.plot(numbers[0, rows], numbers[column, rows], marker, color=colour, label=kind, markersize=6)
    on_error_axes(axes, title)
    axes.legend(fontsize=8, ncols=2, loc="upper left")


def draw_decoded(axes: Axes, drawn: list[Group], ways: list[Way]) -> None:
    """The decoder's error against distortion, a colour a kind of network."""
    named: set[str] = set()
    for group in drawn:
        distortion, _, decoded = map_numbers(group, ways)
        label = group.label if group.kind not in named else None
        axes.plot(distortion, decoded, ".", color=group.colour, label=label, markersize=7)
        named.add(group.kind)
    on_error_axes(axes, "Colours, decoder fitted: all networks")
    axes.legend(fontsize=8, loc="upper left")


def on_error_axes(axes: Axes, title: str) -> None:
    """Axes of an error against distortion."""
    axes.axhline(CHANCE, color=GREY, linestyle=":")
    axes.set(xlabel="distortion of the map (1 - correlation of drives)", ylabel="circular error (deg)")
    axes.set(xlim=(-0.05, 1.05), ylim=(0, 135), yticks=(0, 30, 60, 90), title=title)


def first_of_each(found: list[Group]) -> list[Group]:
    """The first network of every kind."""
    return [group for number, group in enumerate(found) if group.kind not in {each.kind for each in found[:number]}]


@styled
def colour_figure(result: Result) -> Figure:
    """Answers after the longest dark; retention, activity, erasures; errors against distortion."""
    found, ways = groups(result), maps_of(result)
    networks, untrained, attractor = found[:-2], found[-2], found[-1]
    kinds, longest = first_of_each(networks), float(array(result.file, "dark_ms", (None,), Rule(0))[-1]) / 1000
    alike = [group for group in networks if group.kind == kinds[0].kind]
    figure = new_figure(15, 14, "Angle recall, weights frozen: angles, and colours through other maps")
    rows: Any = figure.subfigures(3, 1, height_ratios=(1, 1.1, 1.25))
    shown = [*kinds[:SHOWN_KINDS], attractor]
    for axes, group in zip(rows[0].subplots(1, len(shown)), shown, strict=True):
        draw_answers(axes, group, longest)
    retention, rates, parts = rows[1].subplots(1, 3)
    draw_retention(retention, result, [*networks, attractor])
    draw_rates(rates, result, [*networks, attractor])
    draw_erased(parts, kinds)
    turned, decoded, everyone = rows[2].subplots(1, 3)
    draw_maps(turned, alike, ways, 1, "Colours as it answers, after the best turn")
    draw_maps(decoded, alike, ways, 2, "Colours, decoder fitted")
    draw_decoded(everyone, [*networks, untrained, attractor], ways)
    for axes in (turned, decoded):
        axes.annotate(alike[0].label, (0.98, 0.02), xycoords="axes fraction", ha="right", color=DARK, fontsize=9)
    episodes = len(result.file["episode_key"]) // 2
    return add_footer(figure, result, f"{episodes} test episodes each · colours after 0.5 s of dark")


def write_figure(path: Path, out: Path) -> Path:
    """Draw the experiment in a file; returns where the PNG stands."""
    with open_result(path) as result:
        write_whole(out, png(colour_figure(result)))
    return out
