"""A model's pointwise functions and loops as the source of a Python module that numba compiles."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import sympy

from lsnn.equations.constants import Constants
from lsnn.equations.differentiating import Functions, Pointwise, pointwise_functions
from lsnn.equations.parsing import Parsed, parse, symbol
from lsnn.equations.printing import HOST, KERNEL, Printer, safe
from lsnn.equations.stepping import integration_step
from lsnn.equations.symbols import HELD
from lsnn.neurons import NeuronModel

SIMD = ("absolute", "at", "clip", "cos", "exp", "from_bits", "load", "log", "sin", "spread", "sqrt", "store", "tanh",
        "to_bits", "where")  # fmt: skip
LINE = 116

kernel = Printer(KERNEL, safe)
host = Printer(HOST, safe)


class Written(NamedTuple):
    """A model on its way to source code."""

    model: NeuronModel
    parsed: Parsed
    functions: Functions
    constants: Constants
    recorded: tuple[str, ...]  # values before the step that the adjoint needs, kept in slots of their own

    @property
    def current(self) -> str:
        """The synaptic variable, as the code calls it."""
        return safe(self.model.synaptic)

    @property
    def names(self) -> list[str]:
        """The state variables, as the code calls them."""
        return [safe(name) for name in self.parsed.variables]


def write(model: NeuronModel) -> str:
    """The source of a model's module; raises InputError for a model that breaks a rule."""
    parsed = parse(model)
    functions, constants = pointwise_functions(model, parsed, integration_step(model, parsed))
    w = Written(model, parsed, functions, constants, _recorded(model, parsed, functions))
    sections = [_description(w), _host_functions(w)]
    sections += [_pointwise(w, function) for function in functions if function.results and function is not functions.sides]
    sections.insert(3, _crosses(w))
    sections.insert(5, _slope(w))
    sections += [_forward_loop(w), _adjoint_loop(w)]
    body = "\n\n\n".join(sections)
    return f"{_heading(model)}\n\n{_imports(body)}\n\n{body}\n"


def _recorded(model: NeuronModel, parsed: Parsed, functions: Functions) -> tuple[str, ...]:
    """Nothing for a linear model; else what its derivatives depend on, or all that sub-steps are repeated from."""
    candidates = parsed.variables if model.kept else (*parsed.variables, model.synaptic)
    needed = [name for name in candidates if symbol(name) in functions.before_step.arguments]
    if not needed or model.substeps == 1:
        return tuple(needed)
    used = {*functions.integrate.arguments, *functions.before_step.arguments, *map(symbol, parsed.variables)}
    return tuple(name for name in candidates if symbol(name) in used)


# The parts of the module


def _heading(model: NeuronModel) -> str:
    rows = [line.strip() for line in model.equations.splitlines() if line.strip()]
    reset = [line.strip() for line in re.split(r"[;\n]", model.reset) if line.strip()]
    use = "is kept" if model.kept else "is cleared once used"
    lines = [
        f"Neuron model {model.name!r}, written by lsnn.equations from its Brian2 equations; numbers in SI units.",
        "",
        *(f"    {row}" for row in rows),
        "",
        f"    threshold   {model.threshold}",
        *(f"    {'reset' if i == 0 else '     '}       {statement}" for i, statement in enumerate(reset)),
        f"    method      {model.method}, {model.substeps} a step",
        f"    synapses    add to {model.synaptic}, which {use}",
        f"    surrogate   {model.surrogate}, scale {model.scale}, width {model.width:g}",
    ]
    return '"""' + "\n".join(lines) + '\n"""'


def _imports(body: str) -> str:
    def used(names: Iterable[str]) -> str:
        return ", ".join(name for name in names if re.search(rf"\b{name}\(", body))

    surrogate = used(("count_refractory", "fast_sigmoid", "gaussian", "triangle"))
    return "\n".join([
        "import numpy as np",
        "from numba import njit",
        "",
        "from lsnn.kernels.adjoint import beyond_threshold, share",
        "from lsnn.kernels.forward import arriving",
        f"from lsnn.kernels.neuron import {surrogate}",
        f"from lsnn.kernels.simd import {used(SIMD)}",
    ])  # fmt: skip


def _description(w: Written) -> str:
    values = {name: w.parsed.defaults.get(name) for name in w.parsed.parameters}
    return (
        f"VARIABLES_{w.model.name} = {w.parsed.variables!r}\n"
        f"RECORDED_{w.model.name} = {w.recorded!r}\n"
        f"PARAMETERS_{w.model.name} = {values!r}"
    )


