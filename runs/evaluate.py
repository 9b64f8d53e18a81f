"""The test of a frozen network on mazes it never met, beside its controls and the scripted swimmers (`lsnn test`)."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from lsnn import store
from lsnn.blocks import Block, Threads
from lsnn.errors import InputError
from lsnn.files import NetworkFile, put_history, weights_sha256
from lsnn.kernels.layout import Weights
from lsnn.kernels.simd import LANES
from lsnn.meta import TEST_BRANCH, episode_keys, new_network
from lsnn.network import Network
from runs.configuration import Experiment
from runs.progress import Meter, meter
from runs.result_file import ConditionWriter, SpikeWriter, put_network, put_traces
from runs.train import load_compiled
from tasks.swimmers import SWIMMERS, best_circle, swim
from tasks.trials import optimal_steps, trials_table
from tasks.water_maze import GOAL_X, GOAL_Y, OTHER_X, OTHER_Y, TRIAL, WAIT, WaterMaze, X, Y

EPISODES, RECORDED, TRACED = 512, 8, 4
BEFORE_MS, WINDOW_MS = 150, 500
SWIMMERS_AT_ONCE, CIRCLE_TRIED_ON = 64, 128


class Condition(NamedTuple):
    """How a network is tested."""

    trained: bool = True
    sampled: bool = False  # actions drawn from the policy, not its mean
    reset: bool = False  # the whole state is zeroed each time the animal is set down


CONDITIONS = {
    "frozen": Condition(),
    "frozen_sampled": Condition(sampled=True),
    "state_reset": Condition(reset=True),
    "untrained": Condition(trained=False),
}


class Session(NamedTuple):
    """What is tested, on which episodes, by how many threads; `recorded` episodes of `frozen` keep their spikes."""

    file: NetworkFile
    experiment: Experiment
    keys: np.ndarray  # (episodes,) uint64
    recorded: int
    threads: Threads

    @property
    def task(self) -> WaterMaze:
        """The maze in its full difficulty."""
        task = self.experiment.task
        assert isinstance(task, WaterMaze)
        return task


def chosen_conditions(names: Sequence[str]) -> list[str]:
    """The networks' conditions asked for, all if none is; InputError for an unknown one. Swimmers always run."""
    for name in names:
        if name not in (*CONDITIONS, *SWIMMERS):
            raise InputError(f"--condition must be one of {', '.join((*CONDITIONS, *SWIMMERS))}, got {name!r}")
    return [name for name in CONDITIONS if not names or name in names]


def recorded_episodes(spikes: str, episodes: int) -> int:
    """How many episodes keep their spikes, of `--spikes all|N`; InputError for anything else."""
    if spikes == "all":
        return episodes
    with suppress(ValueError):
        if (count := int(spikes)) >= 0:
            return min(count, episodes)
    raise InputError(f"--spikes must be 'all' or a number of episodes, got {spikes!r}")


def keys_of_test(seed: int, episodes: int) -> np.ndarray:
    """Keys of the test's episodes, (episodes,) uint64: a branch that meta-training never uses."""
    return episode_keys(seed, TEST_BRANCH, 0, episodes)


def run_test(
    path: Path, file: NetworkFile, experiment: Experiment, names: Sequence[str], seed: int, command: str,
    episodes: int = EPISODES, recorded: int = RECORDED, threads: int = 2,
) -> None:  # fmt: skip
    """Test a network under the named conditions, and every swimmer, on the same episodes; writes a result file.

    Raises:
        InputError: another task than the maze, or no place for the file. StoreError: it could not be written.
    """
    if not isinstance(experiment.task, WaterMaze):
        raise InputError(f"task must be {WaterMaze.name} to be tested here, got {experiment.task.name}")
    session = Session(file, experiment, keys_of_test(seed, episodes), recorded, Threads(threads))
    load_compiled(experiment, file.network)
    with store.write_atomically(path) as result, meter() as shown:
        result.attrs.update(store.provenance("result", experiment.as_mapping(), seed, command))
        result.attrs["network_sha256"] = weights_sha256(file.network.weights())
        result.attrs["network_command"] = file.command
        result.attrs["network_seed"] = file.seed
        put_network(result, file.network, experiment.task.encoder.channels)
        if file.history is not None:
            put_history(result, file.history)
        for number, name in enumerate(names):
            _run_network(session, result.create_group(name), name, shown, number / len(names), 1 / len(names))
        shown.show(1.0, "scripted swimmers")
        run_swimmers(session, result)


