"""The report of a study file: answers, then a figure and a text for each experiment in it."""

import base64
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from analysis.claims import FEWEST, LATENCY_MARGIN, SHARE_MARGIN, Claim, Outcome, decide
from analysis.maze import platform_radius
from analysis.pages.model import template
from analysis.study import (
    behaviour,
    decoding,
    every_family,
    generalisation,
    interventions,
    networks,
    one_visit,
    retention,
    takeover,
    transplant,
    variants,
    wiring,
)
from analysis.study.layouts import check_experiment
from analysis.study.measures import Entry, Outcomes, TooFew, called, kept_of, latency_margin, mean
from analysis.style import png
from analysis.verdict import interval
from lsnn.files.about import checksum_attribute
from lsnn.files.reading import ResultError, attribute, subgroup
from lsnn.files.results import Result

ENTRIES = (
    Entry("ablation", "Ablation of state", interventions.draw_ablation, interventions.tell_ablation,
          interventions.claims_of_ablation),
    Entry("silence", "Silence", interventions.draw_silence, interventions.tell_silence,
          interventions.claims_of_silence),
    Entry("clamp", "Clamp", interventions.draw_clamp, interventions.tell_clamp, interventions.claims_of_clamp),
    Entry("transplant", "Transplant", transplant.draw_transplant, transplant.tell_transplant,
          transplant.claims_of_transplant),
    Entry("takeover", "After one visit, and after many", takeover.draw_takeover, takeover.tell_takeover,
          takeover.claims_of_takeover),
    Entry("one_visit", "One visit, then dark", one_visit.draw_one_visit, one_visit.tell_one_visit,
          one_visit.claims_of_one_visit),
    Entry("decoding", "Decoding", decoding.draw_decoding, decoding.tell_decoding, decoding.claims_of_decoding),
    Entry("retention", "Retention", retention.draw_retention, retention.tell_retention,
          retention.claims_of_retention),
    Entry("reversal", "Reversal", behaviour.draw_reversal, behaviour.tell_reversal, behaviour.claims_of_reversal),
    Entry("probe", "Probe trial", behaviour.draw_probe, behaviour.tell_probe, behaviour.claims_of_probe),
    Entry("generalisation", "Generalisation", generalisation.draw_generalisation, generalisation.tell_generalisation,
          generalisation.claims_of_generalisation),
    Entry("wedge", "Held-out wedge", variants.draw_wedge, variants.tell_wedge),
    Entry("tau_a", "Time constant of adaptation", variants.draw_tau_a, variants.tell_tau_a, variants.claims_of_tau_a),
    Entry("controls", "Controls", variants.draw_controls, variants.tell_controls),
    Entry("wiring", "Learned wiring", wiring.draw_wiring, wiring.tell_wiring),
    Entry(wiring.REWIRED, "Wiring learned by DEEP R", partial(wiring.draw_wiring, name=wiring.REWIRED),
          partial(wiring.tell_wiring, name=wiring.REWIRED)),
)  # fmt: skip


def is_study(result: Result) -> bool:
    """Whether a result file holds the experiments of `lsnn study`, on one network or several."""
    return networks.are_studies(result) or (
        "result_kind" in result.file.attrs and attribute(result.file, "result_kind") == "study"
    )


def entries_of(result: Result) -> list[Entry]:
    """The experiments that a file holds: a family's own, and those of any family."""
    of_any = [entry for entry in every_family.ENTRIES if _of_any(result, entry)]
    return [*of_any, *(entry for entry in ENTRIES if entry.name in result.file and not _of_any(result, entry))]


def _of_any(result: Result, entry: Entry) -> bool:
    return entry.name in result.file and every_family.is_of_every_family(subgroup(result.file, entry.name))


def check_entry(result: Result, entry: Entry) -> None:
    """ResultError unless the group of an experiment holds what it must."""
    check = every_family.check_experiment if _of_any(result, entry) else check_experiment
    check(subgroup(result.file, entry.name), entry.name)


def checked(result: Result) -> list[Entry]:
    """The experiments that a study holds; ResultError unless each holds what it must."""
    present = entries_of(result)
    for entry in present:
        check_entry(result, entry)
    return present


def study_page(result: Result) -> tuple[str, dict[str, bytes]]:
    """The page as HTML and its figures by name; ResultError if the file holds no experiment."""
    if networks.are_studies(result):
        return networks.studies_page(result, lambda study: [entry.name for entry in checked(study)])
    present = checked(result)
    if not present:
        raise ResultError(f"{result.path}: a study must hold an experiment, has none")
    outcomes, silent = decided(result, present)
    in_maze = not any(_of_any(result, entry) for entry in present)
    drawn = {entry.name: png(entry.draw(result)) for entry in present if entry.name in outcomes}
    told = {entry.name: entry.tell(result, outcomes[entry.name]) for entry in present if entry.name in outcomes}
    page = template("study.html.jinja").render(
        file_name=result.path.name,
        made=result.provenance,
        weights_unchanged=checksum_attribute(result.file, "_after") == result.provenance.network_sha256,
        answers=answers(result, outcomes, silent) if in_maze else every_family.answers(result, outcomes),
        n_claims=sum(len(of) for of in outcomes.values()),
        fewest=FEWEST,
        share_margin=f"{SHARE_MARGIN:g}",
        latency_margin=_latency_margin(result) if in_maze else "",
        experiments=[
            {"entry": entry, "lines": told[entry.name], "data": base64.b64encode(drawn[entry.name]).decode("ascii")}
            for entry in present
            if entry.name in drawn
        ],
        silent={entry.title: silent[entry.name] for entry in present if entry.name in silent},
        absent=[entry.title for entry in (ENTRIES if in_maze else every_family.ENTRIES) if entry not in present],
        config=json.dumps(result.provenance.config, indent=2, sort_keys=True),
    )
    return page, drawn


