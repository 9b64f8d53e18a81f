"""Whatever stands in a configuration: a valid experiment that is saved and read back unchanged, or an InputError."""

import json
from dataclasses import fields

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lsnn.configuration import from_mapping, to_mapping
from lsnn.errors import InputError
from lsnn.learning.config import LearningConfig
from lsnn.network import NetworkConfig
from tasks.experiment import SECTIONS, experiment_of, overridden, preset

DEFAULTS = preset("water-maze").as_mapping()
KEYS = [("network", key) for key in DEFAULTS["network"]] + [("learning", key) for key in DEFAULTS["learning"]]
TASK_KEYS = [("task", key) for key in DEFAULTS["task"]] + [("task.encoder", key) for key in DEFAULTS["task"]["encoder"]]
EDGES = st.sampled_from([0, -1, 1, 2**31, 2**63, 2**64, -(2**63), 10**400, 1e-320, 1e300, 1e308, True, None, "", "NaN"])
NUMBERS = st.integers() | st.floats() | st.integers(-3, 300) | st.floats(0, 2)
VALUES = NUMBERS | EDGES | st.booleans() | st.text(max_size=5) | st.none()
JSON = st.recursive(VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))


def accepted(experiment):
    """Saved as JSON and read back it is the same."""
    text = json.dumps(experiment.as_mapping(), allow_nan=False)
    return experiment_of(json.loads(text)) == experiment


def value_or_refusal(make):
    """What `make` gives, or None after an InputError with a message."""
    try:
        return make()
    except InputError as error:
        assert len(str(error)) > 10
        return None


@pytest.mark.parametrize("kind", [NetworkConfig, LearningConfig])
@given(data=st.data())
def test_any_values_of_a_section(kind, data):
    keys = st.sampled_from([item.name for item in fields(kind)])
    values = data.draw(st.dictionaries(keys | st.text(max_size=4), VALUES, max_size=4))
    config = value_or_refusal(lambda: from_mapping(kind, values, "section"))
    if config is not None:
        assert from_mapping(kind, json.loads(json.dumps(to_mapping(config), allow_nan=False)), "section") == config
        assert {key: getattr(config, key) for key in values} == values


@given(config=JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(SECTIONS, JSON)))
def test_any_json_as_a_configuration(config):
    assume(isinstance(config, dict))
    assert value_or_refusal(lambda: experiment_of(config)) is None  # no task was named


@given(place=st.sampled_from(KEYS + TASK_KEYS), value=JSON)
def test_any_value_of_any_key(place, value):
    section, key = place
    config = json.loads(json.dumps(DEFAULTS))
    target = config["task"]["encoder"] if section == "task.encoder" else config[section]
    target[key] = value
    experiment = value_or_refusal(lambda: experiment_of(config))
    assert experiment is None or accepted(experiment)


@given(settings=st.lists(st.tuples(st.sampled_from(KEYS + TASK_KEYS), VALUES | st.text(max_size=8)), max_size=3))
def test_any_settings_of_the_command_line(settings):
    words = [
        f"{section}.{key}={value if isinstance(value, str) else json.dumps(value)}"
        for (section, key), value in settings
    ]
    experiment = value_or_refusal(lambda: overridden(preset("water-maze"), words))
    assert experiment is None or accepted(experiment)


@given(text=st.text(max_size=30) | st.from_regex(r"(task|network|learning)(\.[a-z_]{1,8}){0,3}=.{0,6}", fullmatch=True))
def test_any_text_as_a_setting(text):
    experiment = value_or_refusal(lambda: overridden(preset("water-maze"), [text]))
    assert experiment is None or accepted(experiment)
