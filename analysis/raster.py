"""The memory being written: input spikes, network spikes and adaptive thresholds through the first visit."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from xarray import Dataset

from analysis.maze import path_of, radius_of, trials_of
from analysis.style import BLUE, DARK, GREEN, GREY, ORANGE, PALE, PINK, VERMILLION, add_footer, new_figure, styled
from lsnn.errors import InputError
from lsnn.files.about import Network
from lsnn.files.conditions import SpikeTrains
from lsnn.files.reading import ResultError, place
from lsnn.files.results import Condition, Result

BEFORE_MS, AFTER_MS, RETURN_MS, COMPARED_MS = 150, 350, 200, 50
LEAST_DARK_MS = 20  # without any input spike, from which on a pause counts as dark
INPUT_COLOURS = (BLUE, GREEN, ORANGE, PINK)
POPULATION_COLOURS = (BLUE, VERMILLION, GREEN, ORANGE)


class Window(NamedTuple):
    """Steps start_ms..stop_ms of an episode, row `stored` of the traces, around the first visit."""

    stored: int
    episode: int
    start_ms: int
    stop_ms: int
    find_ms: int
    visits_ms: np.ndarray
    set_downs_ms: np.ndarray


@styled
def first_visit(result: Result) -> Figure:
    """Distance to the platform, input raster, network raster and adaptive thresholds around the first visit."""
    result.require("frozen")
    frozen, network = result.conditions["frozen"], result.network
    traces = frozen.traces
    window = window_of_first_visit(frozen, traces)
    figure = new_figure(12, 9.6, "Spikes and adaptive thresholds through the first visit")
    axes = figure.subplots(4, 1, sharex=True, height_ratios=(1, 1.9, 2.4, 2.4))
    darks = darks_of(frozen, window, network)
    draw_distance(axes[0], frozen, window, radius_of(frozen, window.episode), darks)
    draw_inputs(axes[1], frozen.input_spike_trains, window, network)
    draw_populations(axes[2], frozen.spike_trains, window, network)
    draw_thresholds(axes[3], traces, window, network)
    for panel in axes[:3]:
        mark_events(panel, window, DARK, behind=True)
        shade_darks(panel, window, darks)
    mark_events(axes[3], window, "white", behind=False)
    axes[3].set_xlabel("time since the first visit (ms)")
    axes[3].set_xlim(window.start_ms - window.find_ms, window.stop_ms - window.find_ms)
    n = f"n = 1: episode {window.episode} of {frozen.n_episodes}, first visit at {window.find_ms} ms"
    return add_footer(figure, result, n)


def window_of_first_visit(condition: Condition, traces: Dataset, episode: int | None = None) -> Window:
    """The stored window with most time around the first visit of its episode, or that of one episode.

    Raises:
        ResultError: none holds one. InputError: the episode was not recorded, or never visits.
    """
    trials, recorded = trials_of(condition), sorted(set(traces.episode.values.tolist()))
    if episode is not None and episode not in recorded:
        rule = f"must be a recorded episode of {place(condition.group)} ({', '.join(map(str, recorded))})"
        raise InputError(f"--episode {rule}, got {episode}")
    best: tuple[int, Window] | None = None
    starts = zip(traces.episode.values.tolist(), traces.start_ms.values.tolist(), strict=True)
    for index, (number, start) in enumerate(starts):
        rows = trials.episode == number
        if episode not in (None, number):
            continue
        visits = np.sort((trials.start_ms + trials.latency_ms)[rows & trials.found])
        stop = start + traces.sizes["row"]
        if not len(visits) or not start < visits[0] < stop:
            continue
        moment, releases = int(visits[0]), np.sort(trials.start_ms[rows])
        released = releases[releases > moment][:1].tolist() or [moment]  # it may stay out of the pool for long
        last = min(int(stop), max(moment + AFTER_MS, released[0] + RETURN_MS))
        first = max(int(start), moment - BEFORE_MS)
        window = Window(index, int(number), first, last, moment, visits, releases)
        if best is None or last - first > best[0]:
            best = (last - first, window)
    if best is None and episode is not None:
        raise InputError(f"--episode must be one that visits the platform in the stored time, got {episode}")
    if best is None:
        raise ResultError(f"{place(condition.group)}/traces: no window holds the first visit of its episode")
    return best[1]


def darks_of(condition: Condition, window: Window, network: Network) -> list[tuple[int, int]]:
    """From when to when, in ms of the episode, nothing entered the network between a visit and the next release."""
    cells, found = sum(size for _, size in network.input_channels), []
    for visit in window.visits_ms[window.visits_ms < window.stop_ms].tolist():
        later = window.set_downs_ms[window.set_downs_ms > visit]
        if not len(later):
            continue
        released = int(later[0])
        spikes, _ = condition.input_spike_trains.between(window.episode, visit, released, cells)
        start = int(spikes.max(initial=visit)) + 1
        if released - start >= LEAST_DARK_MS:
            found.append((start, released))
    return found


def shade_darks(axes: Axes, window: Window, darks: Sequence[tuple[int, int]]) -> None:
    """Darks in grey, behind everything else."""
    for start, stop in darks:
        since, until = start - window.find_ms, min(stop, window.stop_ms) - window.find_ms
        axes.axvspan(since, until, color=PALE, alpha=0.6, linewidth=0, zorder=0)


def platform_found_first(condition: Condition, episode: int) -> np.ndarray:
    """Centre of the platform of the first visit of an episode that has one, (2,); it may have moved before."""
    trials = trials_of(condition)
    visits = np.flatnonzero((trials.episode == episode) & trials.found)
    row = visits[np.argmin((trials.start_ms + trials.latency_ms)[visits])]
    return np.array([trials.platform_x[row], trials.platform_y[row]])


def mark_events(axes: Axes, window: Window, colour: str, behind: bool) -> None:
    """Visits as solid lines (the first one strong), releases as dashed ones."""
    for moments, style in ((window.visits_ms, "-"), (window.set_downs_ms, "--")):
        for moment in moments[(moments >= window.start_ms) & (moments < window.stop_ms)]:
            first = moment == window.find_ms
            axes.axvline(
                moment - window.find_ms,
                color=VERMILLION if first else colour,
                linestyle=style,
                linewidth=1.2 if first else 0.8,
                alpha=1 if first else 0.5,
                zorder=0 if behind else 5,
            )


def draw_distance(
    axes: Axes, condition: Condition, window: Window, platform_radius: float, darks: Sequence[tuple[int, int]]
) -> None:
    """Distance from the animal to the centre of the platform that it finds first."""
    path = path_of(condition, window.episode, window.start_ms, window.stop_ms)
    distance = np.linalg.norm(path - platform_found_first(condition, window.episode), axis=1)
    jumps = np.isin(np.arange(window.start_ms, window.stop_ms), window.set_downs_ms)
    time = np.arange(window.start_ms, window.stop_ms) - window.find_ms
    cut = np.flatnonzero(jumps)
    axes.plot(np.insert(time.astype(float), cut, np.nan), np.insert(distance, cut, np.nan), color=DARK, linewidth=1.8)
    axes.axhspan(0, platform_radius, color=GREEN, alpha=0.25, linewidth=0)
    axes.set_ylim(0, 1.9)
    axes.set_ylabel("distance\n(pool radii)")
    axes.annotate(
        "first visit",
        (0, 1.0),
        (4, 2),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        color=VERMILLION,
        fontweight="bold",
    )
    axes.annotate(
        "released (dashed), later visits (thin), dark (grey)" if darks else "released (dashed), later visits (thin)",
        (1.0, 1.0),
        (0, 2),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="right",
        fontsize=10,
    )


def draw_inputs(axes: Axes, spikes: SpikeTrains, window: Window, network: Network) -> None:
    """Input spikes, a colour a channel."""
    sizes = [size for _, size in network.input_channels]
    channel = np.repeat(np.arange(len(sizes)), sizes)
    labels = [name for name, _ in network.input_channels]
    draw_raster(axes, spikes, window, channel, labels, INPUT_COLOURS)
    axes.set_ylabel("input cells")


def draw_populations(axes: Axes, spikes: SpikeTrains, window: Window, network: Network) -> None:
    """Network spikes, a colour a population."""
    draw_raster(axes, spikes, window, network.population, network.labels, POPULATION_COLOURS)
    axes.set_ylabel("network neurons")


def draw_raster(
    axes: Axes,
    spikes: SpikeTrains,
    window: Window,
    group: np.ndarray,
    labels: tuple[str, ...] | list[str],
    colours: tuple[str, ...],
) -> None:
    """Spikes as ticks, cells sorted into groups (cells,) from the top down, each group named at the right."""
    time, cell = spikes.between(window.episode, window.start_ms, window.stop_ms, len(group))
    order = np.argsort(group, kind="stable")
    rank = np.empty(len(order), int)
    rank[order] = np.arange(len(order))
    for code, label in enumerate(labels):
        rows = rank[group == code]
        if not len(rows):
            continue
        inside, colour = group[cell] == code, colours[code % len(colours)]
        axes.vlines(
            time[inside] - window.find_ms,
            rank[cell[inside]] - 0.45,
            rank[cell[inside]] + 0.45,
            color=colour,
            linewidth=1.3,
        )
        axes.annotate(
            label,
            (1.0, rows.mean()),
            (6, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            color=colour,
            fontweight="bold",
            annotation_clip=False,
        )
        axes.axhline(rows.max() + 0.5, color=GREY, linewidth=0.4)
    axes.set_ylim(len(group) - 0.5, -0.5)
    axes.set_yticks([])


def thresholds_in(traces: Dataset, window: Window, network: Network) -> np.ndarray:
    """Thresholds B/b0 of all neurons in a window, (ms, N)."""
    offset = int(traces.start_ms[window.stored])
    rows = traces.threshold[window.stored, window.start_ms - offset : window.stop_ms - offset]
    relative: np.ndarray = rows.to_numpy() / network.b0
    return relative


def draw_thresholds(axes: Axes, traces: Dataset, window: Window, network: Network) -> None:
    """Thresholds B/b0 of the adaptive neurons, sorted by how much the first visit raised them."""
    adaptive = np.flatnonzero(network.beta > 0)
    axes.set_ylabel("adaptive neurons,\nmost raised on top")
    axes.set_yticks([])
    if not len(adaptive):
        axes.text(0.5, 0.5, "no adaptive neuron with the threshold b0 + beta b", transform=axes.transAxes, ha="center")
        return
    relative = thresholds_in(traces, window, network)[:, adaptive]
    find = window.find_ms - window.start_ms
    before = relative[max(find - COMPARED_MS, 0) : find].mean(axis=0)
    raised = relative[find : find + COMPARED_MS].mean(axis=0) - before
    image = axes.imshow(
        relative[:, np.argsort(-raised)].T,
        aspect="auto",
        cmap="viridis",
        interpolation="nearest",
        extent=(window.start_ms - window.find_ms, window.stop_ms - window.find_ms, len(adaptive), 0),
    )
    axes.figure.colorbar(image, cax=axes.inset_axes((1.01, 0, 0.015, 1)), label="threshold B / b0")
