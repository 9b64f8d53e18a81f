"""Ablation, silence and clamp: what is lost when a part of the state is erased, silenced or held."""

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.latencies import Estimate
from analysis.results import Result, subgroup
from analysis.study.measures import array, differs, enough, goals_from, listed, mean, next_find, points, swum
from analysis.style import (
    BLUE,
    DARK,
    GREEN,
    GREY,
    ORANGE,
    PINK,
    SILVER,
    SKY,
    VERMILLION,
    add_footer,
    new_figure,
    styled,
)
from analysis.verdict import interval

WATCHED_MS = 500  # every animal is watched at least so long after its moment
FOUND_EARLY = "found the platform early enough"
ABLATIONS = {
    "sham": ("sham", SILVER),
    "readout": ("readout r erased", SKY),
    "delay_lines": ("delay lines erased", SKY),
    "v": ("membranes v erased", BLUE),
    "fast": ("all but b erased", BLUE),
    "b_mean": ("thresholds b at their mean", GREEN),
    "b": ("thresholds b erased", GREEN),
    "all": ("everything erased", VERMILLION),
}


class Effect(NamedTuple):
    """A condition: goals in the rest of the episode and time to the next find, each also as difference to sham."""

    goals: Estimate
    search: Estimate
    fewer: Estimate
    longer: Estimate


def effects(result: Result) -> dict[str, Effect]:
    """Every ablation, paired with sham episode by episode."""
    moment = array(subgroup(result.file, "ablation"), "moment_ms", 1)
    used = enough(moment >= 0, FOUND_EARLY)
    measured = {}
    for name in ABLATIONS:
        episodes = swum(result, "ablation", name)
        measured[name] = goals_from(episodes, moment)[used], next_find(episodes, moment, WATCHED_MS)[used]
    sham = measured["sham"]
    return {
        name: Effect(mean(goals), mean(search), mean(goals - sham[0]), mean(search - sham[1]))
        for name, (goals, search) in measured.items()
    }


@styled
def draw_ablation(result: Result) -> Figure:
    """Goals in the rest of the episode and time to the next find for each part of the state that is erased."""
    found = effects(result)
    figure = new_figure(13, 5.6, "Ablation: parts of the state erased at a random moment after the first find")
    left, right = figure.subplots(1, 2, sharey=True)
    rows = np.arange(len(found))[::-1]
    for axes, which, title in ((left, 0, "goals in the rest of the episode"), (right, 1, "next find after (ms)")):
        for row, (name, effect) in zip(rows, found.items(), strict=True):
            value, low, high, _ = effect[which]
            axes.barh(row, value, color=ABLATIONS[name][1], height=0.7)
            axes.hlines(row, low, high, color=DARK, linewidth=1.8)
        axes.axvline(found["sham"][which].value, color=GREY, linestyle=":", zorder=0)
        axes.set_title(title)
        axes.tick_params(axis="y", length=0)
    left.set_yticks(rows, [ABLATIONS[name][0] for name in found])
    return add_footer(figure, result, f"means, 95 % bootstrap over n = {found['sham'].goals.n} animals, paired by maze")


def tell_ablation(result: Result) -> list[str]:
    found = effects(result)
    sham, n = found["sham"], found["sham"].goals.n
    lines = [
        f"{n} animals. Undisturbed they made {interval(sham.goals, 1)} more goals and needed "
        f"{interval(sham.search, 0)} ms "
        f"to the next find (mean, at most {WATCHED_MS} ms)."
    ]
    for name, effect in found.items():
        if name != "sham":
            verdict = "" if differs(effect.longer) or differs(effect.fewer) else ": no measurable effect"
            lines.append(
                f"{ABLATIONS[name][0].capitalize()}: goals {interval(effect.fewer, 1)}, "
                f"next find {interval(effect.longer, 0)} ms against sham{verdict}."
            )
    lost = {name: cost_share(found, name) for name in ("fast", "b", "b_mean")}
    lines.append(
        "Of the delay of the next find that erasing everything causes, erasing all but b causes "
        f"{percent(lost['fast'])}, erasing b {percent(lost['b'])}, setting b to its mean {percent(lost['b_mean'])}. "
        "Erased thresholds also leave the network too excitable; the mean keeps its excitability and takes only what "
        "the animal itself had experienced."
    )
    return lines


