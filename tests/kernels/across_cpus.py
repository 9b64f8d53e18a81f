"""Numbers of a small run, to be held against those of the same run compiled for another processor.

python -m tests.kernels.across_cpus FILE.npz
"""

import sys

import numpy as np

import lsnn
import tasks
from lsnn.arrays.blocks import ArrayBlock
from lsnn.kernels.build import network_module
from lsnn.kernels.draws import uniform_of
from lsnn.learning.optimiser import Adam
from lsnn.meta import new_network
from lsnn.seeds import TEST_BRANCH, episode_keys
from runs.maze import PRETRAINED
from tasks.experiment import preset
from tests.circuits import small

STEPS = 400


def drawn():
    """Keys, and uniform numbers of some of them."""
    keys = episode_keys(0, TEST_BRANCH, 0, 8)
    return {"keys": keys, "uniform": np.array([uniform_of(key, i) for key in keys for i in range(50)])}


def built():
    """A network of the default preset from its seed."""
    experiment = preset("water-maze")
    network = new_network(experiment.task, experiment.network, experiment.learning, 3)
    s = network.synapses
    whole = {name: getattr(s, name) for name in ("source", "target", "delay", "sign")}
    return whole | {"theta": s.theta, "readout": network.readout}


def replayed(network):
    """The shipped network under given spikes, forwards and backwards."""
    generator = np.random.default_rng(1)
    block = ArrayBlock(network, STEPS)
    inputs = generator.integers(0, 100, (8, STEPS, network.n_in)) < 3
    y = block.forward(network.weights(), inputs)
    slope = generator.integers(-8, 9, y.shape) / 8
    gradient = block.back(network.weights(), slope, np.zeros(network.config.n_neurons))
    kinds = {"spikes": block.record.spikes, "v": block.record.x, "y": y}
    return kinds | {f"gradient of {name}": getattr(gradient, name) for name in ("inputs", "recurrent", "readout")}


def swum(network, sampled):
    """The shipped network in mazes."""
    record = lsnn.simulate(network, tasks.load("water-maze"), 16, sampled=sampled)
    return {
        "input spikes": record.input_spikes.rows, "spikes": record.spikes.rows, "action": record.action.values,
        "position": record.recording("position").values, "visits": record.reward.values.sum(1),
    }  # fmt: skip


def stepped():
    """Three steps of Adam."""
    generator, adam, x = np.random.default_rng(2), Adam(), np.zeros(100)
    for _ in range(3):
        x = x + adam.update({"x": generator.random(100) - 0.5}, 0.01)["x"]
    return {"x": x}


def fitted():
    """A circuit after two epochs: in double precision, with exponentials of NumPy and SciPy."""
    spikes, labels = small.samples()
    run = lsnn.fit(small.circuit(), spikes, labels, epochs=2, batch=4, progress=False, threads=1)
    return {"spikes": small.circuit().run(inputs=spikes).spikes("E"), "weights": run.network.weight["again"],
            "loss": run.history["loss"].to_numpy()}  # fmt: skip


def trained():
    """Weights after two iterations of meta-training."""
    ways = {"network": {"n_excitatory": 20, "n_inhibitory": 5, "n_adaptive": 10}, "learning": {"episodes": 16}}
    task = tasks.load("water-maze", duration_ms=150)
    return {"theta": lsnn.train(task, iterations=2, seed=1, **ways, progress=False).network.network.synapses.theta}


def machine(network):
    """Whether this process makes code with fused operations of vectors, which not every processor has."""
    code = "".join(network_module(network.config.models).replay.inspect_asm().values())
    return {"fused": np.array("vfmadd" in code)}


def main() -> None:
    """Write all of it to a file."""
    network = lsnn.load(PRETRAINED)
    parts = {"draws": drawn(), "built": built(), "replayed": replayed(network.network),
             "mean policy": swum(network, False), "sampled policy": swum(network, True), "Adam": stepped(),
             "fit": fitted(), "training": trained(), "machine": machine(network.network)}  # fmt: skip
    np.savez(sys.argv[1], **{f"{part}/{name}": array for part, found in parts.items() for name, array in found.items()})


if __name__ == "__main__":
    main()
