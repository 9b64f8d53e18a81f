"""What a frozen network does in the two-step task, beside a model-free learner and exact Bayes.

After Daw et al. (2011), Akam, Costa & Dayan (2015) and Wang et al. (2018): how often it repeats an action, by whether
it paid and by the transition; a logistic regression of its choice on the last five trials, with the predictor `correct`
and without, under the same penalty for all (scikit-learn's, C = 1); choices round a switch of the state that pays; how
often a choice is the one that a baseline would have made of the network's own history; and the prediction error of the
value readout regressed on those of a model-free and a model-based learner. Deviations: spiking neurons and PPO in place
of an LSTM and A2C; one choice a trial; the error is that over the whole outcome.

Any number of networks of one member of the family, with the fixed map or with one drawn per episode, can be given; all
play the same episodes.

Leaves in the folder `two_step_behaviour.h5` (docs/results/two_step.md) and `two_step_behaviour.png`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runs.experiments.options import PRETRAINED, Asked, Folder, Overwrite, Seed, Threads

if TYPE_CHECKING:
    import h5py
    import numpy as np

    from runs.experiments.side_by_side import Opened

NAME = "two_step_behaviour"
BASELINES = ("model_free", "bayes")  # that play beside a network
FOLLOWING = ("model_free", "model_based", "bayes")  # that are asked what they would have done


def experiment(
    out: Folder,
    networks: Annotated[
        list[Path] | None,
        typer.Argument(help="Network files of the task; default: the one that is shipped.", show_default=False),
    ] = None,
    episodes: Annotated[int, typer.Option(help="Test episodes, the same for all.")] = 1000,
    seed: Seed = 0,
    threads: Threads = 2,
    overwrite: Overwrite = False,
) -> None:
    """Let every network play, follow it with the baselines, and draw what it does."""
    from analysis.two_step_behaviour import describe, write_figure
    from runs.experiments import side_by_side

    def measure(file: "h5py.File", opened: "list[Opened]", keys: "np.ndarray") -> Iterator[None]:
        from lsnn.errors import InputError

        for each in opened:
            if each.task != opened[0].task:
                raise InputError(f"{each.path}: must be a network for the task of {opened[0].path}, got {each.task}")
        for number, each in enumerate(opened):
            _measure(side_by_side.group_of(file, number, each), each, keys, threads)
            yield

    paths, asked = networks or [PRETRAINED / "two_step.lsnn.h5"], Asked(out, episodes, seed, threads, overwrite)
    wanted = "two-step"
    side_by_side.run(NAME, asked, paths, lambda task: task.name == wanted, wanted, measure, write_figure, describe)


def _measure(group: "h5py.Group", each: "Opened", keys: "np.ndarray", threads: int) -> None:
    """Fill the group of a network: one below it for itself and one for each baseline."""
    from runs.experiments.two_step_behaviour import measures
    from runs.training.train import practice_of
    from tasks.two_step.baselines import play
    from tasks.two_step.family import PRACTICE

    task, practice = each.task, practice_of(each.network.seed)(PRACTICE)
    group.attrs["remapped"] = int(task.remapped)
    record, value = measures.played_by(each.network.network, task, keys, threads)
    worths = measures.worths_on(FOLLOWING, task, record, practice)
    own = measures.put_player(group, "frozen", task, record)
    measures.put_agreement(own, record, worths)
    measures.put_errors(own, task, record, value, worths, each.experiment.learning.discount)
    for name in BASELINES:
        measures.put_player(group, name, task, play(name, keys, task, practice))
