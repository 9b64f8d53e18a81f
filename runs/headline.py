"""The main numbers of a result file, printed by the commands that made it."""

from pathlib import Path

from analysis.latencies import FIRST, FROM_SECOND, SECOND, goals_per_episode, goals_ratio, search_time
from analysis.results import Condition, Result
from analysis.verdict import interval, judge, search_text
from runs.progress import say

_LINE = "{:<15}{:>19}{:>20}{:>26}{:>26}{:>26}"


def print_headline(path: Path) -> None:
    """Goals, their fraction of the oracle's and search times of every condition; the criteria and whether they hold."""
    with Result(path) as result:
        episodes = result.conditions["oracle"].n_episodes
        say(f"\n{path}: means and medians over {episodes} episodes [95 % interval]")
        say(_LINE.format("", "goals", "of the oracle's", "search 1 (ms)", "search 2 (ms)", "from 2 on (ms)"))
        for name, condition in result.conditions.items():
            say(_line(name, condition, result.conditions["oracle"]))
        if "frozen" in result.conditions:
            _print_verdict(result)


def _line(name: str, condition: Condition, oracle: Condition) -> str:
    limit = condition.duration_ms
    searches = [search_text(search_time(condition, trials), limit) for trials in (FIRST, SECOND, FROM_SECOND)]
    goals = interval(goals_per_episode(condition), 1)
    return _LINE.format(name, goals, interval(goals_ratio(condition, oracle), 2), *searches)


def _print_verdict(result: Result) -> None:
    verdict = judge(result)
    say(f"\n{verdict.headline}.")
    for criterion in verdict.criteria:
        state = {True: "met", False: "NOT MET", None: "not tested"}[criterion.met]
        say(f"  {state:<11}{criterion.rule}: {criterion.measured}")
