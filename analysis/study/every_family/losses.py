"""What is lost with a part of the state, over time without input, and with what is kept beside the membranes held."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from analysis.claims import SHARE_MARGIN, Outcome, claim, sort_out
from analysis.study.every_family.conditions import (
    Measured,
    Score,
    bars,
    choices,
    colour_of,
    known,
    label_of,
    mark_chance,
    measured,
    own,
    percent,
    score_of,
    tells,
    worse,
)
from analysis.study.interventions import band
from analysis.study.measures import Claims, Outcomes, TooFew, array, mean, ratio
from analysis.style import BLUE, DARK, GREEN, GREY, ORANGE, SILVER, VERMILLION, add_footer, new_figure, styled
from analysis.verdict import interval
from lsnn.estimates import Estimate
from lsnn.files.reading import names, subgroup
from lsnn.files.results import Result

# Ablation


@styled
def draw_ablation(result: Result) -> Figure:
    """Score of the trial after a part of the state is erased, and of all trials from it on."""
    of, score = measured(result, "ablation"), score_of(result)
    figure = new_figure(13, 5.6, "Ablation: parts of the state erased before a trial")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, by_name, where in zip(panels, (of.score, of.rest), ("in that trial", "from it on"), strict=True):
        rows = {label_of(name, of.kept): known(each) for name, each in by_name.items()}
        bars(axes, rows, {label_of(name, of.kept): colour_of(name, of.kept) for name in by_name})
        axes.axvline(rows[label_of("sham", of.kept)].value, color=GREY, linestyle=":", zorder=0)
        axes.set_title(f"{score.label}, {where}")
    return add_footer(figure, result, f"means, 95 % bootstrap over n = {of.n} animals, the same in every row")


def cost_shares(result: Result) -> dict[str, Estimate]:
    """What each ablation costs of the score, as a share of what erasing everything does; none where that costs none."""
    of = measured(result, "ablation")
    lost = {name: worse(result, each) - worse(result, of.score["sham"]) for name, each in of.score.items()}
    if not mean(lost["all"]).low > 0:
        return {}
    return {name: ratio(each, lost["all"]) for name, each in lost.items() if name not in ("sham", "all")}


def claims_of_ablation(result: Result) -> Claims:
    """Whether erasing everything costs anything, and whether each part costs a share of that."""
    of = measured(result, "ablation")
    total = claim(mean(worse(result, of.score["all"]) - worse(result, of.score["sham"])))
    shares = cost_shares(result)
    return {"all": total} | {name: claim(each, SHARE_MARGIN) for name, each in shares.items()}


def tell_ablation(result: Result, outcomes: Outcomes) -> list[str]:
    of, score, shares = measured(result, "ablation"), score_of(result), cost_shares(result)
    lines = [f"{of.n} animals; {score.label} in the trial before which the state is changed."]
    costs = {Outcome.MORE: "costs", Outcome.SAME: "costs nothing beyond the margin", Outcome.LESS: "helps"}
    whole = outcomes["all"] is Outcome.MORE
    for name, each in of.score.items():
        said = ""
        if name in shares and whole:
            what = costs.get(outcomes[name], outcomes[name].value)
            said = f", {interval(shares[name], 2)} of what erasing everything costs ({what})"
        lines.append(f"{label_of(name, of.kept).capitalize()}: {score.text(known(each))}{said}.")
    if not whole:
        lines.append("That erasing everything costs something is not shown, so there are no shares of it.")
    return lines


# Silence and dark


def _over_time(
    result: Result, experiment: str, title: str, lines: Mapping[str, tuple[str, str]], times: str, along: str
) -> Figure:
    """Score, and whose latent is followed, against time; lines: begin of a condition's name to label and colour."""
    of, score, group = measured(result, experiment), score_of(result), subgroup(result.file, experiment)
    at, found = array(group, times, 1).tolist(), choices(of.followed)
    figure = new_figure(13 if tells(found) else 9, 6.0, title)
    panels = figure.subplots(1, 2 if tells(found) else 1, squeeze=False)[0]
    for begin, (label, colour) in lines.items():
        band(panels[0], at, [known(of.score[f"{begin}_{ms}"]) for ms in at], colour, label)
        if len(panels) > 1:
            band(panels[1], at, [percent(own(found[f"{begin}_{ms}"])) for ms in at], colour, label)
    if "sham" in of.score:
        panels[0].axhline(known(of.score["sham"]).value, color=GREY, linestyle="--", label="nothing changed")
    mark_chance(panels[0], score)
    panels[0].set_ylabel(f"{score.label}, in the trial after it")
    for axes in panels:
        axes.set_xscale("symlog" if at[0] == 0 else "log", **({"linthresh": 10} if at[0] == 0 else {}))
        axes.set_xlim(0.8 * at[0] or -1, 1.25 * at[-1])
        axes.set_xticks(at, [str(ms) for ms in at], rotation=60)
        axes.minorticks_off()
        axes.set_xlabel(along)
    if len(panels) > 1:
        panels[1].axhline(50, color=DARK, linestyle=":", linewidth=1)
        panels[1].set(ylabel="follow their own latent (%)", ylim=(0, 103))
    panels[0].legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    return add_footer(figure, result, f"n = {of.n} animals; bands: 95 % intervals, bootstrap left, Wilson right")


