"""Memory in weights and memory in state: agents with plastic weights beside a frozen network, in the same water mazes.

Each goes through the same mazes as it is, with its weights set back at every release to what they were when the
maze began, with its state set back (activity, traces, headings), and with a second of dark after every visit. Who
keeps the platform in weights loses it with the weights alone; who keeps it in the state loses it with the state,
and, if that fades, in the dark.

The agents (`agents/plastic/`): the actor-critic of Foster, Morris & Dayan (2000) without and with coordinates,
which have lived in other mazes before; a one-shot map from a reservoir to the goal's coordinates (after Kumar et
al. 2021); a goal field that plasticity at the time scale of behaviour writes (Bittner et al. 2017, Milstein et al.
2021). The last two search as the baselines do, by circling. All are given their true place, as baselines are, and
act in every step.

Leaves in the folder `plastic_rivals.h5`, laid out as a test (`lsnn.open_result`), and `plastic_rivals.png`.
"""

from runs.experiments.options import PRETRAINED, Asked, EpisodesEach, Folder, Network, Overwrite, Seed, Threads


def experiment(
    out: Folder,
    network: Network = PRETRAINED / "water_maze.lsnn.h5",
    episodes: EpisodesEach = 512,
    seed: Seed = 0,
    threads: Threads = 2,
    overwrite: Overwrite = False,
) -> None:
    """Lay agents that learn in weights beside a network that does not, and take from each its weights and its state."""
    from runs.experiments.plastic_rivals.rivals import carry_out

    carry_out(network, Asked(out, episodes, seed, threads, overwrite))
