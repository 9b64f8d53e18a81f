"""How many platforms at once? Visits against their number, and what a cue of another platform does.

Each trial has one of k platforms, told by a cue at its start (ours; no figure of a paper). Networks are tested at
k = 1 to 4 on the same mazes as baselines that mind no cue and one that does.

Swapped cues: after SWAPPED_AT_MS an animal that has found two platforms at least is released in the middle of the pool,
at the same distance from both, and shown the cue of one of them or, from the same state, that of the other. There is no
platform any more. Which of the two places it reaches first within WATCHED_MS is counted.

Leaves in the folder `many_platforms.h5` (docs/reference/files.md) and `many_platforms.png`.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runs.experiments.options import Folder, Overwrite, Seed, Threads

if TYPE_CHECKING:
    import h5py
    import numpy as np

    from lsnn.files.network_file import NetworkFile
    from tasks.experiment import Experiment

NAME = "many_platforms"
SWAPPED_AT_MS, WATCHED_MS = 1500, 300
BASELINES = ("circling", "last_place", "all_places", "memory", "oracle")
NOT_RUN, CUED_FIRST, OTHER_FIRST, NEITHER = -1, 0, 1, 2


def experiment(
    networks: Annotated[list[Path], typer.Argument(help="Network files of mazes with several platforms.")],
    out: Folder,
    episodes: Annotated[int, typer.Option(help="Mazes, the same for every network and number of platforms.")] = 256,
    seed: Seed = 0,
    threads: Threads = 2,
    overwrite: Overwrite = False,
) -> None:
    """Test networks with one to four platforms beside baselines; show them cues of other platforms."""
    from analysis.many_platforms import describe, write_figure
    from lsnn.errors import InputError
    from lsnn.files.folders import alone_in, output_folder
    from lsnn.progress import say
    from runs.experiments.options import check_numbers
    from tasks.experiment import open_network

    check_numbers(episodes=episodes, threads=threads, seed=seed)
    opened = [open_network(path) for path in networks]
    for path, (_, found) in zip(networks, opened, strict=True):
        if found.task.name != "water-maze" or task_of(found).platforms < 2:
            raise InputError(f"{path}: must be a network for water-maze with several platforms")
    files = (f"{NAME}.h5", f"{NAME}.png")
    folder = output_folder(out, "", files, overwrite, networks)
    result, figure = (folder / name for name in files)
    with alone_in(folder):
        _run(networks, opened, result, episodes, seed, threads)
        write_figure(result, figure)
    say(f"{describe(result)}\nresult: {result}\nfigure: {figure}")


def task_of(experiment: "Experiment") -> Any:
    """Its task, a water maze."""
    return experiment.task


def _run(
    paths: Sequence[Path],
    opened: "Sequence[tuple[NetworkFile, Experiment]]",
    out: Path,
    episodes: int,
    seed: int,
    threads: int,
) -> None:
    """Write the result file: baselines, and a group a network."""
    import numpy as np

    from lsnn.files import store
    from lsnn.files.network_file import network_sha256
    from lsnn.progress import meter
    from lsnn.seeds import STUDY_BRANCH, Study, episode_keys
    from runs.output.command import command_line
    from tasks.water_maze.dynamics import MOST_PLATFORMS

    keys, numbers = episode_keys(seed, STUDY_BRANCH, Study.MANY_PLATFORMS, episodes), range(1, MOST_PLATFORMS + 1)
    with store.write_atomically(out) as file, meter() as shown:
        first, experiment = opened[0]
        file.attrs.update(store.provenance("result", experiment.as_mapping(), seed, command_line()))
        file.attrs.update(experiment=NAME, frozen_sha256=network_sha256(first.network))
        file.attrs.update(swapped_at_ms=SWAPPED_AT_MS, watched_ms=WATCHED_MS)
        store.put(file, "episode_key", keys, "1", "(episode,): the same for every network and number of platforms")
        store.put(file, "platforms", np.array(numbers), "1", "(number,): platforms of an episode")
        _put_baselines(file.create_group("baselines"), task_of(experiment), keys, numbers)
        for at, (path, (network, trained)) in enumerate(zip(paths, opened, strict=True)):
            group = file.create_group(f"network_{at}")
            group.attrs.update(network=path.name, seed=network.seed, command=network.command)
            group.attrs.update(frozen_sha256=network_sha256(network.network))
            visits = [_visits(network, with_platforms(trained, number), keys, threads) for number in numbers]
            store.put(group, "visits", np.array(visits), "1", "(number, episode): platform visits")
            reached = [_reached(network, with_platforms(trained, number), keys, threads) for number in numbers]
            text = "(number, cue, episode): after its own cue and another's, which place came first: 0 that of the "
            text += "trial, 1 the other, 2 neither; -1: fewer than two were known"
            store.put(group, "reached", np.array(reached, np.int8), "1", text)
            shown.show((at + 1) / len(paths), path.name)


def with_platforms(trained: "Experiment", number: int) -> "Experiment":
    """The same with so many platforms in every episode."""
    task = task_of(trained)
    return replace(trained, task=replace(task, platforms=max(number, 2), platforms_min=number))


def _put_baselines(group: "h5py.Group", task: Any, keys: "np.ndarray", numbers: Sequence[int]) -> None:
    """Visits of the scripted baselines, a data set each."""
    import numpy as np

    from lsnn.files import store
    from tasks.family import family_of

    family = family_of(task)
    for name in BASELINES:
        played = [
            family.play(name, replace(task, platforms=max(number, 2), platforms_min=number), keys, lambda count: keys)
            for number in numbers
        ]
        visits = np.array([family.score.by_episode(one.trials, len(keys)) for one in played])
        store.put(group, name, visits, "1", f"(number, episode): platform visits, {family.baselines[name].label}")


def _visits(network: "NetworkFile", trained: "Experiment", keys: "np.ndarray", threads: int) -> "np.ndarray":
    """Visits of each episode, (episode,), the policy's mean acting."""
    from lsnn.simulation.simulation import simulate

    record = simulate(network.network, trained.task, keys=keys, threads=threads)
    return (record.reward > 0.5 * task_of(trained).reward).sum("time").values


