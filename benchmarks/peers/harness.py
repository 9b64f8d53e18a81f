"""A simulator in a process of its own: `python -m benchmarks.peers.harness jax_scan dense --problem FILE ...`.

Built and warmed up first, so that compilation counts nowhere; then forward and forward + BPTT are timed. The last
line printed is a JSON object; spikes and gradients go to a file, for the driver to compare.
"""

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks.peers.problem import Problem, episodes_together, load


class Seconds(float):
    """What a run returns that times itself, because it sets the network up anew every time."""


class Model(Protocol):
    """A simulator with a problem loaded; its module offers `models(problem, dtype)`, a function for each variant."""

    def forward(self) -> Any:
        """Run all episodes; returns when y is there. This is timed, if it does not return `Seconds`."""

    def gradient(self) -> dict[str, Any] | None:
        """Forward and backpropagation through time: gradients in the order of `Problem`; None if it has none."""

    def spikes(self) -> np.ndarray:
        """(T, E, N) of 0 and 1. Not timed."""


def memory_mb(field: str) -> float:
    """Resident memory now (VmRSS) or its peak (VmHWM); NaN where /proc does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(field)), float("nan"))


def forget_peak() -> None:
    """Start counting peak memory anew, so that compilation counts nowhere."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def timed(function: Callable[[], Any], repeats: int) -> list[float]:
    """Seconds of each of several calls."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        seconds.append(result if isinstance(result, Seconds) else time.perf_counter() - start)
    return seconds


def measure(model: Model, repeats: int, bare_mb: float) -> dict[str, Any]:
    """Timings and peak memory of a model, warmed up first."""
    model.forward()
    has_gradient = model.gradient() is not None
    forget_peak()
    result: dict[str, Any] = {"forward_s": timed(model.forward, repeats)}
    result["forward_peak_mb"] = memory_mb("VmHWM") - bare_mb
    if has_gradient:
        result["gradient_s"] = timed(model.gradient, repeats)
        result["peak_mb"] = memory_mb("VmHWM") - bare_mb
    return result


def outcome(model: Model) -> dict[str, np.ndarray]:
    """Spikes (as bits) and gradients, for the driver to compare."""
    found = {name: np.asarray(value) for name, value in (model.gradient() or {}).items()}
    return found | {"spikes": episodes_together(np.asarray(model.spikes()))}


def main(arguments: list[str]) -> int:
    """Load the problem, build the simulator, time it or only run it."""
    bare_mb = memory_mb("VmRSS")
    parser = argparse.ArgumentParser(prog="benchmarks.peers.harness")
    parser.add_argument("module")
    parser.add_argument("variant")
    parser.add_argument("--problem", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=0, help="0: only run it, in float64")
    parser.add_argument("--blocks", type=int, default=None)
    parser.add_argument("--steps", type=int, default=None)
    options = parser.parse_args(arguments)

    problem: Problem = load(options.problem)
    problem = problem.head(options.blocks or len(problem.input_bits), options.steps or problem.steps)
    dtype = np.float32 if options.repeats else np.float64
    module = importlib.import_module(f"benchmarks.peers.{options.module}")
    imported_mb = memory_mb("VmRSS") - bare_mb
    model = module.models(problem, dtype)[options.variant]()
    result = measure(model, options.repeats, bare_mb) | {"imported_mb": imported_mb} if options.repeats else {}
    found = outcome(model)
    np.savez(options.out, allow_pickle=False, **found)
    print(json.dumps(result | getattr(model, "facts", {})))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
