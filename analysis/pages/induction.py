"""What the page of induction adds: right answers by the tokens since a key was shown."""

import numpy as np
from matplotlib.figure import Figure

from analysis.pages import generic
from analysis.pages.model import Drawing, Page
from analysis.plots import NORMAL, draw_chance, score_of
from analysis.style import PALE, add_footer, looks, new_figure, styled
from analysis.verdict import Criterion, answered, at_least, interval
from lsnn.estimates import Estimate, mean_over_trials
from lsnn.files.reading import FLAG, ResultError, Rule, check, place
from lsnn.files.results import Condition, Result

RIGHT, RIGHT_STRICT, RIGHT_FAR, FAR = 0.90, 0.75, 0.80, 8


def queries(condition: Condition) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Episode, tokens back and whether the answer was right, of every query, of which there is at least one."""
    frame, where = condition.trials, f"{place(condition.group)}, table 'trials'"
    rules = {"query": FLAG, "tokens_back": Rule(0), "correct": FLAG}
    if not set(rules) <= set(frame) or not frame["query"].any():
        raise ResultError(f"{where}: must have queries with {', '.join(rules)}, has {len(frame)} rows")
    for name, rule in rules.items():
        check(f"{where}: column {name!r}", frame[name].to_numpy(), rule)
    asked = frame[frame["query"].to_numpy(bool)]
    return asked["episode"].to_numpy(), asked["tokens_back"].to_numpy(), asked["correct"].to_numpy(float)


def by_tokens(condition: Condition) -> np.ndarray:
    """Rows of tokens back, share of right answers, its standard error."""
    _, back, right = queries(condition)
    rows = [(at, right[back == at].mean(), right[back == at].std() / np.sqrt(np.sum(back == at)))
            for at in np.unique(back)]  # fmt: skip
    return np.array(rows)


def far_back(condition: Condition) -> Estimate:
    """Share of right answers to keys shown at least `FAR` tokens before."""
    episode, back, right = queries(condition)
    far = back >= FAR
    return mean_over_trials(right[far], episode[far], condition.n_episodes)


@styled
def tokens_back(result: Result) -> Figure:
    """Share of right answers against the tokens since the key was shown, of every condition."""
    figure = new_figure(9.5, 5.4, "Induction, weights frozen: right answers by tokens back")
    axes, of = figure.subplots(), looks(result.conditions)
    for name, condition in result.conditions.items():
        look, curve = of[name], by_tokens(condition)
        at, mean, error = curve.T
        axes.fill_between(at, mean - NORMAL * error, mean + NORMAL * error, color=look.colour, alpha=0.2, linewidth=0)
        axes.plot(at, mean, look.line, color=look.colour, linewidth=look.width, marker=look.marker, label=look.label)
    draw_chance(axes, score_of(result))
    axes.set(xlabel="tokens since the key was shown", ylabel="share of right answers", ylim=(0, 1.03))
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    n = len(queries(result["frozen"])[0])
    return add_footer(figure, result, f"bands: 95 % of the mean (normal) · n = {n} queries of the frozen network")


TOKENS_BACK = Drawing(
    "tokens_back",
    "Right answers by tokens back",
    "Share of right answers by the tokens since the key was shown, the dark not counted.",
    tokens_back,
)


def page(result: Result) -> Page:
    """The page; the generic one without the frozen network."""
    return generic.judged_page(result, TOKENS_BACK, judged)


def judged(result: Result) -> list[Criterion]:
    """The bars of the frozen network: with the previous token shown 0.90, and 0.80 far back; without it 0.75."""
    frozen = result["frozen"]
    whole = frozen.estimate(score_of(result).name)
    if not result.provenance.config.get("task", {}).get("previous", True):
        rule = f"at least {RIGHT_STRICT:g} of answers are right, the previous token not shown"
        return answered([at_least(rule, interval(whole, 3), whole, RIGHT_STRICT)])
    far = far_back(frozen)
    return answered(
        [
            at_least(f"at least {RIGHT:g} of answers are right", interval(whole, 3), whole, RIGHT),
            at_least(f"at least {RIGHT_FAR:g} are, {FAR} tokens back or more", interval(far, 3), far, RIGHT_FAR),
        ]
    )
