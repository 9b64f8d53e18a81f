"""The page of any family from what its result file says of itself: a table of the measures, and the learning curve."""

from typing import Any

import numpy as np

from analysis.families import Drawing, Page, learning_curves, mean_over_episodes, ratio_over_episodes
from analysis.latencies import Estimate
from analysis.reading import Rule, dataset, json_attribute, reported, table
from analysis.results import Result
from analysis.schema2 import group_at
from analysis.verdict import interval


def measured(columns: dict[str, np.ndarray], measure: dict[str, Any], episodes: int) -> Estimate:
    """A measure of a table of trials, over episodes: the mean of its sum in each, or the mean over all trials."""
    values = columns[measure["column"] or measure["name"]].astype(float)
    episode = columns["episode"].astype(np.int64)
    total = np.bincount(episode, weights=values, minlength=episodes)
    if measure["per"] == "episode":
        return mean_over_episodes(total)
    return ratio_over_episodes(total, np.bincount(episode, minlength=episodes).astype(float))


def digits(form: str) -> int:
    """Digits behind the point of a format such as ".3f"."""
    return int(form[1:-1]) if form[:1] == "." and form[1:-1].isdigit() else 3


def page(result: Result) -> Page:
    """What the report says of a result file of a family that has no page of its own."""
    family = json_attribute(result.file, "family", dict)
    conditions = json_attribute(result.file, "conditions", list)
    variants = json_attribute(result.file, "variants", list) or [["", ""]]
    with reported(f"{result.path}: attribute 'family'"):
        rows = [
            (" · ".join(filter(None, (label, variant))), *cells_of(result, family, "/".join(filter(None, (name, key)))))
            for name, label, _ in conditions
            if name in result.file
            for key, variant in variants
        ]
        head = ("condition", *(measure["label"] for measure in family["measures"]))
        title, asked = family["title"] or family["name"], family["question"]
    columns = [name for name in result.history if name in ("return", family["score"])]
    curve = Drawing(
        "learning_curve",
        "Meta-training",
        "As logged, iteration by iteration.",
        lambda result: learning_curves(result, tuple((name, name) for name in columns)),
    )
    note = "Brackets: 95 % percentile bootstrap interval over episodes."
    return Page(title, asked, head, rows, note, [], (curve,) if columns else ())


def cells_of(result: Result, family: dict[str, Any], where: str) -> list[str]:
    """The measures of a condition."""
    group = group_at(result, where)
    names = [measure["column"] or measure["name"] for measure in family["measures"]]
    episodes = len(dataset(group, "episode_key", (None,)))
    columns = table(group, "trials", {"episode": Rule(0, episodes - 1, whole=True)}, needed=("episode", *names))
    if not len(columns["episode"]):
        return ["–"] * len(names)
    return [interval(measured(columns, m, episodes), digits(m["format"])) for m in family["measures"]]
