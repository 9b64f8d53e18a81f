"""A model's pointwise functions and loops as the source of a Python module that numba compiles."""

import re
from collections.abc import Iterable, Sequence

import sympy

from lsnn.equations.conductances import conductances
from lsnn.equations.differentiating import (
    GAMMA,
    Functions,
    Pointwise,
    pointwise_functions,
)
from lsnn.equations.loops import adjoint_loop, forward_loop, needs_loop
from lsnn.equations.names import safe
from lsnn.equations.parsing import Parsed, named, parse, refuse, symbol
from lsnn.equations.printing import host, kernel
from lsnn.equations.stepping import integration_step
from lsnn.equations.written import LINE, Written, call, definition, folded, lines_of, wrapped
from lsnn.neurons import NeuronModel

SURROGATES = ("triangle", "fast_sigmoid", "gaussian")
FROM_NEURON = ("count_refractory", *SURROGATES)
FROM_SIMD = (
    "absolute", "at", "clip", "cos", "exp", "from_bits", "load", "log", "sin", "spread", "sqrt", "store", "tanh",
    "to_bits", "where",
)  # fmt: skip
FROM_FUNCTIONS = ("exprel", "exprel_slope")
MOST_INLINED = 4  # sub-steps: with more of them one copy of a step is quicker to compile and, in the caches, to run


def write(model: NeuronModel) -> str:
    """The source of a model's module; raises InputError for a model that breaks a rule."""
    with named(model, "equations", model.equations):
        return _written(model)
    raise AssertionError


def _written(model: NeuronModel) -> str:
    if model.surrogate not in SURROGATES:
        refuse(model, "surrogate", model.surrogate, f"must be one of {', '.join(SURROGATES)}")
    if not 0 < model.width < float("inf"):
        refuse(model, "width", str(model.width), "must be > 0")
    parsed = parse(model)
    _check_learnt(model, parsed)
    functions, constants = pointwise_functions(model, parsed, integration_step(model, parsed))
    if all(s.name not in parsed.variables for s in functions.distance.arguments):
        place, text = ("output", model.output) if model.sends else ("threshold", model.threshold)
        refuse(model, place, text, "must depend on a state variable")
    if model.sends and (ports := conductances(parsed)):
        rule = f"synapses add to {ports[0]!r}, a conductance, which numbers of any sign could make negative"
        refuse(model, "output", model.output, rule)
    initial = {safe(name): kernel(constants.hoist(value)) for name, value in parsed.initial.items() if value != 0}
    w = Written(
        model, parsed, functions, constants, initial, _recorded(model, parsed, functions), _arrived(parsed, functions)
    )
    f = functions
    sections = [
        _description(w), _host_functions(w),
        _pointwise(w, f.integrate), _crosses(w), _pointwise(w, f.distance), _slope(w), _pointwise(w, f.reset),
        _pointwise(w, f.distance_bar), _pointwise(w, f.before_reset), _pointwise(w, f.before_step),
        _pointwise(w, f.before_threshold), _pointwise(w, f.jump), _pointwise(w, f.constants_at_threshold),
        _pointwise(w, f.constants_of_reset), _pointwise(w, f.constants_of_step),
        forward_loop(w), needs_loop(w), adjoint_loop(w),
    ]  # fmt: skip
    body = "\n\n\n".join(filter(None, sections))
    return f"{_heading(model)}\n\n{_imports(body)}\n\n{body}\n"


def _check_learnt(model: NeuronModel, parsed: Parsed) -> None:
    """Whether every parameter that is to learn has a gradient."""
    for name in model.learnt:
        if name not in parsed.parameters:
            refuse(model, "learnt", name, f"must be one of its parameters, {', '.join(parsed.parameters)}")
        if symbol(name) in parsed.refractory.free_symbols:
            refuse(model, "refractory", model.refractory, f"{name} cannot learn, since it sets a whole number of steps")


