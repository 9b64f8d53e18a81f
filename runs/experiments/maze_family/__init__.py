"""Frozen networks over a grid of the family of water mazes (ours; no figure of the paper).

Varied are where the platform is (on the circle, as in the paper; anywhere within it; on the circle, but moved once, at
half of the episode), its radius, and the rest after a visit. Everything else is the paper's geometry. A network takes
the policy's mean action and keeps its own encoder. Every maze of the grid is met on the same episode keys, by the
networks and by the scripted baselines memory, circling and oracle, so that each is measured beside the oracle of the
same maze. Memory and circling circle at the radius that is best for each in that maze.

The family network was meta-trained on a family of mazes, the specialist on the paper's alone; without the first only
the specialist is shown. Leaves in the folder `maze_family.h5` (docs/reference/files.md) and `maze_family.png`.
"""

from pathlib import Path
from typing import Annotated

import typer

from runs.experiments.options import PRETRAINED, Asked, EpisodesEach, Folder, Overwrite, Seed, Specialist, Threads


def experiment(
    out: Folder,
    family: Annotated[Path | None, typer.Option(help="A network meta-trained on a family of mazes.")] = None,
    specialist: Specialist = PRETRAINED / "water_maze.lsnn.h5",
    episodes: EpisodesEach = 64,
    seed: Seed = 0,
    threads: Threads = 2,
    overwrite: Overwrite = False,
) -> None:
    """Run the grid and draw its heat map."""
    from runs.experiments.frozen_networks import carry_out
    from runs.experiments.maze_family.grid import COMPARISON

    asked = Asked(out, episodes, seed, threads, overwrite)
    carry_out(COMPARISON, {"family": family, "specialist": specialist}, asked)
