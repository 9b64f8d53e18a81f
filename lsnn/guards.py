"""Guards over the numbers of meta-training: a fault is found in the iteration in which it shows, before its step.

| fault | what is seen | what is done instead of the step |
|---|---|---|
| `exploded` | norm of the gradient above `learning.exploded_norm` | back, weaker recurrent weights |
| `not_finite` | NaN or infinity in the state, gradient, return, spread or the new weights | likewise |
| `silent`, `overactive` | mean rate below SILENT_HZ, or above OVERACTIVE of what the refractory time allows | back |
| `narrow` | policy std below a tenth of `learning.min_std` | back |
| `lost` | return far below that of the iterations before, after one step | back |

Back: the weights return to their average over the last iterations, which a single bad step hardly moves, and the
optimiser forgets its direction. Each fault is counted in a column of the history; PATIENCE in a row end the run, and
so does a start in which no gradient is finite: after AT_ONCE iterations, or all that were asked for.
"""

from typing import NamedTuple

import numpy as np

from lsnn.errors import DivergedError
from lsnn.learning.optimiser import Arrays, global_norm

SILENT_HZ = 0.1
OVERACTIVE = 0.8
NARROW = 0.1
PATIENCE = 30
AT_ONCE = 5  # iterations without a finite gradient from the first on, after which meta-training has not begun
WARM_UP, RATE = 20, 0.05  # iterations before a loss can show; rate at which the running return follows
LOST_DEVIATIONS, LOST_SHARE = 6.0, 0.3  # both must be exceeded: deviations of the return, share of its mean

FAULTS = {  # cause, remedy
    "not_finite": (
        "the gradient or the activity holds NaN or infinity",
        "lower learning.learning_rate or network.surrogate_gamma, or network.recurrent_gain for a new run",
    ),
    "exploded": (
        "the gradient explodes on its way back through time",
        "lower network.surrogate_gamma or network.recurrent_gain, raise learning.weight_decay; with few or short "
        "episodes, whose gradient is long by chance, raise learning.exploded_norm",
    ),
    "silent": (
        f"the network is silent, less than {SILENT_HZ:g} Hz",
        "raise network.input_gain or learning.rate_weight, or the rates of the encoder",
    ),
    "overactive": (
        "nearly every neuron fires as fast as its refractory time allows",
        "lower network.recurrent_gain or network.input_gain, raise network.beta or learning.rate_weight",
    ),
    "narrow": (
        "the policy std has collapsed, so nothing is explored",
        "raise learning.entropy_weight or learning.min_std, or set learning.policy_std=learnt",
    ),
    "lost": (
        "the performance is lost again and again after single steps",
        "lower learning.learning_rate or learning.gradient_norm, raise learning.episodes",
    ),
}


class Signs(NamedTuple):
    """What an iteration shows before its step."""

    gradient_norm: float
    rate_hz: float | None  # mean over neurons; None of a learner that has none
    spread: float  # of the policy; NaN where it has none
    mean_return: float
    finite: bool = True  # whether the state in which the roll-outs have ended is


class Limits(NamedTuple):
    """What the signs are held against."""

    exploded_norm: float
    refractory_ms: float
    min_std: float


class Watch(NamedTuple):
    """What the guards remember, a part of the learner's state."""

    iterations: int = 0  # in the running return
    mean: float = 0.0
    variance: float = 0.0
    in_a_row: int = 0


def finite_norm(gradient: Arrays) -> float:
    """The gradient's norm; infinite or NaN, without a warning, where it overflows or is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return global_norm(gradient)


def fault_of(signs: Signs, limits: Limits, watch: Watch) -> str:
    """The first fault that shows, "" for none."""
    if signs.spread < NARROW * limits.min_std:
        return "narrow"  # before its gradient, which explodes as 1/spread
    known = [signs.gradient_norm, signs.mean_return, 0.0 if signs.rate_hz is None else signs.rate_hz]
    if not np.isfinite(known).all() or np.isinf(signs.spread) or not signs.finite:
        return "not_finite"
    if signs.rate_hz is not None and signs.rate_hz < SILENT_HZ:
        return "silent"
    if signs.rate_hz is not None and signs.rate_hz > OVERACTIVE * 1000 / limits.refractory_ms:
        return "overactive"
    if not signs.gradient_norm < limits.exploded_norm:
        return "exploded"
    loss = watch.mean - signs.mean_return
    least = max(LOST_DEVIATIONS * float(np.sqrt(watch.variance)), LOST_SHARE * abs(watch.mean))
    return "lost" if watch.iterations >= WARM_UP and loss > least else ""


def followed(watch: Watch, signs: Signs, fault: str) -> Watch:
    """The watch after an iteration; what a loss was measured against starts anew after it.

    Raises:
        DivergedError: PATIENCE faults in a row; names the cause and the remedy.
    """
    if not fault:
        rate = max(RATE, 1 / (watch.iterations + 1))
        change = signs.mean_return - watch.mean
        variance = (1 - rate) * (watch.variance + rate * change * change)
        return Watch(watch.iterations + 1, watch.mean + rate * change, variance)
    if watch.in_a_row + 1 >= PATIENCE:
        cause, remedy = FAULTS[fault]
        raise DivergedError(f"meta-training cannot go on, {PATIENCE} iterations in a row: {cause}; {remedy}")
    return Watch(in_a_row=watch.in_a_row + 1) if fault == "lost" else watch._replace(in_a_row=watch.in_a_row + 1)


def no_beginning(iterations: int, where: str) -> DivergedError:
    """The error of a run whose first so many iterations had no finite gradient; where: what left its range first."""
    when = f"in none of its first {iterations} iterations" if iterations > 1 else "not in its first iteration"
    return DivergedError(
        f"meta-training cannot begin, {when} could a step be taken, as the numbers are not finite: {where}; lower "
        "network.input_gain or network.recurrent_gain, or mend the neuron model (a conductance, for instance, must not "
        "become negative)"
    )


def counted(fault: str) -> dict[str, float]:
    """The fault as columns of the history."""
    return {name: float(name == fault) for name in FAULTS}
