"""Firing rates and their regulariser."""

import numpy as np


def spike_counts(spikes: np.ndarray) -> np.ndarray:
    """Spikes of each neuron over all steps and lanes, (N,), from (T, N) bytes of eight lanes."""
    return np.bitwise_count(spikes).sum(axis=0, dtype=np.int64)


def rate_gradient(rate_hz: np.ndarray, target_hz: float, weight: float, seconds: float) -> np.ndarray:
    """dL/dz of every spike of a neuron, (N,), for L = weight mean_i ((rate_i - target) / target)^2.

    Args:
        rate_hz: (N,) mean rates of the batch; seconds: simulated time of the whole batch, over which they are means.
    """
    return 2 * weight * (rate_hz - target_hz) / (target_hz**2 * len(rate_hz) * seconds)
