"""Meta-training as a run: budget, progress, checkpoints, resuming (`lsnn train`)."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lsnn.blocks import Block, Threads
from lsnn.errors import InputError
from lsnn.files.folders import alone_in
from lsnn.files.network_file import save_network
from lsnn.forecast import check_memory, forecast, worker_forecast
from lsnn.interruption import Interruption, interruption
from lsnn.kernels.simd import LANES
from lsnn.learning.config import stages_of
from lsnn.learning.stages import Staged, to_come
from lsnn.learning.state import LearnerState
from lsnn.meta import MetaLearner, new_network
from lsnn.network import Network
from lsnn.progress import duration, meter, say
from lsnn.refine import origin_of, refined
from lsnn.seeds import TRAIN_BRANCH, VALIDATION_BRANCH, episode_keys
from lsnn.task import Task
from lsnn.training import CHECKPOINT as CHECKPOINT
from lsnn.training import CHECKPOINT_EVERY as CHECKPOINT_EVERY
from lsnn.training import NETWORK as NETWORK
from lsnn.training import VALIDATE_EVERY as VALIDATE_EVERY
from lsnn.training import VALIDATION_EPISODES as VALIDATION_EPISODES
from lsnn.training import validate
from lsnn.workers.cluster import Cluster
from tasks import registry
from tasks.experiment import Experiment, changed_sections, check_fit, open_network, overridden
from tasks.family import family_of
from tasks.own_file import own_file

Row = dict[str, float]


class Budget(NamedTuple):
    """Where a run ends, counted from its first iteration, over all its resumptions; None = no bound."""

    minutes: float | None = None
    iterations: int | None = None

    def __str__(self) -> str:
        return f"--minutes {self.minutes:g}" if self.iterations is None else f"--iterations {self.iterations}"

    def share(self, iterations: int, minutes: float) -> float:
        """How much of it is spent; 1 or more = all."""
        shares = [0.0]
        if self.minutes is not None:
            shares.append(minutes / self.minutes)
        if self.iterations is not None:
            shares.append(iterations / self.iterations)
        return max(shares)

    def seconds_left(self, iterations: int, minutes: float) -> float:
        """At the present pace."""
        share = self.share(iterations, minutes)
        return 60 * minutes * (1 - share) / share if share > 0 else math.inf


def budget_of(
    minutes: float | None, iterations: int | None, default_minutes: float, default_iterations: int | None = None
) -> Budget:
    """The budget asked for, or that of the preset; InputError if both are given or one is not above 0."""
    if minutes is not None and iterations is not None:
        raise InputError(f"--minutes and --iterations exclude each other, got {minutes:g} and {iterations}")
    if minutes is not None and not 0 < minutes < math.inf:
        raise InputError(f"--minutes must be > 0, got {minutes:g}")
    if iterations is not None and iterations < 1:
        raise InputError(f"--iterations must be >= 1, got {iterations}")
    if minutes is None and iterations is None:
        return Budget(None, default_iterations) if default_iterations else Budget(default_minutes)
    return Budget(minutes, iterations)


class Run(NamedTuple):
    """A piece of meta-training: what it starts from."""

    experiment: Experiment
    seed: int
    command: str
    network: Network
    history: list[Row]
    state: LearnerState | None


def fresh_run(experiment: Experiment, seed: int, command: str) -> Run:
    """From random weights; InputError for a network that cannot fit into memory, or a stage that cannot be entered."""
    check_stages(experiment)
    network = new_network(experiment.task, experiment.network, experiment.learning, seed)
    return Run(experiment, seed, command, network, [], None)


def check_stages(experiment: Experiment, iterations: int = 0) -> None:
    """InputError if what is trained now, or in a later stage, is unsound or does not fit into memory."""
    for task, learning in to_come(Staged(experiment.task, experiment.learning), experiment.network, iterations):
        check_memory(replace(experiment, task=task, learning=learning))


def check_resumed(
    path: Path, what: str, file: Any, stored: Any, task: str, preset: str | None, seed: int | None
) -> None:  # fmt: skip
    """InputError unless the file of `what` is a checkpoint, and task, preset and seed are those of its run."""
    if file.learner_state is None:
        raise InputError(f"{path}: must be a checkpoint ({CHECKPOINT}), got {what} without the state of its learning")
    if stored.task.name != task and not registry.is_file(task):
        raise InputError(f"{path}: must be of task {task}, got {stored.task.name}")
    if preset is not None:
        raise InputError(f"--preset must not be given with --resume, whose file has its configuration; got {preset!r}")
    if seed not in (None, file.seed):
        raise InputError(f"--seed must be that of {path}, {file.seed}, got {seed}")


def resumed_run(
    path: Path, task: str, preset: str | None, seed: int | None, settings: Sequence[str], command: str,
    task_changed: bool = False,
) -> Run:  # fmt: skip
    """From a checkpoint of a task; without settings it goes on to the bits of an unbroken run.

    Args:
        task: name of the family, or its file; task_changed: see `open_network`.

    Raises:
        InputError: no checkpoint, another task, preset or seed, or settings that need another network.
    """
    file, stored = open_network(path, task, task_changed)
    check_resumed(path, "a network", file, stored, task, preset, seed)
    experiment = overridden(stored, settings)
    if "network" in changed_sections(stored, experiment):
        raise InputError("--set network.* must not change a network that is resumed")
    assert file.learner_state is not None
    _check_new_stages(stored, experiment, file.learner_state.iteration)
    check_stages(experiment, file.learner_state.iteration)
    origin = origin_of(experiment.task.encoder, stored.task.encoder)
    if origin is not None:
        network, state = refined(file.network, file.learner_state, origin)
        file = file._replace(network=network, learner_state=state)
    check_fit(path, file, experiment)
    both = f"{file.command} ; {command}"
    return Run(experiment, file.seed, both, file.network, history_rows(file.history), file.learner_state)


def _check_new_stages(stored: Experiment, experiment: Experiment, iterations: int) -> None:
    """InputError for a stage that the checkpoint has not, and that would have begun by its iterations."""
    for text in experiment.learning.stages:
        if text not in stored.learning.stages and stages_of([text])[0].after <= iterations:
            rule = f"after more than the {iterations} iterations that are done, where it is not that of the checkpoint"
            raise InputError(f"learning.stages: a stage must begin {rule}, got {text!r}")


def history_rows(table: np.ndarray | None) -> list[Row]:
    """The rows of a history table."""
    if table is None:
        return []
    return [dict(zip(table.dtype.names or (), row, strict=True)) for row in table.tolist()]


def history_table(rows: Sequence[Row]) -> np.ndarray | None:
    """A row an iteration; (iterations,) structured, NaN where a column was not measured; None without a row."""
    if not rows:
        return None
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = np.full(len(rows), np.nan, [(name, np.float64) for name in names])
    for name in names:
        table[name] = [row.get(name, np.nan) for row in rows]
    return table


class Trained:
    """Meta-training in progress, whoever learns, and the files it leaves in a folder."""

    learner: Any  # an OuterLoop
    final = NETWORK  # the file at the end
    options = ""  # of the command, which a resumed run must have as well

    def __init__(self, task: Task, folder: Path, history: Sequence[Row]) -> None:
        self.folder, self.rows = folder, list(history)
        self.held: int | None = None  # descriptor of the folder
        self.whole = family_of(task).whole
        self.start_clock()

    def start_clock(self) -> None:
        """Time runs on from the end of the last iteration, what lies between is not counted."""
        self.started = time.monotonic() - 60 * self.last_minutes
        self.cpu_started = time.process_time()

    @property
    def last_minutes(self) -> float:
        """Spent by the end of the last iteration, as the history says."""
        return self.rows[-1]["minutes"] if self.rows else 0.0

    @property
    def minutes(self) -> float:
        """Spent on meta-training, earlier parts of a resumed run included."""
        return (time.monotonic() - self.started) / 60

    @property
    def core_minutes(self) -> float:
        """CPU time of this process since its clock began; workers have theirs."""
        return (time.process_time() - self.cpu_started) / 60

    def step(self) -> Row:
        """One iteration, with a test on the whole task every so often; its row of the history."""
        row = self.learner.step()
        if self.learner.iteration % VALIDATE_EVERY == 0:
            row |= {f"{self.whole}_{name}": value for name, value in self.validated().items()}
        row["minutes"] = self.minutes
        self.rows.append(row)
        return row

    def begin(self, budget: Budget) -> None:
        """Once, before the first iteration: compile, say what the run will need."""

    def validated(self) -> Row:
        """Measures on worlds kept for this, the task in its full difficulty."""
        raise NotImplementedError

    def save(self, name: str, state: LearnerState | None = None) -> Path:
        """Write the average or, with its learner's state, the present weights."""
        raise NotImplementedError

    def checkpoint(self) -> Path:
        """Write all that is needed to go on."""
        return self.save(CHECKPOINT, self.learner.state())


