"""Ablation, silence and clamp: what is lost when a part of the state is erased, silenced or held."""

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.claims import SHARE_MARGIN, Outcome, claim, sort_out
from analysis.study.measures import (
    Claims,
    Outcomes,
    array,
    called,
    enough,
    kept_of,
    latency_margin,
    mean,
    next_visit,
    points,
    ratio,
    swum,
    visits_from,
)
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
from lsnn.estimates import Estimate
from lsnn.files.reading import subgroup
from lsnn.files.results import Result

WATCHED_MS = 500  # every animal is watched at least so long after its moment
FOUND_EARLY = "found the platform early enough"
KEPT_COLOURS = (GREEN, ORANGE, PINK)  # of variables beside the membranes, in order


def ablations(kept: list[str]) -> dict[str, tuple[str, str]]:
    """Label and colour of every ablation, for these variables beside the membranes."""
    of_kept: dict[str, tuple[str, str]] = {}
    for number, name in enumerate(kept):
        colour = KEPT_COLOURS[number % len(KEPT_COLOURS)]
        of_kept |= {f"{name}_mean": (f"{called(name)} at their mean", colour), name: (f"{called(name)} erased", colour)}
    return {
        "sham": ("sham", SILVER),
        "readout": ("readout r erased", SKY),
        "delay_lines": ("delay lines erased", SKY),
        "v": ("membranes v erased", BLUE),
        "fast": (f"all but {' and '.join(kept) or 'nothing'} erased", BLUE),
        **of_kept,
        "all": ("everything erased", VERMILLION),
    }


def ablations_of(result: Result) -> dict[str, tuple[str, str]]:
    """Those that the file holds."""
    return ablations(kept_of(subgroup(result.file, "ablation")))


LATER = {Outcome.MORE: "later", Outcome.SAME: "the same to within the margin", Outcome.LESS: "sooner"}
SAVED = {Outcome.MORE: "time is saved", Outcome.SAME: "none beyond the margin", Outcome.LESS: "time is lost"}


def _kept(result: Result, experiment: str) -> str:
    """What the neurons keep beside their membranes, by name."""
    return " and ".join(kept_of(subgroup(result.file, experiment))) or "nothing"


class Effect(NamedTuple):
    """A condition: visits in the rest of the episode and time to the next visit, also set against sham's."""

    visits: Estimate
    search: Estimate
    kept: Estimate  # share of sham's visits
    longer: Estimate
    of_cost: Estimate  # share of what erasing everything delays the next visit by


def effects(result: Result) -> dict[str, Effect]:
    """Every ablation, paired with sham episode by episode."""
    moment = array(subgroup(result.file, "ablation"), "moment_ms", 1)
    used = enough(moment >= 0, FOUND_EARLY)
    measured = {}
    for name in ablations_of(result):
        episodes = swum(result, "ablation", name)
        measured[name] = visits_from(episodes, moment)[used], next_visit(episodes, moment, WATCHED_MS)[used]
    (sham_visits, sham_search), (_, lost) = measured["sham"], measured["all"]
    return {
        name: Effect(mean(visits), mean(search), ratio(visits, sham_visits), mean(search - sham_search),
                     ratio(search - sham_search, lost - sham_search))
        for name, (visits, search) in measured.items()
    }  # fmt: skip


def claims_of_ablation(result: Result) -> Claims:
    """Of each ablation but sham: whether the next visit is later, and fewer visits are made."""
    found, margin = effects(result), latency_margin(result)
    longer = {(name, "longer"): claim(effect.longer, margin) for name, effect in found.items() if name != "sham"}
    kept = {(name, "kept"): claim(effect.kept, SHARE_MARGIN, 1.0) for name, effect in found.items() if name != "sham"}
    return longer | kept


@styled
def draw_ablation(result: Result) -> Figure:
    """Visits in the rest of the episode and time to the next visit for each part of the state that is erased."""
    found, labels = effects(result), ablations_of(result)
    figure = new_figure(13, 5.6, "Ablation: parts of the state erased at a random moment after the first visit")
    left, right = figure.subplots(1, 2, sharey=True)
    rows = np.arange(len(found))[::-1]
    for axes, which, title in ((left, 0, "visits in the rest of the episode"), (right, 1, "next visit after (ms)")):
        for row, (name, effect) in zip(rows, found.items(), strict=True):
            value, low, high, _ = effect[which]
            axes.barh(row, value, color=labels[name][1], height=0.7)
            axes.hlines(row, low, high, color=DARK, linewidth=1.8)
        axes.axvline(found["sham"][which].value, color=GREY, linestyle=":", zorder=0)
        axes.set_title(title)
        axes.tick_params(axis="y", length=0)
    left.set_yticks(rows, [labels[name][0] for name in found])
    return add_footer(
        figure, result, f"means, 95 % bootstrap over n = {found['sham'].visits.n} animals, paired by maze"
    )


