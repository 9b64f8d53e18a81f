"""Is learning abrupt? Of meta-training: how much of it falls in its steepest tenth; within an episode: step or ramp.

The outer loop is read from the history of a network file of any family: how far its score rose (or its error fell) in
the steepest tenth of its iterations, of all that it ever did. A straight line has 0.1 there, a step 1.

The inner loop is that of networks of a bandit whose arms stay. Was the better arm pulled ever more often, or all at
once? To each episode's choices a step (chance q0 before trial k, q1 from it on) and a ramp (from q0 to q1 with a time
constant tau) are fitted, three numbers each, and the logarithms of their likelihoods compared. As the step has more
values of k than the ramp has of tau, each episode is drawn again from its best ramp, which shows what a ramp looks like
to this test, and from its best step, which shows what it could see. Beside the network play a Q-learner (one rate, one
temperature, those that earn most on episodes of meta-training), Thompson sampling and the greatest Gittins index.

Leaves in the folder `abruptness.h5` (docs/reference/files.md) and `abruptness.png`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runs.experiments.options import Asked, Folder, Overwrite, Seed, Threads

if TYPE_CHECKING:
    import h5py
    import numpy as np

    from runs.experiments.side_by_side import Opened

NAME = "abruptness"
BASELINES = ("thompson", "gittins")


def experiment(
    networks: Annotated[list[Path], typer.Argument(help="Network files of any families.")],
    out: Folder,
    episodes: Annotated[int, typer.Option(help="Test episodes of bandits, the same for all.")] = 512,
    seed: Seed = 0,
    threads: Threads = 2,
    overwrite: Overwrite = False,
) -> None:
    """Say how abrupt meta-training was, and how abrupt learning is within the episodes of a bandit."""
    from analysis.abruptness import describe, write_figure
    from runs.experiments import side_by_side

    def measure(file: "h5py.File", opened: "list[Opened]", keys: "np.ndarray") -> Iterator[None]:
        for number, each in enumerate(opened):
            group = side_by_side.group_of(file, number, each)
            group.attrs["family"] = each.task.name
            _put_outer(group, each)
            if is_still(each.task):
                _put_inner(group, each, keys, seed, threads)
            yield

    asked = Asked(out, episodes, seed, threads, overwrite)
    side_by_side.run(NAME, asked, networks, lambda task: True, "any", measure, write_figure, describe, _require_history)


def is_still(task: Any) -> bool:
    """Whether a task is a bandit whose arms pay alike throughout, with trials before and after a step."""
    from tasks.bandit.task import STILL

    return bool(task.name == "bandit" and task.arms in STILL and task.trials > 1)


def _require_history(each: "Opened") -> None:
    """InputError for a network without a history of at least FEWEST measurements."""
    from lsnn.errors import InputError
    from runs.experiments.abruptness.measures import FEWEST, course_of

    if len(course_of(each)[1]) < FEWEST:
        raise InputError(f"{each.path}: must have a history of at least {FEWEST} iterations")


def _put_outer(group: "h5py.Group", each: "Opened") -> None:
    from lsnn.files import store
    from runs.experiments.abruptness.measures import course_of, outer, smoothed

    name, iteration, value = course_of(each)
    store.put(group, "iteration", iteration, "1", "(point,): iterations done")
    store.put(group, "score", smoothed(value), "1", "(point,): running mean of the score of meta-training")
    steepest, at = outer(value)
    group.attrs.update(score=name, steepest=steepest, steepest_at=at)


def _put_inner(group: "h5py.Group", each: "Opened", keys: "np.ndarray", seed: int, threads: int) -> None:
    import numpy as np

    from lsnn.seeds import Study
    from runs.experiments.abruptness.measures import put_choices, q_played
    from runs.experiments.bandit_volatility.measures import played_by
    from runs.study.subject import study_generator
    from runs.training.train import practice_of
    from tasks.bandit.baselines import play
    from tasks.bandit.family import PRACTICE

    task, pays = each.task, each.task.course(keys).pays[:, 0]
    practice = task.course(practice_of(each.network.seed)(PRACTICE)).pays[:, 0]
    chosen = {"frozen": played_by(each.network.network, task, keys, threads).choice}
    chosen["q_learner"] = q_played(pays, practice, task.trials, study_generator(seed, Study.ABRUPTNESS, 0))
    chosen |= {name: play(name, keys, task).choice for name in BASELINES}
    apart = pays[:, 0] != pays[:, 1]
    for number, (name, choice) in enumerate(chosen.items(), 1):
        better = (choice == np.argmax(pays, axis=1)[:, None])[apart]
        put_choices(group.create_group(name), better, study_generator(seed, Study.ABRUPTNESS, number))
