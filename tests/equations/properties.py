"""What must hold for every model text: it equals Brian2's run of the same strings, or is refused with line and rule.

python -m tests.equations.properties --seed 1 --texts 10000    prints the counts and the faults
"""

import argparse
import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from lsnn.equations.differentiating import bar
from lsnn.equations.names import safe
from lsnn.errors import InputError
from lsnn.neuron_files import model_of
from lsnn.neurons import NeuronModel
from tests.equations.grammar import Text, texts
from tests.equations.plain import LANES, PlainModel, Run, simulate

STEPS, BATCH = 80, 25
NEAR = 1e-9  # of the threshold, in units of the scale: there rounding decides whether a neuron spikes
SPREAD = 1e-8  # to which roundings grow in so many steps
VAST = SPREAD / np.finfo(float).eps  # from there on the rounding of x alone moves sin(x) by that much
REFUSAL = re.compile(r"neuron model '\w+', (\w+)(?:,| '\w+':) (.*)", re.DOTALL)
STEP = 1e-30  # of complex-step derivatives


class Faults(NamedTuple):
    """What became of some texts."""

    counts: Counter
    faults: list[str]  # with the text


def examine(drawn: Iterable[Text]) -> Faults:
    """Hold every text against Brian2, a batch in one network."""
    counts, faults = Counter(), []
    for batch in _batches(list(drawn)):
        accepted = []
        for text in batch:
            counts["tried"] += 1
            counts["three equations and a reset"] += text.equations >= 3 and text.resets
            model = model_of(text.toml)
            try:
                accepted.append((text, PlainModel(model)))
            except InputError as error:
                counts["refused"] += 1
                counts["refused though nothing was broken"] += not text.broken
                if fault := fault_of_refusal(model, str(error)):
                    faults.append(f"{fault}: {error}\n{text.toml}")
            except Exception as error:
                faults.append(f"raised {type(error).__name__}: {error}\n{text.toml}")
        counts["accepted"] += len(accepted)
        for text, fault in held_against_brian2(accepted, counts):
            faults.append(f"{fault}\n{text.toml}")
    return Faults(counts, faults)


def _batches(drawn: list[Text]) -> Iterator[list[Text]]:
    for first in range(0, len(drawn), BATCH):
        yield drawn[first : first + BATCH]


