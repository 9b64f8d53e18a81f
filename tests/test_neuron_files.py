"""Models of one's own in TOML: what they mean, and what is said of those that break a rule."""

import json

import pytest

from lsnn.errors import InputError
from lsnn.network import NetworkConfig
from lsnn.neuron_files import as_json, model_of, text_of
from lsnn.neurons import ALIF, LIF, Parameter

TEXT = """
name = "leaky"
equations = '''
dv/dt = (E_L - v + R*I)/tau_m : volt
I : amp
E_L : volt (constant)
R : ohm (constant)
tau_m : second (constant)
t_ref : second (constant)
'''
threshold = "v > -50*mV"
reset = "v = E_L"
method = "exact"
scale = "20*mV"
width = 2
[parameters]
E_L = "-70*mV"
R = "100*Mohm"
[initial]
v = "E_L"
"""


def test_a_file_says_all_of_a_model(tmp_path):
    (tmp_path / "leaky.toml").write_text(TEXT)
    model = model_of(text_of(str(tmp_path / "leaky.toml")))
    assert (model.name, model.threshold, model.scale, model.width) == ("leaky", "v > -50*mV", "20*mV", 2.0)
    rows = (Parameter("E_L", "-70", "mV", "E_L", "ours"), Parameter("R", "100", "Mohm", "R", "ours"))
    assert model.parameters == rows
    assert model.initial == (("v", "E_L"),)
    assert (model.kept, model.substeps, model.synaptic) == (False, 1, "I")


def test_a_configuration_takes_a_name_or_a_text():
    assert NetworkConfig(adaptive_model="lif").models == (LIF, LIF)
    assert NetworkConfig(adaptive_model=TEXT).models == (LIF, model_of(TEXT))
    assert text_of("alif") == "alif" and model_of("alif") is ALIF


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "leaky"', 'nome = "leaky"', "'name' is missing; needed: name, equations, threshold, reset, method"),
        ('name = "leaky"', 'name = "leaky"\ncolour = "red"', "no key 'colour'; known: name, equations"),
        ('name = "leaky"', 'name = "alif"', "name must not be that of a model that is there, got 'alif'"),
        ('method = "exact"', "method = 3", "method must be a text, got 3"),
        ("width = 2", "width = true", "width must be a number, got True"),
        ("width = 2", "kept = 1", "kept must be true or false, got 1"),
        ("width = 2", "substeps = 1.5", "substeps must be a whole number, got 1.5"),
        ("[parameters]", "[parameters", "no TOML"),
        ('R = "100*Mohm"', "R = [1, 2]", r"parameters.R must be a number or a text, got \[1, 2\]"),
        ('[initial]\nv = "E_L"', "", None),
    ],
)
def test_a_broken_rule_is_named(tmp_path, old, new, message):
    assert old in TEXT
    path = tmp_path / "leaky.toml"
    path.write_text(TEXT.replace(old, new))
    if message is None:
        assert model_of(text_of(str(path))).initial == ()
        return
    with pytest.raises(InputError, match=message) as caught:
        text_of(str(path))
    assert str(caught.value).startswith(f"{path}: neuron model: ")


def test_neither_model_nor_file(tmp_path):
    with pytest.raises(InputError, match="no neuron model or file 'hodgkin' .* known models: lif, alif"):
        text_of("hodgkin")
    (tmp_path / "empty.toml").write_text("")
    with pytest.raises(InputError, match="must hold a neuron model in TOML"):
        text_of(str(tmp_path / "empty.toml"))
    with pytest.raises(InputError, match="no neuron model 'hodgkin'; known: lif, alif"):
        NetworkConfig(adaptive_model="hodgkin")


def test_what_a_network_file_keeps_leaves_out_where_a_number_is_from():
    model = model_of(TEXT)
    other = model._replace(parameters=tuple(row._replace(source="elsewhere") for row in model.parameters))
    assert as_json([model]) == as_json([other]) != as_json([model._replace(threshold="v > -51*mV")])
    assert json.loads(as_json([model]))[0]["parameters"] == {"E_L": "-70*mV", "R": "100*Mohm"}
