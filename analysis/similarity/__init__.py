"""Learners of all kinds side by side (reads the file of the experiment similarity): a table, a figure, a verdict."""

from pathlib import Path

import numpy as np

from analysis.similarity.drawing import similarity_figure
from analysis.similarity.measures import (
    BETWEEN,
    CEILING,
    GROUPS,
    Means,
    Measured,
    estimates,
    untrained,
)
from analysis.style import png
from analysis.verdict import interval
from lsnn import open_result
from lsnn.estimates import Estimate
from lsnn.files.whole import write_whole

SHOWN_MODULI = 3


def show(path: Path, figure: Path) -> str:
    """Draw the experiment in a file as a PNG; returns the table and the verdict, for a terminal."""
    with open_result(path) as result:
        measured = Measured(result)
        write_whole(figure, png(similarity_figure(result, measured)))
    lines = _of_learners(measured)
    if measured.influence is not None:
        lines += ["", *_of_influence(measured)]
    lines += ["", *_of_pairs(measured.means), _of_shuffled(measured), "", *verdicts(measured.means)]
    return "\n".join(lines)


def _of_learners(measured: Measured) -> list[str]:
    """A line a learner: what is decoded from its own state, and the slowest of its dynamics."""
    what = "right answers" if measured.classes else "share of variance"
    lines = [f"learner | decoded from its state, {what}: trained, untrained, shuffled | time constants in decisions"]
    own = estimates(lambda weights: measured.own_decoding(weights).ravel(), len(measured.beside))
    decoded, shuffled = own[: 2 * measured.count], own[2 * measured.count :]
    moduli = measured.spectra
    for number, each in enumerate(measured.learners):
        read = [interval(one, 2) for one in (decoded[number], decoded[measured.count + number], shuffled[number])]
        slow = ", ".join(_as_time(one) for one in moduli[number][:SHOWN_MODULI])
        lines.append(f"{each.label} | {', '.join(read)} | {slow}")
    return lines


def _as_time(modulus: Estimate) -> str:
    """Decisions in which a mode decays to 1/e, -1 / ln |eigenvalue|."""
    low, value, high = (_time(each) for each in (modulus.low, modulus.value, modulus.high))
    return f"{value} [{low}, {high}]"


def _time(modulus: float) -> str:
    if not np.isfinite(modulus):
        return "nan"
    return "inf" if modulus >= 1 else f"{-1 / np.log(max(modulus, 1e-9)):.2g}"


def _of_influence(measured: Measured) -> list[str]:
    """A line a learner: correlation of its influences with those of each rule."""
    influence = measured.influence
    assert influence is not None
    count, rules = measured.count, len(influence.rules)
    with_rules = estimates(
        lambda weights: influence.correlations(weights)[: 2 * count, -rules:].ravel(), influence.episodes
    )
    elsewhere = influence.elsewhere_correlations(np.ones(influence.episodes))
    repeatable = influence.repeatable()
    names = ", ".join(rule.replace("_", " ") for rule in influence.rules)
    lines = [
        f"influence of examples, correlation with {names} | with examples of other episodes, at most | of both halves"
    ]
    for number, each in enumerate(measured.learners):
        row = [interval(one, 2) for one in with_rules[number * rules : (number + 1) * rules]]
        lines.append(
            f"{each.label} | {', '.join(row)} | {np.abs(elsewhere[number]).max():.2f} | {repeatable[number]:.2f}"
        )
    return lines


def _of_pairs(found: dict[str, Means]) -> list[str]:
    lines = [f"pairs of learners | {' | '.join(found)} | pairs"]
    for name in GROUPS:
        values = [means[name] for means in found.values()]
        if values[0].n:
            lines.append(f"{name} | {' | '.join(interval(each, 2) for each in values)} | {values[0].n}")
    return lines


def _of_shuffled(measured: Measured) -> str:
    """The null of CKA in a line."""
    matrix = measured.cka_shuffled(np.ones(len(measured.beyond)))[: measured.count, : measured.count]
    return f"CKA beyond the input with shuffled episodes: at most {np.nanmax(np.abs(matrix)):.2f} of any pair"


def verdicts(found: dict[str, Means]) -> list[str]:
    """What every measure says of learners of different kinds, in a sentence each with its uncertainty."""
    told = [verdict(name, means, pairs) for name, means in found.items() for pairs in BETWEEN if means[pairs].n]
    return told or ["there is one kind of learner alone; nothing is said of kinds"]


def verdict(name: str, means: Means, pairs: str) -> str:
    """A sentence of one measure and one group of pairs."""
    between, null, ceiling = (means[each] for each in (pairs, untrained(pairs), CEILING))
    apart = f"{name}, {pairs}: {interval(between, 2)}, untrained {interval(null, 2)}"
    if not ceiling.n:
        return f"{apart}; no kind has two seeds, so there is no ceiling."
    way = means.way(pairs)
    told = f"{interval(way, 2)} of the way from untrained learners to two seeds of a kind"
    return f"{apart}, two seeds of a kind {interval(ceiling, 2)}: {judged(way)} ({told})."


def judged(way: Estimate) -> str:
    """Words for how far learners of two kinds are on the way from untrained ones to two seeds of a kind."""
    if not np.isfinite([way.low, way.high]).all():
        return "undecided"
    if way.high < 0:
        return "less alike than untrained learners"
    if way.low <= 0:
        return "undecided" if way.high >= 1 else "not shown to be more alike than untrained learners"
    return (
        "as alike as two seeds of a kind, by this interval"
        if way.high >= 1
        else "more alike than untrained learners, less than two seeds of a kind"
    )
