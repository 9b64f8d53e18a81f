"""What the page of store and recall adds: after which delay the frozen network names the wrong bit."""

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import binomtest

from analysis.claims import share_claim
from analysis.pages import generic
from analysis.pages.model import Drawing, Page
from analysis.plots import draw_chance, score_of
from analysis.style import BLUE, ORANGE, PALE, Look, add_footer, looks, new_figure, styled
from analysis.verdict import ABOVE, BELOW, Criterion, Question, answered, interval
from lsnn.files.reading import FLAG, ResultError, Rule, check, place
from lsnn.files.results import Condition, Result

STOPPING_ERROR = 0.05  # the stopping rule of LSNN-official
GUESSING = 0.4
DELAY_BINS = 8


def recalls(condition: Condition) -> tuple[np.ndarray, np.ndarray]:
    """Delay in ms and whether the answer was wrong, of every recall, of which there is at least one."""
    frame, where = condition.trials, f"{place(condition.group)}, table 'trials'"
    if not len(frame) or not {"delay_ms", "wrong"} <= set(frame):
        raise ResultError(f"{where}: must have recalls with delay_ms and wrong, has {len(frame)} rows")
    for name, rule in (("delay_ms", Rule(0)), ("wrong", FLAG)):
        check(f"{where}: column {name!r}", frame[name].to_numpy(), rule)
    return frame["delay_ms"].to_numpy(), frame["wrong"].to_numpy(bool)


def error_by_delay(condition: Condition) -> np.ndarray:
    """Rows of delay (s), share of wrong answers, the ends of its 95 % interval (Wilson), number of recalls."""
    delay_ms, wrong = recalls(condition)
    edges = np.linspace(0, delay_ms.max() + 1, DELAY_BINS + 1)
    found = []
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        chosen = (delay_ms >= low) & (delay_ms < high)
        n, errors = int(chosen.sum()), int(np.count_nonzero(wrong[chosen]))
        if n:
            bounds = binomtest(errors, n).proportion_ci(method="wilson")
            found.append((delay_ms[chosen].mean() / 1000, errors / n, bounds.low, bounds.high, n))
    return np.array(found).reshape(-1, 5)


@styled
def delays(result: Result, lif: Result | None = None) -> Figure:
    """Share of wrong answers against the delay, for every condition in the file and a network without adaptation."""
    figure = new_figure(9, 5.4, "Store and recall, weights frozen: errors against the delay")
    axes, of = figure.subplots(), looks(result.conditions)
    shown = [(each, of[name]) for name, each in result.conditions.items()]
    if lif is not None:
        shown.append((lif["frozen"], Look("frozen, LIF neurons only", "control", ORANGE, "-", 1.6, "o")))
    for condition, look in shown:
        curve = error_by_delay(condition)
        alpha = 0.2 if look.width > 2 else 0.1
        axes.fill_between(curve[:, 0], curve[:, 2], curve[:, 3], color=look.colour, alpha=alpha, linewidth=0)
        axes.plot(curve[:, 0], curve[:, 1], "o-", color=look.colour, linewidth=look.width, label=look.label)
    draw_chance(axes, score_of(result))
    axes.axhline(STOPPING_ERROR, color=BLUE, linestyle=":", linewidth=1.5)
    axes.annotate("5 %", (0, STOPPING_ERROR), (2, 3), textcoords="offset points", color=BLUE, fontsize=10)
    axes.set(xlabel="delay between STORE and RECALL (s)", ylabel="share of wrong answers", ylim=(0, 1))
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    axes.legend(loc="upper right", ncols=2)
    n = len(recalls(result["frozen"])[0])
    return add_footer(figure, result, f"bands: 95 % (Wilson) · n = {n} recalls of the frozen network")


DELAYS = Drawing(
    "delays",
    "Errors against the delay",
    "Share of wrong answers by the time between STORE and RECALL, random bits shown meanwhile.",
    delays,
)


def page(result: Result) -> Page:
    """The page; the generic one without the frozen network."""
    return generic.judged_page(result, DELAYS, criteria)


def criteria(result: Result) -> list[Criterion]:
    """Errors among all recalls, which are judged as independent of each other."""
    score, frozen = score_of(result), result["frozen"]
    _, wrong = recalls(frozen)
    late = error_by_delay(frozen)[-1]
    measured = f"{interval(frozen.estimate(score.name), 3)}; at the longest delays, mean {late[0]:.2f} s, {late[1]:.3f}"
    claim = share_claim(int(wrong.sum()), len(wrong), margin=0, null=STOPPING_ERROR)
    rule = f"the frozen network errs in less than {100 * STOPPING_ERROR:g} % of recalls"
    asked = [Question(rule, measured, claim, BELOW, True)]
    if "state_reset" in result:
        _, wrong = recalls(result["state_reset"])
        rule = f"with its state zeroed before every slot it errs in at least {100 * GUESSING:g} % of recalls"
        claim = share_claim(int(wrong.sum()), len(wrong), margin=0, null=GUESSING)
        asked.append(Question(rule, interval(result["state_reset"].estimate(score.name), 3), claim, ABOVE, True))
    return answered(asked)
