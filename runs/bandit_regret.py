"""Cumulative regret of a frozen network on two-armed bandits beside random, UCB1, Thompson sampling and Gittins.

    python -m runs.bandit_regret --out results/bandit

The experiment of Wang et al. (2018, 'Learning to reinforcement learn' and 'Prefrontal cortex as a meta-reinforcement
learning system'), independent and anti-correlated arms. Deviations: spiking neurons and PPO in place of an LSTM and
A2C, an auxiliary readout of what the arms pay in meta-training, reward scaled by 0.1.
"""

from analysis.bandit import regrets
from runs.figures import draw, options_from, parser_of, reporting, tested

RESULT, FIGURE = "result.h5", "bandit_regret.png"


def main() -> None:
    """The script."""
    options = options_from(parser_of(__doc__, "bandit.lsnn.h5"), RESULT, FIGURE)
    result = tested(options, options.network, "bandit", options.out / RESULT)
    draw(result, options.out / FIGURE, regrets)


if __name__ == "__main__":
    reporting(main)
