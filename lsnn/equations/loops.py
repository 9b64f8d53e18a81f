"""The loops of a model over its neurons: a step, which lanes need their adjoint, and the adjoint of a step."""

import re
from collections.abc import Iterable, Sequence

from lsnn.equations.differentiating import GAMMA, Pointwise, bar, bar_of_constant, learnt_constants
from lsnn.equations.names import safe
from lsnn.equations.printing import kernel
from lsnn.equations.written import CLOSED, SPIKED, Written, assign, call, definition, indented, offset, wrapped

GROUP = (
    "first, end = cells.groups[group, 0], cells.groups[group, 1]",
    "extra = cells.groups[group, 2]",
    "base = cells.groups[group, 3]",
    "n = end - first",
    "for k in range(first, end):",
    "    j = k - first",
)


def _constants_of(w: Written, functions: Iterable[Pointwise], others: Iterable[str] = ()) -> list[str]:
    used = {kernel(s) for function in functions for s in function.arguments} | set(others)
    names = [kernel(s) for s in w.constants.values]
    return [f"{name} = at(cells.constants, {offset('base', i)})" for i, name in enumerate(names) if name in used]


def _loop(name: str, arguments: str, doc: str, before: Sequence[str], body: Sequence[str]) -> str:
    lines = _used([*before, *GROUP, *indented(1, body)])
    return '@njit(error_model="numpy")\n' + definition(name, arguments.split(", "), doc, lines)


def _used(lines: Sequence[str]) -> list[str]:
    """The lines without assignments of one name that no later line mentions."""
    kept: list[str] = []
    for line in reversed(lines):
        name, assigned, _ = line.strip().partition(" = ")
        if not (assigned and name.isidentifier()) or any(re.search(rf"\b{name}\b", later) for later in kept):
            kept.append(line)
    return kept[::-1]


def forward_loop(w: Written) -> str:
    """A step."""
    if w.model.sends:
        return _sending_loop(w)
    f, names = w.functions, w.names
    plus, minus = ({name: _added(sign, w.initial.get(name)) for name in names} for sign in "+-")
    integrate, reset = assign(w, f.integrate), assign(w, f.reset)
    repeated = [f"for _ in range({w.model.substeps}):", *indented(1, integrate)]
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
        f"byte = to_bits({call(w, f.crosses)}) & ~to_bits(held)",
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


def _sending_loop(w: Written) -> str:
    """A step of a model with an output; a neuron that an experiment silences, by its refractory count, sends 0."""
    f, names = w.functions, w.names
    plus, minus = ({name: _added(sign, w.initial.get(name)) for name in names} for sign in "+-")
    integrate = assign(w, f.integrate)
    body = [
        *_constants_of(w, (f.integrate, f.distance), w.initial.values()),
        *(f"{name} = load(state.x, {w.place(i)}){plus[name]}" for i, name in enumerate(names)),
        *_arrivals(w),
        *(f"{safe(name)} = load(x, {w.slot(safe(name), 'given')})" for name in w.model.driven),
        *(f"store(x, {w.slot(safe(name), 'before')}, {safe(name)})" for name in w.recorded),
        "refractory = load(state.refractory, k)",
        "held = refractory > 0.0",
        *(integrate if w.model.substeps == 1 else [f"for _ in range({w.model.substeps}):", *indented(1, integrate)]),
        *(f"store(x, {w.place(i)}, {name})" for i, name in enumerate(names)),
        f"store(x, {offset('extra', w.sent)}, where(held, 0.0, {call(w, f.distance)}))",
        "spikes[k] = 0",
        "blocked[k] = to_bits(held)",
        *(f"store(state.x, {w.place(i)}, {name}{minus[name]})" for i, name in enumerate(names)),
        "store(state.refractory, k, where(held, refractory - 1.0, 0.0))",
    ]
    arguments = "group, slot, ring, cells, state, x, spikes, blocked"
    doc = "One step of a group: integrate, output. x, spikes, blocked: this step's rows of the record."
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


