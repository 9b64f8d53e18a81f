"""A frozen network in Brian2 whose physics departs more and more from that of its training (docs/reference/files.md).

The maze steps within Brian2's run; every strength meets the same platforms and starts, and strength 0 is the frozen
network itself. `membrane_noise.py` and `exponential_synapses.py` say what departs.
"""

import argparse
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from analysis.brian_experiments import describe, write_figure
from lsnn import brian, store
from lsnn.errors import InputError
from lsnn.files import network_sha256
from lsnn.kernels.simd import LANES
from lsnn.network import Network
from runs.brian_run import mean_policy, open_session, put_header
from runs.command import reported
from runs.evaluate import Session, padded
from runs.figures import check_numbers
from runs.folders import output_file
from runs.maze_conditions import run_swimmers, write_block
from runs.progress import Meter, meter, say
from runs.result_file import ConditionWriter

EPISODES = 64


class Sweep(NamedTuple):
    """What departs, how its strength is measured, the usual ones, and the physics at a strength above 0."""

    name: str
    description: str
    units: str
    strengths: tuple[float, ...]
    physics: Callable[[Network, float, np.ndarray, int], brian.Physics]  # network, strength, keys (8,), steps


def run_sweep(
    sweep: Sweep, network_path: Path, strengths: Sequence[float], episodes: int, seed: int, out: Path, command: str,
    overwrite: bool = True,
) -> None:  # fmt: skip
    """Swim the same mazes at every strength and write a result file with a group for each.

    Raises:
        InputError: strengths that do not rise from 0 on, no episode, a bad file or another task than the maze.
        StoreError: the result could not be written.
    """
    finite = bool(strengths) and np.isfinite(strengths).all()
    if not finite or strengths[0] != 0 or np.any(np.diff(strengths) <= 0):
        raise InputError(f"strengths must be finite and rise from 0 on, got {list(strengths)}")
    session = open_session(network_path, episodes, seed)
    for model in session.file.network.config.models:
        if model.name not in ("lif", "alif"):
            raise InputError(f"{network_path}: {sweep.name} is for networks of lif and alif neurons, got {model.name}")
    with store.write_atomically(out, overwrite) as result, meter() as shown:
        put_header(result, session, seed, command)
        result.attrs["experiment"] = sweep.name
        store.put(result, "strength", np.array(strengths, float), sweep.units, sweep.description)
        for number, strength in enumerate(strengths):
            group = result.create_group(f"strength_{number:02d}")
            _run_strength(group, sweep, strength, session, shown, (number / len(strengths), 1 / len(strengths)))
        run_swimmers(session, result)


def _run_strength(
    group: h5py.Group, sweep: Sweep, strength: float, session: Session, shown: Meter, part: tuple[float, float]
) -> None:
    """All episodes at one strength; part: share of the whole run that is done, and that this is."""
    network, steps, n_episodes = session.file.network, session.task.duration_ms, len(session.keys)
    group.attrs.update(policy="mean", strength=strength, frozen_sha256_before=network_sha256(network))
    writer = ConditionWriter(group, session.keys, steps, ("position", "action", "reward", "value"))
    goals = 0
    for number, keys in enumerate(padded(session.keys)):
        physics = sweep.physics(network, strength, keys, steps) if strength else brian.FROZEN
        block = brian.closed_loop(session.task, network, keys, mean_policy(session), physics=physics)
        write_block(writer, None, block, LANES * number, session, network)
        done = min(LANES * (number + 1), n_episodes)
        goals += np.count_nonzero(block.trace.reward[:, : done - LANES * number] > 0.5 * session.task.reward)
        shown.show(
            part[0] + part[1] * done / n_episodes,
            f"{sweep.name} {strength:g} {sweep.units} | {done} of {n_episodes} episodes | goals {goals / done:.1f}",
        )
    writer.finish()
    group.attrs["frozen_sha256_after"] = network_sha256(network)


def sweep_command(sweep: Sweep, arguments: Sequence[str]) -> int:
    """The command line of a sweep: result file, figure beside it, a line a strength; returns the exit code."""
    module = f"runs.{sweep.name}"
    parser = argparse.ArgumentParser(f"python -m {module}", description=f"{sweep.description}, in {sweep.units}")
    parser.add_argument("network", type=Path, help="a network file")
    parser.add_argument("--out", type=Path, required=True, help="the result file to write; the figure goes beside it")
    parser.add_argument("--strengths", type=float, nargs="+", default=sweep.strengths, help="rising from 0 on")
    parser.add_argument("--episodes", type=int, default=EPISODES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--overwrite", action="store_true", help="write over what is there")
    asked = parser.parse_args(arguments)
    command = shlex.join(["python", "-m", module, *arguments])

    def work() -> None:
        check_numbers(asked)
        if asked.out.name == "" or asked.out.suffix == ".png":
            raise InputError(f"--out must be a file that is no .png, beside which the figure is put, got {asked.out}")
        files = (asked.out, asked.out.with_suffix(".png"))
        out, figure = (output_file(path, asked.overwrite, [asked.network]) for path in files)
        numbers = (asked.strengths, asked.episodes, asked.seed)
        run_sweep(sweep, asked.network, *numbers, out, command, asked.overwrite)
        say(f"{describe(out)}\nresult: {out}\nfigure: {write_figure(out, figure)}")

    return reported(module, work)