class Training(Trained):
    """Meta-training of a spiking network."""

    learner: MetaLearner

    def __init__(self, run: Run, folder: Path, threads: int | Threads | Cluster) -> None:
        self.run, experiment = run, run.experiment
        self.learner = MetaLearner(experiment.task, run.network, experiment.learning, run.seed, threads)
        if run.state is not None:
            self.learner.restore(run.state)
        super().__init__(experiment.task, folder, run.history)

    @property
    def experiment(self) -> Experiment:
        """What is trained at present: in the stage that it has come to."""
        return replace(self.run.experiment, task=self.learner.task, learning=self.learner.learning)

    def begin(self, budget: Budget) -> None:
        """Load the compiled code, say the forecast."""
        load_compiled(self.run.experiment, self.run.network)
        _say_forecast(self, budget)

    def validated(self) -> Row:
        """See `validate`."""
        return validate(self.learner)

    def save(self, name: str, state: LearnerState | None = None) -> Path:
        """Write the averaged network or, with its learner's state, the present one."""
        path, run = self.folder / name, self.run
        save_network(
            path,
            self.learner.network if state is not None else self.learner.averaged(),
            self.experiment.as_mapping(),
            run.seed,
            run.command,
            history_table(self.rows),
            state,
            self.held,
        )
        return path


