"""The page of `lsnn demo` as a reader uses it: dragged, clicked and typed in, its numbers read."""

import json
import math
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from analysis.demo import as_json, families, write_demo
from lsnn.errors import InputError
from runs.demo.network import source_of
from runs.demo.page import write_page
from runs.demo.reading import reading_data
from runs.testing.conditions import keys_of_test
from tasks.experiment import open_network
from tests.runs.demo.browser import begin, browser_page, needs_browser, run
from tests.runs.demo.conftest import EPISODES
from tests.runs.demo.test_spikes import SHIPPED, compiled, rows

HOSTILE = '<img src=x onerror="window.injected=1">'
COMMAND = "</script><script>window.injected = 1</script>{{ 7 * 7 }}"


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    """A page of the shipped network, in a file of a hostile name, written by a hostile command."""
    folder = tmp_path_factory.mktemp("demo")
    network = shutil.copy(SHIPPED / "water_maze.lsnn.h5", folder / f"{HOSTILE}.lsnn.h5")
    return write_page(network, folder / "demo.html", 0, EPISODES, COMMAND, False)


@pytest.fixture(scope="module")
def page(path, browser):
    """The page in a browser, its clock stopped; no test needs another's doings."""
    with browser_page(browser) as page:
        page.goto(path.as_uri())
        yield page


@pytest.fixture
def fresh(page):
    """The page with one animal in the first maze at time 0."""
    begin(page)
    return page


def number(page, name: str) -> float:
    return float(re.findall(r"-?[\d.]+", page.inner_text(f"#{name}"))[0])


def place(page) -> list[float]:
    return [float(c) for c in re.findall(r"-?[\d.]+", page.inner_text("#platform-place"))]


def state(page, variable: str, animal: int = 0) -> np.ndarray:
    return np.array(page.evaluate(f"() => Array.from(page.animals[{animal}].state.{variable})"))


def on_screen(page, x: float, y: float) -> tuple[float, float]:
    """Where a place of the first pool is on the screen."""
    left, top = page.evaluate(f"() => pool_scale($('scene-a')).to_screen({x}, {y})")
    box = page.locator("#scene-a").bounding_box()
    return box["x"] + left, box["y"] + top


def data_of(page):
    """What a page computes with."""
    return json.loads(re.search(r'<script id="data"[^>]*>(.*?)</script>', page.read_text())[1])


def test_it_is_one_small_file_and_names_are_only_text(path):
    text = path.read_text()
    assert path.stat().st_size < 3_000_000
    assert HOSTILE not in text and COMMAND not in text
    assert "&lt;img src=x" in text
    assert not re.search(r"https?://|@import|url\(|<link|<img", text)
    assert as_json({"a": "</script>&<!--"}) == '{"a":"\\u003c/script\\u003e\\u0026\\u003c!--"}'


HOSTILES = (
    "</script><script>window.injected = 1</script>", "\"'><img src=x onerror=window.injected=1>",
    "\u2028window.injected = 1\u2029", "<!--<script>", "]]>{{ 7 * 7 }}${window.injected = 1}", "\\u003c/script>",
)  # fmt: skip


@needs_browser
@pytest.mark.parametrize("family", families())
def test_crafted_texts_stay_texts(family, browser, page_of, tmp_path):
    file, experiment = open_network(SHIPPED / f"{family}.lsnn.h5")
    data = data_of(page_of(family))
    kept = data["network"]["models"]
    data = {**data, "population_names": list(HOSTILES[:3]), "reading": {**data["reading"], "variables": list(HOSTILES)}}
    data["task"]["channels"] = [[text, 1] for text in HOSTILES]
    told = dict.fromkeys(("name", "command", "trained_by", "seed"), " ".join(HOSTILES))
    path = tmp_path / "demo.html"
    write_demo(path, data, source_of(file.network, experiment.task), told, False)
    with browser_page(browser) as page:
        page.goto(path.as_uri())
        run(page, 50)
        assert page.evaluate("() => [window.injected, document.scripts.length, document.images.length]") == [None, 2, 0]
        assert page.evaluate("() => [data.population_names, data.network.models]") == [list(HOSTILES[:3]), kept]
        shown = " ".join(" ".join(HOSTILES).split())
        assert " ".join(page.text_content("#about").split()).count(shown) == 4


