"""The report of a study file: answers, then a figure and a text for each experiment in it."""

import base64
import json
from collections.abc import Callable
from functools import partial

import numpy as np

from analysis.pages import template
from analysis.results import Result, ResultError, attribute, text_attribute
from analysis.study import (
    behaviour,
    decoding,
    generalisation,
    interventions,
    one_visit,
    retention,
    takeover,
    transplant,
    variants,
    wiring,
)
from analysis.study.measures import Entry, TooFew, mean
from analysis.style import png
from analysis.verdict import interval

ENTRIES = (
    Entry("ablation", "Ablation of state", interventions.draw_ablation, interventions.tell_ablation),
    Entry("silence", "Silence", interventions.draw_silence, interventions.tell_silence),
    Entry("clamp", "Clamp", interventions.draw_clamp, interventions.tell_clamp),
    Entry("transplant", "Transplant", transplant.draw_transplant, transplant.tell_transplant),
    Entry("takeover", "Takeover", takeover.draw_takeover, takeover.tell_takeover),
    Entry("one_visit", "One visit, then dark", one_visit.draw_one_visit, one_visit.tell_one_visit),
    Entry("decoding", "Decoding", decoding.draw_decoding, decoding.tell_decoding),
    Entry("retention", "Retention", retention.draw_retention, retention.tell_retention),
    Entry("reversal", "Reversal", behaviour.draw_reversal, behaviour.tell_reversal),
    Entry("probe", "Probe trial", behaviour.draw_probe, behaviour.tell_probe),
    Entry("generalisation", "Generalisation", generalisation.draw_generalisation, generalisation.tell_generalisation),
    Entry("wedge", "Held-out wedge", variants.draw_wedge, variants.tell_wedge),
    Entry("tau_a", "Time constant of adaptation", variants.draw_tau_a, variants.tell_tau_a),
    Entry("controls", "Controls", variants.draw_controls, variants.tell_controls),
    Entry("wiring", "Learned wiring", wiring.draw_wiring, wiring.tell_wiring),
    Entry(
        wiring.REWIRED,
        "Wiring learned by DEEP R",
        partial(wiring.draw_wiring, name=wiring.REWIRED),
        partial(wiring.tell_wiring, name=wiring.REWIRED),
    ),
)


def is_study(result: Result) -> bool:
    """Whether a result file holds the experiments of `lsnn study`."""
    return "result_kind" in result.file.attrs and attribute(result.file, "result_kind") == "study"


def study_page(result: Result) -> tuple[str, dict[str, bytes]]:
    """The page as HTML and its figures by name; ResultError if the file holds no experiment."""
    present = [entry for entry in ENTRIES if entry.name in result.file]
    if not present:
        raise ResultError(f"{result.path}: a study must hold an experiment, has none")
    drawn, told, silent = {}, {}, {}
    for entry in present:
        try:
            drawn[entry.name], told[entry.name] = png(entry.draw(result)), entry.tell(result)
        except TooFew as reason:
            silent[entry.title] = str(reason)
    page = template("study.html.jinja").render(
        file_name=result.path.name,
        made=result.provenance,
        weights_unchanged=text_attribute(result.file, "weights_sha256_after") == result.provenance.network_sha256,
        answers=answers(result),
        experiments=[
            {"entry": entry, "lines": told[entry.name], "data": base64.b64encode(drawn[entry.name]).decode("ascii")}
            for entry in present
            if entry.name in drawn
        ],
        silent=silent,
        absent=[entry.title for entry in ENTRIES if entry not in present],
        config=json.dumps(result.provenance.config, indent=2, sort_keys=True),
    )
    return page, drawn


def answers(result: Result) -> list[tuple[str, str]]:
    """The questions of a study and what its numbers say, as far as the experiments are in the file."""
    asked = (
        ("What is remembered?", ("probe",), what),
        ("In which variable?", ("transplant", "ablation"), where),
        ("After one find, and after many?", ("takeover",), by_finds),
        ("Without activity?", ("silence",), lambda of: interventions.silence_verdict(interventions.gaps(of))),
        ("For how long?", ("retention",), how_long),
        ("How precisely?", ("decoding", "transplant"), how_precisely),
        ("Is it the cause of the behaviour?", ("transplant",), cause),
    )
    return [(question, said(answer, result)) for question, needed, answer in asked if set(needed) <= set(result.file)]


def said(answer: Callable[[Result], str], result: Result) -> str:
    """An answer, or why there is none."""
    try:
        return answer(result)
    except TooFew as reason:
        return f"Not answered: {reason}."


def what(result: Result) -> str:
    """The platform's place, if animals seek it where it was."""
    kept = behaviour.probes(result)[0]
    share = mean(100 * behaviour.quadrant_shares(kept)[:, 0])
    seeks = "The platform's place" if share.low > 25 else "No place that the probe trial could show"
    return f"{seeks}: with the platform gone {interval(share, 0)} % of the time goes to its quadrant (chance 25 %)."


def where(result: Result) -> str:
    """Which part of the state moves the memory, and which part's loss costs it."""
    found = interventions.effects(result)
    lost = {name: interventions.percent(interventions.cost_share(found, name)) for name in ("fast", "b_mean")}
    choices = transplant.choices(result)
    followed = [transplant.carrier(choices), *transplant.enough_of_b(choices)]
    return (
        f"{' '.join(followed)} Of the delay of the next find that erasing everything causes, "
        f"erasing all but b causes {lost['fast']}; taking from b what the animal itself had experienced, "
        f"{lost['b_mean']}."
    )


def by_finds(result: Result) -> str:
    """What carries the memory after one find, and from when on thresholds do."""
    of = takeover.takeover_of(result)
    alone = takeover.by_finds(of, [choice.share for choice in of.choices["other_b_alone"]])
    return f"{takeover.carriers(of)} To the other's given its thresholds with all else erased, by finds: {alone}."


def how_long(result: Result) -> str:
    parts = zip(retention.arms(result), retention.half_lives(result), strict=True)
    return " ".join(
        f"Blank {of.arm}: {retention.longest_kept(of)}"
        + (f" Half-life {interval(life, 0)} ms." if life.value == life.value else "")
        for of, life in parts
    )


def how_precisely(result: Result) -> str:
    of, read = decoding.samples(result), decoding.readings(result)
    lag = int(np.argmin(np.abs(of.lag_ms - decoding.SUBSET_LAG_MS)))
    own, other = transplant.nearest(result)["none"]
    return (
        f"{of.lag_ms[lag]} ms after a find a linear reader misses the platform's centre by "
        + ", ".join(f"{interval(read[name].error[0][lag], 2)} from {name}" for name in ("b", "v", "spikes"))
        + f" pool radii (shuffled: {interval(read['b'].shuffled[0][lag], 2)}; platform radius "
        f"{result.platform_radius:g}); "
        f"the animals themselves come within {interval(own, 2)} on their way, which leads them within "
        f"{interval(other, 2)} of a platform that they do not know of."
    )


def cause(result: Result) -> str:
    choice = transplant.choices(result)["everything"]
    if not choice.share.low > 0.5:
        return f"Not shown: with everything exchanged {interval(choice.share, 2)} swam to the other's platform."
    return (
        f"Yes: given another animal's state, {choice.other} of {choice.share.n} that reached a platform swam to the "
        f"other's ({interval(choice.share, 2)}, binomial p = {choice.p:.1g}), with nothing else changed."
    )
