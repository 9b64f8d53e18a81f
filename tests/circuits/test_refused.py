"""What cannot be taken from Brian2, or built as a circuit, is refused by object and line."""

import copy

import brian2 as br
import numpy as np
import pytest
from brian2 import Hz, ms, mV

import lsnn
from lsnn import InputError, Population, Projection, Readout
from tests.circuits.ports import GATED

LEAKY = "dv/dt = -v/(10*ms) : 1"


def cells(equations=LEAKY, name="cells", **changes):
    how = {"threshold": "v > 1", "reset": "v = 0", "method": "euler"} | changes
    return br.NeuronGroup(4, equations, name=name, **how)


def joined(model="", group=None, name="joined", **how):
    group = group or cells()
    synapses = br.Synapses(group, group, model, name=name, **({"on_pre": "v_post += 0.1"} | how))
    synapses.connect()
    return [group, synapses]


def regular():
    group = cells()
    group.run_regularly("v += 0.1", dt=1 * ms)
    return group


def held_by_another():
    synapses = joined()[1]
    return [cells(name="others"), synapses]


def of_two_steps():
    return [cells(), cells(name="slow", clock=br.Clock(0.5 * ms))]


def twice(x):
    return 2 * x


TWICE = br.Function(twice, arg_units=[1], return_unit=1)
REFUSED = {
    "noise": (
        lambda: cells(f"{LEAKY[:-4]} + 0.1*xi*(10*ms)**-0.5 : 1"), r"NeuronGroup 'cells', .*'v: dv/dt = .*xi.*noise",
    ),
    "time": (lambda: cells("dv/dt = (sin(t/ms) - v)/(10*ms) : 1"), r"'cells', .*sin\(t/ms\).*'t' cannot be used"),
    "number": (lambda: cells("dv/dt = (i - v)/(10*ms) : 1"), r"'cells', .*'i' cannot be used.*make it a parameter"),
    "draw in the reset": (lambda: cells(reset="v = rand()"), r"'cells', reset, 'v = rand\(\)'.*noise has no adjoint"),
    "truth": (lambda: cells(f"{LEAKY}\non : boolean"), "'cells', equations, 'on : boolean': must be a real number"),
    "whole number": (
        lambda: cells(f"{LEAKY}\nn : integer"), "'cells', equations, 'n : integer': must be a real number",
    ),
    "linked": (
        lambda: cells(f"{LEAKY}\nw : 1 (linked)"), r"'cells', equations, 'w : 1 \(linked\)': the flag \(linked\)",
    ),
    "method": (lambda: cells(method="rk4"), "'cells', method, 'rk4': must be one of exact, exponential_euler, euler"),
    "refractory": (lambda: cells(refractory="v > 0.5"), "'cells', refractory, 'v > 0.5': a condition cannot be taken"),
    "no threshold": (lambda: br.NeuronGroup(2, LEAKY, name="cells"), "'cells', threshold: there is none"),
    "two conditions": (
        lambda: cells(threshold="v > 1 and v < 2"), "'cells', threshold, 'v > 1 and v < 2': must be one",
    ),
    "event": (lambda: cells(events={"near": "v > 0.9"}), "'cells', event 'near', 'v > 0.9': events other than"),
    "regular code": (regular, r"NeuronGroup 'cells', run_regularly, 'v \+= 0.1': code that runs regularly"),
    "function": (lambda: cells("dv/dt = -twice(v)/(10*ms) : 1", namespace={"twice": TWICE}), "no function 'twice'"),
    "unknown name": (lambda: cells("dv/dt = -v/tau : 1"), "'cells', equations, 'v: dv/dt = .*': unknown name 'tau'"),
    "plastic synapses": (
        lambda: joined("w : 1", on_pre="w += 1"), r"Synapses 'joined', on_pre, 'w \+= 1': .*plasticity",
    ),
    "spikes of the target": (lambda: joined("w : 1", on_post="w += 1"), r"'joined', on_post, 'w \+= 1': spikes of the"),
    "event-driven": (
        lambda: joined("da/dt = -a/(5*ms) : 1 (event-driven)"), "'joined', model, .*a.*event-driven equations",
    ),
    "clock-driven": (
        lambda: joined("da/dt = -a/(5*ms) : 1 (clock-driven)"), "'joined', model, 'da/dt = .*clock-driven",
    ),
    "summed": (
        lambda: joined("s_post = 1*v_pre : 1 (summed)", cells(f"{LEAKY}\ns : 1"), on_pre=""),
        r"'joined', model, 's_post = 1\*v_pre \(summed\)': summed variables",
    ),
    "what moves": (lambda: joined(on_pre="v_post += v_pre"), r"'joined', on_pre, 'v_post \+= v_pre': 'v_pre' changes"),
    "drawn at a spike": (lambda: joined(on_pre="v_post += rand()"), r"'joined', on_pre, .*'rand\(\)' is drawn anew"),
    "no addition": (lambda: joined(on_pre="v_post *= 0.5"), r"'joined', on_pre, 'v_post \*= 0.5': must add"),
    "never cleared": (
        lambda: joined(group=cells(f"{LEAKY}\ns : 1"), on_pre="s_post += 1"), "'s' of 'cells' has no differential eq",
    ),
    "half of a network": (held_by_another, "Synapses 'joined': its group 'cells' is not among the objects"),
    "two time steps": (of_two_steps, "'slow', dt, '0.0005 s': all objects must have one time step"),
    "operation": (lambda: [cells(), br.NetworkOperation(lambda: None)], "NetworkOperation .* cannot be taken"),
    "poisson input": (
        lambda: [group := cells(), br.PoissonInput(group, "v", 10, 5 * Hz, weight=0.1)],
        "PoissonInput .* cannot be taken",
    ),
    "negative conductance": (
        lambda: joined(
            group=cells("dv/dt = (g*(2 - v) - v)/(10*ms) : 1\ndg/dt = -g/(5*ms) : 1", method="exponential_euler"),
            on_pre="g_post -= 0.1",
        ),
        r"weight\['joined'\] must be at least 0, since g of cells is a conductance",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_taken_is_refused_by_object_and_line(case):
    br.start_scope()
    build, message = REFUSED[case]
    with np.errstate(all="ignore"):
        things = build()
        with pytest.raises(InputError, match=message):
            lsnn.from_brian2(things, namespace={})


VALUES = {"E_e": 5.0, "E_i": -1.0, "theta": 1.0, "tau": 20 * ms, "tau_e": 4 * ms, "tau_i": 8 * ms, "t_ref": 1 * ms}
FROM = Population("x", 3)
ONTO = Population("c", 4, GATED, VALUES)
BUILT = {
    "sign": (lambda: [Population("x", 3, sign=-1), ONTO], {"weight": 0.1}, "of the sign of its source, x, which is -"),
    "conductance": (lambda: [FROM, ONTO], {"weight": -0.1}, "at least 0, since g_e of c is a conductance"),
    "unit of a weight": (lambda: [FROM, ONTO], {"weight": 1 * mV}, "weight of x_to_c_g_e must be finite numbers"),
    "unit of a delay": (lambda: [FROM, ONTO], {"delay": 1 * mV}, "delay of x_to_c_g_e must be finite numbers in units"),
    "delay of nothing": (lambda: [FROM, ONTO], {"delay": 0 * ms}, "delay of x_to_c_g_e must be from dt = 0.001 s"),
    "port": (lambda: [FROM, ONTO], {"port": "g"}, "port of x_to_c_g must be one of its ports, g_e, g_i"),
    "no port": (lambda: [FROM, ONTO], {"port": None}, "port of x_to_c must be one of its ports, g_e, g_i"),
    "pairs": (
        lambda: [FROM, ONTO], {"connectivity": None, "pairs": ([0, 3], [0, 1])}, "sources of x_to_c_g_e must be from 0",
    ),
    "missing value": (lambda: [FROM, Population("c", 4, GATED)], {}, "'E_e : 1 .constant.': 'E_e' needs a value"),
    "unknown value": (
        lambda: [FROM, Population("c", 4, GATED, VALUES | {"C": 1})], {}, "parameters of c must be of na",
    ),
    "unit of a value": (lambda: [FROM, Population("c", 4, GATED, VALUES | {"tau": 20})], {}, "tau of c must be finite"),
}  # fmt: skip


@pytest.mark.parametrize("case", BUILT)
def test_a_circuit_whose_parts_do_not_fit_is_refused(case):
    populations, changes, message = BUILT[case]
    with pytest.raises(InputError, match=message):
        given = {"source": "x", "target": "c", "port": "g_e", "connectivity": 0.5, "weight": 0.1} | changes
        lsnn.Circuit(populations(), [Projection(**given)], Readout("c", 1, 10 * ms))


ODD = [5, "x", None, (1, 2), [None], 3 * ms, np.array([1, 2]), object()]
KINDS = {  # of each argument: what names it, and what of the above it takes
    "population": (lambda **v: Population(**{"name": "c", "size": 4, "model": GATED} | v), {
        "parameters": (), "initial": (), "drive": (), "learnt": (), "sign": (None,), "size": (5,),
    }),
    "projection": (lambda **v: Projection(**{"source": "x", "target": "c", "connectivity": 0.5} | v), {
        "source": ("x",), "target": ("x",), "port": ("x", None), "name": ("x", None), "learn": (),
    }),
    "readout": (lambda **v: Readout(**{"source": "c", "outputs": 1, "tau": 10 * ms} | v), {
        "source": ("x",), "outputs": (5,), "learnt": (),
    }),
}  # fmt: skip


@pytest.mark.parametrize("value", ODD, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("part", KINDS)
def test_a_part_of_another_kind_is_named(part, value):
    make, arguments = KINDS[part]
    for name, taken in arguments.items():
        if any(value is each for each in taken):
            assert make(**{name: value})
            continue
        with pytest.raises(InputError, match=f"^{name} of "):
            make(**{name: value})


def test_what_is_no_part_is_named():
    with pytest.raises(InputError, match="high - low must be a number"):
        lsnn.uniform(-1.7e308, 1.7e308)
    with pytest.raises(InputError, match="a population must be of class Population"):
        lsnn.Circuit([FROM, None])
    with pytest.raises(InputError, match="source of the readout must be different names"):
        Readout(("c", "c"), 1, 10 * ms)
    with pytest.raises(InputError, match="source of the readout must be different names"):
        Readout((), 1, 10 * ms)


def test_what_memory_has_no_room_for_is_named():
    many = Population("c", 1_000_000, GATED, VALUES)
    with pytest.raises(InputError, match="pairs of c_to_c_g_e must fit into"):
        lsnn.Circuit([many], [Projection("c", "c", "g_e", 0.5)])
    with pytest.raises(InputError, match="a readout of 10000000 outputs must fit into"):
        lsnn.Circuit([many], [], Readout("c", 10_000_000, 10 * ms))


RUNS = {
    "no samples": ({"samples": 0}, "samples must be"), "no steps": ({"steps": 0}, "steps must be"),
    "no input": ({"inputs": None, "steps": 5}, "inputs must hold the spikes of x"),
    "cells": ({"inputs": np.zeros((5, 4))}, r"inputs\['x'\] must be spikes \(samples, steps, 3\)"),
    "counts": ({"inputs": np.full((5, 3), 2)}, r"inputs\['x'\] must be spikes"),
    "text": ({"inputs": "spikes"}, r"inputs\['x'\] must be numbers"),
    "seed": ({"seed": "a"}, "seed must be an integer"),
    "record": ({"record": "v"}, "record must be a list of names"),
    "variable": ({"record": ("w",)}, "record must be of state variables among"),
    "driven": ({"driven": {("c", "I"): 0.0}}, "driven must be of pairs"), "dtype": ({"dtype": int}, "dtype must be fl"),
}  # fmt: skip


@pytest.mark.parametrize("case", RUNS)
def test_a_run_that_does_not_fit_is_refused(case):
    how, message = RUNS[case]
    made = lsnn.Circuit([FROM, ONTO], [Projection("x", "c", "g_e", 0.5, weight=0.1)])
    with pytest.raises(InputError, match=message):
        made.run(**{"inputs": np.zeros((5, 3))} | how)


def test_places_that_no_longer_exist_are_refused_before_a_run():
    made = lsnn.Circuit([FROM, ONTO], [Projection("x", "c", "g_e", 0.5, weight=0.1)])
    good = made.synapses["x_to_c_g_e"]
    for change in ({"pre": good.pre + 3}, {"post": good.post - 4}, {"delay": good.delay - 1}, {"post": good.post[:-1]}):
        made.synapses["x_to_c_g_e"] = good._replace(**change)
        with pytest.raises(InputError, match=r"synapses\['x_to_c_g_e'\]"):
            made.run(inputs=np.zeros((5, 3)))


CHANGED = {
    "tau": (0, None, "x"), "readout_weight": ("x", None), "bias": (None,), "weight": (None, {}, {"x": 1.0}),
    "delay": (None, {"x_to_c_g_e": np.ones(2)}), "parameters": (None, {}, {"c": None}, {"c": {}}),
    "initial": (None, {"c": None}),
}  # fmt: skip


def test_what_was_changed_is_named_by_whatever_is_done_with_it(tmp_path):
    spikes = np.zeros((2, 5, 3))
    ways = (
        lambda made: made(spikes), lambda made: made.gradient(spikes, np.zeros((2, 5, 1))),
        lambda made: lsnn.fit(made, spikes, np.zeros(2, int)), lambda made: lsnn.save(made, tmp_path / "made.lsnn.h5"),
    )  # fmt: skip
    made = lsnn.Circuit([FROM, ONTO], [Projection("x", "c", "g_e", 0.5, weight=0.1)], Readout("c", 1, 10 * ms))
    for name, values in CHANGED.items():
        for value in values:
            changed = copy.copy(made)
            setattr(changed, name, value)
            for way in ways:
                with pytest.raises(InputError, match=rf"^{name}\b"):
                    way(changed)


def test_values_that_no_longer_fit_are_refused_before_a_run():
    made = lsnn.Circuit([FROM, ONTO], [Projection("x", "c", "g_e", 0.5, weight=0.1)])
    good = made.weight["x_to_c_g_e"]
    for bad, message in ((good[:-1], "array of shape"), (good * np.nan, "finite"), (-good, "conductance")):
        made.weight["x_to_c_g_e"] = bad
        with pytest.raises(InputError, match=message):
            made.run(5, inputs=np.zeros((5, 3)))
