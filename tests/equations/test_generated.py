"""What is generated: readable, the same every time, without Brian2 at later starts, and constants computed once."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sympy

from lsnn.equations import source_of
from lsnn.equations.constants import Constants
from lsnn.equations.host import HostModel, host_model
from lsnn.equations.names import safe
from lsnn.equations.printing import HOST, Printer
from lsnn.equations.writing import write
from lsnn.errors import InputError
from lsnn.kernels.layout import record_zeros, state_zeros
from lsnn.neurons import ADEX, ALIF, EXPONENTIAL, LIF, MODELS, NeuronModel
from lsnn.populations import slots_of
from tests.equations import zoo

CLONE = Path(__file__).parents[2]
INLINED = "@njit(forceinline=True)"
GIVEN = {"b0": 0.01, "beta": 1.7, "tau_m": 0.02, "tau_a": 1.2, "t_ref": 0.003}


def given(n: int = 1, **changes: float) -> dict[str, np.ndarray]:
    return {name: np.full(n, value) for name, value in (GIVEN | changes).items()}


def constants_by_value(model: HostModel) -> dict[str, float]:
    names = getattr(model.module, f"CONSTANTS_{model.model.name}")
    return dict(zip(names, model.constants(0.001, given())[:, 0], strict=True))


@pytest.mark.parametrize("name", MODELS)
def test_source_states_the_model_and_is_tidy(name):
    pytest.importorskip("ruff")
    model, text = MODELS[name], source_of(MODELS[name])
    for line in [*model.equations.splitlines(), model.threshold]:
        assert line.strip() in text
    assert max(map(len, text.splitlines())) <= 120
    checked = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F", "-"], input=text, text=True,
        capture_output=True,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout


def test_a_linear_step_has_no_exponential_in_its_loop():
    text = source_of(ALIF)
    assert "np.exp(" in text
    assert "exp(" not in text.partition("@njit")[2]


def test_many_sub_steps_are_not_copied_into_the_loop():
    few, many = (write(ADEX._replace(substeps=substeps)).splitlines() for substeps in (4, 20))
    for name in ("integrate", "before_step"):
        assert few[few.index(next(row for row in few if row.startswith(f"def {name}_"))) - 1] == INLINED
        assert many[many.index(next(row for row in many if row.startswith(f"def {name}_"))) - 1] != INLINED
    assert max(map(len, many)) <= 120


def test_constants_of_alif_are_those_of_the_design():
    found = constants_by_value(host_model(ALIF)).values()
    alpha, rho = np.exp(-0.001 / 0.02), np.exp(-0.001 / 1.2)
    for expected in (alpha, 1 - alpha, rho, 0.01, 1.7, 1 / 0.01, -1 / alpha, 1 / rho - 1):
        assert min(abs(np.array(list(found)) - expected)) < 1e-12 * abs(expected)


def test_generating_twice_gives_the_same_text():
    program = "from lsnn.equations.writing import write; from lsnn.neurons import *; print(write(ADEX), write(SFA))"
    texts = [
        subprocess.check_output([sys.executable, "-c", program], cwd=CLONE, env=os.environ | {"PYTHONHASHSEED": seed})
        for seed in ("1", "2")
    ]
    assert texts[0] == texts[1]


def test_a_model_that_is_known_needs_neither_brian2_nor_sympy():
    source_of(ADEX)
    program = """
import sys
from lsnn.equations.host import host_model
from lsnn.neurons import ADEX
assert host_model(ADEX).variables == ("v", "w")
assert not {"brian2", "sympy"} & set(sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], cwd=CLONE).returncode == 0


def test_a_first_run_says_nothing_that_is_not_for_the_user(tmp_path):
    """Models are generated then, and Brian2 is quick to warn."""
    environment = os.environ | {"LSNN_CACHE": str(tmp_path)}
    made = subprocess.run(
        [sys.executable, "-m", "runs", "show-kernel", "alif"], env=environment, capture_output=True, text=True
    )
    assert (made.returncode, made.stderr) == (0, "") and "def update_alif" in made.stdout


def test_refractory_period_is_counted_as_by_brian2():
    steps = [host_model(LIF).refractory_steps(0.001, given(t_ref=t_ref))[0] for t_ref in (0, 0.001, 0.0029, 0.003)]
    assert steps == [0, 1, 2, 3]


def test_effect_of_lif_is_a_baseline_threshold_over_the_input_gain():
    effect = host_model(LIF).effect(0.001, given(2))
    np.testing.assert_allclose(effect, 0.01 / (1 - np.exp(-0.001 / 0.02)), rtol=1e-14)


