"""Episodes of a task under a frozen network: `lsnn.Simulation` and `lsnn.simulate`."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, NoReturn
from weakref import finalize

import numpy as np

from lsnn.acting import Acting
from lsnn.blocks import Block, Threads
from lsnn.circuits.circuit import Circuit
from lsnn.circuits.in_task import CircuitInTask
from lsnn.errors import InputError
from lsnn.files.whole import refuse_inputs
from lsnn.forecast import require_memory
from lsnn.forms import form_of_task, parameters_of, require_task
from lsnn.gym_blocks import EnvironmentTask
from lsnn.interruption import postponed
from lsnn.kernels.simd import LANES
from lsnn.network import Network
from lsnn.seeds import MOST_EPISODES, TEST_BRANCH, episode_keys
from lsnn.simulation.frozen import FrozenNetwork, Policy, groups_with, network_in, variables_of
from lsnn.simulation.record import Kept, SimulationRecord, joined
from lsnn.simulation.state import StateView, positions
from lsnn.task import Task
from lsnn.validation import is_integer, keys_of, numbers_of, path_of, require, require_flag, require_integer

if TYPE_CHECKING:
    from lsnn.simulation.record_file import Filing

MOST_THREADS = 1024
SEGMENT = 64  # steps of which state variables are held where none is recorded
PIECE = 1000  # steps of every episode between two looks at whether Ctrl-C was pressed


class Simulation:
    """Episodes side by side that may be stopped, looked at, changed and continued.

    The episodes are those of `lsnn test` with the same seed. The weights do not change. By default the policy's mean
    (or its most likely choice) acts.

        sim = lsnn.Simulation(network, task, episodes=8)
        sim.run(1000)
        sim.state["b"][:, "adaptive"] = 0
        sim.run()
        sim.record.trials

    Threads of one's own may share it: each call waits until those before it are done.

    Args:
        network: what `lsnn.load` gives, or a `lsnn.network.Network`; or a `lsnn.Circuit` with the input cells of the
            task's encoder and a readout whose first columns act, as it is now; it runs in double precision.
        task: what `tasks.load` gives, or any other `lsnn.task.Task` with compiled dynamics.
        episodes: how many. seed: of the episodes.
        record: names of state variables to record beside the spikes.
        sampled: whether actions are drawn from the policy as in meta-training.
        duration_ms: how long the episodes can be run; none = the task's own.
        threads: how many run at once.
        keys: (E,) uint64, of the episodes, in place of their number and seed.
        record_to: a file that all is recorded to while it runs, in bounded memory, for `lsnn.open_record`; it appears
            whole when the last step was run, or not at all. `record` reads it then.
        overwrite: whether a file that exists is replaced.

    Raises:
        InputError: an argument breaks its rule, the network has not the inputs and readouts of the task, or so many
            episodes of such a length do not fit into memory; or no place for a file.
    """

    __slots__ = (
        "_keys", "_network", "_task", "_recorded", "_duration_ms", "_policy", "_weights", "_threads", "_blocks",
        "_state", "_lock", "_filing", "__weakref__",
    )  # fmt: skip

    def __init__(
        self, network: FrozenNetwork | Network | Circuit, task: Task, episodes: int = LANES, seed: int = 0, *,
        record: Sequence[str] = (), sampled: bool = False, duration_ms: int | None = None, threads: int = 1,
        keys: np.ndarray | None = None, record_to: str | Path | None = None, overwrite: bool = False,
    ) -> None:  # fmt: skip
        self._keys = keys_of_episodes(episodes, seed, keys)
        require_flag("overwrite", overwrite)
        place = None if record_to is None else _place_of(record_to, network)
        self._network, policy = acting(network)
        if isinstance(task, EnvironmentTask):
            raise InputError(f"task {task.name}: an environment of Gymnasium's is run by `lsnn test`, not from here")
        form_of_task(task)
        self._task = task
        self._recorded = recorded_variables(self.network, record)
        require_flag("sampled", sampled)
        if isinstance(self._network, CircuitInTask):
            self._network.require_task(task, sampled)
        require_integer("threads", threads, 1, MOST_THREADS)
        if duration_ms is not None:
            require_integer("duration_ms", duration_ms, 1, 2**31 - 1)
        self._duration_ms = int(duration_ms or task.duration_ms)
        log_std = self.network.log_std if len(self.network.log_std) else np.zeros(max(1, task.n_action))
        self._policy: dict[str, Any] = {
            "log_std": log_std if sampled else np.full_like(log_std, -np.inf), "hold": policy.hold_ms,
            "mean_norm": policy.mean_norm if sampled else np.inf,
        }  # fmt: skip
        self._weights, self._threads, self._lock = self.network.weights(self._dtype), Threads(threads), RLock()
        piece = self._duration_ms if place is None else self._piece()
        self._blocks = self._made_blocks(piece)
        self._filing: Filing | None = None
        for block, part in zip(self._blocks, self._by_block(self.keys), strict=True):
            block.begin(task, part)
        self._state = StateView(self.network, self._blocks, len(self.keys), self._at_rest)
        if place is not None:
            self._filing = self._begin_file(place, piece, _known(seed), overwrite)

    def _by_block(self, keys: np.ndarray) -> np.ndarray:
        """The keys (blocks, 8), the last one as often as need be."""
        return np.concatenate([keys, np.repeat(keys[-1:], -len(keys) % LANES)]).reshape(-1, LANES)

    def _block(self, steps: int) -> Block:
        """One whose record has room for so many steps."""
        ways: dict[str, Any] = {"segment": 0 if self._recorded else SEGMENT, "keep_states": True, "finite": True}
        return Block(self._task, self._network, steps, dtype=self._dtype, gradient=False, **ways)

    @property
    def _dtype(self) -> type:
        """The precision that the network runs in."""
        return self._network.form.dtype

    def _piece(self) -> int:
        """Steps that are held before they are written."""
        from lsnn.simulation.record_file import piece_of

        return piece_of(-(-len(self._keys) // LANES) * self._block(1).nbytes, self._duration_ms)

    def _begin_file(self, place: Path, piece: int, seed: int, overwrite: bool) -> "Filing":
        """The file of the record; it is dropped with the simulation, unless it was completed."""
        from lsnn.simulation.record_file import Filing

        filing = Filing(place, self, self._duration_ms, piece, seed, overwrite)
        finalize(self, filing.drop)
        return filing

    def _made_blocks(self, steps: int) -> list[Block]:
        """The blocks of all episodes, with room for so many steps; InputError where there is no memory for them."""
        count = -(-len(self._keys) // LANES)
        what = f"{LANES * count} episodes of {steps} ms, side by side,"
        blocks: list[Block] = []
        try:
            blocks.append(self._block(steps))
            require_memory(what, count * blocks[0].nbytes)
            blocks += [self._block(steps) for _ in range(count - 1)]
        except MemoryError as error:
            raise InputError(f"{what} do not fit into memory: {error}") from error
        return blocks

    def __reduce__(self) -> NoReturn:
        """No copy: InputError. One with the same arguments that is run as far has the same state."""
        raise InputError("a simulation cannot be copied or pickled; make another one with the same arguments")

    # What it is made of, and may not be given another

    @property
    def network(self) -> Acting:
        """The network; of a circuit what stands for it, `network.circuit`."""
        return self._network

    @property
    def task(self) -> Task:
        """The task as it is now, see `change_task`."""
        return self._task

    @property
    def keys(self) -> np.ndarray:
        """Keys of the episodes, (E,) uint64, a copy."""
        return self._keys.copy()

    @property
    def duration_ms(self) -> int:
        """How long the episodes can be run."""
        return self._duration_ms

    @property
    def state(self) -> StateView:
        """The state variables of all neurons, by name."""
        return self._state

    def __repr__(self) -> str:
        return f"<simulation of {self.n_episodes} episodes of {self.task.name} at {self.t} of {self.duration_ms} ms>"

    @property
    def n_episodes(self) -> int:
        """How many episodes run side by side."""
        return len(self._keys)

    @property
    def t(self) -> int:
        """Time that is over, in ms; the state is that before the step of this number."""
        return min(map(self._steps_over, self._blocks))

    def run(self, duration: Any = None) -> "Simulation":
        """Go on for so long (a number in ms, or a Brian2 quantity), by default to the end; returns itself.

        After Ctrl-C some episodes may be further on than others; the next run takes all of them to its end.

        Raises:
            InputError: longer than what is left. DivergedError: a state variable is no longer finite.
        """
        with self._lock, postponed() as look:
            left = self.duration_ms - self.t
            steps = left if duration is None else steps_of(duration)
            rule = f"at most {left}: the record has {self.duration_ms}, {self.t} are over"
            require(steps <= left, "steps", rule, steps)
            end = self.t + steps
            while True:
                now = min(end, self.t + PIECE, self._filing.end if self._filing else end)
                self._threads.map(lambda block: self._go_on(block, now, look), self._blocks)  # noqa: B023
                if self._filing is not None:
                    self._filing.follow(self)
                if now == end:
                    return self

    def _steps_over(self, block: Block) -> int:
        """Steps of its episodes that are over."""
        return int(block.t + (block.before if self._filing else 0))

    def _go_on(self, block: Block, end: int, look: Callable[[], None]) -> None:
        """Take a block to a step, unless Ctrl-C was pressed."""
        look()
        block.roll_out(self._weights, steps=max(0, end - self._steps_over(block)), **self._policy)

    @contextmanager
    def _at_rest(self) -> Iterator[None]:
        """Nobody else runs or changes the simulation; InputError where its episodes have come to different times."""
        with self._lock:
            ends = sorted(set(map(self._steps_over, self._blocks)))
            rule = "at one time; a run was broken off, so run() it on first"
            require(len(ends) == 1, "the episodes of the simulation", rule, ends)
            yield

    # What an experiment does to the state

    def _lanes(self, episodes: Any) -> np.ndarray:
        """The chosen episodes in every block, (blocks, 8) bool."""
        chosen, _ = positions("episodes", slice(None) if episodes is None else episodes, self.n_episodes)
        lanes = np.zeros(len(self._blocks) * LANES, bool)
        lanes[chosen] = True
        return lanes.reshape(-1, LANES)

    def erase(self, *parts: str, episodes: Any = None) -> None:
        """Put parts of the state back to where they are at the start of an episode; none named = all of it.

        Args:
            parts: state variables, "refractory", "delay_lines" (spikes under way), "readout".
            episodes: which; none = all.
        """
        chosen = self._lanes(episodes)
        whole = [(name, np.arange(len(array))) for name, array in self._blocks[0].state._asdict().items()]
        rows = self.state.rows_of(parts) if parts else whole
        with self._at_rest():
            for block, lanes in zip(self._blocks, chosen, strict=True):
                start = block.at_rest()
                for name, places in rows:
                    here, there = getattr(block.state, name), getattr(start, name)
                    here[places] = np.where(lanes, there[places], here[places])

    def swap(self, *parts_and_episodes: Any) -> None:
        """Exchange parts of the state of two episodes: `swap("b", 0, 1)`; without a name all of it: `swap(0, 1)`."""
        *parts, first, second = parts_and_episodes if len(parts_and_episodes) > 1 else (*parts_and_episodes, None, None)
        places = []
        for name, episode in (("first", first), ("second", second)):
            require_integer(f"the {name} episode of swap", episode, 0, self.n_episodes - 1)
            places.append(divmod(int(episode), LANES))
        (one, a), (other, b) = places
        arrays = self.state.rows_of(parts)
        with self._at_rest():
            for name, rows in arrays:
                left, right = (getattr(self._blocks[block].state, name) for block in (one, other))
                left[rows, ..., a], right[rows, ..., b] = right[rows, ..., b].copy(), left[rows, ..., a].copy()

    # What an experiment does to the world

    @property
    def task_state(self) -> np.ndarray:
        """The task's state before the next step, (episode, number), a copy; to be set as a whole."""
        with self._at_rest():
            return np.concatenate([block.task_state for block in self._blocks])[: self.n_episodes]

    @task_state.setter
    def task_state(self, values: Any) -> None:
        states = numbers_of("task_state", values, (self.n_episodes, self.task.n_state))
        with self._at_rest():
            kept = (states == self.task_state) | np.isfinite(states)
            require(bool(kept.all()), "task_state", "finite numbers", states[~kept])
            for number, block in enumerate(self._blocks):
                own = states[number * LANES : (number + 1) * LANES]
                block.task_state[: len(own)] = own

    def change_task(self, task: Task) -> None:
        """From the next step on the world follows these settings; episodes, states and network are kept.

        Raises:
            InputError: a task of another family, or with other numbers of inputs, actions or states.
        """
        require_task(task, self._blocks[0].of_task)
        with self._at_rest():
            self._task = task
            for block in self._blocks:
                block.parameters = parameters_of("parameters of the task", task)
                block.encoder = parameters_of("parameters of the encoder", task.encoder)

    # What it leaves

    @property
    def left_bytes(self) -> int:
        """Bytes of a record of all its time, beside the spikes."""
        trace, record = self._blocks[0].trace, self._blocks[0].record
        arrays = [
            trace.action,
            trace.reward,
            trace.acted,
            trace.task_state,
            record.y,
            *([record.x] if self._recorded else []),
        ]
        return len(self._blocks) * sum(array.nbytes for array in arrays)

    @property
    def record(self) -> SimulationRecord:
        """What was recorded so far; it stays as it is when the simulation goes on.

        Raises:
            InputError: nothing was run yet; or it goes to a file, and not all was run yet.
        """
        if self._filing is not None:
            return self._filing.record(self.t)
        require(self.t > 0, "a simulation", "run before its record is asked for", f"one at {self.t} ms")
        counts = [LANES] * (len(self._blocks) - 1) + [self.n_episodes - LANES * (len(self._blocks) - 1)]
        with self._at_rest():
            parts = [self._kept(block, count) for block, count in zip(self._blocks, counts, strict=True)]
        return SimulationRecord(self.task, self.network, self.keys, joined(parts), self.task.encoder.channels)

    def _kept(self, block: Block, count: int) -> Kept:
        """Copies of what a block recorded of its first lanes."""
        trace, record, t = block.trace, block.record, block.t
        slots = {
            name: np.concatenate([np.arange(s.start, s.stop) for _, s in groups_with(self.network, name)])
            for name in self._recorded
        }
        state = {name: record.x[:t, rows, :count].transpose(2, 0, 1).copy() for name, rows in slots.items()}
        return Kept(
            spikes=rows_of(record.spikes[:t], count),
            input_spikes=rows_of(record.input_spikes[:t], count),
            action=trace.action[:t, :count].swapaxes(0, 1).copy(),
            reward=trace.reward[:t, :count].T.copy(),
            acted=trace.acted[:t, :count].T.copy(),
            readout=record.y[:t, :, :count].transpose(2, 0, 1).copy(),
            task_state=trace.task_state[: t + 1, :count].swapaxes(0, 1).copy(),
            state=state,
        )


