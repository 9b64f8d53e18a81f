"""What the page of the two-step task adds: how often an action is repeated, by its outcome; the reward beside Bayes."""

import numpy as np
from matplotlib.figure import Figure

from analysis.pages import generic
from analysis.pages.columns import check_alike, per_trial
from analysis.pages.model import Drawing, Page, Row, Table
from analysis.plots import panels
from analysis.style import PALE, add_footer, looks, new_figure, styled
from analysis.verdict import Criterion, answered, at_least, at_most, interval, weights_unchanged
from lsnn.estimates import Estimate, ratio_over_episodes
from lsnn.files.reading import FLAG
from lsnn.files.results import Condition, Result

FREE, BAYES = "model_free", "bayes"
SHARE = 0.7
OUTCOMES = {"paid, common": (1, 1), "paid, rare": (1, 0), "not paid, common": (0, 1), "not paid, rare": (0, 0)}


def gain(result: Result, name: str) -> Estimate:
    """(reward of a condition - the Q-learner's) / (that of Bayes - the Q-learner's), on the same episodes."""
    own, free, bayes = (per_trial(result[each], "paid", FLAG).sum(axis=1).astype(float) for each in (name, FREE, BAYES))
    return ratio_over_episodes(own - free, bayes - free)


def stays(condition: Condition) -> dict[str, Estimate]:
    """The chance to repeat an action after each outcome."""
    action, paid, common = (per_trial(condition, name, FLAG) for name in ("action", "paid", "common"))
    again, found = action[:, 1:] == action[:, :-1], {}
    for name, (was_paid, was_common) in OUTCOMES.items():
        cell = (paid[:, :-1] == was_paid) & (common[:, :-1] == was_common)
        found[name] = ratio_over_episodes((cell & again).sum(axis=1).astype(float), cell.sum(axis=1).astype(float))
    return found


@styled
def repeated(result: Result) -> Figure:
    """The chance to repeat an action after each outcome, for every condition but the oracle."""
    figure = new_figure(11, 5.4, "Two-step task, weights frozen: repeats its action")
    axes, (_, conditions) = figure.subplots(), next(iter(panels(result).values()))
    shown, of = [name for name, each in conditions.items() if each.role != "oracle"], looks(conditions)
    beside = np.linspace(-0.3, 0.3, len(shown))
    for name, at in zip(shown, beside, strict=True):
        value, low, high, _ = np.array(list(stays(conditions[name]).values())).T
        axes.errorbar(np.arange(len(value)) + at, value, [value - low, high - value], fmt=of[name].marker,
                      color=of[name].colour, label=of[name].label, linewidth=1.4)  # fmt: skip
    axes.set(ylabel="share", ylim=(-0.02, 1.04), xticks=range(len(OUTCOMES)), xticklabels=OUTCOMES)
    axes.set_xlabel("what came of it")
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return add_footer(figure, result, f"bars: 95 % · n = {conditions['frozen'].n_episodes} episodes each, same luck")


REPEATED = Drawing(
    "repeated",
    "Repeats its action",
    "Who plans by the map leaves an action that paid by a rare transition and keeps one that did not; who learns from "
    "the reward alone does neither.",
    repeated,
)


def page(result: Result) -> Page:
    """The page; the generic one where a condition is missing that the network is judged beside."""
    base = generic.page(result)
    if not {"frozen", FREE, BAYES} <= set(result.conditions):
        return base
    check_alike(result, dict(result.conditions), "paid")
    return base._replace(
        tables=(*base.tables, beside_bayes(result)),
        criteria=(weights_unchanged(result), *criteria(result)),
        drawings=(base.drawings[0], REPEATED, *base.drawings[1:]),
    )


def beside_bayes(result: Result) -> Table:
    """A row a condition: its reward on the way from the Q-learner's to that of Bayes, and what it repeats."""
    rows = [
        Row(each.role, [each.label, interval(gain(result, name), 2), *(interval(s, 3) for s in stays(each).values())])
        for name, each in result.conditions.items()
    ]
    note = "Reward: 0 is that of the model-free learner, 1 that of exact Bayes. Then the share of actions repeated."
    return Table("Beside exact Bayes", ("condition", "reward", *OUTCOMES), rows, note)


def criteria(result: Result) -> list[Criterion]:
    own = gain(result, "frozen")
    asked = [at_least(f"its reward is at least {SHARE:g} of the way from the Q-learner's to that of Bayes",
                      interval(own, 2), own, SHARE)]  # fmt: skip
    if "state_reset" in result:
        reset = gain(result, "state_reset")
        rule = "with its state zeroed before every trial it earns less than the Q-learner"
        asked.append(at_most(rule, interval(reset, 2), reset, 0.0))
    return answered(asked)
