"""Which ports are conductances, which no weight may drive below zero."""

from itertools import product

import sympy
from brian2.parsing.sympytools import str_to_sympy

from lsnn.equations.parsing import Parsed, numbers, symbol
from lsnn.equations.stepping import without_exprel
from lsnn.equations.symbols import Expression


def conductances(parsed: Parsed) -> tuple[str, ...]:
    """The ports that are conductances: a rate holds its own variable times the port, or times what filters the port.

    As g (E - v) does: d2(rate of v)/dg dv is not zero, while the rate stays linear in g.
    """
    texts = without_exprel(parsed.equations).get_substituted_expressions(parsed.known)
    rates = {name: numbers(str_to_sympy(text.code)) for name, text in texts if name in parsed.variables}
    return tuple(port for port in parsed.ports if _is_conductance(port, parsed, rates))


def _is_conductance(port: str, parsed: Parsed, rates: dict[str, Expression]) -> bool:
    if port == parsed.variables[0]:
        return False
    driven = _filters(port, parsed, rates)
    return any(_is_gated(rates[name], symbol(name), g) for name, g in product(rates, driven) if name != g.name)


def _filters(port: str, parsed: Parsed, rates: dict[str, Expression]) -> set[sympy.Symbol]:
    """The port, and those variables but the membrane whose rates hold nothing else that moves than these."""
    moving = {symbol(name) for name in (*parsed.variables, *parsed.ports)}
    driven = {symbol(port)}
    for _ in rates:
        for name, rate in rates.items():
            others = rate.free_symbols & moving - {symbol(name)}
            if name != parsed.variables[0] and others and others <= driven:
                driven.add(symbol(name))
    return driven


def _is_gated(rate: Expression, x: sympy.Symbol, g: sympy.Symbol) -> bool:
    mixed, curved = (sympy.expand(rate.diff(g, other)) for other in (x, g))
    return mixed != 0 and curved == 0
