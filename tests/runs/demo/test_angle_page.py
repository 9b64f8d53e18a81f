"""The demo page of angle recall as a reader uses it."""

import re

import numpy as np
import pytest

from runs.demo.families.angle_recall import by_preferred_angle
from runs.testing.conditions import keys_of_test
from runs.testing.result_file import seen
from tasks.family import family_of
from tests.runs.demo.browser import needs_browser, run
from tests.runs.demo.test_spikes import compiled, shipped

TRIAL_MS = 200 + 500 + 100 + 300  # shown, dark, asked, answer to be seen


@pytest.fixture
def page(fresh):
    page = fresh("angle_recall")
    page.select_option("#map", "same")
    page.evaluate("() => new_episode(0)")
    return page


def degrees(page, name):
    return float(re.findall(r"[\d.]+", page.inner_text(f"#{name}"))[0])


def click(page, angle_deg):
    x, y = page.evaluate(f"() => ring_scale(scenes[0]).to_screen({angle_deg} * Math.PI / 180, 1)")
    box = page.locator("#scene-a").bounding_box()
    page.mouse.click(box["x"] + x, box["y"] + y)


@needs_browser
def test_the_answer_is_that_of_the_test_and_trials_go_on(page):
    network, experiment = shipped("angle_recall")
    block = compiled(network, experiment, keys_of_test(0, 8), experiment.task.duration_ms)
    trials = family_of(experiment.task).trials(experiment.task, *seen(block, 1))
    run(page, experiment.task.duration_ms)
    own = page.evaluate("() => page.animals[0].trials.map((t) => [t.angle, t.answer, t.error])")
    expected = [np.radians(trials["angle_deg"][0]), np.radians(trials["answer_deg"][0]), trials["error_deg"][0]]
    np.testing.assert_allclose(own, [expected], atol=1e-5)
    run(page, 2 * TRIAL_MS)
    assert degrees(page, "answers") == 3 and degrees(page, "median") < 15


@needs_browser
def test_an_angle_is_picked_by_click_and_by_key(page):
    click(page, 120)
    assert degrees(page, "angle") == pytest.approx(120, abs=1)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Shift+ArrowRight")
    assert degrees(page, "angle") == pytest.approx(133, abs=1)
    run(page, 800)
    last = page.evaluate("() => page.animals[0].trials.at(-1)")
    assert np.degrees(last["angle"]) == pytest.approx(133, abs=1) and last["error"] < 20


@needs_browser
def test_a_longer_dark_and_what_is_erased_in_it(page):
    errors = {}
    for what in ("nothing", "erase-activity", "erase-thresholds"):
        errors[what] = []
        for angle in (40, 130, 220, 310):
            click(page, angle)
            run(page, 400)
            assert page.inner_text("#phase") == "keeps it in the dark"
            if what != "nothing":
                page.click(f"#{what}")
            run(page, 400)
            errors[what].append(degrees(page, "error"))
    assert max(errors["nothing"] + errors["erase-activity"]) < 20 < np.mean(errors["erase-thresholds"])
    click(page, 40)
    run(page, 400)
    page.fill("#dark", "0.4")
    page.click("#lights-out")
    answers = degrees(page, "answers")
    run(page, 799)
    assert degrees(page, "answers") == answers
    run(page, 1)
    assert degrees(page, "answers") == answers + 1


FIRED = """(hue) => { const [animal] = page.animals; animal.show(hue); return Array.from({ length: 200 }, () => {
  animal.step(scale); return [...animal.simulation.input_spikes.slice(0, lands.length)]; }); }"""


@needs_browser
@pytest.mark.parametrize("name", ["mirrored", "shuffled", "warped"])
def test_colours_spike_where_they_land(page, name):
    page.select_option("#map", name)
    lands = np.array(page.evaluate("() => lands"))
    assert (len(set(lands)) == len(lands)) == (name != "warped")
    for cell in (0, 5, 17):
        fired = np.sum(page.evaluate(FIRED, 2 * np.pi * cell / len(lands)), axis=0)
        spread = np.unique(lands[(cell + np.arange(-6, 7)) % len(lands)])  # 20 degrees are 1.8 cells
        assert fired[spread].sum() == fired.sum() > 20 and fired[lands[cell]] >= 0.5 * fired.max()


@needs_browser
def test_colours_in_mirrored_order_are_told_as_well(page):
    page.select_option("#map", "mirrored")
    for angle in (30, 100, 200, 290):
        click(page, angle)
        run(page, 800)
        assert degrees(page, "error") < 30
    assert page.inner_text("#headline").startswith("After picking the angle: wrong by")


def test_neurons_by_the_angle_that_they_prefer():
    tuning = np.array([[2.0, 0.0, 2.0], [0.0, 0.0, 0.0], [3.0, 3.0, 0.1], [1.0, 0.0, -1.0]])
    assert by_preferred_angle(tuning).tolist() == [2, 0, 3, 1]
