"""A model that breaks a rule is refused; the message names the line and the rule."""

import ast

import pytest

from lsnn.equations import source_of
from lsnn.equations.names import safe
from lsnn.equations.writing import write
from lsnn.errors import InputError
from lsnn.neurons import ADEX, ALIF, EXPONENTIAL, NeuronModel, Parameter

EQUATIONS = """
dv/dt = (I - v)/tau_m : volt
dw/dt = -w/tau_a : 1
I : volt
tau_m : second (constant)
tau_a : second (constant)
t_ref : second (constant)
"""
SOUND = NeuronModel("cell", EQUATIONS, "v > 10*mV + w*mV", "v = 0*mV; w += 1", "exact", scale="10*mV")


def with_line(old: str, new: str) -> NeuronModel:
    assert old in EQUATIONS
    return SOUND._replace(equations=EQUATIONS.replace(old, new))


CASES = {
    "units within an equation": (
        with_line("(I - v)/tau_m", "(I - w)/tau_m"),
        r"equations, 'dv/dt = \(I - w\)/tau_m : volt': units do not match: .*'I' has unit V; 'w' has unit 1",
    ),
    "units of an equation": (
        with_line("-w/tau_a : 1", "-w : 1"),
        r"equations, 'dw/dt = -w : 1': '-w' has the unit 1, must have Hz",
    ),
    "unknown unit": (with_line("I : volt", "I : volts"), r"equations, 'I : volts': .*'volts'"),
    "syntax of an equation": (with_line("(I - v)/tau_m", "(I - v/tau_m"), r"equations, 'dv/dt = \(I - v/tau_m : volt'"),
    "no equation": (with_line("I : volt", "I is a current"), r"equations, 'I is a current': Expected"),
    "unknown variable in an equation": (
        with_line("(I - v)/tau_m", "(I - v + E_L)/tau_m"),
        r"equations, 'dv/dt = .*E_L.*': unknown variable 'E_L': declare it with its unit",
    ),
    "unknown variable in the threshold": (
        SOUND._replace(threshold="v > v_th"), r"threshold, 'v > v_th': unknown variable 'v_th'",
    ),
    "unknown variable in the reset": (SOUND._replace(reset="v = v_r"), r"reset, 'v = v_r': unknown variable 'v_r'"),
    "unknown variable assigned": (SOUND._replace(reset="g += 1"), r"reset, 'g \+= 1': unknown variable 'g'"),
    "threshold that is no comparison": (
        SOUND._replace(threshold="v - 10*mV"), r"threshold, 'v - 10\*mV': must be one comparison 'lhs > rhs'",
    ),
    "threshold of two comparisons": (
        SOUND._replace(threshold="v > 10*mV and w < 1"), "threshold, .*must be one comparison",
    ),
    "threshold with equality": (SOUND._replace(threshold="v == 10*mV"), "threshold, .*must be one comparison"),
    "threshold that is no Python": (SOUND._replace(threshold="v > "), "threshold, 'v >'"),
    "units of the threshold": (
        SOUND._replace(threshold="v > 10*ms"), r"threshold, 'v > 10\*ms': units do not match: Comparison",
    ),
    "threshold without a state variable": (
        SOUND._replace(threshold="tau_m > tau_a", scale="1*ms"), "threshold, .*must depend on a state variable",
    ),
    "non-linear with exact": (
        with_line("(I - v)/tau_m", "(I - v**2/mV)/tau_m"),
        r"equations, 'dv/dt = \(I - v\*\*2/mV\)/tau_m : volt': method 'exact' cannot integrate it",
    ),
    "non-linear through another variable": (
        with_line("(I - v)/tau_m", "(I - v*w)/tau_m"), r"'dv/dt = \(I - v\*w\)/tau_m : volt': method 'exact' cannot",
    ),
    "not conditionally linear": (
        with_line("(I - v)/tau_m", "(I - v**2/mV)/tau_m")._replace(method="exponential_euler"),
        r"'dv/dt = \(I - v\*\*2/mV\)/tau_m : volt': method 'exponential_euler' cannot integrate it",
    ),
    "unknown method": (SOUND._replace(method="rk9"), r"method, 'rk9': must be one of exact, exponential_euler, euler"),
    "equation that cannot be differentiated": (
        with_line("-w/tau_a", "-floor(w)/tau_a")._replace(method="euler"),
        r"equations, 'dw/dt = -floor\(w\)/tau_a : 1': cannot be differentiated: 'floor\(w\)'",
    ),
    "assignment that cannot be differentiated": (
        SOUND._replace(reset="v = 0*mV\nw += int(v > 5*mV)"),
        r"reset, 'w \+= int\(v > 5\*mV\)': cannot be differentiated: 'int\(.*\)'",
    ),
    "random reset": (
        SOUND._replace(reset="w += rand()"), r"reset, 'w \+= rand\(\)': cannot be differentiated: 'rand\(\)'",
    ),
    "remainder in the reset": (SOUND._replace(reset="w %= 2"), r"reset, 'w %= 2': the operator '%=' is not supported"),
    "noise": (
        with_line("-w/tau_a", "-w/tau_a + xi*tau_a**-0.5"),
        r"'dw/dt = .*xi.*': 'xi' cannot be used: noise has no adjoint",
    ),
    "parameter made of another": (
        SOUND._replace(parameters=(Parameter("tau_a", "2*tau_m", "1", "", ""),)),
        r"parameters, 'tau_a = 2\*tau_m 1': must be a number with a unit, but has 'tau_m'",
    ),
    "parameter that is not finite": (
        SOUND._replace(parameters=(Parameter("tau_a", "inf", "ms", "", ""),)),
        r"parameters, 'tau_a = inf ms': must be a finite number, is",
    ),
    "exponent that the network gives": (
        with_line("-w/tau_a : 1", "-w**beta/tau_a : 1\nbeta : 1 (constant)")._replace(method="euler"),
        "an exponent must be a number or a parameter with a row, is 'beta'",
    ),
    "state variable called like a parameter of the network": (
        with_line("I : volt", "I : volt\nb0 : 1")._replace(reset="v = 0*mV; b0 += 1"),
        "no state variable may be called 'b0', which the network gives",
    ),
    "time": (with_line("-w/tau_a", "-w*t/tau_a**2"), r"'dw/dt = .*': 't' cannot be used"),
    "units of the reset": (
        SOUND._replace(reset="v = 0*mV\nw += 1*mV"), r"reset, 'w \+= 1\*mV': units do not match",
    ),
    "unit of an assigned value": (SOUND._replace(reset="w = 1*mV"), r"reset, 'w = 1\*mV': .*unit V, must have 1"),
    "reset that is no assignment": (SOUND._replace(reset="v"), r"reset, 'v': must be an assignment"),
    "assigned parameter": (
        SOUND._replace(reset="tau_m = 1*ms"), r"equations, 'tau_m : second \(constant\)': .*the reset assigns it",
    ),
    "assigned current": (SOUND._replace(reset="I = 0*mV"), "reset, 'I = 0.mV': 'I' cannot be assigned"),
    "current in the reset": (SOUND._replace(reset="v = 0.1*I"), "reset, 'v = 0.1.I': must not use 'I'"),
    "driven variable that is constant": (
        SOUND._replace(driven=("tau_a",)), "driven, 'tau_a': must be declared as 'tau_a : unit' alone",
    ),
    "port named twice": (SOUND._replace(synaptic="I, I"), "synaptic, 'I': must be .*, and named once"),
    "port that is constant": (SOUND._replace(synaptic="I, tau_a"), "synapses cannot add to 'tau_a', which is no var"),
    "current in the threshold": (
        SOUND._replace(threshold="v + I > 10*mV"), "threshold, .*must not use 'I', which is cleared",
    ),
    "no synaptic variable": (SOUND._replace(synaptic="g"), "synaptic, 'g': must be declared in the equations"),
    "kept without an equation": (
        SOUND._replace(kept=True), "'I : volt': 'I' is kept .*must have a differential equation",
    ),
    "cleared with an equation": (
        EXPONENTIAL._replace(kept=False), "'dI/dt = -I/tau_s : 1': 'I' is cleared each step",
    ),
    "unit of the scale": (SOUND._replace(scale="1"), "scale, '1': '1' has the unit 1, must have V"),
    "negative time constant": (
        SOUND._replace(parameters=(Parameter("tau_a", "-20", "ms", "", ""),)),
        r"parameters, 'tau_a = -20 ms': must be at least 0, since it is a time",
    ),
    "negative refractory time": (
        SOUND._replace(parameters=(Parameter("t_ref", "-2", "ms", "", ""),)),
        r"parameters, 't_ref = -2 ms': must be at least 0, since it is a time",
    ),
    "scale that changes": (SOUND._replace(scale="v"), "scale, 'v': must be made of parameters and numbers"),
    "refractory condition": (SOUND._replace(refractory="v > 5*mV"), "refractory, 'v > 5.mV': .*must have s"),
    "refractory period that changes": (
        SOUND._replace(refractory="w*ms"), "refractory, 'w.ms': must be made of parameters",
    ),
    "parameter without a value": (
        with_line("tau_a : second (constant)", "tau_a : second (constant)\nC : farad (constant)"),
        r"parameters, 'C : farad \(constant\)': 'C' needs a value: add a row",
    ),
    "value in another unit": (
        ADEX._replace(parameters=(Parameter("C", "281", "mV", "", ""), *ADEX.parameters[1:])),
        "parameters, 'C = 281 mV': .*has the unit V, must have F",
    ),
    "value of no parameter": (
        SOUND._replace(parameters=(Parameter("E", "1", "mV", "", ""),)), "parameters, 'E = 1 mV': 'E' is no parameter",
    ),
    "network's value in another unit": (
        with_line("t_ref : second", "b0 : volt (constant)\nt_ref : second"),
        r"parameters, 'b0 : volt \(constant\)': the network gives 'b0' in the unit 1: add a row",
    ),
    "start of no variable": (
        SOUND._replace(initial=(("tau_m", "1*ms"),)), "initial, 'tau_m = 1.ms': .*no state variable",
    ),
    "start in another unit": (
        SOUND._replace(initial=(("v", "1"),)), "initial, 'v = 1': '1' has the unit 1, must have V",
    ),
    "flag": (with_line("I : volt", "I : volt (shared)"), r"equations, 'I : volt \(shared\)': .*not supported"),
    "integer variable": (with_line("I : volt", "I : volt\nn : integer"), "'n : integer': must be a real number"),
    "surrogate": (ALIF._replace(surrogate="box"), "surrogate, 'box': must be one of triangle, fast_sigmoid, gaussian"),
    "width": (ALIF._replace(width=0.0), "width, '0.0': must be > 0"),
    "substeps": (ALIF._replace(substeps=0), r"substeps, '0': must lie in 1..20"),
    "imaginary number": (with_line("-w/tau_a", "-w*sqrt(-1)/tau_a"), "dw/dt.*a part that is no real number"),
    "root of a negative number": (with_line("-w/tau_a", "-w*(-1)**(1/3)/tau_a"), "has a part that is no real number"),
    "operator": (with_line("(I - v)/tau_m", "(I @ v)/tau_m"), "equations, 'dv/dt = .I @ v./tau_m : volt': MatMult is"),
    "sum without end": (with_line("-w/tau_a", f"-({'w+' * 3000}w)/tau_a"), "too long or nested too deeply"),
    "scale of 0": (SOUND._replace(scale="0*mV"), "scale, '0.mV': must be > 0"),
    "start at infinity": (SOUND._replace(initial=(("w", "1/0"),)), "initial, 'w = 1/0': '1/0' has a part that is no"),
    "truth value": (SOUND._replace(initial=(("w", "True"),)), "'w = True': 'True' must be a number, is a truth value"),
    "Euler's number": (
        SOUND._replace(equations=EQUATIONS.replace("w", "E"), threshold="v > 10*mV + E*mV", reset="E += 1"),
        "'dE/dt = -E/tau_a : 1': with method 'exact' no variable may be called 'E', which has a meaning of its own",
    ),
    "name of a group of Brian2": (
        with_line("tau_a : second (constant)", "tau_a : second (constant)\norder : 1 (constant)"),
        "'order : 1 .constant.': no variable may be called 'order': Brian2 has another use for it",
    ),
    "name of a variable of Brian2": (
        with_line("I : volt", "I : volt\nlastspike : second (constant)"), "no variable may be called 'lastspike'",
    ),
    "name of a synapse's end": (with_line("I : volt", "I : volt\ni_post : 1"), "no variable may be called 'i_post'"),
    "name of ours": (with_line("I : volt", "I : volt\nplace : 1"), "no variable may be called 'place'"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_bad_model_is_refused(case):
    model, message = CASES[case]
    with pytest.raises(InputError, match=message) as caught:
        write(model)
    assert str(caught.value).startswith(f"neuron model {model.name!r}")


@pytest.mark.parametrize("name", ["a b", "/evil", "../evil", "neurons", "readout", "bar_a", "_x", "\u00e9", ""])
def test_a_name_is_no_path_and_no_name_of_the_kernels(name):
    """It is checked before a file of generated code is looked for under it."""
    with pytest.raises(InputError, match="^neuron model .*: the name must be of at most 64 ASCII letters"):
        source_of(SOUND._replace(name=name))


def test_e_and_others_are_names_like_any_other_to_the_other_methods():
    equations = EQUATIONS.replace("w", "E")
    model = SOUND._replace(equations=equations, threshold="v > 10*mV + E*mV", reset="E += 1", method="euler")
    assert "VARIABLES_cell = ('v', 'E')" in write(model)


def test_the_sound_model_of_the_cases_is_accepted():
    assert "def update_cell(" in write(SOUND)


@pytest.mark.parametrize("power", ["v**2.0/mV", "v**9/mV**8", "v**(-3)*mV**4"])
def test_whole_powers_are_products_so_that_negative_numbers_have_them(power):
    source = write(with_line("(I - v)/tau_m", f"(I - {power})/tau_m")._replace(method="euler"))
    assert "log(" not in source and "nan" not in source


def test_a_parameter_with_a_row_may_be_an_exponent():
    model = with_line("-w/tau_a : 1", "-w**n/tau_a : 1\nn : 1 (constant)")
    source = write(model._replace(method="euler", parameters=(Parameter("n", "2", "1", "", ""),)))
    assert "log(" not in source and "w*w" in source


def test_functions_of_numbers_are_numbers():
    assert "clip(" in write(with_line("-w/tau_a", "-w*clip(0.5, 0, 1)/tau_a")._replace(method="euler"))


@pytest.mark.parametrize("comment", ['"""; import os; os.abort(); """', r"\xi noise", 'the "current"', "a \\\\ b"])
def test_comments_of_a_model_are_no_code(comment):
    """Its text stands in the heading of the generated module, as one string."""
    tree = ast.parse(write(with_line("I : volt", f"I : volt  # {comment}")))
    assert comment in ast.get_docstring(tree, clean=False)
    assert not any(isinstance(node, ast.Import) and node.names[0].name == "os" for node in ast.walk(tree))


def test_names_that_differ_by_an_underscore_stay_apart():
    assert len({safe(name) for name in ("x", "x_", "x__", "range", "lambda")}) == 5
