"""Model texts from a grammar: each equals Brian2 or is refused with line and rule, and planted bugs are found."""

from pathlib import Path

import numpy as np
import pytest
import sympy
from sympy.core.cache import clear_cache

from lsnn.equations import parsing, printing, stepping, symbols, writing
from lsnn.errors import InputError
from lsnn.kernels.build import network_module
from lsnn.kernels.layout import Cells, Readout, Rows, Weights, record_zeros, state_zeros
from lsnn.neuron_files import model_of
from lsnn.populations import Group, cells_of, slots_of, variables_of
from tests.equations.grammar import Text, texts
from tests.equations.plain import DT, LANES, PlainModel, Run, given, simulate
from tests.equations.properties import STEPS, difference, drive_of, examine, fault_of_refusal

ACCEPTED = 0.6  # of all texts, at least
SEED = 2


@pytest.mark.parametrize("count", [30, pytest.param(1000, marks=pytest.mark.long)])
def test_every_text_equals_brian2_or_is_refused_with_line_and_rule(count):
    counts, faults = examine(texts(SEED, 0, count))
    assert faults == []
    assert counts["accepted"] >= ACCEPTED * count and counts["three equations and a reset"] >= 0.5 * count
    assert counts["models that spike"] > 0.9 * counts["accepted"]
    assert counts["steps compared"] > 0.9 * STEPS * LANES * counts["accepted"]


FIXED = """
name = "fixed"
equations = '''
dv/dt = (I + 0.2*exp(clip(0.9, -1, 0.5)) - v*exp(tanh(clip(0.13, -1, 1))))/tau_m : 1 (unless refractory)
dw/dt = (0.3 - w)/tau_a : 1
I : 1
tau_m : second (constant)
tau_a : second (constant)
t_ref : second (constant)
'''
threshold = "v > 1 + 0.1*w"
reset = '''
w = 0.1*sqrt(v**2)
v = w  # a copy
w *= 0.5
'''
method = "exponential_euler"
scale = "1"
substeps = 3
"""
MODELS = {path.stem: path.read_text() for path in (Path(__file__).parent / "models").glob("*.toml")}


@pytest.mark.parametrize("name", ["fixed", "exprel_offset", "hodgkin_huxley", "alias"])
def test_texts_that_once_differed_from_brian2(name):
    """Numbers within functions, a rate whose target is the same for all neurons, copies, exprel."""
    counts, faults = examine([Text(MODELS.get(name, FIXED), 2, True, "")])
    assert faults == []
    assert counts["accepted"] == counts["models that spike"] == 1 and counts["steps compared"] == STEPS * LANES


def test_drawn_texts_that_once_differed_from_brian2():
    """exp(-x/50) that Brian2 takes for 1/exp(x)**(1/50), the root of (v/(10*mV))**2 at 0, the cosine of 1e196, a reset
    of the current that spikes arrive at in the same step."""
    drawn = [*((1, number) for number in (3742, 4785, 7466, 9546, 8351, 9723)), (2, 789)]
    counts, faults = examine([texts(seed, number, 1)[0] for seed, number in drawn])
    assert faults == []
    assert counts["accepted"] == counts["models that spike"] == 7


SMALL_RATE = """
name = "small_rate"
equations = '''
dv/dt = (I + 0*v)/tau_m : volt
dw/dt = -w*(1 + exp(-(v/(10*mV))**4)**2)/(20*ms) : 1
I : volt
tau_m : second (constant)
t_ref : second (constant)
'''
threshold = "v > 1*volt"
reset = ""
method = "exponential_euler"
scale = "10*mV"
initial = { v = "10*mV", w = "1" }
"""


@pytest.mark.parametrize("substeps", [1, 2])
def test_small_rates_are_not_lost_in_an_overflow(substeps, monkeypatch):
    """w falls at (1 + exp(-2))/(20 ms); SymPy writes it with exp(v**4/mV**4)**(1/5000), an infinite number."""
    plain, still = PlainModel(model_of(SMALL_RATE)._replace(substeps=substeps)), np.zeros((5, LANES))
    right = np.exp(-np.arange(1, 6) * 1e3 * DT / 20 * (1 + np.exp(-2)))[:, None] * np.ones(LANES)
    np.testing.assert_allclose(plain.run(still).x["w"], right, rtol=1e-12)
    np.testing.assert_allclose(simulate([plain], [still])[0].x["w"], right, rtol=1e-12)
    monkeypatch.setattr(stepping, "ROOT_OF_EXP", stepping.EXPREL)
    assert np.all(simulate([plain], [still])[0].x["w"] > 1.005 * right)  # Brian2 alone


