"""Colours for a network that has learnt to hold angles, through maps that it never met.

No figure of a paper. Weights are frozen. Colour cells take the place of the ring: each has the synapses that the ring
has at some angle, by a map that keeps the order of hues, bends it, blurs it or loses it. After 500 ms in the dark the
hue is told by the network's own answer, after the best rotation or reflection, and by a decoder that is fitted to the
network's spikes. Beside it stand networks without adaptation or with slow synapses, if given, the first network as it
was before meta-training, and a hand-wired ring attractor in Brian2. Of each is measured, besides, how the error grows
with the dark, whether it fires meanwhile, and what of its state has to be erased for the angle to be lost.

maps.py: the maps, and how far each distorts     spiking.py: the frozen networks     ring_attractor.py: the attractor
reading.py: errors     measuring.py: what is measured of whom, and the file

Leaves in the folder `angle_colour.h5` (docs/reference/files.md) and `angle_colour.png`.
"""

from pathlib import Path
from typing import Annotated

import typer

from runs.experiments.options import PRETRAINED, Folder, Overwrite, Seed, Threads

NAME = "angle_colour"
SHIPPED_NETWORKS = (
    "angle_recall",
    "angle_recall_lif",
    "angle_recall_slow",
)  # with thresholds that adapt, without, slow


def experiment(
    out: Folder,
    networks: Annotated[
        list[Path] | None,
        typer.Argument(help="Network files of angle recall; default: those that are shipped.", show_default=False),
    ] = None,
    episodes: Annotated[int, typer.Option(help="Test episodes, and as many to fit decoders on.")] = 256,
    seed: Seed = 0,
    threads: Threads = 2,
    overwrite: Overwrite = False,
) -> None:
    """Store angles and colours, and draw how well."""
    from functools import partial

    from analysis.angle_colour import describe, write_figure
    from runs.experiments import side_by_side
    from runs.experiments.angle_colour.measuring import fits, measure
    from runs.experiments.options import Asked, check_numbers

    check_numbers(episodes=episodes, threads=threads, seed=seed)
    paths = networks or [PRETRAINED / f"{name}.lsnn.h5" for name in SHIPPED_NETWORKS]
    asked, whole = Asked(out, 2 * episodes, seed, threads, overwrite), partial(measure, seed=seed, threads=threads)
    rule = "angle-recall, its encoder RingCells"
    side_by_side.run(NAME, asked, paths, fits, rule, whole, write_figure, describe)
