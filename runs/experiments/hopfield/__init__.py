"""Recall in a Hopfield network against its load: retrieval, which nobody calls learning.

Hopfield (1982): N units of +1 or -1, weights (1/N) sum xi xi^T over the P stored patterns, updates one unit at a time.
Random patterns, loads P/N up to 0.3; recall starts at a stored pattern, at one with every tenth unit turned, and, as a
control, at such a cue of a pattern that was never stored. Beside it stands the overlap of Amit, Gutfreund & Sompolinsky
(1985) for N to infinity; their equation at zero temperature is recalled, what follows from it (the capacity, near
0.138 N) is computed. No figure of a paper is redrawn.

recall.py: patterns, weights, recall     theory.py: the overlap for N to infinity

Leaves in the folder `hopfield.h5` (docs/reference/files.md) and `hopfield.png`.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from runs.experiments.options import Folder, Overwrite

if TYPE_CHECKING:
    import h5py

NAME = "hopfield"
LOADS = (0.02, 0.04, 0.06, 0.08, 0.1, 0.11, 0.12, 0.13, 0.14, 0.15, 0.16, 0.18, 0.2, 0.25, 0.3)
TURNED = 0.1  # share of the units of a cue


def experiment(
    out: Folder,
    neurons: Annotated[int, typer.Option(help="Units of the network, N.")] = 1000,
    patterns: Annotated[int, typer.Option(help="Patterns that are recalled, at most, at each load and seed.")] = 20,
    seeds: Annotated[int, typer.Option(help="Draws of all patterns, of seeds 1, 2, ...")] = 5,
    overwrite: Overwrite = False,
) -> None:
    """Recall patterns at every load and draw the overlaps."""
    from analysis.hopfield import describe, write_figure
    from lsnn.forecast import require_memory
    from runs.experiments.options import check_numbers
    from runs.experiments.without_network import run

    check_numbers(neurons=neurons, patterns=patterns, seeds=seeds)
    require_memory(f"{neurons} x {neurons} weights", 12.0 * neurons**2)
    config = {"seed": 1, "seeds": seeds, "neurons": neurons, "patterns": patterns, "turned": TURNED}
    run(NAME, out, overwrite, config, lambda file: _measure(file, neurons, patterns, seeds), write_figure, describe)


def _measure(file: "h5py.File", neurons: int, patterns: int, seeds: int) -> None:
    """Fill the file: overlaps of every start, and those for N to infinity."""
    import numpy as np

    from lsnn.files import store
    from lsnn.progress import meter
    from lsnn.seeds import STUDY_BRANCH, Study
    from runs.experiments.hopfield import recall, theory

    found = []
    with meter() as shown:
        for seed in range(1, seeds + 1):
            branch = np.random.SeedSequence(seed, spawn_key=(STUDY_BRANCH, Study.HOPFIELD))
            found.append(recall.overlaps(neurons, LOADS, patterns, TURNED, np.random.default_rng(branch)))
            shown.show(seed / seeds, f"seed {seed}")
    stored = recall.stored(neurons, LOADS)
    file.attrs.update(neurons=neurons, turned=TURNED, capacity=theory.capacity())
    store.put(file, "load", stored / neurons, "1", "(load,): stored patterns a unit, P/N")
    for name, text in recall.STARTS.items():
        values = np.array([each[name] for each in found])
        store.put(file, name, values, "1", f"(seed, load, pattern): overlap once no unit turns, from {text}")
    at = np.linspace(0.001, theory.capacity(), 200)
    store.put(file, "theory_load", at, "1", "(point,): P/N up to the capacity")
    store.put(file, "theory_overlap", theory.overlap(at), "1", "(point,): overlap for N to infinity")
