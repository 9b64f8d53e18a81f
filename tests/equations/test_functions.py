"""Functions that SymPy has not, or rewrites: values and derivatives on grids with special points, against Brian2."""

import re

import brian2 as br
import numpy as np
import pytest
import sympy
from scipy import special

from lsnn.equations.host import NUMPY
from lsnn.equations.symbols import power
from lsnn.equations.writing import write
from lsnn.errors import InputError
from lsnn.kernels import functions
from lsnn.neurons import NeuronModel
from tests.equations.plain import PlainModel
from tests.kernels.test_simd import both_dtypes, lane_by_lane

SPECIAL = [0.0, 1e-300, 1e-20, 1e-9, 1e-4, 0.1, 0.4999, 0.5, 0.5001, 1.0, 2.0, 10.0, 50.0]
X = np.array([*SPECIAL, *(-x for x in SPECIAL[1:]), -0.25, 0.25, *np.linspace(-3, 3, 60)])


def slope(x):
    """The derivative of exprel by Kummer's function, for |x| of no great size."""
    return special.hyp1f1(2, 3, x) / 2


@both_dtypes
def test_exprel_and_its_derivative_are_exact_to_rounding(dtype):
    x = np.concatenate([X, np.linspace(-20, 20, 5000)])[:5080].astype(dtype)
    eps = np.finfo(dtype).eps
    for function, expected in ((functions.exprel, special.exprel), (functions.exprel_slope, slope)):
        found = lane_by_lane(function, x)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected(x.astype(float)), rtol=16 * eps)


@both_dtypes
def test_exprel_at_zero_and_far_away(dtype):
    x = np.array([0, -0.0, -1e3, -1e4, 0, 0, 60, 0], dtype)
    np.testing.assert_allclose(lane_by_lane(functions.exprel, x)[:4], [1, 1, 1e-3, 1e-4], rtol=1e-6)
    np.testing.assert_allclose(lane_by_lane(functions.exprel_slope, x)[:4], [0.5, 0.5, 1e-6, 1e-8], rtol=1e-5)


def test_the_host_has_the_same_functions_and_a_complex_step_through_them():
    x = np.linspace(-3, 3, 61)
    assert 0.0 in x
    step = NUMPY["exprel"](x + 1e-30j)
    np.testing.assert_allclose(step.real, special.exprel(x), rtol=1e-14)
    np.testing.assert_allclose(step.imag / 1e-30, slope(x), rtol=1e-13)
    np.testing.assert_allclose(NUMPY["exprel_slope"](x), slope(x), rtol=1e-13)


KEPT = [
    "exprel(q)", "exprel(q + 0.25)", "exprel(0.25 - q)", "exprel(q - 1)", "1/exprel(2*q + 0.5)", "q*exprel(q + 1)",
    "exprel(exprel(q) - 1)", "exprel(abs(q))**2", "exprel(q*0 + 0.25)", "exprel(0.25)", "exprel(clip(q, -1, 1) + 0.1)",
    "abs(q)", "abs(q)**2", "abs(q**3)", "abs(clip(q, -1, 1))", "abs(q*abs(q))", "abs(exp(q))", "abs(abs(q) - 1)",
    "clip(q, -1, 1)", "clip(abs(q), 0.5, inf)", "clip(q, -inf, 0.5)", "clip(clip(q, 0, 1), 0.2, 3)",
    "clip(0.5, 0, 1)*q", "exp(clip(0.9, -1, 0.5))*q", "sqrt(q)", "sqrt(q)**2", "sqrt(q**2)", "sqrt(q)*sqrt(q)",
    "sqrt(q**2 + 1)", "(q**0.5)**2", "(q**2)**0.5", "(q**2)**1.5", "(q**3)**(1/3)", "(q**1.5)**2", "(q**4)**0.25",
    "(q**2.0)**0.5", "q**2.0", "q**3", "q**-2", "q**0", "q**1.5", "q**-0.5", "q**(1/3)", "(-q)**0.5", "(2*q)**0.5",
    "((q**2)**0.5)**3", "sqrt((q/10)**2)", "((2*q)**2)**1.5", "sqrt(q**2*(1 + q**2))", "2**q", "e**q", "log(q)",
    "log(q**2)", "log(exp(q))", "exp(log(q))", "exp(2*log(q))", "exp(log(q)/2)",
    "log(q) - log(2*q)", "exp(q)*exp(-q)", "exp(q + 5)", "exp(q + 0.5)**2", "exp(sqrt(q)**2)",
    "sin(q + pi)", "sin(-q)", "cos(q - pi/2)", "tanh(-q)", "tanh(q)/q", "sin(q)**2 + cos(q)**2", "cos(q)**-1",
    "1/(1 + exp(-50*q))", "q/(1 + abs(q))", "log(1 + exp(-abs(q)))", "q - q", "1e-300*q", "-(-q)", "+q",
]  # fmt: skip

POLE = re.compile(r"log|sqrt\(q\)|\*\*-|/q|/3|q\)?\*\*0\.5|\*\*0\.25")


def one_variable(text: str, place: str) -> NeuronModel:
    """A model whose variable y becomes what a text makes of q."""
    equations = "dq/dt = (I - q)/tau_m : 1\ndy/dt = 0*y/tau_m : 1\nI : 1\ntau_m : second (constant)\nt_ref : second"
    equations = equations.replace("0*y/tau_m", f"({text} - y)/(1*ms)" if place == "equations" else "0*y/tau_m")
    reset = f"y = {text}" if place == "reset" else "y = 0"
    return NeuronModel("one", equations, "q > 1e9", reset, "euler", scale="1")


