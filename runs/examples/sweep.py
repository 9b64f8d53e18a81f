"""A sweep from Python: does the network need adaptive thresholds? A table of learning by beta and seed."""

from dataclasses import replace

import pandas

from lsnn.meta import MetaLearner, new_network
from tasks.experiment import preset


def main(
    betas: tuple[float, ...] = (0.0, 1.7), seeds: tuple[int, ...] = (0, 1), iterations: int = 100, episodes: int = 64
) -> pandas.DataFrame:
    """Meta-train a small network on store and recall; returns a row a run with its last error."""
    rows = []
    for beta in betas:
        for seed in seeds:
            experiment = preset("store-recall")
            config = replace(experiment.network, beta=beta)
            learning = replace(experiment.learning, episodes=episodes)
            network = new_network(experiment.task, config, learning, seed)
            learner = MetaLearner(experiment.task, network, learning, seed)
            history = pandas.DataFrame([learner.step() for _ in range(iterations)])
            rows.append({"beta": beta, "seed": seed, "error": float(history["error"].tail(10).mean())})
            print(rows[-1])
    table = pandas.DataFrame(rows)
    print(table.groupby("beta")["error"].describe())
    return table


if __name__ == "__main__":
    main()