@needs_browser
@pytest.mark.parametrize("family", families())
def test_neurons_that_keep_nothing(family, browser, page_of, tmp_path):
    file, experiment = open_network(SHIPPED / f"{family}.lsnn.h5")
    data = data_of(page_of(family)) | {"reading": None}
    told = dict.fromkeys(("name", "command", "trained_by", "seed"), "")
    path = write_demo(tmp_path / "demo.html", data, source_of(file.network, experiment.task), told, False)
    with browser_page(browser) as page:
        page.goto(path.as_uri())
        run(page, 50)
        assert page.locator("#thresholds, #decoded, #erase-thresholds").count() == 0
        assert not page.is_visible("#freeze") and not page.is_visible("#shows-reading")
        page.click("#erase-activity")
        page.click("#new")
        assert page.inner_text("#time") == "0 ms"


@needs_browser
def test_nothing_is_asked_for_and_nothing_injected(page):
    assert len(page.requested) == 1 and page.requested[0].startswith("file:")
    assert page.evaluate("() => window.injected") is None
    assert page.title().endswith(f"{HOSTILE}.lsnn.h5")
    assert "{{ 7 * 7 }}" in page.inner_text("body")


@needs_browser
@pytest.mark.parametrize("steps", [500, pytest.param(2000, marks=pytest.mark.long)])
def test_eight_episodes_spike_for_spike_in_the_browser(fresh, steps):
    file, experiment = open_network(SHIPPED / "water_maze.lsnn.h5")
    block = compiled(file.network, experiment, keys_of_test(0, 8), steps)
    found = fresh.evaluate(
        """(steps) => keys.slice(0, 8).map((key) => {
             const simulation = new Simulation(network, task, key), rows = [];
             for (let t = 0; t < steps; t++) {
               simulation.step();
               rows.push(Array.from(simulation.state.spikes.keys()).filter((i) => simulation.state.spikes[i]));
             }
             return rows;
           })""",
        steps,
    )
    assert [rows(block.record.spikes, lane) for lane in range(8)] == found


@needs_browser
def test_it_is_faster_than_real_time(fresh):
    fresh.evaluate("() => { page.computed_ms = page.computed_in = 0; }")
    run(fresh, 2000)
    assert number(fresh, "rate") >= 1000


@needs_browser
def test_play_pause_step_and_the_trials(fresh):
    fresh.click("#step")
    assert number(fresh, "time") == 1
    fresh.select_option("#speed", "1")
    fresh.click("#play")
    fresh.wait_for_function("() => Number($('visits').textContent) >= 2")
    fresh.click("#play")
    stopped = number(fresh, "time")
    trials = fresh.evaluate("() => page.animals[0].trials")
    assert number(fresh, "last-latency") == trials[-1]["latency"] >= number(fresh, "oracle") == trials[-1]["oracle"]
    fresh.wait_for_timeout(100)
    assert number(fresh, "time") == stopped > 1
    assert fresh.inner_text("#last-trial").startswith(f"Trial {len(trials)}: found after")
    fresh.click("#new")
    assert number(fresh, "visits") == number(fresh, "time") == 0


@needs_browser
def test_trials_are_those_of_the_test(fresh):
    file, experiment = open_network(SHIPPED / "water_maze.lsnn.h5")
    block = compiled(file.network, experiment, keys_of_test(0, 8), 400)
    trials = experiment.task.family.table(experiment.task, block.trace.task_state.transpose(1, 0, 2)[:1], None)
    run(fresh, 400)
    whole = trials[trials["found"]]
    found = fresh.evaluate("() => page.animals[0].trials.map((t) => [t.latency, t.oracle])")
    assert found == np.stack([whole["latency_ms"], whole["optimal_ms"]], axis=1).tolist()