def _reached(network: "NetworkFile", trained: "Experiment", keys: "np.ndarray", threads: int) -> "np.ndarray":
    """Which place came first after the cue of the trial's platform and after that of another one, (2, episode)."""
    import numpy as np

    from tasks.water_maze.dynamics import PLACES, RADIUS

    found = np.full((2, len(keys)), NOT_RUN)
    if task_of(trained).platforms_min == 1:
        return found
    for at in range(2):
        before, path, others = _after_a_cue(network, trained, keys, threads, at)
        able = others >= 0
        rows = np.flatnonzero(able)
        places = before[:, PLACES:].reshape(len(keys), -1, 2)
        goals = _goals(before)
        first = [entered(path[rows], places[rows, goal[rows]], before[rows, RADIUS]) for goal in (goals, others)]
        which = np.where(first[0] < first[1], CUED_FIRST, OTHER_FIRST)
        found[at, rows] = np.where(np.minimum(*first) < path.shape[1], which, NEITHER)
    return found


def _goals(states: "np.ndarray") -> "np.ndarray":
    from tasks.water_maze.dynamics import GOAL

    return states[:, GOAL].astype(int)


def _after_a_cue(
    network: "NetworkFile", trained: "Experiment", keys: "np.ndarray", threads: int, swapped: int
) -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
    """States at the release (E, n_state), the path after it (E, T, 2), and the other platform of each animal (E,).

    The trial's platform is one that the animal knows, the other one as well: the lowest and the highest number of
    those; -1 where it knows fewer than two.
    """
    import numpy as np

    from lsnn.simulation.simulation import Simulation
    from tasks.water_maze.dynamics import CUE, GOAL, ON_PLATFORM, SEEN, SINCE, WAIT, WALL, X, Y, cue_of

    task, end = task_of(trained), SWAPPED_AT_MS + WATCHED_MS
    run = Simulation(network.network, task, keys=keys, threads=threads, duration_ms=end).run(SWAPPED_AT_MS)
    run.change_task(replace(task, probe_ms=SWAPPED_AT_MS))
    states = run.task_state
    known = (states[:, SEEN].astype(int)[:, None] >> np.arange(4)) & 1 == 1
    low, high = known.argmax(axis=1), known.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    states[:, [X, Y, WAIT, ON_PLATFORM, WALL, SINCE]] = 0
    states[:, GOAL] = low
    shown = high if swapped else low
    states[:, CUE] = [cue_of(key, float(number)) for key, number in zip(keys, shown, strict=True)]
    run.task_state = states
    path = run.run().record.task_state.values[:, SWAPPED_AT_MS + 1 :, [X, Y]]
    return states, path, np.where(known.sum(axis=1) > 1, high, -1)


def entered(path: "np.ndarray", centre: "np.ndarray", radius: "np.ndarray") -> "np.ndarray":
    """The step in which each path (n, T, 2) first lies in a disc (n, 2), T where it never does; (n,)."""
    import numpy as np

    inside = np.linalg.norm(path - centre[:, None], axis=-1) <= radius[:, None]
    return np.where(inside.any(axis=1), inside.argmax(axis=1), path.shape[1])
