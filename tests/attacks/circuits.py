"""Attacks on circuits: on what is given to a run, what a gradient is asked of, and what may be changed in between."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

import lsnn
from lsnn import Population, Projection, Readout, ms
from lsnn.circuits.circuit import Circuit
from lsnn.circuits.running import CircuitGradients, Run
from tests.attacks import wrong
from tests.attacks.attack import Attack
from tests.attacks.wrong import Labelled, Pairs, named
from tests.circuits.ports import JUMPING

CELLS, SIZE, STEPS, SAMPLES = 4, 5, 12, 9  # samples: eight and one
ALIF = {"b0": 0.02, "tau_m": 10 * ms, "tau_a": 40 * ms, "beta": 0.4, "t_ref": 1 * ms}
JUMPS = {"theta": 0.8, "a": 0.4, "tau": 20 * ms, "tau_w": 50 * ms, "t_ref": 0 * ms}
SPIKES = np.arange(SAMPLES * STEPS * CELLS).reshape(SAMPLES, STEPS, CELLS) % 3 == 0
DRIVE = np.full((SAMPLES, STEPS, SIZE), 0.9)
DRIVEN = ("J", "drive")


def circuit() -> Circuit:
    """Cells onto neurons of two models, which excite each other; a delay and parameters learn."""
    populations = [
        Population("x", CELLS), Population("E", SIZE, "alif", ALIF, learnt=("tau_m", "initial")),
        Population("J", SIZE, JUMPING, JUMPS, {"v": 0.1}, learnt=("tau", "initial")),
    ]  # fmt: skip
    projections = [
        Projection("x", "E", connectivity=1.0, weight=0.1), Projection("E", "J", connectivity=0.8, weight=0.2),
        Projection("J", "E", connectivity=0.8, weight=0.05, delay=2 * ms, learn=("weight", "delay"), longest=3 * ms),
    ]  # fmt: skip
    return Circuit(populations, projections, Readout(("E", "J"), 2, 10 * ms), seed=1)


MADE = circuit()


def result_of(run: Run) -> list[np.ndarray]:
    """What a run leaves."""
    return [run.outputs, run.spikes("E"), run.spikes("J")]


def numbers_of(found: CircuitGradients) -> list[np.ndarray]:
    """All that a gradient holds."""
    parts: list[Mapping[str, Any]] = [found.weight, found.delay, found.inputs, *found.parameters.values()]
    of_names = [np.asarray(values) for part in parts for values in part.values()]
    return [*of_names, *found.initial["J"].values(), found.readout_weight, found.bias, np.array(found.tau)]


def run(inputs, drive, **how) -> list[np.ndarray]:
    """A run of a circuit, forwards."""
    return result_of(MADE.run(inputs=inputs, driven={DRIVEN: drive}, **how))


def good_run() -> dict[str, Any]:
    """What fits."""
    return {"inputs": SPIKES, "drive": DRIVE, "steps": STEPS, "samples": SAMPLES, "seed": 0, "dtype": np.float64,
            "gradient": False, "currents": False, "record": ("v",), "scored": ()}  # fmt: skip


def others(values: np.ndarray) -> Iterator[Labelled]:
    """Arrays of numbers that have another shape, another type, or are not finite."""
    for label, array in wrong.of_numbers(values):
        if label not in ("None", "no axis", f"axis 0 of length {len(values) - 1}"):  # a constant is a drive as well
            yield label, array
    yield from (("NaN", values * np.nan), ("infinite", np.full(values.shape, np.inf)))


def of_spikes(values: np.ndarray) -> Iterator[Labelled]:
    """What is no train of spikes of so many cells."""
    yield from (("halves", values * 0.5), ("negative", -1.0 * values), ("NaN", values * np.nan))
    yield from (("a cell less", values[..., :-1]), ("no cell", values[..., :0]), ("a cell more", np.tile(values, 2)))
    yield from (("no step", values[:, :0]), ("no sample", values[:0]), ("one axis", values.ravel()))
    yield from (("texts", values.astype(str)), ("objects", values.astype(object)), ("complex", values * 1j))
    yield from (("other names", {"y": values}), ("a number as name", {3: values}), ("of neurons", {"E": values}))
    yield from (("a ragged list", [[[1.0]], []]), ("a text", "text"), ("masked", np.ma.masked_array(values, True)))


def wrong_runs(good: dict[str, Any]) -> Pairs:
    """What does not fit a run."""
    places = (("beyond", 2**31), ("a step less", STEPS - 1), ("a step more", STEPS + 1))
    yield from named(
        inputs=of_spikes(good["inputs"]), drive=others(good["drive"]),
        steps=(*(each for each in wrong.of_integer(1) if each[1] is not None), *places),
        samples=(*(each for each in wrong.of_integer(1) if each[1] is not None), ("another", SAMPLES + 1)),
        seed=wrong.of_integer(), dtype=(("half", np.float16), ("None", None), ("a text", "x")),
        gradient=wrong.of_flag(), currents=wrong.of_flag(),
        record=(("a text", "v"), ("unknown", ("z",)), ("a number", (3,)), ("None", None)),
        scored=(("a text", "v"), ("unknown", [("E", "z")]), ("cells", [("x", "v")]), ("a number", [3]),
                ("three", [("E", "v", "b")]), ("lists", [[["E"], "v"]])),
    )  # fmt: skip


def gradient(d_outputs, d_spike, d_state) -> list[np.ndarray]:
    """A run and its gradient; the wrong arguments are those of `Run.gradient`."""
    made = MADE.run(inputs=SPIKES, driven={DRIVEN: DRIVE}, gradient=True, scored=[("E", "v"), ("J", "w")])
    return numbers_of(made.gradient(d_outputs, {"E": d_spike}, {("J", "w"): d_state}))


def good_gradient() -> dict[str, Any]:
    """Slopes that fit."""
    return {"d_outputs": np.ones((SAMPLES, STEPS, 2)), "d_spike": np.ones(SIZE),
            "d_state": np.ones((SAMPLES, STEPS, SIZE))}  # fmt: skip


def slopes(values: np.ndarray) -> Iterator[Labelled]:
    """What is no slope of that shape."""
    yield from (each for each in wrong.of_numbers(values) if each[1] is not None)
    yield from (("NaN", values * np.nan), ("infinite", np.full(values.shape, -np.inf)))


def by_call(inputs, slope, currents) -> list[np.ndarray]:
    """`Circuit.gradient`."""
    given = inputs if isinstance(inputs, dict) else {"x": inputs}
    return numbers_of(MADE.gradient({**given, DRIVEN: DRIVE}, slope, currents))


CHANGES = {  # what may be changed between two runs: where it stands
    "weight": ("weight", "x_to_E"), "delay": ("delay", "J_to_E"), "parameter": ("parameters", "E", "tau_m"),
    "start": ("initial", "J", "v"), "readout": ("readout_weight",), "bias": ("bias",), "tau": ("tau",),
}  # fmt: skip


def changed(**values) -> list[np.ndarray]:
    """A run, and the gradient, of a circuit in which something was changed."""
    own = circuit()
    for name, value in values.items():
        *path, last = CHANGES[name]
        place: Any = own
        for key in path:
            place = getattr(place, key) if place is own else place[key]
        setattr(own, last, value) if place is own else place.__setitem__(last, value)
    made = own.run(inputs=SPIKES, driven={DRIVEN: DRIVE}, gradient=True)
    return [*result_of(made), *numbers_of(made.gradient(np.ones(made.outputs.shape)))]


def as_they_are() -> dict[str, Any]:
    """The values that the circuit has."""
    arrays = {"weight": MADE.weight["x_to_E"], "delay": MADE.delay["J_to_E"], "start": MADE.initial["J"]["v"]}
    readout = {"readout": MADE.readout_weight, "bias": MADE.bias, "tau": MADE.tau}
    return arrays | readout | {"parameter": MADE.parameters["E"]["tau_m"]}


def wrong_changes(good: dict[str, Any]) -> Pairs:
    """What a circuit cannot have."""
    arrays = {name: value for name, value in good.items() if name != "tau"}
    yield from named(**{name: (*slopes(value), ("None", None)) for name, value in arrays.items()})
    yield from named(
        tau=(*wrong.no_arrays(), ("0", 0.0), ("below 0", -1.0), ("NaN", np.nan), ("an array", np.ones(2))),
        delay=(("0", 0 * good["delay"]), ("below 0", -good["delay"]), ("beyond the longest", 10 * good["delay"])),
        parameter=(("below 0", -good["parameter"]), ("0", 0 * good["parameter"])),
    )


def fitted(inputs, targets, of) -> list[np.ndarray]:
    """An epoch of a fit."""
    found = lsnn.fit(MADE, {"x": inputs, DRIVEN: DRIVE}, targets, of=of, epochs=1, batch=4, progress=False, threads=1)
    return [found.network.weight["x_to_E"], found.history.loss.to_numpy()]


def attacks() -> Iterator[Attack]:
    """Every way into compiled code by a circuit."""
    yield Attack("Circuit.run", run, good_run, wrong_runs,
                 lambda good: named(drive=wrong.converted(good["drive"])))  # fmt: skip
    yield Attack(
        "Run.gradient", gradient, good_gradient,
        lambda good: named(**{name: slopes(value) for name, value in good.items()}),
        lambda good: named(**{name: wrong.converted(value) for name, value in good.items()}),
    )  # fmt: skip
    yield Attack(
        "Circuit.gradient", by_call,
        lambda: {"inputs": SPIKES, "slope": np.ones((SAMPLES, STEPS, 2)), "currents": False},
        lambda good: named(inputs=of_spikes(good["inputs"]), slope=slopes(good["slope"]), currents=wrong.of_flag()),
        lambda good: named(slope=wrong.converted(good["slope"])),
    )  # fmt: skip
    yield Attack("Circuit", changed, as_they_are, wrong_changes)
    labels = np.arange(SAMPLES) % 2
    yield Attack(
        "fit", fitted, lambda: {"inputs": SPIKES, "targets": labels, "of": "E"},
        lambda good: named(
            inputs=of_spikes(good["inputs"]),
            targets=(("one less", labels[1:]), ("beyond", labels + SIZE), ("below", labels - 1), ("halves", labels / 2),
                     *wrong.no_arrays()),
            of=(("unknown", "z"), ("cells", "x"), ("a number", 3), ("a list", ["E"])),
        ),
        lambda good: named(targets=(("as floats", labels.astype(float)), ("bytes", labels.astype(np.int8)))),
    )  # fmt: skip
