"""Many runs of meta-training over settings and seeds (`lsnn sweep SPEC.toml`); SPEC: docs/guide/sweeps.md.

Each cell, a combination of settings with a seed, is `lsnn train` in a process and a folder of its own, so that it can
be repeated by hand and whatever ends it is met by the rest as a line of the summary. The same command goes on with
what a broken sweep left.
"""

import itertools
import json
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lsnn.configuration import from_mapping
from lsnn.errors import InputError
from lsnn.whole import refuse_inputs, write_whole
from runs.configuration import Experiment, open_network, overridden, preset
from runs.folders import alone_in, busy, require_same, writable
from runs.interruption import Interruption, interruption
from runs.progress import say
from runs.train import CHECKPOINT, NETWORK, Budget, budget_of
from tasks.family import DEFAULT_PRESET

SPEC, FAILURE, LOG, SUMMARY, FIGURE = "sweep.toml", "failure.json", "log.txt", "summary.h5", "summary.png"
MOST_CELLS = 100_000
TABLES = ("fixed", "grid", "random", "variants")
ITERATIONS = "iterations"  # the one key of a variant that is none of the configuration: a budget of its own


@dataclass(frozen=True)
class Plain:
    """The keys of a specification that are no tables."""

    task: str
    preset: str = DEFAULT_PRESET
    iterations: int | None = None
    minutes: float | None = None
    seeds: tuple[int, ...] = (0, 1, 2)
    samples: int = 0
    draw_seed: int = 0
    episodes: int = 64


@dataclass(frozen=True)
class Spec(Plain):
    """What a sweep runs; its tables are mappings of configuration keys ("network.beta")."""

    fixed: Mapping[str, Any] = field(default_factory=dict)
    grid: Mapping[str, list[Any]] = field(default_factory=dict)
    random: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def budget(self) -> Budget:
        """Of each cell that has none of its own."""
        return budget_of(self.minutes, self.iterations, default_minutes=10.0)

    @property
    def varied(self) -> list[str]:
        """Keys in which combinations of [grid] and [random] differ."""
        return [*self.grid, *self.random]


class Cell(NamedTuple):
    """One run: number of its combination or variant `group`, its settings, seed and budget."""

    group: int
    settings: dict[str, Any]
    seed: int
    budget: Budget

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.group:03d}-seed{self.seed}"


# What SPEC.toml holds


def read_spec(path: Path) -> Spec:
    """The checked specification; InputError names the file and the key."""
    return read_spec_and_text(path)[0]


def read_spec_and_text(path: Path) -> tuple[Spec, bytes]:
    """The checked specification and the bytes of its file, which is read once: it may be a pipe."""
    try:
        text = path.read_bytes()
        values = tomllib.loads(text.decode())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{path}: must be a TOML file, got: {error}") from error
    try:
        return spec_of(values), text
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def spec_of(values: Mapping[str, Any]) -> Spec:
    """The specification in these values, checked as far as it can be without running a cell."""
    tables = {name: values.get(name, {}) for name in TABLES}
    for name, table in tables.items():
        _require(isinstance(table, dict), name, "must be a table of configuration keys", table)
    rest = {key: value for key, value in values.items() if key not in TABLES}
    known = [item.name for item in fields(Plain)]
    for key in rest:
        _require(key in known, key, f"is no key; known: {', '.join([*known, *TABLES])}", rest[key])
    _require("task" in rest, "task", "must be given", None)
    for name, settings in tables["variants"].items():
        _require(isinstance(settings, dict) and bool(settings), f"variants.{name}", "must be a table of keys", settings)
    flat = {name: _flattened(tables[name], depth=1 if name == "random" else 0) for name in ("fixed", "grid", "random")}
    flat["variants"] = {name: _flattened(settings, depth=0) for name, settings in tables["variants"].items()}
    spec = Spec(**vars(from_mapping(Plain, rest, "sweep")), **flat)
    _check(spec)
    return spec


def _require(holds: bool, key: str, rule: str, value: Any) -> None:
    if not holds:
        raise InputError(f"{key} {rule}, got {value!r:.80}")


