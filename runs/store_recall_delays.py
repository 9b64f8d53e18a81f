"""Errors of frozen networks against the delay between STORE and RECALL, with adaptive thresholds and without.

    python -m runs.store_recall_delays --out results/store-recall

The task of LSNN-official's tutorial on store-recall. Deviations: one slot is 100 ms and not 200, delays are drawn
uniformly up to 3 s and not geometric (a RECALL beyond the end of an episode is not asked), the readout is taught by
squared error, the input fires at 100 Hz and not 50.
"""

from pathlib import Path

from analysis.results import Result
from analysis.store_recall import delays
from lsnn.errors import InputError
from runs.configuration import open_network
from runs.figures import PRETRAINED, draw, options_from, parser_of, reporting, tested

RESULT, WITHOUT, FIGURE = "result.h5", "result_lif.h5", "store_recall_delays.png"


def main() -> None:
    """The script."""
    parser = parser_of(__doc__, "store_recall.lsnn.h5")
    parser.add_argument("--lif", type=Path, default=PRETRAINED / "store_recall_lif.lsnn.h5", help="without adaptation")
    options = options_from(parser, RESULT, WITHOUT, FIGURE)
    if (beta := open_network(options.lif)[1].network.beta) != 0:
        raise InputError(f"{options.lif}: network.beta must be 0, got {beta:g}")
    result = tested(options, options.network, "store-recall", options.out / RESULT)
    without = tested(options, options.lif, "store-recall", options.out / WITHOUT)
    with Result(without) as lif:
        draw(result, options.out / FIGURE, lambda result: delays(result, lif))


if __name__ == "__main__":
    reporting(main)
