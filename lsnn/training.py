"""Meta-training from Python: `lsnn.train`, the same iterations as those of the command `lsnn train`.

A task is an object that carries its family (`tasks/family.py`), which knows presets, measures and how a task is written
to a file; that is all that is asked of it here.
"""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas

from lsnn.configuration import from_mapping, to_mapping
from lsnn.errors import InputError, Interrupted
from lsnn.files.folders import alone_in, output_folder
from lsnn.files.network_file import load_network, save_network
from lsnn.forecast import check_memory
from lsnn.forms import form_of_task
from lsnn.interruption import postponed
from lsnn.kernels.simd import LANES
from lsnn.learning import calls, descent
from lsnn.learning.config import LearningConfig
from lsnn.learning.stages import Staged, passed, to_come
from lsnn.learning.state import LearnerState
from lsnn.meta import MetaLearner, new_network
from lsnn.network import Network, NetworkConfig
from lsnn.progress import duration, meter
from lsnn.seeds import VALIDATION_BRANCH, episode_keys
from lsnn.simulation.frozen import FrozenNetwork, Policy
from lsnn.task import Task
from lsnn.validation import path_of, require, require_flag, require_integer, require_number

CHECKPOINT, NETWORK = "checkpoint.lsnn.h5", "network.lsnn.h5"
CHECKPOINT_EVERY, VALIDATE_EVERY, VALIDATION_EPISODES = 25, 60, 64
MINUTES = 10.0  # where neither these nor iterations are given

T = TypeVar("T")
Row = dict[str, float]


class Plan(NamedTuple):
    """What is trained, on what, how, from which seed."""

    task: Task
    network: NetworkConfig
    learning: LearningConfig
    seed: int
    command: str

    @property
    def config(self) -> dict[str, Any]:
        """Task, network and learning as a file holds them."""
        family: Any = getattr(self.task, "family", None)
        sections = {"network": to_mapping(self.network), "learning": to_mapping(self.learning)}
        return {"task": family.mapping(self.task), **sections}

    def in_stage(self, present: Staged) -> "Plan":
        """The plan with task and learning of a stage."""
        return self._replace(task=present.task, learning=present.learning)

    def frozen(self, network: Network, history: pandas.DataFrame, path: Path | None = None) -> FrozenNetwork:
        """A network that it has come to."""
        policy = Policy(self.learning.hold_ms, self.learning.mean_norm or np.inf)
        return FrozenNetwork(
            network, path=path, command=self.command, seed=self.seed, history=history, policy=policy,
            config=self.config,
        )  # fmt: skip


@dataclass(frozen=True)
class TrainingRun:
    """What `lsnn.train` leaves.

    Attributes:
        network: with the weights averaged over the last iterations, frozen.
        history: a row an iteration, those of what it went on from included.
        checkpoint: a file to go on from, None without a folder.
    """

    network: FrozenNetwork
    history: pandas.DataFrame
    checkpoint: Path | None
    state: Any = field(repr=False)  # to go on from: the network that learns, and its LearnerState

    def __repr__(self) -> str:
        where = "" if self.checkpoint is None else f", {self.checkpoint}"
        return f"<training of {len(self.history)} iterations on {self.network.task['name']}{where}>"


def train(
    task: Task,
    preset: str = "compact",
    iterations: int | None = None,
    minutes: float | None = None,
    *,
    seed: int = 0,
    network: Mapping[str, Any] | None = None,
    learning: Mapping[str, Any] | None = None,
    threads: int = 2,
    folder: str | Path | None = None,
    checkpoint_every: int = CHECKPOINT_EVERY,
    overwrite: bool = False,
    resume: "TrainingRun | str | Path | None" = None,
    progress: bool = True,
) -> TrainingRun:
    """Meta-train a network on a task: `lsnn.train`. The same bits as `lsnn train` with the same settings and seed.

    Ctrl-C ends it after its iteration with an `lsnn.Interrupted`, whose `so_far` is what it would have returned then.

    Args:
        task: of `tasks.load`, or any task that carries a family.
        preset: of the family, for network and learning; the settings of the task are its own.
        iterations, minutes: where it ends, all that it goes on from included; if neither is given, the preset's own
            number of iterations or 10 minutes.
        network, learning: settings in place of the preset's, as `{"n_adaptive": 60}`.
        threads: no bit depends on them.
        folder: where `checkpoint.lsnn.h5` is left, every so many iterations and at the end, and `network.lsnn.h5`; the
            command goes on from them as well. Without one nothing is written; `run.network.save(path)` does.
        overwrite: whether the folder may hold a run already.
        resume: what an earlier call left, or the path of a checkpoint; it goes on to the bits of an unbroken run.

    Raises:
        InputError: an argument that breaks its rule, or another task, preset or seed than that of `resume`.
        DivergedError: no iteration has had a finite gradient. StoreError: a file that could not be written.
    """
    _budget(iterations, minutes)
    require_integer("seed", seed, 0, 2**63 - 1)
    require_integer("threads", threads, 1, 1024)
    require_integer("checkpoint_every", checkpoint_every, 1)
    for name, flag in (("overwrite", overwrite), ("progress", progress)):
        require_flag(name, flag)
    plan, begun = _begun(plan_of(task, preset, int(seed), network or {}, learning or {}), resume)
    work = _Work(plan, begun, int(threads))
    with ExitStack() as stack:
        if folder is not None:
            own = isinstance(resume, str | Path) and Path(resume).parent.resolve() == Path(folder).resolve()
            files = (CHECKPOINT, NETWORK)
            work.folder = output_folder(path_of("folder", folder), "", files, overwrite or own)
            work.held = stack.enter_context(alone_in(work.folder))
        if iterations is None and minutes is None:
            iterations = task.family.preset(preset).iterations  # type: ignore[attr-defined]
        work.run(_budget(iterations, minutes), int(checkpoint_every), progress)
        return work.left()


