"""One page from a result file: `report.html`, self-contained, and its figures as PNG files beside it."""

import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from analysis import bandit, generic, regression, store_recall
from analysis.families import Page, render_page
from analysis.latencies import (
    FIRST,
    LATER,
    RESAMPLES,
    SECOND,
    goals_per_episode,
    goals_ratio,
    mean_of,
    search_time,
)
from analysis.pages import template
from analysis.plots import ladder, learning_curve, search_times, swim_paths
from analysis.raster import first_find
from analysis.reading import ResultError
from analysis.results import NETWORK_CONDITIONS, Condition, Result
from analysis.study.report import is_study, study_page
from analysis.style import LABELS, png
from analysis.verdict import interval, judge, search_text, summary
from lsnn.files.whole import holding, refuse_inputs, write_whole

PAGES: dict[str, Callable[[Result], Page]] = {
    "bandit": bandit.page,
    "regression": regression.page,
    "store-recall": store_recall.page,
}  # of the families other than the water maze that have one of their own, by the name of the task
MAZE = "water-maze"

TRIALS_LISTED = (0, 1, 2, 4, 9)


class Entry(NamedTuple):
    """A figure of the report: how to draw it, what to say under it, what the file must hold for it."""

    name: str
    title: str
    caption: str
    draw: Callable[[Result], Figure]
    present: Callable[[Result], bool]


ENTRIES = (
    Entry(
        "ladder",
        "The ladder",
        "Mean finds of the platform in an episode. Circling knows that platforms lie near the wall and remembers "
        "nothing; the oracle is told the platform. All rows share platforms and starts.",
        ladder,
        lambda result: True,
    ),
    Entry(
        "swim_paths",
        "Swim paths",
        "Left: the frozen episode with the median number of goals, not the best one. Right, above: the same maze and "
        "starts for others; below: frozen episodes by their rank in goals. The platform is invisible to the animal.",
        swim_paths,
        lambda result: len(result.conditions["frozen"].recorded) > 0,
    ),
    Entry(
        "search_times",
        "Search time by trial",
        "Median time from being set down to the find, with 95 % bands. Memory shows as a fall from trial 1 to trial 2 "
        "that stays. Searches cut off by the end of an episode are counted as such (Kaplan-Meier); an arrow marks a "
        "trial that half of the searches did not finish within an episode.",
        search_times,
        lambda result: True,
    ),
    Entry(
        "first_find",
        "Through the first find",
        "Spikes of input and network, and thresholds B of the adaptive neurons, in one frozen episode. No weight "
        "changes: what is kept of the find is kept in the state.",
        first_find,
        lambda result: result.conditions["frozen"].has_recording and "network" in result.file,
    ),
    Entry(
        "learning_curve",
        "Meta-training",
        "How the network came about, before its weights were frozen. Goals as trained are over the starts of the "
        "curriculum at that moment, easier than those of the test; dots are tests on the whole pool.",
        learning_curve,
        lambda result: bool(result.history),
    ),
)


def write_report(result_path: str | Path, out_dir: str | Path, overwrite: bool = True) -> Path:
    """Write report.html and the figures of a result file into out_dir (made if need be); returns the page's path.

    The page embeds its figures and refers to nothing outside itself. All is drawn before anything is written. Raises
    ResultError for a file that is no result or, unless it is a study (analysis/study), lacks `frozen`, `circling` or
    `oracle`, for an out_dir that cannot be written and, unless overwrite, one that holds such files already.
    """
    with Result(result_path) as result:
        if is_study(result):
            page, images = study_page(result)
        else:
            page, images = _maze_page(result) if result.task == MAZE else _family_page(result)
    return write_page(Path(out_dir), page, images, overwrite, [Path(result_path)])


