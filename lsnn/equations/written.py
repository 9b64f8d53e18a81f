"""A model on its way to source code, and pieces of text that the code is made of."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import sympy

from lsnn.equations.constants import Constants
from lsnn.equations.differentiating import Functions, Pointwise
from lsnn.equations.names import safe
from lsnn.equations.parsing import Parsed
from lsnn.equations.printing import kernel
from lsnn.equations.symbols import Internal
from lsnn.neurons import NeuronModel

LINE = 108
SPIKED, CLOSED = "spiked", "closed"
OUTPUT_SENT = "output sent"


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
        scored = [f"{safe(name)} scored" for name in self.model.scored]
        given = [f"{safe(name)} given" for name in self.model.driven]
        sent = [OUTPUT_SENT] * self.model.sends
        return [*self.names, *self.flags, *recorded, *arrived, *sent, *scored, *given]

    @property
    def sent(self) -> int:
        """How many slots of a group beyond the membranes come before what it sends."""
        return self.slots.index(OUTPUT_SENT) - 1

    def slot(self, name: str, what: str = "") -> str:
        """The slot of a variable, or of what it was before the step, before the reset, is given as, or of its dL/dx."""
        return self.place(self.slots.index(f"{name} {what}" if what else name))

    def place(self, i: int) -> str:
        """The i-th slot of neuron k = first + j."""
        return "k" if i == 0 else offset("extra", i - 1)


def definition(name: str, arguments: Sequence[str], doc: str, lines: Iterable[str]) -> str:
    """A function with its docstring."""
    return "\n".join([wrapped(f"def {name}(", arguments, "):"), *indented(1, [f'"""{doc}"""', *lines])])


def indented(levels: int, lines: Iterable[str]) -> list[str]:
    """Lines so many levels deeper."""
    return ["    " * levels + row if row else "" for line in lines for row in line.split("\n")]


def wrapped(before: str, items: Sequence[str], after: str) -> str:
    """before + items + after on one line, or on several if it is too long."""
    line = before + ", ".join(items) + after
    if len(line) <= LINE:
        return line
    return "\n".join([before, *(f"    {row}" for row in folded(", ".join(items) + ",")), after])


def folded(text: str) -> list[str]:
    """Rows of a text within brackets, broken after commas and before signs."""
    rows = [""]
    for word in re.split(r"(?<=,) | (?=[-+] )", text):
        if rows[-1] and len(rows[-1]) + len(word) > LINE - 12:
            rows.append("")
        rows[-1] += f" {word}" if rows[-1] else word
    return rows


def lines_of(function: Pointwise) -> tuple[list[str], list[str]]:
    """Assignments of common subexpressions, and the results."""
    names = sympy.numbered_symbols("s", Internal)
    temporaries, reduced = sympy.cse(list(function.results.values()), symbols=names)
    return [f"{kernel(s)} = {kernel(value)}" for s, value in temporaries], [kernel(result) for result in reduced]


def call(w: Written, function: Pointwise, rename: Mapping[str, str] | None = None) -> str:
    """The call of a function, some of its arguments under other names."""
    arguments = [(rename or {}).get(name, name) for name in map(kernel, function.arguments)]
    return f"{function.name}_{w.model.name}({', '.join(arguments)})"


def assign(w: Written, function: Pointwise, rename: Mapping[str, str] | None = None) -> list[str]:
    """The call of a function, its results assigned."""
    if not function.results:
        return []
    before, arguments = call(w, function, rename).split("(", 1)
    return [wrapped(f"{', '.join(function.results)} = {before}(", arguments[:-1].split(", "), ")")]


def offset(start: str, count: int) -> str:
    """Neuron j, count times n beyond a start."""
    return " + ".join([start, *(["n"] if count == 1 else [f"{count} * n"] if count else []), "j"])
