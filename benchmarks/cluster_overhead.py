"""What workers cost: iterations on 2 of them beside 2 threads, and the pieces from which growth is simulated.

    python -m benchmarks.cluster_overhead --preset compact --iterations 40 --out benchmarks/cluster.json

With `--scheduler ADDRESS` they are those of a Dask scheduler, which must have as many threads as `--workers` says; else
local processes.

Both learners make the same iterations in turn, so that whatever else the machine does meets both alike; `overhead` is
the ratio of their median times - 1, with the spread of the ratios. The same bits are asserted. The pieces are the time
of one block on one thread, of an empty call to a worker, of sending the weights, and of adding up a gradient.
"""

import argparse
import json
import pickle
import statistics
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine
from lsnn.blocks import Threads
from lsnn.files.whole import write_whole
from lsnn.kernels.layout import gradient_zeros
from lsnn.learning.descent import arrays_of
from lsnn.meta import MetaLearner, new_network
from lsnn.workers.cluster import Cluster
from runs.training.crew import crew
from tasks.experiment import Experiment, overridden, preset

WARM_UP = 3


def learner_of(experiment: Experiment, hands: Any) -> MetaLearner:
    network = new_network(experiment.task, experiment.network, experiment.learning, 0)
    return MetaLearner(experiment.task, network, experiment.learning, 0, hands)


def seconds_of(function) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def nothing(block: Any) -> None:
    """A call that does nothing."""


def swallow(block: Any, weights: Any) -> None:
    """A call that only receives the weights."""


def pieces(learner: MetaLearner, repeats: int) -> dict[str, float]:
    """Medians of what an iteration on a cluster is made of; the learner has workers."""
    cluster, weights = learner.threads, learner.network.weights()
    assert isinstance(cluster, Cluster)

    def each(function, *arguments) -> float:
        def once() -> float:
            cluster.begin()
            return seconds_of(lambda: cluster.map(function, learner.blocks, *arguments))

        return statistics.median(once() for _ in range(repeats))

    empty = each(nothing)
    sent = each(partial(swallow, weights=weights))
    one, two = gradient_zeros(weights), gradient_zeros(weights)
    added = statistics.median(
        seconds_of(lambda: [np.add(a, b, out=a) for a, b in zip(one, two, strict=True)]) for _ in range(9)
    )
    return {
        "call_s": empty, "send_weights_s": max(0.0, sent - empty) / len(cluster.workers), "add_gradient_s": added,
        "weights_bytes": len(pickle.dumps(weights)), "gradient_bytes": len(pickle.dumps(one)),
    }  # fmt: skip


def measure(experiment: Experiment, iterations: int, workers: int, scheduler: str | None = None) -> dict[str, Any]:
    """Times of both in turn."""
    alone = learner_of(experiment, Threads(1))
    single = [seconds_of(alone.step) for _ in range(WARM_UP + max(3, iterations // 8))][WARM_UP:]
    with crew(experiment.task, 1, scheduler, None if scheduler else workers) as cluster:
        learners = {"threads": learner_of(experiment, Threads(workers)), "workers": learner_of(experiment, cluster)}
        times: dict[str, list[float]] = {name: [] for name in learners}
        for _ in range(WARM_UP + iterations):
            for name, learner in learners.items():
                times[name].append(seconds_of(learner.step))
        others = arrays_of(learners["workers"].network)
        for name, array in arrays_of(learners["threads"].network).items():
            np.testing.assert_array_equal(array, others[name])
        found = pieces(learners["workers"], 15)
    ratios = np.array(times["workers"][WARM_UP:]) / np.array(times["threads"][WARM_UP:])
    medians = {name: statistics.median(values[WARM_UP:]) for name, values in times.items()}
    return found | {
        "workers": workers, "iterations": iterations, "seconds": times, "medians": medians,
        "overhead": medians["workers"] / medians["threads"] - 1,
        "ratio_quartiles": np.quantile(ratios, [0.25, 0.5, 0.75]).tolist(),
        "blocks": len(learners["threads"].blocks), "iteration_one_thread_s": statistics.median(single),
        "block_s": statistics.median(single) / len(learners["threads"].blocks), "machine": machine(),
    }  # fmt: skip


def main(arguments: list[str]) -> int:
    """Measure, print the ratio and write all measurements."""
    parser = argparse.ArgumentParser(prog="benchmarks.cluster_overhead", description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="compact")
    parser.add_argument("--iterations", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scheduler", help="address of a Dask scheduler in place of local workers")
    parser.add_argument("--set", action="append", default=[], help="section.key=value, as for lsnn train")
    parser.add_argument("--out", type=Path, default=Path("results/cluster.json"))
    options = parser.parse_args(arguments)
    experiment = overridden(preset("water-maze", options.preset), options.set)
    found = measure(experiment, options.iterations, options.workers, options.scheduler)
    found |= {"preset": options.preset, "set": options.set}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(options.out, f"{json.dumps(found, indent=1)}\n".encode())
    low, middle, high = found["ratio_quartiles"]
    print(f"{options.workers} workers / {options.workers} threads: {middle:.3f} (quartiles {low:.3f} to {high:.3f})")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