def _flattened(table: Mapping[str, Any], depth: int, prefix: str = "") -> dict[str, Any]:
    """Nested tables as dotted keys; with depth 1 the innermost tables are values."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        nested = isinstance(value, dict) and (depth == 0 or any(isinstance(v, dict) for v in value.values()))
        flat |= _flattened(value, depth, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return flat


def _check(spec: Spec) -> None:
    spec.budget  # noqa: B018  raises for a bad one
    _require(len(spec.seeds) > 0, "seeds", "must not be empty", spec.seeds)
    _require(len(set(spec.seeds)) == len(spec.seeds), "seeds", "must differ", spec.seeds)
    _require(all(0 <= seed < 2**63 for seed in spec.seeds), "seeds", "must lie in 0..2**63 - 1", spec.seeds)
    _require(0 <= spec.draw_seed < 2**63, "draw_seed", "must lie in 0..2**63 - 1", spec.draw_seed)
    _require(spec.episodes >= 1, "episodes", "must be >= 1", spec.episodes)
    _require(
        (spec.samples > 0) == bool(spec.random), "samples", "must be > 0 with [random] and only then", spec.samples
    )
    for name in TABLES:
        for key, value in getattr(spec, name).items():
            _require(_is_plain(value), f"{name}.{key}", "must hold texts, finite numbers, true or false", value)
    for key, choices in spec.grid.items():
        _require(isinstance(choices, list) and len(choices) > 0, f"grid.{key}", "must be a list of values", choices)
    for key, law in spec.random.items():
        _check_law(f"random.{key}", law)
    keys = [*spec.fixed, *spec.varied]
    _require(len(set(keys)) == len(keys), "fixed, grid, random", "must not share a key", sorted(keys))
    _require(not (spec.variants and spec.varied), "variants", "must not stand beside [grid] or [random]", spec.varied)
    known = _keys_of(preset(spec.task, spec.preset))
    for name, changed in spec.variants.items():
        iterations = changed.get(ITERATIONS, 1)
        whole = isinstance(iterations, int) and not isinstance(iterations, bool) and iterations >= 1
        _require(whole, f"variants.{name}.{ITERATIONS}", "must be a whole number >= 1", iterations)
    for key in [*keys, *(key for changed in spec.variants.values() for key in changed if key != ITERATIONS)]:
        _require(key in known or key.startswith("task.encoder."), key, "must be a key of the configuration", key)
    count = spec.samples or 1
    for choices in [spec.seeds, *spec.grid.values()]:
        count *= len(choices)
    count *= 1 + len(spec.variants)
    _require(count <= MOST_CELLS, "the sweep", f"must have at most {MOST_CELLS} cells", count)


def _is_plain(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def _keys_of(experiment: Experiment) -> set[str]:
    return {f"{section}.{key}" for section, values in experiment.as_mapping().items() for key in values}


def _check_law(place: str, law: Any) -> None:
    kind = next(iter(law)) if isinstance(law, dict) and len(law) == 1 else None
    _require(kind in LAWS, place, f"must be one of {', '.join(LAWS)} = [...]", law)
    values = law[kind]
    _require(isinstance(values, list) and len(values) > 0, place, "must have a list of values", values)
    if kind != "choice":
        numbers = all(isinstance(v, int | float) and not isinstance(v, bool) and np.isfinite(v) for v in values)
        whole = kind != "integers" or all(isinstance(v, int) and abs(v) < 2**62 for v in values)
        _require(len(values) == 2 and numbers and whole, place, "must have two numbers [low, high]", values)
        _require(values[0] < values[1], place, "must have low < high", values)
        _require(kind != "log_uniform" or values[0] > 0, place, "must have low > 0", values)


LAWS = {
    "uniform": lambda generator, v: float(generator.uniform(v[0], v[1])),
    "log_uniform": lambda generator, v: float(np.exp(generator.uniform(np.log(v[0]), np.log(v[1])))),
    "integers": lambda generator, v: int(generator.integers(v[0], v[1], endpoint=True)),
    "choice": lambda generator, v: v[int(generator.integers(len(v)))],
}


def cells_of(spec: Spec) -> list[Cell]:
    """All cells, in order: samples of [random] x combinations of [grid] x seeds, or (reference, variants) x seeds."""
    if spec.variants:
        changes = [{}, *spec.variants.values()]
    else:
        combinations = itertools.product(_samples(spec), itertools.product(*spec.grid.values()))
        changes = [dict(zip(spec.grid, chosen, strict=True)) | sample for sample, chosen in combinations]
    return [
        Cell(group, {**spec.fixed, **_settings(changed)}, seed, _budget(spec, changed))
        for group, changed in enumerate(changes)
        for seed in spec.seeds
    ]


def _settings(changed: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in changed.items() if key != ITERATIONS}


def _budget(spec: Spec, changed: Mapping[str, Any]) -> Budget:
    return Budget(iterations=changed[ITERATIONS]) if ITERATIONS in changed else spec.budget


def _samples(spec: Spec) -> Iterator[dict[str, Any]]:
    """Sample k is a function of the draw seed, k and the key's place alone."""
    for k in range(spec.samples or 1):
        sample = {}
        for place, (key, law) in enumerate(spec.random.items()):
            generator = np.random.default_rng(np.random.SeedSequence(spec.draw_seed, spawn_key=(k, place)))
            ((kind, values),) = law.items()
            sample[key] = LAWS[kind](generator, values)
        yield sample


def words(settings: Mapping[str, Any]) -> list[str]:
    """Settings as `--set` takes them."""
    return [f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in settings.items()]


# Running it


