"""Neuron models of one's own: a TOML file with the strings of a `NeuronModel` (docs/guide/neuron_models.md).

    name = "conductance"
    equations = '''
    dv/dt = ...
    '''
    threshold = "v > -50*mV"      reset = "v = E_L"      method = "exponential_euler"      scale = "20*mV"
    [parameters]
    E_L = "-70*mV"
    [initial]
    v = "E_L"

A rate neuron has `output = "tanh(v)"` in place of threshold, reset and scale. Keys not given take the defaults of
`NeuronModel`. A network of such neurons keeps the whole text in its configuration.
"""

import json
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from lsnn.errors import InputError
from lsnn.files.small import read_small
from lsnn.neurons import MODELS, OF_NETWORK, OF_SPIKES, NeuronModel, Parameter, is_told, model_named

MOST_CHARACTERS = 50_000
MOST_BYTES = 4 * MOST_CHARACTERS
REQUIRED = ("name", "equations", "threshold", "reset", "method")
TABLES = ("parameters", "initial")
KINDS = {name: kind for name, kind in NeuronModel.__annotations__.items() if name not in (*TABLES, *OF_NETWORK)}
CALLED = {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}


def model_of(text: str) -> NeuronModel:
    """The model of that name, or the one that a TOML text describes.

    Raises:
        InputError: no such model, no TOML, a key that is missing, unknown or of the wrong type.
    """
    return model_named(text) if "=" not in text else _parsed(text)


def text_of(choice: str) -> str:
    """What the configuration holds for a user's choice: a model's name, or the text of the file that it names.

    Raises:
        InputError: neither a model nor a file that can be read, or a file without a sound model in it.
    """
    if choice in MODELS:
        return choice
    try:
        text = read_small(choice, MOST_BYTES).decode()
    except (InputError, UnicodeDecodeError) as error:
        why = str(error) if isinstance(error, InputError) else "no text in UTF-8"
        known = f"known models: {', '.join(MODELS)}; a file of one's own ends in .toml"
        raise InputError(f"no neuron model or file {choice!r} ({why}); {known}") from error
    try:
        if "=" not in text:
            raise InputError("must hold a neuron model in TOML")
        _parsed(text)
    except InputError as error:
        raise InputError(f"{choice}: {error}") from error
    return text


def as_json(models: Iterable[NeuronModel]) -> str:
    """Every string and number of the models that a simulation depends on, as a network file keeps them."""
    rows = [{row.name: f"{row.value}*{row.unit}" for row in model.parameters} for model in models]
    texts = [model._asdict() | {"parameters": row} for model, row in zip(models, rows, strict=True)]
    return json.dumps([{key: value for key, value in text.items() if is_told(key, value)} for text in texts])


def _parsed(text: str) -> NeuronModel:
    if len(text) > MOST_CHARACTERS:
        raise InputError(f"neuron model: must have at most {MOST_CHARACTERS} characters, has {len(text)}")
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"neuron model: no TOML: {error}") from error
    sends = "output" in values
    for key in REQUIRED:
        if key not in values and not (sends and key in OF_SPIKES):
            rule = f"needed: {', '.join(REQUIRED)}; output may stand in place of threshold and reset"
            raise InputError(f"neuron model: {key!r} is missing; {rule}")
    _require_no_spikes(values)
    plain = {key: _checked(key, value) for key, value in values.items() if key not in TABLES}
    if plain["name"] in MODELS:
        raise InputError(f"neuron model: name must not be that of a model that is there, got {plain['name']!r}")
    if sends:
        plain |= {"threshold": "", "reset": ""}
    tables = {key: _table(key, values.get(key, {})) for key in TABLES}
    rows = tuple(Parameter(name, *_value_and_unit(entry), name, "ours") for name, entry in tables["parameters"])
    return NeuronModel(**plain, parameters=rows, initial=tables["initial"])


def _require_no_spikes(values: Mapping[str, Any]) -> None:
    """InputError for an output that is empty, or stands beside what belongs to spikes."""
    if "output" not in values:
        return
    if isinstance(values["output"], str) and not values["output"].strip():
        raise InputError("neuron model: output must be an expression such as 'tanh(v)', got ''")
    for key in OF_SPIKES:
        if key in values:
            raise InputError(f"neuron model: {key} must be left out beside output: such a neuron has no spikes")


def _checked(key: str, value: Any) -> Any:
    if key not in KINDS:
        raise InputError(f"neuron model: no key {key!r}; known: {', '.join([*KINDS, *TABLES])}")
    kind = KINDS[key]
    allowed = (int, float) if kind is float else kind
    if not isinstance(value, allowed) or (isinstance(value, bool) and kind is not bool):
        raise InputError(f"neuron model: {key} must be {CALLED[kind]}, got {value!r:.80}")
    try:
        return kind(value)
    except OverflowError as error:
        raise InputError(f"neuron model: {key} must be {CALLED[kind]}, got {value!r:.80}") from error


def _table(key: str, values: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(values, Mapping):
        raise InputError(f"neuron model: {key} must be a table of names and values, got {values!r:.80}")
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise InputError(f"neuron model: {key}.{name} must be a number or a text, got {value!r:.80}")
    return tuple((name, str(value)) for name, value in values.items())


def _value_and_unit(text: str) -> tuple[str, str]:
    """'10*nS' in two parts; a pure number has the unit 1."""
    value, _, unit = text.partition("*")
    return value.strip(), unit.strip() or "1"