PLAIN = """
name = "plain"
equations = '''
dv/dt = (I - v)/tau_m : volt (unless refractory)
dw/dt = -w/(30*ms) : 1
I : volt
tau_m : second (constant)
t_ref : second (constant)
'''
threshold = "v > 10*mV"
reset = "v = 0*mV"
refractory = "t_ref"
method = "euler"
scale = "10*mV"
"""
WRITTEN = (  # as Brian2 itself would not read them, or would read them in another way
    ('threshold = "v > 10*mV"', "threshold = '''\n  (v >\n 10*mV)\n'''"),
    ('threshold = "v > 10*mV"', "threshold = '  v > 10*mV  '"),
    ('refractory = "t_ref"', "refractory = '''\n  5*ms'''"),
    ('reset = "v = 0*mV"', 'reset = "v *= 0.5 - 0.25"'),
    ('reset = "v = 0*mV"', 'reset = "v /= 1 + 1; w = 3; w /= 2*3 - 1"'),
    ('reset = "v = 0*mV"', "reset = '''\n    v = 0*mV  # to rest\n\n  w += 1\n'''"),
)


def test_strings_of_any_form_mean_the_same_to_brian2():
    counts, faults = examine([Text(PLAIN.replace(*change), 2, True, "") for change in WRITTEN])
    assert faults == []
    assert counts["accepted"] == counts["models that spike"] == len(WRITTEN)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("w", "len"), "no variable may be called 'len': Brian2 has another use"),
        (("w", "self"), "no variable may be called 'self': Brian2 has another use"),
        (('t_ref"', '1e9*second"'), "refractory, '1e9.second': must be from 0 to 10000 s"),
        (('t_ref"', '1e300*second"'), "refractory, .*must be from 0 to 10000 s"),
        (('t_ref"', '-2*ms"'), "refractory, '-2.ms': must be from 0 to 10000 s, is -0.002 s"),
    ],
)
def test_what_brian2_cannot_run_is_refused(change, words):
    with pytest.raises(InputError, match=words):
        PlainModel(model_of(PLAIN.replace(*change)))


def test_texts_depend_on_their_number_alone():
    assert texts(SEED, 3, 2) == texts(SEED, 0, 5)[3:] != texts(SEED + 1, 3, 2)
    assert len({text.broken for text in texts(SEED, 0, 300)}) > 20


# Bugs


def too_few_factors(monkeypatch):
    """v**3 is printed as v*v."""
    right = printing.Printer._power

    def wrong(self, expression):
        base, exponent = expression.args
        return right(self, base**2 if exponent == 3 else expression)

    monkeypatch.setattr(printing.Printer, "_power", wrong)


def whole_steps(monkeypatch):
    """Each sub-step takes all of dt."""
    monkeypatch.setattr(stepping, "DT", sympy.Symbol("another"))


def blind_reset(monkeypatch):
    """Later lines of a reset do not see what earlier ones assigned."""
    right = parsing._reset

    def wrong(reader, statements, states):
        now = {}
        for statement in statements:
            now |= right(reader, [statement], states)
        return now

    monkeypatch.setattr(parsing, "_reset", wrong)


def exprel_of_sympy(monkeypatch):
    """exprel(x) is (exp(x) - 1)/x."""
    monkeypatch.setattr(symbols.exprel, "eval", classmethod(lambda cls, x: (sympy.exp(x) - 1) / x))


def slope_of_exprel(monkeypatch):
    """The derivative of exprel is exprel."""
    monkeypatch.setattr(symbols.exprel, "fdiff", lambda self, argindex=1: self)


def clip_without_end(monkeypatch):
    """The derivative of clip is that of its argument, also beyond the bounds."""
    monkeypatch.setattr(symbols.clip, "_eval_derivative", lambda self, symbol: self.args[0].diff(symbol))


def held_variables_move(monkeypatch):
    """(unless refractory) is overlooked."""
    monkeypatch.setattr(stepping, "_without", lambda equations, names: equations)


def bare_refusals(monkeypatch):
    """A refusal does not name the line."""

    def wrong(model, place, line, rule):
        raise InputError(f"neuron model {model.name!r}: {rule}")

    for module in (parsing, stepping, writing):
        monkeypatch.setattr(module, "refuse", wrong)


