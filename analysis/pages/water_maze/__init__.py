"""The page of the water maze: one-shot memory judged, escape latencies, swim paths, the first visit."""

from collections.abc import Sequence

from analysis.latencies import FIRST, LATER, SECOND, escape_latency, visits_per_episode, visits_ratio
from analysis.pages import generic
from analysis.pages.model import Drawing, Page, Row, Table
from analysis.pages.water_maze.criteria import NEEDED, judge, summary
from analysis.pages.water_maze.paths import swim_paths
from analysis.raster import first_visit
from analysis.verdict import interval, latency_text
from lsnn.estimates import RESAMPLES, mean_of
from lsnn.files.reading import holds
from lsnn.files.results import Condition, Result

TRIALS_LISTED = (0, 1, 2, 4, 9)
NOTE = (
    "Visits: mean; escape latencies: median from release to the platform, trials from the third on together under "
    f"'later'. Brackets: 95 % percentile bootstrap interval, {RESAMPLES} resamples of whole episodes, paired between "
    "conditions. Latencies cut off by the end of an episode enter as right-censored; '>' marks a time that was not "
    "reached within an episode, and a mean counts what was cut off up to the longest latency only. Where several "
    "trials are taken together, those that an animal completed share the weight one, and a cut-off one counts only "
    "where it completed none (Wang & Chang 1999)."
)
SWIM_PATHS = Drawing(
    "swim_paths",
    "Swim paths",
    "Left: the frozen episode with the median number of visits, not the best one. Right, above: the same maze and "
    "starts for others; below: frozen episodes by their rank in visits. The platform is invisible to the animal.",
    swim_paths,
    lambda result: len(result["frozen"].recorded) > 0,
)
FIRST_VISIT = Drawing(
    "first_visit",
    "Through the first visit",
    "Spikes of input and network, and thresholds B of the adaptive neurons, in one frozen episode. No weight changes: "
    "what is kept of the visit is kept in the state.",
    first_visit,
    lambda result: result["frozen"].has_recording and holds(result.file, "network"),
)
DRAWINGS = (generic.COMPARISON, SWIM_PATHS, generic.BY_TRIAL, FIRST_VISIT, generic.LEARNING_CURVE)


def page(result: Result) -> Page:
    """The page; the generic one where the conditions are missing that a judgement needs."""
    base = generic.page(result)
    if any(name not in result for name in NEEDED):
        return base
    verdict = judge(result)
    return base._replace(
        tables=(main_numbers(result), trial_by_trial(result)),
        criteria=verdict.criteria,
        drawings=DRAWINGS,
        headline=verdict.headline,
        told=summary(result),
        good=verdict.memory_shown,
    )


def main_numbers(result: Result) -> Table:
    """A row a condition: visits, their share of the oracle's, escape latencies."""
    head = ("condition", "policy", "n", "visits per episode", "of the oracle's", "escape latency, trial 1 (ms)",
            "trial 2 (ms)", "later (ms)")  # fmt: skip
    rows = [Row(each.role, _cells(each, result["oracle"])) for each in result.conditions.values()]
    return Table("Main numbers", head, rows, NOTE)


def _cells(condition: Condition, oracle: Condition) -> Sequence[str]:
    limit = condition.duration_ms
    latencies = [latency_text(escape_latency(condition, trials), limit) for trials in (FIRST, SECOND, LATER)]
    visits, share = visits_per_episode(condition), visits_ratio(condition, oracle)
    n = str(condition.n_episodes)
    return [condition.label, condition.policy, n, interval(visits, 1), interval(share, 2), *latencies]


def trial_by_trial(result: Result) -> Table:
    """Median and mean escape latency of some trials, for the frozen network and the oracle."""
    columns = ("n", "median (ms)", "mean (ms)")
    compared = [result[name] for name in ("frozen", "oracle")]
    head = ["trial", *(f"{each.label}: {column}" for each in compared for column in columns)]
    rows = [
        Row("", [str(trial + 1), *(cell for each in compared for cell in _trial_cells(each, trial))])
        for trial in TRIALS_LISTED
    ]
    return Table("Escape latency trial by trial", head, rows, "n: episodes that began the trial.")


def _trial_cells(condition: Condition, trial: int) -> Sequence[str]:
    median, mean = (escape_latency(condition, (trial, trial), **how) for how in ({}, {"reduce": mean_of}))
    return [str(median.n), *(latency_text(each, condition.duration_ms) for each in (median, mean))]