def _host_functions(w: Written) -> str:
    arguments = ", ".join(["dt", *(safe(name) for name in w.parsed.parameters)])
    values = [f"    {host(value)},  # {kernel(s)}" for s, value in w.constants.values.items()]
    start = [host(w.parsed.initial.get(name, sympy.Integer(0))) for name in w.parsed.variables]
    name = w.model.name
    return "\n".join([
        _signature(f"constants_{name}", arguments.split(", ")),
        '    """Constants of the neurons, computed once in double precision."""',
        "    return (", *(f"    {value}" for value in values), "    )",
        "", "",
        _signature(f"initial_{name}", arguments.split(", ")),
        f'    """{", ".join(w.parsed.variables)} at the start."""',
        f"    return {_tuple(start)}",
        "", "",
        _signature(f"refractory_{name}", arguments.split(", ")),
        '    """Time from a spike to the next that is possible, in seconds."""',
        f"    return {host(w.parsed.refractory)}",
    ])  # fmt: skip


def _signature(name: str, arguments: Sequence[str]) -> str:
    return _wrapped(f"def {name}(", arguments, "):")


def _wrapped(before: str, items: Sequence[str], after: str) -> str:
    """before + items + after on one line, or on several if it is too long."""
    line = before + ", ".join(items) + after
    if len(line) <= LINE:
        return line
    indent = " " * (len(before) - len(before.lstrip()) + 4)
    rows, row = [], ""
    for item in items:
        if row and len(indent) + len(row) + len(item) + 2 > LINE:
            rows.append(row)
            row = ""
        row += f"{item}, "
    rows.append(row)
    return "\n".join([before, *(f"{indent}{row.rstrip()}" for row in rows), indent[4:] + after])


def _tuple(items: Sequence[str]) -> str:
    return f"({', '.join(items)}{',' if len(items) == 1 else ''})"


def _compiled(w: Written, name: str, arguments: Iterable[sympy.Symbol], doc: str, lines: Sequence[str]) -> str:
    header = _signature(f"{name}_{w.model.name}", [safe_symbol(s) for s in arguments])
    return "\n".join(["@njit(forceinline=True)", header, f'    """{doc}"""', *(f"    {line}" for line in lines)])


def safe_symbol(s: sympy.Symbol) -> str:
    """A symbol as the code calls it: names of the model are made safe, those of the machinery are safe already."""
    return kernel(s)


def _lines(results: Sequence[sympy.Expr]) -> tuple[list[str], list[str]]:
    """Assignments of common subexpressions, and the results."""
    temporaries, reduced = sympy.cse(list(results), symbols=sympy.numbered_symbols("s"))
    return [f"{kernel(s)} = {kernel(value)}" for s, value in temporaries], [kernel(result) for result in reduced]


def _pointwise(w: Written, function: Pointwise) -> str:
    first, results = _lines(function.results)
    return _compiled(w, function.name, function.arguments, function.doc, [*first, f"return {', '.join(results)}"])


def _crosses(w: Written) -> str:
    first, (lhs, rhs) = _lines(w.functions.sides.results)
    doc = "Where the threshold is crossed."
    return _compiled(w, "crosses", w.functions.sides.arguments, doc, [*first, f"return {lhs} > {rhs}"])


def _slope(w: Written) -> str:
    arguments = w.functions.distance.arguments
    call = _call(w, w.functions.distance)
    doc = f"dz/du, the surrogate derivative ({w.model.surrogate})."
    line = f"return {w.model.surrogate}({call}, {1 / w.model.width!r}, gamma)"
    return _compiled(w, "slope", (*arguments, sympy.Symbol("gamma")), doc, [line])


def _call(w: Written, function: Pointwise, name: str = "", rename: dict[str, str] | None = None) -> str:
    arguments = [kernel(s) for s in function.arguments]
    return f"{name or function.name}_{w.model.name}({', '.join((rename or {}).get(a, a) for a in arguments)})"


# Loops


def _place(w: Written, i: int) -> str:
    """The slot of the i-th state variable of neuron k = first + j, recorded ones following."""
    return "k" if i == 0 else "extra + j" if i == 1 else f"extra + {i - 1} * n + j"


def _constants_of(w: Written, functions: Iterable[Pointwise]) -> list[str]:
    used = set().union(*(function.arguments for function in functions))
    index = {s: i for i, s in enumerate(w.constants.values)}
    places = [(s, "base + j" if i == 0 else f"base + {i} * n + j") for s, i in index.items() if s in used]
    return [f"{kernel(s)} = at(cells.constants, {place})" for s, place in places]


GROUP = """\
    first, end = cells.groups[group, 0], cells.groups[group, 1]
    extra, base, n = cells.groups[group, 2], cells.groups[group, 3], end - first
    for k in range(first, end):
        j = k - first"""


