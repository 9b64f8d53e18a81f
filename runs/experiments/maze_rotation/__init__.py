"""A frozen network whose motor output is turned by an unknown angle (ours; no figure of the paper).

An episode's actions are turned by an angle uniform in +-90 degrees, fixed for the episode; the rest of the maze is the
paper's. How long does the animal swim until its path is straight? The network was meta-trained with such rotations, the
specialist without; both take the policy's mean action. The baselines memory and oracle know the angle. All meet
the same mazes, starts and angles. What is measured is the progress of every step of a search after the first visit,

    progress[t] = (distance to the platform's centre before step t - after it) / speed,

from -1 to 1 = straight at greatest speed. `analysis/maze_rotation.py` says when a path counts as straight.

Leaves in the folder `maze_rotation.h5` (docs/reference/files.md) and `maze_rotation.png`.
"""

from pathlib import Path
from typing import Annotated

import typer

from runs.experiments.options import PRETRAINED, Asked, EpisodesEach, Folder, Overwrite, Seed, Specialist, Threads


def experiment(
    network: Annotated[Path, typer.Argument(help="A network meta-trained with rotation.")],
    out: Folder,
    specialist: Specialist = PRETRAINED / "water_maze.lsnn.h5",
    episodes: EpisodesEach = 512,
    seed: Seed = 0,
    threads: Threads = 2,
    overwrite: Overwrite = False,
) -> None:
    """Run all under the same rotations and draw how soon they swim straight."""
    from runs.experiments.frozen_networks import carry_out
    from runs.experiments.maze_rotation.rotation import COMPARISON

    asked = Asked(out, episodes, seed, threads, overwrite)
    carry_out(COMPARISON, {"rotated": network, "specialist": specialist}, asked)