def test_a_spike_of_unit_effect_lifts_a_resting_neuron_by_one_scale():
    """A thousandth of it, lest any model leave its linear range or spike."""
    network = zoo.random_zoo(1)
    weights = zoo.compiled_weights(network)
    n_slots, steps = slots_of(network.groups)[-1].stop, 100
    record, state = (
        record_zeros(steps, zoo.N, n_slots, zoo.N_IN, zoo.N_OUT, np.float64),
        state_zeros(zoo.N, n_slots, zoo.N_OUT, zoo.D_MAX + 1, np.float64),
    )
    effect = np.concatenate([group.model.effect(zoo.DT, group.given) for group in network.groups])
    state.pending[0, :, 0] = 1e-3 * effect
    zoo.network_module(zoo.ZOO).replay(0, weights, state, record)
    for i, group in enumerate(network.groups):
        values = {safe(name): zoo.variable(network, record, i, name) for name in group.model.variables}
        rows = group.model.constants(zoo.DT, group.given)[:, :, None]
        values |= dict(zip(getattr(group.model.module, f"CONSTANTS_{group.model.model.name}"), rows, strict=True))
        (u,) = group.model._call("distance", values)
        lift = np.abs(u[:, :, 0] - u[:, :, 1]).max(axis=0)
        np.testing.assert_allclose(lift, 1e-3, rtol=2e-2, err_msg=group.model.model.name)


def test_equal_time_constants_are_refused():
    with pytest.raises(InputError, match="'exponential', method 'exact': the step is not finite .* see c0"):
        host_model(EXPONENTIAL).constants(0.001, given(tau_m=0.005))


def test_a_negative_scale_is_refused():
    with pytest.raises(InputError, match="'upside_down', scale, '-b0': must be > 0, is -0.01"):
        host_model(LIF._replace(name="upside_down", scale="-b0")).constants(0.001, given())


def test_a_synapse_that_cannot_reach_the_threshold_is_refused():
    equations = "dv/dt = (0.5*b0 - v)/tau_m : 1\nI : 1\n" + "\n".join(LIF.equations.splitlines()[3:])
    with pytest.raises(InputError, match="'deaf', synaptic, 'I': synapses must reach the threshold from rest"):
        host_model(NeuronModel("deaf", equations, "v > b0", "v = 0", "exact")).effect(0.001, given())


def test_names_of_the_code_are_kept_free():
    assert [safe(name) for name in ("v", "b0", "k", "lambda", "c1", "v_bar", "I_at_0", "where")] == [
        "v", "b0", "k_", "lambda_", "c1_", "v_bar_", "I_at_0_", "where_"
    ]  # fmt: skip


a, b, x, y = sympy.symbols("a b x y", real=True)
AT = {a: 0.3, b: -1.2, x: 1.7, y: 0.6}
EXPRESSIONS = [
    -x, 2 - x, -(x + y), x - (y - a), x / (y * a), 1 / x, -1 / (x + y), x / y / a, x**3, (x * y) ** 2, 1 / x**2,
    (a / x) ** 2, x**-0.5, sympy.sqrt(x + y), x**sympy.Rational(3, 2), x**y, -x * sympy.exp(-x / y), 0.1 * x - 3 * y,
    x * (a - y) / (b + x),
    sympy.Rational(1, 3) * x, -2 * x**2 / 3, x / (-y), a * (-x - y), sympy.exp(x) ** 2, x - 2 * (y + 1), sympy.pi * x,
    sympy.Abs(x - y) + sympy.tanh(a), (x + y) ** -2, 5 * x ** 9,
]  # fmt: skip


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_printed_expressions_mean_what_they_say(expression):
    found = eval(Printer(HOST)(expression), {"np": np}, {symbol.name: value for symbol, value in AT.items()})
    np.testing.assert_allclose(found, float(expression.subs(AT)), rtol=1e-14)


@pytest.mark.parametrize("expression", [*EXPRESSIONS, a * x + b * y + a * b, sympy.exp(a) * (x + b) ** 2 / b])
def test_hoisting_constants_changes_no_value(expression):
    constants = Constants([x, y])
    hoisted = constants.hoist(expression)
    assert not any(value.free_symbols & {x, y} for value in constants.values.values())
    assert not {a, b} & hoisted.free_symbols - set(constants.values)
    back = hoisted.subs(constants.values).subs(AT)
    np.testing.assert_allclose(float(back), float(expression.subs(AT)), rtol=1e-14)