@needs_browser
def test_dragging_the_platform_and_setting_the_animal_down(fresh):
    x, y = place(fresh)
    fresh.mouse.move(*on_screen(fresh, x, y))
    fresh.mouse.down()
    fresh.mouse.move(*on_screen(fresh, -0.2, 0.1), steps=4)
    fresh.mouse.move(*on_screen(fresh, -0.5, 0.4))
    fresh.mouse.up()
    np.testing.assert_allclose(place(fresh), [-0.5, 0.4], atol=0.02)
    fresh.mouse.click(*on_screen(fresh, 0.6, -0.3))
    np.testing.assert_allclose(fresh.evaluate("() => Array.from(page.animals[0].world.slice(0, 2))"),
                               [0.6, -0.3], atol=0.02)  # fmt: skip
    assert fresh.inner_text("#phase") == "searching for 0 ms"
    straight = math.ceil((math.hypot(1.1, 0.7) - 0.3) / 0.02)
    assert abs(fresh.evaluate("() => page.animals[0].trial.oracle") - straight) <= 2


@needs_browser
def test_keys_do_what_the_mouse_does(fresh):
    x, y = place(fresh)
    fresh.focus("#scene-a")
    fresh.keyboard.press("ArrowLeft")
    fresh.keyboard.press("Shift+ArrowUp")
    np.testing.assert_allclose(place(fresh), [x - 0.1, y + 0.02], atol=0.011)
    fresh.check("#keys-animal")
    before = fresh.evaluate("() => page.animals[0].world[0]")
    fresh.focus("#scene-a")
    fresh.keyboard.press("ArrowRight" if before < 0 else "ArrowLeft")
    after = fresh.evaluate("() => page.animals[0].world[0]")
    assert abs(after - before) == pytest.approx(0.1)
    fresh.keyboard.press("Space")
    assert fresh.inner_text("#play") == "Pause"
    fresh.keyboard.press("Space")
    assert fresh.inner_text("#play") == "Play"
    fresh.check("#keys-platform")


@needs_browser
def test_the_headline_tells_what_an_intervention_did(fresh):
    assert fresh.inner_text("#headline") == "First search …"
    run(fresh, 400)
    latencies = fresh.evaluate("() => page.animals[0].trials.map((t) => t.latency)")
    said = f"First search: {latencies[0]} ms. Since then: {np.median(latencies[1:]):g} ms (median), a straight swim: "
    assert fresh.inner_text("#headline").startswith(said)
    fresh.click("#erase-thresholds")
    before = f"Before: {np.median(latencies[1:]):g} ms (median)."
    assert fresh.inner_text("#headline") == f"After erasing thresholds: … {before}"
    run(fresh, 400)
    since = fresh.evaluate("() => page.animals[0].trials.map((t) => t.latency)")[len(latencies) :]
    own = ", ".join(map(str, since)) + " ms." if len(since) <= 4 else f"{since[0]} ms, then {np.median(since[1:]):g} ms"
    assert fresh.inner_text("#headline").startswith(f"After erasing thresholds: {own}")


@needs_browser
def test_lights_out(fresh):
    run(fresh, 300)
    fresh.fill("#dark", "0.5")
    fresh.click("#lights-out")
    assert "500 ms" in fresh.inner_text("#told")
    if fresh.inner_text("#phase") == "on the platform":
        run(fresh, 2)
    assert fresh.inner_text("#phase") == "in the dark"
    before = number(fresh, "visits")
    run(fresh, 400)
    assert fresh.inner_text("#phase") == "in the dark"
    assert fresh.evaluate("() => page.animals[0].simulation.input_spikes.some((z) => z)") is False
    run(fresh, 110)
    assert fresh.inner_text("#phase").startswith("searching") or number(fresh, "visits") > before


@needs_browser
def test_erasures(fresh):
    run(fresh, 600)
    n = fresh.evaluate("() => network.n_neurons")
    kept = state(fresh, "x")[n:]
    assert number(fresh, "visits") > 5 and kept.max() > 0
    fresh.click("#erase-activity")
    np.testing.assert_array_equal(state(fresh, "x"), np.concatenate([np.zeros(n), kept]))
    for part in ("pending", "r", "refractory"):
        assert not state(fresh, part).any()
    run(fresh, 50)
    fresh.click("#erase-thresholds")
    assert not state(fresh, "x")[n:].any() and state(fresh, "x")[:n].any()
    offset = fresh.evaluate("() => reading.offset")
    np.testing.assert_allclose([float(c) for c in re.findall(r"-?\d+\.\d+", fresh.inner_text("#decoded"))[:2]],
                               offset, atol=0.006)  # fmt: skip


