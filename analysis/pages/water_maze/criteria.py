"""What the numbers of a water maze say about memory: criteria fixed beforehand."""

from typing import NamedTuple

from analysis.claims import LATENCY_MARGIN, SHARE_MARGIN, Outcome, claim, decide
from analysis.latencies import (
    FIRST,
    FROM_SECOND,
    escape_latency,
    search_difference,
    search_ratio,
    visit_rate_difference_in,
    visit_rate_ratio,
    visits_difference,
    visits_difference_in,
    visits_per_episode,
    visits_ratio,
)
from analysis.verdict import (
    ABOVE,
    BELOW,
    Criterion,
    Question,
    answered,
    at_least,
    at_most,
    interval,
    latency_text,
    signed,
    weights_unchanged,
)
from lsnn.files.reading import todays_name
from lsnn.files.results import Result

FIRST_TO_LATER_SEARCH = 1.5
FIRST_TO_LATER_SEARCH_IF_FAST = 1.3
LATER_SEARCH_TO_ORACLE = 1.6
MOST_ABOVE_CIRCLING = 2.0  # visits
MOST_ABOVE_CIRCLING_SHARE = 0.05  # of the oracle's visits, where it is dark between trials
FRACTION_OF_ORACLE = 0.75
SWIMMING = " in the time that it swims, rest and dark apart"
NEEDED = ("frozen", "circling", "oracle")


class Verdict(NamedTuple):
    """All criteria, and whether memory is shown (None: undecided, as an essential criterion is)."""

    criteria: tuple[Criterion, ...]
    memory_shown: bool | None

    @property
    def headline(self) -> str:
        if self.memory_shown is None:
            return "One-shot memory is neither shown nor refuted: part of the test was not run, or too few episodes"
        return "One-shot memory is shown" if self.memory_shown else "One-shot memory is not shown"


def judge(result: Result) -> Verdict:
    """Hold the result against every criterion; ResultError unless `frozen`, `circling` and `oracle` are in the file."""
    result.require(*NEEDED)
    questions = (
        above_circling(result),
        reset_not_above_circling(result),
        reset_costs_visits(result),
        later_searches_shorter(result),
        later_searches_near_oracle(result),
        near_oracle(result),
    )
    criteria = (weights_unchanged(result), *answered(questions))
    essential = [criterion.met for criterion in criteria if criterion.essential]
    undecided = None in essential and False not in essential
    return Verdict(criteria, None if undecided else all(essential))


def is_dark(result: Result) -> bool:
    """Whether it is dark between trials: that makes everyone's visits alike, so that they are counted by time swum."""
    task = result.provenance.config.get("task", {})
    if not isinstance(task, dict):
        return False
    return any(value and todays_name(result.file, name) == "dark_ms" for name, value in task.items())


def above_circling(result: Result) -> Question:
    frozen, circling, oracle = (result.conditions[name] for name in ("frozen", "circling", "oracle"))
    dark = is_dark(result)
    more = (visit_rate_difference_in if dark else visits_difference_in)(frozen, circling, oracle)
    rule = "frozen, it makes more visits than circling, which knows where platforms may be and remembers none, by "
    rule += f"at least {SHARE_MARGIN:g} of the oracle's visits" + SWIMMING * dark
    return at_least(rule, f"{interval(more, 2)} of them", more, SHARE_MARGIN)


def reset_not_above_circling(result: Result) -> Question:
    dark = is_dark(result)
    rule = "with its state reset after each visit it makes no more visits than circling, to within "
    rule += f"{MOST_ABOVE_CIRCLING_SHARE:g} of the oracle's{SWIMMING}" if dark else f"{MOST_ABOVE_CIRCLING:g}"
    if "state_reset" not in result.conditions:
        return Question(rule, "not run", None, BELOW, True)
    if dark:
        reset, circling, oracle = (result.conditions[name] for name in ("state_reset", "circling", "oracle"))
        share = visit_rate_difference_in(reset, circling, oracle)
        return at_most(rule, f"{interval(share, 2)} of them", share, MOST_ABOVE_CIRCLING_SHARE)
    more = visits_difference(result.conditions["state_reset"], result.conditions["circling"])
    return at_most(rule, f"{signed(more)} visits", more, MOST_ABOVE_CIRCLING)


