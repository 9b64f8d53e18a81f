"""The page of `lsnn demo` as a reader uses it: dragged, clicked and typed in, its numbers read."""

import json
import math
import re

import numpy as np
import pytest

from analysis.demo import as_json, families, write_demo
from lsnn.errors import InputError
from runs.demo.network import network_data, packed, source_of, task_data
from runs.demo.page import write_page
from runs.testing.conditions import keys_of_test
from tasks.experiment import open_network
from tests.runs.demo.browser import browser_page, needs_browser, run
from tests.runs.demo.conftest import COMMAND, EPISODES, HOSTILE
from tests.runs.demo.test_spikes import SHIPPED, compiled, rows, untrained


@pytest.fixture
def page(fresh):
    return fresh("water_maze")


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


def test_it_is_one_small_file_and_names_are_only_text(page_of):
    path = page_of("water_maze")
    text = path.read_text()
    assert path.stat().st_size < 3_000_000
    assert HOSTILE not in text and COMMAND not in text
    assert "&lt;img src=x" in text
    assert not re.search(r"https?://|@import|url\(|<link|<img", text)
    assert as_json({"a": "</script>&<!--"}) == '{"a":"\\u003c/script\\u003e\\u0026\\u003c!--"}'


EACH = pytest.mark.parametrize(
    "family", [name if name == "water_maze" else pytest.param(name, marks=pytest.mark.long) for name in families()]
)
HOSTILES = (
    "</script><script>window.injected = 1</script>", "\"'><img src=x onerror=window.injected=1>",
    "\u2028window.injected = 1\u2029", "<!--<script>", "]]>{{ 7 * 7 }}${window.injected = 1}", "\\u003c/script>",
)  # fmt: skip


@needs_browser
@EACH
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
@EACH
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
def test_several_platforms(browser, page_of, tmp_path):
    network, experiment = untrained("platforms", "task.platforms=4")
    whole = np.zeros(network.config.n_neurons, np.int8), np.ones(network.config.n_neurons, np.float32)
    own = {"network": network_data(network), "task": task_data(experiment.task), "reading": None, "first": 1}
    own |= {"populations": packed(whole[0], np.int8), "scale": packed(whole[1], np.float32)}
    told = dict.fromkeys(("name", "command", "trained_by", "seed"), "")
    source = source_of(network, experiment.task)
    path = write_demo(tmp_path / "demo.html", data_of(page_of("water_maze")) | own, source, told, False)
    with browser_page(browser) as page:
        page.goto(path.as_uri())
        assert page.evaluate("() => page.animals[0].world[COUNT]") > 1
        page.evaluate(
            "() => { page.animals[0].move_platform(0.1, 0.2); draw(); }"
        )  # that of the trial, in its later trials too
        goal, places = page.evaluate(
            "() => { const w = page.animals[0].world; return [w[GOAL], [...w.slice(PLACES)]]; }"
        )
        assert places[2 * goal : 2 * goal + 2] == pytest.approx([0.1, 0.2]) == place(page)
        page.evaluate("() => { const w = page.animals[0].world; page.animals[0].move_platform(w[X], w[Y]); }")
        run(page, 2)
        assert number(page, "visits") == 1 and page.evaluate("() => page.animals[0].world[SEEN]") == 1 << goal


@needs_browser
def test_nothing_is_asked_for_and_nothing_injected(page):
    assert set(page.requested) == {page.url} and page.url.startswith("file:")
    assert page.evaluate("() => window.injected") is None
    assert page.title().endswith(f"{HOSTILE}.lsnn.h5")
    assert "{{ 7 * 7 }}" in page.inner_text("body")


