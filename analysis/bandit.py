"""Bandits: cumulative regret of the frozen network beside players on the same arms, and how soon its choice adapts."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.claims import SHARE_MARGIN
from analysis.families import (
    Drawing,
    Page,
    conditions_in,
    learning_curves,
    mean_over_episodes,
    ratio_over_episodes,
)
from analysis.latencies import Estimate
from analysis.reading import FLAG, SHARE
from analysis.results import NETWORK_CONDITIONS, Result
from analysis.schema2 import check_trials, hidden, per_trial
from analysis.style import COLOURS, GREEN, GREY, LABELS, ORANGE, PALE, SILVER, add_footer, new_figure, styled
from analysis.verdict import Criterion, answered, at_most, interval

PLAYERS = {
    "random": ("random", SILVER), "ucb1": ("UCB1", GREY), "thompson": ("Thompson sampling", ORANGE),
    "gittins": ("Gittins index", GREEN),
}  # fmt: skip
ARMS = {"independent": "independent arms", "anti_correlated": "anti-correlated arms"}
TO_THOMPSON = 1.2
HISTORY = (("paid", "pulls that paid"), ("late_paid", "in the last quarter"))
SHOWN = {**{name: (LABELS[name], COLOURS[name]) for name in NETWORK_CONDITIONS}, **PLAYERS}
GAPS = ((0.0, 0.2), (0.2, 0.5), (0.5, 1.0))
LAYOUT = {"probability": ("episode 2", SHARE), "choice": ("episode trial", FLAG)}


def expected_loss(result: Result, name: str, arms: str) -> np.ndarray:
    """What the better arm would have paid more on average, trial by trial, (E, K)."""
    probability, choice = hidden(result, f"{name}/{arms}"), per_trial(result, f"{name}/{arms}", "arm").astype(np.intp)
    return probability.max(axis=1)[:, None] - np.take_along_axis(probability, choice, axis=1)


def regret(result: Result, name: str, arms: str) -> np.ndarray:
    """Regret of each whole episode, (E,)."""
    return expected_loss(result, name, arms).sum(axis=1)


@styled
def regrets(result: Result) -> Figure:
    """Mean cumulative regret by trial, a panel for each kind of arms."""
    figure = new_figure(12, 5.2, "Two-armed bandits, weights frozen: cumulative regret")
    for axes, (arms, title) in zip(figure.subplots(1, 2, sharey=True), ARMS.items(), strict=True):
        for name, (label, colour) in SHOWN.items():
            if name in result.file:
                _draw_regret(axes, np.cumsum(expected_loss(result, name, arms), axis=1), name, label, colour)
        axes.set(title=title, xlabel="trial")
        axes.grid(axis="y", color=PALE, linewidth=0.6)
    top = max(1.3 * regret(result, name, arms).mean() for name in ("frozen", "ucb1") for arms in ARMS)
    figure.axes[0].set(ylabel="cumulative regret", ylim=(0, top))
    figure.axes[1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    n = len(regret(result, "frozen", "independent"))
    return add_footer(figure, result, f"bands: 95 % of the mean (normal) · n = {n} episodes each, same arms and luck")


def _draw_regret(axes: Axes, total: np.ndarray, name: str, label: str, colour: str) -> None:
    trial, mean = np.arange(total.shape[1]) + 1, total.mean(axis=0)
    error = 1.96 * total.std(axis=0) / np.sqrt(len(total))
    axes.fill_between(trial, mean - error, mean + error, color=colour, alpha=0.2, linewidth=0)
    style = "--" if name in PLAYERS else "-"
    axes.plot(trial, mean, style, color=colour, linewidth=3 if name == "frozen" else 1.6, label=label)


@styled
def adaptation(result: Result) -> Figure:
    """Share of pulls of the better arm by trial, for easy and hard pairs of independent arms."""
    figure = new_figure(12, 4.8, "How soon the choice adapts: pulls of the better arm")
    probability = hidden(result, "frozen/independent")
    gap = np.abs(probability[:, 0] - probability[:, 1])
    for axes, (low, high) in zip(figure.subplots(1, len(GAPS), sharey=True), GAPS, strict=True):
        chosen = (gap >= low) & (gap < high)
        for name in ("frozen", "thompson", "gittins"):
            better = expected_loss(result, name, "independent")[chosen] == 0
            axes.plot(np.arange(better.shape[1]) + 1, better.mean(axis=0), color=SHOWN[name][1], label=SHOWN[name][0])
        axes.set(title=f"arms {low:g} to {high:g} apart (n = {chosen.sum()})", xlabel="trial", xscale="log")
        axes.axhline(0.5, color=GREY, linestyle=":", linewidth=1)
    figure.axes[0].set(ylabel="share of episodes", ylim=(0.4, 1.02))
    figure.axes[0].legend(loc="upper left")
    return add_footer(figure, result, f"independent arms · n = {len(gap)} episodes")


def page(result: Result) -> Page:
    """What the report says of a result file of this family."""
    found, lengths = conditions_in(result, tuple(SHOWN), ("frozen", "thompson")), dict[str, int]()
    for name in found:
        for arms in ARMS:
            check_trials(result, f"{name}/{arms}", LAYOUT, {"arm": FLAG}, (2, SHARE), lengths)
    rows = [(SHOWN[name][0], *_cells(result, name)) for name in found]
    drawings = (
        Drawing(
            "regret",
            "Cumulative regret",
            "What the better arm would have paid more, added up. Players take the arms for independent and uniform.",
            regrets,
        ),
        Drawing(
            "adaptation",
            "Adaptation within an episode",
            "Share of episodes in which the better arm was pulled, by trial and by how far the arms are apart.",
            adaptation,
        ),
        Drawing(
            "learning_curve",
            "Meta-training",
            "Share of pulls that paid, over all trials and over the last quarter of an episode.",
            lambda result: learning_curves(result, HISTORY),
        ),
    )
    return Page(
        "Two-armed bandits with frozen weights",
        "Each episode has two arms that pay with probabilities of its own, to be found out within its trials. No "
        "weight changes: what is known of the arms is in the state.",
        ("player", *(f"regret, {title}" for title in ARMS.values()), "times Thompson's, independent"),
        rows,
        "Regret of a whole episode. Brackets: 95 % percentile bootstrap interval over episodes, which players share.",
        _criteria(result),
        drawings if result.history else drawings[:2],
    )


def _to_thompson(result: Result, name: str) -> Estimate:
    return ratio_over_episodes(*(regret(result, player, "independent") for player in (name, "thompson")))


def _cells(result: Result, name: str) -> list[str]:
    own = [interval(mean_over_episodes(regret(result, name, arms)), 2) for arms in ARMS]
    return [*own, interval(_to_thompson(result, name), 2)]


def _criteria(result: Result) -> list[Criterion]:
    ratio = _to_thompson(result, "frozen")
    independent, opposed = (regret(result, "frozen", arms) for arms in ARMS)
    less = ratio_over_episodes(opposed, independent)
    return answered(
        [
            at_most(f"on independent arms its regret is at most {TO_THOMPSON:g} times Thompson's",
                    f"{interval(ratio, 2)} times", ratio, TO_THOMPSON),
            at_most(f"its regret on anti-correlated arms is below {1 - SHARE_MARGIN:g} times that on independent ones",
                    f"{interval(less, 2)} times", less, 1 - SHARE_MARGIN),
        ]
    )  # fmt: skip
