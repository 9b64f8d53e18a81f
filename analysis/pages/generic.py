"""The page of any family from what its result file says: conditions, score by trial, learning curve, criteria."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from analysis.pages.model import Drawing, Page, Row, Table
from analysis.plots import by_trial, comparison, drawn_by_trial, learning_curve, logged, panels, score_of, titled
from analysis.verdict import Criterion, Question, answered, at_least, interval, weights_unchanged
from lsnn.estimates import RESAMPLES, Estimate, estimate, quotient, ratio_over_episodes
from lsnn.files.reading import ResultError
from lsnn.files.results import Condition, Measure, Result

COMPARISON = Drawing(
    "comparison",
    "Network and baselines",
    "The score of every condition on the same episodes, the best on top.",
    comparison,
)
BY_TRIAL = Drawing(
    "by_trial",
    "Trial by trial",
    "What is measured by the number of the trial, with 95 % bands. Learning within an episode shows as a change from "
    "the first trials to the later ones. Medians count what the end of an episode cut off as longer than it lasted "
    "(Kaplan-Meier); an arrow marks a trial that half did not finish within an episode.",
    by_trial,
    lambda result: bool(drawn_by_trial(result)),
)
LEARNING_CURVE = Drawing(
    "learning_curve",
    "Meta-training",
    "How the network came about, before its weights were frozen: as logged, over the task of the curriculum at that "
    "moment. Dots are tests on the whole task.",
    learning_curve,
    lambda result: not result.history.empty and bool(logged(result) or "rate_hz" in result.history),
)
NOTE = (
    "Means over trials, or over episodes of their sums; medians where trials may be cut off. Brackets: 95 % percentile "
    f"bootstrap interval over episodes, {RESAMPLES} resamples."
)


def page(result: Result) -> Page:
    """What a report says of a result file of any family; ResultError for one that holds no test."""
    score_of(result)
    if not result.conditions:
        raise ResultError(f"{result.path}: must hold a condition of a test, has none")
    drawings = (COMPARISON, BY_TRIAL, LEARNING_CURVE)
    criteria = (weights_unchanged(result), *answered(list(questions(result))))
    return Page(result.title, result.question, (main_numbers(result),), criteria, drawings)


def judged_page(result: Result, drawing: Drawing, judged: Callable[[Result], Iterable[Criterion]]) -> Page:
    """That page with a family's own criteria, and its own drawing for the one by trial; without `frozen` as it is."""
    base = page(result)
    if "frozen" not in result:
        return base
    shown, _, learnt = base.drawings
    return base._replace(criteria=(weights_unchanged(result), *judged(result)), drawings=(drawing, shown, learnt))


def main_numbers(result: Result) -> Table:
    """A row a condition (and variant): its measures, and its share of the oracle's score."""
    shown, measures, shares = panels(result), result.about.measures, _has_shares(result)
    chances = ["" if measure.chance is None else f" (chance {measure.chance:g})" for measure in measures]
    head = ["condition", *(["variant"] if result.variants else []), "role", "episodes"]
    head += [f"{titled(m)}{chance}" for m, chance in zip(measures, chances, strict=True)]
    head += ["of the oracle's"] if shares else []
    rows = []
    for name, parent in result.conditions.items():
        for title, conditions in shown.values():
            if (each := conditions.get(name)) is not None:
                cells = [parent.label, *([title] if result.variants else []), parent.role, str(each.n_episodes)]
                cells += [interval(each.estimate(measure.name), measure.digits) for measure in measures]
                cells += [_share(each, conditions[str(result.about.oracle)], measures[0])] if shares else []
                rows.append(Row(parent.role, cells))
    return Table("Main numbers", head, rows, NOTE)


def _has_shares(result: Result) -> bool:
    """Whether the score of the oracle is what other scores are a share of."""
    score, oracle = score_of(result), result.about.oracle
    return score.better == "high" and not score.censored and oracle in result.conditions


def _share(condition: Condition, oracle: Condition, measure: Measure) -> str:
    if not np.array_equal(condition.episode_key, oracle.episode_key):
        return "–"
    (own, count), (best, all_trials) = (sums(each, measure) for each in (condition, oracle))
    if not best.any():
        return "–"

    def share(weights: np.ndarray) -> np.ndarray:
        return quotient(quotient(weights @ own, weights @ count), quotient(weights @ best, weights @ all_trials))

    return interval(estimate(share, len(own)), 2)


def sums(condition: Condition, measure: Measure) -> tuple[np.ndarray, np.ndarray]:
    """Sum of a measure in each episode, (E,), and what it is divided by: trials, or 1 where it is per episode."""
    rows, n = measure.counted(condition.trials), condition.n_episodes
    total = np.bincount(rows["episode"], rows[measure.column].to_numpy(float), n)
    count = np.ones(n) if measure.per == "episode" else np.bincount(rows["episode"], minlength=n).astype(float)
    return total, count


def better_by(condition: Condition, other: Condition, measure: Measure) -> Estimate:
    """By how much the score of a condition is better than another's on the same episodes, drawn in pairs."""
    (own, own_count), (of, of_count) = sums(condition, measure), sums(other, measure)
    sign = 1 if measure.better == "high" else -1

    def difference(weights: np.ndarray) -> np.ndarray:
        return sign * (quotient(weights @ own, weights @ own_count) - quotient(weights @ of, weights @ of_count))

    return estimate(difference, len(own))


def questions(result: Result) -> Iterator[Question]:
    """Is the network better than chance, and than its controls? Of every variant."""
    score = score_of(result)
    for title, conditions in panels(result).values():
        network = next((each for each in conditions.values() if each.role == "network"), None)
        if network is None or score.censored:
            continue
        where = f", {title}" if title else ""
        if score.chance is not None:
            (own, count), sign = sums(network, score), 1 if score.better == "high" else -1
            beyond = ratio_over_episodes(sign * (own - score.chance * count), count)
            found = interval(network.estimate(score.name), score.digits)
            yield at_least(f"{score.label}: better than chance, {score.chance:g}{where}", found, beyond, 0.0)
        for control in (each for each in conditions.values() if each.role == "control"):
            if np.array_equal(network.episode_key, control.episode_key):
                more = better_by(network, control, score)
                rule = f"{score.label}: the {network.label} is better than the {_named(control)}{where}"
                yield at_least(rule, f"by {interval(more, score.digits)}", more, 0.0)


def _named(control: Condition) -> str:
    """A control as it stands in a sentence: 'frozen, state reset' becomes 'one with state reset'."""
    label = control.label
    return f"one with {label.removeprefix('frozen, ')}" if label.startswith("frozen, ") else label
