"""What a sweep runs (SPEC.toml, docs/guide/sweeps.md): its settings, its cells, and which of them are done."""

import itertools
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lsnn.configuration import from_mapping
from lsnn.errors import InputError
from lsnn.files.small import read_small
from runs.training.train import CHECKPOINT, NETWORK, Budget, budget_of
from tasks.experiment import Experiment, preset
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
        text = read_small(path)
        values = tomllib.loads(text.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
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
    keywords: dict[str, Any] = {**vars(from_mapping(Plain, rest, "sweep")), **flat}
    spec = Spec(**keywords)
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
    for several in (spec.seeds, *spec.grid.values()):
        count *= len(several)
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


def finished(place: Path, budget: Budget) -> bool:
    """Whether a cell has spent its budget and left its network."""
    from lsnn.files.network_file import load_network

    if not (place / NETWORK).exists() or not (place / CHECKPOINT).exists():
        return False
    try:
        history = load_network(place / NETWORK).history
    except InputError:
        return False
    return history is not None and budget.share(len(history), float(history["minutes"][-1])) >= 1
