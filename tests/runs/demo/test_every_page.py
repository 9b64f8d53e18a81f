"""What holds for the demo page of every family: names, colours, widths, keys, the clock, and rough handling."""

import re

import numpy as np
import pytest

from analysis.demo import FAMILIES, families
from tests.runs.demo.browser import browser_page, needs_browser, run

VIEWS = (FAMILIES.parent / "views.js").read_text()

# Every control in any order, and things done in the scenes; the state has to stay a state.
HANDLED = """(seed) => {
  let state = seed;
  const draw_of = (n) => (state = (state * 48271) % 2147483647) % n;
  const controls = [...document.querySelectorAll("button, select, input")].filter((each) => !each.hidden);
  const event = (canvas, kind) => canvas.dispatchEvent(new PointerEvent(kind, {
    clientX: draw_of(1600) - 100, clientY: draw_of(900) - 100, pointerId: 1, bubbles: true }));
  const keys = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", " "];
  for (const canvas of scenes) canvas.setPointerCapture = () => {};
  for (let i = 0; i < 250; i++) {
    const shown = controls.filter((each) => each.checkVisibility()), control = shown[draw_of(shown.length)];
    if (control.type === "range") {
      control.value = [control.min, control.max, (Number(control.min) + Number(control.max)) / 2][draw_of(3)];
      for (const kind of ["input", "change"]) control.dispatchEvent(new Event(kind, { bubbles: true }));
    } else if (control.tagName === "SELECT") control.selectedIndex = draw_of(control.options.length);
    else control.click();
    const canvas = scenes[draw_of(page.animals.length)];
    event(canvas, ["pointerdown", "pointermove", "pointerup", "pointercancel"][draw_of(4)]);
    const key = keys[draw_of(keys.length)];
    canvas.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey: draw_of(2) === 1, bubbles: true }));
    advance_by(1 + draw_of(15));
  }
  event(scenes[0], "pointerup");
  play(false);
  draw();
  return page.animals.map(({ state, world, trials }) => [
    ...["x", "seen", "refractory", "pending", "r", "y"].flatMap((part) => Array.from(state[part])), ...world,
    ...trials.flatMap((trial) => Object.values(trial).map(Number)),
  ].every(Number.isFinite));
}"""

# Texts, their colours and what is behind them, of all that is shown.
TEXTS = """() => [...document.querySelectorAll("body *")].filter((each) => each.checkVisibility() && !each.disabled &&
    [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim())).map((each) => {
  let behind = each;
  while (behind && getComputedStyle(behind).backgroundColor.startsWith("rgba")) behind = behind.parentElement;
  const background = behind ? getComputedStyle(behind).backgroundColor : "rgb(255, 255, 255)";
  return [each.textContent.trim().slice(0, 30), getComputedStyle(each).color, background];
})"""


@pytest.fixture(params=families())
def page(request, fresh):
    page = fresh(request.param)
    yield page
    assert not page.errors, page.errors