def _run_network(session: Session, group: h5py.Group, name: str, shown: Meter, done: float, share: float) -> None:
    """One condition of a network, from its first episode to its last."""
    condition, task = CONDITIONS[name], session.task
    network = session.file.network if condition.trained else _untrained(session)
    weights = network.weights()
    group.attrs["policy"] = "sampled" if condition.sampled else "mean"
    group.attrs["weights_sha256_before"] = weights_sha256(weights)
    writer = ConditionWriter(group, session.keys, task.duration_ms, ("position", "action", "reward", "value"))
    recording = Recording(group, session, network) if name == "frozen" and session.recorded else None
    blocks = [Block(task, network, task.duration_ms, keep_states=True) for _ in range(session.threads.count)]
    batch = LANES * len(blocks)
    for first in range(0, len(session.keys), batch):
        keys = padded(session.keys[first : first + batch])
        used = blocks[: len(keys)]
        session.threads.map(lambda block, keys: _swim(block, keys, session, network, weights, condition), used, keys)
        for number, block in enumerate(used):
            write_block(writer, recording, block, first + LANES * number, session, network)
        part = min(1.0, (first + batch) / len(session.keys))
        shown.show(
            done + share * part, f"{name}: {min(first + batch, len(session.keys))} of {len(session.keys)} episodes"
        )
    writer.finish()
    if recording is not None:
        recording.finish()
    group.attrs["weights_sha256_after"] = weights_sha256(weights)


def _untrained(session: Session) -> Network:
    """The network as it was before its first iteration."""
    experiment = session.experiment
    return new_network(experiment.task, experiment.network, experiment.learning, session.file.seed)


def padded(keys: np.ndarray) -> list[np.ndarray]:
    """The keys in blocks of eight, the last filled up with its last key."""
    fill = np.repeat(keys[-1:], -len(keys) % LANES)
    return list(np.concatenate([keys, fill]).reshape(-1, LANES))


def _swim(
    block: Block, keys: np.ndarray, session: Session, network: Network, weights: Weights, condition: Condition
) -> None:
    """Roll out one block of episodes under a condition."""
    log_std = network.log_std if condition.sampled else np.full_like(network.log_std, -np.inf)
    learning = session.experiment.learning
    hold, mean_norm = learning.hold_ms, (learning.mean_norm or np.inf) if condition.sampled else np.inf
    block.begin(session.task, keys)
    if not condition.reset:
        block.roll_out(weights, log_std, hold=hold, mean_norm=mean_norm)
        return
    while block.t < block.steps:
        trial = block.task_state[:, TRIAL].copy()
        steps = min(int(steps_to_set_down(session.task, block.task_state).min()), block.steps - block.t)
        block.roll_out(weights, log_std, steps, hold, mean_norm)
        zero_state(block, block.task_state[:, TRIAL] > trial)


def steps_to_set_down(task: WaterMaze, states: np.ndarray) -> np.ndarray:
    """Steps within which no animal can be set down, the last excepted, (lanes,); states (lanes, N_STATE)."""
    x, y = states[:, X], states[:, Y]
    distances = [np.hypot(x - states[:, a], y - states[:, b]) for a, b in ((GOAL_X, GOAL_Y), (OTHER_X, OTHER_Y))]
    search = optimal_steps(task, np.minimum(*distances)) + task.rest_ms + task.blank_ms
    return np.where(states[:, WAIT] > 0, states[:, WAIT], search).astype(int)