def _place_of(record_to: str | Path, network: object) -> Path:
    """Where a record is written; InputError if that is the file of the network."""
    place = path_of("record_to", record_to)
    if isinstance(network, FrozenNetwork) and network.path is not None:
        refuse_inputs(place, [network.path])
    return place


def _known(seed: Any) -> int:
    """The seed as a file names it; it is not looked at where keys are given."""
    return int(seed) if is_integer(seed) and 0 <= seed < 2**63 else 0


def rows_of(bits: np.ndarray, count: int) -> np.ndarray:
    """Spikes of the first lanes of (T, cells) bytes as rows (3, S): lane, step, cell, in that order."""
    found = [np.nonzero(bits & np.uint8(1 << lane)) for lane in range(count)]
    lanes = [np.full(len(steps), lane) for lane, (steps, _) in enumerate(found)]
    parts = [np.stack([lane, *spikes]) for lane, spikes in zip(lanes, found, strict=True)]
    return np.concatenate(parts, axis=1).astype(np.int32)


def acting(network: object) -> tuple[Acting, Policy]:
    """What runs of what was given for a network, and its policy; a circuit as it is now."""
    return (CircuitInTask(network), Policy()) if isinstance(network, Circuit) else network_in(network)


def recorded_variables(network: Acting, names: Any) -> tuple[str, ...]:
    """The state variables asked for, each once; spikes are always recorded and may be named."""
    rule = 'a tuple of names, as ("v", "b")'
    require(isinstance(names, Iterable) and not isinstance(names, str), "record", rule, names)
    known, found = variables_of(network), tuple(names)
    for name in found:
        require(isinstance(name, str) and name in (*known, "spikes"), "record", f"of {', '.join(known)}", name)
    return tuple(name for name in dict.fromkeys(found) if name != "spikes")