def _recorded(model: NeuronModel, parsed: Parsed, functions: Functions) -> tuple[str, ...]:
    """Nothing for a linear model; else what its derivatives depend on, or all that sub-steps are repeated from."""
    candidates = (*parsed.variables, *parsed.cleared)
    used = {*functions.before_step.arguments, *functions.constants_of_step.arguments}
    needed = tuple(name for name in candidates if symbol(name) in used)
    if not needed or model.substeps == 1:
        return needed
    used = {*functions.integrate.arguments, *map(symbol, parsed.variables)}
    return tuple(name for name in candidates if symbol(name) in used)


def _arrived(parsed: Parsed, functions: Functions) -> tuple[str, ...]:
    """What the adjoint of a late reset depends on."""
    late = functions.jump, functions.before_reset, functions.constants_of_reset
    used = {s for function in late for s in function.arguments}
    return tuple(name for name in parsed.variables if parsed.late_reset and symbol(name) in used)


# Heading and what the host needs


def _heading(model: NeuronModel) -> str:
    rows = [line.strip() for line in model.equations.splitlines() if line.strip()]
    reset = [line.strip() for line in re.split(r"[;\n]", model.reset) if line.strip()]
    fires = [f"output      {model.output}"] if model.sends else [
        f"threshold   {model.threshold}",
        *(f"{'reset' if i == 0 else '     '}       {statement}" for i, statement in enumerate(reset)),
    ]  # fmt: skip
    lines = [
        f"Neuron model {model.name!r}, written by lsnn.equations from its Brian2 equations; numbers in SI units.",
        "",
        *(f"    {row}" for row in rows),
        "",
        *(f"    {line}" for line in fires),
        f"    method      {model.method}, {model.substeps} a step",
        f"    synapses    {_ports_told(model)}",
        *([] if model.sends else [f"    surrogate   {model.surrogate}, scale {model.scale}, width {model.width:g}"]),
    ]
    text = "\n".join(lines).replace("\\", "\\\\").replace('"', '\\"')  # a model's text is never code
    return f'"""{text}\n"""'


def _ports_told(model: NeuronModel) -> str:
    if len(model.ports) > 1:
        return f"add to {model.synaptic}"
    return f"add to {model.synaptic}, which is {'kept' if model.kept else 'cleared once used'}"


def _imports(body: str) -> str:
    def used(names: Iterable[str]) -> str:
        return ", ".join(name for name in names if re.search(rf"(?<![.\w]){name}\(", body))

    return "\n".join([
        *(["import numpy as np"] if "np." in body else []),
        "from numba import njit",
        *(["from scipy import special"] if "special." in body else []),
        "",
        "from lsnn.kernels.adjoint import beyond_threshold, share",
        "from lsnn.kernels.forward import arriving",
        *([f"from lsnn.kernels.functions import {used(FROM_FUNCTIONS)}"] if used(FROM_FUNCTIONS) else []),
        *([f"from lsnn.kernels.neuron import {used(FROM_NEURON)}"] if used(FROM_NEURON) else []),
        f"from lsnn.kernels.simd import {used(FROM_SIMD)}",
    ])  # fmt: skip


def _description(w: Written) -> str:
    values = [f"{name!r}: {w.parsed.defaults.get(name)!r}" for name in w.parsed.parameters]
    constants = [repr(kernel(s)) for s in w.constants.values]
    learnt = [
        f"LEARNT_{w.model.name} = {w.model.learnt!r}  # of which the adjoint takes the gradient, too"
    ] if w.model.learnt else []  # fmt: skip
    return "\n".join([
        f"VARIABLES_{w.model.name} = {w.parsed.variables!r}",
        f"RECORDED_{w.model.name} = {w.recorded!r}  # values before the step, for the adjoint",
        wrapped(f"CONSTANTS_{w.model.name} = (", constants, ",)" if len(constants) == 1 else ")"),
        wrapped(f"PARAMETERS_{w.model.name} = {{", values, "}  # None: given by the network"),
        f"CONDUCTANCES_{w.model.name} = {conductances(w.parsed)!r}  # ports to which no weight may be negative",
        *_further(w),
        *learnt,
    ])  # fmt: skip


