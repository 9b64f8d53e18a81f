"""A graph of NIR, its graphs within put flat, and the paths of spikes through it."""

from typing import Any, NamedTuple

import numpy as np

from lsnn.errors import InputError
from lsnn.validation import numbers_of, require

Edges = list[tuple[str, str]]
PATH = "from cells to neurons may lie a Delay, one Linear or Affine, and another Delay"


class Path(NamedTuple):
    """From cells to neurons."""

    source: str
    weight: np.ndarray  # (n_target, n_source)
    delay: np.ndarray  # (n_target, n_source), seconds


class Paths:
    """The nodes of a graph by name, those of graphs within as OUTER.INNER."""

    def __init__(self, nir: Any, graph: Any) -> None:
        self.nir = nir
        self.spiking = (nir.Input, nir.LIF, nir.CubaLIF)
        self.taken = (*self.spiking, nir.LI, nir.Linear, nir.Affine, nir.Delay, nir.Output)
        self.through: set[str] = set()  # inputs and outputs of graphs within, which stand for nothing
        self.nodes: dict[str, Any] = {}
        self.edges: Edges = []
        self._flatten(graph, "")
        for name, node in self.nodes.items():
            if not isinstance(node, self.taken):
                known = ", ".join(each.__name__ for each in self.taken)
                raise InputError(f"node {name!r} is a {type(node).__name__}; taken are {known} and graphs of them")

    def _flatten(self, graph: Any, prefix: str) -> None:
        for name, node in graph.nodes.items():
            if isinstance(node, self.nir.NIRGraph):
                self._flatten(node, f"{prefix}{name}.")
                continue
            self.nodes[prefix + name] = node
            if prefix and isinstance(node, self.nir.Input | self.nir.Output):
                self.through.add(prefix + name)
        for a, b in graph.edges:
            for name in {a, b} - {*graph.nodes}:
                raise InputError(f"edge {(a, b)!r} must join nodes of the graph, of which {name!r} is none")
            if isinstance(graph.nodes[b], self.nir.Input):
                raise InputError(f"edge {(a, b)!r} must not end at an input")
            ends = self._end(graph, a, prefix, self.nir.Output), self._end(graph, b, prefix, self.nir.Input)
            self.edges.append(ends)

    def _end(self, graph: Any, name: str, prefix: str, kind: Any) -> str:
        """The node that an edge ends at; of a graph within its one input or output."""
        node = graph.nodes[name]
        if not isinstance(node, self.nir.NIRGraph):
            return prefix + name
        ends = [key for key, inner in node.nodes.items() if isinstance(inner, kind)]
        require(len(ends) == 1, f"graph {prefix + name!r}", f"one with one {kind.__name__}", ends)
        return f"{prefix}{name}.{ends[0]}"

    def before(self, name: str) -> list[str]:
        """The nodes whose edges end at one, through the ends of graphs within."""
        found, asked = [], [name]
        for each in asked:
            for a, b in self.edges:
                if b == each and a not in self.through:
                    found.append(a)
                elif b == each and a not in asked:
                    asked.append(a)
        return found

    def size(self, name: str) -> int:
        """Cells of a node that spikes, or outputs of a LI."""
        node = self.nodes[name]
        shape = tuple(np.ravel(next(iter(node.output_type.values()))))
        require(len(shape) == 1, f"node {name!r}", "a row of cells, of shape (n,)", shape)
        return int(shape[0])

    def onto(self, target: str) -> tuple[list[Path], np.ndarray]:
        """The paths onto neurons, and the sum of the biases on them, (n,)."""
        size = self.size(target)
        found: list[Path] = []
        bias = np.zeros(size)
        for name in self.before(target):
            after, last = np.zeros(size), [name]
            if isinstance(self.nodes[name], self.nir.Delay):
                after, last = self._delays(name, size), self.before(name)
            for each in last:
                weight, own, sources = self._linear(each, size)
                if own.any() and after.any():
                    raise InputError(f"node {each!r}: a bias before a Delay cannot be taken")
                bias += own
                found += [path for source in sources for path in self._from(source, weight, after)]
        return found, bias

    def _linear(self, name: str, size: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Weights, those of an edge from cells themselves as well, biases, and what comes before."""
        node = self.nodes[name]
        bias: np.ndarray = np.zeros(size)
        if not isinstance(node, self.nir.Linear | self.nir.Affine):
            return np.eye(size), bias, [name]
        shape = np.shape(node.weight)
        require(len(shape) == 2 and shape[0] == size, f"weight of node {name!r}", f"of shape ({size}, n)", shape)
        if isinstance(node, self.nir.Affine):
            bias = numbers_of(f"bias of node {name!r}", node.bias, (size,))
        return numbers_of(f"weight of node {name!r}", node.weight, shape), bias, self.before(name)

    def _from(self, name: str, weight: np.ndarray, after: np.ndarray) -> list[Path]:
        """The paths that come from cells, or from cells by a Delay."""
        delay, sources = np.zeros(weight.shape[1]), [name]
        if isinstance(self.nodes[name], self.nir.Delay):
            delay, sources = self._delays(name, weight.shape[1]), self.before(name)
        for source in sources:
            if not isinstance(self.nodes[source], self.spiking):
                raise InputError(f"node {source!r}, a {type(self.nodes[source]).__name__}, cannot stand there: {PATH}")
            size, rule = self.size(source), f"of {weight.shape[1]} cells, as what follows it"
            require(size == weight.shape[1], f"node {source!r}", rule, size)
        return [Path(source, weight, delay + after[:, None]) for source in sources]

    def _delays(self, name: str, size: int) -> np.ndarray:
        delays = numbers_of(f"delay of node {name!r}", self.nodes[name].delay, (size,))
        require(bool((delays >= 0).all()), f"delay of node {name!r}", "at least 0", delays)
        return delays
