"""Animals that are led to the platform, and who comes back (reads the file of the experiment led)."""

from pathlib import Path
from textwrap import fill
from typing import NamedTuple

import h5py
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.side_by_side import network_groups
from analysis.study.measures import mean
from analysis.style import (
    BLACK,
    BLUE,
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
from analysis.verdict import interval
from lsnn import open_result
from lsnn.estimates import Estimate
from lsnn.files.reading import GAPS, Rule, array, attribute, names, number_attribute
from lsnn.files.results import Result
from lsnn.files.whole import write_whole

COLOURS = (BLUE, VERMILLION, GREEN, PINK, ORANGE, SKY)
MS = Rule(1, whole=True)


class Network(NamedTuple):
    """Shares of one network's animals that come back in time, by the path on which they were led."""

    label: str
    first_ms: dict[str, float]  # median, when they had reached the platform
    kept: dict[str, Estimate]
    erased: dict[str, Estimate]
    opposite: dict[str, Estimate]  # share that is nearer to the place opposite the platform


def networks_of(result: Result) -> list[Network]:
    """In the order they were given; ResultError where there is none."""
    paths, back_ms = names(result.file, "paths"), number_attribute(result.file, "back_ms", MS)
    return [_network(group, paths, back_ms) for group in network_groups(result)]


def _network(group: h5py.Group, paths: list[str], back_ms: float) -> Network:
    first, back, erased = (array(group, n, (len(paths), None), GAPS) for n in ("first_ms", "back_ms", "back_erased_ms"))
    kept = {path: _in_time(back[row], back_ms) for row, path in enumerate(paths)}
    without = {path: _in_time(erased[row], back_ms) for row, path in enumerate(paths)}
    turned = array(group, "opposite", (len(paths), None), GAPS)
    opposite = {path: mean(turned[row][np.isfinite(turned[row])]) for row, path in enumerate(paths)}
    label = f"{str(attribute(group, 'network')).removesuffix('.lsnn.h5')}, seed {attribute(group, 'seed')}"
    return Network(label, {path: _median(first[row]) for row, path in enumerate(paths)}, kept, without, opposite)


def _in_time(back: np.ndarray, most: float) -> Estimate:
    return mean((back[np.isfinite(back)] <= most).astype(float))


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else np.nan


def describe(path: Path) -> str:
    """Lines for a terminal."""
    with open_result(path) as result:
        networks, back_ms = networks_of(result), number_attribute(result.file, "back_ms", MS)
    rule = (
        f"back within {back_ms:g} ms of the release; with the state erased; nearer to the place opposite the platform"
    )
    lines = [f"{rule} [95 % over animals]"]
    for network in networks:
        lines.append(network.label)
        for name, kept in network.kept.items():
            told = "; ".join(interval(each, 2) for each in (kept, network.erased[name], network.opposite[name]))
            lines.append(f"  {name}: {told} (n = {kept.n}; there after {network.first_ms[name]:.0f} ms)")
    return "\n".join(lines)


@styled
def led_figure(result: Result) -> Figure:
    """Who comes back, with a line for animals without a state; who swims to the other side. A bar a network."""
    networks, back_ms = networks_of(result), number_attribute(result.file, "back_ms", MS)
    turned_ms = number_attribute(result.file, "turned_ms", MS)
    figure = new_figure(12, 8.6, "Led to the platform: who comes back by itself?")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1.4, 1))
    _draw(above, [network.kept for network in networks], networks)
    _draw(below, [network.opposite for network in networks], networks)
    width = 0.8 / len(networks)
    for number, network in enumerate(networks):
        at = _places(number, networks)
        erased = [100 * each.value for each in network.erased.values()]
        above.hlines(erased, at - 0.46 * width, at + 0.46 * width, color=BLACK, linewidth=2)
    above.plot([], [], color=BLACK, linewidth=2, label="the same, state erased")
    below.axhline(50, color=GREY, linestyle=":", linewidth=1)
    above.set(ylabel=f"back within {back_ms:g} ms (%)")
    below.set(ylabel=f"nearer to the opposite\nplace after {turned_ms:g} ms (%)")
    below.set_xticks(range(len(networks[0].kept)), [fill(path, 17) for path in networks[0].kept], fontsize=10)
    above.legend(loc="upper right", ncols=2, fontsize=9)
    n = f"n = {min(each.n for network in networks for each in network.kept.values())} animals or more a bar"
    return add_footer(figure, result, f"{n}; led until the second release, then on their own")


def _places(number: int, networks: list[Network]) -> np.ndarray:
    width = 0.8 / len(networks)
    return np.arange(len(networks[0].kept)) + (number - (len(networks) - 1) / 2) * width


def _draw(axes: Axes, shares: list[dict[str, Estimate]], networks: list[Network]) -> None:
    for number, of in enumerate(shares):
        at, colour = _places(number, networks), COLOURS[number % len(COLOURS)]
        value, low, high = 100 * np.array([each[:3] for each in of.values()]).T
        axes.bar(at, value, 0.92 * 0.8 / len(networks), color=colour, label=networks[number].label)
        axes.vlines(at, low, high, color=GREY, linewidth=1.2)
    axes.set(ylim=(0, 102))
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    axes.set_axisbelow(True)


def write_figure(path: Path, out: Path) -> Path:
    """Draw the experiment in a file; returns where the PNG stands."""
    with open_result(path) as result:
        write_whole(out, png(led_figure(result)))
    return out