def write_page(
    folder: Path, page: str, figures: dict[str, bytes], overwrite: bool = True, inputs: Sequence[Path] = ()
) -> Path:
    """Write report.html and its figures by name; returns the page's path. No input of it is written over."""
    files = {**{f"{name}.png": image for name, image in figures.items()}, "report.html": page.encode()}
    there = [name for name in files if (folder / name).exists()]
    if there and not overwrite:
        raise ResultError(f"{folder}: must not hold {', '.join(there)}; name another --out, or --overwrite")
    for name in files:
        refuse_inputs(folder / name, inputs)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise ResultError(f"{folder}: the report cannot be written there: {error}") from error
    with holding(folder) as held:
        for name, content in files.items():
            write_whole(folder / name, content, overwrite, held)
    return folder / "report.html"


def write_figure(result_path: str | Path, path: Path, draw: Callable[[Result], Figure]) -> Path:
    """One figure of a result file as PNG; returns its path."""
    with Result(result_path) as result:
        image = png(draw(result))
    return write_whole(path, image)


def _maze_page(result: Result) -> tuple[str, dict[str, bytes]]:
    """The page of the water maze and its figures, by name."""
    result.require("frozen", "circling", "oracle")
    drawn = {entry: png(entry.draw(result)) for entry in ENTRIES if entry.present(result)}
    return render(result, drawn), {entry.name: image for entry, image in drawn.items()}


def page_of(result: Result) -> Page:
    """What is said of a result file of another family than the maze."""
    return PAGES.get(result.task, generic.page)(result)


def _family_page(result: Result) -> tuple[str, dict[str, bytes]]:
    """The page of another family and its figures, by name."""
    page = page_of(result)
    images = {drawing.name: png(drawing.draw(result)) for drawing in page.drawings}
    coded = {name: base64.b64encode(image).decode("ascii") for name, image in images.items()}
    return render_page(result, page, coded), images


def render(result: Result, drawn: dict[Entry, bytes]) -> str:
    """The page as HTML."""
    verdict = judge(result)
    return template("report.html.jinja").render(
        file_name=result.path.name,
        verdict=verdict,
        failed=[criterion.rule for criterion in verdict.criteria if criterion.met is False],
        undecided=[criterion.rule for criterion in verdict.criteria if criterion.met is None],
        summary=summary(result),
        rows=[headline_row(result, name) for name in result.conditions],
        trial_rows=[trial_row(result, trial) for trial in TRIALS_LISTED],
        figures=[{"entry": entry, "data": base64.b64encode(image).decode("ascii")} for entry, image in drawn.items()],
        absent=[entry.title for entry in ENTRIES if entry not in drawn],
        resamples=RESAMPLES,
        made=result.provenance,
        config=json.dumps(result.provenance.config, indent=2, sort_keys=True),
        hashes={
            name: result.conditions[name].checksums for name in NETWORK_CONDITIONS if name in result.conditions
        },
    )


def headline_row(result: Result, name: str) -> dict[str, Any]:
    """A condition's line of the table of main numbers."""
    condition = result.conditions[name]
    limit = condition.duration_ms
    return {
        "name": name,
        "label": LABELS[name],
        "policy": condition.policy,
        "n": condition.n_episodes,
        "goals": interval(goals_per_episode(condition), 1),
        "fraction": interval(goals_ratio(condition, result.conditions["oracle"]), 2),
        "searches": [search_text(search_time(condition, trials), limit) for trials in (FIRST, SECOND, LATER)],
    }


def trial_row(result: Result, trial: int) -> dict[str, Any]:
    """Median and mean search time of a trial for the frozen network and the oracle."""
    return {"trial": trial + 1, "cells": [trial_cells(result.conditions[name], trial) for name in ("frozen", "oracle")]}


def trial_cells(condition: Condition, trial: int) -> dict[str, Any]:
    median, mean = (search_time(condition, (trial, trial), **how) for how in ({}, {"reduce": mean_of}))
    limit = condition.duration_ms
    return {"n": median.n, "median": search_text(median, limit), "mean": search_text(mean, limit)}