def tell_ablation(result: Result, outcomes: Outcomes) -> list[str]:
    found, labels = effects(result), ablations_of(result)
    sham, n = found["sham"], found["sham"].visits.n
    lines = [
        f"{n} animals. Undisturbed they made {interval(sham.visits, 1)} more visits and needed "
        f"{interval(sham.search, 0)} ms to the next visit (mean, at most {WATCHED_MS} ms)."
    ]
    visits = {Outcome.MORE: "more", Outcome.SAME: "as many to within the margin", Outcome.LESS: "fewer"}
    for name, effect in found.items():
        if name != "sham":
            later, fewer = outcomes[name, "longer"], outcomes[name, "kept"]
            lines.append(
                f"{labels[name][0].capitalize()}: next visit {interval(effect.longer, 0)} ms after sham's "
                f"({LATER.get(later, later.value)}), {interval(effect.kept, 2)} of its visits "
                f"({visits.get(fewer, fewer.value)})."
            )
    return [*lines, f"{costs(found, outcomes)} Erased thresholds also leave the network too excitable; the mean keeps "
            "its excitability and takes only what the animal itself had experienced."]  # fmt: skip


def costs(found: dict[str, Effect], outcomes: Outcomes) -> str:
    """Shares of the delay of the next visit by erasing everything, where that delays it."""
    if outcomes["all", "longer"] is not Outcome.MORE:
        return "That erasing everything delays the next visit is not shown, so there are no shares of that delay."
    kept = [name.removesuffix("_mean") for name in found if name.endswith("_mean")]
    parts = {"fast": f"erasing all but {' and '.join(kept) or 'nothing'}"}
    for name in kept:
        parts |= {name: f"erasing {name}", f"{name}_mean": f"setting {name} to its mean"}
    shares = ", ".join(f"{what} {interval(found[name].of_cost, 2)}" for name, what in parts.items())
    return f"Of the delay of the next visit that erasing everything causes, this causes a share of: {shares}."


# Silence


class Gap(NamedTuple):
    """Time from the release to the next visit: released as it is, with only b kept, with nothing kept; differences."""

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
            next_visit(swum(result, "silence", f"{name}_{ms}"), moment + ms, WATCHED_MS)[used]
            for name in ("silent", "cleared", "erased")
        )
        found[ms] = Gap(*(mean(each) for each in (silent, cleared, erased, erased - silent, erased - cleared)))
    return found


def undisturbed(result: Result) -> Estimate:
    """Time to the next visit without silence, from the same moments."""
    moment = array(subgroup(result.file, "silence"), "moment_ms", 1)
    return mean(next_visit(swum(result, "silence", "sham"), moment, WATCHED_MS)[moment >= 0])


@styled
def draw_silence(result: Result) -> Figure:
    """Time from the release to the next visit against the length of the silence."""
    found, sham = gaps(result), undisturbed(result)
    figure = new_figure(10, 5.8, "Silence: what is left of the memory after some time without spikes?")
    axes = figure.subplots()
    kept = _kept(result, "silence")
    for which, colour, label in ((0, BLUE, "released as it is"), (1, GREEN, f"released, only {kept} kept"),
                                 (2, VERMILLION, "everything erased at the release")):  # fmt: skip
        band(axes, list(found), [gap[which] for gap in found.values()], colour, label)
    axes.axhline(sham.value, color=GREY, linestyle=":", label="never silenced")
    axes.set(xlabel="all spikes suppressed for (ms)", ylabel="mean time to the next visit (ms)", ylim=(0, None))
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


def claims_of_silence(result: Result) -> Claims:
    """Of each length of silence: whether escape latency is saved across it, by all of the state and by b alone."""
    margin = latency_margin(result)
    saved = {ms: {"all": gap.saved_by_all, "b": gap.saved_by_b} for ms, gap in gaps(result).items()}
    return {(which, ms): claim(more, margin) for ms, both in saved.items() for which, more in both.items()}