def zero_state(block: Block, lanes: np.ndarray) -> None:
    """Take the network of these lanes, (8,) bool, back to silence."""
    for array in block.state:
        array[..., lanes] = 0


def write_block(
    writer: ConditionWriter, recording: "Recording | None", block: Block, first: int, session: Session, network: Network
) -> None:
    """Write the episodes of a block, padding left out."""
    n = min(LANES, len(session.keys) - first)
    trace, states = block.trace, block.trace.task_state.transpose(1, 0, 2)[:n]
    trials = trials_table(session.task, states)
    if recording is not None:
        recording.write(block, first, trials)
    writer.write(
        first,
        states[:, 0, [GOAL_X, GOAL_Y]],
        trials,
        position=states[..., [X, Y]],
        action=trace.action.transpose(1, 0, 2)[:n],
        reward=trace.reward.T[:n],
        value=block.record.y[:, network.columns("value").start].T[:n],
    )


class Recording:
    """Spikes of the first episodes of a condition, and state variables round the first find of some of them."""

    def __init__(self, group: h5py.Group, session: Session, network: Network):
        self.group, self.session, self.network = group, session, network
        self.spikes = SpikeWriter(group.create_group("spikes"), "neuron")
        self.inputs = SpikeWriter(group.create_group("input_spikes"), "input cell")
        self.windows: list[tuple[int, int, np.ndarray, np.ndarray]] = []

    def write(self, block: Block, first: int, trials: np.ndarray) -> None:
        """Keep what is wanted of a block whose first lane is episode `first`; trials: its table."""
        for lane in range(min(LANES, self.session.recorded - first)):
            for writer, bits in ((self.spikes, block.record.spikes), (self.inputs, block.record.input_spikes)):
                writer.write(first + lane, bits & np.uint8(1 << lane))
            rows = trials[(trials["episode"] == lane) & trials["found"]]
            if len(self.windows) < TRACED and len(rows):
                self._trace(block, lane, first + lane, int(rows["start_ms"][0] + rows["latency_ms"][0]))

    def _trace(self, block: Block, lane: int, episode: int, find_ms: int) -> None:
        width, n_neurons = min(WINDOW_MS, block.steps), self.network.config.n_neurons
        start = min(max(find_ms - BEFORE_MS, 0), block.steps - width)
        x = block.record.x[start : start + width, :, lane]
        b = np.zeros((width, n_neurons), x.dtype)
        for group in self.network.variables():
            if "b" in group:
                b[:, group["v"]] = x[:, group["b"]]
        self.windows.append((episode, start, x[:, :n_neurons].copy(), b))

    def finish(self) -> None:
        """Write what is complete only at the end."""
        self.spikes.finish()
        self.inputs.finish()
        if self.windows:
            episodes, starts, v, b = zip(*self.windows, strict=True)
            put_traces(
                self.group.create_group("traces"), np.array(episodes), np.array(starts), np.stack(v), np.stack(b)
            )


def run_swimmers(session: Session, result: h5py.File) -> None:
    """Every scripted swimmer; those that circle do so at the radius that is best on the first of the episodes."""
    circle = best_circle(session.keys[:CIRCLE_TRIED_ON], session.task)
    for name in SWIMMERS:
        group = result.create_group(name)
        if name in ("circling", "memory"):
            group.attrs["circle_radius"] = circle
        writer = ConditionWriter(group, session.keys, session.task.duration_ms, ("position", "action", "reward"))
        for first in range(0, len(session.keys), SWIMMERS_AT_ONCE):
            states, action, reward = swim(name, session.keys[first : first + SWIMMERS_AT_ONCE], session.task, circle)
            goal, position = states[:, 0, [GOAL_X, GOAL_Y]], states[..., [X, Y]]
            writer.write(
                first, goal, trials_table(session.task, states), position=position, action=action, reward=reward
            )
        writer.finish()
