"""What the page of bandits adds: cumulative regret beside the baselines, how soon the choice adapts."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.claims import SHARE_MARGIN
from analysis.pages import generic
from analysis.pages.columns import check_alike, per_trial
from analysis.pages.model import Drawing, Page, Row, Table
from analysis.plots import NORMAL, panels
from analysis.style import GREY, PALE, Look, add_footer, looks, new_figure, styled
from analysis.verdict import Criterion, answered, at_most, interval, weights_unchanged
from lsnn.estimates import Estimate, ratio_over_episodes
from lsnn.files.reading import SHARE, ResultError, check, place
from lsnn.files.results import Condition, Result

INDEPENDENT, OPPOSED = "independent", "anti_correlated"  # the variants
REFERENCE, BEST = "thompson", "gittins"
TO_THOMPSON = 1.2
FIXED, BAYES = "delta_rule", "bayes"  # of arms that change
TO_BAYES = 1.1
GAPS = ((0.0, 0.2), (0.2, 0.5), (0.5, 1.0))


def expected_loss(condition: Condition) -> np.ndarray:
    """What the better arm would have paid more on average, trial by trial, (E, K)."""
    return per_trial(condition, "regret")


def regret(condition: Condition) -> np.ndarray:
    """Regret of each whole episode, (E,)."""
    return expected_loss(condition).sum(axis=1)


def gap_of(condition: Condition) -> np.ndarray:
    """How far the two arms of each episode are apart, (E,)."""
    pays = condition.latent
    if pays is None or pays.shape[1] != 2:
        raise ResultError(f"{place(condition.group)}: needs what each arm pays, found nothing")
    check(f"{place(condition.group)}/latent", pays.to_numpy(), SHARE)
    return np.abs(pays.to_numpy() @ (1, -1))


@styled
def regrets(result: Result) -> Figure:
    """Mean cumulative regret by trial, a panel for each kind of arms."""
    figure = new_figure(12, 5.2, "Two-armed bandits, weights frozen: cumulative regret")
    shown = panels(result)
    tops = []
    for axes, (title, conditions) in zip(np.atleast_1d(figure.subplots(1, len(shown), sharey=True)), shown.values(),
                                         strict=True):  # fmt: skip
        of = looks(conditions)
        for name, each in conditions.items():
            _draw_regret(axes, np.cumsum(expected_loss(each), axis=1), of[name])
        known = [regret(conditions[name]).mean() for name in ("frozen", REFERENCE, "ucb1", FIXED) if name in conditions]
        tops.append(1.3 * max(known))
        axes.set(title=title, xlabel="trial")
        axes.grid(axis="y", color=PALE, linewidth=0.6)
    figure.axes[0].set(ylabel="cumulative regret", ylim=(0, max(tops)))
    figure.axes[-1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    n = result["frozen"].n_episodes
    return add_footer(figure, result, f"bands: 95 % of the mean (normal) · n = {n} episodes each, same arms and luck")


def _draw_regret(axes: Axes, total: np.ndarray, look: Look) -> None:
    trial, mean = np.arange(total.shape[1]) + 1, total.mean(axis=0)
    error = NORMAL * total.std(axis=0) / np.sqrt(len(total))
    axes.fill_between(trial, mean - error, mean + error, color=look.colour, alpha=0.2, linewidth=0)
    axes.plot(trial, mean, look.line, color=look.colour, linewidth=look.width, label=look.label)


@styled
def adaptation(result: Result) -> Figure:
    """Share of pulls of the better arm by trial, for easy and hard pairs of independent arms."""
    figure = new_figure(12, 4.8, "How soon the choice adapts: pulls of the better arm")
    conditions = panels(result)[INDEPENDENT][1]
    of, gap = looks(conditions), gap_of(conditions["frozen"])
    for axes, (low, high) in zip(figure.subplots(1, len(GAPS), sharey=True), GAPS, strict=True):
        chosen = (gap >= low) & ((gap < high) | (high == GAPS[-1][1]))
        for name in (name for name in ("frozen", REFERENCE, BEST) if name in conditions and chosen.any()):
            better = expected_loss(conditions[name])[chosen] == 0
            trial = np.arange(better.shape[1]) + 1
            axes.plot(trial, better.mean(axis=0), color=of[name].colour, label=of[name].label)
        axes.set(title=f"arms {low:g} to {high:g} apart (n = {chosen.sum()})", xlabel="trial", xscale="log")
        axes.axhline(0.5, color=GREY, linestyle=":", linewidth=1)
    figure.axes[0].set(ylabel="share of episodes", ylim=(0.4, 1.02))
    for axes in [axes for axes in figure.axes if axes.get_legend_handles_labels()[0]][:1]:
        axes.legend(loc="upper left")
    return add_footer(figure, result, f"independent arms · n = {len(gap)} episodes")


REGRET = Drawing(
    "regret",
    "Cumulative regret",
    "What the better arm would have paid more, added up. Baselines of arms that stay take them for independent and "
    "uniform, those of arms that change know how they do.",
    regrets,
)
DRAWINGS = (
    REGRET,
    Drawing(
        "adaptation",
        "Adaptation within an episode",
        "Share of episodes in which the better arm was pulled, by trial and by how far the arms are apart.",
        adaptation,
    ),
)


def page(result: Result) -> Page:
    """The page; the generic one where a condition is missing that the network is judged beside."""
    base = generic.page(result)
    if {"frozen", FIXED, BAYES} <= set(result.conditions) and not result.variants:
        return changing(result, base)
    if not {"frozen", REFERENCE} <= set(result.conditions) or not {INDEPENDENT, OPPOSED} <= set(result.variants):
        return base
    for _, conditions in panels(result).values():
        check_alike(result, conditions, "regret")
    shown, by_trial, learnt = base.drawings
    return base._replace(
        tables=(*base.tables, beside_thompson(result)),
        criteria=(weights_unchanged(result), *criteria(result)),
        drawings=(shown, *DRAWINGS, by_trial, learnt),
    )


def changing(result: Result, base: Page) -> Page:
    """The page of arms that change."""
    check_alike(result, dict(result.conditions), "regret")
    own = to_bayes(result, "frozen")
    rule = f"its regret is at most {TO_BAYES:g} times that of the Bayes filter"
    asked = [at_most(rule, f"{interval(own, 2)} times", own, TO_BAYES)]
    rows = [
        Row(each.role, [each.label, interval(to_bayes(result, name), 2)]) for name, each in result.conditions.items()
    ]
    told = result[BAYES].label
    return base._replace(
        tables=(*base.tables, Table(f"Regret beside {told}", ("condition", "regret"), rows, f"Regret over {told}'s.")),
        criteria=(weights_unchanged(result), *answered(asked)),
        drawings=(base.drawings[0], REGRET, *base.drawings[1:]),
    )


def to_bayes(result: Result, name: str) -> Estimate:
    """Regret of a condition over that of the Bayes filter on the same arms."""
    return ratio_over_episodes(*(regret(result[each]) for each in (name, BAYES)))


def to_thompson(result: Result, name: str, variant: str) -> Estimate:
    """Regret of a condition over that of Thompson sampling on the same arms."""
    return ratio_over_episodes(*(regret(result[baseline][variant]) for baseline in (name, REFERENCE)))


def beside_thompson(result: Result) -> Table:
    """A row a condition: its regret in those of Thompson sampling."""
    told = result[REFERENCE].label
    rows = [
        Row(each.role, [each.label, *(interval(to_thompson(result, name, variant), 2) for variant in result.variants)])
        for name, each in result.conditions.items()
    ]
    return Table(f"Regret beside {told}", ("condition", *result.variants.values()), rows, f"Regret over {told}'s.")


def criteria(result: Result) -> list[Criterion]:
    ratio = to_thompson(result, "frozen", INDEPENDENT)
    less = ratio_over_episodes(*(regret(result["frozen"][variant]) for variant in (OPPOSED, INDEPENDENT)))
    return answered(
        [
            at_most(f"on independent arms its regret is at most {TO_THOMPSON:g} times Thompson's",
                    f"{interval(ratio, 2)} times", ratio, TO_THOMPSON),
            at_most(f"its regret on anti-correlated arms is below {1 - SHARE_MARGIN:g} times that on independent ones",
                    f"{interval(less, 2)} times", less, 1 - SHARE_MARGIN),
        ]
    )  # fmt: skip
