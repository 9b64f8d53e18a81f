"""Patterns that differ only in the order of their spikes: learnt delays and time constants beside fixed ones.

Six input cells spike once each, 8 ms apart (jitter: normal, sd 2 ms); a class is the order in which they do, so that
counts say nothing. LIF neurons without recurrence and a leaky readout learn six classes by `lsnn.fit`. Learnt delays
(drawn from 1 to 20 ms, up to 25 ms) stand beside delays that stay as they were drawn, and learnt membrane time
constants (drawn from 5 to 20 ms, delays of one step) beside fixed ones. A pair of arms has the same number of values
that learn: what is fixed has more neurons. All arms of a seed have the same samples. Learnt delays are tested as they
are, between whole steps, and rounded to whole steps.

Leaves in the folder `order.h5` (docs/reference/files.md) and `order.png`.
"""

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from runs.experiments.options import Folder, Overwrite

if TYPE_CHECKING:
    import h5py
    import numpy as np

    from lsnn.circuits.circuit import Circuit

NAME = "order"
CELLS, CLASSES, STEPS, GAP_MS, JITTER_MS = 6, 6, 90, 8, 2.0
EACH, TEST_EACH = 40, 50  # samples of a class to learn from, to be tested on
FIT: dict[str, Any] = {"learning_rate": 0.03, "batch": 32, "average_rate": 0.05, "progress": False}


class Arm(NamedTuple):
    """What learns beside the weights, and how many neurons there are."""

    neurons: int
    delays: bool = False  # drawn, not one step
    learnt: str = ""


ARMS = {
    "delays_learnt": Arm(8, delays=True, learnt="delay"),
    "delays_fixed": Arm(12, delays=True),
    "tau_learnt": Arm(12, learnt="tau_m"),
    "tau_fixed": Arm(13),
}


def samples(orders: "np.ndarray", each: int, generator: "np.random.Generator") -> "tuple[np.ndarray, np.ndarray]":
    """Spikes (S, STEPS, CELLS) bool and classes (S,) of so many samples of each order, (CLASSES, CELLS)."""
    import numpy as np

    labels = np.repeat(np.arange(len(orders)), each)
    times = GAP_MS * (1 + orders[labels]) + generator.normal(0, JITTER_MS, (len(labels), CELLS))
    spikes = np.zeros((len(labels), STEPS, CELLS), bool)
    sample, cell = np.indices(times.shape)
    spikes[sample, np.clip(np.rint(times), 0, STEPS - 1).astype(int), cell] = True
    return spikes, labels


def circuit(arm: Arm, seed: int) -> "Circuit":
    """Input cells, LIF neurons, readout."""
    import lsnn
    from lsnn import Population, Projection, Readout, ms

    parameters = {"b0": 1.0, "tau_m": lsnn.uniform(5, 20) * ms, "t_ref": 2 * ms}
    learnt = ("tau_m",) if arm.learnt == "tau_m" else ()
    delay = {"delay": lsnn.uniform(1, 20) * ms, "longest": 25 * ms} if arm.delays else {}
    learn = ("weight", "delay") if arm.learnt == "delay" else True
    joined = Projection("input", "hidden", connectivity=1.0, weight=lsnn.normal(3, 4), learn=learn, **delay)
    cells = [Population("input", CELLS), Population("hidden", arm.neurons, "lif", parameters, learnt=learnt)]
    return lsnn.Circuit(cells, [joined], Readout("hidden", CLASSES, 20 * ms), seed=seed)


def values_that_learn(c: "Circuit") -> int:
    """How many numbers of a circuit learn."""
    from lsnn.circuits.learning import CircuitLearner

    return sum(array.size for array in CircuitLearner(c).arrays().values())


def measure(file: "h5py.File", seeds: int, epochs: int) -> None:
    """Fill the file: a group an arm, a row a seed."""
    import numpy as np

    from lsnn.files import store
    from lsnn.progress import meter

    accuracy, counts = {name: np.zeros((seeds, epochs)) for name in ARMS}, {}
    tested, rounded = {name: np.zeros(seeds) for name in ARMS}, np.zeros(seeds)
    with meter() as shown:
        for seed in range(1, seeds + 1):
            for i, (name, arm) in enumerate(ARMS.items()):
                shown.show((seed - 1 + i / len(ARMS)) / seeds, f"seed {seed}, {name.replace('_', ' ')}")
                counts[name] = values_that_learn(circuit(arm, seed))
                accuracy[name][seed - 1], tested[name][seed - 1], whole = fitted(arm, seed, epochs)
                rounded[seed - 1] = whole if arm.learnt == "delay" else rounded[seed - 1]
    for name, arm in ARMS.items():
        group = file.create_group(name)
        group.attrs.update(neurons=arm.neurons, learn=counts[name])
        store.put(group, "learning", accuracy[name], "1", "(seed, epoch): right answers of the samples learnt from")
        store.put(group, "tested", tested[name], "1", "(seed,): right answers of other samples")
    store.put(file["delays_learnt"], "rounded", rounded, "1", "(seed,): likewise, with delays of whole steps")


def fitted(arm: Arm, seed: int, epochs: int) -> "tuple[np.ndarray, float, float]":
    """Right answers epoch by epoch, of the test, and of the test with delays rounded to whole steps."""
    import numpy as np

    import lsnn
    from lsnn.seeds import STUDY_BRANCH, Study

    branch = np.random.SeedSequence(seed, spawn_key=(STUDY_BRANCH, Study.ORDER))
    generator = np.random.default_rng(branch)
    orders = np.array([generator.permutation(CELLS) for _ in range(CLASSES)])
    spikes, labels = samples(orders, EACH, generator)
    test, test_labels = samples(orders, TEST_EACH, generator)
    found = lsnn.fit(circuit(arm, seed), spikes, labels, epochs=epochs, seed=seed, threads=1, **FIT)
    own: Any = found.network
    right = float((own(test).mean("time").argmax("output").values == test_labels).mean())
    for label, delay in own.delay.items():
        own.delay[label] = own.dt * np.round(delay / own.dt)
    whole = float((own(test).mean("time").argmax("output").values == test_labels).mean())
    return found.history["accuracy"].to_numpy(), right, whole


def experiment(
    out: Folder,
    seeds: Annotated[int, typer.Option(help="Circuits of each arm, of seeds 1, 2, ...")] = 5,
    epochs: Annotated[int, typer.Option(help="How often each sample is learnt.")] = 30,
    overwrite: Overwrite = False,
) -> None:
    """Teach circuits the order of spikes, with learnt and with fixed delays and time constants."""
    from functools import partial

    from analysis.order import describe, write_figure
    from runs.experiments.options import check_numbers
    from runs.experiments.without_network import run

    check_numbers(seeds=seeds, epochs=epochs)
    config = {"seed": 1, "seeds": seeds, "epochs": epochs}
    run(NAME, out, overwrite, config, partial(measure, seeds=seeds, epochs=epochs), write_figure, describe)
