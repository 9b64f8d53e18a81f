"""One integration step of a model as expressions, made by Brian2's own state updaters."""

import re
from collections.abc import Callable
from typing import Any

from brian2.equations.equations import DIFFERENTIAL_EQUATION, PARAMETER, Equations
from brian2.parsing.sympytools import str_to_sympy
from brian2.stateupdaters.base import StateUpdateMethod, UnsupportedEquationsException
from sympy import Symbol, SympifyError, sympify

from lsnn.equations.parsing import DT, Parsed, exponents_of, line_of, numbers, refuse, single, symbol
from lsnn.equations.symbols import HELD, Expression, select
from lsnn.neurons import NeuronModel

METHODS = ("exact", "exponential_euler", "euler")


def integration_step(model: NeuronModel, parsed: Parsed) -> dict[str, Expression]:
    """Each state variable after one of the model's sub-steps, from the values before it."""
    if model.method not in METHODS:
        refuse(model, "method", model.method, f"must be one of {', '.join(METHODS)}")
    if not 1 <= model.substeps <= 20:
        refuse(model, "substeps", str(model.substeps), "must lie in 1..20")
    free = _moved(model, parsed, parsed.equations)
    holding = [name for name, equation in parsed.equations.items() if "unless refractory" in equation.flags]
    if not holding:
        return free
    held = _moved(model, parsed, _without(parsed.equations, holding))
    return {name: select(HELD, held[name], free[name]) for name in free}


def _without(equations: Equations, names: list[str]) -> Equations:
    """The equations with some variables held where they are."""
    changes = {"type": PARAMETER, "expr": None, "flags": []}
    return Equations([single(e, **changes) if name in names else e for name, e in equations.items()])


def _moved(model: NeuronModel, parsed: Parsed, equations: Equations) -> dict[str, Expression]:
    now = {symbol(name): symbol(name) for name in parsed.variables}
    for line in _abstract_code(model, parsed, equations).splitlines():
        name, _, text = line.partition(" = ")
        now[symbol(name)] = numbers(str_to_sympy(text), exponents_of(model)).xreplace(now)
    return {name: now[symbol(name)].xreplace({DT: DT / model.substeps}) for name in parsed.variables}


def _abstract_code(model: NeuronModel, parsed: Parsed, equations: Equations) -> str:
    variables = {name: variable for name, variable in parsed.known.items() if name != "dt"}
    if model.method == "exact":
        for name in filter(_means_something_else, parsed.variables):
            rule = f"with method 'exact' no variable may be called {name!r}, which has a meaning of its own in SymPy"
            refuse(model, "equations", line_of(model, name), rule)
    try:
        return StateUpdateMethod.apply_stateupdater(equations, variables, model.method, group_name=model.name)
    except UnsupportedEquationsException as error:
        name = _not_linear(model, parsed, equations)
        others = " or ".join(map(repr, METHODS[METHODS.index(model.method) + 1 :]))
        rule = f"method {model.method!r} cannot integrate it, use {others}: {error}"
        refuse(model, "equations", line_of(model, name), rule)


def _means_something_else(name: str) -> bool:
    """Whether SymPy reads a text as something else than a symbol; I alone comes back from Brian2 as it went in."""
    try:
        return name != "I" and not isinstance(sympify(name), Symbol)
    except (SympifyError, TypeError):
        return True


def _not_linear(model: NeuronModel, parsed: Parsed, equations: Equations) -> str:
    """The first variable whose equation is not linear (in itself alone, for exponential Euler)."""
    moving = [symbol(name) for name in equations if equations[name].type == DIFFERENTIAL_EQUATION]
    for name, text in equations.get_substituted_expressions(parsed.known):
        rate = numbers(str_to_sympy(text.code))
        others = moving if model.method == "exact" else [symbol(name)]
        if any(rate.diff(a).has(b) for a in others for b in others):
            return name
    return next(iter(equations.diff_eq_names))


def integrator(model: NeuronModel) -> str | Callable[..., str]:
    """What to give a Brian2 NeuronGroup as its `method`, so that it integrates in the model's sub-steps."""
    if model.substeps == 1:
        return model.method

    def substeps(equations: Equations, variables: Any = None, method_options: Any = None) -> str:
        once = StateUpdateMethod.apply_stateupdater(equations, variables, model.method, method_options)
        return "\n".join([re.sub(r"\bdt\b", f"(dt/{model.substeps})", once)] * model.substeps)

    return substeps
