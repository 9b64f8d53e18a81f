"""The two-step task with a dark before every choice: how long a frozen network knows which state pays.

After each outcome nothing is shown for so long before the cue to choose (`task.dark_ms`). Any number of networks can be
given, with adaptive thresholds or without, trained with a dark or not; all play the same episodes. The world stands
still meanwhile: what a network earns, and how often it does what exact Bayes would have done of its history, is
compared dark by dark.

Leaves in the folder `two_step_dark.h5` and `two_step_dark.png`.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runs.experiments.options import Asked, Folder, Overwrite, Seed, Threads

if TYPE_CHECKING:
    import h5py
    import numpy as np

    from runs.experiments.side_by_side import Opened

NAME = "two_step_dark"
DARKS_MS = (0, 10, 20, 50, 100, 200, 500)
TRIALS = 50


def experiment(
    networks: Annotated[list[Path], typer.Argument(help="Network files of the two-step task.")],
    out: Folder,
    episodes: Annotated[int, typer.Option(help="Test episodes, the same for every network and dark.")] = 128,
    seed: Seed = 0,
    threads: Threads = 2,
    overwrite: Overwrite = False,
) -> None:
    """Test every network at every dark and draw its reward and its agreement with Bayes."""
    from analysis.two_step_dark import describe, write_figure
    from runs.experiments import side_by_side

    def measure(file: "h5py.File", opened: "list[Opened]", keys: "np.ndarray") -> Iterator[None]:
        import numpy as np

        from lsnn.files import store

        file.attrs["trials"] = TRIALS
        store.put(file, "dark_ms", np.array(DARKS_MS), "ms", "(dark,): before every choice, without any input")
        for number, each in enumerate(opened):
            group = side_by_side.group_of(file, number, each)
            group.attrs.update(trained_dark_ms=each.task.dark_ms, adaptive=int(each.experiment.network.beta > 0))
            paid, agrees, decided = _played(each, keys, threads)
            store.put(group, "paid", paid, "1", "(dark, episode): trials that paid")
            store.put(group, "agrees", agrees, "1", "(dark, episode): choices that are worth more to Bayes")
            store.put(group, "decided", decided, "1", "(dark, episode): choices of which one is worth more to it")
            yield

    wanted, asked = "two-step", Asked(out, episodes, seed, threads, overwrite)
    side_by_side.run(NAME, asked, networks, lambda task: task.name == wanted, wanted, measure, write_figure, describe)


def _played(each: "Opened", keys: "np.ndarray", threads: int) -> "np.ndarray":
    """Trials that paid, choices that Bayes would have made, choices that are no tie to it: (3, dark, episode)."""
    import numpy as np

    from runs.experiments.two_step_behaviour import measures

    found = np.zeros((3, len(DARKS_MS), len(keys)), np.int64)
    for at, dark_ms in enumerate(DARKS_MS):
        phase_ms = each.task.phase_ms
        task = replace(each.task, trials=TRIALS, dark_ms=round(dark_ms / phase_ms) * phase_ms)
        record, _ = measures.played_by(each.network.network, task, keys, threads)
        worth = measures.worths_on(("bayes",), task, record, keys)["bayes"]
        found[0, at], found[1:, at] = record.paid.sum(axis=1), measures.agreement(record, worth)
    return found
