"""A simulator in a process of its own: `python -m benchmarks.peers.harness jax_scan dense --problem FILE ...`.

Built and warmed up first, so that compilation counts nowhere; then forward and forward + BPTT are timed. The last
line printed is a JSON object; spikes and gradients go to a file, for the driver to compare. With `--serve` the process
stays: each line that it reads, `forward` or `gradient`, it answers with the seconds of one such run.
"""

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable, Iterable
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


def once(function: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of a call, and what it returned."""
    start = time.perf_counter()
    result = function()
    return (result if isinstance(result, Seconds) else time.perf_counter() - start), result


def timed(function: Callable[[], Any], repeats: int, limit_s: float = float("inf")) -> list[float]:
    """Seconds of each of several calls; of fewer, but at least one, once they have taken the limit."""
    seconds: list[float] = []
    while len(seconds) < repeats and (not seconds or sum(seconds) < limit_s):
        seconds.append(once(function)[0])
    return seconds


def measure(model: Model, repeats: int, limit_s: float, bare_mb: float) -> dict[str, Any]:
    """Timings and peak memory of a model, warmed up first."""
    model.forward()
    has_gradient = model.gradient() is not None
    forget_peak()
    result: dict[str, Any] = {"forward_s": timed(model.forward, repeats, limit_s)}
    result["forward_peak_mb"] = memory_mb("VmHWM") - bare_mb
    if has_gradient:
        result["gradient_s"] = timed(model.gradient, repeats, limit_s)
        result["peak_mb"] = memory_mb("VmHWM") - bare_mb
    return result


def outcome(model: Model) -> dict[str, np.ndarray]:
    """Spikes (as bits) and gradients, for the driver to compare."""
    found = {name: np.asarray(value) for name, value in (model.gradient() or {}).items()}
    return found | {"spikes": episodes_together(np.asarray(model.spikes()))}


def serve(model: Model, lines: Iterable[str]) -> None:
    """Warm up, say so, and time what each line names."""
    model.forward()
    model.gradient()
    print("ready", flush=True)
    for line in lines:
        print(once(getattr(model, line.strip()))[0], flush=True)


def built(options: argparse.Namespace, problem: Problem, dtype: type) -> Model:
    """The simulator asked for, in one process or several."""
    if options.processes > 1:
        halves = importlib.import_module("benchmarks.peers.halves")
        return halves.Processes(options.module, options.variant, problem, dtype, options.processes)
    module = importlib.import_module(f"benchmarks.peers.{options.module}")
    return module.models(problem, dtype)[options.variant]()


def options_of(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.peers.harness")
    parser.add_argument("module")
    parser.add_argument("variant")
    parser.add_argument("--problem", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=None, help="where spikes and gradients go; not with --serve")
    parser.add_argument("--repeats", type=int, default=0, help="0: only run it, in float64")
    parser.add_argument("--limit-s", type=float, default=float("inf"), help="seconds after which no repeat begins")
    parser.add_argument("--blocks", type=int, default=None)
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--processes", type=int, default=1, help="of one core each, the episodes dealt out")
    parser.add_argument("--serve", action="store_true", help="run what is asked for, line by line, in float32")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Load the problem, build the simulator, time it or only run it."""
    bare_mb = memory_mb("VmRSS")
    options = options_of(arguments)
    problem: Problem = load(options.problem)
    problem = problem.head(options.blocks or len(problem.input_bits), options.steps or problem.steps)
    dtype = np.float32 if options.repeats or options.serve else np.float64
    importlib.import_module(f"benchmarks.peers.{options.module}")
    imported_mb = memory_mb("VmRSS") - bare_mb
    model = built(options, problem, dtype)
    if options.serve:
        serve(model, sys.stdin)
        return 0
    result: dict[str, Any] = {}
    if options.repeats:
        result = measure(model, options.repeats, options.limit_s, bare_mb) | {"imported_mb": imported_mb}
        if options.processes > 1:  # whose memory is not seen from here
            result = {key: value for key, value in result.items() if not key.endswith("_mb")}
    found = outcome(model)
    np.savez(options.out, allow_pickle=False, **found)
    print(json.dumps(result | getattr(model, "facts", {})))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