@needs_browser
def test_frozen_thresholds_stay(fresh):
    run(fresh, 300)
    fresh.click("#freeze")
    assert fresh.get_attribute("#freeze", "aria-pressed") == "true"
    n = fresh.evaluate("() => network.n_neurons")
    held = state(fresh, "x")[n:]
    run(fresh, 200)
    moved = np.abs(state(fresh, "x")[n:] - held)  # by what one step adds to and takes of what is held
    assert moved.max() < 0.003
    fresh.click("#freeze")
    run(fresh, 200)
    assert np.abs(state(fresh, "x")[n:] - held).max() > 0.003


@needs_browser
@pytest.mark.parametrize("part", ["whole", "thresholds", "activity"])
def test_states_are_swapped(fresh, part):
    assert fresh.is_disabled("#swap")
    fresh.click("#second")
    run(fresh, 400)
    n = fresh.evaluate("() => network.n_neurons")
    before = [state(fresh, "x", i) for i in range(2)]
    assert fresh.is_visible("#scene-b") and not np.array_equal(*before)
    fresh.select_option("#part", part)
    fresh.click("#swap")
    for i in range(2):
        own, other = before[i], before[1 - i]
        expected = {"whole": other, "thresholds": np.concatenate([own[:n], other[n:]]),
                    "activity": np.concatenate([other[:n], own[n:]])}  # fmt: skip
        np.testing.assert_array_equal(state(fresh, "x", i), expected[part])
    fresh.check("#show-b")
    assert number(fresh, "time") == 400
    fresh.click("#second")
    assert not fresh.is_visible("#scene-b")


@needs_browser
def test_noise_and_silence(fresh):
    fresh.fill("#silence", "90")
    run(fresh, 100)
    silenced = np.array(fresh.evaluate("() => Array.from(page.animals[0].silenced)"))
    assert 0.8 < silenced.mean() < 1
    spiked = fresh.evaluate("() => page.histories[0].spikes.flatMap((row) => row.cells)")
    assert not silenced[np.unique(spiked)].any()
    fresh.fill("#silence", "0")
    undisturbed, noisy = [], []
    for noise, kept in (("0", undisturbed), ("0.5", noisy)):
        fresh.evaluate("() => new_episode(0)")
        fresh.fill("#noise", noise)
        run(fresh, 100)
        kept.append(state(fresh, "x"))
    fresh.fill("#noise", "0")
    assert not np.array_equal(undisturbed[0], noisy[0])


@needs_browser
def test_the_tour_and_a_telephone(fresh):
    for _ in range(4):
        fresh.click("#tour-next")
    assert fresh.inner_text("#tour-count") == "Step 5 of 5" and fresh.is_disabled("#tour-next")
    fresh.set_viewport_size({"width": 360, "height": 740})
    assert fresh.evaluate("() => document.documentElement.scrollWidth") <= 360
    fresh.set_viewport_size({"width": 1280, "height": 1300})
    for _ in range(4):
        fresh.click("#tour-back")
    assert fresh.is_disabled("#tour-back")


def test_what_is_read_off_the_thresholds_beats_the_mean():
    file, experiment = open_network(SHIPPED / "water_maze.lsnn.h5")
    reading = reading_data(file, experiment, 0, EPISODES)
    assert reading["error"] < 0.5 * reading["chance"]
    assert reading["variables"] == ["b"] and min(reading["sd"]) > 0


def test_too_few_mazes_for_the_decoder(tmp_path):
    with pytest.raises(InputError, match="--episodes must be >= 8, got 7"):
        write_page(SHIPPED / "water_maze.lsnn.h5", tmp_path / "demo.html", 0, 7, "", False)


def test_a_network_of_another_task(tmp_path):
    with pytest.raises(InputError, match="task of the network must be one of those that have a page"):
        write_page(SHIPPED / "two_step.lsnn.h5", tmp_path / "demo.html", 0, 8, "", False)
    assert not list(tmp_path.iterdir())
