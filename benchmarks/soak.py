"""Endurance: does a long run stay as quick and as small as it began? `python -m benchmarks.soak --minutes 20`

Meta-training of a preset with steps so small that its activity, and so the work of an iteration, stays what it was;
checkpoints and validations as in any run. Compared are the first and the last fifth, a warm-up left out: memory of
the process, median time of an iteration; and at the end the files with their forecast. Exit code 1 if one is off.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.machine import machine
from lsnn.files.scratch import scratch_folder
from lsnn.forecast import HISTORY_BYTES, forecast, resident_bytes
from runs.training.train import CHECKPOINT_EVERY, VALIDATE_EVERY, Training, fresh_run, load_compiled
from tasks.experiment import overridden, preset

STILL = ("learning.learning_rate=1e-12", "learning.final_learning_rate=1e-12", "learning.weight_decay=0")
WARM_UP = VALIDATE_EVERY + 5  # by then everything is compiled
MOST_GROWTH, MOST_SLOWING, MOST_ERROR = 0.02, 0.05, 0.2


def run(minutes: float, threads: int, settings: list[str], folder: Path) -> dict:
    """Measurements of one run."""
    experiment = overridden(preset("water-maze"), [*STILL, *settings])
    training = Training(fresh_run(experiment, 0, "benchmarks.soak"), folder, threads)
    load_compiled(experiment, training.run.network)
    said = forecast(experiment, training.run.network, True, threads)
    seconds: list[float] = []
    memory, start = [], time.monotonic()
    while time.monotonic() - start < 60 * minutes or len(seconds) < WARM_UP + 10:
        before = time.perf_counter()
        training.step()
        seconds.append(time.perf_counter() - before)
        if len(seconds) % CHECKPOINT_EVERY == 0:
            size = training.checkpoint().stat().st_size
            print(f"{len(seconds)} iterations, {resident_bytes() / 1e6:.1f} MB", flush=True)
        memory.append(resident_bytes())
    size = training.checkpoint().stat().st_size
    return summary(np.array(seconds), np.array(memory), size, said.checkpoint + HISTORY_BYTES * len(seconds)) | {
        "forecast_memory_MB": said.memory / 1e6,
        "machine": machine(),
    }


def summary(seconds: np.ndarray, memory: np.ndarray, size: float, forecast_size: float) -> dict:
    """Last fifth beside the first, each (iterations,); relative changes."""
    fifth = max(1, (len(seconds) - WARM_UP) // 5)
    first, last = slice(WARM_UP, WARM_UP + fifth), slice(-fifth, None)
    growth = memory[last].mean() / memory[first].mean() - 1
    slowing = np.median(seconds[last]) / np.median(seconds[first]) - 1
    error = size / forecast_size - 1
    return {
        "iterations": len(seconds), "peak_memory_MB": memory.max() / 1e6, "memory_growth": growth,
        "median_iteration_s": float(np.median(seconds)), "slowing": slowing,
        "checkpoint_MB": size / 1e6, "forecast_checkpoint_MB": forecast_size / 1e6,
        "flat": bool(growth <= MOST_GROWTH and slowing <= MOST_SLOWING and abs(error) <= MOST_ERROR),
    }  # fmt: skip


def main(arguments: list[str]) -> int:
    """Run and print the measurements as JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], help="section.key=value, as for lsnn train")
    options = parser.parse_args(arguments)
    with scratch_folder() as folder:
        found = run(options.minutes, options.threads, options.set, folder)
    print(json.dumps(found, indent=1))
    return 0 if found["flat"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
