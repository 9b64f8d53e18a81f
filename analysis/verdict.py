"""What the numbers of a result file say about memory: criteria fixed beforehand, each met, not met or undecided."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from analysis.claims import LATENCY_MARGIN, SHARE_MARGIN, Claim, Outcome, claim, decide
from analysis.latencies import (
    FIRST,
    FROM_SECOND,
    Estimate,
    goals_difference,
    goals_difference_in,
    goals_per_episode,
    goals_ratio,
    search_difference,
    search_ratio,
    search_time,
)
from analysis.results import NETWORK_CONDITIONS, Result

FIRST_TO_LATER_SEARCH = 1.5
FIRST_TO_LATER_SEARCH_IF_FAST = 1.3
LATER_SEARCH_TO_ORACLE = 1.6
MOST_ABOVE_CIRCLING = 2.0  # goals
FRACTION_OF_ORACLE = 0.75
ABOVE, BELOW = (Outcome.MORE,), (Outcome.LESS,)


class Criterion(NamedTuple):
    """A rule, what was measured, whether it is met (None: undecided), and whether the claim of memory rests on it."""

    rule: str
    measured: str
    met: bool | None
    essential: bool


class Question(NamedTuple):
    """A criterion not judged yet: its claim (None: nothing was measured) and the outcomes that meet it."""

    rule: str
    measured: str
    claim: Claim | None
    good: Collection[Outcome]
    essential: bool


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
    result.require("frozen", "circling", "oracle")
    questions = (
        above_circling(result),
        reset_not_above_circling(result),
        reset_costs_goals(result),
        later_searches_shorter(result),
        later_searches_near_oracle(result),
        near_oracle(result),
    )
    criteria = (weights_unchanged(result), *answered(questions))
    essential = [criterion.met for criterion in criteria if criterion.essential]
    undecided = None in essential and False not in essential
    return Verdict(criteria, None if undecided else all(essential))


def answered(questions: Sequence[Question]) -> list[Criterion]:
    """Each question of a page judged, all of them corrected together."""
    outcomes = decide({number: each.claim for number, each in enumerate(questions) if each.claim is not None})
    criteria = []
    for number, each in enumerate(questions):
        outcome = outcomes.get(number, Outcome.UNDECIDED)
        met = None if outcome is Outcome.UNDECIDED else outcome in each.good
        criteria.append(Criterion(each.rule, each.measured, met, each.essential))
    return criteria


def at_least(rule: str, measured: str, effect: Estimate, bar: float, essential: bool = True) -> Question:
    return Question(rule, measured, claim(effect, null=bar), ABOVE, essential)


def at_most(rule: str, measured: str, effect: Estimate, bar: float, essential: bool = True) -> Question:
    return Question(rule, measured, claim(effect, null=bar), BELOW, essential)


def weights_unchanged(result: Result) -> Criterion:
    """The weights have one hash before and after every condition, the network's own unless it is the untrained one."""
    rule = "the weights are the same before and after every test"
    run = {name: result.conditions[name].checksums for name in NETWORK_CONDITIONS if name in result.conditions}
    tested = result.provenance.network_sha256
    changed = [
        name for name, (before, after) in run.items() if before != after or (name != "untrained" and before != tested)
    ]
    own = ", ".join(name for name in run if name != "untrained")
    covered = " of weights, constants and models" if result.provenance.network_is_whole else " of the weights"
    measured = f"changed in {', '.join(changed)}" if changed else f"SHA-256 {tested[:12]}{covered} throughout ({own})"
    return Criterion(rule, measured, not changed, True)


def above_circling(result: Result) -> Question:
    frozen, circling, oracle = (result.conditions[name] for name in ("frozen", "circling", "oracle"))
    more = goals_difference_in(frozen, circling, oracle)
    rule = "frozen, it makes more goals than circling, which knows where platforms may be and remembers none, by "
    rule += f"at least {SHARE_MARGIN:g} of the oracle's goals"
    return at_least(rule, f"{interval(more, 2)} of them", more, SHARE_MARGIN)


def reset_not_above_circling(result: Result) -> Question:
    rule = "with its state zeroed after each find it makes no more goals than circling, "
    rule += f"to within {MOST_ABOVE_CIRCLING:g}"
    if "state_reset" not in result.conditions:
        return Question(rule, "not run", None, BELOW, True)
    more = goals_difference(result.conditions["state_reset"], result.conditions["circling"])
    return at_most(rule, f"{signed(more)} goals", more, MOST_ABOVE_CIRCLING)


