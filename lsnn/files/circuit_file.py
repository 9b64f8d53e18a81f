"""Circuit files: an `lsnn.Circuit` in SI units, sealed like all files.

    /            attributes of `store.provenance`, kind "circuit"
    /circuit     attributes parts (JSON: populations, projections and readout, all that is no array) and checksum
                 (SHA-256 of parts and of all data sets below)
        populations/I/     of population number I, as far as it has them: parameters/NAME, initial/NAME (size,);
                           drive/NAME (of a driven variable, (m,) or (m, size)); cells, seconds or hertz of a source
        projections/I/     pre, post (indices within the populations), delay (s), weight; (synapses,) each
        readout/           weight (neurons of its sources, outputs), bias (outputs,)
        readouts/NAME/     likewise, of a list of readouts

What is read goes through the checks of `lsnn.Circuit` itself: a file can hold nothing that could not be made by hand.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lsnn.circuits.circuit import Circuit
from lsnn.circuits.laid_out import equations_of
from lsnn.circuits.namespaces import quantity
from lsnn.circuits.parts import Population, Projection, Rates, Readout, Steps, Times
from lsnn.errors import InputError
from lsnn.files import store
from lsnn.files.circuit_group import NONE_HAS, circuit_sha256, put_circuit
from lsnn.files.rules import group_of, require, require_only
from lsnn.network import MOST_CELLS
from lsnn.neuron_files import KINDS
from lsnn.neurons import OF_NETWORK, NeuronModel, Parameter
from lsnn.validation import require_integer

KIND, ROW = "circuit", 5  # texts in a row of a model's parameters
TABLES = ("parameters", "initial")
NUMBER, MAYBE = (int, float), (int, float, type(None))


def save_circuit(path: Path, c: Circuit) -> None:
    """Write a circuit atomically.

    Raises:
        InputError: no place for a file, or values that do not fit it. StoreError: it could not be written.
    """
    c.weights()  # InputError for values that were changed to what does not fit
    with store.write_atomically(path) as file:
        store.write_attributes(file, store.provenance(KIND, {}, 0, "lsnn.save"))
        put_circuit(file.create_group(KIND), c)


def load_circuit(path: Path) -> Circuit:
    """Read a circuit file; InputError for what is none, is damaged or breaks a rule, with file, place and rule."""
    with store.open_for_reading(path, KIND) as file:
        return read_circuit(file)


def read_circuit(file: h5py.File) -> Circuit:
    """The circuit in the group of this name of a file; InputError as of `load_circuit`."""
    group = group_of(file, KIND)
    require_only(group, ("populations", "projections", "readout", "readouts"), ("parts", "checksum"))
    text = store.read_attribute(group, "parts", str)
    try:
        c = _circuit(group, _json(text))
    except InputError as error:
        if str(error).startswith(file.filename):
            raise
        raise InputError(f"{file.filename}: {group.name}: {error}") from error
    stored, found = store.read_attribute(group, "checksum", str), circuit_sha256(c)
    require(group, "@checksum", stored == found, f"that of its parts and data sets, {found}", stored)
    return c


def _json(text: str) -> dict[str, Any]:
    try:
        parts = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"@parts must be JSON: {error}") from error
    return _kept("@parts", parts, dict)


def _kept(name: str, value: Any, kind: type | tuple[type, ...]) -> Any:
    """The value, if it is of a kind; a truth is no number."""
    wanted = kind if isinstance(kind, tuple) else (kind,)
    fits = isinstance(value, kind) and (not isinstance(value, bool) or bool in wanted)
    if not fits:
        kinds = " or ".join(each.__name__ for each in wanted)
        raise InputError(f"@parts: {name} must be of type {kinds}, got {value!r:.80}")
    return value


def _field(parts: dict[str, Any], place: str, name: str, kind: type | tuple[type, ...]) -> Any:
    if name not in parts:
        raise InputError(f"@parts: {place}{name} is missing")
    return _kept(place + name, parts[name], kind)


def _texts(parts: dict[str, Any], place: str, name: str) -> tuple[str, ...]:
    return tuple(_kept(f"{place}{name}", text, str) for text in _field(parts, place, name, list))


def _circuit(group: h5py.Group, parts: dict[str, Any]) -> Circuit:
    from brian2.units import second

    dt, gamma = (float(_field(parts, "", name, NUMBER)) for name in ("dt", "gamma"))
    populations = [_population(*each) for each in _listed(group, "populations", parts)]
    known = {p.name: p for p in populations}
    projections = [_projection(*each, known) for each in _listed(group, "projections", parts)]
    readout, detached = _readouts(group, parts), _field(parts, "", "detach_reset", bool)
    return Circuit(populations, projections, readout, quantity(dt, second.dim), gamma=gamma, detach_reset=detached)


def _listed(
    group: h5py.Group, name: str, parts: dict[str, Any]
) -> list[tuple[h5py.Group | None, str, dict[str, Any]]]:  # fmt: skip
    """Of each part of a list: its group, if it has arrays, its place in messages, and what it says."""
    listed = _field(parts, "", name, list)
    if name not in group:
        return [(None, f"{name}[{i}].", _kept(f"{name}[{i}]", each, dict)) for i, each in enumerate(listed)]
    of, numbers = group_of(group, name), [str(i) for i in range(len(listed))]
    require_only(of, numbers, ())
    groups = [group_of(of, number) if number in of else None for number in numbers]
    return [
        (own, f"{name}[{i}].", _kept(f"{name}[{i}]", each, dict))
        for i, (own, each) in enumerate(zip(groups, listed, strict=True))
    ]


def _population(group: h5py.Group | None, place: str, parts: dict[str, Any]) -> Population:
    sign, text = parts.get("sign"), _field(parts, place, "model", (dict, type(None)))
    given: dict[str, Any] = {
        "name": _field(parts, place, "name", str), "size": _field(parts, place, "size", int),
        "sign": sign if sign is None else _kept(f"{place}sign", sign, int), "learnt": _texts(parts, place, "learnt"),
    }  # fmt: skip
    require_integer(f"size of {given['name']:.80}", given["size"], 1, MOST_CELLS)
    if text is None:
        return Population(**given, source=_source(group, place, parts))
    model = _model(f"{place}model.", text)
    if group is not None:
        require_only(group, ("parameters", "initial", "drive"), ())
    p = Population(given["name"], 1, model)
    equations = equations_of(p)
    for name in TABLES:
        values = _members(group, name, (given["size"],))
        unknown = [key for key in values if key not in equations]
        if unknown:
            raise InputError(f"{place}{name} must be of names in the equations, got {unknown[0]!r:.80}")
        given[name] = {key: quantity(array, equations[key].dim) for key, array in values.items()}
    seconds = _field(parts, place, "drive", dict)
    values = _members(group, "drive", None)
    if set(values) != set(seconds):
        raise InputError(
            f"@parts: {place}drive must name the data sets in drive, {sorted(values)}, got {sorted(seconds)}"
        )
    given["drive"] = {key: Steps(values[key], float(_kept(f"{place}drive", s, NUMBER))) for key, s in seconds.items()}
    return Population(**given, model=model)


def _members(group: h5py.Group | None, name: str, shape: tuple[int, ...] | None) -> dict[str, np.ndarray]:
    """Data sets of a group within a group, by name, of a shape; None: of one or two dimensions."""
    if group is None or name not in group:
        return {}
    of = group_of(group, name)
    return {key: store.read(of, key, "f", shape or (None,) * _dimensions(of, key)) for key in of}


def _dimensions(group: h5py.Group, key: str) -> int:
    return 2 if len(getattr(group[key], "shape", None) or ()) == 2 else 1


def _source(group: h5py.Group | None, place: str, parts: dict[str, Any]) -> Times | Rates | None:
    kind = _field(parts, place, "source", (str, type(None)))
    if kind is None and group is None:
        return None
    if kind == "Times" and group is not None:
        period = _field(parts, place, "period", MAYBE)
        return Times(store.read(group, "cells", "i", (None,)), store.read(group, "seconds", "f", (None,)), period)
    if kind == "Rates" and group is not None:
        return Rates(store.read(group, "hertz", "f", (None,)))
    raise InputError(
        f"@parts: {place}source must be Times or Rates with data sets, or nothing without, got {kind!r:.80}"
    )


def _projection(
    group: h5py.Group | None, place: str, parts: dict[str, Any], known: Mapping[str, Population]
) -> Projection:
    from brian2.units import second

    names = {name: _field(parts, place, name, str) for name in ("source", "target", "port", "name")}
    target = known.get(names["target"])
    if group is None or target is None or names["port"] not in target.ports:
        rule = "of a population with that port, and have data sets"
        raise InputError(f"@parts: {place}target must be {rule}, got {names['target']!r:.80}, {names['port']!r:.80}")
    require_only(group, ("pre", "post", "delay", "weight"), ())
    pre, post = (store.read(group, name, "i", (None,)) for name in ("pre", "post"))
    delay, weight = (store.read(group, name, "f", (len(pre),)) for name in ("delay", "weight"))
    dimension = equations_of(target)[names["port"]].dim
    learn, longest = (_field(parts, place, key, kinds) for key, kinds in (("learn", (bool, list)), ("longest", MAYBE)))
    return Projection(
        **names, pairs=(pre, post), delay=quantity(delay, second.dim), weight=quantity(weight, dimension),
        learn=learn if isinstance(learn, bool) else _texts(parts, place, "learn"),
        longest=None if longest is None else quantity(float(longest), second.dim),
    )  # fmt: skip


def _readouts(group: h5py.Group, parts: dict[str, Any]) -> Readout | list[Readout] | None:
    """The readout, or a list of them."""
    of = _field(parts, "", "readout", (dict, list, type(None)))
    if of is None:
        return None
    if isinstance(of, dict):
        return _readout(group_of(group, "readout"), "readout.", of)
    listed = [_kept(f"readout[{i}]", each, dict) for i, each in enumerate(of)]
    names = [_name_of(each, f"readout[{i}].") for i, each in enumerate(listed)]
    held = group_of(group, "readouts") if names else None
    if held is None:
        return []
    require_only(held, names, ())
    return [
        _readout(group_of(held, name), f"readout[{i}].", each)
        for i, (name, each) in enumerate(zip(names, listed, strict=True))
    ]


def _name_of(of: dict[str, Any], place: str) -> str:
    return str(_kept(f"{place}name", of.get("name", "readout"), str))


def _readout(arrays: h5py.Group, place: str, of: dict[str, Any]) -> Readout:
    from brian2.units import second

    require_only(arrays, ("weight", "bias"), ())
    weight, bias = store.read(arrays, "weight", "f", (None, None)), store.read(arrays, "bias", "f", (None,))
    return Readout(
        _texts(of, place, "source"), _field(of, place, "outputs", int),
        quantity(float(_field(of, place, "tau", NUMBER)), second.dim), weight, bias, _texts(of, place, "learnt"),
        _name_of(of, place),
    )  # fmt: skip


def _model(place: str, parts: dict[str, Any]) -> NeuronModel:
    """A neuron model of its strings and numbers, which are checked when it is written."""
    kinds = {name: (int, float) if kind is float else kind for name, kind in KINDS.items()}
    plain: dict[str, Any] = {name: _field(parts, place, name, kind) for name, kind in kinds.items() if name != "output"}
    plain |= {name: _texts(parts, place, name) for name in OF_NETWORK if name not in NONE_HAS}
    rows = [_texts({"row": row}, f"{place}parameters.", "row") for row in _field(parts, place, "parameters", list)]
    starts = [_texts({"row": row}, f"{place}initial.", "row") for row in _field(parts, place, "initial", list)]
    for row, length in [*((row, ROW) for row in rows), *((row, 2) for row in starts)]:
        if len(row) != length:
            raise InputError(
                f"@parts: {place}parameters and initial must have rows of {ROW} and 2 texts, got {row!r:.80}"
            )
    return NeuronModel(
        **plain, parameters=tuple(Parameter(*row) for row in rows), initial=tuple((a, b) for a, b in starts)
    )
