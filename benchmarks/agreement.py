"""Whether two simulators computed the same: spikes and gradients, in float64 and in float32."""

from pathlib import Path
from typing import Any

import numpy as np

GRADIENTS = ("inputs", "recurrent", "readout", "bias")
TOLERANCE = 1e-6  # of a gradient in float64, relative to its largest entry


def compared(ours: Path, theirs: Path, learns: bool = True) -> dict[str, Any]:
    """Two runs of the same problem in float64, as `harness.outcome` saved them.

    `agrees`: no spike differs and no entry of a gradient by more than the tolerance; of one that learns none is absent.
    """
    with np.load(ours) as a, np.load(theirs) as b:
        differing = int(np.bitwise_count(a["spikes"] ^ b["spikes"]).sum())
        errors = {name: _relative_error(a[name], b[name]) for name in GRADIENTS if name in b}
        spikes = int(np.bitwise_count(a["spikes"]).sum())
    whole = not learns or set(errors) == set(GRADIENTS)
    agrees = whole and spikes > 0 and differing == 0 and all(error < TOLERANCE for error in errors.values())
    return {"agrees": agrees, "spikes": spikes, "differing_spikes": differing, "gradient_error": errors}


def drifted(ours: Path, theirs: Path) -> dict[str, Any]:
    """Two timed runs in float32, which round differently and so part in the end, as chaotic networks do."""
    with np.load(ours) as a, np.load(theirs) as b:
        apart = np.bitwise_count(a["spikes"] ^ b["spikes"]).sum(axis=(0, 2))
        cosines = {name: _cosine(a[name], b[name]) for name in GRADIENTS if name in a and name in b}
        spikes = int(np.bitwise_count(a["spikes"]).sum())
    first = np.flatnonzero(apart)
    return {
        "first_difference_ms": int(first[0]) if len(first) else None,
        "differing_share": float(apart.sum() / max(spikes, 1)),
        "gradient_cosine": cosines,
    }


def same_bits(ours: Path, theirs: Path) -> bool:
    """Whether all that two runs saved is the same to the bit."""
    with np.load(ours) as a, np.load(theirs) as b:
        return set(a.files) == set(b.files) and all(np.array_equal(a[name], b[name]) for name in a.files)


def rate_hz(path: Path) -> float:
    """Spikes a neuron and second."""
    with np.load(path) as file:
        blocks, steps, n_neurons = file["spikes"].shape
        return float(np.bitwise_count(file["spikes"]).sum() / (blocks * 8 * n_neurons * steps / 1000))


def _relative_error(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max() / max(np.abs(a).max(), np.finfo(float).tiny))


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a.astype(float).ravel(), b.astype(float).ravel()
    return float(a @ b / max(np.sqrt((a @ a) * (b @ b)), np.finfo(float).tiny))
