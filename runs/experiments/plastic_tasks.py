"""Learners that keep what they learn in weights, on the tasks of those who proposed them.

The actor-critic of Foster, Morris & Dayan (2000), without and with coordinates, in their pool: a platform that
stays for nine days (reference memory) and one that moves every day (delayed matching to place), four trials a day.
What is read: the escape latency, and on a new platform the saving, trial 1 minus trial 2.

Plasticity at the time scale of behaviour (Bittner et al. 2017, Milstein et al. 2021) in one cell on a circular
track: the place field that one plateau writes in one lap, at three speeds, and where a second plateau moves it.

`agents/plastic/` names the re-implementations whose sizes and rates are taken, and where it leaves them.

Leaves in the folder `plastic_tasks.h5` (docs/reference/files.md) and `plastic_tasks.png`.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from runs.experiments.options import Folder, Overwrite, Seed, check_numbers

if TYPE_CHECKING:
    from pathlib import Path

    import h5py
    import numpy as np

    from agents.plastic.actor_critic import ActorCritic

NAME = "plastic_tasks"
DAYS = 9
SPEEDS = (10.0, 25.0, 50.0)  # cm/s
PLATEAUS = (100.0, 140.0)  # cm: the first one, and a second one in later laps
RUNNING = 25.0  # cm/s, with two plateaus


def experiment(
    out: Folder,
    rats: Annotated[int, typer.Option(help="Rats of each kind, each with place cells of its own.")] = 100,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Let rats learn in their authors' pool and a cell on its track, and draw what they learn."""
    from analysis.plastic_tasks import describe, write_figure
    from lsnn.files.folders import alone_in, output_folder
    from lsnn.progress import say
    from lsnn.seeds import STUDY_BRANCH, Study, episode_keys

    check_numbers(rats=rats, seed=seed)
    keys = episode_keys(seed, STUDY_BRANCH, Study.PLASTIC_TASKS, rats)
    files = (f"{NAME}.h5", f"{NAME}.png")
    folder = output_folder(out, "", files, overwrite)
    result, figure = (folder / file for file in files)
    with alone_in(folder):
        _write(result, keys, seed)
        write_figure(result, figure)
    say(f"{describe(result)}\nresult: {result}\nfigure: {figure}")


def _write(path: "Path", keys: "np.ndarray", seed: int) -> None:
    """Run everything and write the result file."""
    from dataclasses import asdict

    from agents.plastic.actor_critic import ActorCritic
    from agents.plastic.btsp import Rule
    from lsnn.files import store
    from runs.output.command import command_line

    agents = {"without_coordinates": ActorCritic(), "with_coordinates": ActorCritic(coordinates=True)}
    config = {"btsp": asdict(Rule()), **{name: asdict(agent) for name, agent in agents.items()}}
    with store.write_atomically(path) as file:
        file.attrs.update(store.provenance("result", config, seed, command_line()))
        file.attrs.update(experiment=NAME, frozen_sha256="none: no frozen network")
        store.put(file, "rat_key", keys, "1", "(rat,): of its place cells, platforms and choices")
        for name, agent in agents.items():
            _put_rats(file.create_group(name), agent, keys)
        _put_track(file.create_group("track"))


def _put_rats(group: "h5py.Group", agent: "ActorCritic", keys: "np.ndarray") -> None:
    """Escape latencies of one kind of rat in both versions of the task."""
    from agents.plastic.pool import escape_latencies
    from lsnn.files import store

    for name, moving in (("reference_memory", False), ("matching_to_place", True)):
        latency = escape_latencies(agent, keys, DAYS, moving)
        store.put(group, name, latency, "s", "(rat, day, trial): escape latency; 120 s: it was put onto the platform")


def _put_track(group: "h5py.Group") -> None:
    """Fields on the track."""
    import numpy as np

    from agents.plastic.btsp import track_field
    from lsnn.files import store

    group.attrs.update(plateau_cm=PLATEAUS, speed_cm_s=RUNNING)
    store.put(group, "speed", np.array(SPEEDS), "cm/s", "(speed,): at which the animal runs")
    fields = np.array([track_field(PLATEAUS[:1], speed)[0] for speed in SPEEDS])
    store.put(group, "by_speed", fields, "1", "(speed, cm): field after one plateau")
    store.put(
        group, "by_plateau", track_field(PLATEAUS, RUNNING), "1", "(plateau, cm): field after it, those before kept"
    )
