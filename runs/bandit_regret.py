"""Cumulative regret of a frozen network on two-armed bandits beside random, UCB1, Thompson sampling and Gittins.

    python -m runs.bandit_regret --out results/bandit

The experiment of Wang et al. (2018, 'Learning to reinforcement learn' and 'Prefrontal cortex as a meta-reinforcement
learning system'), independent and anti-correlated arms. Deviations: spiking neurons and PPO in place of an LSTM and
A2C, an auxiliary readout of what the arms pay in meta-training, reward scaled by 0.1.
"""

from analysis.bandit import regrets
from runs.figures import draw, options_of, reporting, tested


def main() -> None:
    """The script."""
    options = options_of(__doc__, "bandit.lsnn.h5").parse_args()
    result = tested(options, options.network, "bandit", options.out / "result.h5")
    draw(result, options.out / "bandit_regret.png", regrets)


if __name__ == "__main__":
    reporting(main)
