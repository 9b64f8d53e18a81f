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

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runs.experiments.options import PRETRAINED, Folder, Overwrite, Seed, Threads

if TYPE_CHECKING:
    from lsnn.files.network_file import NetworkFile
    from tasks.experiment import Experiment

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
    from lsnn.errors import InputError
    from lsnn.files.folders import alone_in, output_folder
    from lsnn.progress import say
    from runs.experiments.options import check_numbers
    from tasks.experiment import open_network

    check_numbers(episodes=episodes, threads=threads, seed=seed)
    paths = networks or [PRETRAINED / "two_step.lsnn.h5"]
    opened = [open_network(path) for path in paths]
    for path, (_, found) in zip(paths, opened, strict=True):
        if found.task.name != "two-step":
            raise InputError(f"{path}: must be a network for two-step, got {found.task.name}")
        if found.task != opened[0][1].task:
            raise InputError(f"{path}: must be a network for the same task as {paths[0]}, got {found.task}")
    files = (f"{NAME}.h5", f"{NAME}.png")
    folder = output_folder(out, "", files, overwrite, paths)
    result, figure = (folder / name for name in files)
    with alone_in(folder):
        _run(paths, opened, result, episodes, seed, threads)
        write_figure(result, figure)
    say(f"{describe(result)}\nresult: {result}\nfigure: {figure}")


def _run(
    paths: list[Path], opened: "list[tuple[NetworkFile, Experiment]]", out: Path, episodes: int, seed: int, threads: int
) -> None:
    """Write the result file: a group a network, in it one for itself and one for each baseline."""
    from lsnn.files import store
    from lsnn.files.network_file import network_sha256
    from lsnn.progress import meter
    from lsnn.seeds import STUDY_BRANCH, Study, episode_keys
    from runs.experiments.two_step_behaviour import measures
    from runs.output.command import command_line
    from runs.training.train import practice_of
    from tasks.two_step.baselines import play
    from tasks.two_step.family import PRACTICE

    keys = episode_keys(seed, STUDY_BRANCH, Study.TWO_STEP_BEHAVIOUR, episodes)
    with store.write_atomically(out) as file, meter() as shown:
        first, trained = opened[0]
        file.attrs.update(store.provenance("result", trained.as_mapping(), seed, command_line()))
        file.attrs.update(experiment=NAME, frozen_sha256=network_sha256(first.network))
        store.put(file, "episode_key", keys, "1", "(episode,): the same for every network and baseline")
        for number, (path, (network, trained)) in enumerate(zip(paths, opened, strict=True)):
            group, task = file.create_group(f"network_{number}"), measures.task_of(trained)
            group.attrs.update(network=path.name, seed=network.seed, command=network.command)
            group.attrs.update(frozen_sha256=network_sha256(network.network), remapped=int(task.remapped))
            practice = practice_of(network.seed)(PRACTICE)
            record, value = measures.played_by(network.network, task, keys, threads)
            worths = measures.worths_on(FOLLOWING, task, record, practice)
            own = measures.put_player(group, "frozen", task, record)
            measures.put_agreement(own, record, worths)
            measures.put_errors(own, task, record, value, worths, trained.learning.discount)
            for name in BASELINES:
                measures.put_player(group, name, task, play(name, keys, task, practice))
            shown.show((number + 1) / len(paths), path.name)
