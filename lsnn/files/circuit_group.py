"""A circuit as a group of a file: what is written of it, in circuit files and in records of its runs."""

import json
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from lsnn.circuits.laid_out import LaidOut
from lsnn.circuits.parts import Population, Rates, Times
from lsnn.circuits.readouts import Read
from lsnn.files import store
from lsnn.neurons import NeuronModel

NONE_HAS = "output", "scored"  # fields of a model: circuits spike, and what a loss is taken of is of a run


def circuit_sha256(c: LaidOut) -> str:
    """SHA-256 of all that a circuit computes with."""
    return checksum(text_of(c), arrays_of(c))


def put_circuit(group: h5py.Group, c: LaidOut) -> None:
    """Write a circuit into a group."""
    text, arrays = text_of(c), arrays_of(c)
    store.write_attributes(group, {"parts": text, "checksum": checksum(text, arrays)})
    for name, array in arrays.items():
        store.put(group, name, array, "SI", name.rpartition("/")[2])


def checksum(text: str, arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of both."""
    return store.checksum({**arrays, "@parts": np.frombuffer(text.encode(), np.uint8)})


def text_of(c: LaidOut) -> str:
    """All of a circuit that is no array."""
    readouts = [_readout_text(read) for read in c.reads()]
    parts = {
        "dt": c.dt, "gamma": c.gamma, "detach_reset": c.detach_reset,
        "populations": [_population_text(p) for p in c.populations],
        "projections": [
            {
                "source": p.source, "target": p.target, "port": c.port_of(p), "name": p.label,
                "learn": p.learn if isinstance(p.learn, bool) else list(p.learn), "longest": c.longest.get(p.label),
            }
            for p in c.projections
        ],
        "readout": readouts if c.is_named else readouts[0] if readouts else None,
    }  # fmt: skip
    return json.dumps(parts, sort_keys=True)


def _readout_text(read: Read) -> dict[str, Any]:
    part = read.part
    found = {"source": list(part.sources), "outputs": int(part.outputs), "tau": read.tau, "learnt": list(part.learnt)}
    return found | ({} if part.name == "readout" else {"name": part.name})


def _population_text(p: Population) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": p.name,
        "size": int(p.size),
        "sign": None if p.sign is None else int(p.sign),
        "learnt": list(p.learnt),
        "model": None,
    }
    if isinstance(p.model, NeuronModel):
        found["model"] = {key: value for key, value in p.model._asdict().items() if key not in NONE_HAS}
        found["drive"] = {name: float(steps.seconds) for name, steps in p.drive.items()}
    found["source"] = type(p.source).__name__ if p.source else None
    period = p.source.period if isinstance(p.source, Times) else None
    found["period"] = period.item() if isinstance(period, np.generic) else period
    return found


def arrays_of(c: LaidOut) -> dict[str, np.ndarray]:
    """All arrays of a circuit, by their places in the file."""
    found: dict[str, np.ndarray] = {}
    for i, p in enumerate(c.populations):
        at = f"populations/{i}"
        found |= {f"{at}/parameters/{name}": values for name, values in c.parameters.get(p.name, {}).items()}
        found |= {f"{at}/initial/{name}": values for name, values in c.initial.get(p.name, {}).items()}
        found |= {f"{at}/drive/{name}": np.asarray(steps.values, float) for name, steps in p.drive.items()}
        if isinstance(p.source, Times):
            found |= {f"{at}/cells": np.asarray(p.source.cells, np.int64), f"{at}/seconds": p.source.seconds}
        elif isinstance(p.source, Rates):
            found[f"{at}/hertz"] = p.source.hertz
    for i, each in enumerate(c.projections):
        pre, post, delay = c.synapses[each.label]
        columns = {
            "pre": pre,
            "post": post,
            "delay": c.delay.get(each.label, delay * c.dt),
            "weight": c.weight[each.label],
        }
        found |= {f"projections/{i}/{name}": values for name, values in columns.items()}
    for read in c.reads():
        at = f"readouts/{read.key}" if read.key else "readout"
        found |= {f"{at}/weight": read.weight, f"{at}/bias": read.bias}
    return {name: np.asarray(values) for name, values in found.items()}
