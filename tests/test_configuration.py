"""Configurations from plain mappings: every key known, every value of its type."""

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsnn.configuration import from_mapping, to_mapping
from lsnn.errors import InputError


@dataclass(frozen=True)
class Pool:
    depth: float = 0.5
    platforms: int = 1
    covered: bool = False
    name: str = "round"
    wedge: tuple[float, float] | None = None
    sizes: tuple[float, ...] = (1.0,)


def test_defaults_stand_where_nothing_is_given():
    assert from_mapping(Pool, {}, "pool") == Pool()


def test_a_whole_number_will_do_for_a_float():
    pool = from_mapping(Pool, {"depth": 2}, "pool")
    assert pool.depth == 2.0 and type(pool.depth) is float


finite = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300)
pools = st.builds(
    Pool,
    depth=finite,
    platforms=st.integers(),
    covered=st.booleans(),
    name=st.text(),
    wedge=st.none() | st.tuples(finite, finite),
    sizes=st.lists(finite).map(tuple),
)


@given(pools)
def test_json_and_back_is_the_same(pool):
    assert from_mapping(Pool, json.loads(json.dumps(to_mapping(pool))), "pool") == pool


@given(st.dictionaries(st.sampled_from([*to_mapping(Pool()), "foo"]), st.from_type(object) | st.none() | st.text()))
def test_anything_else_is_an_input_error(values):
    try:
        made = from_mapping(Pool, values, "pool")
    except InputError as error:
        assert "pool" in str(error)
    else:
        assert from_mapping(Pool, to_mapping(made), "pool") == made


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dept": 1.0}, "pool has no key 'dept'; known: covered, depth"),
        ({"depth": "deep"}, "pool.depth must be a finite number, got 'deep'"),
        ({"depth": True}, "pool.depth must be a finite number, got True"),
        ({"depth": float("nan")}, "pool.depth must be a finite number, got nan"),
        ({"depth": 10**400}, "pool.depth must be a finite number"),
        ({"depth": None}, "pool.depth must be a finite number, got None"),
        ({"platforms": 1.0}, "pool.platforms must be a whole number, got 1.0"),
        ({"platforms": False}, "pool.platforms must be a whole number, got False"),
        ({"covered": 0}, "pool.covered must be true or false, got 0"),
        ({"name": 3}, "pool.name must be a text, got 3"),
        ({"wedge": [1.0]}, "pool.wedge must have 2 entries, got"),
        ({"wedge": [1.0, "b"]}, r"pool.wedge\[1\] must be a finite number, got 'b'"),
        ({"sizes": 3}, "pool.sizes must be .* got 3"),
        ([], "pool must be a mapping"),
        (None, "pool must be a mapping"),
    ],
)
def test_message_names_key_rule_and_value(values, message):
    with pytest.raises(InputError, match=message):
        from_mapping(Pool, values, "pool")