def practice_of(seed: int) -> Callable[[int], np.ndarray]:
    """From a number to the keys of so many episodes of a network's own meta-training, for baselines to be tuned on."""
    return lambda count: episode_keys(seed, TRAIN_BRANCH, 0, count)


def load_compiled(experiment: Experiment, network: Network) -> None:
    """Compile the roll-out and its adjoint, or load them from the cache, saying so."""
    say("loading compiled code (the first time it is compiled, which takes up to 90 s) ...")
    start = time.monotonic()
    block, weights = Block(experiment.task, network, 2), network.weights()
    block.begin(experiment.task, np.arange(LANES, dtype=np.uint64))
    block.roll_out(weights, np.zeros(max(1, experiment.task.n_action)))
    n_neurons, c = network.config.n_neurons, network.config
    block.back(weights, np.zeros_like(block.record.y), np.zeros(n_neurons), c.surrogate_gamma, c.detach_reset)
    say(f"compiled code ready after {time.monotonic() - start:.1f} s")


def progress_line(task: Task, rows: Sequence[Row], best: float | None, budget: Budget) -> str:
    """The numbers that matter now; best: the oracle's score, None until the whole task was tested, or without one."""
    row, family = rows[-1], family_of(task)
    columns = family.history_of(task)
    score = columns[0]
    parts = [f"iteration {len(rows)}"]
    parts += [f"{column.label} {row[column.name]:{column.format}}" for column in columns]
    parts += [f"{row['rate_hz']:.0f} Hz"] if "rate_hz" in row else []
    parts += [f"level {row['level']:.2f}"]
    name = f"{family.whole}_{score.name}"
    tested = next((past[name] for past in reversed(rows) if math.isfinite(past.get(name, math.nan))), None)
    if tested is not None:
        share = f" = {tested / best:.2f} of the oracle" if best else ""
        parts.append(f"whole task {tested:{score.format}}{share}")
    parts.append(f"{duration(budget.seconds_left(len(rows), row['minutes']))} left")
    return " | ".join(parts)