def linear(colour):
    """Linear red, green and blue of a colour: numbers from 0 to 255, or a text with them or of the form #RRGGBB."""
    if isinstance(colour, str):
        found = re.findall(r"\d+", colour) if "(" in colour else [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        colour = [float(number) for number in found]
    share = np.asarray(colour) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    """The contrast of WCAG 2.2, 1 to 21."""
    light = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (light[1] + 0.05) / (light[0] + 0.05)


def in_lab(rgb):
    """CIELAB under D65 of linear red, green and blue."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ rgb
    f = np.cbrt(np.clip(xyz / [0.9505, 1.0, 1.089], 0.008856, None))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


# As red- and green-blind readers see linear colours (Machado et al. 2009, severity 1).
BLIND = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
}


def test_contrast_by_hand():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("rgb(118, 118, 118)", "#FFFFFF") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("kind", BLIND)
def test_colours_that_stand_together_are_told_apart(kind):
    names = ("BLUE", "VERMILLION", "GREEN", "DARK_GREY")
    colours = {name: re.search(rf'\b{name} = "(#\w+)"', VIEWS)[1] for name in names}
    assert all(contrast(colour, "#FFFFFF") >= 3 for colour in colours.values())
    seen = [in_lab(np.clip(BLIND[kind] @ linear(colour), 0, 1)) for colour in colours.values()]
    apart = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i]]
    assert min(apart) > 12  # 2.3 is just noticeable


@needs_browser
def test_texts_stand_out(page):
    page.evaluate("() => second_animal(true)")
    texts = page.evaluate(TEXTS)
    assert len(texts) > 40
    assert [text for text, colour, behind in texts if contrast(colour, behind) < 4.5] == []


@needs_browser
def test_everything_has_a_name(page):
    names = "(all) => all.filter((e) => !e.hidden).map((e) => e.innerText || e.ariaLabel || e.labels?.[0]?.innerText)"
    for kind in ("button", "select", "input:not([hidden])"):
        assert all(page.eval_on_selector_all(kind, names)), kind
    assert all(page.eval_on_selector_all("canvas", "(all) => all.map((e) => e.ariaLabel)"))
    assert page.evaluate("() => [document.documentElement.lang, document.querySelectorAll('main, h1').length]") == [
        "en",
        2,
    ]
    referred = "(all) => all.map((e) => e.htmlFor?.value ?? e.getAttribute('aria-describedby')).every($)"
    assert page.eval_on_selector_all("output, [aria-describedby]", referred)
    ids = page.eval_on_selector_all("[id]", "(all) => all.map((e) => e.id)")
    assert len(set(ids)) == len(ids)


@needs_browser
def test_all_is_reached_by_the_keyboard_and_shown_where_it_is(page):
    page.evaluate("() => { document.body.tabIndex = -1; document.body.focus(); }")
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            "() => [document.activeElement.id, getComputedStyle(document.activeElement).outlineStyle]"
        )
        if not name or name in reached:
            break
        assert outline != "none", name
        reached.append(name)
    wanted = page.evaluate(
        "() => [...document.querySelectorAll('button, select, input, canvas[tabindex]')]"
        ".filter((e) => e.checkVisibility() && !e.disabled && (e.type !== 'radio' || e.checked)).map((e) => e.id)"
    )
    assert set(reached) == set(wanted)


@needs_browser
@pytest.mark.parametrize("width", [320, 800])
def test_it_fits_narrow_screens(page, width):
    page.evaluate("() => second_animal(true)")
    page.set_viewport_size({"width": width, "height": 740})
    widest = page.evaluate("() => document.documentElement.scrollWidth")
    top = page.locator("#scene-a").bounding_box()["y"]
    small = page.eval_on_selector_all(
        "button", "(all) => all.filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 24).length"
    )
    page.set_viewport_size({"width": 1280, "height": 1300})
    assert widest <= width and small == 0
    assert top < 400  # what is to be seen is seen without scrolling


@needs_browser
@pytest.mark.parametrize(
    "name", ["water_maze", *(pytest.param(name, marks=pytest.mark.long) for name in families() if name != "water_maze")]
)
def test_pictures_keep_coming_at_real_speed(name, fresh):
    page = fresh(name)
    page.select_option("#speed", "1")
    page.click("#play")
    intervals, ran = page.evaluate(
        """() => new Promise((told) => {
             const times = [], from = page.animals[0].t;
             const look = (now) => {
               times.push(now);
               if (now - times[0] < 2000) requestAnimationFrame(look);
               else told([times.slice(1).map((time, i) => time - times[i]), page.animals[0].t - from]);
             };
             requestAnimationFrame(look);
           })"""
    )
    page.click("#play")
    # 17 ms a picture on a quiet machine; the bounds are those of one that is busy with other work
    assert np.median(intervals) < 60
    assert np.percentile(intervals, 95) < 250
    assert ran > 1000  # at least half of real time, of which a long picture takes some
    assert re.search(r"\d+ ms of network a second, \d+ frames a second", page.inner_text("#rate"))


@needs_browser
def test_the_clock_stops_in_a_hidden_tab(page):
    hide = "(hidden) => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });"
    hide += " document.dispatchEvent(new Event('visibilitychange')); return [page.playing, page.animals[0].t]; }"
    page.click("#play")
    page.wait_for_function("() => page.animals[0].t > 0")
    playing, stopped = page.evaluate(hide, True)
    page.wait_for_timeout(150)
    assert not playing and page.evaluate("() => page.animals[0].t") == stopped
    assert page.evaluate(hide, False) == [True, stopped]  # no time is made up for
    page.wait_for_function(f"() => page.animals[0].t > {stopped}")
    page.click("#play")
    assert page.evaluate(hide, True)[0] is page.evaluate(hide, False)[0] is False  # it was stopped by hand


@needs_browser
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 30))])
def test_rough_handling(page, seed):
    assert page.evaluate(HANDLED, seed) == [True] * page.evaluate("() => page.animals.length")
    assert "NaN" not in page.inner_text("body") and "undefined" not in page.inner_text("body")
    page.reload()
    run(page, 20)
    assert page.inner_text("#time") == "20 ms"


@needs_browser
def test_all_neurons_silenced_and_all_shaken(page):
    page.fill("#silence", "100")
    run(page, 100)
    assert page.evaluate("() => page.histories[0].spikes.every(({ cells }) => cells.length === 0)")
    page.fill("#silence", "0")
    page.fill("#noise", "1")
    run(page, 100)
    assert page.evaluate("() => page.animals[0].state.x.every(Number.isFinite)")
    page.fill("#noise", "0")


@needs_browser
def test_it_runs_at_once_unless_motion_is_unwanted(browser, page_of):
    with browser_page(browser) as page:
        page.emulate_media(reduced_motion="no-preference")
        page.goto(page_of("water_maze").as_uri())
        page.wait_for_function("() => page.animals[0].trials.length >= 2", timeout=60_000)
        assert re.match(r"First search: \d+ ms\.", page.inner_text("#headline"))
        page.emulate_media(reduced_motion="reduce")
        page.reload()
        assert page.inner_text("#play") == "Play"
