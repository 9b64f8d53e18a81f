"""A graph of NIR as a circuit: `lsnn.from_nir`."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from brian2.units import second

from lsnn.bridges.nir_models import CUBALIF, LIF, package
from lsnn.bridges.nir_paths import Path, Paths
from lsnn.circuits.circuit import Circuit
from lsnn.circuits.namespaces import quantity
from lsnn.circuits.parts import Population, Projection, Readout
from lsnn.circuits.values import seconds_of
from lsnn.errors import InputError
from lsnn.validation import numbers_of, require, require_kind

MODELS = {"LIF": LIF, "CubaLIF": CUBALIF}
TIMES = ("tau", "tau_mem", "tau_syn")
NEARLY_WHOLE = 1e-6  # of a step, within which a delay in seconds counts as whole


def from_nir(graph: Any, dt: Any, learnt: Mapping[str, tuple[str, ...]] | None = None, gamma: float = 0.3) -> Circuit:
    """A graph of NIR as a circuit: `lsnn.from_nir`.

    Taken are Input, LIF, CubaLIF, Linear, Affine, Delay, one LI before an Output, and graphs of them. Populations are
    called as their nodes, with _ for what no name may have; projections SOURCE_to_TARGET, further ones _2 and so on.

    Args:
        graph: a `nir.NIRGraph`. dt: time step of the circuit, a time; NIR has none. learnt: parameters whose gradient
            is wanted, by population. gamma: damping of the surrogate derivative.

    Raises:
        InputError: a node that cannot be taken, or stands where it cannot; nir is not installed.
    """
    nir = package()
    require_kind("graph", graph, nir.NIRGraph)
    paths, step = Paths(nir, graph), seconds_of("dt", dt)
    names = _names(paths)
    learning = dict(learnt or {})
    for name in learning:
        require(name in names.values(), "learnt", f"of populations among {', '.join(names.values())}", name)
    populations, projections = [], []
    for node, name in names.items():
        if isinstance(paths.nodes[node], nir.Input):
            populations.append(Population(name, paths.size(node)))
            continue
        found, bias = paths.onto(node)
        populations.append(_neurons(paths, node, name, bias, tuple(learning.get(name, ()))))
        projections += [*_projections(found, names, name, step)]
    return Circuit(populations, projections, _readout(paths, names), quantity(step, second.dim), gamma=gamma)


def _names(paths: Paths) -> dict[str, str]:
    """Names of populations by the nodes of their cells."""
    found: dict[str, str] = {}
    for node, kind in paths.nodes.items():
        if isinstance(kind, paths.spiking) and node not in paths.through:
            plain = re.sub(r"[^0-9A-Za-z_]", "_", node)
            name = plain if plain[:1].isalpha() else f"node_{plain.lstrip('_')}"
            require(name not in found.values(), "names of nodes", "different in letters and digits", node)
            found[node] = name
    return found


def _neurons(paths: Paths, node: str, name: str, bias: np.ndarray, learnt: tuple[str, ...]) -> Population:
    given, size = paths.nodes[node], paths.size(node)
    model = MODELS[type(given).__name__]
    fields = ("tau_mem", "tau_syn", "w_in") if model is CUBALIF else ("tau",)
    fields = (*fields, "r", "v_leak", "v_threshold", "v_reset")
    values = {key: numbers_of(f"{key} of node {node!r}", getattr(given, key), (size,)) for key in fields}
    for key in set(values) & {*TIMES}:
        require(bool((values[key] > 0).all()), f"{key} of node {node!r}", "above 0", values[key])
        values[key] = quantity(values[key], second.dim)
    below = bool((values["v_reset"] < values["v_threshold"]).all())
    require(below, f"v_reset of node {node!r}", "below v_threshold", values["v_reset"])
    if model is CUBALIF:
        differ = bool(np.all(np.abs(values["tau_mem"] / values["tau_syn"] - 1) > 1e-6))
        rule = "other than tau_mem: the exact solution divides by their difference"
        require(differ, f"tau_syn of node {node!r}", rule, np.asarray(values["tau_syn"]))
    return Population(name, size, model, values | {"bias": bias}, learnt=learnt)


def _projections(found: list[Path], names: Mapping[str, str], target: str, dt: float) -> Iterator[Projection]:
    taken: list[str] = []
    for path in found:
        post, pre = np.nonzero(path.weight)
        if not len(post):
            continue
        steps = path.delay[post, pre] / dt
        whole = np.abs(steps - np.round(steps)) < NEARLY_WHOLE
        source = names[path.source]
        require(bool(whole.all()), f"delays from {source} to {target}", f"whole steps of dt = {dt:g} s", steps[~whole])
        label = f"{source}_to_{target}"
        taken.append(label)
        name = label if taken.count(label) == 1 else f"{label}_{taken.count(label)}"
        delay = quantity((np.round(steps) + 1) * dt, second.dim)
        yield Projection(source, target, pairs=(pre, post), weight=path.weight[post, pre], delay=delay, name=name)


def _readout(paths: Paths, names: Mapping[str, str]) -> Readout | None:
    """The LI before an output as a readout."""
    nir = paths.nir
    leaky = [name for name, node in paths.nodes.items() if isinstance(node, nir.LI)]
    for name, node in paths.nodes.items():
        if isinstance(node, nir.Output) and name not in paths.through:
            for last in paths.before(name):
                if not isinstance(paths.nodes[last], (nir.LI, *paths.spiking)):
                    kind = type(paths.nodes[last]).__name__
                    raise InputError(f"node {last!r}: a {kind} at an output cannot be taken; a LI or neurons can")
    if not leaky:
        return None
    require(len(leaky) == 1, "nodes LI", "one at most, which is the readout", leaky)
    (node,) = leaky
    found, bias = paths.onto(node)
    given, size = paths.nodes[node], paths.size(node)
    tau, r, v_leak = (numbers_of(f"{k} of node {node!r}", getattr(given, k), (size,)) for k in ("tau", "r", "v_leak"))
    require(tau[0] > 0 and np.ptp(tau) == 0, f"tau of node {node!r}", "one number above 0: a readout has one", tau)
    weight: dict[str, np.ndarray] = {}
    for path in found:
        spiking = isinstance(paths.nodes[path.source], nir.LIF | nir.CubaLIF)
        require(spiking and not path.delay.any(), f"LI {node!r}", "reached by neurons without a Delay", path.source)
        own = (r[:, None] * path.weight).T
        weight[names[path.source]] = weight.get(names[path.source], 0.0) + own
    require(bool(weight), f"LI {node!r}", "reached by neurons", node)
    rows = np.concatenate([*weight.values()])
    return Readout(tuple(weight), size, quantity(tau[0], second.dim), rows, v_leak + r * bias)
