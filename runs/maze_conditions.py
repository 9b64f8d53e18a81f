"""The conditions of the water maze's test: the network, its controls, the scripted swimmers."""

from collections.abc import Sequence

import h5py
import numpy as np

from lsnn.blocks import Block
from lsnn.kernels.layout import Weights
from lsnn.kernels.simd import LANES
from lsnn.network import Network
from runs.evaluate import NETWORKS, Condition, Session, SpikeRecording, policy_of, roll_outs, zero_state
from runs.progress import Meter
from runs.result_file import ConditionWriter, put_traces
from tasks.water_maze import WaterMaze
from tasks.water_maze.baselines import SWIMMERS, best_circle, swim
from tasks.water_maze.dynamics import GOAL_X, GOAL_Y, OTHER_X, OTHER_Y, RADIUS, REST, TRIAL, WAIT, X, Y
from tasks.water_maze.trials import optimal_steps, trials_table

EPISODES = 512
CONDITIONS = NETWORKS
YARDSTICKS = SWIMMERS  # always run, whatever conditions are asked for
TRACED = 4
BEFORE_MS, WINDOW_MS = 150, 500
SWIMMERS_AT_ONCE, CIRCLE_TRIED_ON = 64, 128


def run_conditions(session: Session, result: h5py.File, names: Sequence[str], shown: Meter) -> None:
    """The named conditions of the network, then every swimmer, on the same episodes."""
    for number, name in enumerate(names):
        run_network(session, result.create_group(name), name, shown, number / len(names), 1 / len(names))
    shown.show(1.0, "scripted swimmers")
    run_swimmers(session, result)


def run_network(session: Session, group: h5py.Group, name: str, shown: Meter, done: float, share: float) -> None:
    """One condition of a network, from its first episode to its last."""
    network = session.network_of(name)
    writer = ConditionWriter(group, session.keys, session.task.duration_ms, ("position", "action", "reward", "value"))
    recording = Recording(group, session, network) if name == "frozen" and session.recorded else None
    for first, block in roll_outs(session, group, name, _swim, shown, done, share):
        write_block(writer, recording, block, first, session, network)
    writer.finish()
    if recording is not None:
        recording.finish()


def _swim(block: Block, session: Session, network: Network, weights: Weights, condition: Condition) -> None:
    """Roll out one block of episodes that has begun."""
    policy = policy_of(session, network, condition)
    if not condition.reset:
        block.roll_out(weights, **policy)
        return
    while block.t < block.steps:
        trial = block.task_state[:, TRIAL].copy()
        steps = min(int(steps_to_set_down(session.task, block.task_state).min()), block.steps - block.t)
        block.roll_out(weights, steps=steps, **policy)
        zero_state(block, block.task_state[:, TRIAL] > trial)


def steps_to_set_down(task: WaterMaze, states: np.ndarray) -> np.ndarray:
    """Steps within which no animal can be set down, the last excepted, (lanes,); states (lanes, N_STATE)."""
    x, y = states[:, X], states[:, Y]
    distances = [np.hypot(x - states[:, a], y - states[:, b]) for a, b in ((GOAL_X, GOAL_Y), (OTHER_X, OTHER_Y))]
    search = optimal_steps(task, np.minimum(*distances), states[:, RADIUS]) + task.shortest_pause(states[:, REST])
    return np.where(states[:, WAIT] > 0, states[:, WAIT], search).astype(int)


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
        states[:, 0, RADIUS],
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
        self.spikes = SpikeRecording(group, session.recorded)
        self.windows: list[tuple[int, int, np.ndarray, np.ndarray]] = []

    def write(self, block: Block, first: int, trials: np.ndarray) -> None:
        """Keep what is wanted of a block whose first lane is episode `first`; trials: its table."""
        self.spikes.write(block, first)
        for lane in range(min(LANES, self.session.recorded - first)):
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
            goal, trials = states[:, 0, [GOAL_X, GOAL_Y]], trials_table(session.task, states)
            arrays = {"position": states[..., [X, Y]], "action": action, "reward": reward}
            writer.write(first, goal, states[:, 0, RADIUS], trials, **arrays)
        writer.finish()
