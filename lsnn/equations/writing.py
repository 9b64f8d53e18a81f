"""A model's pointwise functions and loops as the source of a Python module that numba compiles."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import sympy

from lsnn.equations.conductances import conductances
from lsnn.equations.constants import Constants
from lsnn.equations.differentiating import (
    GAMMA,
    Functions,
    Pointwise,
    bar,
    bar_of_constant,
    learnt_constants,
    pointwise_functions,
)
from lsnn.equations.names import safe
from lsnn.equations.parsing import Parsed, named, parse, refuse, symbol
from lsnn.equations.printing import host, kernel
from lsnn.equations.stepping import integration_step
from lsnn.equations.symbols import Internal
from lsnn.neurons import NeuronModel

SURROGATES = ("triangle", "fast_sigmoid", "gaussian")
FROM_NEURON = ("count_refractory", *SURROGATES)
FROM_SIMD = (
    "absolute", "at", "clip", "cos", "exp", "from_bits", "load", "log", "sin", "spread", "sqrt", "store", "tanh",
    "to_bits", "where",
)  # fmt: skip
FROM_FUNCTIONS = ("exprel", "exprel_slope")
SPIKED, CLOSED = "spiked", "closed"
LINE = 108
MOST_INLINED = 4  # sub-steps: with more of them one copy of a step is quicker to compile and, in the caches, to run
GROUP = (
    "first, end = cells.groups[group, 0], cells.groups[group, 1]",
    "extra = cells.groups[group, 2]",
    "base = cells.groups[group, 3]",
    "n = end - first",
    "for k in range(first, end):",
    "    j = k - first",
)


class Written(NamedTuple):
    """A model on its way to source code."""

    model: NeuronModel
    parsed: Parsed
    functions: Functions
    constants: Constants
    initial: dict[str, str]  # values at the start that are not 0; the state holds what goes beyond them
    recorded: tuple[str, ...]  # values before the step that the adjoint needs, kept in slots of their own
    arrived: tuple[str, ...]  # likewise values before a late reset

    @property
    def names(self) -> list[str]:
        """The state variables, as the code calls them."""
        return [safe(name) for name in self.parsed.variables]

    @property
    def flags(self) -> tuple[str, ...]:
        """What the state holds besides its variables, 1 or 0: whether the last step's spike is yet to be reset, and
        whether the neuron was closed to what arrived then."""
        return (SPIKED,) * self.parsed.late_reset + (CLOSED,) * bool(self.parsed.gated)

    @property
    def slots(self) -> list[str]:
        """All slots of a neuron by name."""
        recorded = [f"{safe(name)} before" for name in self.recorded]
        arrived = [f"{safe(name)} arrived" for name in self.arrived]
        return [*self.names, *self.flags, *recorded, *arrived, *(f"{safe(name)} given" for name in self.model.driven)]

    def slot(self, name: str, what: str = "") -> str:
        """The slot of a variable, or of what it was before the step, before the reset, or is given as."""
        return self.place(self.slots.index(f"{name} {what}" if what else name))

    def place(self, i: int) -> str:
        """The i-th slot of neuron k = first + j."""
        return "k" if i == 0 else _offset("extra", i - 1)


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
        refuse(model, "threshold", model.threshold, "must depend on a state variable")
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
        _forward_loop(w), _needs_loop(w), _adjoint_loop(w),
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
    lines = [
        f"Neuron model {model.name!r}, written by lsnn.equations from its Brian2 equations; numbers in SI units.",
        "",
        *(f"    {row}" for row in rows),
        "",
        f"    threshold   {model.threshold}",
        *(f"    {'reset' if i == 0 else '     '}       {statement}" for i, statement in enumerate(reset)),
        f"    method      {model.method}, {model.substeps} a step",
        f"    synapses    {_ports_told(model)}",
        f"    surrogate   {model.surrogate}, scale {model.scale}, width {model.width:g}",
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
        f"from lsnn.kernels.neuron import {used(FROM_NEURON)}",
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
        _wrapped(f"CONSTANTS_{w.model.name} = (", constants, ",)" if len(constants) == 1 else ")"),
        _wrapped(f"PARAMETERS_{w.model.name} = {{", values, "}  # None: given by the network"),
        f"CONDUCTANCES_{w.model.name} = {conductances(w.parsed)!r}  # ports to which no weight may be negative",
        *_further(w),
        *learnt,
    ])  # fmt: skip


def _further(w: Written) -> list[str]:
    """Slots that only some models have."""
    parts = {"FLAGS": w.flags, "ARRIVED": w.arrived, "DRIVEN": w.model.driven}
    docs = {"FLAGS": "of the last step", "ARRIVED": "before the reset", "DRIVEN": "given in the record of a step"}
    return [f"{name}_{w.model.name} = {part!r}  # {docs[name]}" for name, part in parts.items() if part]


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
    return _definition(f"{name}_{w.model.name}", arguments, doc, lines)


# Pointwise functions


def _definition(name: str, arguments: Sequence[str], doc: str, lines: Iterable[str]) -> str:
    return "\n".join([_wrapped(f"def {name}(", arguments, "):"), *_indented(1, [f'"""{doc}"""', *lines])])


def _indented(levels: int, lines: Iterable[str]) -> list[str]:
    return ["    " * levels + row if row else "" for line in lines for row in line.split("\n")]


def _wrapped(before: str, items: Sequence[str], after: str) -> str:
    """before + items + after on one line, or on several if it is too long."""
    line = before + ", ".join(items) + after
    if len(line) <= LINE:
        return line
    return "\n".join([before, *(f"    {row}" for row in _folded(", ".join(items) + ",")), after])


def _folded(text: str) -> list[str]:
    """Rows of a text within brackets, broken after commas and before signs."""
    rows = [""]
    for word in re.split(r"(?<=,) | (?=[-+] )", text):
        if rows[-1] and len(rows[-1]) + len(word) > LINE - 12:
            rows.append("")
        rows[-1] += f" {word}" if rows[-1] else word
    return rows


def _compiled(name: str, arguments: Iterable[sympy.Symbol], doc: str, lines: Iterable[str], inline: bool = True) -> str:
    how = "forceinline=True" if inline else 'error_model="numpy"'
    return f"@njit({how})\n" + _definition(name, [kernel(s) for s in arguments], doc, lines)


def _lines(function: Pointwise) -> tuple[list[str], list[str]]:
    """Assignments of common subexpressions, and the results."""
    names = sympy.numbered_symbols("s", Internal)
    temporaries, reduced = sympy.cse(list(function.results.values()), symbols=names)
    return [f"{kernel(s)} = {kernel(value)}" for s, value in temporaries], [kernel(result) for result in reduced]


def _pointwise(w: Written, function: Pointwise) -> str:
    if not function.results:
        return ""
    first, results = _lines(function)
    line = f"return {', '.join(results)}"
    if len(line) > LINE:
        comma = "," if len(results) > 1 else ""
        rows = [f"    {row}" for result in results for row in _folded(result + comma)]
        line = "\n".join(["return (", *rows, ")"])
    inline = w.model.substeps <= MOST_INLINED or function.name not in ("integrate", "before_step")
    return _compiled(f"{function.name}_{w.model.name}", function.arguments, function.doc, [*first, line], inline)


def _crosses(w: Written) -> str:
    function = w.functions.crosses
    first, (lhs, rhs) = _lines(function)
    line = f"return {lhs} {w.parsed.comparison} {rhs}"
    return _compiled(f"crosses_{w.model.name}", function.arguments, function.doc, [*first, line])


def _slope(w: Written) -> str:
    distance = w.functions.distance
    line = f"return {w.model.surrogate}({_call(w, distance)}, {1 / w.model.width!r}, gamma)"
    doc = f"dz/du, the surrogate derivative ({w.model.surrogate})."
    return _compiled(f"slope_{w.model.name}", (*distance.arguments, GAMMA), doc, [line])


def _call(w: Written, function: Pointwise, rename: Mapping[str, str] | None = None) -> str:
    arguments = [(rename or {}).get(name, name) for name in map(kernel, function.arguments)]
    return f"{function.name}_{w.model.name}({', '.join(arguments)})"


def _assign(w: Written, function: Pointwise, rename: Mapping[str, str] | None = None) -> list[str]:
    """The call of a function, its results assigned."""
    if not function.results:
        return []
    before, arguments = _call(w, function, rename).split("(", 1)
    return [_wrapped(f"{', '.join(function.results)} = {before}(", arguments[:-1].split(", "), ")")]


# Loops


def _constants_of(w: Written, functions: Iterable[Pointwise], others: Iterable[str] = ()) -> list[str]:
    used = {kernel(s) for function in functions for s in function.arguments} | set(others)
    names = [kernel(s) for s in w.constants.values]
    return [f"{name} = at(cells.constants, {_offset('base', i)})" for i, name in enumerate(names) if name in used]


def _offset(start: str, count: int) -> str:
    """Neuron j, count times n beyond a start."""
    return " + ".join([start, *(["n"] if count == 1 else [f"{count} * n"] if count else []), "j"])


def _loop(name: str, arguments: str, doc: str, before: Sequence[str], body: Sequence[str]) -> str:
    lines = _used([*before, *GROUP, *_indented(1, body)])
    return '@njit(error_model="numpy")\n' + _definition(name, arguments.split(", "), doc, lines)


def _used(lines: Sequence[str]) -> list[str]:
    """The lines without assignments of one name that no later line mentions."""
    kept: list[str] = []
    for line in reversed(lines):
        name, assigned, _ = line.strip().partition(" = ")
        if not (assigned and name.isidentifier()) or any(re.search(rf"\b{name}\b", later) for later in kept):
            kept.append(line)
    return kept[::-1]


def _forward_loop(w: Written) -> str:
    f, names = w.functions, w.names
    plus, minus = ({name: _added(sign, w.initial.get(name)) for name in names} for sign in "+-")
    integrate, reset = _assign(w, f.integrate), _assign(w, f.reset)
    repeated = [f"for _ in range({w.model.substeps}):", *_indented(1, integrate)]
    late = w.parsed.late_reset
    body = [
        *_constants_of(w, (f.integrate, f.crosses, f.reset), w.initial.values()),
        *(f"{name} = load(state.x, {w.place(i)}){plus[name]}" for i, name in enumerate(names)),
        *_flags_before(w, "state.x"),
        *(f"store(x, {w.slot(flag)}, {flag})" for flag in w.flags),
        *_arrivals(w),
        *(f"store(x, {w.slot(safe(name), 'arrived')}, {safe(name)})" for name in w.arrived),
        *([f"spike = {SPIKED} > 0.5", *reset] if late else []),
        *(f"{safe(name)} = load(x, {w.slot(safe(name), 'given')})" for name in w.model.driven),
        *(f"store(x, {w.slot(safe(name), 'before')}, {safe(name)})" for name in w.recorded),
        "refractory = load(state.refractory, k)",
        "held = refractory > 0.0",
        *(integrate if w.model.substeps == 1 else repeated),
        f"byte = to_bits({_call(w, f.crosses)}) & ~to_bits(held)",
        *(f"store(x, {w.place(i)}, {name})" for i, name in enumerate(names)),
        "spikes[k] = byte",
        "blocked[k] = to_bits(held)",
        "spike = from_bits(byte)",
        *([] if late else reset),
        *(f"store(state.x, {w.place(i)}, {name}{minus[name]})" for i, name in enumerate(names)),
        *_flags_after(w),
        "store(state.refractory, k, count_refractory(refractory, spike, at(cells.refractory, k)))",
    ]
    arguments = "group, slot, ring, cells, state, x, spikes, blocked"
    order = "reset, integrate, threshold" if late else "integrate, threshold, reset"
    doc = f"One step of a group: {order}. x, spikes, blocked: this step's rows of the record."
    return _loop(f"update_{w.model.name}", arguments, doc, ["n_neurons = spikes.shape[0]"], body)


def _plane(port: int) -> str:
    """The row of the delay ring for a port: each has 2 ring rows of its own."""
    return f"slot + {2 * port} * ring" if port else "slot"


def _arrivals(w: Written) -> list[str]:
    """What has arrived at each port; a kept one adds it to what it was, if it was open to it."""
    lines = []
    for port, name in enumerate(w.parsed.ports):
        value = f"arriving(state.pending, {_plane(port)}, ring, n_neurons, k)"
        if name in w.parsed.gated:
            value = f"where({CLOSED} > 0.5, 0.0, {value})"
        kept = "" if name in w.parsed.cleared else f"{safe(name)} + "
        lines.append(f"{safe(name)} = {kept}{value}")
    return lines


def _flags_before(w: Written, array: str) -> list[str]:
    return [f"{flag} = load({array}, {w.slot(flag)})" for flag in w.flags]


def _flags_after(w: Written) -> list[str]:
    masks = {SPIKED: "spike", CLOSED: "from_bits(byte | to_bits(held))"}
    return [f"store(state.x, {w.slot(flag)}, where({masks[flag]}, spread(x, 1.0), 0.0))" for flag in w.flags]


def _added(sign: str, term: str | None) -> str:
    """A term at the end of a sum."""
    if term is None:
        return ""
    return f" {'-' if sign == '+' else '+'} {term[1:]}" if term.startswith("-") else f" {sign} {term}"


def _slope_of_record(w: Written) -> list[str]:
    """The surrogate derivative at the recorded threshold."""
    distance = w.functions.distance
    call = _call(w, distance._replace(name="slope", arguments=(*distance.arguments, GAMMA)))
    return [
        *(f"{name} = load(x, {w.place(i)})" for i, name in enumerate(w.names)),
        "held = from_bits(blocked[k])",
        f"slope = where(held, 0.0, {call})",
    ]


RECORDED = ("cells, x = weights.cells, record.x[row]", "blocked = record.blocked[row]")


def _needs_loop(w: Written) -> str:
    body = [*_constants_of(w, (w.functions.distance,)), *_slope_of_record(w), "needed[k] = to_bits(slope > 0.0)"]
    doc = "Lanes of a group whose surrogate derivative is not zero in a recorded step, as bits."
    return _loop(f"needs_of_{w.model.name}", "group, row, weights, record, gamma, needed", doc, RECORDED, body)


def _adjoint_loop(w: Written) -> str:
    f = w.functions
    bars = [bar(name).name for name in w.parsed.variables]
    again = [f.integrate] if w.recorded and w.model.substeps > 1 else []
    learning = [f.constants_at_threshold, f.constants_of_reset, f.constants_of_step]
    late = [f.before_threshold, f.jump]
    used = (f.distance, f.distance_bar, f.before_reset, f.before_step, *late, *again, *learning)
    body = [
        *_constants_of(w, used),
        *_slope_of_record(w),
        "reached = spread(x, 0.0)",
        "if to_bits(slope > 0.0):",
        "    reached = beyond_threshold(k, row, weights, adjoint, slot * n_neurons, g_spikes, n_out)",
        *([f"    reached = reached + load(adjoint.x, {w.slot(SPIKED)})"] if w.parsed.late_reset else []),
        "spike = from_bits(spikes[k])",
        *(f"{name} = load(adjoint.x, {w.place(i)})" for i, name in enumerate(bars)),
        *_assign(w, f.distance_bar),
        *_assign(w, f.constants_at_threshold),
        *([] if w.parsed.late_reset else _assign(w, f.before_reset)),
        *_assign(w, f.before_threshold),
        *_steps_back(w),
        *_late_reset_back(w),
        *_credit_constants(w),
        *(f"store(adjoint.x, {w.place(i)}, {name})" for i, name in enumerate(bars)),
        *_share(w),
    ]
    before = [
        "n_neurons, n_out = record.spikes.shape[1], adjoint.r.shape[0]",
        *RECORDED,
        "spikes = record.spikes[row]",
    ]
    arguments = "group, slot, ring, row, weights, record, adjoint, gradient, g_spikes, gamma, through_reset"
    doc = "One step of a group backwards; g_spikes: dL/dz of every spike of a neuron beyond its effects."
    return _loop(f"adjoint_of_{w.model.name}", arguments, doc, before, body)


def _share(w: Written) -> list[str]:
    """dL/d(what arrives) at every port; nothing where the neuron was closed to it."""
    lines = [f"{CLOSED} = load(x, {w.slot(CLOSED)})"] if w.parsed.gated else []
    for port, name in enumerate(w.parsed.ports):
        value = bar(name).name
        if name in w.parsed.gated:
            value = f"where({CLOSED} > 0.5, 0.0, {value})"
        lines.append(f"share(adjoint, {_plane(port)}, ring, n_neurons, k, {value})")
    return lines


def _late_reset_back(w: Written) -> list[str]:
    """The reset of the spike before, whose dL/dz it leaves for the step of that spike."""
    if not w.parsed.late_reset:
        return []
    f = w.functions
    return [
        *(f"{safe(name)} = load(x, {w.slot(safe(name), 'arrived')})" for name in w.arrived),
        f"spike = load(x, {w.slot(SPIKED)}) > 0.5",
        *_assign(w, f.jump),
        f"store(adjoint.x, {w.slot(SPIKED)}, jump)",
        *_assign(w, f.constants_of_reset),
        *_added_up(f.constants_of_reset, {*f.constants_at_threshold.results, *_totals(f.constants_of_step)}),
        *_assign(w, f.before_reset),
    ]


def _totals(function: Pointwise) -> list[str]:
    return [name.removesuffix("_step") for name in function.results]


def _added_up(function: Pointwise, known: Iterable[str]) -> list[str]:
    """What a function found of the constants, added to what is known of them."""
    return [
        f"{total} = {f'{total} + ' if total in known else ''}{name}"
        for name, total in zip(function.results, _totals(function), strict=True)
    ]


def _steps_back(w: Written) -> list[str]:
    """The integration steps backwards; those of a non-linear model are first repeated from the recorded values."""
    f, count = w.functions, w.model.substeps
    moments = [{name: f"{name}_at_{i}" for name in w.names} for i in range(count)]
    lines = [f"{safe(name)} = load(x, {w.slot(safe(name), 'given')})" for name in w.model.driven]
    for name in map(safe, w.recorded):
        lines.append(f"{moments[0].get(name, name)} = load(x, {w.slot(name, 'before')})")
    if w.recorded:
        for before, after in zip(moments[:-1], moments[1:], strict=True):
            name, arguments = _call(w, f.integrate, before).split("(", 1)
            lines.append(_wrapped(f"{', '.join(after.values())} = {name}(", arguments[:-1].split(", "), ")"))
    adding_up = [bar(name).name for name in w.parsed.cleared if count > 1]
    known = set(f.constants_at_threshold.results)
    for i in reversed(range(count)):
        lines += _assign(w, f.constants_of_step, moments[i])
        lines += _added_up(f.constants_of_step, known)
        known |= {*_totals(f.constants_of_step)}
        lines += _assign(w, f.before_step, moments[i])
        for name in adding_up:
            so_far = f" + {name}_sum" if i < count - 1 else ""
            lines.append(f"{name}_sum = {name}{so_far}")
    return lines + [f"{name} = {name}_sum" for name in adding_up]


def _credit_constants(w: Written) -> list[str]:
    """Add what this step holds of the constants that learn; they stand as in `layout.Cells.constants`."""
    f, lines = w.functions, []
    later = (*_totals(f.constants_of_reset), *_totals(f.constants_of_step))
    results = {*f.constants_at_threshold.results, *later}
    learnt = {*learnt_constants(w.model, w.constants)}
    for i, c in enumerate(w.constants.values):
        name = bar_of_constant(c)
        if c in learnt and name in results:
            place = _offset("base", i)
            lines.append(f"store(gradient.constants, {place}, load(gradient.constants, {place}) + {name})")
    return lines