@styled
def draw_silence(result: Result) -> Figure:
    """Score against the length of a silence: as it is, with what is kept beside the membranes alone, with nothing."""
    kept = " and ".join(measured(result, "silence").kept) or "nothing"
    lines = {"silent": ("as it is", BLUE), "cleared": (f"only {kept} left", GREEN)}
    lines |= {"erased": ("nothing left", VERMILLION)}
    title = "Silence: the world stands still and no neuron can spike"
    return _over_time(result, "silence", title, lines, "silent_ms", "all spikes suppressed for (ms)")


@styled
def draw_retention(result: Result) -> Figure:
    """Score against the dark: state kept and erased."""
    lines = {"kept": ("state kept", BLUE), "erased": ("state erased", VERMILLION)}
    title = "Retention: the world stands still and nothing enters the network"
    return _over_time(result, "retention", title, lines, "dark_ms", "dark (ms)")


def _saved(result: Result, experiment: str, begin: str, ms: int) -> np.ndarray:
    """By how much the score is better than with everything erased then, (animal,)."""
    of = measured(result, experiment)
    return worse(result, of.score[f"erased_{ms}"]) - worse(result, of.score[f"{begin}_{ms}"])


def claims_over_time(result: Result, experiment: str, times: str, begins: tuple[str, ...]) -> Claims:
    """Whether the score is better than with everything erased, by what is left and time."""
    at = array(subgroup(result.file, experiment), times, 1).tolist()
    measured(result, experiment)
    return {(begin, ms): claim(mean(_saved(result, experiment, begin, ms))) for begin in begins for ms in at}


BETTER = {Outcome.MORE: "better", Outcome.LESS: "worse", Outcome.SAME: "the same"}


def _tell_over_time(result: Result, outcomes: Outcomes, experiment: str, what: Mapping[str, str]) -> list[str]:
    of, score = measured(result, experiment), score_of(result)
    found, lines = choices(of.followed), [f"{of.n} animals; {score.label} in the trial after it."]
    for begin, label in what.items():
        times = [ms for kind, ms in outcomes if kind == begin]
        at_each = "; ".join(f"{ms} ms {score.text(known(of.score[f'{begin}_{ms}']))}" for ms in times)
        said = sort_out({str(ms): outcomes[begin, ms] for ms in times}, BETTER, "at {} ms")
        lines.append(f"{label}: {at_each}. Against everything erased then: {said}.")
        if tells(found):
            shares = ", ".join(f"{ms} ms {interval(own(found[f'{begin}_{ms}']), 2)}" for ms in times)
            lines.append(f"{label}, follow their own latent and not the partner's (chance 0.5): {shares}.")
    return lines


