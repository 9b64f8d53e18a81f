"""Is there a map? Learners of the graph walk on grids of every side, and codes of position in their states.

Any number of networks and agents of the graph walk: on the same episodes, for each side of the grid, how many of the
rooms that were visited before are named rightly, beside the baselines. Then, on the largest grids, what each unit tells
of the room that the move leads to, counted from the first room:

- explained: the share of its variance that lies between rooms;
- information: bits per spike of Skaggs et al. (1993), of its activity above its least;
- sixty: gridness of Sargolini et al. (2006), by the map's autocorrelogram turned by multiples of 60 degrees and by
  those of 30 between; ninety: the same for square grids, turned by 90 degrees and by 45 and 135.

A unit is a neuron's number of spikes in a visit or, of an agent, a number of its state. Beside them stand two nulls:
the units with the walks of other episodes (shuffled), and those of the learner with random weights (untrained).

Leaves in the folder `graph_walk.h5` (docs/reference/files.md) and `graph_walk.png`.
"""

from pathlib import Path
from typing import Annotated

import typer

from runs.experiments.options import Asked, Folder, Overwrite, Seed, Threads


def experiment(
    networks: Annotated[list[Path], typer.Argument(help="Network files and agent files of the graph walk.")],
    out: Folder,
    episodes: Annotated[int, typer.Option(help="Episodes of each side, the same for every learner.")] = 256,
    seed: Seed = 0,
    threads: Threads = 2,
    overwrite: Overwrite = False,
) -> None:
    """Test learners on grids of every side and measure their codes of position."""
    from runs.experiments.graph_walk.measuring import run

    run(Asked(out, episodes, seed, threads, overwrite), networks)
