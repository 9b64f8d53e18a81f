"""The experiments of any family: what is lost with a part of the state, whose latent is followed, what can be read."""

import functools
from collections.abc import Callable, Mapping

import h5py

from analysis.claims import Outcome, sort_out
from analysis.study.every_family import exchanges, losses, reading_out
from analysis.study.every_family.conditions import label_of, measured
from analysis.study.measures import Entry, Outcomes
from lsnn.files.reading import COUNT, GAPS, ResultError, Rule, attribute, check_layout, names, place
from lsnn.files.results import Result

EVERY = "every family"
INDEX, STEP = Rule(0, whole=True, kinds="iu"), Rule(-1, whole=True, kinds="iu")
FOLLOWED = Rule(0, 2, whole=True, kinds="iu")

MEASURED = {"score": ("condition animal", GAPS), "rest": ("condition animal", GAPS),
            "followed": ("condition animal", FOLLOWED), "moment_ms": ("animal", STEP),
            "trial": ("animal", STEP)}  # fmt: skip
LAYOUTS: dict[str, Mapping[str, tuple[str, Rule]]] = {
    "ablation": MEASURED,
    "silence": MEASURED | {"silent_ms": ("time", INDEX)},
    "retention": MEASURED | {"dark_ms": ("time", INDEX)},
    "clamp": MEASURED | {"held_from": ("time", INDEX)},
    "transplant": MEASURED,
    "takeover": {"score": ("state condition animal", GAPS), "followed": ("state condition animal", FOLLOWED),
                 "told": ("state", INDEX), "moment_ms": ("state animal", STEP)},
    "decoding": {"v": ("lag animal neuron", GAPS), "spikes": ("lag animal neuron", GAPS), "lag_ms": ("lag", COUNT),
                 "latent": ("animal number", GAPS)},
}  # fmt: skip


def is_of_every_family(group: h5py.Group) -> bool:
    """Whether a group holds an experiment of any family, not one of a family's own of the same name."""
    return "of" in group.attrs and attribute(group, "of") == EVERY


def check_experiment(group: h5py.Group, name: str) -> None:
    """ResultError unless the group of an experiment holds what it must."""
    lengths: dict[str, int] = {}
    check_layout(group, LAYOUTS[name], lengths)
    if "condition" in lengths and len(names(group, "conditions")) != lengths["condition"]:
        raise ResultError(f"{place(group)}, attribute 'conditions': must name {lengths['condition']} conditions")


def answers(result: Result, outcomes: Mapping[str, Outcomes]) -> list[tuple[str, str]]:
    """The questions of a study and what its numbers say, as far as the experiments are in the file."""
    asked: tuple[tuple[str, str, Callable[[Result, Outcomes], list[str]]], ...] = (
        ("In which variable?", "transplant", _carriers),
        ("After one trial, and after many?", "takeover", lambda result, of: exchanges.tell_takeover(result, of)[1:3]),
        (
            "What is lost with it?",
            "ablation",
            lambda result, of: losses.tell_ablation(result, of)[:1] + _costly(result, of),
        ),
        ("For how long without input?", "retention", lambda result, of: losses.tell_retention(result, of)[1:2]),
    )
    here = [(question, name, answer) for question, name, answer in asked if name in outcomes]
    return [(question, " ".join(answer(result, outcomes[name]))) for question, name, answer in here]


def _carriers(result: Result, outcomes: Outcomes) -> list[str]:
    """Of each swap but the dark: whose latent is followed."""
    of = measured(result, "transplant")
    swaps = [name for name in outcomes if not str(name).startswith("dark_")]
    told = {exchanges.swap_label(name, of.kept): outcomes[name] for name in swaps}
    if not told:
        return ["The family does not tell how well a trial fits a latent, so whose is followed is not said."]
    return [f"Followed: {sort_out(told, exchanges.FOLLOWED_MOST, 'with {}')}."]


def _costly(result: Result, outcomes: Outcomes) -> list[str]:
    of = measured(result, "ablation")
    costs = {Outcome.MORE: "costs", Outcome.SAME: "costs nothing beyond the margin", Outcome.LESS: "helps"}
    if outcomes["all"] is not Outcome.MORE:
        return ["That erasing everything costs something is not shown."]
    return [f"Erasing it: {sort_out({label_of(n, of.kept): o for n, o in outcomes.items()}, costs, 'of {}')}."]


SILENCE = functools.partial(
    losses.claims_over_time, experiment="silence", times="silent_ms", begins=("silent", "cleared")
)
RETENTION = functools.partial(losses.claims_over_time, experiment="retention", times="dark_ms", begins=("kept",))
ENTRIES = (
    Entry("ablation", "Ablation of state", losses.draw_ablation, losses.tell_ablation, losses.claims_of_ablation),
    Entry("silence", "Silence", losses.draw_silence, losses.tell_silence, SILENCE),
    Entry("clamp", "Clamp", losses.draw_clamp, losses.tell_clamp, losses.claims_of_clamp),
    Entry("transplant", "Transplant", exchanges.draw_transplant, exchanges.tell_transplant,
          exchanges.claims_of_transplant),
    Entry("takeover", "After one trial, and after many", exchanges.draw_takeover, exchanges.tell_takeover,
          exchanges.claims_of_takeover),
    Entry("decoding", "Decoding", reading_out.draw_decoding, reading_out.tell_decoding, reading_out.claims_of_decoding),
    Entry("retention", "Retention", losses.draw_retention, losses.tell_retention, RETENTION),
)  # fmt: skip