def _latency_margin(result: Result) -> str:
    return f"{100 * LATENCY_MARGIN:.0f} % of the oracle's mean search, {latency_margin(result):.1f} ms"


def decided(result: Result, present: list[Entry]) -> tuple[dict[str, Outcomes], dict[str, str]]:
    """What came of the claims of each experiment, all corrected together; why of some nothing can be said."""
    claims: dict[tuple[str, Any], Claim] = {}
    able, silent = [], {}
    for entry in present:
        try:
            claims |= {(entry.name, key): each for key, each in entry.claims(result).items()}
            able.append(entry.name)
        except TooFew as reason:
            silent[entry.name] = str(reason)
    outcomes: dict[str, dict[Any, Outcome]] = {name: {} for name in able}
    for (name, key), outcome in decide(claims).items():
        outcomes[name][key] = outcome
    return dict(outcomes), silent


def answers(result: Result, outcomes: dict[str, Outcomes], silent: dict[str, str]) -> list[tuple[str, str]]:
    """The questions of a study and what its numbers say, as far as the experiments are in the file."""
    asked: tuple[tuple[str, tuple[str, ...], Callable[[Result, dict[str, Outcomes]], str]], ...] = (
        ("What is remembered?", ("probe",), what),
        ("In which variable?", ("transplant", "ablation"), where),
        ("After one visit, and after many?", ("takeover",), by_visits),
        (
            "Without activity?",
            ("silence",),
            lambda result, of: interventions.silence_verdict(
                of["silence"], " and ".join(kept_of(subgroup(result.file, "silence"))) or "nothing"
            ),
        ),
        ("For how long?", ("retention",), how_long),
        ("How precisely?", ("decoding", "transplant"), how_precisely),
        ("Is it the cause of the behaviour?", ("transplant",), cause),
    )
    return [
        (question, next((f"Not answered: {silent[name]}." for name in needed if name in silent), None)
         or answer(result, outcomes))
        for question, needed, answer in asked
        if set(needed) <= set(outcomes) | set(silent)
    ]  # fmt: skip


def what(result: Result, outcomes: dict[str, Outcomes]) -> str:
    """The platform's place, if animals seek it where it was."""
    kept = behaviour.probes(result)[0]
    share = mean(100 * behaviour.quadrant_shares(kept)[:, 0])
    seeks = {
        Outcome.MORE: "The platform's place",
        Outcome.SAME: "No place, by the probe trial",
        Outcome.LESS: "No place, by the probe trial",
    }.get(outcomes["probe"][kept.state], "Not decided by the probe trial")
    return f"{seeks}: with the platform gone {interval(share, 0)} % of the time goes to its quadrant (chance 25 %)."


def where(result: Result, outcomes: dict[str, Outcomes]) -> str:
    """Which part of the state moves the memory, and which part's loss costs it."""
    choices = transplant.choices(result)
    followed = [
        transplant.carrier(choices, outcomes["transplant"]),
        *transplant.enough_of_b(choices, outcomes["transplant"]),
    ]
    return f"{' '.join(followed)} {interventions.costs(interventions.effects(result), outcomes['ablation'])}"


def by_visits(result: Result, outcomes: dict[str, Outcomes]) -> str:
    """What is followed after one visit, and from when on thresholds are enough."""
    of = takeover.takeover_of(result)
    alone = " ".join(
        f"To the other's given its {called(name)} with all else erased, by visits: "
        f"{takeover.by_visits(of, [choice.share for choice in of.choices[f'other_{name}_alone']])}."
        for name in transplant.kept_in(of.choices)
    )
    return f"{takeover.carriers(outcomes['takeover'])} {alone}"


def how_long(result: Result, outcomes: dict[str, Outcomes]) -> str:
    parts = zip(retention.arms(result), retention.half_lives(result), strict=True)
    return " ".join(
        f"Dark {of.arm}: {retention.kept_across(outcomes['retention'], of.arm)}"
        + (f" Half-life {interval(life, 0)} ms." if life.value == life.value else "")
        for of, life in parts
    )


def how_precisely(result: Result, _: dict[str, Outcomes]) -> str:
    of, read = decoding.samples(result), decoding.readings(result)
    lag = int(np.argmin(np.abs(of.lag_ms - decoding.SUBSET_LAG_MS)))
    own, other = transplant.nearest(result)["none"]
    return (
        f"{of.lag_ms[lag]} ms after a visit a linear reader misses the platform's centre by "
        + ", ".join(f"{interval(read[name].error[0][lag], 2)} from {name}" for name in decoding.told(result))
        + f" pool radii (shuffled: {interval(read[decoding.told(result)[0]].shuffled[0][lag], 2)}; platform radius "
        f"{platform_radius(result):g}); the animals themselves come within {interval(own, 2)} on their way, which "
        f"leads them within {interval(other, 2)} of a platform that they do not know of."
    )


def cause(result: Result, outcomes: dict[str, Outcomes]) -> str:
    choice, outcome = transplant.choices(result)["everything"], outcomes["transplant"]["everything"]
    if outcome is not Outcome.MORE:
        said = "Not decided" if outcome is Outcome.UNDECIDED else "No"
        return f"{said}: with everything exchanged {interval(choice.share, 2)} swam to the other's platform."
    return (
        f"Yes: given another animal's state, {choice.other} of {choice.share.n} that reached a platform swam to the "
        f"other's ({interval(choice.share, 2)}), with nothing else changed."
    )
