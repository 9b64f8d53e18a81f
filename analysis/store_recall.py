"""Store and recall: how often the frozen network names the wrong bit, and after which delay."""

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import binomtest

from analysis.claims import share_claim
from analysis.families import Drawing, Page, conditions_in, learning_curves, ratio_over_episodes
from analysis.reading import FLAG, ResultError, Rule, dataset, holds, place, subgroup, table
from analysis.results import Result
from analysis.style import BLUE, COLOURS, GREY, LABELS, ORANGE, PALE, add_footer, new_figure, styled
from analysis.verdict import ABOVE, BELOW, Question, answered, interval

CONDITIONS = ("frozen", "state_reset", "untrained")
STOPPING_ERROR = 0.05  # the stopping rule of LSNN-official
GUESSING = 0.4
DELAY_BINS = 8


def recalls(result: Result, name: str) -> dict[str, np.ndarray]:
    """The columns of a condition's table of recalls, of which there is at least one.

    Schema 2 called the table `recalls`, and had a column `right` where there is `wrong` now.
    """
    group = subgroup(result.file, name)
    n_episodes = len(dataset(group, "episode_key", (None,)))
    older = holds(group, "recalls")
    told = "right" if older else "wrong"
    rules = {"episode": Rule(0, n_episodes - 1, whole=True), "delay_ms": Rule(0), told: FLAG}
    rows = table(group, "recalls" if older else "trials", rules, needed=tuple(rules))
    if not len(rows["episode"]):
        raise ResultError(f"{place(group)}: must have a recall, has none")
    right = rows[told].astype(bool) if older else ~rows[told].astype(bool)
    return rows | {"episode": rows["episode"].astype(np.int64), "right": right}


def error_of(result: Result, name: str):
    """Share of wrong answers, an Estimate over episodes."""
    rows = recalls(result, name)
    episodes = int(rows["episode"].max()) + 1
    asked = np.bincount(rows["episode"], minlength=episodes).astype(float)
    wrong = np.bincount(rows["episode"], weights=~rows["right"].astype(bool), minlength=episodes)
    return ratio_over_episodes(wrong, asked)


def errors_among(result: Result, name: str) -> tuple[int, int]:
    """Wrong answers, and recalls; they are judged as independent of each other."""
    right = recalls(result, name)["right"].astype(bool)
    return int(np.count_nonzero(~right)), len(right)


def error_by_delay(result: Result, name: str) -> np.ndarray:
    """Rows of delay (s), share of wrong answers, the ends of its 95 % interval (Wilson), number of recalls."""
    rows = recalls(result, name)
    edges = np.linspace(0, rows["delay_ms"].max() + 1, DELAY_BINS + 1)
    found = []
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        chosen = (rows["delay_ms"] >= low) & (rows["delay_ms"] < high)
        n, wrong = int(chosen.sum()), int(np.count_nonzero(~rows["right"][chosen].astype(bool)))
        if n:
            bounds = binomtest(wrong, n).proportion_ci(method="wilson")
            found.append((rows["delay_ms"][chosen].mean() / 1000, wrong / n, bounds.low, bounds.high, n))
    return np.array(found).reshape(-1, 5)


@styled
def delays(result: Result, lif: Result | None = None) -> Figure:
    """Share of wrong answers against the delay, for every condition in the file and a network without adaptation."""
    figure = new_figure(9, 5.4, "Store and recall, weights frozen: errors against the delay")
    axes = figure.subplots()
    shown = [(result, name, LABELS[name], COLOURS[name]) for name in CONDITIONS if name in result.file]
    if lif is not None:
        shown.append((lif, "frozen", "frozen, LIF neurons only", ORANGE))
    for file, name, label, colour in shown:
        curve, width = error_by_delay(file, name), 3 if label == LABELS["frozen"] else 1.6
        alpha = 0.2 if width == 3 else 0.1
        axes.fill_between(curve[:, 0], curve[:, 2], curve[:, 3], color=colour, alpha=alpha, linewidth=0)
        axes.plot(curve[:, 0], curve[:, 1], "o-", color=colour, linewidth=width, label=label)
    axes.axhline(0.5, color=GREY, linestyle=":", linewidth=1.5)
    axes.axhline(STOPPING_ERROR, color=BLUE, linestyle=":", linewidth=1.5)
    axes.annotate("chance", (0, 0.5), (2, 3), textcoords="offset points", color=GREY, fontsize=10)
    axes.annotate("5 %", (0, STOPPING_ERROR), (2, 3), textcoords="offset points", color=BLUE, fontsize=10)
    axes.set(xlabel="delay between STORE and RECALL (s)", ylabel="share of wrong answers", ylim=(0, 1))
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    axes.legend(loc="upper right", ncols=2)
    n = len(recalls(result, "frozen")["episode"])
    return add_footer(figure, result, f"bands: 95 % (Wilson) · n = {n} recalls of the frozen network")


def page(result: Result) -> Page:
    """What the report says of a result file of this family."""
    found = conditions_in(result, CONDITIONS, ("frozen",))
    errors = {name: error_of(result, name) for name in found}
    rows = [(LABELS[name], str(len(recalls(result, name)["episode"])), interval(errors[name], 4)) for name in found]
    late = error_by_delay(result, "frozen")[-1]
    measured = f"{interval(errors['frozen'], 3)}; at the longest delays, mean {late[0]:.2f} s, {late[1]:.3f}"
    claim = share_claim(*errors_among(result, "frozen"), margin=0, null=STOPPING_ERROR)
    rule = f"the frozen network errs in less than {100 * STOPPING_ERROR:g} % of recalls"
    asked = [Question(rule, measured, claim, BELOW, True)]
    if "state_reset" in errors:
        rule = f"with its state zeroed before every slot it errs in at least {100 * GUESSING:g} % of recalls"
        claim = share_claim(*errors_among(result, "state_reset"), margin=0, null=GUESSING)
        asked.append(Question(rule, interval(errors["state_reset"], 3), claim, ABOVE, True))
    drawings = (
        Drawing("delays", "Errors against the delay", "Share of wrong answers by the time between STORE and RECALL, "
                "random bits shown meanwhile.", delays),
        Drawing("learning_curve", "Meta-training", "Share of wrong answers of the batch.",
                lambda result: learning_curves(result, (("error", "share of wrong answers"),))),
    )  # fmt: skip
    return Page(
        "Store and recall with frozen weights",
        "One bit of a stream is marked STORE; random bits follow; at RECALL the readout has to name it. No weight "
        "changes: what is kept is kept in the state.",
        ("condition", "recalls", "share of wrong answers"),
        rows,
        "Brackets: 95 % percentile bootstrap interval over episodes.",
        answered(asked),
        drawings if result.history else drawings[:1],
    )
