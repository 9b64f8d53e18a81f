"""What numbers say: criteria fixed beforehand, each met, not met or undecided; intervals in words."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from analysis.claims import Claim, Outcome, claim, decide
from lsnn.estimates import Estimate
from lsnn.files.results import Result

ABOVE, BELOW = (Outcome.MORE,), (Outcome.LESS,)
UNTRAINED = "untrained"  # the one condition whose network has other weights than the file's


class Criterion(NamedTuple):
    """A rule, what was measured, whether it is met (None: undecided), and whether the claim of a page rests on it."""

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
    """The weights have one hash before and after every condition, the network's own unless it is an untrained one."""
    rule = "the weights are the same before and after every test"
    conditions = [each for parent in result.conditions.values() for each in parent.variants.values() or (parent,)]
    run = {each.name: each.checksums for each in conditions if each.checksums is not None}
    tested = result.provenance.network_sha256
    changed = [
        name for name, (before, after) in run.items() if before != after or (not _untrained(name) and before != tested)
    ]
    own = ", ".join(dict.fromkeys(name.split("/")[0] for name in run if not _untrained(name)))
    covered = " of weights, constants and models" if result.provenance.network_is_whole else " of the weights"
    measured = f"changed in {', '.join(changed)}" if changed else f"SHA-256 {tested[:12]}{covered} throughout ({own})"
    return Criterion(rule, measured, not changed, True)


def _untrained(name: str) -> bool:
    """Whether a condition is of a network with other weights than those of the file."""
    return name.split("/")[0] == UNTRAINED


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


def latency_text(estimate: Estimate, limit_ms: int) -> str:
    """A escape latency as `value [low, high]`; a bound that no visit reached within an episode as `> limit`."""
    if estimate.value != estimate.value:
        return "–"
    value, low, high = (f"> {limit_ms}" if number >= limit_ms else f"{number:.0f}" for number in estimate[:3])
    if low == high == f"> {limit_ms}":
        return value
    return value if estimate.low != estimate.low else f"{value} [{low}, {high}]"
