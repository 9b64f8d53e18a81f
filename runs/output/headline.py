"""The main numbers of a result file, printed by the commands that made it."""

from collections.abc import Sequence
from pathlib import Path

from analysis.families import Page
from analysis.latencies import FIRST, FROM_SECOND, SECOND, goals_per_episode, goals_ratio, search_time
from analysis.reading import holds
from analysis.report import MAZE, page_of
from analysis.results import Condition, Result
from analysis.verdict import Criterion, interval, judge, search_text
from lsnn.progress import say

_LINE = "{:<15}{:>19}{:>20}{:>26}{:>26}{:>26}"


def print_headline(path: Path) -> None:
    """Goals, their fraction of the oracle's and search times of every condition; the criteria and whether they hold."""
    with Result(path) as result:
        if result.task != MAZE:
            if holds(result.file, "frozen"):
                _print_page(path, page_of(result))
            else:
                say(f"\n{path}: written; its table needs the condition frozen")
            return
        episodes = result.conditions["oracle"].n_episodes
        say(f"\n{path}: means and medians over {episodes} episodes [95 % interval]")
        say(_LINE.format("", "goals", "of the oracle's", "search 1 (ms)", "search 2 (ms)", "from 2 on (ms)"))
        for name, condition in result.conditions.items():
            say(_line(name, condition, result.conditions["oracle"]))
        if "frozen" in result.conditions:
            _print_verdict(result)


def _print_page(path: Path, page: Page) -> None:
    """The table and the criteria of another family."""
    say(f"\n{path}: {page.title}; means over episodes [95 % interval]")
    widths = [max(len(row[column]) for row in (page.head, *page.rows)) for column in range(len(page.head))]
    for row in (page.head, *page.rows):
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    _print_criteria(page.criteria)


def _line(name: str, condition: Condition, oracle: Condition) -> str:
    limit = condition.duration_ms
    searches = [search_text(search_time(condition, trials), limit) for trials in (FIRST, SECOND, FROM_SECOND)]
    goals = interval(goals_per_episode(condition), 1)
    return _LINE.format(name, goals, interval(goals_ratio(condition, oracle), 2), *searches)


def _print_verdict(result: Result) -> None:
    verdict = judge(result)
    say(f"\n{verdict.headline}.")
    _print_criteria(verdict.criteria)


def _print_criteria(criteria: Sequence[Criterion]) -> None:
    for criterion in criteria:
        state = {True: "met", False: "NOT MET", None: "undecided"}[criterion.met]
        say(f"  {state:<11}{criterion.rule}: {criterion.measured}")
