"""Whether synapses add to a conductance, which no weight may drive below zero."""

from itertools import product

import sympy
from brian2.parsing.sympytools import str_to_sympy

from lsnn.equations.parsing import Parsed, numbers, symbol
from lsnn.equations.stepping import without_exprel
from lsnn.equations.symbols import Expression
from lsnn.neurons import NeuronModel


def adds_to_a_conductance(model: NeuronModel, parsed: Parsed) -> bool:
    """Whether a rate holds its own variable times the synaptic one, or times a variable that filters that one.

    As g (E - v) does: d2(rate of v)/dg dv is not zero, while the rate stays linear in g.
    """
    texts = without_exprel(parsed.equations).get_substituted_expressions(parsed.known)
    rates = {name: numbers(str_to_sympy(text.code)) for name, text in texts if name in parsed.variables}
    driven = _filters(model, parsed, rates)
    return any(_is_gated(rates[name], symbol(name), g) for name, g in product(rates, driven) if name != g.name)


def _filters(model: NeuronModel, parsed: Parsed, rates: dict[str, Expression]) -> set[sympy.Symbol]:
    """The synaptic variable, and those but the membrane whose rates hold nothing else that moves than these."""
    moving = {symbol(name) for name in (*parsed.variables, model.synaptic)}
    driven = {symbol(model.synaptic)}
    for _ in rates:
        for name, rate in rates.items():
            others = rate.free_symbols & moving - {symbol(name)}
            if name != parsed.variables[0] and others and others <= driven:
                driven.add(symbol(name))
    return driven


def _is_gated(rate: Expression, x: sympy.Symbol, g: sympy.Symbol) -> bool:
    mixed, curved = (sympy.expand(rate.diff(g, other)) for other in (x, g))
    return mixed != 0 and curved == 0
