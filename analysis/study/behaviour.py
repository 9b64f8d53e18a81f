"""Reversal and probe trial: where the animal seeks a platform that has moved or gone."""

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter

from analysis.claims import SHARE_MARGIN, Outcome, claim, sort_out
from analysis.latencies import of_medians, searches
from analysis.maze import platform_radius, trials_of
from analysis.study.interventions import band
from analysis.study.measures import Claims, Outcomes, array, enough, latency_margin, mean, swum
from analysis.style import BLUE, DARK, GREEN, GREY, ORANGE, VERMILLION, add_footer, clear_axes, new_figure, styled
from analysis.verdict import interval, latency_text
from lsnn.estimates import Estimate, Times, estimate, median_of, times_of, typical
from lsnn.files.reading import attribute, names, subgroup
from lsnn.files.results import Condition, Result

BEFORE, AFTER = 4, 8  # trials shown before and after the reversal
PERSEVERATION_MS = 300
QUADRANTS = ("target", "left", "opposite", "right")
FOUND_BEFORE = "had found the platform by half time"
PROBE_MS = 500  # over which quadrants are counted
CHANCE = 0.25  # of the time, in a quadrant
BEGUN_BY = 0.5  # of the animals: a trial that fewer began belongs to the quickest of them


# Reversal


def relative_trials(episodes: Condition, reversal_ms: int) -> np.ndarray:
    """Each trial's number from the first that had not ended at the reversal, which is 0; (rows,)."""
    trials = trials_of(episodes)
    ended = trials.found & (trials.start_ms + trials.latency_ms <= reversal_ms)
    under_way = np.bincount(trials.episode[ended].astype(int), minlength=episodes.n_episodes)
    return trials.trial - under_way[trials.episode]


def chosen_searches(episodes: Condition, chosen: np.ndarray, time_ms: np.ndarray, limit_ms: int) -> Times:
    """Chosen searches (rows,), one an animal, each counted from its own zero; cut off ones enter as such."""
    trials = trials_of(episodes)
    found, episode = trials.found[chosen], trials.episode[chosen]
    return times_of(time_ms[chosen], found, episode, episodes.n_episodes, limit_ms)


def searches_by_trial(result: Result) -> dict[int, Times]:
    """Times of each trial round the reversal; those of trial 0 count from the reversal on."""
    group = subgroup(result.file, "reversal")
    reversal_ms, episodes = int(attribute(group, "reversal_ms")), swum(result, "reversal", "reversal")
    trials, number = trials_of(episodes), relative_trials(episodes, reversal_ms)
    animals = array(group, "found_before", 1) > 0
    start_ms = np.where(number == 0, np.maximum(trials.start_ms, reversal_ms), trials.start_ms)
    time_ms, known = trials.start_ms + trials.latency_ms - start_ms, animals[trials.episode]
    limit_ms = {trial: episodes.duration_ms - (reversal_ms if trial >= 0 else 0) for trial in range(-BEFORE, AFTER + 1)}
    return {trial: chosen_searches(episodes, known & (number == trial), time_ms, limit_ms[trial]) for trial in limit_ms}


def reversal_curve(result: Result) -> dict[int, Estimate]:
    """Median search by trial, as far as half of the animals began it."""
    needed = BEGUN_BY * np.count_nonzero(array(subgroup(result.file, "reversal"), "found_before", 1))
    curve = {trial: typical(of) for trial, of in searches_by_trial(result).items()}
    few = [trial for trial, found in curve.items() if found.n < needed]
    return curve | {trial: Estimate(np.nan, np.nan, np.nan, curve[trial].n) for trial in few}


def longer_than_before(result: Result) -> dict[int, Estimate]:
    """Median search of each trial after the reversal minus that of the last before it, of animals that began both."""
    of, curve = searches_by_trial(result), reversal_curve(result)
    return {
        trial: of_medians(of[trial], of[-1], np.subtract)
        for trial in range(1, AFTER + 1)
        if np.isfinite([curve[trial].value, curve[-1].value]).all()
    }