def tell_silence(result: Result, outcomes: Outcomes) -> list[str]:
    kept = " and ".join(measured(result, "silence").kept) or "nothing"
    return _tell_over_time(result, outcomes, "silence", {"silent": "As it is", "cleared": f"Only {kept} left"})


def tell_retention(result: Result, outcomes: Outcomes) -> list[str]:
    return _tell_over_time(result, outcomes, "retention", {"kept": "State kept"})


# Clamp


@styled
def draw_clamp(result: Result) -> Figure:
    """Mean score from the moment on at which what is kept beside the membranes is held."""
    group, of, score = _clamped(result)
    figure = new_figure(9, 5.4, f"Clamp: {' and '.join(of.kept)} held from a trial on, to the end of the episode")
    axes, places = figure.subplots(), np.arange(len(group))
    shown = (("sham", "free", SILVER), ("photograph", "at its own value then", BLUE),
             ("mean", "at the mean over the animals", ORANGE))  # fmt: skip
    for number, (name, label, colour) in enumerate(shown):
        found = [known(of.rest[f"{name}_{told}"]) for told in group]
        axes.bar(places + 0.27 * (number - 1), [each.value for each in found], 0.25, color=colour, label=label)
        for at, each in zip(places + 0.27 * (number - 1), found, strict=True):
            axes.plot([at, at], [each.low, each.high], color=DARK, linewidth=1.8)
    mark_chance(axes, score)
    axes.set_xticks(places, [str(told) for told in group])
    axes.set(xlabel="trials that had told of the latent when it was held", ylabel=f"{score.label}, from then on")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    n = int(np.isfinite(of.rest[f"sham_{group[0]}"]).sum())
    return add_footer(figure, result, f"means, 95 % bootstrap over n = {n} animals and fewer to the right")


def _clamped(result: Result) -> tuple[list[int], Measured, Score]:
    """From which trials on enough animals were held, what came of it, and the score."""
    group = subgroup(result.file, "clamp")
    rest = dict(zip(names(group, "conditions"), array(group, "rest", 2), strict=True))
    of = Measured(rest, rest, rest, names(group, "kept"))
    held = [int(told) for told in array(group, "held_from", 1) if np.isfinite(rest[f"sham_{int(told)}"]).sum() >= 5]
    if not held:
        raise TooFew("fewer than 5 animals have a trial from which on it was held")
    return held, of, score_of(result)


def _held_cost(result: Result, of: Measured, name: str, told: int) -> np.ndarray:
    lost = worse(result, of.rest[f"{name}_{told}"]) - worse(result, of.rest[f"sham_{told}"])
    return lost[np.isfinite(lost)]


def claims_of_clamp(result: Result) -> Claims:
    """Whether holding it makes the score worse."""
    held, of, _ = _clamped(result)
    kinds = [(name, told) for name in ("photograph", "mean") for told in held]
    return {kind: claim(mean(_held_cost(result, of, *kind))) for kind in kinds}


def tell_clamp(result: Result, outcomes: Outcomes) -> list[str]:
    held, of, score = _clamped(result)
    said, lines = {Outcome.MORE: "worse", Outcome.LESS: "better"}, []
    for told in held:
        parts = [f"free {score.text(known(of.rest[f'sham_{told}']))}"]
        for name, label in (("photograph", "at its own value"), ("mean", "at the mean over the animals")):
            outcome = outcomes[name, told]
            parts.append(f"{label} {score.text(known(of.rest[f'{name}_{told}']))} ({said.get(outcome, outcome.value)})")
        lines.append(f"Held once {told} trials had told of the latent, {score.label} from then on: {'; '.join(parts)}.")
    return lines
