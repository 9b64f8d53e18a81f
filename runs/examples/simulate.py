"""Run the network that comes with the project on mazes it never met, its weights frozen."""

import lsnn
import tasks
from runs.maze import PRETRAINED


def main(episodes: int = 20, duration_ms: int = 2000) -> lsnn.SimulationRecord:
    """Prints rates and the animals' visits; returns the record."""
    network, task = lsnn.load(PRETRAINED), tasks.load("water-maze")
    record = lsnn.simulate(network, task, episodes, duration_ms=duration_ms, record=("b",))
    print(network)
    print(record.spikes)
    visits = record.trials.groupby("episode")["found"].sum()
    print(f"visits of each animal: {visits.tolist()}")
    print(f"highest threshold: {float(record.threshold.max()) / network.network.config.b0:.1f} times that at rest")
    return record


if __name__ == "__main__":
    main()