def sweep(path: Path, out: Path, more: Sequence[str], jobs: int, retry_failed: bool, command: str) -> int:
    """Run every cell that is not done; then the summary and its figure.

    Args:
        more: options that every `lsnn train` is given ("--threads", "2").
        jobs: cells at once.
        retry_failed: run failed cells again.

    Returns:
        the signal that ended it early; else 0.
    """
    from runs import sweep_summary

    spec, text = read_spec_and_text(path)
    folder = writable(out)
    cells = cells_of(spec)
    for name in (SUMMARY, FIGURE):
        refuse_inputs(folder / name, [path])
    with alone_in(folder) as held, interruption() as interrupted, ThreadPoolExecutor(jobs) as pool:
        claim(folder, path, spec, cells, text)

        def run(number: int, cell: Cell) -> None:
            require_same(folder, held)
            place = folder / cell.name
            if finished(place, cell.budget):
                (place / FAILURE).unlink(missing_ok=True)
                return
            if interrupted.signal or ((place / FAILURE).exists() and not retry_failed):
                return
            if place.exists() and busy(place):
                say(f"cell {cell.name}: a run that an earlier sweep began is at work there; left to it")
                return
            say(f"cell {number} of {len(cells)}: {cell.name} {' '.join(words(cell.settings))}")
            run_cell(spec, cell, place, more, interrupted)

        list(pool.map(run, itertools.count(1), cells))  # what one of them raises is raised here
        require_same(folder, held)
    sweep_summary.write(folder, spec, cells, command)
    if interrupted.signal is None:
        return 0
    say(f"stopped by {interrupted.signal.name}; the same command goes on")
    return int(interrupted.signal)


def claim(folder: Path, path: Path, spec: Spec, cells: list[Cell], text: bytes) -> None:
    """The folder is new, or all cells of the sweep that it holds are cells of this one; text: of the specification."""
    kept = folder / SPEC
    if kept.exists():
        old = read_spec(kept)
        same = (old.task, old.preset) == (spec.task, spec.preset)
        here = {cell.name: cell for cell in cells}
        if changed := [cell.name for cell in cells_of(old) if not same or here.get(cell.name) != cell]:
            raise InputError(
                f"{folder}: must be a new folder or hold a part of this sweep, "
                f"has a {SPEC} whose cell {changed[0]} is none of {path}"
            )
    require_own_cells(folder, spec, cells)
    if not (kept.exists() and kept.samefile(path)):
        write_whole(kept, text)


def require_own_cells(folder: Path, spec: Spec, cells: list[Cell]) -> None:
    """InputError if the folder of a cell holds a run of another configuration or seed."""
    for cell in cells:
        checkpoint = folder / cell.name / CHECKPOINT
        if checkpoint.exists():
            file, found = open_network(checkpoint, spec.task)
            if (found, file.seed) != (overridden(preset(spec.task, spec.preset), words(cell.settings)), cell.seed):
                rule = f"must be a run of cell {cell.name}, has another configuration or seed"
                raise InputError(f"{checkpoint}: {rule} (or the preset has changed); name another --out")


def finished(place: Path, budget: Budget) -> bool:
    """Whether a cell has spent its budget and left its network."""
    from lsnn.files import load_network

    if not (place / NETWORK).exists() or not (place / CHECKPOINT).exists():
        return False
    try:
        history = load_network(place / NETWORK).history
    except InputError:
        return False
    return history is not None and budget.share(len(history), float(history["minutes"][-1])) >= 1


def train_command(spec: Spec, cell: Cell, place: Path, more: Sequence[str]) -> list[str]:
    """`lsnn train` for a cell, from its checkpoint if it has one."""
    minutes, iterations = cell.budget
    budget = ["--minutes", str(minutes)] if iterations is None else ["--iterations", str(iterations)]
    start = ["train", spec.task, *budget, *more]
    if (place / CHECKPOINT).exists():
        return [*start, "--resume", str(place / CHECKPOINT)]
    settings = [word for setting in words(cell.settings) for word in ("--set", setting)]
    return [*start, "--preset", spec.preset, "--seed", str(cell.seed), "--out", str(place), *settings]


def run_cell(spec: Spec, cell: Cell, place: Path, more: Sequence[str], interrupted: Interruption) -> None:
    """Run a cell in a process of its own; a failure is written down in its folder."""
    place.mkdir(exist_ok=True)
    (place / FAILURE).unlink(missing_ok=True)
    arguments = train_command(spec, cell, place, more)
    with open(place / LOG, "a", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "runs", *arguments], stdout=log, stderr=subprocess.PIPE, errors="backslashreplace",
            start_new_session=True,  # Ctrl-C reaches the cell once, through this process
        )  # fmt: skip
        errors = wait(process, interrupted)
    code = process.returncode
    if code != 0 and not interrupted.signal:
        reason = errors.strip().splitlines()[-1] if errors.strip() else f"ended with code {code}"
        failure = {"reason": reason, "exit_code": code, "command": shlex.join(["lsnn", *arguments]), "stderr": errors}
        write_whole(place / FAILURE, f"{json.dumps(failure, indent=1)}\n".encode())
        say(f"cell {cell.name} failed: {reason}")


def wait(process: subprocess.Popen, interrupted: Interruption) -> str:
    """What the process wrote to stderr; a signal is handed on to it once, and a second Ctrl-C kills it."""
    told = False
    while True:
        try:
            return process.communicate(timeout=0.2)[1]
        except subprocess.TimeoutExpired:
            if interrupted.at_once:
                process.kill()
            if interrupted.signal and not told:
                process.send_signal(interrupted.signal)
                told = True
