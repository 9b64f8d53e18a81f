"""The movie of a made-up result file."""

from types import SimpleNamespace

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from analysis import movie
from analysis.maze import path_of
from analysis.movie import file_of, preferred_angles, write_movie
from analysis.raster import Window, darks_of
from lsnn.files.reading import ResultError
from lsnn.files.results import Result


def test_movie_moves_and_shows_the_whole_window(result_path, tmp_path, monkeypatch):
    monkeypatch.setattr(movie, "STEP_MS", 100)
    monkeypatch.setattr(movie, "DOTS_PER_INCH", 40)
    written = write_movie(result_path, tmp_path / "film.gif")
    with Image.open(written) as film:
        frames = []
        for number in range(film.n_frames):
            film.seek(number)
            frames.append(np.asarray(film.convert("RGB")))
    assert len(frames) >= 4
    assert all((a != b).any() for a, b in zip(frames, frames[1:], strict=False))


def test_an_mp4_has_as_many_frames_as_the_gif(result_path, tmp_path, monkeypatch):
    monkeypatch.setattr(movie, "STEP_MS", 100)
    monkeypatch.setattr(movie, "DOTS_PER_INCH", 40)
    written = write_movie(result_path, tmp_path / "film")
    assert written.suffix == ".mp4" and written.read_bytes()[4:8] == b"ftyp"
    frames, seconds = imageio_ffmpeg.count_frames_and_secs(written)
    with Image.open(write_movie(result_path, tmp_path / "film.gif")) as film:
        assert frames == film.n_frames
    assert seconds == pytest.approx(frames / movie.FRAMES_PER_SECOND, rel=0.05)


def test_preferred_place_is_where_the_spikes_were(result_path):
    with Result(result_path) as result:
        frozen = result.conditions["frozen"]
        angles = preferred_angles(frozen, result.network)
        total = np.zeros(2)
        for episode in frozen.spike_trains.episodes.tolist():
            time, neuron = frozen.spike_trains.between(episode, 0, frozen.duration_ms, 100)
            total += path_of(frozen, episode)[time[neuron == 7]].sum(axis=0)
    assert angles[7] == pytest.approx(np.arctan2(total[1], total[0]))


def test_suffix_decides_and_a_wrong_one_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(movie.FFMpegWriter, "isAvailable", classmethod(lambda cls: False))
    assert file_of(tmp_path / "film").suffix == ".gif"
    for name, message in (("film.avi", "must be .mp4 or .gif"), ("film.mp4", "needs ffmpeg")):
        with pytest.raises(ResultError, match=message):
            file_of(tmp_path / name)


class Inputs:
    """Input spikes of the one episode of a condition."""

    def __init__(self, times):
        self.times = np.array(times)

    def between(self, episode, start_ms, stop_ms, n_cells):
        inside = self.times[(self.times >= start_ms) & (self.times < stop_ms)]
        return inside, np.zeros(len(inside), int)


def window_in_the_dark() -> Window:
    """Visits at 100 and 500 ms, releases at 0, 400 and 505 ms."""
    return Window(0, 0, 50, 600, 100, np.array([100, 500]), np.array([0, 400, 505]))


def test_dark_is_from_the_last_input_on_the_platform_to_the_release():
    inputs = Inputs([*range(0, 125), *range(400, 502), *range(505, 600)])
    condition, network = SimpleNamespace(input_spike_trains=inputs), SimpleNamespace(input_channels=[("place", 4)])
    assert darks_of(condition, window_in_the_dark(), network) == [(125, 400)]  # three steps are none


def test_the_dark_passes_in_longer_steps_and_is_named():
    stage = movie.Stage(window_in_the_dark(), np.zeros((550, 2)), *[None] * 5, darks=[(125, 400)])
    frames = stage.frames_ms
    dark = [ms for ms in frames if 125 <= 50 + ms < 400]
    assert set(np.diff(dark)) == {movie.DARK_STEP_MS} and set(np.diff(frames[:8])) == {movie.STEP_MS}
    assert frames[-1] < 550 <= frames[-1] + movie.STEP_MS
    phases = [movie._phase(stage.window, 50 + ms, stage.in_dark(ms)) for ms in (0, 60, 200, 360, 452, 460)]
    dark, platform = "dark: nothing enters the network", "on the platform"
    assert phases == ["search 1", platform, dark, "search 2", platform, "search 3"]
