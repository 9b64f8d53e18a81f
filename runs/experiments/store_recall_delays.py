"""Errors of frozen networks against the delay between STORE and RECALL, with adaptive thresholds and without.

The task of LSNN-official's tutorial on store-recall. Deviations: one slot is 100 ms and not 200, delays are drawn
uniformly up to 3 s and not geometric (a RECALL beyond the end of an episode is not asked), the readout is taught by
squared error, the input fires at 100 Hz and not 50.

Leaves in the folder `result.h5` and `result_lif.h5`, the tests of both, and `store_recall_delays.png`.
"""

from pathlib import Path
from typing import Annotated

import typer

from runs.experiments.options import PRETRAINED, SHIPPED, Asked, Episodes, Folder, Network, Overwrite, Seed, Threads

RESULT, WITHOUT, FIGURE = "result.h5", "result_lif.h5", "store_recall_delays.png"


def experiment(
    out: Folder,
    network: Network = PRETRAINED / "store_recall.lsnn.h5",
    lif: Annotated[Path, typer.Option(help=f"A network without adaptation; {SHIPPED}", show_default=False)] = PRETRAINED
    / "store_recall_lif.lsnn.h5",
    episodes: Episodes = None,
    seed: Seed = 0,
    threads: Threads = 2,
    overwrite: Overwrite = False,
) -> None:
    """Test both networks and draw their errors."""
    from analysis.pages.store_recall import delays
    from lsnn.errors import InputError
    from lsnn.files.results import Result
    from runs.experiments.figures import draw, prepare, tested
    from tasks.experiment import open_network

    asked = Asked(out, episodes, seed, threads, overwrite)
    prepare(asked, [network, lif], RESULT, WITHOUT, FIGURE)
    if (beta := open_network(lif)[1].network.beta) != 0:
        raise InputError(f"{lif}: network.beta must be 0, got {beta:g}")
    result = tested(asked, network, "store-recall", RESULT)
    without = tested(asked, lif, "store-recall", WITHOUT)
    with Result(without) as opened:
        draw(result, out / FIGURE, lambda result: delays(result, opened))