class _Budget(NamedTuple):
    iterations: float
    minutes: float

    def share(self, iterations: int, minutes: float) -> float:
        return max(iterations / self.iterations, minutes / self.minutes)


def _budget(iterations: Any, minutes: Any) -> _Budget:
    require(iterations is None or minutes is None, "minutes", "none where iterations are given", minutes)
    if iterations is not None:
        require_integer("iterations", iterations, 1, 10**9)
        return _Budget(int(iterations), math.inf)
    if minutes is not None:
        require_number("minutes", minutes, 1e-9, 1e9)
    return _Budget(math.inf, MINUTES if minutes is None else float(minutes))


def plan_of(task: Task, preset: str, seed: int, network: Mapping[str, Any], learning: Mapping[str, Any]) -> Plan:
    """What is trained: the preset of the task's family with these settings in place of its own.

    Raises:
        InputError: no task, one without a family, an unknown preset or setting, or a run that memory has no room for.
    """
    form_of_task(task)
    family: Any = getattr(task, "family", None)
    if family is None:
        raise InputError(f"task {task.name} carries no family, which would know its presets")
    require(isinstance(preset, str), "preset", "the name of one of the family's", preset)
    chosen = family.preset(preset)
    nets = _settings(NetworkConfig, chosen.network, network, "network")
    learns = _settings(LearningConfig, chosen.learning, learning, "learning")
    require(nets.dt_ms == 1.0, "network.dt_ms", "1, the step of every task", nets.dt_ms)
    plan = Plan(task, nets, learns, seed, f"lsnn.train({task.name!r}, preset={preset!r}, seed={seed})")
    for present in to_come(Staged(task, learns), nets):
        check_memory(plan.in_stage(present))
    return plan


def _settings(kind: type[T], preset: T, given: Mapping[str, Any], section: str) -> T:
    require(isinstance(given, Mapping), section, "a mapping of settings to values", given)
    plain = {key: value.item() if isinstance(value, np.generic) else value for key, value in given.items()}
    return from_mapping(kind, to_mapping(preset) | plain, section)


class _Begun(NamedTuple):
    """What a run starts from."""

    network: Network
    rows: list[Row]
    state: LearnerState | None
    command: str


def _begun(plan: Plan, resume: Any) -> tuple[Plan, _Begun]:
    """Random weights, or where an earlier run has come to, and the plan in its stage.

    Raises:
        InputError: an earlier run of another plan.
    """
    if resume is None:
        return plan, _Begun(new_network(plan.task, plan.network, plan.learning, plan.seed), [], None, plan.command)
    if isinstance(resume, TrainingRun):
        network, state = resume.state
        old, config = resume.network, resume.network.config
        begun, seed = _Begun(network, resume.history.to_dict("records"), state, old.command), old.seed
    else:
        file = load_network(path_of("resume", resume))
        if file.learner_state is None or file.history is None:
            raise InputError(f"{resume}: must be a checkpoint ({CHECKPOINT}) of a run that has begun")
        rows = pandas.DataFrame(file.history).to_dict("records")
        config, seed = file.config, file.seed
        begun = _Begun(file.network, rows, file.learner_state, file.command)
    plan = plan.in_stage(passed(Staged(plan.task, plan.learning), len(begun.rows)))
    found = {"task": config.get("task")} | {
        name: to_mapping(from_mapping(kind, config.get(name, {}), name))  # keys that older files lack
        for name, kind in (("network", NetworkConfig), ("learning", LearningConfig))
    }
    other = [name for name, values in plan.config.items() if values != found[name]]
    other += ["seed"] if seed != plan.seed else []
    require(not other, "resume", "of the same task, preset, settings and seed", f"one with another {', '.join(other)}")
    return plan, begun


