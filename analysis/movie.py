"""A movie of a frozen episode round its first visit: swim path, spikes, thresholds by preferred place, value."""

import shutil
from importlib.util import find_spec
from pathlib import Path
from subprocess import CalledProcessError
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.animation import FFMpegWriter, PillowWriter
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from matplotlib.text import Text

from analysis.maze import path_of, radius_of
from analysis.raster import (
    Window,
    darks_of,
    draw_populations,
    platform_found_first,
    shade_darks,
    thresholds_in,
    window_of_first_visit,
)
from analysis.style import BLUE, DARK, GREEN, GREY, VERMILLION, add_footer, clear_axes, new_figure, styled
from lsnn import open_result
from lsnn.errors import StoreError
from lsnn.files.about import Network
from lsnn.files.reading import ResultError
from lsnn.files.results import Condition, Result
from lsnn.files.scratch import scratch_folder
from lsnn.files.whole import write_whole

STEP_MS, FRAMES_PER_SECOND, DOTS_PER_INCH = 10, 8, 72
DARK_STEP_MS = 50  # a frame while nothing enters the network
WATER, NIGHT = "#F3F7FA", "#4A4F57"
WRITERS = {".mp4": FFMpegWriter, ".gif": PillowWriter}


class Stage(NamedTuple):
    """What moves from frame to frame."""

    window: Window
    path: np.ndarray  # (ms, 2)
    line: Line2D
    animal: Line2D
    cursors: list[Line2D]
    pool: Circle
    told: Text  # what the animal does
    darks: list[tuple[int, int]]  # ms of the episode from when to when nothing enters the network

    def in_dark(self, ms: int) -> bool:
        """Whether nothing enters the network at so many ms from the start of the window."""
        now = self.window.start_ms + ms
        return any(start <= now < stop for start, stop in self.darks)

    @property
    def frames_ms(self) -> list[int]:
        """When frames are taken, from the start of the window."""
        frames = [0]
        while (after := frames[-1] + (DARK_STEP_MS if self.in_dark(frames[-1]) else STEP_MS)) < len(self.path):
            frames.append(after)
        return frames


def ffmpeg() -> str:
    """The system's ffmpeg; where there is none, that of the package imageio-ffmpeg, if it is installed."""
    if shutil.which("ffmpeg") or not find_spec("imageio_ffmpeg"):
        return "ffmpeg"
    from imageio_ffmpeg import get_ffmpeg_exe

    return get_ffmpeg_exe()


def file_of(out: Path) -> Path:
    """The movie's file: .mp4 or .gif as asked; without a suffix MP4 where ffmpeg is there, GIF otherwise.

    Raises ResultError for another suffix, and for .mp4 without ffmpeg.
    """
    with matplotlib.rc_context({"animation.ffmpeg_path": ffmpeg()}):
        mp4 = FFMpegWriter.isAvailable()
    if out.suffix == "":
        return out.with_suffix(".mp4" if mp4 else ".gif")
    if out.suffix not in WRITERS:
        raise ResultError(f"{out}: a movie must be .mp4 or .gif, or be named without a suffix")
    if out.suffix == ".mp4" and not mp4:
        raise ResultError(f"{out}: an MP4 needs ffmpeg, which is not there (pip install imageio-ffmpeg); name a .gif")
    return out


@styled
def write_movie(result_path: str | Path, out: Path, overwrite: bool = True, episode: int | None = None) -> Path:
    """Write the movie of a result file of `lsnn test`; returns its path.

    Args:
        episode: which one, of those recorded; None: that with most time round its first visit.

    Raises:
        ResultError: the file holds no recording. InputError: it has none of the episode. StoreError: the movie cannot
            be written.
    """
    target = file_of(out)
    with matplotlib.rc_context({"animation.ffmpeg_path": ffmpeg()}):
        with open_result(result_path) as result:
            result.require("frozen")
            figure, stage = draw_stage(result, episode)
        content = filmed(figure, stage, target)
    return write_whole(target, content, overwrite)


def filmed(figure: Figure, stage: Stage, target: Path) -> bytes:
    """The bytes of the movie; writers want a file, which they have in a folder of their own."""
    writer = WRITERS[target.suffix](fps=FRAMES_PER_SECOND)
    try:
        with scratch_folder() as folder:
            made = folder / f"movie{target.suffix}"
            with writer.saving(figure, str(made), DOTS_PER_INCH):
                for ms in stage.frames_ms:
                    move(stage, ms)
                    writer.grab_frame()
            return made.read_bytes()
    except (OSError, CalledProcessError) as error:  # ffmpeg tells what kept it from writing on its last line
        told = getattr(error, "stderr", None) or str(error)
        said = told.decode(errors="replace") if isinstance(told, bytes) else told
        last = (said.strip().splitlines() or [type(error).__name__])[-1]
        raise StoreError(target, f"it is made in the folder for temporary files: {last}") from error


