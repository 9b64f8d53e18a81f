"""Error of a frozen network against the number of examples, beside ridge, least squares, gradient steps and attention.

    python -m runs.regression_errors --out results/regression

The question of Hochreiter, Younger & Conwell (2001) and of Garg et al. (2022), for spiking neurons. The families of
functions are ours, after theirs; see `tasks/regression.py`.
"""

from analysis.regression import errors
from runs.figures import draw, options_of, reporting, tested


def main() -> None:
    """The script."""
    options = options_of(__doc__, "regression_sine.lsnn.h5").parse_args()
    result = tested(options, options.network, "regression", options.out / "result.h5")
    draw(result, options.out / "regression_errors.png", errors)


if __name__ == "__main__":
    reporting(main)