def tell_silence(result: Result, outcomes: Outcomes) -> list[str]:
    found, sham = gaps(result), undisturbed(result)
    lines = [
        f"{sham.n} animals; undisturbed, their next visit came after {interval(sham, 0)} ms. After a silence the next "
        f"visit came sooner than with everything erased at the release by: "
        + "; ".join(
            f"{ms} ms of silence: {interval(gap.saved_by_all, 0)} ms (with {_kept(result, 'silence')} alone kept "
            f"{interval(gap.saved_by_b, 0)} ms)"
            for ms, gap in found.items()
        )
        + "."
    ]
    return [*lines, silence_verdict(outcomes, _kept(result, "silence"))]


def silence_verdict(outcomes: Outcomes, kept: str = "b") -> str:
    """Across which silences escape latency is saved. How it is kept meanwhile is not tested by this."""
    by_all, by_b = (
        sort_out({str(ms): each for (kind, ms), each in outcomes.items() if kind == which}, SAVED, "at {} ms")
        for which in ("all", "b")
    )
    lengths = sorted({ms for _, ms in outcomes})
    return (
        f"Against a state erased at the release, after {lengths[0]} to {lengths[-1]} ms without a spike: {by_all}. "
        f"With {kept} alone kept: {by_b}."
    )


# Clamp


class Held(NamedTuple):
    """Visits with b held, and their share of those with b free."""

    visits: Estimate
    kept: Estimate


def clamped(result: Result) -> tuple[dict[str, dict[int, Held]], Estimate]:
    """Photographs and means by when b was held; visits of sham."""
    group = subgroup(result.file, "clamp")
    first, delays = array(group, "first_visit_ms", 1), array(group, "held_after_ms", 1)
    moment, used = first + int(delays.max()), enough(first >= 0, FOUND_EARLY)
    sham = visits_from(swum(result, "clamp", "sham"), moment)[used]
    found: dict[str, dict[int, Held]] = {"photograph": {}, "mean": {}}
    for name, of in found.items():
        for ms in delays.tolist():
            visits = visits_from(swum(result, "clamp", f"{name}_{ms}"), moment)[used]
            of[ms] = Held(mean(visits), ratio(visits, sham))
    return found, mean(sham)


@styled
def draw_clamp(result: Result) -> Figure:
    """Visits with b held at its own value or at the mean over animals, against when it was held."""
    (found, sham), kept = clamped(result), _kept(result, "clamp")
    figure = new_figure(10, 5.6, f"Clamp: {kept} held from a moment after the first visit on")
    axes = figure.subplots()
    for name, colour, label in (("photograph", BLUE, "photograph: its own value then"),
                                ("mean", ORANGE, "its mean over the animals then")):  # fmt: skip
        band(axes, list(found[name]), [held.visits for held in found[name].values()], colour, label)
    axes.axhline(sham.value, color=PINK, linestyle=":", linewidth=2, label=f"{kept} free")
    axes.axhspan(sham.low, sham.high, color=PINK, alpha=0.15, linewidth=0)
    axes.set(xlabel="held from so long after the first visit (ms)", ylabel="visits in the rest of the episode")
    axes.set_ylim(bottom=0)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return add_footer(figure, result, f"means, bands: 95 % bootstrap over n = {sham.n} animals, paired by maze")


def claims_of_clamp(result: Result) -> Claims:
    """Whether b held from the latest moment on costs visits."""
    found, _ = clamped(result)
    return {name: claim(of[max(of)].kept, SHARE_MARGIN, 1.0) for name, of in found.items()}


def tell_clamp(result: Result, outcomes: Outcomes) -> list[str]:
    (found, sham), kept = clamped(result), _kept(result, "clamp")
    last = max(found["photograph"])
    lines = [
        f"{sham.n} animals that found the platform in the first half; with {kept} free {interval(sham, 1)} visits."
    ]
    said = {Outcome.MORE: "more", Outcome.SAME: "the same to within the margin", Outcome.LESS: "fewer"}
    for name, what in (("photograph", "frozen at its own value"), ("mean", "held at its mean over the animals")):
        held = found[name][last]
        lines.append(
            f"With {kept} {what} from {last} ms after the first visit on: {interval(held.visits, 1)} visits, "
            f"{interval(held.kept, 2)} of those with {kept} free ({said.get(outcomes[name], outcomes[name].value)})."
        )
    return lines
