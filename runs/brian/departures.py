"""A frozen network in Brian2 whose physics departs more and more from that of its training (docs/reference/files.md).

The maze steps within Brian2's run; every strength meets the same platforms and starts, and strength 0 is the frozen
network itself. The experiments membrane-noise and exponential-synapses say what departs.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from analysis.brian_experiments import describe, write_figure
from lsnn import brian
from lsnn.errors import InputError
from lsnn.files import store
from lsnn.files.folders import output_folder
from lsnn.files.network_file import network_sha256
from lsnn.kernels.simd import LANES
from lsnn.network import Network
from lsnn.progress import Meter, meter, say
from runs.brian.agreement import mean_policy, open_session, simulator
from runs.experiments.options import check_numbers
from runs.output.command import command_line
from runs.testing.conditions import Session, padded
from runs.testing.result_file import ConditionWriter
from runs.testing.run import Shared, put_header, run_baselines


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
        put_header(result, session, (), seed, command, **simulator())
        result.attrs["experiment"] = sweep.name
        store.put(result, "strength", np.array(strengths, float), sweep.units, sweep.description)
        for number, strength in enumerate(strengths):
            group = result.create_group(f"strength_{number:02d}")
            part = (number / len(strengths), 1 / len(strengths))
            latent = _run_strength(group, sweep, strength, session, shown, part)
        run_baselines(session, result, {"": Shared(np.arange(session.recorded), latent)})


def _run_strength(
    group: h5py.Group, sweep: Sweep, strength: float, session: Session, shown: Meter, part: tuple[float, float]
) -> np.ndarray | None:
    """All episodes at one strength, and what they hide; part: share of the whole run that is done, and that this is."""
    network, steps, n_episodes = session.file.network, session.task.duration_ms, len(session.keys)
    group.attrs.update(policy="mean", strength=strength, frozen_sha256_before=network_sha256(network))
    writer = ConditionWriter(group, session.task, session.keys, network, spikes=False)
    visits = 0
    for number, keys in enumerate(padded(session.keys)):
        physics = sweep.physics(network, strength, keys, steps) if strength else brian.FROZEN
        block = brian.closed_loop(session.task, network, keys, mean_policy(session), physics=physics)
        done = min(LANES * (number + 1), n_episodes)
        writer.write(block, np.arange(LANES * number, done))
        writer.record(block, np.arange(LANES * number, done))
        visits += int(np.count_nonzero(block.trace.reward[:, : done - LANES * number] > 0.5 * session.task.reward))
        shown.show(
            part[0] + part[1] * done / n_episodes,
            f"{sweep.name} {strength:g} {sweep.units} | {done} of {n_episodes} episodes | visits {visits / done:.1f}",
        )
    writer.finish()
    group.attrs["frozen_sha256_after"] = network_sha256(network)
    return writer.latent


def carry_out(
    sweep: Sweep, network: Path, out: Path, strengths: Sequence[float] | None, episodes: int, seed: int, overwrite: bool
) -> None:
    """The sweep as a command: result file and figure in a folder, a line a strength."""
    check_numbers(episodes=episodes, seed=seed)
    folder = output_folder(out, "", (f"{sweep.name}.h5", f"{sweep.name}.png"), overwrite, inputs=[network])
    result, figure = folder / f"{sweep.name}.h5", folder / f"{sweep.name}.png"
    run_sweep(sweep, network, strengths or sweep.strengths, episodes, seed, result, command_line(), overwrite)
    say(f"{describe(result)}\nresult: {result}\nfigure: {write_figure(result, figure)}")
