"""What the page of Harlow's task adds: right choices by trial, after a right and after a wrong first choice."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.pages import generic
from analysis.pages.columns import per_trial
from analysis.pages.model import Drawing, Page
from analysis.plots import NORMAL, draw_chance, panels, score_of
from analysis.style import PALE, Look, add_footer, looks, new_figure, styled
from analysis.verdict import Criterion, Question, answered, at_least, interval
from lsnn.estimates import Estimate, mean_over_episodes, ratio_over_episodes
from lsnn.files.reading import FLAG
from lsnn.files.results import Condition, Result

TRAINED, HELD_OUT = "trained", "held_out"  # the variants
SECOND, AFTER_WRONG, HELD_OUT_WITHIN = 0.95, 0.90, 0.03
SHOWN = ("frozen", "state_reset", "untrained", "win_stay", "win_stay_lose_shift")


def right(condition: Condition) -> np.ndarray:
    """Whether each choice was right, (E, trials), 0 or 1."""
    return per_trial(condition, "correct", FLAG).astype(float)


def second_after(condition: Condition, first: bool) -> Estimate:
    """Share of right second choices among the episodes whose first choice was right, or was wrong."""
    chosen = right(condition)
    among = (chosen[:, 0] > 0) == first
    return ratio_over_episodes(chosen[:, 1] * among, among.astype(float))


@styled
def by_trial(result: Result) -> Figure:
    """Share of right choices by trial: of all episodes, and by what came of the first choice; a row a variant."""
    shown = panels(result)
    figure = new_figure(13.0, 1.0 + 4.0 * len(shown), "Harlow's task, weights frozen: right choices by trial")
    grid = figure.subplots(len(shown), 3, squeeze=False, sharey=True, sharex=True)
    for row, (title, conditions) in zip(grid, shown.values(), strict=True):
        of = looks(conditions)
        told = f"\n{title}" if title else ""
        for axes, first, head in zip(row, (None, True, False), ("all", "first choice right", "first choice wrong"),
                                     strict=True):  # fmt: skip
            for name in (name for name in SHOWN if name in conditions):
                _draw(axes, right(conditions[name]), of[name], first)
            axes.set(title=f"{head}{told}")
            axes.grid(axis="y", color=PALE, linewidth=0.6)
            draw_chance(axes, score_of(result))
        row[0].set(ylabel="share of right choices", ylim=(-0.03, 1.03))
    for axes in grid[-1]:
        axes.set(xlabel="trial")
    lines = grid[0][0].get_legend_handles_labels()  # of all episodes: of some outcomes there may be none
    grid[0][-1].legend(*lines, loc="center left", bbox_to_anchor=(1.0, 0.5))
    n = result["frozen"].n_episodes
    return add_footer(figure, result, f"bands: 95 % of the mean (normal) · n = {n} episodes in each row")


def _draw(axes: Axes, chosen: np.ndarray, look: Look, first: bool | None) -> None:
    if first is not None:
        chosen = chosen[(chosen[:, 0] > 0) == first]
    if not len(chosen):
        return
    trial, mean = np.arange(chosen.shape[1]) + 1, chosen.mean(axis=0)
    error = NORMAL * chosen.std(axis=0) / np.sqrt(len(chosen))
    axes.fill_between(trial, mean - error, mean + error, color=look.colour, alpha=0.2, linewidth=0)
    axes.plot(trial, mean, look.line, color=look.colour, linewidth=look.width, marker=look.marker, label=look.label)


BY_TRIAL = Drawing(
    "right_by_trial",
    "Right choices by trial",
    "Share of right choices by trial, and the same by what came of the first choice. Who only repeats what paid is at "
    "chance in trial 2 after a wrong first choice.",
    by_trial,
)


def page(result: Result) -> Page:
    """The page; the generic one without the frozen network."""
    return generic.judged_page(result, BY_TRIAL, judged)


def judged(result: Result) -> list[Criterion]:
    """The bars, of the frozen network on every variant."""
    frozen, asked = result["frozen"], []
    for title, conditions in panels(result).values():
        where = f" ({title})" if title else ""
        network = conditions["frozen"]
        second, after = mean_over_episodes(right(network)[:, 1]), second_after(network, False)
        asked += [
            _bar(f"in trial 2 at least {SECOND:g} of choices are right{where}", second, SECOND),
            _bar(f"after a wrong first choice at least {AFTER_WRONG:g} are{where}", after, AFTER_WRONG),
        ]
    if {TRAINED, HELD_OUT} <= set(frozen.variants):
        rule = f"from trial 2 on, choices of held-out objects are less often right by at most {HELD_OUT_WITHIN:g}"
        asked.append(_bar(rule, _more_on_held_out(frozen), -HELD_OUT_WITHIN))
    return answered(asked)


def _bar(rule: str, effect: Estimate, bar: float) -> Question:
    return at_least(rule, interval(effect, 3), effect, bar)


def _more_on_held_out(frozen: Condition) -> Estimate:
    """By how much more often the later choices are right on held-out objects; the episodes' keys are the same."""
    later = [right(frozen[variant])[:, 1:].mean(axis=1) for variant in (HELD_OUT, TRAINED)]
    return mean_over_episodes(later[0] - later[1])
