"""What networks do in the two-step task (reads the file of the experiment two-step-behaviour)."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.plots import NORMAL
from analysis.side_by_side import network_groups
from analysis.study.measures import points, ratio
from analysis.style import BLACK, BLUE, GREY, ORANGE, PALE, add_footer, new_figure, png, styled
from analysis.verdict import interval
from lsnn import open_result
from lsnn.estimates import Estimate, estimate, quotient
from lsnn.files.reading import COUNT, FINITE, ResultError, array, names, place, subgroup, text_attribute
from lsnn.files.results import Result
from lsnn.files.whole import write_whole

NETWORK, Q_LEARNER, BAYES = "frozen", "model_free", "bayes"
LABELS = {NETWORK: "frozen network", Q_LEARNER: "model-free Q", BAYES: "exact Bayes"}
COLOURS = {NETWORK: BLUE, Q_LEARNER: ORANGE, BAYES: BLACK}
MARKERS = {NETWORK: "o", Q_LEARNER: "s", BAYES: "D"}
FOLLOWED = {"model_free": "model-free Q", "model_based": "model-based", "bayes": "exact Bayes"}
ERRORS = ("model-free error", "model-based error")
OUTCOMES = ("paid,\ncommon", "paid,\nrare", "not paid,\ncommon", "not paid,\nrare")
CELLS = ((1, 1), (1, 0), (0, 1), (0, 0))  # (paid, common) of OUTCOMES
LAGS = 5
BEFORE = 5  # trials before a switch in the file
WITH, WITHOUT = 0, 1  # the predictor `correct`


class Weights(NamedTuple):
    """Weights of a regression and their standard errors."""

    weight: np.ndarray
    error: np.ndarray


def stay_counts(group: h5py.Group, policy: str) -> tuple[np.ndarray, np.ndarray]:
    """Actions repeated and actions, by OUTCOMES, both (E, 4)."""
    own = subgroup(group, policy)
    both = [array(own, name, (None, 2, 2), COUNT).astype(float) for name in ("stayed", "could_stay")]
    stayed, count = (np.stack([each[:, paid, common] for paid, common in CELLS], axis=1) for each in both)
    if stayed.shape != count.shape or np.any(stayed > count):
        raise ResultError(f"{place(own)}: must have no more actions repeated than actions")
    return stayed, count


def stays(group: h5py.Group, policy: str) -> list[Estimate]:
    """The chance to repeat an action after each of OUTCOMES."""
    stayed, count = stay_counts(group, policy)
    return [ratio(stayed[:, at], count[:, at]) for at in range(len(CELLS))]


def nearer_to_bayes(group: h5py.Group) -> tuple[Estimate, Estimate, Estimate]:
    """Mean distance of a network's four chances to stay from the Q-learner's and from Bayes' own; the difference."""
    counts = {policy: stay_counts(group, policy) for policy in LABELS}

    def distances(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        chance = {name: quotient(weights @ stayed, weights @ n) for name, (stayed, n) in counts.items()}
        free, bayes = (np.abs(chance[NETWORK] - chance[other]).mean(axis=-1) for other in (Q_LEARNER, BAYES))
        return free, bayes

    def of(at: int, weights: np.ndarray) -> np.ndarray:
        return distances(weights)[at]

    n = len(counts[NETWORK][0])
    free, bayes = (estimate(partial(of, at), n) for at in range(2))
    return free, bayes, estimate(lambda weights: np.subtract(*distances(weights)), n)


def share_of_gain(group: h5py.Group) -> Estimate:
    """(reward of the network - the Q-learner's) / (that of Bayes - the Q-learner's)."""
    paid = {policy: array(subgroup(group, policy), "paid", (None,), COUNT).astype(float) for policy in LABELS}
    return ratio(paid[NETWORK] - paid[Q_LEARNER], paid[BAYES] - paid[Q_LEARNER])


def agreement(group: h5py.Group, baseline: str) -> Estimate:
    """How often a network does what a baseline would have done of its history."""
    own = subgroup(group, NETWORK)
    agrees, decided = (array(own, f"{name}_{baseline}", (None,), COUNT) for name in ("agrees", "decided"))
    return ratio(agrees.astype(float), decided.astype(float))


def choice_weights(group: h5py.Group, policy: str, correct: int) -> dict[str, Weights]:
    """By predictor."""
    own = subgroup(group, policy)
    known = names(own, "predictors")
    weight, error = (array(own, name, (2, len(known)), FINITE)[correct] for name in ("weight", "weight_error"))
    return {name: Weights(weight[at], error[at]) for at, name in enumerate(known)}


def error_weights(group: h5py.Group) -> Weights:
    """Of the network's prediction error on the model-free and the model-based one."""
    own = subgroup(group, NETWORK)
    return Weights(*(array(own, name, (2,), FINITE) for name in ("error_weight", "error_weight_error")))


def lines_of(group: h5py.Group) -> Iterator[str]:
    """What came of a network."""
    yield f"share of the way from the Q-learner's reward to that of Bayes: {interval(share_of_gain(group), 2)}"
    for policy, label in LABELS.items():
        told = "; ".join(interval(each, 3) for each in stays(group, policy))
        yield f"{label}: repeats after paid common, paid rare, not paid common, not paid rare: {told}"
    free, bayes, nearer = (interval(each, 3) for each in nearer_to_bayes(group))
    yield f"its chances to repeat are {free} from the Q-learner's, {bayes} from those of Bayes, nearer by {nearer}"
    agreed = "; ".join(f"{label} {interval(agreement(group, name), 3)}" for name, label in FOLLOWED.items())
    yield f"does what baselines would have done of its history: {agreed}"
    for policy, label in LABELS.items():
        fits = [choice_weights(group, policy, correct) for correct in (WITH, WITHOUT)]
        one, two = (f"{fit['interaction_1'].weight:.2f} (outcome {fit['outcome_1'].weight:.2f})" for fit in fits)
        yield f"{label}: weight of outcome x transition of the last trial {one}; without 'correct' {two}"
    weight, error = error_weights(group)
    free, based = (f"{w:.2f} +- {NORMAL * e:.2f}" for w, e in zip(weight, error, strict=True))
    explained = array(subgroup(group, NETWORK), "explained", (3,), FINITE)
    shares = " and ".join(f"{each:.3f}" for each in explained[:2])
    alone = f"alone they explain {shares}, both {explained[2]:.3f}"
    yield f"prediction error on model-free {free}, model-based {based}; {alone}"


def describe(path: Path) -> str:
    """Some lines a network."""
    with open_result(path) as result:
        told = []
        for group in network_groups(result):
            told += [f"{place(group).rpartition('/')[2]}, {text_attribute(group, 'network')}:", *lines_of(group)]
    return "\n".join(told)


# The figure


@styled
def behaviour_figure(result: Result) -> Figure:
    """Six panels; several networks are drawn side by side, baselines once for the first of them."""
    groups = network_groups(result)
    figure = new_figure(15, 9.2, "The two-step task, weights frozen: what the network does")
    axes = figure.subplots(2, 3).ravel()
    _draw_stays(axes[0], groups)
    _draw_lags(axes[1], groups)
    _draw_correct(axes[2], groups)
    _draw_switch(axes[3], groups)
    _draw_agreement(axes[4], groups)
    _draw_errors(axes[5], groups)
    axes[0].legend(loc="lower left", fontsize=9.5)
    episodes = len(result.file["episode_key"])
    return add_footer(
        figure, result, f"bars: 95 % over {episodes} episodes · a point or a line a network (n = {len(groups)})"
    )


def _shown(groups: list[h5py.Group]) -> list[tuple[str, h5py.Group, float, str | None]]:
    """Learner, group, place beside the middle and label of all that is drawn."""
    beside = np.linspace(-0.08, 0.08, len(groups)) if len(groups) > 1 else [0.0]
    own = [(NETWORK, group, float(at), None if n else LABELS[NETWORK]) for n, (group, at) in
           enumerate(zip(groups, beside, strict=True))]  # fmt: skip
    return [*own, (Q_LEARNER, groups[0], 0.25, LABELS[Q_LEARNER]), (BAYES, groups[0], -0.25, LABELS[BAYES])]


def _dots(axes: Axes, policy: str, at: np.ndarray, low_mid_high: np.ndarray, label: str | None) -> None:
    value, low, high = low_mid_high
    axes.errorbar(at, value, [value - low, high - value], fmt=MARKERS[policy], color=COLOURS[policy], label=label,
                  markersize=6, linewidth=1.4)  # fmt: skip


def _bounds(found: Weights) -> np.ndarray:
    return np.array([found.weight, found.weight - NORMAL * found.error, found.weight + NORMAL * found.error])


def _draw_stays(axes: Axes, groups: list[h5py.Group]) -> None:
    for policy, group, beside, label in _shown(groups):
        _dots(axes, policy, np.arange(len(CELLS)) + beside, points(stays(group, policy)), label)
    axes.set(title="a  Repeats its action", ylabel="share", ylim=(-0.02, 1.04), xticks=range(len(CELLS)))
    axes.set_xticklabels(OUTCOMES)
    axes.grid(axis="y", color=PALE, linewidth=0.6)


def _draw_lags(axes: Axes, groups: list[h5py.Group]) -> None:
    """Without `correct`."""
    lags = np.arange(1, LAGS + 1)
    for policy, group, *_ in _shown(groups):
        fit = choice_weights(group, policy, WITHOUT)
        for kind, line in (("interaction", "-"), ("outcome", ":")):
            weight = [fit[f"{kind}_{lag}"].weight for lag in lags]
            axes.plot(lags, weight, line, marker=MARKERS[policy], color=COLOURS[policy], markersize=4, linewidth=1.5)
    axes.axhline(0, color=GREY, linewidth=0.8)
    title = "b  Weights on its choice: outcome x transition (–), outcome (···)"
    axes.set(xlabel="trials back", ylabel="weight", xticks=lags)
    axes.set_title(title, fontsize=11)


def _draw_correct(axes: Axes, groups: list[h5py.Group]) -> None:
    shown = ("outcome_1", "transition_1", "interaction_1", "correct", "stay")
    for policy, group, beside, _ in _shown(groups):
        fit = choice_weights(group, policy, WITH)
        found = Weights(*(np.array([getattr(fit[name], key) for name in shown]) for key in Weights._fields))
        _dots(axes, policy, np.arange(len(shown)) + beside, _bounds(found), None)
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set(title="c  The last trial's, with 'correct'", ylabel="weight", xticks=range(len(shown)))
    axes.set_xticklabels(("outcome", "transition", "outcome x\ntransition", "correct", "stay"), fontsize=10)


def _draw_switch(axes: Axes, groups: list[h5py.Group]) -> None:
    for policy, group, *_ in _shown(groups):
        own = subgroup(group, policy)
        count, number = array(own, "after_switch", (None, None), COUNT), array(own, "switches", (None,), COUNT)
        trial = np.arange(count.shape[1]) - BEFORE
        axes.plot(trial, count.sum(axis=0) / max(1, number.sum()), color=COLOURS[policy], linewidth=1.8,
                  linestyle="-" if policy == NETWORK else "--")  # fmt: skip
    axes.axvline(-0.5, color=GREY, linestyle=":", linewidth=1)
    axes.set(title="d  The other state pays from trial 0 on", xlabel="trial", ylabel="takes what is better then")
    axes.set(ylim=(0, 1))
    axes.grid(axis="y", color=PALE, linewidth=0.6)


def _draw_agreement(axes: Axes, groups: list[h5py.Group]) -> None:
    for policy, group, beside, _ in _shown(groups)[: len(groups)]:
        found = [agreement(group, name) for name in FOLLOWED]
        _dots(axes, policy, np.arange(len(FOLLOWED)) + beside, points(found), None)
    axes.set(
        title="e  Does what a baseline would have done", ylabel="share", ylim=(0.5, 1.01), xticks=range(len(FOLLOWED))
    )
    axes.set_xlim(-0.6, len(FOLLOWED) - 0.4)
    axes.set_xticklabels(FOLLOWED.values())
    axes.grid(axis="y", color=PALE, linewidth=0.6)


def _draw_errors(axes: Axes, groups: list[h5py.Group]) -> None:
    for policy, group, beside, _ in _shown(groups)[: len(groups)]:
        _dots(axes, policy, np.arange(len(ERRORS)) + beside, _bounds(error_weights(group)), None)
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set(title="f  Prediction error of its value", ylabel="standardised weight", xticks=range(len(ERRORS)))
    axes.set(xlim=(-0.6, 1.6))
    axes.set_xticklabels(ERRORS)


def write_figure(path: Path, out: Path) -> Path:
    """Draw the experiment in a file; returns where the PNG stands."""
    with open_result(path) as result:
        write_whole(out, png(behaviour_figure(result)))
    return out
