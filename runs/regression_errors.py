"""Error of a frozen network against the number of examples, beside ridge, least squares, gradient steps and attention.

    python -m runs.regression_errors --out results/regression

The question of Hochreiter, Younger & Conwell (2001) and of Garg et al. (2022), for spiking neurons. The families of
functions are ours, after theirs; see `tasks/regression/`.
"""

from analysis.regression import errors
from runs.figures import draw, options_from, parser_of, reporting, tested

RESULT, FIGURE = "result.h5", "regression_errors.png"


def main() -> None:
    """The script."""
    options = options_from(parser_of(__doc__, "regression_sine.lsnn.h5"), RESULT, FIGURE)
    result = tested(options, options.network, "regression", options.out / RESULT)
    draw(result, options.out / FIGURE, errors)


if __name__ == "__main__":
    reporting(main)