def first_search_of(result: Result) -> Estimate:
    """Median of the first search of all, when nothing was known."""
    of = searches(swum(result, "reversal", "reversal"), 0, 0)
    return estimate(lambda weights: median_of(of, weights), len(of.began))


class Perseveration(NamedTuple):
    """Share of the time after the reversal, up to the new visit, over the old platform and over its like elsewhere.

    Elsewhere: the old disc turned by a right angle to either side or by half a turn, where it meets neither the old
    nor the new one.
    """

    old: Estimate
    elsewhere: Estimate
    more: Estimate  # old - elsewhere, animal by animal
    visits: Estimate  # times the old disc was entered, or started in


def perseveration(result: Result) -> Perseveration:
    group = subgroup(result.file, "reversal")
    used = enough(array(group, "found_before", 1) > 0, FOUND_BEFORE)
    path = array(group, "path", 3)[used, : PERSEVERATION_MS + 1]
    old, new = array(group, "old_platform", 2)[used], array(group, "new_platform", 2)[used]
    searching = np.cumsum(inside(path, new, platform_radius(result)), axis=1) == 0
    at_old = inside(path, old, platform_radius(result)) & searching
    others = np.stack([_turned(old, quarter) for quarter in (1, 2, 3)])
    free = (np.linalg.norm(others - new, axis=-1) > 2 * platform_radius(result)) & (
        np.linalg.norm(others - old, axis=-1) > 2 * platform_radius(result)
    )
    time = searching.sum(axis=1)
    shares = np.stack([(inside(path, other, platform_radius(result)) & searching).sum(axis=1) for other in others])
    has = free.any(axis=0) & (time > 0)
    elsewhere = (shares * free).sum(axis=0)[has] / free.sum(axis=0)[has] / time[has]
    share = at_old.sum(axis=1)[has] / time[has]
    entered = (at_old & ~np.pad(at_old, ((0, 0), (1, 0)))[:, :-1]).sum(axis=1)
    return Perseveration(mean(share), mean(elsewhere), mean(share - elsewhere), mean(entered))


def inside(path: np.ndarray, platform: np.ndarray, radius: float) -> np.ndarray:
    """Whether each place of a path (n, step, 2) lies over a disc round platform (n, 2); (n, step)."""
    return np.linalg.norm(path - platform[:, None], axis=-1) <= radius


def _turned(places: np.ndarray, quarters: int) -> np.ndarray:
    """Places (n, 2) turned about the pool's centre by so many right angles, counter-clockwise."""
    for _ in range(quarters):
        places = np.stack([-places[:, 1], places[:, 0]], axis=1)
    return places


@styled
def draw_reversal(result: Result) -> Figure:
    """Median search by trial round the reversal; where the animals were in the time after it."""
    curve, naive, kept = reversal_curve(result), first_search_of(result), perseveration(result)
    figure = new_figure(13.5, 5.8, "Reversal: the platform moves once, without notice")
    left, right = figure.subplots(1, 2, width_ratios=(1.7, 1))
    known = {trial: each for trial, each in curve.items() if each.n}
    band(left, list(known), list(known.values()), BLUE, "network")
    left.axvline(0, color=DARK, linestyle=":", linewidth=1.2)
    left.axhline(naive.value, color=VERMILLION, linestyle="--", label="first search of all")
    left.set(
        xlabel="trial (0: the search under way at the reversal, timed from it)", ylabel="median escape latency (ms)"
    )
    left.set_ylim(bottom=0)
    left.legend(loc="upper left")
    for place, (share, colour) in enumerate(((kept.old, ORANGE), (kept.elsewhere, GREY))):
        right.bar(place, 100 * share.value, color=colour, width=0.6)
        right.vlines(place, 100 * share.low, 100 * share.high, color=DARK, linewidth=1.8)
    right.set_xticks([0, 1], ["over the old\nplace", "over an equal place\nelsewhere"])
    right.set(title=f"up to {PERSEVERATION_MS} ms after the reversal", ylabel="time before the new visit (%)")
    return add_footer(figure, result, f"medians (left), means (right), 95 % bootstrap over n = {kept.old.n} animals")