def reset_costs_goals(result: Result) -> Question:
    rule = f"zeroing the state after each find costs it at least {SHARE_MARGIN:g} of the oracle's goals"
    if "state_reset" not in result.conditions:
        return Question(rule, "not run", None, ABOVE, True)
    frozen, reset, oracle = (result.conditions[name] for name in ("frozen", "state_reset", "oracle"))
    lost = goals_difference_in(frozen, reset, oracle)
    return at_least(rule, f"{interval(lost, 2)} of them", lost, SHARE_MARGIN)


def later_searches_shorter(result: Result) -> Question:
    """The bar is lower when the first search is already shorter than that of circling, since less is left to gain."""
    frozen, circling = result.conditions["frozen"], result.conditions["circling"]
    sooner = search_difference(frozen, FIRST, circling, FIRST)
    margin = LATENCY_MARGIN * search_time(result.conditions["oracle"], FIRST).value
    fast = decide({"fast": claim(sooner, margin)})["fast"] is Outcome.LESS
    bar = FIRST_TO_LATER_SEARCH_IF_FAST if fast else FIRST_TO_LATER_SEARCH
    ratio = search_ratio(frozen, FIRST, frozen, FROM_SECOND)
    because = " (its first search is shorter than that of circling)" if fast else ""
    rule = f"where trial 2 began, the median search on trial 1 is at least {bar:g} times that from then on{because}"
    return at_least(rule, f"{interval(ratio, 2)} times", ratio, bar, essential=False)


def later_searches_near_oracle(result: Result) -> Question:
    ratio = search_ratio(result.conditions["frozen"], FROM_SECOND, result.conditions["oracle"], FROM_SECOND)
    rule = f"from trial 2 on the median search is at most {LATER_SEARCH_TO_ORACLE:g} times the oracle's"
    return at_most(rule, f"{interval(ratio, 2)} times", ratio, LATER_SEARCH_TO_ORACLE, essential=False)


def near_oracle(result: Result) -> Question:
    fraction = goals_ratio(result.conditions["frozen"], result.conditions["oracle"])
    rule = f"it makes at least {FRACTION_OF_ORACLE:g} of the oracle's goals"
    return at_least(rule, f"{interval(fraction, 2)} of them", fraction, FRACTION_OF_ORACLE, essential=False)


def summary(result: Result) -> str:
    """The main numbers of the frozen network in two sentences."""
    frozen, oracle = result.conditions["frozen"], result.conditions["oracle"]
    goals, fraction = goals_per_episode(frozen), goals_ratio(frozen, oracle)
    first, later, told = search_time(frozen, FIRST), search_time(frozen, FROM_SECOND), search_time(oracle, FROM_SECOND)
    limit = frozen.duration_ms
    return (
        f"With frozen weights the network found the hidden platform {interval(goals, 1)} times in an episode of "
        f"{limit} ms, the mean over {goals.n} episodes with a platform of their own each: {interval(fraction, 2)} of "
        f"what a swimmer that is told the platform makes of the same episodes. Its median search took "
        f"{search_text(first, limit)} ms on trial 1 and {search_text(later, limit)} ms from trial 2 on; the oracle's "
        f"took {search_text(told, limit)} ms."
    )


def interval(estimate: Estimate, digits: int) -> str:
    """`value [low, high]`; a dash when there is no value."""
    if estimate.value != estimate.value:
        return "–"
    if estimate.low != estimate.low:
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"


def signed(estimate: Estimate) -> str:
    """`+value [+low, +high]`; the value alone where there is no interval."""
    text = [f"{number:+.1f}".replace("-", "\N{MINUS SIGN}") for number in estimate[:3]]
    return text[0] if estimate.low != estimate.low else f"{text[0]} [{text[1]}, {text[2]}]"


def search_text(estimate: Estimate, limit_ms: int) -> str:
    """A search time as `value [low, high]`; a bound that no find reached within an episode as `> limit`."""
    if estimate.value != estimate.value:
        return "–"
    value, low, high = (f"> {limit_ms}" if number >= limit_ms else f"{number:.0f}" for number in estimate[:3])
    return value if estimate.low != estimate.low else f"{value} [{low}, {high}]"
