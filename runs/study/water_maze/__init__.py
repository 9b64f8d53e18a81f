"""The water maze's own experiments, by name; those named as one of every family take its place."""

from collections.abc import Callable, Collection
from pathlib import Path

from lsnn.configuration import to_mapping
from lsnn.errors import InputError
from runs.study.subject import Findings, Subject
from runs.study.water_maze import (
    behaviour,
    decoding,
    generalisation,
    interventions,
    one_visit,
    retention,
    transplant,
)
from runs.study.water_maze import variants as variants
from tasks.experiment import Experiment

EXPERIMENTS: dict[str, Callable[[Subject, int], Findings]] = {
    "ablation": interventions.ablation,
    "silence": interventions.silence,
    "clamp": interventions.clamp,
    "transplant": transplant.transplant,
    "takeover": transplant.takeover,
    "one_visit": one_visit.one_visit,
    "decoding": decoding.decoding,
    "retention": retention.retention,
    "reversal": behaviour.reversal,
    "probe": behaviour.probe,
    "generalisation": generalisation.generalisation,
}
FIX_PAUSES, PAUSES = {"one_visit"}, ("rest_ms_min", "dark_ms_min")


def check(path: Path, experiment: Experiment, asked: Collection[str]) -> None:
    """InputError unless radius, rest, dark, start region and reversal are fixed; one_visit fixes rest and dark."""
    fixed = set(asked) <= FIX_PAUSES
    for name, value in to_mapping(experiment.task).items():
        if name.endswith("_min") and value is not None and not (fixed and name in PAUSES):
            raise InputError(f"{path}: task.{name} must not be set in a network to be studied, is {value}")
