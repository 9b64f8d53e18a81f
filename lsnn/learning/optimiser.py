"""Adam (Kingma & Ba 2015) and the norm of a gradient; parameters are dictionaries of arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

Arrays = dict[str, np.ndarray]


@dataclass
class Adam:
    """Moments of each parameter array; `step` counts the updates made."""

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    step: int = 0
    first: Arrays = field(default_factory=dict)
    second: Arrays = field(default_factory=dict)

    def update(self, gradient: Arrays, learning_rate: float) -> Arrays:
        """The changes to add to the parameters: -lr m_hat / (sqrt(v_hat) + epsilon)."""
        self.step += 1
        change = {}
        for name, g in gradient.items():
            m = self.first[name] = self.beta_1 * self.first.get(name, 0.0) + (1 - self.beta_1) * g
            v = self.second[name] = self.beta_2 * self.second.get(name, 0.0) + (1 - self.beta_2) * g * g
            m_hat = m / (1 - self.beta_1**self.step)
            v_hat = v / (1 - self.beta_2**self.step)
            change[name] = -learning_rate * m_hat / (np.sqrt(v_hat) + self.epsilon)
        return change


def global_norm(gradient: Arrays) -> float:
    """Euclidean norm over all arrays together."""
    return float(np.sqrt(sum(float(np.sum(g * g)) for g in gradient.values())))


def clip_norm(gradient: Arrays, limit: float) -> Arrays:
    """The gradient, shortened to the limit where it is longer."""
    norm = global_norm(gradient)
    return {name: g * (limit / norm) for name, g in gradient.items()} if norm > limit else gradient


def added_up(shards: Sequence[Arrays], limit: float) -> Arrays:
    """Sum of the gradients of shards, in their order; one longer than `limit` times their median is shortened to it.

    Where a few episodes make the gradient explode on its way through time, they do not outvote all others. With half
    of the shards or more not finite the sum is not finite either; fewer that are not count for nothing.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        norms = np.array([global_norm(shard) for shard in shards])
    longest = limit * float(np.median(np.where(np.isfinite(norms), norms, np.inf)))
    if not np.isfinite(longest):
        return {name: np.sum([shard[name] for shard in shards], axis=0) for name in shards[0]}
    total = {name: np.zeros_like(array) for name, array in shards[0].items()}
    for shard, norm in zip(shards, norms, strict=True):
        if np.isfinite(norm):
            scale = 1.0 if norm <= longest or longest == 0 else longest / norm
            for name, array in shard.items():
                total[name] += scale * array
    return total
