"""Texts that would hang SymPy, fill the memory or end a parser are refused by name and soon, wherever they stand."""

import time

import pytest

from lsnn.equations import advice, source_of
from lsnn.equations.texts import FUNCTIONS, TextError, size_of
from lsnn.equations.writing import write
from lsnn.errors import InputError
from lsnn.network import NetworkConfig, build_network
from lsnn.neuron_files import MOST_CHARACTERS, model_of
from lsnn.neurons import NeuronModel, Parameter
from tests.equations.test_errors import EQUATIONS, SOUND, with_line

SECONDS = 1.0  # of the processor
EULER = SOUND._replace(method="euler")
TOO_LONG = "too long or nested too deeply"
HOSTILE = {
    "tower": ("9**9**9**9", r"the power '9 \*\* 9 \*\* 9' is above 32"),
    "power": ("w**1000000000", r"the power 'w \*\* 1000000000' is above 32"),
    "power of 1": ("1**-99999999999", "is above 32"),
    "powers of powers": ("((w**30)**30)**30", "is above 32"),
    "powers within functions": ("sin(sin(w**30)**30)", "is above 32"),
    "terms": ("+".join(["w"] * 20_000), TOO_LONG),
    "brackets": ("(" * 3000 + "w" + ")" * 3000, TOO_LONG),
    "brackets in few characters": ("(" * 300 + "w" + ")" * 300, TOO_LONG),
    "signs": ("-" * 1500 + "w", TOO_LONG),
    "nested functions": ("exp(" * 150 + "w" + ")" * 150, TOO_LONG),
    "multiplied out": ("(1 + w + sin(w) + cos(w) + w*w)**20", "terms, once it is multiplied out"),
    "product of sums": ("*".join(f"(w + {i})" for i in range(2, 40)), "terms, once it is multiplied out"),
    "large number": ("1e999", "is too large a number"),
    "whole number": ("1" + "0" * 400, "is too large a number"),
    "digits": ("9" * 5000, TOO_LONG),
    "exponential of an exponential": ("exp(exp(exp(9)))", "is too large a number"),
    "no text": ("w\0", "null bytes"),
}


def places(text: str) -> dict[str, NeuronModel]:
    """The sound model with a text in every string that holds one."""
    with_row = with_line("tau_a : second (constant)", "tau_a : second (constant)\nn : 1 (constant)")
    return {
        "equations": with_line("-w/tau_a", f"-w*({text})/tau_a")._replace(method="euler"),
        "threshold": EULER._replace(threshold=f"v > 10*mV*({text})"),
        "reset": EULER._replace(reset=f"v = 0*mV; w += {text}"),
        "scale": EULER._replace(scale=f"({text})*mV"),
        "refractory": EULER._replace(refractory=f"({text})*ms"),
        "initial": EULER._replace(initial=(("w", text),)),
        "parameters": with_row._replace(method="euler", parameters=(Parameter("n", text, "1", "", ""),)),
    }


@pytest.mark.parametrize("place", places("1"))
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_is_refused_in_a_second(name, place):
    text, rule = HOSTILE[name]
    write(EULER)  # Brian2 is loaded
    before = time.process_time()
    with pytest.raises(InputError, match=f"^neuron model 'cell', {place}, .*{rule}") as caught:
        write(places(text)[place])
    assert time.process_time() - before < SECONDS
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("unit", ["volt**9**9**9**9", "volt**1000000000", "*".join(["volt"] * 800)])
def test_a_hostile_unit_is_refused(unit):
    with pytest.raises(InputError, match="^neuron model 'cell', equations, 'I : volt"):
        write(with_line("I : volt", f"I : {unit}"))


@pytest.mark.parametrize(
    "change",
    [
        {"equations": EQUATIONS + "\n".join(f"y{i} : 1" for i in range(20_000))},
        {"equations": EQUATIONS + "#" * 30_000},
        {"reset": "; ".join(["w += 1"] * 20_000)},
        {"reset": "; ".join(["w *= w"] * 60)},  # w**(2**60)
        {"equations": EQUATIONS + "\n".join(f"y{i + 1} = y{i}*y{i} : 1" for i in range(60)) + "\ny0 = w : 1"},
    ],
)
def test_many_lines_are_refused(change):
    before = time.process_time()
    with pytest.raises(InputError, match=TOO_LONG):
        write(EULER._replace(**change))
    assert time.process_time() - before < SECONDS


def test_an_exponent_from_the_parameters_is_bounded():
    model = with_line("-w/tau_a : 1", "-w**n/tau_a : 1\nn : 1 (constant)")._replace(method="euler")
    with pytest.raises(InputError, match=r"equations, 'dw/dt = .*the power 'w \*\* n' is above 32"):
        write(model._replace(parameters=(Parameter("n", "1e9", "1", "", ""),)))


def test_equations_that_sympy_does_not_solve_are_given_up(monkeypatch):
    """Three variables in a circle; SymPy works on the matrix exponential for minutes."""
    monkeypatch.setattr("lsnn.equations.stepping.MOST_SECONDS", 0.5)
    rows = "dv/dt = (I - v - w*mV)/tau_m : volt\ndw/dt = (u - w)/tau_a : 1\ndu/dt = (v/mV - u)/tau_m : 1"
    equations = "\n".join([rows, *EQUATIONS.strip().splitlines()[2:]])
    rule = "SymPy has not solved the equations within 0.5 s: use 'exponential_euler' or 'euler'"
    with pytest.raises(InputError, match=f"^neuron model 'cell', method, 'exact': {rule}"):
        write(SOUND._replace(equations=equations))


