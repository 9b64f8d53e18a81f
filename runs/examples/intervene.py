"""Erase the adaptive thresholds of a frozen network in mid-episode: what does it cost in the same mazes?"""

import lsnn
import tasks
from runs.maze import PRETRAINED


def main(at_ms: int = 1000, watched_ms: int = 300, episodes: int = 20) -> dict[str, float]:
    """Platform visits of an animal in some time after the intervention, by what was done to it."""
    network, task = lsnn.load(PRETRAINED), tasks.load("water-maze")
    visits = {}
    for done in ("nothing", "b erased", "all erased"):
        simulation = lsnn.Simulation(network, task, episodes, duration_ms=at_ms + watched_ms)
        simulation.run(at_ms)
        if done == "b erased":
            simulation.state["b"][:] = 0
        if done == "all erased":
            simulation.erase()
        reward = simulation.run().record.reward.sel(time=slice(at_ms, None))  # a visit earns 1
        visits[done] = float((reward > 0.5).sum("time").mean())
        print(f"{done}: {visits[done]:.1f} visits in the {watched_ms} ms after {at_ms} ms")
    return visits


if __name__ == "__main__":
    main()