def fault_of_refusal(model: NeuronModel, message: str) -> str:
    """Empty if a refusal names the model, a line of it and a rule."""
    found = REFUSAL.match(message)
    if not found:
        return "no place named"
    quoted = re.match(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", found[2])
    if quoted is None:
        return "" if found[1] == "method" else "no line named"
    line = ast.literal_eval(quoted[0]).removesuffix(" ...")
    rows = [f"{name} = {value}" for name, value in model.initial]
    rows += [f"{row.name} = {row.value} {row.unit}" for row in model.parameters]
    whole = "\n".join([*(value for value in model if isinstance(value, str)), *rows])
    return "" if line in whole and found[2][quoted.end() :].startswith(": ") else "the line is none of the model"


def held_against_brian2(accepted: Sequence[tuple[Text, PlainModel]], counts: Counter) -> Iterator[tuple[Text, str]]:
    """The faults of some accepted texts."""
    drives = [drive_of(plain, number) for number, (_, plain) in enumerate(accepted)]
    runs = [plain.run(drive) for (_, plain), drive in zip(accepted, drives, strict=True)]
    for (text, plain), ours, brian2 in zip(accepted, runs, _by_brian2(accepted, drives), strict=True):
        if isinstance(brian2, Exception):
            yield text, f"Brian2 raised {type(brian2).__name__}: {brian2.__cause__ or brian2}"
            continue
        counts["spikes"] += int(ours.z.sum())
        counts["models that spike"] += bool(ours.z.any())
        counts["steps compared"] += int(compared_steps(ours, brian2).sum())
        if fault := difference(ours, brian2) or gradient_fault(plain, ours):
            yield text, fault


def _by_brian2(accepted: Sequence[tuple[Text, PlainModel]], drives: list[np.ndarray]) -> list[Run | Exception]:
    """All in one network, or each alone if Brian2 cannot run one of them."""
    plain = [each for _, each in accepted]
    try:
        return list(simulate(plain, drives)) if plain else []
    except Exception as error:
        if len(plain) == 1:
            return [error]
    return [_by_brian2([each], [drive])[0] for each, drive in zip(accepted, drives, strict=True)]


def drive_of(plain: PlainModel, number: int) -> np.ndarray:
    """What arrives in each step and lane, so that the neuron spikes now and then."""
    g = np.random.default_rng(number)
    strength = 0.3 if plain.model.kept else 0.8
    return (g.random((STEPS, LANES)) < 0.4) * plain.effect * strength * g.uniform(-0.3, 1.3, (STEPS, LANES))


def _finite(run: Run) -> np.ndarray:
    return np.all([np.isfinite(values) for values in run.x.values()], axis=0)


def _defined_steps(ours: Run, theirs: Run) -> np.ndarray:
    """Up to where a neuron comes too near to its threshold, or Brian2's is no number any more, (T, 8) bool."""
    return np.cumsum((np.abs(ours.u) < NEAR) | ~_finite(theirs), axis=0) == 0


def compared_steps(ours: Run, theirs: Run) -> np.ndarray:
    """Those, up to where a variable grows beyond all bounds, (T, 8) bool."""
    vast = np.any([np.abs(values) > VAST for values in theirs.x.values()], axis=0)
    return _defined_steps(ours, theirs) & (np.cumsum(vast, axis=0) == 0)


def difference(ours: Run, theirs: Run) -> str:
    """The first difference in the steps that are compared; empty if there is none."""
    defined = _defined_steps(ours, theirs)
    if (defined & ~_finite(ours)).any():
        return "not finite where Brian2 is"
    next_ones = np.vstack([np.ones((1, LANES), bool), defined[:-1]]) & ~defined & ~(np.abs(ours.u) < NEAR)
    if (next_ones & _finite(ours)).any():
        return "finite where Brian2 is not"
    compared = compared_steps(ours, theirs)
    spikes = compared & (ours.z != theirs.z)
    if spikes.any():
        return f"{spikes.sum()} spikes differ, the first in step {np.argwhere(spikes)[0][0]}"
    for name, values in ours.x.items():
        x, y = (np.where(compared, run, 0.0) for run in (values, theirs.x[name]))
        if not np.all(np.abs(x - y) <= SPREAD * max(1e-3, np.abs(y).max())):
            return f"{name} differs by {np.abs(x - y).max():.1e}"
    return ""


def gradient_fault(plain: PlainModel, run: Run) -> str:
    """The adjoint of a step and of a reset against complex-step derivatives of the step and the reset themselves."""
    for held in (False, True):
        values = plain.values | {safe(name): x[STEPS // 2] for name, x in run.x.items()}
        values |= {safe(plain.model.synaptic): values.get(safe(plain.model.synaptic), np.full(LANES, plain.effect))}
        values |= {"held": np.full(LANES, held), "spike": np.full(LANES, held), "distance_bar": np.zeros(LANES)}
        g = np.random.default_rng(1)
        values |= {bar(name).name: g.standard_normal(LANES) for name in run.x}
        inputs = [*run.x] if plain.model.kept else [*run.x, plain.model.synaptic]
        with np.errstate(all="ignore"):
            for step, back, at in (("integrate", "before_step", inputs), ("reset", "before_reset", [*run.x])):
                if fault := _adjoint_fault(plain, step, back, at, values):
                    return f"{back}, held or spiking {held}: {fault}"
    return ""


def _adjoint_fault(plain: PlainModel, step: str, back: str, inputs: list[str], values: dict) -> str:
    """Lanes in which the step itself gives no number are left out."""
    names, variables = plain.results(step), plain.host.variables

    def stepped(values: dict) -> list[np.ndarray]:
        after = dict(zip(names, plain.call(step, values), strict=True)) if names else {}
        return [np.broadcast_to(after.get(safe(y), values[safe(y)]), LANES) for y in variables]

    sound = np.isfinite([*stepped(values), *(values[safe(y)] for y in variables)]).all(axis=0)
    for name, found in zip(plain.results(back), plain.call(back, values), strict=True) if plain.results(back) else ():
        x = next(variable for variable in inputs if bar(variable).name == name)
        moved = stepped(values | {safe(x): values[safe(x)] + 1j * STEP})
        terms = [values[bar(y).name] * np.imag(after) / STEP for y, after in zip(variables, moved, strict=True)]
        expected, scale = np.sum(terms, axis=0), np.abs(terms).max(initial=1e-3, where=sound & np.isfinite(terms))
        wrong = ~(np.abs(found - expected) <= 1e-7 * scale) & sound & np.isfinite(expected)
        if wrong.any():
            return f"d/d{x} is {found}, must be {expected}"
    return ""


def main() -> None:
    """Examine many texts, a share at a time."""
    parser = argparse.ArgumentParser("python -m tests.equations.properties", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--texts", type=int, default=1000)
    asked = parser.parse_args()
    counts, faults, end = Counter(), 0, asked.first + asked.texts
    for first in range(asked.first, end, BATCH):
        found = examine(texts(asked.seed, first, min(BATCH, end - first)))
        counts += found.counts
        faults += len(found.faults)
        print("\n".join(found.faults), flush=True) if found.faults else None
        print(f"seed {asked.seed}, up to text {first + BATCH}: {dict(counts)}, faults: {faults}", flush=True)


if __name__ == "__main__":
    main()