def _further(w: Written) -> list[str]:
    """Slots that only some models have."""
    parts = {"FLAGS": w.flags, "ARRIVED": w.arrived, "SCORED": w.model.scored, "DRIVEN": w.model.driven}
    docs = {
        "FLAGS": "of the last step", "ARRIVED": "before the reset", "DRIVEN": "given in the record of a step",
        "SCORED": "whose dL/dx at the threshold is given in the record of a step, backwards",
    }  # fmt: skip
    further = [f"{name}_{w.model.name} = {part!r}  # {docs[name]}" for name, part in parts.items() if part]
    if w.model.sends:
        further.append(f"SENT_{w.model.name} = {w.sent}  # slots of a neuron beyond its membrane, before what it sends")
    return further


def _host_functions(w: Written) -> str:
    initial = [host(w.parsed.initial.get(name, sympy.Integer(0))) for name in w.parsed.variables]
    constants = [f"    {host(value)},  # {kernel(s)}" for s, value in w.constants.values.items()]
    doc = "Constants of the neurons, computed once in double precision."
    return "\n\n\n".join([
        _host_function(w, "constants", doc, ["return (", *constants, ")"]),
        _host_function(w, "initial", "State variables at the start.", [f"return ({', '.join(initial)},)"]),
        _host_function(w, "scale", "The unit of u.", [f"return {host(w.parsed.scale)}"]),
        _host_function(w, "refractory", "Time from a spike to the next that is possible, in seconds.", [
            f"return {host(w.parsed.refractory)}"
        ]),
        *(_slopes(w) if w.model.learnt else []),
    ])  # fmt: skip


def _slopes(w: Written) -> list[str]:
    """How constants and starts depend on the parameters that learn."""
    constants = list(w.constants.values.values())
    starts = [w.parsed.initial.get(name, sympy.Integer(0)) for name in w.parsed.variables]
    return [
        _slopes_of(w, "slopes", "dc/dp of constant c (its number) and parameter p.", constants),
        _slopes_of(w, "slopes_of_initial", "Likewise of the state variables at the start.", starts),
    ]


def _slopes_of(w: Written, name: str, doc: str, values: Sequence[sympy.Expr]) -> str:
    lines = []
    for i, value in enumerate(values):
        for parameter in w.model.learnt:
            with named(w.model, "learnt", parameter):
                slope = value.diff(symbol(parameter))
                if slope != 0:
                    lines.append(f"    ({i}, {parameter!r}): {host(slope)},")
    return _host_function(w, name, doc, ["return {", *lines, "}"])


def _host_function(w: Written, name: str, doc: str, lines: Sequence[str]) -> str:
    arguments = ["dt", *(safe(parameter) for parameter in w.parsed.parameters)]
    return definition(f"{name}_{w.model.name}", arguments, doc, lines)


# Pointwise functions


def _compiled(name: str, arguments: Iterable[sympy.Symbol], doc: str, lines: Iterable[str], inline: bool = True) -> str:
    how = "forceinline=True" if inline else 'error_model="numpy"'
    return f"@njit({how})\n" + definition(name, [kernel(s) for s in arguments], doc, lines)


def _pointwise(w: Written, function: Pointwise) -> str:
    if not function.results:
        return ""
    first, results = lines_of(function)
    line = f"return {', '.join(results)}"
    if len(line) > LINE:
        comma = "," if len(results) > 1 else ""
        rows = [f"    {row}" for result in results for row in folded(result + comma)]
        line = "\n".join(["return (", *rows, ")"])
    inline = w.model.substeps <= MOST_INLINED or function.name not in ("integrate", "before_step")
    return _compiled(f"{function.name}_{w.model.name}", function.arguments, function.doc, [*first, line], inline)


def _crosses(w: Written) -> str:
    if w.model.sends:
        return ""
    function = w.functions.crosses
    first, (lhs, rhs) = lines_of(function)
    line = f"return {lhs} {w.parsed.comparison} {rhs}"
    return _compiled(f"crosses_{w.model.name}", function.arguments, function.doc, [*first, line])


def _slope(w: Written) -> str:
    if w.model.sends:
        return ""
    distance = w.functions.distance
    line = f"return {w.model.surrogate}({call(w, distance)}, {1 / w.model.width!r}, gamma)"
    doc = f"dz/du, the surrogate derivative ({w.model.surrogate})."
    return _compiled(f"slope_{w.model.name}", (*distance.arguments, GAMMA), doc, [line])
