"""The demo page of the bandit as a reader uses it."""

import re

import numpy as np
import pytest

from runs.demo.families.bandit import by_preferred_arm, first_choice
from runs.testing.conditions import keys_of_test
from runs.testing.result_file import seen
from tasks.bandit.family import TRIAL_DTYPE
from tasks.family import family_of
from tests.runs.demo.browser import needs_browser, run
from tests.runs.demo.test_spikes import compiled, shipped


@pytest.fixture
def page(fresh):
    return fresh("bandit")


def pays(page):
    return [float(number) for number in re.findall(r"[\d.]+", page.inner_text("#pays"))]


@needs_browser
def test_pulls_are_those_of_the_test_and_go_on(page):
    network, experiment = shipped("bandit")
    keys = keys_of_test(0, 8)
    block = compiled(network, experiment, keys, experiment.task.duration_ms)
    trials = family_of(experiment.task).trials(experiment.task, *seen(block, 1))
    run(page, 2000)
    own = page.evaluate("() => page.animals[0].trials.map((t) => [t.arm, Number(t.paid), t.regret])")
    arms, paid, regrets = np.array(own).T
    np.testing.assert_array_equal(arms, trials["arm"])
    np.testing.assert_array_equal(paid, trials["paid"])
    np.testing.assert_allclose(regrets, np.cumsum(trials["regret"]))
    assert page.inner_text("#regret") == f"{regrets[-1]:.2f}"
    run(page, 40)
    assert page.inner_text("#pulls") == "102"


@needs_browser
def test_what_an_arm_pays_is_dragged_and_typed(page):
    box = page.locator("#scene-a").bounding_box()
    middle, low, high = page.evaluate(
        "() => { const s = bandit_scale(scenes[0]); return [s.middle(1), s.y_of(0.2), s.y_of(0.9)]; }"
    )
    before = pays(page)
    page.mouse.move(box["x"] + middle, box["y"] + low)
    page.mouse.down()
    page.mouse.move(box["x"] + middle, box["y"] + high, steps=3)
    page.mouse.up()
    assert pays(page) == [before[0], pytest.approx(0.9, abs=0.011)]
    assert re.match(r"The right arm now pays on (89|90|91) % of the pulls\.", page.inner_text("#told"))
    page.focus("#scene-a")
    page.keyboard.press("ArrowLeft")
    assert page.is_checked("#keys-left")
    page.keyboard.press("ArrowUp" if before[0] < 0.5 else "ArrowDown")
    page.keyboard.press("Shift+ArrowUp")
    moved = (0.05 if before[0] < 0.5 else -0.05) + 0.01
    assert pays(page)[0] == pytest.approx(before[0] + moved, abs=0.011)
    for _ in range(25):
        page.keyboard.press("ArrowUp")
    assert pays(page)[0] == 1


@needs_browser
def test_it_changes_over_when_the_arms_do(page):
    page.evaluate("() => { const [animal] = page.animals; animal.pay(0, 1); animal.pay(1, 0); }")
    run(page, 600)
    chosen = "(n) => page.animals[0].trials.slice(-n).filter((t) => t.arm === 0).length"
    assert page.evaluate(chosen, 10) == 10
    assert page.inner_text("#headline") == "Of the last 20 pulls 20 were of the better arm."
    page.evaluate("() => { const [animal] = page.animals; animal.pay(0, 0); animal.pay(1, 1); }")
    run(page, 1000)
    assert page.evaluate(chosen, 10) == 0


@needs_browser
def test_lights_out(page):
    run(page, 250)
    page.fill("#dark", "0.3")
    page.click("#lights-out")
    assert "300 ms" in page.inner_text("#told") and page.inner_text("#phase") == "in the dark"
    run(page, 299)
    assert page.inner_text("#phase") == "in the dark" and page.inner_text("#pulls") == "12"
    assert page.evaluate("() => page.animals[0].simulation.input_spikes.some((z) => z)") is False
    run(page, 20)
    assert page.inner_text("#pulls") == "12" and page.inner_text("#phase") == "pulls again in 1 ms"
    assert page.evaluate("() => page.animals[0].simulation.input_spikes.some((z) => z)") is False  # of no last pull
    run(page, 1)
    assert page.inner_text("#pulls") == "13"


@needs_browser
def test_states_are_swapped(page):
    page.click("#second")
    page.evaluate("() => page.animals.forEach((animal, i) => { animal.pay(i, 1); animal.pay(1 - i, 0); })")
    run(page, 600)
    arms = "() => page.animals.map((animal) => animal.trials.at(-1).arm)"
    assert page.evaluate(arms) == [0, 1]
    page.click("#swap")
    run(page, 20)
    assert page.evaluate(arms) == [1, 0]  # each by what the other has learnt


def test_neurons_by_the_arm_after_whose_pulls_they_spike():
    tuning = np.array([[1.0, 3.0], [0.0, 0.0], [4.0, 0.0], [1.0, 1.0]])
    assert by_preferred_arm(tuning).tolist() == [2, 3, 0, 1]


def test_the_first_bandit_shown():
    trials = np.zeros(3 * 60, TRIAL_DTYPE)
    trials["episode"], trials["trial"] = np.repeat(range(3), 60), np.tile(range(60), 3)
    assert first_choice(trials) == 0
    trials["regret"][60:64] = 0.3  # too few
    trials["regret"][120:125] = 0.3
    assert first_choice(trials) == 2
    trials["regret"][170] = 0.3  # too late
    assert first_choice(trials) == 0