def _say_forecast(training: Training, budget: Budget) -> None:
    run, hands = training.run, training.learner.threads
    validates = budget.iterations is None or budget.iterations >= VALIDATE_EVERY
    threads = hands.count if isinstance(hands, Threads) else None
    say(str(forecast(run.experiment, run.network, validates, threads)))
    if isinstance(hands, Cluster):
        say(worker_forecast(run.experiment, run.network, len(hands.workers), sum(hands.workers.values())))


def checked_interval(iterations: int | None) -> int:
    """Iterations from checkpoint to checkpoint; InputError unless 1 or more."""
    if iterations is not None and iterations < 1:
        raise InputError(f"--checkpoint-every must be >= 1, got {iterations}")
    return iterations or CHECKPOINT_EVERY


def train(
    run: Run, budget: Budget, folder: Path, threads: int | Threads | Cluster, checkpoint_every: int | None = None
) -> tuple[Path, int]:
    """Meta-train within a budget; leaves `checkpoint.lsnn.h5` and, at the end, `network.lsnn.h5` in the folder.

    Args:
        threads: how many, or whoever else works on blocks (`runs.training.crew.crew`).
        checkpoint_every: iterations from checkpoint to checkpoint, by default CHECKPOINT_EVERY; no bit depends on it.

    Returns:
        the path of the network, and the number of the signal that ended the run early, or 0.
    """
    return carried_out(Training(run, folder, threads), budget, checkpoint_every)


def carried_out(training: Trained, budget: Budget, checkpoint_every: int | None = None) -> tuple[Path, int]:
    """A training to the end of its budget; files and what is returned as of `train`."""
    begun = training.learner.iteration
    with alone_in(training.folder) as training.held, interruption() as interrupted:
        training.checkpoint()
        training.begin(budget)
        training.start_clock()
        _iterate(training, budget, interrupted, checked_interval(checkpoint_every))
        if interrupted.signal is None:
            training.learner.require_beginning()
        training.checkpoint()
        path = training.save(training.final)
    spent = f"{training.learner.iteration} iterations, {duration(60 * training.minutes)}"
    if interrupted.signal is None:
        if training.learner.iteration == begun:
            say(f"{budget} had been spent already: no further iteration")
        say(f"meta-trained for {spent} ({training.core_minutes:.1f} core-minutes of this process): {path}")
        return path, 0
    own = own_file(training.learner.task)
    task = training.learner.task.name if own is None else own.path
    resume = f"lsnn train {task}{training.options} {budget} --resume {training.folder / CHECKPOINT}"
    say(f"stopped by {interrupted.signal.name} after {spent}; go on with: {resume}")
    return path, int(interrupted.signal)


def _iterate(training: Trained, budget: Budget, interrupted: Interruption, checkpoint_every: int) -> None:
    learner, best, task = training.learner, None, training.learner.task
    family = family_of(learner.task)
    with meter() as shown:
        while not interrupted.signal and budget.share(learner.iteration, training.last_minutes) < 1:
            row = training.step()
            if learner.task != task:
                best, task = None, learner.task
            if learner.iteration % checkpoint_every == 0:
                training.checkpoint()
            if family.oracle and best is None and learner.iteration % VALIDATE_EVERY == 0:
                keys = episode_keys(learner.seed, VALIDATION_BRANCH, 0, VALIDATION_EPISODES)
                best = family.best_score(learner.task, keys, practice_of(learner.seed))
                training.start_clock()
            share = budget.share(learner.iteration, row["minutes"])
            shown.show(share, progress_line(learner.task, training.rows, best, budget))
