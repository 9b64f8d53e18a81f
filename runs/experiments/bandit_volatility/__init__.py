"""How fast a frozen network learns where two arms change places seldom and where they do so often.

After Behrens et al. (2007) and Wang et al. (2018): a delta rule is fitted, by least squares, to what a network compares
before it pulls (its logits), in calm and in volatile blocks, beside a Bayes filter that knows the law of the reversals
and a learner of a fixed rate. What needs no model: how often an arm is left after its first loss in a row of wins, and
choices round a reversal. Deviations: spiking neurons and PPO in place of an LSTM and A2C; blocks of 50 trials, each
volatile with chance 0.5. (Choices alone do not tell rates from 0.5 on apart: from there the last outcome decides.)

Any number of networks of reversing arms can be given; all play the same episodes.

Leaves in the folder `bandit_volatility.h5` (docs/results/bandit.md) and `bandit_volatility.png`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runs.experiments.options import PRETRAINED, Asked, Folder, Overwrite, Seed, Threads

if TYPE_CHECKING:
    import h5py
    import numpy as np

    from runs.experiments.side_by_side import Opened

NAME = "bandit_volatility"
BASELINES = ("delta_rule", "bayes")  # that play beside a network, and that are asked what they would have done


def experiment(
    out: Folder,
    networks: Annotated[
        list[Path] | None,
        typer.Argument(help="Network files of reversing arms; default: the one that is shipped.", show_default=False),
    ] = None,
    episodes: Annotated[int, typer.Option(help="Test episodes, the same for all.")] = 1000,
    seed: Seed = 0,
    threads: Threads = 2,
    overwrite: Overwrite = False,
) -> None:
    """Let every network and the baselines play, fit a delta rule to each, and draw its rate."""
    from analysis.bandit_volatility import describe, write_figure
    from runs.experiments import side_by_side

    def measure(file: "h5py.File", opened: "list[Opened]", keys: "np.ndarray") -> Iterator[None]:
        from runs.experiments.bandit_volatility.measures import BIN

        file.attrs["bin_trials"] = BIN
        for number, each in enumerate(opened):
            group = side_by_side.group_of(file, number, each)
            group.attrs.update(adaptive=int(each.experiment.network.beta > 0), trials=each.task.trials)
            _measure(group, each, keys, threads)
            yield

    paths, asked = networks or [PRETRAINED / "bandit_reversing.lsnn.h5"], Asked(out, episodes, seed, threads, overwrite)
    side_by_side.run(NAME, asked, paths, reverses, "bandit with task.arms=reversing", measure, write_figure, describe)


def reverses(task: Any) -> bool:
    """Whether a task is one of reversing arms, with blocks that have a second half."""
    return task.name == "bandit" and task.arms == "reversing" and task.block > 1


def _measure(group: "h5py.Group", each: "Opened", keys: "np.ndarray", threads: int) -> None:
    """Fill the group of a network: one below it for itself and one for each baseline."""
    from runs.experiments.bandit_volatility import measures
    from runs.training.train import practice_of
    from tasks.bandit.baselines import values_on
    from tasks.bandit.family import PRACTICE

    task, practice = each.task, practice_of(each.network.seed)(PRACTICE)
    hidden = measures.Hidden(task, keys)
    history = measures.played_by(each.network.network, task, keys, threads)
    own = measures.put_player(group, "frozen", history, hidden)
    for name in BASELINES:
        worth = values_on(name, task, history.choice, history.paid, practice)
        measures.put_agreement(own, name, history, worth)
        measures.put_player(group, name, measures.baseline_played(name, task, keys, practice), hidden)