class _Work:
    """A run in progress."""

    def __init__(self, plan: Plan, begun: _Begun, threads: int) -> None:
        self.first, self.rows = plan._replace(command=begun.command), begun.rows
        self.folder: Path | None = None
        self.held: int | None = None  # descriptor of the folder
        network = begun.network
        self.learner = MetaLearner(plan.task, descent.copied(network), plan.learning, plan.seed, threads)
        if begun.state is not None:
            self.learner.restore(begun.state)
        self.whole = plan.task.family.whole  # type: ignore[attr-defined]
        self.started = time.monotonic() - 60 * self.minutes

    @property
    def plan(self) -> Plan:
        """What is trained at present: in the stage that it has come to."""
        return self.first.in_stage(Staged(self.learner.task, self.learner.learning))

    @property
    def minutes(self) -> float:
        """Spent by the end of the last iteration."""
        return self.rows[-1]["minutes"] if self.rows else 0.0

    def run(self, end: _Budget, checkpoint_every: int, progress: bool) -> None:
        """To the end of the budget; Interrupted after the iteration in which Ctrl-C was pressed."""
        try:
            with meter() as shown, postponed() as look:
                for share in self._iterations(end, checkpoint_every):
                    look()
                    if progress:
                        shown.show(share, self._line(share))
        except KeyboardInterrupt as error:
            raise Interrupted("lsnn.train", self.left()) from error
        self.learner.require_beginning()

    def _iterations(self, end: _Budget, checkpoint_every: int) -> Iterator[float]:
        """One after the other; the share of the budget that is spent after each."""
        while end.share(len(self.rows), self.minutes) < 1:
            row = self.learner.step()
            if self.learner.iteration % VALIDATE_EVERY == 0:
                row |= {f"{self.whole}_{name}": value for name, value in validate(self.learner).items()}
            row["minutes"] = (time.monotonic() - self.started) / 60
            self.rows.append(row)
            if self.learner.iteration % checkpoint_every == 0:
                self._save()
            yield min(1.0, end.share(len(self.rows), self.minutes))

    def _line(self, share: float) -> str:
        row, columns = self.rows[-1], self.plan.task.family.history_of(self.plan.task)  # type: ignore[attr-defined]
        told = [f"{column.label} {row[column.name]:{column.format}}" for column in columns]
        left = duration(60 * self.minutes * (1 - share) / share)
        return " | ".join([f"iteration {len(self.rows)}", *told, f"level {row['level']:.2f}", f"{left} left"])

    def left(self) -> TrainingRun:
        """What it would return now."""
        history, checkpoint = pandas.DataFrame(self.rows), None
        if self.folder is not None:
            self._save()
            checkpoint = self.folder / CHECKPOINT
        path = None if self.folder is None else self.folder / NETWORK
        frozen = self.plan.frozen(descent.copied(self.learner.averaged()), history, path)
        return TrainingRun(frozen, history, checkpoint, (descent.copied(self.learner.network), self.learner.state()))

    def _save(self) -> None:
        if self.folder is None:
            return
        table = pandas.DataFrame(self.rows).to_records(index=False)
        plan, state = self.plan, self.learner.state()
        for name, network, learner in (
            (CHECKPOINT, self.learner.network, state), (NETWORK, self.learner.averaged(), None)
        ):  # fmt: skip
            path = self.folder / name
            save_network(path, network, plan.config, plan.seed, plan.command, table, learner, self.held)


def validate(learner: MetaLearner) -> Row:
    """Measures of the averaged network, mean policy, on worlds kept for this, the task in its full difficulty."""
    keys = episode_keys(learner.seed, VALIDATION_BRANCH, 0, VALIDATION_EPISODES)
    return learner.task.metrics(*averaged_on(learner, learner.task, keys))


def averaged_on(learner: MetaLearner, task: Task, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the averaged network earns by its mean policy, and where it acts, both (E, T).

    Args:
        task: the learner's own, or one as long of the same family.
        keys: (E,) uint64, a multiple of 8.
    """
    weights, parts = learner.averaged().weights(), list(keys.reshape(-1, LANES))
    mean = np.full(max(1, task.n_action), -np.inf)
    run = partial(calls.roll_out, task=task, weights=weights, log_std=mean, hold=1, network=calls.bare(learner.network))
    rolled: list[calls.Rolled] = []
    learner.threads.begin()
    for first in range(0, len(parts), len(learner.blocks)):
        part = parts[first : first + len(learner.blocks)]
        rolled += learner.threads.map(run, learner.blocks[: len(part)], part)
    reward, acted = (np.concatenate([getattr(block, name) for block in rolled]) for name in ("reward", "acted"))
    return reward, acted