def draw_stage(result: Result, episode: int | None = None) -> tuple[Figure, Stage]:
    """The still parts, and the pieces that move."""
    frozen, network = result.conditions["frozen"], result.network
    if result.task != "water-maze":
        raise ResultError(f"{result.path}: a movie is made of swim paths in the water maze, not of {result.task}")
    if not frozen.has_recording:
        raise ResultError(f"{result.path}: /frozen needs spikes and traces for a movie, {frozen.why_no_spikes}")
    window = window_of_first_visit(frozen, frozen.traces, episode)
    darks = darks_of(frozen, window, network)
    through = "its first visit and the dark" if darks else "its first visit"
    figure = new_figure(11, 6.4, f"One episode through {through}, weights frozen")
    grid = figure.add_gridspec(3, 2, width_ratios=(1, 1.35), height_ratios=(1.3, 1.3, 0.6))
    path = path_of(frozen, window.episode, window.start_ms, window.stop_ms)
    pool, line, animal, told = draw_pool(
        figure.add_subplot(grid[:, 0]), frozen, window, radius_of(frozen, window.episode)
    )
    panels = [figure.add_subplot(grid[row, 1]) for row in range(3)]
    draw_populations(panels[0], frozen.spike_trains, window, network)
    draw_sorted_thresholds(panels[1], frozen, window, network)
    draw_value(panels[2], frozen, window)
    for panel in panels:
        panel.set_xlim(window.start_ms - window.find_ms, window.stop_ms - window.find_ms)
        panel.axvline(0, color=VERMILLION, linewidth=1)
    for panel in (panels[0], panels[2]):
        shade_darks(panel, window, darks)
    cursors = [panel.axvline(0, color=DARK, linewidth=1.5) for panel in panels]
    add_footer(figure, result, f"n = 1: episode {window.episode} of {frozen.n_episodes}; {_pace(darks)}")
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once, not for every frame
    return figure, Stage(window, path, line, animal, cursors, pool, told, darks)


def _pace(darks: list[tuple[int, int]]) -> str:
    return f"{STEP_MS} ms a frame" + (f", {DARK_STEP_MS} in the dark" if darks else "")


def move(stage: Stage, ms: int) -> None:
    """The frame at so many ms from the start of the window; the path shown is that of the present search."""
    window = stage.window
    downs = window.set_downs_ms[window.set_downs_ms <= window.start_ms + ms]
    first = max(0, int(downs[-1]) - window.start_ms) if len(downs) else 0
    dark, now = stage.in_dark(ms), window.start_ms + ms
    stage.line.set_data(*stage.path[first : ms + 1].T)
    stage.animal.set_data(*stage.path[ms : ms + 1].T)
    stage.animal.set_visible(not dark)
    stage.line.set_visible(not dark)
    stage.pool.set_facecolor(NIGHT if dark else WATER)
    stage.told.set_text(_phase(window, now, dark))
    for cursor in stage.cursors:
        cursor.set_xdata([window.start_ms + ms - window.find_ms] * 2)


def _phase(window: Window, now: int, dark: bool) -> str:
    """What the animal does, in words."""
    visits, releases = (moments[moments <= now] for moments in (window.visits_ms, window.set_downs_ms))
    if dark:
        return "dark: nothing enters the network"
    if len(visits) and (not len(releases) or visits[-1] >= releases[-1]):
        return "on the platform"
    return f"search {len(releases)}"


def draw_pool(axes: Axes, condition: Condition, window: Window, radius: float) -> tuple[Circle, Line2D, Line2D, Text]:
    """Pool and platform; returns the pool, path and animal, and a text, all to be changed."""
    clear_axes(axes)
    pool = Circle((0, 0), 1, facecolor=WATER, edgecolor=GREY, linewidth=1.2)
    axes.add_patch(pool)
    centre = platform_found_first(condition, window.episode)
    platform = Circle(tuple(centre), radius, facecolor=GREEN + "50", edgecolor=GREEN)
    axes.add_patch(platform).set_clip_path(pool)
    axes.set_xlim(-1.05, 1.05)
    axes.set_ylim(-1.25, 1.05)
    line = axes.plot([], [], color=BLUE, linewidth=1.5)[0]
    animal = axes.plot([], [], "o", color=DARK, markersize=8)[0]
    return pool, line, animal, axes.text(0, -1.12, "", ha="center", va="top", fontsize=13, fontweight="bold")


def preferred_angles(condition: Condition, network: Network) -> np.ndarray:
    """Direction from the pool's centre of the mean place at which each neuron spiked in recorded episodes, (N,)."""
    spikes, total = condition.spike_trains, np.zeros((len(network.population), 2))
    for episode in spikes.episodes.tolist():
        time, neuron = spikes.between(episode, 0, condition.duration_ms, len(total))
        np.add.at(total, neuron, path_of(condition, episode)[time])
    return np.arctan2(total[:, 1], total[:, 0])


def draw_sorted_thresholds(axes: Axes, condition: Condition, window: Window, network: Network) -> None:
    """Thresholds B/b0 of the adaptive neurons, by the direction of their preferred place."""
    adaptive = np.flatnonzero(network.beta > 0)
    axes.set(ylabel="thresholds by\npreferred place", yticks=[])
    if not len(adaptive):
        return
    traces = condition.traces
    rows = thresholds_in(traces, window, network)
    order = adaptive[np.argsort(preferred_angles(condition, network)[adaptive])]
    extent = (window.start_ms - window.find_ms, window.stop_ms - window.find_ms, len(adaptive), 0)
    axes.imshow(rows[:, order].T, aspect="auto", cmap="viridis", extent=extent)


def draw_value(axes: Axes, condition: Condition, window: Window) -> None:
    """The value readout."""
    value = condition.recording("value", window.episode, slice(window.start_ms, window.stop_ms))
    axes.plot(np.arange(window.start_ms, window.stop_ms) - window.find_ms, value, color=BLUE, linewidth=1.2)
    axes.set(ylabel="value", xlabel="time since the first visit (ms)")