@needs_browser
@pytest.mark.parametrize("steps", [500, pytest.param(2000, marks=pytest.mark.long)])
def test_eight_episodes_spike_for_spike_in_the_browser(page, steps):
    file, experiment = open_network(SHIPPED / "water_maze.lsnn.h5")
    block = compiled(file.network, experiment, keys_of_test(0, 8), steps)
    found = page.evaluate(
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
def test_it_is_faster_than_real_time(page):
    page.evaluate("() => { page.computed_ms = page.computed_in = 0; }")
    run(page, 2000)
    assert number(page, "rate") >= 1000


@needs_browser
def test_play_pause_step_and_the_trials(page):
    page.click("#step")
    assert number(page, "time") == 1
    page.select_option("#speed", "1")
    page.click("#play")
    page.wait_for_function("() => Number($('visits').textContent) >= 2")
    page.click("#play")
    stopped = number(page, "time")
    trials = page.evaluate("() => page.animals[0].trials")
    assert number(page, "last-latency") == trials[-1]["latency"] >= number(page, "oracle") == trials[-1]["oracle"]
    page.wait_for_timeout(100)
    assert number(page, "time") == stopped > 1
    assert page.inner_text("#last-trial").startswith(f"Trial {len(trials)}: found after")
    page.click("#new")
    assert number(page, "visits") == number(page, "time") == 0


@needs_browser
def test_trials_are_those_of_the_test(page):
    file, experiment = open_network(SHIPPED / "water_maze.lsnn.h5")
    block = compiled(file.network, experiment, keys_of_test(0, 8), 400)
    trials = experiment.task.family.table(experiment.task, block.trace.task_state.transpose(1, 0, 2)[:1], None)
    run(page, 400)
    whole = trials[trials["found"]]
    found = page.evaluate("() => page.animals[0].trials.map((t) => [t.latency, t.oracle])")
    assert found == np.stack([whole["latency_ms"], whole["optimal_ms"]], axis=1).tolist()


@needs_browser
def test_dragging_the_platform_and_setting_the_animal_down(page):
    x, y = place(page)
    page.mouse.move(*on_screen(page, x, y))
    page.mouse.down()
    page.mouse.move(*on_screen(page, -0.2, 0.1), steps=4)
    page.mouse.move(*on_screen(page, -0.5, 0.4))
    page.mouse.up()
    np.testing.assert_allclose(place(page), [-0.5, 0.4], atol=0.02)
    page.mouse.click(*on_screen(page, 0.6, -0.3))
    np.testing.assert_allclose(page.evaluate("() => Array.from(page.animals[0].world.slice(0, 2))"),
                               [0.6, -0.3], atol=0.02)  # fmt: skip
    assert page.inner_text("#phase") == "searching for 0 ms"
    straight = math.ceil((math.hypot(1.1, 0.7) - 0.3) / 0.02)
    assert abs(page.evaluate("() => page.animals[0].trial.oracle") - straight) <= 2


@needs_browser
def test_keys_do_what_the_mouse_does(page):
    x, y = place(page)
    page.focus("#scene-a")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowUp")
    np.testing.assert_allclose(place(page), [x - 0.1, y + 0.02], atol=0.011)
    page.check("#keys-animal")
    before = page.evaluate("() => page.animals[0].world[0]")
    page.focus("#scene-a")
    page.keyboard.press("ArrowRight" if before < 0 else "ArrowLeft")
    after = page.evaluate("() => page.animals[0].world[0]")
    assert abs(after - before) == pytest.approx(0.1)
    page.keyboard.press("Space")
    assert page.inner_text("#play") == "Pause"
    page.keyboard.press("Space")
    assert page.inner_text("#play") == "Play"
    page.check("#keys-platform")


@needs_browser
def test_the_headline_tells_what_an_intervention_did(page):
    assert page.inner_text("#headline") == "First search …"
    run(page, 400)
    latencies = page.evaluate("() => page.animals[0].trials.map((t) => t.latency)")
    said = f"First search: {latencies[0]} ms. Since then: {np.median(latencies[1:]):g} ms (median), a straight swim: "
    assert page.inner_text("#headline").startswith(said)
    page.click("#erase-thresholds")
    before = f"Before: {np.median(latencies[1:]):g} ms (median)."
    assert page.inner_text("#headline") == f"After erasing thresholds: … {before}"
    run(page, 400)
    since = page.evaluate("() => page.animals[0].trials.map((t) => t.latency)")[len(latencies) :]
    own = ", ".join(map(str, since)) + " ms." if len(since) <= 4 else f"{since[0]} ms, then {np.median(since[1:]):g} ms"
    assert page.inner_text("#headline").startswith(f"After erasing thresholds: {own}")


@needs_browser
def test_lights_out(page):
    run(page, 300)
    page.fill("#dark", "0.5")
    page.click("#lights-out")
    assert "500 ms" in page.inner_text("#told")
    if page.inner_text("#phase") == "on the platform":
        run(page, 2)
    assert page.inner_text("#phase") == "in the dark"
    before = number(page, "visits")
    run(page, 400)
    assert page.inner_text("#phase") == "in the dark"
    assert page.evaluate("() => page.animals[0].simulation.input_spikes.some((z) => z)") is False
    run(page, 110)
    assert page.inner_text("#phase").startswith("searching") or number(page, "visits") > before


@needs_browser
def test_erasures(page):
    run(page, 600)
    n = page.evaluate("() => network.n_neurons")
    kept = state(page, "x")[n:]
    assert number(page, "visits") > 5 and kept.max() > 0
    page.click("#erase-activity")
    np.testing.assert_array_equal(state(page, "x"), np.concatenate([np.zeros(n), kept]))
    for part in ("pending", "r", "refractory"):
        assert not state(page, part).any()
    run(page, 50)
    page.click("#erase-thresholds")
    assert not state(page, "x")[n:].any() and state(page, "x")[:n].any()
    offset = page.evaluate("() => reading.offset")
    np.testing.assert_allclose([float(c) for c in re.findall(r"-?\d+\.\d+", page.inner_text("#decoded"))[:2]],
                               offset, atol=0.006)  # fmt: skip


@needs_browser
def test_frozen_thresholds_stay(page):
    run(page, 300)
    page.click("#freeze")
    assert page.get_attribute("#freeze", "aria-pressed") == "true"
    n = page.evaluate("() => network.n_neurons")
    held = state(page, "x")[n:]
    run(page, 200)
    moved = np.abs(state(page, "x")[n:] - held)  # by what one step adds to and takes of what is held
    assert moved.max() < 0.003
    page.click("#freeze")
    run(page, 200)
    assert np.abs(state(page, "x")[n:] - held).max() > 0.003


@needs_browser
@pytest.mark.parametrize("part", ["whole", "thresholds", "activity"])
def test_states_are_swapped(page, part):
    assert page.is_disabled("#swap")
    page.click("#second")
    run(page, 400)
    n = page.evaluate("() => network.n_neurons")
    before = [state(page, "x", i) for i in range(2)]
    assert page.is_visible("#scene-b") and not np.array_equal(*before)
    page.select_option("#part", part)
    page.click("#swap")
    for i in range(2):
        own, other = before[i], before[1 - i]
        expected = {"whole": other, "thresholds": np.concatenate([own[:n], other[n:]]),
                    "activity": np.concatenate([other[:n], own[n:]])}  # fmt: skip
        np.testing.assert_array_equal(state(page, "x", i), expected[part])
    page.check("#show-b")
    assert number(page, "time") == 400
    page.click("#second")
    assert not page.is_visible("#scene-b")


@needs_browser
def test_noise_and_silence(page):
    page.fill("#silence", "90")
    run(page, 100)
    silenced = np.array(page.evaluate("() => Array.from(page.animals[0].silenced)"))
    assert 0.8 < silenced.mean() < 1
    spiked = page.evaluate("() => page.histories[0].spikes.flatMap((row) => row.cells)")
    assert not silenced[np.unique(spiked)].any()
    page.fill("#silence", "0")
    undisturbed, noisy = [], []
    for noise, kept in (("0", undisturbed), ("0.5", noisy)):
        page.evaluate("() => new_episode(0)")
        page.fill("#noise", noise)
        run(page, 100)
        kept.append(state(page, "x"))
    page.fill("#noise", "0")
    assert not np.array_equal(undisturbed[0], noisy[0])


@needs_browser
def test_the_tour_and_a_telephone(page):
    for _ in range(4):
        page.click("#tour-next")
    assert page.inner_text("#tour-count") == "Step 5 of 5" and page.is_disabled("#tour-next")
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
    page.set_viewport_size({"width": 1280, "height": 1300})
    for _ in range(4):
        page.click("#tour-back")
    assert page.is_disabled("#tour-back")


@pytest.mark.parametrize("family", families())
def test_what_is_read_off_the_thresholds_beats_the_mean(family, page_of):
    reading = data_of(page_of(family))["reading"]
    assert reading["error"] < 0.8 * reading["chance"] and reading["episodes"] == EPISODES
    assert reading["variables"] == ["b"] and min(reading["sd"]) > 0


def test_where_the_platform_is_read_to_be(page_of):
    reading = data_of(page_of("water_maze"))["reading"]
    assert reading["error"] < 0.5 * reading["chance"]


def test_too_few_mazes_for_the_decoder(tmp_path):
    with pytest.raises(InputError, match="--episodes must be >= 8, got 7"):
        write_page(SHIPPED / "water_maze.lsnn.h5", tmp_path / "demo.html", 0, 7, "", False)


def test_a_network_of_another_task(tmp_path):
    with pytest.raises(InputError, match="task of the network must be one of those that have a page"):
        write_page(SHIPPED / "two_step.lsnn.h5", tmp_path / "demo.html", 0, 8, "", False)
    assert not list(tmp_path.iterdir())