def _forward_loop(w: Written) -> str:
    f, names = w.functions, w.names
    used = _constants_of(w, (f.integrate, f.sides, f.reset))
    load = [f"{name} = load(state.x, {_place(w, i)})" for i, name in enumerate(names)]
    arrives = "arriving(state.pending, slot, ring, n_neurons, k)"
    current = f"{w.current} = {f'{w.current} + ' if w.model.kept else ''}{arrives}"
    keep = [f"store(x, {_place(w, len(names) + i)}, {safe(name)})" for i, name in enumerate(w.recorded)]
    integrate = f"{', '.join(names)} = {_call(w, f.integrate)}"
    steps = [integrate] if w.model.substeps == 1 else [f"for _ in range({w.model.substeps}):", f"    {integrate}"]
    body = [
        *used, *load, current, *keep,
        "refractory = load(state.refractory, k)",
        "held = refractory > 0.0",
        *steps,
        f"byte = to_bits({_call(w, f.sides, 'crosses')}) & ~to_bits(held)",
        *(f"store(x, {_place(w, i)}, {name})" for i, name in enumerate(names)),
        "spikes[k] = byte",
        "blocked[k] = to_bits(held)",
        "spike = from_bits(byte)",
        f"{', '.join(names)} = {_call(w, f.reset)}",
        *(f"store(state.x, {_place(w, i)}, {name})" for i, name in enumerate(names)),
        "store(state.refractory, k, count_refractory(refractory, spike, at(cells.refractory, k)))",
    ]  # fmt: skip
    return "\n".join([
        '@njit(error_model="numpy")',
        f"def update_{w.model.name}(group, slot, ring, cells, state, x, spikes, blocked):",
        '    """One step of a group: integrate, threshold, reset. x, spikes, blocked: this step\'s rows of the record."""',
        "    n_neurons = spikes.shape[0]",
        GROUP,
        *(f"        {line}" for line in body),
    ])  # fmt: skip


def _adjoint_loop(w: Written) -> str:
    f, names = w.functions, w.names
    bars = [kernel(sympy.Symbol(f"{name}_bar")) for name in w.parsed.variables]
    at_threshold = {s for part in (f.distance, f.u_bar, f.before_reset) for s in part.arguments}
    load = [
        f"{safe(name)} = load(x, {_place(w, i)})"
        for i, name in enumerate(w.parsed.variables) if symbol(name) in at_threshold
    ]  # fmt: skip
    slope = _call(w, f.distance, "slope")[:-1] + ", gamma)"
    parts = [f.distance, f.u_bar, f.before_reset, f.before_step, *([f.integrate] if w.model.substeps > 1 else [])]
    body = [
        *_constants_of(w, parts), *load,
        "held = from_bits(blocked[k])",
        f"slope = where(held, 0.0, {slope})",
        "reached = spread(x, 0.0)",
        "if to_bits(slope > 0.0):",
        "    reached = beyond_threshold(k, row, weights, adjoint, slot * n_neurons, g_spikes, n_out)",
        "spike = from_bits(spikes[k])",
        *(f"{name} = load(adjoint.x, {_place(w, i)})" for i, name in enumerate(bars)),
        f"u_bar = {_call(w, f.u_bar)}",
        f"{', '.join(bars)} = {_call(w, f.before_reset)}",
        *_backwards(w, bars),
        *(f"store(adjoint.x, {_place(w, i)}, {name})" for i, name in enumerate(bars)),
        f"share(adjoint, slot, ring, n_neurons, k, {kernel(sympy.Symbol(f'{w.model.synaptic}_bar'))})",
    ]  # fmt: skip
    return "\n".join([
        '@njit(error_model="numpy")',
        _signature(f"adjoint_of_{w.model.name}", (
            "group, slot, ring, row, weights, record, adjoint, g_spikes, gamma, through_reset".split(", ")
        )),
        '    """One step of a group backwards; g_spikes: dL/dz of every spike of a neuron beyond its effects."""',
        "    n_neurons, n_out = record.spikes.shape[1], adjoint.r.shape[0]",
        "    cells, x, spikes, blocked = weights.cells, record.x[row], record.spikes[row], record.blocked[row]",
        GROUP,
        *(f"        {line}" for line in body),
    ])  # fmt: skip


def _backwards(w: Written, bars: list[str]) -> list[str]:
    """The integration steps backwards; those of a non-linear model are repeated first, from the recorded values."""
    f, count = w.functions, w.model.substeps
    current = kernel(sympy.Symbol(f"{w.model.synaptic}_bar"))
    lines = []
    for i, name in enumerate(w.recorded):
        moved = f"{safe(name)}_at_0" if name in w.parsed.variables else safe(name)
        lines.append(f"{moved} = load(x, {_place(w, len(w.names) + i)})")
    moments = [{name: f"{name}_at_{i}" for name in w.names} for i in range(count)]
    if w.recorded:
        for before, after in zip(moments[:-1], moments[1:], strict=True):
            lines.append(f"{', '.join(after.values())} = {_call(w, f.integrate, rename=before)}")
    results = bars if w.model.kept else [*bars, current]
    total = [] if w.model.kept or count == 1 else [f"{current}_sum"]
    for i in reversed(range(count)):
        lines.append(f"{', '.join(results)} = {_call(w, f.before_step, rename=moments[i])}")
        if total:
            first = i == count - 1
            lines.append(f"{total[0]} = {current}" if first else f"{total[0]} = {total[0]} + {current}")
    return lines + ([f"{current} = {total[0]}"] if total else [])


assert HELD.name == "held"