def by_brian2(text: str, x: np.ndarray) -> np.ndarray:
    """What Brian2 computes of a text."""
    target, br.prefs.codegen.target = br.prefs.codegen.target, "numpy"
    group = br.NeuronGroup(len(x), "q : 1\ny : 1")
    group.q = x
    with np.errstate(all="ignore"):
        group.y = text
    br.prefs.codegen.target = target
    return np.array(group.y[:])


@pytest.mark.parametrize("text", KEPT)
def test_values_are_those_of_brian2_also_where_it_has_none(text):
    plain, expected = PlainModel(one_variable(text, "reset")), by_brian2(text, X)
    values = {"q": X, "y": X, "spike": True}
    with np.errstate(all="ignore"):
        found = dict(zip(plain.results("reset"), plain.call("reset", plain.values | values), strict=True))
    found = np.broadcast_to(found["y"], X.shape)
    undefined = (X == 0) & ("/q" in text)  # SymPy takes tanh(x)/x for a product with 1/x; at 0 neither is right
    np.testing.assert_allclose(found[~undefined], expected[~undefined], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("text", KEPT)
def test_derivatives_are_those_of_the_complex_step(text):
    """Where there is one: not at a kink or outside the domain, at 0 only where no root or logarithm begins."""
    plain, x = PlainModel(one_variable(text, "reset")), X[np.abs(X) > 1e-3]
    if not POLE.search(text):
        x = np.append(x, 0.0)
    zero, values = np.zeros_like(x), plain.values | {"q": x, "y": x, "spike": np.full(x.shape, True)}
    with np.errstate(all="ignore"):
        (value,) = plain.call("reset", values)
        (stepped,) = plain.call("reset", values | {"q": x + 1e-30j})
        results = plain.call("before_reset", values | {"distance_bar": zero, "q_bar": zero, "y_bar": zero + 1})
    found = np.broadcast_to(dict(zip(plain.results("before_reset"), results, strict=True))["q_bar"], x.shape)
    expected = np.broadcast_to(np.imag(stepped) / 1e-30, x.shape)
    sure = np.isfinite(value) & np.isfinite(expected) & (np.abs(expected) < 1e20)
    assert sure.sum() > 20
    np.testing.assert_allclose(found[sure], expected[sure], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("text", [text for text in KEPT if "exprel" in text])
def test_exprel_in_equations_has_its_value_at_zero(text):
    plain = PlainModel(one_variable(text, "equations"))
    values = plain.values | {"q": X, "y": np.zeros_like(X), "I": np.zeros_like(X)}
    with np.errstate(all="ignore"):
        moved = dict(zip(plain.results("integrate"), plain.call("integrate", values), strict=True))
    np.testing.assert_allclose(moved["y"], by_brian2(text, X), rtol=1e-12)


@pytest.mark.parametrize("method", ["exact", "exponential_euler", "euler"])
def test_exprel_of_a_parameter_in_every_method(method):
    """Its argument is 0; beside a number SymPy alone would make it (exp(0) - 1)/0."""
    model = one_variable("exprel(beta + 0.5)", "equations")
    equations = model.equations + "\nbeta : 1 (constant)"
    plain = PlainModel(model._replace(equations=equations, method=method, name=method), beta=-0.5)
    assert "exprel(" in plain.source.partition('"""\n\n')[2]
    constants = plain.constants[:, 0]
    assert np.isfinite(constants).all()
    y = plain.run(np.zeros((5, 8))).x["y"][-1]
    expected = 1 - np.exp(-5) if method != "euler" else 1.0
    np.testing.assert_allclose(y, expected, rtol=1e-12)


@pytest.mark.parametrize(
    "text",
    ["sign(q)", "floor(q)", "ceil(q)", "int(q)", "int(q > 0)", "q % 1", "q // 1", "log1p(q)", "expm1(q)", "log10(q)",
     "expm1(q + 0.1)", "log1p(0.5)*q", "arcsin(q)", "sin(arcsin(q))", "tan(arctan(q))", "cosh(q)", "Heaviside(q)",
     "heaviside(q, 1)", "max(q, 0)", "Max(q, 0)", "timestep(q, 1)", "Abs(q)", "re(q)", "gamma(q)", "sign(3)*q",
     "floor(2.5)*q", "poisson(1)*q", "Piecewise(q)", "sqrt(sign(q)**2)", "diff(q)"],
)  # fmt: skip
@pytest.mark.parametrize("place", ["reset", "equations"])
def test_other_functions_are_refused_by_their_names_whatever_sympy_makes_of_them(text, place):
    """log1p(0.5) is a number to SymPy, sign(x)**2 is 1, expm1(x + 0.1) an exponential less 1."""
    rule = "(cannot be differentiated|there is no)"
    with pytest.raises(InputError, match=f"^neuron model 'one', {place}, '.*': {rule}"):
        write(one_variable(text, place))


@pytest.mark.parametrize("text", ["sqrt(q - 1)**2", "exp(log(q - 1))", "((q - 1)**1.5)**2", "exp(2*log(q - 1)) + q"])
def test_no_number_does_not_become_one_again(text):
    """q - 1 is -1 there: its root and logarithm are no numbers in Brian2, and SymPy squares them to -1 and 1."""
    model = one_variable("q", "reset")._replace(reset=f"q = 0; y = {text}")
    with pytest.raises(InputError, match="reset, .*no real number"):
        write(model)


def test_powers_of_even_powers_have_a_derivative_at_zero():
    x = sympy.Symbol("x", real=True)
    assert power(x**2, 0.5) == sympy.Abs(x) and power(x**2, 1.5) == sympy.Abs(x) ** 3
    assert power(4 * x**2, 0.5) == 2.0 * sympy.Abs(x)
    assert power(x**3, sympy.Float(0.5)).func is power(x**2 * (x - 1), sympy.Float(0.5)).func is power