def _state_of_record(w: Written) -> list[str]:
    """State variables at the recorded threshold or output, and where the neuron could not fire."""
    variables = [f"{name} = load(x, {w.place(i)})" for i, name in enumerate(w.names)]
    return [*variables, "held = from_bits(blocked[k])"]


def _slope_of_record(w: Written) -> list[str]:
    """The surrogate derivative at the recorded threshold."""
    distance = w.functions.distance
    slope = call(w, distance._replace(name="slope", arguments=(*distance.arguments, GAMMA)))
    return [*_state_of_record(w), f"slope = where(held, 0.0, {slope})"]


BEYOND = "beyond_threshold(k, row, weights, adjoint, slot * n_neurons, g_spikes, n_out)"


def _fired_back(w: Written) -> list[str]:
    """What the spike, or the output, of a recorded step did beyond the neuron."""
    if w.model.sends:
        return [*_state_of_record(w), f"output_bar = where(held, 0.0, {BEYOND})"]
    return [
        *_slope_of_record(w),
        "reached = spread(x, 0.0)",
        "if to_bits(slope > 0.0):",
        f"    reached = {BEYOND}",
        *([f"    reached = reached + load(adjoint.x, {w.slot(SPIKED)})"] if w.parsed.late_reset else []),
        "spike = from_bits(spikes[k])",
    ]


RECORDED = ("cells, x = weights.cells, record.x[row]", "blocked = record.blocked[row]")


def needs_loop(w: Written) -> str:
    """Which lanes need their adjoint."""
    body = [*_constants_of(w, (w.functions.distance,)), *_slope_of_record(w), "needed[k] = to_bits(slope > 0.0)"]
    if w.model.sends:
        body = ["needed[k] = 255"]
    doc = "Lanes of a group whose surrogate derivative is not zero in a recorded step, as bits."
    return _loop(f"needs_of_{w.model.name}", "group, row, weights, record, gamma, needed", doc, RECORDED, body)


def adjoint_loop(w: Written) -> str:
    """The adjoint of a step."""
    f = w.functions
    bars = [bar(name).name for name in w.parsed.variables]
    again = [f.integrate] if w.recorded and w.model.substeps > 1 else []
    learning = [f.constants_at_threshold, f.constants_of_reset, f.constants_of_step]
    late = [f.before_threshold, f.jump]
    used = (f.distance, f.distance_bar, f.before_reset, f.before_step, *late, *again, *learning)
    body = [
        *_constants_of(w, used),
        *_fired_back(w),
        *(f"{name} = load(adjoint.x, {w.place(i)})" for i, name in enumerate(bars)),
        *assign(w, f.distance_bar),
        *assign(w, f.constants_at_threshold),
        *([] if w.parsed.late_reset else assign(w, f.before_reset)),
        *assign(w, f.before_threshold),
        *(f"{name} = {name} + load(x, {slot})" for name, slot in _scored(w)),
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


def _scored(w: Written) -> list[tuple[str, str]]:
    """dL/dx of the variables that a loss is taken of, as the code calls it, and the slot of what the loss adds."""
    return [(bar(name).name, w.slot(safe(name), "scored")) for name in w.model.scored]


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
        *assign(w, f.jump),
        f"store(adjoint.x, {w.slot(SPIKED)}, jump)",
        *assign(w, f.constants_of_reset),
        *_added_up(f.constants_of_reset, {*f.constants_at_threshold.results, *_totals(f.constants_of_step)}),
        *assign(w, f.before_reset),
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
            name, arguments = call(w, f.integrate, before).split("(", 1)
            lines.append(wrapped(f"{', '.join(after.values())} = {name}(", arguments[:-1].split(", "), ")"))
    adding_up = [bar(name).name for name in w.parsed.cleared if count > 1]
    known = set(f.constants_at_threshold.results)
    for i in reversed(range(count)):
        lines += assign(w, f.constants_of_step, moments[i])
        lines += _added_up(f.constants_of_step, known)
        known |= {*_totals(f.constants_of_step)}
        lines += assign(w, f.before_step, moments[i])
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
            place = offset("base", i)
            lines.append(f"store(gradient.constants, {place}, load(gradient.constants, {place}) + {name})")
    return lines
