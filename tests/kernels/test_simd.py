"""Functions of eight lanes against numpy, in both precisions."""

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from lsnn.kernels import neuron, simd
from lsnn.kernels.simd import add_eight, add_scattered, add_to, at, load, put, spread, store, sums_of, total

both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
X = np.concatenate([np.linspace(-80, 80, 5000), np.linspace(-1, 1, 3000)])


def lane_by_lane(function, x):
    """The function of each group of eight numbers."""

    @njit
    def evaluate(x, found):
        for i in range(x.size // simd.LANES):
            store(found, i, function(load(x, i)))

    found = np.empty_like(x)
    evaluate(x, found)
    return found


@both_dtypes
@pytest.mark.parametrize("name", ["exp", "tanh", "sin", "cos", "sqrt", "log"])
def test_functions_are_exact_to_rounding(name, dtype):
    x = X.astype(dtype) if name not in ("sqrt", "log") else np.abs(X).astype(dtype) + dtype(0.01)
    expected = getattr(np, name)(x.astype(float))
    found = lane_by_lane(getattr(simd, name), x)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=4 * np.finfo(dtype).eps, atol=4 * np.finfo(dtype).eps)


@both_dtypes
def test_exp_stays_finite_beyond_its_range(dtype):
    low, high = lane_by_lane(simd.exp, np.array([-1e4] * 8 + [1e4] * 8, dtype)).reshape(2, 8)
    assert np.all(low >= 0) and np.all(low < 1e-37)
    assert np.all(high > 1e37) and np.all(np.isfinite(high))


@both_dtypes
def test_clip_is_numpys(dtype):
    bounded = njit(forceinline=True)(lambda lanes: simd.clip(lanes, -0.25, 3.0))
    np.testing.assert_array_equal(lane_by_lane(bounded, X.astype(dtype)), np.clip(X.astype(dtype), -0.25, 3.0))


@both_dtypes
def test_sums_over_lanes_are_added_up_in_one_order(dtype):
    """Of eight groups of whole numbers, lane k is the sum of group k; added to eight numbers that begin anywhere."""

    @njit
    def evaluate(x, found, each):
        groups = load(x, 0), load(x, 1), load(x, 2), load(x, 3), load(x, 4), load(x, 5), load(x, 6), load(x, 7)
        add_eight(found, 3, sums_of(*groups))
        for k in range(8):
            each[k] = total(load(x, k))

    x = np.random.default_rng(2).integers(-999, 999, (8, 8)).astype(dtype)
    found, each = np.full(16, 0.5, dtype), np.zeros(8, dtype)
    evaluate(x, found, each)
    np.testing.assert_array_equal(found[3:11], x.sum(axis=1) + dtype(0.5))
    np.testing.assert_array_equal(each, x.sum(axis=1))
    assert (found[:3] == 0.5).all() and (found[11:] == 0.5).all()


@pytest.mark.parametrize(
    ("name", "psi"),
    [
        ("triangle", lambda x: np.maximum(0, 1 - np.abs(x))),
        ("fast_sigmoid", lambda x: (1 + np.abs(x)) ** -2),
        ("gaussian", lambda x: np.exp(-(x**2) / 2)),
    ],
)
def test_surrogates_have_their_shape_width_and_height(name, psi):
    surrogate = getattr(neuron, name)
    scaled = njit(forceinline=True)(lambda lanes: surrogate(lanes, 0.5, 0.3))
    u = np.linspace(-9, 9, 7201)[:7200]
    np.testing.assert_allclose(lane_by_lane(scaled, u), 0.3 * psi(u / 2), rtol=1e-14, atol=1e-300)


PLACES = np.array([2, 0, 2, 1, 1, 0, 2, 0, 1, 2, 0], np.int32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scattered_numbers_are_added_to_neighbours_as_one_by_one(dtype):
    generator = np.random.default_rng(0)
    source, x = generator.standard_normal((3, 8)).astype(dtype), generator.standard_normal(11).astype(dtype)
    for lane in (0, 3, 7):
        expected = x.copy()
        expected[2:10] += source[PLACES[2:10], lane]
        njit(lambda x, source, lane: add_scattered(x, 2, source, lane, PLACES))(x, source, lane)
        np.testing.assert_array_equal(x, expected)


def touched(operation: str, checked: bool = True):
    """One access to an array at an index, compiled with a check of bounds."""
    accesses = {
        "load": lambda x, i: store(x, 0, load(x, i)),
        "store": lambda x, i: store(x, i, spread(x, 1.0)),
        "at": lambda x, i: at(x, i),
        "put": lambda x, i: put(x, i, x[0]),
        "add_to": lambda x, i: add_to(x, i, x[0]),
        "add_eight": lambda x, i: add_eight(x, i, spread(x, 1.0)),
        "add_scattered": lambda x, i: add_scattered(x, i, x, 0, np.zeros(32, np.int32)),
        "add_scattered from": lambda x, i: add_scattered(x, 0, x, i, np.zeros(8, np.int32)),
        "add_scattered by": lambda x, i: add_scattered(x, 0, x, 0, np.full(8, i, np.int32)),
    }
    return njit(boundscheck=checked)(accesses[operation])


COUNTS = {
    "load": 3, "store": 3, "at": 24, "put": 24, "add_to": 24, "add_eight": 17,
    "add_scattered": 17, "add_scattered from": 24, "add_scattered by": 3,
}  # fmt: skip


@pytest.mark.parametrize(("operation", "count"), COUNTS.items())
def test_where_bounds_are_checked_no_access_leaves_the_array(operation, count):
    """Numba checks its own indexing alone; what lies beside the array would be read or written in silence."""
    room = np.arange(64, dtype=np.float32)
    x, access = room[16:40].reshape(3, 8), touched(operation)
    for index in (0, count - 1):
        access(x, index)
    before = room.copy()
    for index in (-1, count, 2**30):
        with pytest.raises(IndexError, match="index is out of bounds"):
            access(x, index)
    np.testing.assert_array_equal(room, before)


@pytest.mark.parametrize("operation", ["load", "store", "at", "put", "add_to", "add_eight", "add_scattered"])
def test_an_array_that_is_not_one_row_is_refused_when_the_function_is_compiled(operation):
    for x in (np.zeros((8, 6), np.float32)[:, ::2], np.zeros((8, 3), np.float32).T):
        with pytest.raises(TypingError, match="must be a C-contiguous array"):
            touched(operation, checked=False)(x, 0)


@pytest.mark.parametrize("operation", ["store", "put", "add_to", "add_eight", "add_scattered"])
def test_an_array_that_cannot_be_written_to_is_refused_when_the_function_is_compiled(operation):
    x = np.zeros((3, 8), np.float32)
    x.setflags(write=False)
    with pytest.raises(TypingError, match="must be an array that can be written to"):
        touched(operation, checked=False)(x, 0)
