"""Models in JavaScript beside the source that they are printed from, in single precision, bit for bit."""

from pathlib import Path
from types import FunctionType

import numpy as np
import pytest
from numba import njit

from lsnn.equations.host import NUMPY, host_model
from lsnn.equations.javascript import javascript_of
from lsnn.kernels import functions, simd
from lsnn.kernels.simd import load, multiply_add, store
from lsnn.neurons import MODELS, Parameter
from tests.kernels.test_simd import lane_by_lane
from tests.runs.demo.node import needs_node, run

NUMERICS = (Path(__file__).parents[2] / "analysis" / "demo" / "numerics.js").read_text()
READ = 'const given = JSON.parse(require("fs").readFileSync(0, "utf8"));\n'
PRINT = "console.log(JSON.stringify({}));"
N = 64
GIVEN = {"b0": 0.01, "beta": 1.7, "tau_m": 0.02, "tau_a": 1.2, "t_ref": 0.003}


def single(numbers):
    return np.asarray(numbers, np.float32)


def in_node(expression, given, folder, more=""):
    script = NUMERICS + more + READ + PRINT.format(expression)
    return single(run(script, [np.asarray(row, float).tolist() for row in given], folder))


@needs_node
def test_multiply_add_is_rounded_once(tmp_path):
    @njit
    def fused(a, b, c, found):
        for i in range(found.size // simd.LANES):
            store(found, i, multiply_add(load(a, i), load(b, i), load(c, i)))

    generator = np.random.default_rng(0)
    a, b, c = single(generator.standard_normal((3, 8000)))
    c *= single(2.0) ** single(generator.integers(-60, 60, 8000))
    # sums that lie just beside the middle of two numbers: rounding twice goes wrong
    a[:800], b[:800], c[:800] = 1 + 2.0**-23, 2.0**-24 - 2.0**-47, np.repeat([1 + 2.0**-23, 1, -1, -1 - 2.0**-23], 200)
    b[:800:2] *= -1
    a[800:1600] *= single(2.0) ** -40
    found = np.empty_like(a)
    fused(a, b, c, found)
    exact = in_node("given[0].map((a, i) => multiply_add(a, given[1][i], given[2][i]))", [a, b, c], tmp_path)
    np.testing.assert_array_equal(exact, found)
    assert np.any(found != single(a.astype(float) * b.astype(float) + c.astype(float)))  # as rounding twice gives


@needs_node
def test_exponentials_are_those_of_the_kernels(tmp_path):
    x = single(np.concatenate([np.linspace(-90, 90, 4000), np.linspace(-1, 1, 4000)]))
    np.testing.assert_array_equal(in_node("given[0].map(exp)", [x], tmp_path), lane_by_lane(simd.exp, x))
    for function in (simd.tanh, functions.exprel, functions.exprel_slope):
        found = in_node(f"given[0].map({function.__name__})", [x[4000:] * 9], tmp_path)
        np.testing.assert_array_equal(found, lane_by_lane(function, x[4000:] * 9))


def in_numpy(name, model, values):
    """The results of a pointwise function of the model's source, in single precision."""
    code = getattr(host_model(model).module, f"{name}_{model.name}").py_func.__code__
    known = {**NUMPY, "exp": lambda x: lane_by_lane(simd.exp, x)}
    found = FunctionType(code, known)(*(values[key] for key in code.co_varnames[: code.co_argcount]))
    return np.array(found if isinstance(found, tuple) else (found,)), code.co_varnames[: code.co_argcount]


@needs_node
@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_every_model_step_to_the_bit(model, tmp_path):
    own, generator = host_model(model), np.random.default_rng(1)
    given = {name: np.full(N, value) for name, value in GIVEN.items()}
    constants = dict(zip(own._own("CONSTANTS"), single(own.constants(0.001, given)), strict=True))
    starts = own.initial(0.001, given)
    values = {
        name: single(start + (0.02 if model.scale == "b0" else 0.03) * generator.standard_normal(N))
        for name, start in zip(own.variables, starts, strict=True)
    }
    values = constants | {"I": single(generator.standard_normal(N))} | values
    values |= {"held": np.arange(N) % 3 == 0, "spike": np.arange(N) % 2 == 0}
    calls, expected, order = [], [], list(values)
    for name in ("integrate", "crosses", "reset"):
        results, arguments = in_numpy(name, model, values)
        calls.append(f"{name}_{model.name}({', '.join(f'given[{order.index(a)}][k]' for a in arguments)})")
        assert results.dtype in (np.dtype(np.float32), np.dtype(bool))
        expected += list(single(results))
    expression = f"given[0].map((_, k) => [{', '.join(calls)}].flat())"
    found = in_node(expression, list(values.values()), tmp_path, javascript_of([model]))
    np.testing.assert_array_equal(found.T, expected)


def test_names_that_javascript_keeps_for_itself():
    model = MODELS["alif"]._replace(
        name="hostile",
        equations=MODELS["alif"].equations.replace("tau_a", "var").replace("beta", "fround"),
        threshold="v > b0 + fround*b",
        reset="v -= (b0 + fround*b)*exp(dt/tau_m)\nb += exp(dt/var) - 1",
        parameters=(Parameter("var", "1", "second", "", ""), Parameter("fround", "1.7", "1", "", "")),
    )
    text = javascript_of([model])
    assert "fround$" in text
    assert "*/" not in text and "</" not in text
    assert javascript_of([model, model]) == text
