"""Brian2's Synapses as projections: what each statement of `on_pre` adds to which variable of the target."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2 import NeuronGroup, Subgroup, Synapses
from brian2.equations.equations import DIFFERENTIAL_EQUATION, PARAMETER, SUBEXPRESSION
from brian2.synapses.synapses import SynapticPathway
from brian2.units import second

from lsnn.circuits.evaluating import evaluated
from lsnn.circuits.groups_read import line_of, statements_of
from lsnn.circuits.namespaces import Names, quantity, refuse, units_as_values
from lsnn.circuits.parts import Projection
from lsnn.equations.texts import TextError

PLASTIC = "synapses whose own variables change (plasticity) cannot be taken"


def require_plain(synapses: Synapses) -> None:
    """Refuse synapses that do more than add to variables of their target when a spike of their source arrives."""
    for equation in synapses.equations.values():
        if equation.type == DIFFERENTIAL_EQUATION:
            kind = "event-driven" if "event-driven" in equation.flags else "clock-driven"
            refuse(synapses, "model", line_of(equation), f"{kind} equations of synapses cannot be taken")
    for name, updater in synapses.summed_updaters.items():
        rule = "summed variables cannot be taken: let spikes add to a variable of the target"
        refuse(synapses, "model", f"{name} = {updater.expression} (summed)", rule)
    for name in synapses.event_driven or ():
        refuse(synapses, "model", str(synapses.event_driven[name].expr), "event-driven equations cannot be taken")
    for pathway in synapses._pathways:
        if pathway.prepost != "pre":
            refuse(synapses, "on_post", pathway.code, f"spikes of the target cannot act on synapses: {PLASTIC}")
        if pathway.event != "spike" or pathway.when != "synapses":
            refuse(synapses, "on_pre", pathway.code, "must act on spikes, in the slot 'synapses'")
    for thing in synapses.contained_objects:
        if not isinstance(thing, SynapticPathway):
            refuse(synapses, "contained objects", thing.name, "only on_pre can be taken")
    if not isinstance(source_of(synapses.target), NeuronGroup):
        refuse(synapses, "target", synapses.target.name, "must be a NeuronGroup")


def source_of(group: Any) -> Any:
    """The group that a subgroup is part of."""
    return group.source if isinstance(group, Subgroup) else group


def added_to(synapses: Synapses) -> list[str]:
    """The variables of the target that synapses add to."""
    found = []
    for pathway in synapses._pathways:
        for variable, _, _, line in statements_of(synapses, "on_pre", pathway.code):
            found.append(_target_of(synapses, variable, line))
    return list(dict.fromkeys(found))


def _target_of(synapses: Synapses, variable: str, line: str) -> str:
    """The variable of the target that a statement assigns."""
    target = source_of(synapses.target)
    name = variable.removesuffix("_post")
    if variable in synapses.equations:
        refuse(synapses, "on_pre", line, f"{variable!r} is a variable of the synapses: {PLASTIC}")
    if variable.endswith("_pre") or name not in target.user_equations:
        refuse(synapses, "on_pre", line, f"{variable!r} is no variable of the target, {target.name!r}")
    if target.user_equations[name].type != DIFFERENTIAL_EQUATION:
        rule = f"{name!r} of {target.name!r} has no differential equation, so what synapses add would stay for ever"
        refuse(synapses, "on_pre", line, rule)
    return name


def projections_of(synapses: Synapses, around: Mapping[str, Any], dt: float) -> list[Projection]:
    """A projection for every statement of every pathway."""
    pre, post = (synapses.variables[name].get_value() for name in ("_synaptic_pre", "_synaptic_post"))
    found = []
    for pathway in synapses._pathways:
        delay = np.broadcast_to(pathway.variables["delay"].get_value(), len(pre)) if len(pre) else np.zeros(0)
        steps = np.floor(delay / dt + 0.5) + 1  # Brian2 delivers within the step of a spike, before the next
        for i, (variable, op, expression, line) in enumerate(statements_of(synapses, "on_pre", pathway.code)):
            name = synapses.name if len(synapses._pathways) == 1 else f"{synapses.name}_{pathway.objname}"
            ends = source_of(synapses.source).name, source_of(synapses.target).name
            found.append(
                Projection(
                    *ends,
                    _target_of(synapses, variable, line),
                    pairs=(pre.astype(np.int64), post.astype(np.int64)),
                    delay=quantity(steps * dt, second.dim),
                    weight=_weight(synapses, variable, op, expression, line, around, (pre, post)),
                    name=f"{name}_{i + 1}" if i else name,
                )  # fmt: skip
            )
    return found


def _weight(
    synapses: Synapses, variable: str, op: str, expression: str, line: str, around: Mapping[str, Any], pairs: Any
) -> Any:
    """What a spike of each synapse adds, (S,) with its unit."""
    if op not in ("+=", "-="):
        refuse(synapses, "on_pre", line, "must add to a variable: += or -=")
    target = source_of(synapses.target)
    values = units_as_values() | _values(synapses, expression, line, pairs)
    names = Names(synapses, around)
    for name in names.outside(expression, "on_pre", values):
        values[name] = names.constant(name, "on_pre", line)[0]
    try:
        weight = np.broadcast_to(np.asarray(evaluated(expression, values), float), len(pairs[0]))
    except TextError as error:
        refuse(synapses, "on_pre", line, error)
    dimension = target.user_equations[variable.removesuffix("_post")].dim
    return quantity(weight * (1.0 if op == "+=" else -1.0), dimension)


def _values(synapses: Synapses, expression: str, line: str, pairs: Any) -> dict[str, Any]:
    """Values (S,) of the parameters of synapses, source and target that an expression names."""
    found: dict[str, Any] = {"i": pairs[0], "j": pairs[1]}
    for name in dict.fromkeys(re.findall(r"\b[A-Za-z_]\w*", expression)):
        if name in synapses.equations:
            found[name] = _own_value(synapses, name, line, found)
            continue
        for suffix, group, places in (("_pre", synapses.source, pairs[0]), ("_post", synapses.target, pairs[1])):
            plain = name.removesuffix(suffix)
            equations = getattr(source_of(group), "user_equations", {})
            if plain in equations and (name != plain or suffix == "_post"):
                if equations[plain].type != PARAMETER:
                    rule = f"{name!r} changes in time: what a synapse adds must be made of parameters"
                    refuse(synapses, "on_pre", line, rule)
                values = source_of(group).variables[plain].get_value()
                found[name] = values[places] if np.ndim(values) and len(values) > 1 else np.asarray(values)
    return found


def _own_value(synapses: Synapses, name: str, line: str, known: Mapping[str, Any]) -> Any:
    equation = synapses.equations[name]
    if equation.type == SUBEXPRESSION:
        refuse(synapses, "model", line_of(equation), "an expression of synapses cannot be taken: write it into on_pre")
    return np.asarray(synapses.variables[name].get_value(), float)
