"""The contract of a task family: all that the commands need to know of it, in one frozen dataclass.

A family is a module or a package directly in `tasks/`, or a file of one's own, that defines `FAMILY = Family(...)`.
Only `task`, `trials` and `measures` have no default. Arrays are over E episodes of T steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from lsnn.configuration import to_mapping
from lsnn.errors import InputError
from lsnn.validation import require, require_kind, require_number
from tasks.own_file import dependence, own_file

if TYPE_CHECKING:
    from lsnn.learning.config import LearningConfig
    from lsnn.network import NetworkConfig

Knows = Literal["nothing", "the prior", "the latent"]

DEFAULT_PRESET = "compact"
LARGEST = 1e12  # no result is greater
TRIAL_COLUMNS = {
    "episode": ("1", "number of the episode"),
    "trial": ("1", "number of the trial in its episode, from 0"),
    "start_ms": ("ms", "the step before which the trial begins"),
    "end_ms": ("ms", "the step before which it has ended"),
}


class Trace(NamedTuple):
    """What a policy did in E episodes of T steps: action (E, T, A), reward and acted (E, T)."""

    action: np.ndarray
    reward: np.ndarray
    acted: np.ndarray


def trials_over(trace: Trace, trials: int, length_ms: int) -> int:
    """How many of an episode's trials, all of one length, are over at the end of a record."""
    return min(trials, trace.reward.shape[1] // length_ms)


def require_acted(trace: Trace, episodes: np.ndarray, steps: np.ndarray) -> None:
    """InputError unless in these episodes (n,) just these steps (n,), up to the last of them, have actions that matter.

    Others have where the state of the task was changed in mid-episode: what is read at fixed steps is then no answer.
    """
    wanted = np.zeros_like(trace.acted, bool)
    wanted[episodes, steps] = True
    last = np.full(len(wanted), -1)
    np.maximum.at(last, episodes, steps)
    known = np.arange(trace.reward.shape[1]) <= last[:, None]
    if np.any((trace.acted != wanted) & known):
        raise InputError(
            "trials cannot be told of episodes whose task_state was changed so that they come at other times than the "
            "task has them"
        )


def require_every_acted(trace: Trace, steps: np.ndarray) -> None:
    """The same of all episodes, which have the same steps (n,)."""
    episodes = np.repeat(np.arange(len(trace.acted)), len(steps))
    require_acted(trace, episodes, np.tile(steps, len(trace.acted)))


@dataclass(frozen=True)
class Measure:
    """What is measured of a trial or of an episode.

    Args:
        name: in files and code. label: in figures. unit: as in `units`, "1" for none. format: of its numbers.
        better: which of two values is the better one.
        chance: its value for who knows nothing and tries nothing, if there is such a number.
        column: of the trials table; none = the one of that name.
        per: "trial": the mean over trials; "episode": the sum over the trials of an episode, then the mean.
        censored: a column that is False where the trial was cut off, so that the measure is only a bound.
        among: a column that is True in the trials that count; none = all of them.
    """

    name: str
    label: str
    unit: str = "1"
    format: str = ".3g"
    better: Literal["high", "low"] = "high"
    chance: float | None = None
    column: str | None = None
    per: Literal["trial", "episode"] = "trial"
    censored: str | None = None
    among: str | None = None

    def __post_init__(self) -> None:
        for key in ("name", "label", "unit", "format"):
            require(isinstance(getattr(self, key), str), f"{key} of a measure", "a text", getattr(self, key))
        require(self.name != "", "name of a measure", "a text with a letter in it", self.name)
        for key in ("column", "censored", "among"):
            value = getattr(self, key)
            require(value is None or isinstance(value, str), f"{key} of measure {self.name}", "a text", value)
        require(self.better in ("high", "low"), f"better of measure {self.name}", "'high' or 'low'", self.better)
        require(self.per in ("trial", "episode"), f"per of measure {self.name}", "'trial' or 'episode'", self.per)
        if self.chance is not None:
            require_number(f"chance of measure {self.name}", self.chance, -LARGEST, LARGEST)
        try:
            format(0.5, self.format)
        except ValueError as error:
            raise InputError(f"format of measure {self.name} must be one of floats, got {self.format!r}") from error

    def counted(self, trials: np.ndarray) -> np.ndarray:
        """The rows of a table of trials that count."""
        return trials if self.among is None else trials[trials[self.among].astype(bool)]

    def of(self, trials: np.ndarray, episodes: int) -> float:
        """Its value over all trials of so many episodes; NaN without a trial."""
        values = np.asarray(self.counted(trials)[self.column or self.name], float)
        if self.per == "episode":
            return float(values.sum() / episodes)
        return float(values.mean()) if len(values) else float("nan")

    def by_episode(self, trials: np.ndarray, episodes: int) -> np.ndarray:
        """Its value in each episode, (episodes,); NaN in one without a trial where it is a mean over trials."""
        trials = self.counted(trials)
        values = np.asarray(trials[self.column or self.name], float)
        total = np.bincount(trials["episode"], weights=values, minlength=episodes)
        if self.per == "episode":
            return total
        count = np.bincount(trials["episode"], minlength=episodes)
        return np.divide(total, count, out=np.full(episodes, np.nan), where=count > 0)


class Played(NamedTuple):
    """What a baseline leaves of E episodes.

    Args:
        trials: as `Family.trials` gives them.
        recordings: name to (E, ...), as in `Family.recordings`; more of them (an action, a reward) may be there.
        notes: what is to be kept of how it played: name to number.
    """

    trials: np.ndarray
    recordings: Mapping[str, np.ndarray] = {}
    notes: Mapping[str, float] = {}


@dataclass(frozen=True)
class Baseline:
    """A scripted or analytic policy that a result is read beside.

    Args:
        knows: what it is told of an episode.
        play: (task, keys (E,) uint64) -> `Played`; with `practice` it is given a third argument, keys of meta-training.
        practice: the number of episodes of meta-training that it is tuned on.
        applies: task -> whether it says something of this one that others do not; none = always.
        held: (task, keys, ms) -> `Played`, each action held so long, as an agent's is: what deciding more seldom
            costs. None = it costs nothing, as there is one action a trial.
    """

    label: str
    knows: Knows
    play: Callable[..., Played]
    practice: int = 0
    applies: Callable[[Any], bool] | None = None
    held: Callable[[Any, np.ndarray, int], Played] | None = None


@dataclass(frozen=True)
class Variant:
    """Settings of the task that a test goes through: keywords of the task.

    Args:
        applies: task -> whether the test of this one goes through it; none = always.
    """

    label: str
    settings: Mapping[str, Any]
    applies: Callable[[Any], bool] | None = None


@dataclass(frozen=True)
class Latent:
    """What an episode hides.

    Args:
        labels: a name a number, or a function of the task that gives them.
        of: (task, states (E, T + 1, n_state)) -> (E, numbers).
        moments: (task, states) -> (E,) the step from which a policy can know it, -1 for never; none = not said, and the
            study takes it to be known once a trial is over.
        asked: (task, trials) -> (rows,) the step before which each trial begins to ask for it: between what tells of it
            and this step the study intervenes; none = the start of the trial.
        by_trial: (task, trials) -> (rows, numbers) what each trial asks for, where it is another in every trial.
        changes: task -> whether it is; none = it is in all tasks of a family that has `by_trial`.
        error: (task, latent (rows, numbers), trials (rows,), states (rows, n_state) at the last step of each trial) ->
            (rows,) how far from what that latent asks for each trial was. With it the study says whose latent behaviour
            follows, an animal's own or that of another; none = it tells the score alone.
        hide: (task, states (n, n_state)) -> the same with nothing left that the input would say of the latent in the
            trial that is about to ask for it; none = it says nothing.
    """

    labels: tuple[str, ...] | Callable[[Any], tuple[str, ...]]
    unit: str
    of: Callable[[Any, np.ndarray], np.ndarray]
    moments: Callable[[Any, np.ndarray], np.ndarray] | None = None
    asked: Callable[[Any, np.ndarray], np.ndarray] | None = None
    by_trial: Callable[[Any, np.ndarray], np.ndarray] | None = None
    error: Callable[[Any, np.ndarray, np.ndarray, np.ndarray], np.ndarray] | None = None
    hide: Callable[[Any, np.ndarray], np.ndarray] | None = None
    changes: Callable[[Any], bool] | None = None

    def labels_of(self, task: Any) -> tuple[str, ...]:
        """A name a number."""
        return self.labels(task) if callable(self.labels) else self.labels

    def by_trial_of(self, task: Any) -> Callable[[Any, np.ndarray], np.ndarray] | None:
        """What tells the latent of each trial, if it is another in every trial of this task."""
        return self.by_trial if self.changes is None or self.changes(task) else None


@dataclass(frozen=True)
class Recording:
    """An array a step that a test may keep of some episodes.

    Args:
        of: (task, states (E, T + 1, n_state), trace) -> (E, T + extra_rows, ...).
        extra_rows: 1 where the state after the last step has a row as well.
        labels: of the numbers of a step, where there are several.
    """

    unit: str
    description: str
    of: Callable[[Any, np.ndarray, Trace], np.ndarray]
    extra_rows: Literal[0, 1] = 0
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preset:
    """A named experiment: a network, the way it learns, keywords of the task, and after how many iterations it ends
    where nobody says when (none: after 10 minutes)."""

    network: NetworkConfig
    learning: LearningConfig
    task: Mapping[str, Any] = field(default_factory=dict)
    iterations: int | None = None


def _a_ms(task: Any) -> int:
    return 1


def _nothing(task: Any, states: np.ndarray) -> dict[str, np.ndarray]:
    return {}


@dataclass(frozen=True)
class Environment:
    """What is a family's own in its Gymnasium environments; the classes are those of `tasks.environment`.

    Args:
        doc: the docstring of the environment, under Gymnasium's headings; none = one made of the family's title.
        observation: task -> Box or MultiBinary; none = the range of the encoder, to which observations are clipped.
        action: task -> Discrete where the policy chooses, else a Box; none = Discrete, or a Box from -1 to 1. Where
            the network's readout answers (action_kind "none"), the action is the answer.
        info: (task, states (n, n_state)) -> name to array (n, ...), what `info` holds beside the episode's key.
        step_ms: task -> how many steps of the task one of the environment lasts, all under the same action; rewards
            add up, and what is observed is what comes after them.
        keywords: those of the task that the environment takes; none = all.
        settings: keywords of the task that are others than its defaults here.
        draw: (task, states (k, n_state), t) -> RGB (pixels, pixels, 3); the states are those of the episode up to
            now (of many side by side the present one alone), t is in ms. None = what was observed, as a raster.
        fps: pictures a second of a film.
    """

    doc: str | None = None
    observation: Callable[[Any], Any] | None = None
    action: Callable[[Any], Any] | None = None
    info: Callable[[Any, np.ndarray], dict[str, np.ndarray]] = _nothing
    step_ms: Callable[[Any], int] = _a_ms
    keywords: tuple[str, ...] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    draw: Callable[[Any, np.ndarray, int], np.ndarray] | None = None
    fps: int = 4


def family_of(task: Any) -> Family:
    """The family that a task carries, see `Family`."""
    found: Family = task.family
    return found


@dataclass(frozen=True)
class Family:
    """A task family; its task class is given it as the attribute `family`.

    Args:
        task: the dataclass of its configuration, a `lsnn.task.Task`.
        trials: (task, states (E, T + 1, n_state), trace) -> structured array, a row a trial, in order of episode and
            trial, with at least the columns of TRIAL_COLUMNS and those of the measures.
        measures: what is measured; the first is the score.
        title, question: what a page says is asked.
        columns: unit and description of the other columns of the trials.
        history: the measures of `Task.metrics` that the progress of meta-training shows; the first is the score under
            the name it has there. Empty: all of them, the first as the score.
        whole: what columns of the history that hold a test on the whole task begin with.
        presets: by name; `DEFAULT_PRESET` is the default. Without any, a small network for any task.
        baselines: by name, from the least to the most informed.
        oracle: the name of the baseline whose score counts as 1; none where the best score is known to be 0 or 1.
        variants: by name, what a test goes through; none = the task as it is.
        recordings: by name, what a test may keep beside actions, rewards, values and spikes.
        conditions: names of the networks' conditions; none = all that apply, see `network_conditions`.
        trial_counter: index of the number of the state that counts the trials: whenever it changes, the condition
            `state_reset` zeroes the network's state; none = there is no such condition.
        steps_to_trial: (task, states (n, n_state)) -> (n,) steps within which the counter cannot change but in the last
            one, at least 1; a lower bound, for speed. None = every step is looked at.
        environment: spaces, docstring and drawing of its Gymnasium environments; none = made of the task alone.
        decision_ms: task -> how long the decision of an agent (agents/) lasts; none = a step of its environment.
        episodes: how many a test has.
    """

    task: type[Any]
    trials: Callable[[Any, np.ndarray, Trace], np.ndarray]
    measures: tuple[Measure, ...]
    title: str = ""
    question: str = ""
    columns: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    history: tuple[Measure, ...] = ()
    whole: str = "whole_task"
    presets: Mapping[str, Preset] = field(default_factory=dict)
    baselines: Mapping[str, Baseline] = field(default_factory=dict)
    oracle: str | None = None
    variants: Mapping[str, Variant] = field(default_factory=dict)
    latent: Latent | None = None
    recordings: Mapping[str, Recording] = field(default_factory=dict)
    conditions: tuple[str, ...] | None = None
    trial_counter: int | None = None
    steps_to_trial: Callable[[Any, np.ndarray], np.ndarray] | None = None
    environment: Environment | None = None
    decision_ms: Callable[[Any], int] | None = None
    episodes: int = 512

    def __post_init__(self) -> None:
        for key in ("trials", "steps_to_trial"):
            value = getattr(self, key)
            fits = callable(value) or (value is None and key != "trials")
            require(fits, f"{key} of the family {self.task.name}", "a function", value)
        require_kind(f"measures of the family {self.task.name}", self.measures, tuple)
        for measure in self.measures:
            require_kind(f"a measure of the family {self.task.name}", measure, Measure)
        for name, baseline in self.baselines.items():
            require_kind(f"baseline {name!r} of the family {self.task.name}", baseline, Baseline)
        if not self.measures:
            raise InputError(f"measures of the family {self.task.name} must name the score at least, got none")
        if self.oracle is not None and self.oracle not in self.baselines:
            known = ", ".join(self.baselines) or "none"
            raise InputError(f"oracle must be one of the baselines ({known}), got {self.oracle!r}")
        if "family" not in vars(self.task):  # one made from it later leaves it alone
            self.task.family = self

    @property
    def name(self) -> str:
        """On the command line and in files."""
        return str(self.task.name)

    @property
    def score(self) -> Measure:
        """The measure that a network is judged by."""
        return self.measures[0]

    def mapping(self, task: Any) -> dict[str, Any]:
        """Every key of a task of this family as JSON holds them; of one from a file of one's own, that file's name and
        the hash of what a network depends on of it."""
        own, encoder = own_file(task), {"kind": type(task.encoder).__name__, **to_mapping(task.encoder)}
        origin = {} if own is None else {"file": own.path.name, "sha256": dependence(task)}
        return {"name": task.name, **origin, **to_mapping(task), "encoder": encoder}

    def network_conditions(self, task: Any) -> tuple[str, ...]:
        """Names of the networks' conditions that the test of a task has."""
        if self.conditions is not None:
            return self.conditions
        samples = ("frozen_sampled",) if task.action_kind != "none" else ()
        reset = ("state_reset",) if self.trial_counter is not None else ()
        return ("frozen", *samples, *reset, "untrained")

    def baselines_of(self, task: Any) -> dict[str, Baseline]:
        """The baselines that the test of a task has, by name."""
        return {name: one for name, one in self.baselines.items() if one.applies is None or one.applies(task)}

    def variants_of(self, task: Any) -> dict[str, Variant]:
        """The variants that the test of a task goes through, by name."""
        return {name: one for name, one in self.variants.items() if one.applies is None or one.applies(task)}

    def decision_ms_of(self, task: Any) -> int:
        """How long one decision of an agent lasts."""
        if self.decision_ms is not None:
            return self.decision_ms(task)
        return 1 if self.environment is None else self.environment.step_ms(task)

    def preset(self, name: str = DEFAULT_PRESET) -> Preset:
        """The preset of that name; InputError for an unknown one."""
        if not self.presets and name == DEFAULT_PRESET:
            from lsnn.learning.config import LearningConfig
            from tasks.presets import SMALL

            return Preset(SMALL, LearningConfig(curriculum=False))
        if name not in self.presets:
            known = ", ".join(self.presets or (DEFAULT_PRESET,))
            raise InputError(f"--preset must be one of {known} for {self.name}, got {name!r}")
        return self.presets[name]

    def table(self, task: Any, states: np.ndarray, trace: Trace) -> np.ndarray:
        """What `trials` gives of those that are over, with whole numbers in TRIAL_COLUMNS.

        Raises:
            InputError: as of `sound_trials`, or `trials` cannot be told of a record that ends before the episode does.
        """
        who, steps = f"trials of the family {self.name}", states.shape[1] - 1
        try:
            given = self.trials(task, states, trace)
        except IndexError as error:
            if steps >= task.duration_ms:
                raise
            rule = f"{who} cannot be told of {steps} ms of an episode of {task.duration_ms} ms"
            raise InputError(f"{rule}: {error}") from error
        table = self.sound_trials(who, given, len(states))
        return table[table["end_ms"] <= steps]

    def sound_trials(self, who: str, given: object, episodes: int) -> np.ndarray:
        """A table of trials of so many episodes, with whole numbers in TRIAL_COLUMNS.

        Raises:
            InputError: it is no table, lacks a column, holds what are no numbers, or its rows are not one a trial, in
                order of episode and trial, each of which ends after it begins.
        """
        found = np.asarray(given)
        among = [measure.among for measure in self.measures if measure.among]
        needed = (*TRIAL_COLUMNS, *(measure.column or measure.name for measure in self.measures), *among)
        rule = f"{who} must give a structured array with the columns {', '.join(needed)}"
        if missing := [name for name in needed if name not in (found.dtype.names or ())]:
            raise InputError(f"{rule}, lacks {', '.join(missing)}")
        kinds = {name: found.dtype[name] for name in found.dtype.names or ()}
        if found.ndim != 1 or any(kind.kind not in "biuf" or kind.shape for kind in kinds.values()):
            got = f"shape {found.shape} of {found.dtype!s:.200}"
            raise InputError(f"{rule} and a number a column in each row, got {got}")
        for name in TRIAL_COLUMNS:
            values = found[name]
            whole = np.isfinite(values) & (values >= 0) & (values < 2**31) & (values == np.floor(values))
            if not whole.all():
                raise InputError(f"{who} must give whole numbers from 0 on as {name}, got {values[~whole][0]}")
        for name in needed[len(TRIAL_COLUMNS) :]:
            values = found[name].astype(float)
            if not (holds := np.abs(values) <= LARGEST).all():
                bounds = f"numbers from {-LARGEST:g} to {LARGEST:g}"
                raise InputError(f"{who} must give {bounds} as {name}, got {values[~holds][0]}")
        _check_rows(who, found, episodes)
        narrow = {name: np.dtype(np.int32) for name in TRIAL_COLUMNS if kinds[name].kind not in "iu"}
        return found.astype(list((kinds | narrow).items())) if narrow else found

    def history_of(self, task: Any) -> tuple[Measure, ...]:
        """The measures of `Task.metrics` that progress shows; the first is the score."""
        if self.history:
            return self.history
        shape = (1, task.duration_ms)
        names = task.metrics(np.zeros(shape), np.ones(shape, bool))
        return tuple(Measure(name, name.replace("_", " ")) for name in names)

    def play(self, name: str, task: Any, keys: np.ndarray, practice: Callable[[int], np.ndarray]) -> Played:
        """Let a baseline play; practice: from a number to the keys of so many episodes of meta-training."""
        baseline = self.baselines[name]
        played = baseline.play(task, keys, *([practice(baseline.practice)] if baseline.practice else []))
        who = f"the baseline {name} of the family {self.name}"
        if not isinstance(played, Played):
            raise InputError(f"{who} must give a tasks.family.Played, got {played!r:.80}")
        return played._replace(trials=self.sound_trials(who, played.trials, len(keys)))

    def best_score(self, task: Any, keys: np.ndarray, practice: Callable[[int], np.ndarray]) -> float:
        """The oracle's score on these episodes; 1 without an oracle, so that a share of it is the score itself."""
        if self.oracle is None:
            return 1.0
        return self.score.of(self.play(self.oracle, task, keys, practice).trials, len(keys))

    def units_of(self, table: np.ndarray) -> tuple[dict[str, str], dict[str, str]]:
        """Unit and description of every column of a table of trials."""
        measured = {measure.column or measure.name: (measure.unit, measure.label) for measure in self.measures}
        names = table.dtype.names or ()
        known = {name: (measured | dict(TRIAL_COLUMNS) | dict(self.columns)).get(name, ("1", "")) for name in names}
        return (
            {name: unit for name, (unit, _) in known.items()},
            {name: text or name.replace("_", " ") for name, (_, text) in known.items()},
        )


def _check_rows(who: str, trials: np.ndarray, episodes: int) -> None:
    """InputError unless every row is a trial of its own, in order, of one of so many episodes."""
    episode, trial, start, end = (trials[name].astype(np.int64) for name in TRIAL_COLUMNS)
    first = np.diff(episode, prepend=-1) > 0
    rules = {
        f"rows of episodes 0..{episodes - 1}": episode < episodes,
        "rows in order of the episode": np.diff(episode, prepend=0) >= 0,
        "a row for each of the trials 0, 1, ... of an episode": trial == np.where(first, 0, np.roll(trial, 1) + 1),
        "trials that end after they begin": start < end,
        "trials that begin once the one before has ended": first | (start >= np.roll(end, 1)),
    }
    for rule, holds in rules.items():
        if not holds.all():
            row = int(np.flatnonzero(~holds)[0])
            got = ", ".join(f"{name} {trials[name][row]:g}" for name in TRIAL_COLUMNS)
            raise InputError(f"{who} must give {rule}, got {got} in row {row}")