def cost_share(found: dict[str, Effect], name: str) -> float:
    """Delay of the next find by an ablation over that by erasing everything; NaN if that does not delay it."""
    whole = found["all"].longer
    return found[name].longer.value / whole.value if whole.low > 0 else np.nan


def percent(share: float) -> str:
    return "an unknown part" if np.isnan(share) else f"{100 * share:.0f} %"


# Silence


class Gap(NamedTuple):
    """Time from the release to the next find: released as it is, with only b kept, with nothing kept; differences."""

    silent: Estimate
    cleared: Estimate
    erased: Estimate
    saved_by_all: Estimate  # erased - silent
    saved_by_b: Estimate  # erased - cleared


def gaps(result: Result) -> dict[int, Gap]:
    """Every length of silence."""
    group = subgroup(result.file, "silence")
    moment, found = array(group, "moment_ms", 1), {}
    used = enough(moment >= 0, FOUND_EARLY)
    for ms in array(group, "silent_ms", 1).tolist():
        silent, cleared, erased = (
            next_find(swum(result, "silence", f"{name}_{ms}"), moment + ms, WATCHED_MS)[used]
            for name in ("silent", "cleared", "erased")
        )
        found[ms] = Gap(*(mean(each) for each in (silent, cleared, erased, erased - silent, erased - cleared)))
    return found


def undisturbed(result: Result) -> Estimate:
    """Time to the next find without silence, from the same moments."""
    moment = array(subgroup(result.file, "silence"), "moment_ms", 1)
    return mean(next_find(swum(result, "silence", "sham"), moment, WATCHED_MS)[moment >= 0])


@styled
def draw_silence(result: Result) -> Figure:
    """Time from the release to the next find against the length of the silence."""
    found, sham = gaps(result), undisturbed(result)
    figure = new_figure(10, 5.8, "Silence: does the memory survive without spikes?")
    axes = figure.subplots()
    for which, colour, label in ((0, BLUE, "released as it is"), (1, GREEN, "released, only b kept"),
                                 (2, VERMILLION, "everything erased at the release")):  # fmt: skip
        band(axes, list(found), [gap[which] for gap in found.values()], colour, label)
    axes.axhline(sham.value, color=GREY, linestyle=":", label="never silenced")
    axes.set(xlabel="all spikes suppressed for (ms)", ylabel="mean time to the next find (ms)", ylim=(0, None))
    axes.set_xscale("log")
    axes.set_xticks(list(found), [str(ms) for ms in found], minor=False)
    axes.minorticks_off()
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    n = f"means of at most {WATCHED_MS} ms, bands: 95 % bootstrap over n = {sham.n} animals"
    return add_footer(figure, result, n)


def band(axes: Axes, x: list[float], estimates: list[Estimate], colour: str, label: str) -> None:
    """Values as a line, intervals as a band."""
    value, low, high = points(estimates)
    axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.plot(x, value, color=colour, marker="o", linewidth=2.2, label=label, zorder=4)


def tell_silence(result: Result) -> list[str]:
    found, sham = gaps(result), undisturbed(result)
    lines = [
        f"{sham.n} animals; undisturbed, their next find came after {interval(sham, 0)} ms. After a silence the next "
        f"find "
        "came sooner than with everything erased at the release by: "
        + "; ".join(
            f"{ms} ms of silence: {interval(gap.saved_by_all, 0)} ms (with b alone kept "
            f"{interval(gap.saved_by_b, 0)} ms)"
            for ms, gap in found.items()
        )
        + "."
    ]
    return [*lines, silence_verdict(found)]


