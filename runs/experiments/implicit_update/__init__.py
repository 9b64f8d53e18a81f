"""What examples do to a frozen network, beside what a step of gradient descent on them does to its weights.

Dai et al. (2022) compare, in language models, the change that examples in the context make with the change that
fine-tuning on them makes, both from the model without examples (in their code SimAOU, of states at unit length).
Here the models are networks of regression in context, frozen. In context: 20 examples, then a query. Fine-tuned: every
example is shown alone, from rest; one step of gradient descent on half the mean squared error of these answers changes
all weights (exact adjoint, surrogate derivative), and the query is shown alone. A step of the readout changes no
state, so that states are compared after a step of input and recurrent weights alone. Deviations: spiking networks, so
that there is no attention whose maps could be compared; the size of a step is the one whose answers are best on other
episodes, not chosen for similarity; each change has input noise of its own, none is common to both; there are 8
queries, and answers and states are means over 4 presentations of each.

Controls: the step on another episode's examples, or on shuffled y; either change made twice (what noise leaves of a
cosine); how far each goes towards the function itself, and what is left of the cosine once that is taken out. For the
baseline of linear attention the change is a gradient step on the layer's own keys and values, to rounding.

The same row is held against von Oswald et al. (2022): layer.py trains one linear self-attention layer at the sizes of
their notebook, and lays it, the row's fit and the best single gradient step side by side.

shown.py: spikes of what is shown     updating.py: answers, states, the step     measuring.py: cosines and the file
layer.py: the layer

Leaves in the folder `implicit_update.h5` (docs/reference/files.md) and `implicit_update.png`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runs.experiments.options import PRETRAINED, Asked, Folder, Overwrite, Seed

if TYPE_CHECKING:
    import h5py
    import numpy as np

    from runs.experiments.side_by_side import Opened

NAME = "implicit_update"
SHIPPED = ("sine", "quadratic", "network", "linear")


def experiment(
    out: Folder,
    networks: Annotated[
        list[Path] | None,
        typer.Argument(help="Network files of regression; default: those that are shipped.", show_default=False),
    ] = None,
    episodes: Annotated[int, typer.Option(help="Test episodes, the same for networks of the same function.")] = 48,
    layers: Annotated[int, typer.Option(help="Linear self-attention layers, of seeds 1, 2, ...")] = 3,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Compare what examples change with what a gradient step on them changes, and draw it."""
    from analysis.implicit_update import describe, write_figure
    from runs.experiments import side_by_side
    from runs.experiments.options import check_numbers

    check_numbers(layers=layers, episodes=episodes)

    def measure(file: "h5py.File", opened: "list[Opened]", keys: "np.ndarray") -> Iterator[None]:
        from runs.experiments.implicit_update import layer, measuring

        for each in range(1, layers + 1):
            layer.put(file.create_group(f"layer_{each}"), each)
        for number, each_network in enumerate(opened):
            measuring.put(side_by_side.group_of(file, number, each_network), each_network, keys, seed)
            yield

    paths = networks or [PRETRAINED / f"regression_{each}.lsnn.h5" for each in SHIPPED]
    wanted, asked = "regression", Asked(out, episodes, seed, 1, overwrite)
    side_by_side.run(NAME, asked, paths, lambda task: task.name == wanted, wanted, measure, write_figure, describe)