def steps_of(duration: Any) -> int:
    """Steps of 1 ms in a duration: a number in ms, or a quantity of time of Brian2's.

    Raises:
        InputError: it is none, or no whole number of steps.
    """
    if hasattr(duration, "dim") and hasattr(duration, "has_same_dimensions"):
        from brian2 import ms, second

        require(duration.has_same_dimensions(second) and np.ndim(duration) == 0, "duration", "a time", duration)
        duration = round(float(duration / ms), 9)
    if isinstance(duration, float | np.floating) and float(duration).is_integer():
        duration = int(duration)
    require(is_integer(duration) and 0 <= duration < 2**31, "duration", "whole ms >= 0", duration)
    return int(duration)


def simulate(
    network: FrozenNetwork | Network | Circuit, task: Task, episodes: int = 100, seed: int = 0, *,
    record: Sequence[str] = (), sampled: bool = False, duration_ms: int | None = None, threads: int = 1,
    keys: np.ndarray | None = None, record_to: str | Path | None = None, overwrite: bool = False,
) -> SimulationRecord:  # fmt: skip
    """Run episodes from start to end and return what they left; other arguments as for `Simulation`.

    Block after block is run and let go, so that as many episodes can be run as what they leave has room. With
    `record_to` no more than a piece of time of one block is in memory: for what is too long or too much for it.

    Args:
        record_to: a file that all is recorded to, for `lsnn.open_record`; it appears whole or not at all. What comes
            back reads it. overwrite: whether one that exists is replaced.

    Raises:
        InputError: as of `Simulation`, or no place for a file. StoreError: it could not be written.
    """
    require_integer("threads", threads, 1, MOST_THREADS)
    require_flag("overwrite", overwrite)
    whole, size = keys_of_episodes(episodes, seed, keys), LANES * threads
    names = recorded_variables(acting(network)[0], record)
    ways: dict[str, Any] = {"record": names, "sampled": sampled, "threads": threads}
    if record_to is not None:
        place = _place_of(record_to, network)
        return _recorded_to(place, network, task, whole, _known(seed), duration_ms, ways, overwrite)
    ways["duration_ms"] = duration_ms
    portions = [whole[first : first + size] for first in range(0, len(whole), size)]
    first = Simulation(network, task, keys=portions[0], **ways)
    require_memory(f"what {len(whole)} episodes of {first.duration_ms} ms leave", 2 * len(portions) * first.left_bytes)
    left = first.run().record
    del first
    return left.followed_by([Simulation(network, task, keys=part, **ways).run().record for part in portions[1:]])


def _recorded_to(
    path: Path, network: FrozenNetwork | Network | Circuit, task: Task, keys: np.ndarray, seed: int,
    duration_ms: int | None, ways: Mapping[str, Any], overwrite: bool,
) -> SimulationRecord:  # fmt: skip
    """A record that is written while it comes about."""
    from lsnn.simulation.record_file import FiledRecord, write_record

    def make(chosen: np.ndarray, steps: int) -> Simulation:
        return Simulation(network, task, keys=chosen, duration_ms=steps, **ways)

    write_record(path, make, keys, task, duration_ms, ways["threads"], seed, overwrite)
    return FiledRecord(path, task)


def keys_of_episodes(episodes: int, seed: int, keys: np.ndarray | None) -> np.ndarray:
    """Keys of so many episodes of the test's branch, or those given."""
    if keys is not None:
        found = keys_of("keys", keys)
        require(0 < len(found) <= MOST_EPISODES, "keys", f"1 to {MOST_EPISODES} of them", found)
        return found
    require_integer("episodes", episodes, 1, MOST_EPISODES)
    require_integer("seed", seed, 0, 2**63 - 1)
    return episode_keys(int(seed), TEST_BRANCH, 0, int(episodes))