def claims_of_reversal(result: Result) -> Claims:
    """Whether the animals persevere, and which searches after the move are longer than before it."""
    margin = latency_margin(result)
    back: Claims = {trial: claim(more, margin) for trial, more in longer_than_before(result).items()}
    return back | {"persevere": claim(perseveration(result).more, SHARE_MARGIN)}


def tell_reversal(result: Result, outcomes: Outcomes) -> list[str]:
    curve, naive, kept = reversal_curve(result), first_search_of(result), perseveration(result)
    limit = swum(result, "reversal", "reversal").duration_ms
    after_it = limit - int(attribute(subgroup(result.file, "reversal"), "reversal_ms"))
    parts = [
        f"trial {trial:+d}: {latency_text(curve[trial], limit if trial < 0 else after_it)} (n = {curve[trial].n})"
        for trial in (-1, 0, 1, 2, 3)
        if curve[trial].n
    ]
    verdict = {
        Outcome.MORE: "The animals persevere: they spend more time over the old place than over an equal one elsewhere",
        Outcome.SAME: "They spend as much time over the old place as over an equal one elsewhere, to within the margin",
        Outcome.LESS: "They avoid the old place",
        Outcome.UNDECIDED: "Whether the animals persevere is not decided",
    }[outcomes["persevere"]]
    said = {Outcome.MORE: "longer", Outcome.SAME: "as long to within the margin", Outcome.LESS: "shorter"}
    back = sort_out({f"{trial:+d}": each for trial, each in outcomes.items() if trial != "persevere"}, said)
    return [
        f"Median search (ms) by trial, 0 being the one under way when the platform moved: {'; '.join(parts)}. The "
        f"first search of all took {latency_text(naive, limit)} ms.",
        f"{verdict} (up to {PERSEVERATION_MS} ms, {interval(kept.old, 3)} against {interval(kept.elsewhere, 3)} of the "
        f"time, difference {interval(kept.more, 3)}); they came over the old place {interval(kept.visits, 1)} times.",
        f"Against the last search before the move, by trial: {back or 'too few animals began one'}.",
    ]


# Probe trial


class Probe(NamedTuple):
    """Paths after the platform is gone, turned so that its former place lies on the positive x axis."""

    state: str
    path: np.ndarray  # (n, step, 2)
    distance: np.ndarray  # (n,) of its centre from the pool's


def probes(result: Result) -> list[Probe]:
    group = subgroup(result.file, "probe")
    used = enough(array(group, "found_before", 1) > 0, FOUND_BEFORE)
    platform, found = array(group, "platform", 2)[used], []
    distance = np.linalg.norm(platform, axis=1)
    toward = platform / np.where(distance > 0, distance, 1)[:, None]
    aside = np.stack([-toward[:, 1], toward[:, 0]], axis=1)
    for state, path in zip(names(group, "states"), array(group, "path", 4)[:, used], strict=True):
        turned = np.stack([np.einsum("nsd,nd->ns", path, axis) for axis in (toward, aside)], axis=-1)
        found.append(Probe(state, turned, distance))
    return found


def quadrant_shares(probe: Probe) -> np.ndarray:
    """Share of the first PROBE_MS spent in each quadrant, in the order of QUADRANTS, (n, 4)."""
    path = probe.path[:, 1 : PROBE_MS + 1]
    quadrant = np.floor(np.arctan2(path[..., 1], path[..., 0]) / (np.pi / 2) + 0.5).astype(int) % 4
    return np.stack([(quadrant == number).mean(axis=1) for number in range(4)], axis=1)


def crossings(probe: Probe, radius: float) -> np.ndarray:
    """How often the former place and its like in the other quadrants were entered within PROBE_MS, (n, 4)."""
    centre = np.stack([probe.distance, np.zeros_like(probe.distance)], axis=1)
    counts = []
    for quarter in range(4):
        over = inside(probe.path[:, : PROBE_MS + 1], _turned(centre, quarter), radius)
        counts.append((over[:, 1:] & ~over[:, :-1]).sum(axis=1))
    return np.stack(counts, axis=1)


