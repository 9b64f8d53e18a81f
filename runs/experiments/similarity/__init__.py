"""Are they alike once trained? Spiking networks, LSTM, GRU, rate network and transformer on the same episodes.

Learners of one family (regression, induction or two-step) go through the very same episodes: what is shown, and in the
two-step task what was chosen, is the same for all. At the decisions in which an answer is asked for, it is measured

- regression: how far each past example moves each answer, by finite differences, beside gradient descent and ridge;
- how alike the states of every two learners are (linear CKA);
- what must be known for the answer, decoded from each state, and by the decoder of one learner from another's state;
- the spectrum of linear dynamics, fitted to the states from one decision to the next.

Beside each learner stands one of its kind with random weights. Spiking networks go through every episode twice or more
with other noise of their input. At least two learners; those of one kind with other seeds are the ceiling.

Leaves in the folder `similarity.h5` (docs/reference/files.md) and `similarity.png`.
"""

from pathlib import Path
from typing import Annotated

import typer

from runs.experiments.options import Asked, Folder, Overwrite, Seed, Threads


def experiment(
    networks: Annotated[list[Path], typer.Argument(help="Network files and agent files of one task, two or more.")],
    out: Folder,
    episodes: Annotated[int, typer.Option(help="The same for every learner, a multiple of 16.")] = 128,
    repeats: Annotated[int, typer.Option(help="Passes of spiking networks with other noise, an even number.")] = 4,
    influence_episodes: Annotated[int, typer.Option(help="Of them, those in which examples are moved.")] = 32,
    seed: Seed = 0,
    threads: Threads = 2,
    overwrite: Overwrite = False,
) -> None:
    """Compare trained learners of all kinds: influence of examples, states, what they know, dynamics."""
    from runs.experiments.similarity.measuring import run

    run(Asked(out, episodes, seed, threads, overwrite), networks, repeats, influence_episodes)