TOML = """
name = "cell"
equations = '''{EQUATIONS}'''
threshold = "v > 10*mV"
reset = "v = 0*mV"
method = "exact"
scale = "10*mV"
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('width = "9**9"', "width must be a number"),
        (f"width = 1{'0' * 400}", "width must be a number"),
        (f"substeps = 1{'0' * 5000}", "no TOML"),
        ("# " + "-" * MOST_CHARACTERS, f"must have at most {MOST_CHARACTERS} characters"),
        ("deep = " + "[" * 20_000, "no TOML"),
    ],
)
def test_a_hostile_file_is_refused(change, message):
    text = TOML.format(EQUATIONS=EQUATIONS)
    assert model_of(text).name == "cell"
    with pytest.raises(InputError, match=f"neuron model: .*{message}"):
        model_of(text + change)


def test_a_hostile_model_in_a_configuration_is_refused_as_one_in_a_file():
    text = TOML.format(EQUATIONS=EQUATIONS).replace("v = 0*mV", "v = 9**9**9**9*mV")
    config = NetworkConfig(adaptive_model=text)
    with pytest.raises(InputError, match="^neuron model 'cell', reset, "):
        build_network(config, 4, {"action": 2}, [0.0, 0.0], 0)


def test_a_long_name_is_not_repeated_whole():
    with pytest.raises(InputError, match="^neuron model 'aaa") as caught:
        source_of(SOUND._replace(name="a" * 100_000))
    assert len(str(caught.value)) < 1000


UNDEFINED = ["w**True", "True*w", "(w > 1)*w", "w + 'a'", "w*1j", "w.real", "w[0]", "clip(w, 0, a_max=1)", "exp(w, w)",
             "w if w > 0 else 1", "(lambda: 1)()", "2w", "w and 1", "not w", "[w]", "clip(w)", "exp()"]  # fmt: skip


@pytest.mark.parametrize("text", UNDEFINED)
@pytest.mark.parametrize("place", ["reset", "initial", "scale"])
def test_what_is_no_expression_is_refused_with_its_line(text, place):
    with pytest.raises(InputError, match=f"^neuron model 'cell', {place}, "):
        write(places(text)[place])


@pytest.mark.parametrize(
    ("name", "advised"),
    [("max(w, 0.5)", "0.5*(w + 0.5 + abs(w - 0.5))"), ("min(w, 0.5)", "0.5*(w + 0.5 - abs(w - 0.5))"),
     ("tan(w)", "sin(w)/cos(w)"), ("cosh(w)", "0.5*(exp(w) + exp(-w))"), ("sinh(w)", "0.5*(exp(w) - exp(-w))"),
     ("expm1(w)", "w*exprel(w)"), ("log1p(w)", "log(1 + w)"), ("log10(w)", "log(w)/log(10)"), ("ln(w)", "log(w)"),
     ("fabs(w)", "abs(w)"), ("pow(w, 2)", "w**2"), ("int(w)", "1/(1 + exp(-w/0.1))"), ("sigmoid(w)", "1/(1 + exp(-w))"),
     ("(0.5*mS/usiemens)", "(0.5*msiemens/usiemens)"), ("(1*mV/kV)", "(1*mV/kvolt)")],
)  # fmt: skip
def test_the_advice_for_a_name_that_cannot_be_used_can_be_followed(name, advised):
    with pytest.raises(InputError, match=r"'dw/dt = .*(write|1/\(1 \+ exp|Brian2 calls the unit)"):
        write(with_line("-w/tau_a", f"-{name}/tau_a")._replace(method="euler"))
    assert "def update_cell(" in write(with_line("-w/tau_a", f"-{advised}/tau_a")._replace(method="euler"))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("stim(t)", "there is no function 'stim'; an input enters as spikes; other values as parameters"),
        ("t", "'t' cannot be used: the compiled step does not know the time"),
        ("lastspike/second", r"'lastspike' cannot be used: .* 'ds/dt = -s/tau_a : 1' with 's = 1' in the reset"),
        ("not_refractory", r"'not_refractory' cannot be used: .* the flag \(unless refractory\)"),
        ("xi_2", "'xi_2' cannot be used: noise has no adjoint"),
        ("rand()", r"cannot be differentiated: .rand\(\).; noise has no adjoint: add it in Brian2"),
        ("w % 1", "cannot be differentiated: 'w % 1': it jumps"),
        ("arcsin(w)", r"cannot be differentiated: 'arcsin\(w\)'; functions: exp, log"),
        ("gain", "unknown variable 'gain': declare it with its unit in the equations"),
    ],
)
def test_what_is_said_of_names_that_cannot_be_used(text, rule):
    with pytest.raises(InputError, match=f"'dw/dt = .*': {rule}"):
        write(with_line("-w/tau_a", f"-w*({text})/tau_a")._replace(method="euler"))


def test_the_trace_of_spikes_that_is_advised_is_a_model():
    line = advice.SPIKED.split("'")[1]
    model = with_line("dw/dt = -w/tau_a : 1", line)._replace(threshold="v > 10*mV + s*mV", reset="v = 0*mV; s = 1")
    assert "VARIABLES_cell = ('v', 's')" in write(model)


def test_sizes_of_sound_texts():
    size = size_of("(a + b)**3*exp(a)/2 + 1", {})
    assert (size.terms, size.degree, size.value) == (5, 3, None)
    assert size_of("sqrt(4)*exprel(0) - clip(7, 1, 2)/2", {}).value == 1.0
    assert all(name in FUNCTIONS for name in ("exp", "exprel", "clip"))
    with pytest.raises(TextError, match="is no expression"):
        size_of("a.b", {})