@styled
def draw_probe(result: Result) -> Figure:
    """Time in quadrants and crossings, state kept and erased, and the map of where the animals were."""
    found, radius = probes(result), platform_radius(result)
    figure = new_figure(14.5, 7.6, "Probe trial: the platform is taken away at half time")
    grid = figure.subplots(2, 3, width_ratios=(1, 1, 0.8))
    for row, probe in zip(grid, found, strict=True):
        draw_bars(row[0], 100 * quadrant_shares(probe), 25)
        row[0].set_title(f"time in quadrants (%), state {probe.state}")
        draw_bars(row[1], crossings(probe, radius), None)
        row[1].set_title("entries of the former place and its like")
        draw_map(row[2], probe, radius)
    for column in (0, 1):
        top = max(axes.get_ylim()[1] for axes in grid[:, column])
        for axes in grid[:, column]:
            axes.set_ylim(0, top)
    n = f"first {PROBE_MS} ms; means, 95 % bootstrap over n = {len(found[0].path)} animals"
    return add_footer(figure, result, n)


def draw_bars(axes: Axes, of: np.ndarray, chance: float | None) -> None:
    """Means over animals of four columns, (n, 4)."""
    for place, column in enumerate(of.T):
        each = mean(column)
        axes.bar(place, each.value, color=ORANGE if place == 0 else GREY, width=0.7)
        axes.vlines(place, each.low, each.high, color=DARK, linewidth=1.8)
    axes.set_xticks(range(4), QUADRANTS)
    if chance is not None:
        axes.axhline(chance, color=DARK, linestyle=":", linewidth=1)


def draw_map(axes: Axes, probe: Probe, radius: float) -> None:
    """Density of places, turned so that the former platform lies to the right."""
    from matplotlib.patches import Circle

    clear_axes(axes)
    places = probe.path[:, 1 : PROBE_MS + 1].reshape(-1, 2)
    density, _, _ = np.histogram2d(places[:, 1], places[:, 0], bins=60, range=((-1, 1), (-1, 1)))
    image = axes.imshow(gaussian_filter(density, 1.0), origin="lower", extent=(-1, 1, -1, 1), cmap="viridis")
    image.set_clip_path(Circle((0, 0), 1, transform=axes.transData))
    centre = float(np.median(probe.distance))
    axes.add_patch(Circle((centre, 0), radius, fill=False, edgecolor="white", linestyle="--"))
    axes.set_xlim(-1.05, 1.05)
    axes.set_ylim(-1.05, 1.05)
    axes.set_title(f"where they were, state {probe.state}", fontsize=11, color=GREEN if probe.state == "kept" else GREY)


def claims_of_probe(result: Result) -> Claims:
    """With the state kept and erased: whether the quadrant of the former platform has more of the time than chance."""
    shares = {probe.state: mean(quadrant_shares(probe)[:, 0]) for probe in probes(result)}
    return {state: claim(share, SHARE_MARGIN, CHANCE) for state, share in shares.items()}


def tell_probe(result: Result, outcomes: Outcomes) -> list[str]:
    said = {Outcome.MORE: "more than by chance", Outcome.SAME: "as by chance to within the margin",
            Outcome.LESS: "less than by chance"}  # fmt: skip
    lines = []
    for probe in probes(result):
        shares, entries = quadrant_shares(probe), crossings(probe, platform_radius(result))
        outcome = outcomes[probe.state]
        lines.append(
            f"State {probe.state} ({len(shares)} animals): {interval(mean(100 * shares[:, 0]), 0)} % of the first "
            f"{PROBE_MS} ms in the quadrant of the former platform ({said.get(outcome, outcome.value)}, "
            f"{100 * CHANCE:.0f} %), {interval(mean(entries[:, 0]), 1)} entries of its place against "
            f"{interval(mean(entries[:, 1:].mean(axis=1)), 1)} of its like in the other quadrants."
        )
    return lines
