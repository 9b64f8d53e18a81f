"""Learning or retrieval of a template, in regression: networks that met few functions or many, on those and on others.

A network that was meta-trained on a few functions may know them all, and tell from the examples which of them it is:
the posterior mean over those functions answers so, and it is of no use for any other. One that learns answers as ridge
does, whatever the function (after Raventos et al. 2023, recalled). Networks of regression that met so many functions
(`task.distinct_functions`; 0: any) are tested on the functions of their meta-training and on functions of all kinds of
coefficients, beside both.

Leaves in the folder `templates_regression.h5` (docs/reference/files.md) and `templates_regression.png`.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runs.experiments.options import Asked, Folder, Overwrite, Seed, Threads

if TYPE_CHECKING:
    import h5py
    import numpy as np

    from runs.experiments.side_by_side import Opened

NAME = "templates_regression"
WHERE = ("met", "any")
MOST_FUNCTIONS = 4096  # of which a retrieval is computed
TUNED_ON = 256  # episodes, of the branch of meta-training, for ridge's penalty and the width of the retrieval


def experiment(
    networks: Annotated[list[Path], typer.Argument(help="Network files of regression, of one function.")],
    out: Folder,
    episodes: Annotated[int, typer.Option(help="Episodes of each kind, the same for every network.")] = 256,
    seed: Seed = 0,
    threads: Threads = 2,
    overwrite: Overwrite = False,
) -> None:
    """Test networks of regression on functions that they met in meta-training and on others."""
    from analysis.templates_regression import describe, write_figure
    from runs.experiments import side_by_side

    def measure(file: "h5py.File", opened: "list[Opened]", keys: "np.ndarray") -> Iterator[None]:
        file.attrs.update(where=list(WHERE))
        for number, each in enumerate(opened):
            group = side_by_side.group_of(file, number, each)
            group.attrs["distinct_functions"] = each.task.distinct_functions
            _put(group, each, keys, threads)
            yield

    asked = Asked(out, episodes, seed, threads, overwrite)
    side_by_side.run(NAME, asked, networks, lambda task: task.name == "regression", "regression", measure,
                     write_figure, describe, check)  # fmt: skip


def check(each: "Opened") -> None:
    """InputError for a network that met too many functions."""
    from lsnn.errors import InputError

    met = each.task.distinct_functions
    if met > MOST_FUNCTIONS:
        rule = f"must be at most {MOST_FUNCTIONS}, or 0 for any, since what knows them all is computed"
        raise InputError(f"{each.path}: task.distinct_functions {rule}, got {met}")


def tasks_of(task: Any) -> list[Any]:
    """The functions of the network's meta-training, and any."""
    return [task, replace(task, distinct_functions=0)]


def _put(group: "h5py.Group", each: "Opened", keys: "np.ndarray", threads: int) -> None:
    import numpy as np

    from lsnn.files import store
    from lsnn.seeds import TRAIN_BRANCH, episode_keys
    from lsnn.simulation.simulation import simulate
    from tasks.regression.baselines import fit
    from tasks.regression.retrieval import Retrieval

    task, found = each.task, []
    (met, practice), (_, any_practice) = (
        (there, there.examples(episode_keys(each.network.seed, TRAIN_BRANCH, 0, TUNED_ON))) for there in tasks_of(task)
    )
    retrieval = Retrieval.tuned(met, *practice) if met.distinct_functions else None
    ridge = fit(met, *any_practice)["ridge"]
    for there in tasks_of(task):
        trials = simulate(each.network.network, there, keys=keys, threads=threads).trials
        x, y = there.examples(keys)
        answers = trials.prediction.to_numpy().reshape(y.shape)
        retrieved = retrieval(x, y) if retrieval else np.full_like(y, np.nan)
        found.append((answers, ridge(x, y), retrieved, y))
    texts = {
        "prediction": "of the network", "ridge": "of ridge, tuned on any functions",
        "retrieval": "of the posterior mean over the functions that it met; NaN where it met any", "y": "the function",
    }  # fmt: skip
    for (name, text), values in zip(texts.items(), zip(*found, strict=True), strict=True):
        store.put(group, name, np.array(values, float), "1", f"(where, episode, sample): {text}")
