"""Error of a frozen network against the number of examples, beside ridge, least squares, gradient steps and attention.

The question of Hochreiter, Younger & Conwell (2001) and of Garg et al. (2022), for spiking neurons. The families of
functions are ours, after theirs; see `tasks/regression/`.

Leaves in the folder `result.h5`, the test of the network, and `regression_errors.png`.
"""

from runs.experiments.options import PRETRAINED, Asked, Episodes, Folder, Network, Overwrite, Seed, Threads

RESULT, FIGURE = "result.h5", "regression_errors.png"


def experiment(
    out: Folder,
    network: Network = PRETRAINED / "regression_sine.lsnn.h5",
    episodes: Episodes = None,
    seed: Seed = 0,
    threads: Threads = 2,
    overwrite: Overwrite = False,
) -> None:
    """Test the network and draw its errors."""
    from analysis.pages.regression import errors
    from runs.experiments.figures import draw, prepare, tested

    asked = Asked(out, episodes, seed, threads, overwrite)
    prepare(asked, [network], RESULT, FIGURE)
    draw(tested(asked, network, "regression", RESULT), out / FIGURE, errors)