def silence_verdict(found: dict[int, Gap]) -> str:
    """Activity-silent or attractor, by how long a silence something is saved across."""
    saved = [ms for ms, gap in found.items() if gap.saved_by_all.low > 0]
    by_b = [ms for ms, gap in found.items() if gap.saved_by_b.low > 0]
    lost_at = next((ms for ms in found if ms not in saved), None)
    if lost_at is None and by_b == list(found):
        return f"The memory is activity-silent: it survives {max(found)} ms without a spike, in b alone."
    until = [ms for ms in saved if lost_at is None or ms < lost_at]
    alone = (
        f"b alone saves some of it across {listed([str(ms) for ms in by_b])} ms" if by_b else "b alone saves none of it"
    )
    if not until:
        return (
            f"The memory does not survive {lost_at} ms without spikes: it is kept by activity (an attractor); {alone}."
        )
    if lost_at is None:
        first, last = (interval(found[ms].saved_by_all, 0) for ms in (min(found), max(found)))
        return (
            f"Something of the memory survives {max(found)} ms without a spike, the longest tested: {last} ms of "
            f"search are saved, {first} ms across the shortest; {alone}."
        )
    again = [str(ms) for ms in saved if ms > lost_at]
    late = f" (at {listed(again)} ms some search time is saved again)" if again else ""
    return (
        f"The memory survives up to {until[-1]} ms without spikes, not {lost_at} ms{late}: it is kept by activity (an "
        f"attractor) that short gaps do not end; {alone}."
    )


# Clamp


def clamped(result: Result) -> tuple[dict[str, dict[int, tuple[Estimate, Estimate]]], Estimate]:
    """Goals, and their difference to sham, of photographs and means by when b was held; goals of sham."""
    group = subgroup(result.file, "clamp")
    first, delays = array(group, "first_find_ms", 1), array(group, "held_after_ms", 1)
    moment, used = first + int(delays.max()), enough(first >= 0, FOUND_EARLY)
    sham = goals_from(swum(result, "clamp", "sham"), moment)[used]
    found: dict[str, dict[int, tuple[Estimate, Estimate]]] = {"photograph": {}, "mean": {}}
    for name, of in found.items():
        for ms in delays.tolist():
            goals = goals_from(swum(result, "clamp", f"{name}_{ms}"), moment)[used]
            of[ms] = mean(goals), mean(goals - sham)
    return found, mean(sham)


@styled
def draw_clamp(result: Result) -> Figure:
    """Goals with b held at its own value or at the mean over animals, against when it was held."""
    found, sham = clamped(result)
    figure = new_figure(10, 5.6, "Clamp: b held from a moment after the first find on")
    axes = figure.subplots()
    for name, colour, label in (("photograph", BLUE, "photograph: its own value then"),
                                ("mean", ORANGE, "its mean over the animals then")):  # fmt: skip
        band(axes, list(found[name]), [goals for goals, _ in found[name].values()], colour, label)
    axes.axhline(sham.value, color=PINK, linestyle=":", linewidth=2, label="b free")
    axes.axhspan(sham.low, sham.high, color=PINK, alpha=0.15, linewidth=0)
    axes.set(xlabel="held from so long after the first find (ms)", ylabel="goals in the rest of the episode")
    axes.set_ylim(bottom=0)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return add_footer(figure, result, f"means, bands: 95 % bootstrap over n = {sham.n} animals, paired by maze")


def tell_clamp(result: Result) -> list[str]:
    found, sham = clamped(result)
    last = max(found["photograph"])
    lines = [f"{sham.n} animals that found the platform in the first half; with b free {interval(sham, 1)} goals."]
    for name, what in (("photograph", "frozen at its own value"), ("mean", "held at its mean over the animals")):
        goals, less = found[name][last]
        share = goals.value / sham.value if sham.value else np.nan
        lines.append(
            f"With b {what} from {last} ms after the first find on: {interval(goals, 1)} goals "
            f"({100 * share:.0f} %; {interval(less, 1)} against b free"
            + ("" if differs(less) else ", no measurable effect")
            + ")."
        )
    return lines