BUGS = [too_few_factors, whole_steps, blind_reset, exprel_of_sympy, slope_of_exprel, clip_without_end,
        held_variables_move, bare_refusals]  # fmt: skip
IN_EVERY_RUN = (whole_steps, slope_of_exprel)


@pytest.mark.parametrize(
    "bug", [bug if bug in IN_EVERY_RUN else pytest.param(bug, marks=pytest.mark.long) for bug in BUGS]
)
def test_a_planted_bug_is_found(bug, monkeypatch):
    """SymPy keeps what it has computed, so its cache is emptied before and after."""
    batch = texts(SEED, 0, 10 if bug in IN_EVERY_RUN else 60)
    clear_cache()
    bug(monkeypatch)
    found = examine(batch).faults
    monkeypatch.undo()
    clear_cache()
    assert found


def test_a_refusal_without_line_or_of_another_model_is_no_refusal():
    model = model_of(texts(SEED, 0, 1)[0].toml)
    line = model.threshold.strip()
    assert fault_of_refusal(model, f"neuron model 'drawn', threshold, {line!r}: the rule") == ""
    assert fault_of_refusal(model, f"neuron model 'drawn', threshold, {line!r}") == "the line is none of the model"
    assert fault_of_refusal(model, "neuron model 'drawn', threshold, 'z > 1': the rule") != ""
    assert fault_of_refusal(model, "neuron model 'drawn', threshold: the rule") == "no place named"
    assert fault_of_refusal(model, "'drawn' cannot be compiled") == "no place named"


def test_numbers_that_only_one_has_are_a_difference():
    whole = Run({"v": np.zeros((4, LANES))}, np.zeros((4, LANES), bool), np.full((4, LANES), -1.0))
    hole = whole._replace(x={"v": np.where(np.arange(4)[:, None] < 2, 0.0, np.nan) * np.ones(LANES)})
    assert difference(whole, whole) == difference(hole, hole) == ""
    assert difference(hole, whole) == "not finite where Brian2 is"
    assert difference(whole, hole) == "finite where Brian2 is not"
    assert difference(whole._replace(z=~whole.z), whole) == "32 spikes differ, the first in step 0"
    assert difference(whole._replace(x={"v": np.full((4, LANES), 1e-10)}), whole) == "v differs by 1.0e-10"


# The same source compiled


@pytest.mark.long
def test_compiled_code_equals_the_plain_run(tmp_path, monkeypatch):
    monkeypatch.setenv("LSNN_CACHE", str(tmp_path))
    sound = [model_of(text.toml) for text in texts(SEED, 100, 30) if not text.broken][:12]
    models = tuple(model._replace(name=f"drawn{i}") for i, model in enumerate(sound))
    plain = [PlainModel(model) for model in models]
    drives = [drive_of(each, number) for number, each in enumerate(plain)]
    for each, drive, found in zip(plain, drives, compiled(plain, drives), strict=True):
        assert difference(each.run(drive), found) == ""


def compiled(plain, drives):
    """The models' runs in one compiled network without synapses, a step at a time."""
    groups = [Group(each.host, slice(i, i + 1), given()) for i, each in enumerate(plain)]
    module, cells = network_module(tuple(each.model for each in plain)), cells_of(groups, DT)
    n, n_slots = len(groups), slots_of(groups)[-1].stop
    rows = Rows(np.zeros(n + 1, np.int64), np.zeros(0, np.int32), np.zeros(0))
    readout = Readout(np.zeros((n, 1)), np.zeros(1), np.zeros(1))
    weights = Weights(Cells(*cells), rows, rows, readout, rows, rows)
    state, record = state_zeros(n, n_slots, 1, 2, np.float64), record_zeros(1, n, n_slots, n, 1, np.float64)
    x, z = np.zeros((STEPS, n_slots, LANES)), np.zeros((STEPS, n, LANES), bool)
    for t in range(STEPS):
        state.pending[t % 2] = np.array([drive[t] for drive in drives])
        module.replay(t, weights, state, record)
        x[t], z[t] = record.x[0], np.unpackbits(record.spikes[0][:, None], axis=1, bitorder="little")
    slots = variables_of(groups)
    return [Run({name: x[:, at.start] for name, at in slots[i].items()}, z[:, i]) for i in range(n)]
