"""A readout trained by gradient descent is attention over its training examples (Irie, Csordas & Schmidhuber 2022).

The readout is that of `lsnn experiment digits` where it learns alone: 200 spiking neurons with random weights that do
not change are shown scikit-learn's digits, and a linear readout of their filtered spikes learns the classes. Here it
learns by plain gradient descent on batches (there by Adam), in double precision. Then every answer is worked out once
more without the trained weights: from the first ones, and the attention (a scalar product of filtered spikes) that is
paid to every example in every presentation, times the error made on it then. Both are the same whatever was learnt:
shuffled labels are the control. No figure of the paper is redrawn. The rate was chosen on another split of the digits.

readout.py: features, training, the dual form     measuring.py: what an answer pays attention to, and the file

Leaves in the folder `dual_form.h5` (docs/reference/files.md) and `dual_form.png`.
"""

from typing import Annotated

import typer

from runs.experiments.options import Folder, Overwrite

NAME = "dual_form"
RATE, BATCH = 0.5, 64


def experiment(
    out: Folder,
    seeds: Annotated[int, typer.Option(help="Networks, of seeds 1, 2, ...")] = 3,
    epochs: Annotated[int, typer.Option(help="How often each digit is learnt.")] = 30,
    overwrite: Overwrite = False,
) -> None:
    """Train readouts, answer by weights and by attention, and draw what the answers attend to."""
    from functools import partial

    from analysis.dual_form import describe, write_figure
    from runs.experiments.dual_form.measuring import measure
    from runs.experiments.options import check_numbers
    from runs.experiments.without_network import run

    check_numbers(seeds=seeds, epochs=epochs)
    config = {"seed": 1, "seeds": seeds, "epochs": epochs, "rate": RATE, "batch": BATCH}
    work = partial(measure, seeds=seeds, rate=RATE, epochs=epochs, batch=BATCH)
    run(NAME, out, overwrite, config, work, write_figure, describe, frozen_sha256="one a seed")
