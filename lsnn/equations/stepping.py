"""One integration step of a model as expressions, made by Brian2's own state updaters.

They do not see exprel, which SymPy rewrites to what is no number at 0, but a function that SymPy does not know.
"""

import ast
import re
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from brian2.equations.codestrings import Expression as BrianExpression
from brian2.equations.equations import DIFFERENTIAL_EQUATION, PARAMETER, Equations
from brian2.parsing.sympytools import str_to_sympy
from brian2.stateupdaters.base import StateUpdateMethod, UnsupportedEquationsException
from brian2.utils.stringtools import get_identifiers
from sympy import Symbol, SympifyError, sympify

from lsnn.equations.deadline import within
from lsnn.equations.parsing import DT, Parsed, exponents_of, line_of, named, numbers, refuse, single, symbol
from lsnn.equations.symbols import HELD, Expression, select
from lsnn.equations.texts import TextError
from lsnn.neurons import NeuronModel

METHODS = ("exact", "exponential_euler", "euler")
EXPREL, EXPONENTIALS = re.compile(r"\bexprel\b"), re.compile(r"\bexp(rel)?\b")
ROOT_OF_EXP = re.compile(r"\bexp\(.*\)\*\*")
MOST_SECONDS = 60  # for the matrix exponential of method exact, which for some equations has no end


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
    equations = without_exprel(equations)
    others = " or ".join(map(repr, METHODS[METHODS.index(model.method) + 1 :]))
    variables = {name: variable for name, variable in parsed.known.items() if name != "dt"}
    if model.method == "exact":
        for name in filter(_means_something_else, parsed.variables):
            rule = f"with method 'exact' no variable may be called {name!r}, which has a meaning of its own in SymPy"
            refuse(model, "equations", line_of(model, name), rule)
    try:
        with within(MOST_SECONDS) if model.method == "exact" else nullcontext():
            return StateUpdateMethod.apply_stateupdater(equations, variables, model.method, group_name=model.name)
    except TimeoutError:
        rule = f"SymPy has not solved the equations within {MOST_SECONDS} s: use {others}, or fewer equations"
        refuse(model, "method", model.method, rule)
    except UnsupportedEquationsException as error:
        name = _not_linear(model, parsed, equations)
        rule = f"method {model.method!r} cannot integrate it, use {others}: {error}"
        refuse(model, "equations", line_of(model, name), rule)
    except Exception as error:  # of SymPy
        with named(model, "equations", line_of(model, next(iter(equations.diff_eq_names)))):
            raise TextError(f"method {model.method!r} cannot integrate it: {error}") from error
    raise AssertionError


def without_exprel(equations: Equations) -> Equations:
    """The equations with exprel under a name that SymPy does not know."""
    changed = {
        name: BrianExpression(EXPREL.sub("_exprel", equation.expr.code))
        for name, equation in equations.items()
        if equation.expr is not None and EXPREL.search(equation.expr.code)
    }
    if not changed:
        return equations
    return Equations([single(e, **({"expr": changed[n]} if n in changed else {})) for n, e in equations.items()])


def _means_something_else(name: str) -> bool:
    """Whether SymPy reads a text as something else than a symbol; I alone comes back from Brian2 as it went in."""
    try:
        return name != "I" and not isinstance(sympify(name), Symbol)
    except (SympifyError, TypeError):
        return True


def _not_linear(model: NeuronModel, parsed: Parsed, equations: Equations) -> str:
    """The first variable whose equation is not linear (in itself alone, for exponential Euler)."""
    moving = [symbol(name) for name in equations if equations[name].type == DIFFERENTIAL_EQUATION]
    for name, text in without_exprel(equations).get_substituted_expressions(parsed.known):
        rate = numbers(str_to_sympy(text.code))
        others = moving if model.method == "exact" else [symbol(name)]
        if any(rate.diff(a).has(b) for a in others for b in others):
            return name
    return next(iter(equations.diff_eq_names))


def integrator(model: NeuronModel) -> str | Callable[..., str]:
    """What to give a Brian2 NeuronGroup as its `method`, so that it integrates as the compiled step does."""
    if model.substeps == 1 and not EXPONENTIALS.search(model.equations):
        return model.method

    def integrate(equations: Equations, variables: Any = None, method_options: Any = None) -> str:
        once = StateUpdateMethod.apply_stateupdater(without_exprel(equations), variables, model.method, method_options)
        once = "\n".join(map(_without_roots_of_exp, once.replace("_exprel(", "exprel(").splitlines()))
        if model.substeps > 1:
            once = re.sub(r"\bdt\b", f"(dt/{model.substeps})", once)
        # Brian2 refuses to assign a number that is the same for all neurons after something else: once is enough
        lines = once.splitlines()
        same = [line for line in lines if line.startswith("_BA_") and not get_identifiers(line) & {*equations}]
        return "\n".join(same + [line for line in lines if line not in same] * model.substeps)

    return integrate


class _RootsOfExp(ast.NodeTransformer):
    """exp(x)**a as exp(x*a)."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        base = node.left
        if not (isinstance(node.op, ast.Pow) and isinstance(base, ast.Call) and ast.unparse(base.func) == "exp"):
            return node
        return ast.Call(base.func, [ast.BinOp(base.args[0], ast.Mult(), node.right)], [])


def _without_roots_of_exp(line: str) -> str:
    """A line of Brian2's step, in which SymPy writes exp(-x/50) as 1/exp(x)**(1/50): it overflows long before."""
    return ast.unparse(_RootsOfExp().visit(ast.parse(line))) if ROOT_OF_EXP.search(line) else line
