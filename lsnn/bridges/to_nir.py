"""A circuit or network as a graph of NIR: `lsnn.to_nir`."""

import warnings
from typing import Any

import numpy as np

from lsnn.bridges.nir_models import package
from lsnn.bridges.nir_read import Cells, Reading
from lsnn.circuits.circuit import Circuit
from lsnn.circuits.parts import Population, Projection
from lsnn.circuits.readouts import Read
from lsnn.circuits.three_populations import circuit_of
from lsnn.errors import InputError
from lsnn.forecast import require_memory
from lsnn.validation import require_flag

CONVENTION = "a spike is the value 1 for one step; neurons start at v_leak"


def to_nir(network: Any, lossy: bool = False) -> Any:
    """A circuit, or a network of `lsnn.load` and its like, as a `nir.NIRGraph`: `lsnn.to_nir`.

    Populations keep their names; a projection becomes a Linear, or an Affine where its target has a constant current,
    for every delay, after a Delay where it is longer than a step. A readout becomes the LI `readout`.

    Args:
        lossy: whether what NIR has no word for is left out, in place of an error: a UserWarning and
            `graph.metadata["lost"]` say what.

    Raises:
        InputError: naming the population and what NIR cannot say of it; nir is not installed.
    """
    require_flag("lossy", lossy)
    circuit = network if isinstance(network, Circuit) else circuit_of(network)
    built = _Graph(package(), circuit)
    if built.lost and not lossy:
        raise InputError(f"NIR cannot say: {'; '.join(built.lost)}. With lossy=True it is left out")
    if built.lost:
        warnings.warn(f"left out, since NIR cannot say it: {'; '.join(built.lost)}", UserWarning, stacklevel=2)
    return built.graph()


class _Graph:
    """Nodes and edges under way."""

    def __init__(self, nir: Any, circuit: Circuit) -> None:
        self.nir, self.circuit = nir, circuit
        self.nodes: dict[str, Any] = {}
        self.edges: list[tuple[str, str]] = []
        self.lost: list[str] = []
        self.cells: dict[str, Cells] = {}
        for p in circuit.populations:
            self._add_population(p)
        self.bias = {name: cells.bias for name, cells in self.cells.items()}  # of those that have no Affine yet
        for projection in circuit.projections:
            self._add_projection(projection)
        if not circuit.cells:
            raise InputError("NIR has no graph without an input: the circuit must have input cells")
        for name in circuit.neurons:
            if not any(target == name for _, target in self.edges):
                raise InputError(f"population {name}: NIR has no neurons that no synapses reach")
        self._add_outputs()

    def graph(self) -> Any:
        """The graph of all nodes."""
        metadata = {"dt": float(self.circuit.dt), "convention": CONVENTION}
        metadata |= {"lost": "; ".join(self.lost)} if self.lost else {}
        return self.nir.NIRGraph(self.nodes, self.edges, metadata=metadata)

    def _add(self, name: str, node: Any) -> str:
        """Add a node; its name, which has a number where it is taken."""
        names = (name, *(f"{name}_{i}" for i in range(2, len(self.nodes) + 3)))
        name = next(each for each in names if each not in self.nodes)
        self.nodes[name] = node
        return name

    def _add_population(self, p: Population) -> None:
        if p.model is None:
            if p.source is not None:
                self.lost.append(f"population {p.name}: spikes of its own")
            self._add(p.name, self.nir.Input({"input": np.array([p.size])}))
            return
        cells = self.cells[p.name] = Reading(self.circuit, p).cells()
        self.lost += [f"population {p.name}: {what}" for what in cells.lost]
        self._add(p.name, getattr(self.nir, cells.kind)(**cells.values))

    def _add_projection(self, p: Projection) -> None:
        """One Linear for every delay that its synapses have."""
        pre, post, _ = self.circuit.synapses[p.label]
        gain, shape = self.cells[p.target].gain, tuple(self.circuit.population(n).size for n in (p.target, p.source))
        taps = self.circuit.taps(p)
        delay = np.concatenate([steps for steps, _ in taps])
        weight = gain * np.concatenate([share * self.circuit.weight[p.label] for _, share in taps])
        pairs = np.tile(post, len(taps)), np.tile(pre, len(taps))
        for steps in np.unique(delay[weight != 0]):
            require_memory(f"weights of {p.label}", 8.0 * shape[0] * shape[1])
            dense, chosen = np.zeros(shape), delay == steps
            np.add.at(dense, (pairs[0][chosen], pairs[1][chosen]), weight[chosen])
            self._join(p.source, p.target, p.label, dense, int(steps) - 1)

    def _join(self, source: str, target: str, label: str, weight: np.ndarray, steps: int) -> None:
        """A Delay of some steps, if there are any, and a Linear or Affine."""
        if steps:
            delay = self._add(f"{label}_delay", self.nir.Delay(np.full(weight.shape[1], steps * self.circuit.dt)))
            self.edges.append((source, delay))
            source = delay
        bias = self.bias.pop(target, np.zeros(1))
        node = self.nir.Affine(weight, bias) if bias.any() else self.nir.Linear(weight)
        name = self._add(label, node)
        self.edges += [(source, name), (name, target)]

    def _add_outputs(self) -> None:
        circuit = self.circuit
        if not circuit.readouts:
            for name in circuit.neurons:
                size = {"output": np.array([circuit.population(name).size])}
                output = "output" if len(circuit.neurons) == 1 else f"output_{name}"
                self.edges.append((name, self._add(output, self.nir.Output(size))))
            return
        for read in circuit.reads():
            self._add_readout(read)

    def _add_readout(self, read: Read) -> None:
        width, first = read.part.outputs, 0
        like = np.ones(width)
        readout = self._add(read.part.name, self.nir.LI(read.tau * like, like, read.bias.copy()))
        for name in read.part.sources:
            last = first + self.circuit.population(name).size
            self._join(name, readout, f"{name}_to_{read.part.name}", read.weight[first:last].T.copy(), 0)
            first = last
        output = f"output_{read.key}" if read.key else "output"
        self.edges.append((readout, self._add(output, self.nir.Output({"output": np.array([width])}))))
