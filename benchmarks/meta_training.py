"""W5: complete meta-training on the water maze, and where its time goes; a process of its own for each preset."""

import argparse
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lsnn.meta import MetaLearner, new_network
from tasks.experiment import preset

WARM_UP = 40  # iterations before the first that counts: firing rates start elsewhere than where they are held


class Stopwatch:
    """Seconds spent in methods, by phase; what runs in several threads at once counts by its share of the clock."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def watch(self, owner: Any, method: str, phase: str, at_once: int = 1) -> None:
        """Put a method of an object under the watch."""
        watched: Callable[..., Any] = getattr(owner, method)

        def run(*arguments, **keywords):
            start = time.perf_counter()
            try:
                return watched(*arguments, **keywords)
            finally:
                self.seconds[phase] += (time.perf_counter() - start) / at_once

        setattr(owner, method, run)


def measure(name: str, iterations: int, threads: int, shrink: int) -> dict[str, Any]:
    """Iterations of a preset: network-ms a second, and the median seconds of each phase.

    shrink: how many times fewer episodes, for a quick look, which warms up for one iteration only.
    """
    experiment = preset("water-maze", name)
    learning = replace(experiment.learning, episodes=max(8, experiment.learning.episodes // shrink))
    network = new_network(experiment.task, experiment.network, learning, 0)
    learner, watch = MetaLearner(experiment.task, network, learning, 0, threads), Stopwatch()
    watch.watch(learner, "_roll_out", "roll_out")
    watch.watch(learner, "_update", "optimiser_and_rewiring")
    for block in learner.blocks:
        watch.watch(block, "back", "adjoint", min(threads, len(learner.blocks)))
    rows, rate_hz, warm_up = [], [], WARM_UP if shrink == 1 else 1
    for _ in range(warm_up + iterations):
        watch.seconds.clear()
        start = time.perf_counter()
        row = learner.step()
        total = time.perf_counter() - start
        rows.append(dict(watch.seconds) | {"total": total, "everything_else": total - sum(watch.seconds.values())})
        rate_hz.append(row["rate_hz"])
    return summary(rows[warm_up:], learning.episodes * experiment.task.duration_ms, statistics.mean(rate_hz[warm_up:]))


def summary(rows: list[dict[str, float]], network_ms: float, rate_hz: float) -> dict[str, Any]:
    """Medians over iterations; network_ms: of one iteration, over all its episodes."""
    seconds = {phase: statistics.median(row[phase] for row in rows) for phase in rows[0]}
    overhead = (seconds["optimiser_and_rewiring"] + seconds["everything_else"]) / seconds["total"]
    return {
        "network_ms_per_s": network_ms / seconds["total"],
        "seconds": seconds,
        "overhead": overhead,
        "rate_hz": rate_hz,
        "iterations": len(rows),
    }


def main(arguments: list[str]) -> int:
    """Print the measurements of one preset as JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks.meta_training")
    parser.add_argument("preset")
    parser.add_argument("--iterations", type=int, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--shrink", type=int, default=1)
    options = parser.parse_args(arguments)
    print(json.dumps(measure(options.preset, options.iterations, options.threads, options.shrink)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
