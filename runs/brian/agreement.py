"""The frozen network in Brian2, an independent simulator, beside the compiled kernels (`lsnn brian`).

Both run in float64. The result file is that of `lsnn test`, with what Brian2 computed as the condition `frozen`:
replay        the input spikes of the compiled episodes drive Brian2: its spikes and traces, their path and actions
closed-loop   the maze steps within Brian2's run: everything is Brian2's
standalone    as replay, by a C++ program that Brian2 writes
"""

import copy
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from lsnn import brian
from lsnn.blocks import Block, Threads
from lsnn.errors import InputError
from lsnn.files import store
from lsnn.files.network_file import network_sha256
from lsnn.kernels.simd import LANES
from lsnn.network import Network
from lsnn.progress import meter, say
from runs.testing.conditions import Session, keys_of_test, padded
from runs.testing.result_file import ConditionWriter
from runs.testing.run import Shared, put_header, run_baselines
from tasks.experiment import open_network
from tasks.water_maze import WaterMaze
from tasks.water_maze.dynamics import X, Y

MODES = ("replay", "closed-loop", "standalone")
EPISODES = 20


class Pair(NamedTuple):
    """The same eight episodes in the compiled kernels and in Brian2."""

    compiled: Block
    found: Block


class Agreement(NamedTuple):
    """How far Brian2 and the compiled kernels are apart over some episodes."""

    spikes: int = 0  # in Brian2
    differing: int = 0  # spikes in one of the two alone
    v: float = 0.0  # largest |difference| of the membranes, SI
    b: float = 0.0  # of the other state variables
    place: float = 0.0  # largest distance between the two animals
    rewards: int = 0  # steps with another reward

    def joined(self, other: "Agreement") -> "Agreement":
        """Over the episodes of both."""
        counts = {name: getattr(self, name) + getattr(other, name) for name in ("spikes", "differing", "rewards")}
        v, b, place = np.maximum((self.v, self.b, self.place), (other.v, other.b, other.place)).tolist()
        return Agreement(v=v, b=b, place=place, **counts)

    @property
    def holds(self) -> bool:
        """Whether no spike differs and everywhere both have a number."""
        return self.differing == 0 and bool(np.isfinite([self.v, self.b, self.place]).all())


def run_brian(
    network_path: Path, mode: str, episodes: int, seed: int, out: Path, command: str, overwrite: bool = True
) -> int:
    """Run a frozen network in Brian2, write the result file and print how many spikes differ.

    Returns:
        the exit code: 1 if any spike differs or something is not finite, else 0.

    Raises:
        InputError: an unknown mode, no episode, another task than the maze, or a bad file.
        StoreError: the result could not be written.
    """
    if mode not in MODES:
        raise InputError(f"--mode must be one of {', '.join(MODES)}, got {mode!r}")
    session = open_session(network_path, episodes, seed)
    if mode == "standalone" and (missing := brian.missing_for_standalone()):
        say(f"C++ standalone needs {missing}, which this machine lacks: Brian2's numpy target runs instead (replay)")
        mode = "replay"
    with store.write_atomically(out, overwrite) as result:
        put_header(result, session, ("frozen",), seed, command, **simulator())
        agreement, latent = _run_frozen(result.create_group("frozen"), session, mode)
        run_baselines(session, result, {"": Shared(np.arange(session.recorded), latent)})
    say(
        f"differing spikes: {agreement.differing} of {agreement.spikes} "
        f"({episodes} episodes of {session.task.duration_ms} ms, {mode}, float64)\n"
        f"largest difference: v {agreement.v:.1e}, b {agreement.b:.1e}, place {agreement.place:.1e}; "
        f"steps with another reward: {agreement.rewards}\nresult: {out}"
    )
    return int(not agreement.holds)


def open_session(network_path: Path, episodes: int, seed: int) -> Session:
    """The network and the episodes of its test, all of them recorded; InputError if it cannot be tested."""
    if episodes < 1:
        raise InputError(f"--episodes must be >= 1, got {episodes}")
    file, experiment = open_network(network_path)
    if not isinstance(experiment.task, WaterMaze):
        raise InputError(f"{network_path}: must be a network for {WaterMaze.name}, got {experiment.task.name}")
    return Session(file, experiment, keys_of_test(seed, episodes), episodes, Threads(1))


def simulator() -> dict[str, str]:
    """The root attribute that names it."""
    return {"simulator": f"Brian2 {version('brian2')}"}


def _run_frozen(group: h5py.Group, session: Session, mode: str) -> tuple[Agreement, np.ndarray | None]:
    """Write what Brian2 computed and compare it, block by block; also what the episodes hide."""
    network, agreement = session.file.network, Agreement()
    group.attrs.update(policy="mean", mode=mode, frozen_sha256_before=network_sha256(network))
    writer = ConditionWriter(group, session.task, session.keys, network, spikes=True)
    with meter() as shown:
        for number, pair in enumerate(_pairs(session, mode)):
            first = LANES * number
            done = min(first + LANES, len(session.keys))
            writer.write(pair.found, np.arange(first, done))
            writer.record(pair.found, np.arange(first, done))
            agreement = agreement.joined(compare(network, pair, done - first))
            shown.show(done / len(session.keys), f"{done} episodes | differing spikes {agreement.differing}")
    writer.finish()
    group.attrs.update(frozen_sha256_after=network_sha256(network), differing_spikes=agreement.differing)
    return agreement, writer.latent


def compare(network: Network, pair: Pair, lanes: int) -> Agreement:
    """How far the first lanes of a pair are apart."""
    found, compiled = pair.found.trace, pair.compiled.trace
    x, y = np.moveaxis(found.task_state[..., [X, Y]] - compiled.task_state[..., [X, Y]], 2, 0)
    rewards = np.count_nonzero(found.reward[:, :lanes] != compiled.reward[:, :lanes])
    difference = brian.difference(network, pair.found.record, pair.compiled.record, lanes)
    place = float(np.hypot(x, y)[:, :lanes].max())
    return Agreement(**difference._asdict(), place=place, rewards=int(rewards))


def mean_policy(session: Session) -> np.ndarray:
    """The log std of the policy's mean action, (n_action,)."""
    return np.full_like(session.file.network.log_std, -np.inf)


def _compiled(session: Session, keys: np.ndarray) -> Block:
    """Eight episodes in the compiled kernels, float64."""
    network = session.file.network
    block = Block(session.task, network, session.task.duration_ms, keep_states=True, dtype=np.float64)
    block.begin(session.task, keys)
    block.roll_out(network.weights(np.float64), mean_policy(session))
    return block


def _pairs(session: Session, mode: str) -> Iterator[Pair]:
    """The episodes in blocks of eight, one simulator beside the other."""
    if mode == "closed-loop":
        for keys in padded(session.keys):
            found = brian.closed_loop(session.task, session.file.network, keys, mean_policy(session))
            yield Pair(_compiled(session, keys), found)
        return
    with _replay(session, mode) as replay:
        for keys in padded(session.keys):
            compiled = _compiled(session, keys)
            found = copy.copy(compiled)
            found.record = compiled.record._replace(**replay(compiled.record.input_spikes)._asdict())
            yield Pair(compiled, found)


def _replay(session: Session, mode: str) -> AbstractContextManager[brian.Replay]:
    """Brian2's numpy target, or C++ standalone."""
    if mode == "standalone":
        say("Brian2 writes and compiles a C++ program (about a minute) ...")
        return brian.standalone_replay(session.file.network, session.task.duration_ms)
    return nullcontext(partial(brian.replay, session.file.network))