def reset_costs_visits(result: Result) -> Question:
    dark = is_dark(result)
    rule = f"resetting the state after each visit costs it at least {SHARE_MARGIN:g} of the oracle's visits"
    rule += SWIMMING * dark
    if "state_reset" not in result.conditions:
        return Question(rule, "not run", None, ABOVE, True)
    frozen, reset, oracle = (result.conditions[name] for name in ("frozen", "state_reset", "oracle"))
    lost = (visit_rate_difference_in if dark else visits_difference_in)(frozen, reset, oracle)
    return at_least(rule, f"{interval(lost, 2)} of them", lost, SHARE_MARGIN)


def later_searches_shorter(result: Result) -> Question:
    """The bar is lower when the first search is already shorter than that of circling, since less is left to gain."""
    frozen, circling = result.conditions["frozen"], result.conditions["circling"]
    sooner = search_difference(frozen, FIRST, circling, FIRST)
    margin = LATENCY_MARGIN * escape_latency(result.conditions["oracle"], FIRST).value
    fast = decide({"fast": claim(sooner, margin)})["fast"] is Outcome.LESS
    bar = FIRST_TO_LATER_SEARCH_IF_FAST if fast else FIRST_TO_LATER_SEARCH
    ratio = search_ratio(frozen, FIRST, frozen, FROM_SECOND)
    because = " (its first one is shorter than that of circling)" if fast else ""
    rule = f"where trial 2 began, the median escape latency on trial 1 is at least {bar:g} times that from then on"
    rule += because
    return at_least(rule, f"{interval(ratio, 2)} times", ratio, bar, essential=False)


def later_searches_near_oracle(result: Result) -> Question:
    ratio = search_ratio(result.conditions["frozen"], FROM_SECOND, result.conditions["oracle"], FROM_SECOND)
    rule = f"from trial 2 on the median escape latency is at most {LATER_SEARCH_TO_ORACLE:g} times the oracle's"
    return at_most(rule, f"{interval(ratio, 2)} times", ratio, LATER_SEARCH_TO_ORACLE, essential=False)


def near_oracle(result: Result) -> Question:
    dark = is_dark(result)
    fraction = (visit_rate_ratio if dark else visits_ratio)(result.conditions["frozen"], result.conditions["oracle"])
    rule = f"it makes at least {FRACTION_OF_ORACLE:g} of the oracle's visits" + SWIMMING * dark
    return at_least(rule, f"{interval(fraction, 2)} of them", fraction, FRACTION_OF_ORACLE, essential=False)


def summary(result: Result) -> str:
    """The main numbers of the frozen network in two sentences."""
    frozen, oracle = result.conditions["frozen"], result.conditions["oracle"]
    visits, fraction = visits_per_episode(frozen), visits_ratio(frozen, oracle)
    first, later, told = (
        escape_latency(frozen, FIRST),
        escape_latency(frozen, FROM_SECOND),
        escape_latency(oracle, FROM_SECOND),
    )
    limit = frozen.duration_ms
    return (
        f"With frozen weights the network found the hidden platform {interval(visits, 1)} times in an episode of "
        f"{limit} ms, the mean over {visits.n} episodes with a platform of their own each: {interval(fraction, 2)} of "
        f"what a baseline that is told the platform makes of the same episodes. Its median escape latency was "
        f"{latency_text(first, limit)} ms on trial 1 and {latency_text(later, limit)} ms from trial 2 on; the oracle's "
        f"was {latency_text(told, limit)} ms."
    )
