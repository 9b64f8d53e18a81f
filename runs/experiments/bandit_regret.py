"""Cumulative regret of a frozen network on two-armed bandits beside random, UCB1, Thompson sampling and Gittins.

The experiment of Wang et al. (2018, 'Learning to reinforcement learn' and 'Prefrontal cortex as a meta-reinforcement
learning system'), independent and anti-correlated arms. Deviations: spiking neurons and PPO in place of an LSTM and
A2C, an auxiliary readout of what the arms pay in meta-training, reward scaled by 0.1.

Leaves in the folder `result.h5`, the test of the network, and `bandit_regret.png`.
"""

from runs.experiments.options import PRETRAINED, Asked, Episodes, Folder, Network, Overwrite, Seed, Threads

RESULT, FIGURE = "result.h5", "bandit_regret.png"


def experiment(
    out: Folder,
    network: Network = PRETRAINED / "bandit.lsnn.h5",
    episodes: Episodes = None,
    seed: Seed = 0,
    threads: Threads = 2,
    overwrite: Overwrite = False,
) -> None:
    """Test the network and draw its regret."""
    from analysis.pages.bandit import regrets
    from runs.experiments.figures import draw, prepare, tested

    asked = Asked(out, episodes, seed, threads, overwrite)
    prepare(asked, [network], RESULT, FIGURE)
    draw(tested(asked, network, "bandit", RESULT), out / FIGURE, regrets)
