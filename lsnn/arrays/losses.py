"""What is lost on samples whose targets are known: class labels, or traces that the readout is to follow.

Each loss is a mean over samples. Arrays end with the lane: y (T, n_out, n), the readout of n samples.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.special import log_softmax, softmax

LossName = Literal["cross_entropy", "squared_error", "rates"]
Over = Literal["mean", "max", "last"]
Losses = LossName | Mapping[str, LossName]  # of each of several readouts
LOSSES, OVERS = ("cross_entropy", "squared_error", "rates"), ("mean", "max", "last")


class Scored(NamedTuple):
    """Of n samples."""

    loss: np.ndarray  # (n,)
    right: np.ndarray  # (n,) whether the class is the one named; NaN for traces
    slope: np.ndarray  # (T, n_out, n) dloss/dy


def logits_of(y: np.ndarray, over: Over) -> np.ndarray:
    """A number for each class, (n_out, n): the mean, the maximum or the last of the readout."""
    return {"mean": y.mean(axis=0), "max": y.max(axis=0), "last": y[-1]}[over]


def cross_entropy(y: np.ndarray, labels: np.ndarray, over: Over) -> Scored:
    """-log of the probability that a softmax over the classes gives to the label, (n,) int."""
    logits, lanes = logits_of(y, over), np.arange(y.shape[2])
    loss = -log_softmax(logits, axis=0)[labels, lanes]
    of_logits = softmax(logits, axis=0)
    of_logits[labels, lanes] -= 1
    slope = np.zeros(y.shape)
    if over == "mean":
        slope[:] = of_logits / len(y)
    elif over == "last":
        slope[-1] = of_logits
    else:
        np.put_along_axis(slope, y.argmax(axis=0)[None], of_logits[None], axis=0)
    return Scored(loss, (logits.argmax(axis=0) == labels).astype(float), slope)


def squared_error(y: np.ndarray, targets: np.ndarray) -> Scored:
    """Mean over steps of the squared distance to a trace, (T, n_out, n)."""
    apart = y - targets
    loss = np.sum(apart * apart, axis=1).mean(axis=0)
    return Scored(loss, np.full(y.shape[2], np.nan), 2 * apart / len(y))


def of_several(y: np.ndarray, targets: Any, columns: Mapping[str, slice], losses: Losses, over: Over) -> Scored:
    """The sum of the losses of several readouts; right: the share of those with labels that name the class.

    Args:
        targets: arrays by name, samples first. columns: of y, by name.
    """
    slope, loss, right = np.zeros(y.shape), np.zeros(y.shape[2]), []
    for name, array in targets.items():
        if (losses if isinstance(losses, str) else losses[name]) == "cross_entropy":
            found = cross_entropy(y[:, columns[name]], array, over)
            right.append(found.right)
        else:
            found = squared_error(y[:, columns[name]], lanes_last(array))
        loss += found.loss
        slope[:, columns[name]] = found.slope
    return Scored(loss, np.mean(right, axis=0) if right else np.full(y.shape[2], np.nan), slope)


def lanes_last(targets: Any) -> Any:
    """Traces (n, T, outputs) as (T, outputs, n); labels, and targets by name, as they are."""
    return targets.transpose(1, 2, 0) if getattr(targets, "ndim", 0) == 3 else targets


def nothing(y: np.ndarray, targets: np.ndarray) -> Scored:
    """No loss of the readout, whatever it is."""
    return Scored(np.zeros(y.shape[2]), np.full(y.shape[2], np.nan), np.zeros(y.shape))


def rates_apart(rate_hz: np.ndarray, target_hz: np.ndarray) -> float:
    """Mean over neurons of ((rate - target)/target)^2, whose slope is that of `lsnn.learning.rates.rate_gradient`."""
    return float(np.mean(((rate_hz - target_hz) / target_hz) ** 2))
