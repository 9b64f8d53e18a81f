"""Eight episodes side by side: explicit vectors for numba.

LLVM unrolls an inner loop over eight lanes to scalar code, so the vector is made explicit: `Lanes` holds one number
for each of eight episodes, `Mask` one truth value each. Both live in registers; in memory a quantity of a block of
episodes is an array whose last axis is the lane, and `load(array, n)` reads the n-th group of eight in C order.
The element type follows the array (float32 or float64), so one source serves both precisions.

`load`, `store`, `at`, `put`, `add_to` and `add_scattered` reach memory as if an array were one row: it must be
C-contiguous, which is checked when a function is compiled. Whether an index lies within it is checked where numba
checks bounds, too (`NUMBA_BOUNDSCHECK=1`, for tests), and nowhere else.
"""

import math
import operator
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.core.errors import TypingError
from numba.extending import intrinsic, overload, register_model

LANES = 8


class LanesType(types.Type):
    """Eight floating-point numbers of one precision, one an episode."""

    def __init__(self, dtype):
        self.dtype = dtype
        super().__init__(name=f"Lanes({dtype})")


class MaskType(types.Type):
    """Eight truth values, one an episode."""

    def __init__(self):
        super().__init__(name="Mask")


mask_type = MaskType()


def _element(dtype):
    return ir.FloatType() if dtype == types.float32 else ir.DoubleType()


def _vector(dtype):
    return ir.VectorType(_element(dtype), LANES)


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, _vector(fe_type.dtype))


@register_model(MaskType)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, ir.VectorType(ir.IntType(1), LANES))


def _splat(builder, scalar, vector_type):
    first = builder.insert_element(ir.Constant(vector_type, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, ir.Constant(vector_type, ir.Undefined), lanes)


def _as_lanes(context, builder, value, type_, dtype):
    """Any number becomes eight copies of itself; lanes stay what they are."""
    if isinstance(type_, LanesType):
        return value
    return _splat(builder, context.cast(builder, value, type_, dtype), _vector(dtype))


def _common(a, b):
    """The Lanes type two operands meet in, or None if neither is one."""
    for type_ in (a, b):
        if isinstance(type_, LanesType):
            return type_
    return None


def _call(builder, name, *values):
    """An LLVM function of vectors of one type."""
    vector = values[0].type
    bits = 32 if vector.element == ir.FloatType() else 64
    function_type = ir.FunctionType(vector, [vector] * len(values))
    function = cgutils.get_or_insert_function(builder.module, function_type, f"llvm.{name}.v{LANES}f{bits}")
    return builder.call(function, values)


def _element_pointer(context, builder, array_type, array, index):
    view = context.make_array(array_type)(context, builder, array)
    if context.enable_boundscheck:
        cgutils.do_boundscheck(context, builder, index, view.nitems)
    return builder.gep(view.data, [index])


def _group_pointer(context, builder, array_type, array, index):
    view, lanes = context.make_array(array_type)(context, builder, array), ir.Constant(index.type, LANES)
    if context.enable_boundscheck:
        cgutils.do_boundscheck(context, builder, index, builder.sdiv(view.nitems, lanes))
    element = builder.gep(view.data, [builder.mul(index, lanes)])
    return builder.bitcast(element, _vector(array_type.dtype).as_pointer())


def _require_one_row(array, written=False):
    """An array that is reached as one row, and written to; for the typing of an intrinsic."""
    if not isinstance(array, types.Array) or array.layout != "C":
        raise TypingError(f"must be a C-contiguous array, got {array}")
    if written and not array.mutable:
        raise TypingError(f"must be an array that can be written to, got {array}")


def _alignment(array_type):
    return 4 if array_type.dtype == types.float32 else 8


@intrinsic
def load(typingctx, array, index):
    """The lanes of the index-th group of eight of an array."""
    _require_one_row(array)

    def codegen(context, builder, signature, args):
        pointer = _group_pointer(context, builder, signature.args[0], args[0], args[1])
        value = builder.load(pointer)
        value.align = _alignment(signature.args[0])
        return value

    return LanesType(array.dtype)(array, types.intp), codegen


@intrinsic
def store(typingctx, array, index, lanes):
    """Write lanes (or a number, to all eight) to the index-th group of an array."""
    _require_one_row(array, written=True)

    def codegen(context, builder, signature, args):
        array_type, _, lanes_type = signature.args
        pointer = _group_pointer(context, builder, array_type, args[0], args[1])
        value = _as_lanes(context, builder, args[2], lanes_type, array_type.dtype)
        builder.store(value, pointer).align = _alignment(array_type)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), codegen


@intrinsic
def add_eight(typingctx, array, index, lanes):
    """array.flat[index + l] += lane l, for all eight."""
    _require_one_row(array, written=True)

    def codegen(context, builder, signature, args):
        array_type = signature.args[0]
        _element_pointer(context, builder, array_type, args[0], builder.add(args[1], ir.Constant(args[1].type, 7)))
        first = _element_pointer(context, builder, array_type, args[0], args[1])
        pointer, alignment = builder.bitcast(first, _vector(array_type.dtype).as_pointer()), _alignment(array_type)
        value = builder.load(pointer)
        value.align = alignment
        builder.store(builder.fadd(value, args[2]), pointer).align = alignment
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), codegen


def _halved(builder, a, b, width):
    """Two vectors as one: of each, numbers and those `width` places on are added, and stand side by side."""
    first = [lane if not lane & width else lane - width + LANES for lane in range(LANES)]
    places = [ir.Constant(ir.VectorType(ir.IntType(32), LANES), [p + shift for p in first]) for shift in (0, width)]
    return builder.fadd(*(builder.shuffle_vector(a, b, part) for part in places))


@intrinsic
def sums_of(typingctx, a, b, c, d, e, f, g, h):
    """The sums over the lanes of eight lanes: that of a is lane 0, that of b lane 1, and so on."""

    def codegen(context, builder, signature, args):
        for width in (1, 2, 4):
            args = [_halved(builder, x, y, width) for x, y in zip(args[::2], args[1::2], strict=True)]
        return args[0]

    return a(a, b, c, d, e, f, g, h), codegen


@intrinsic
def total(typingctx, lanes):
    """The sum over the lanes, added up as in `sums_of`."""

    def codegen(context, builder, signature, args):
        value = args[0]
        for width in (1, 2, 4):
            value = _halved(builder, value, value, width)
        return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

    return lanes.dtype(lanes), codegen


@intrinsic
def spread(typingctx, array, number):
    """Eight copies of a number, in the precision of an array."""

    def codegen(context, builder, signature, args):
        return _as_lanes(context, builder, args[1], signature.args[1], array.dtype)

    return LanesType(array.dtype)(array, number), codegen


@intrinsic
def at(typingctx, array, index):
    """array.flat[index] without a test for a negative index."""
    _require_one_row(array)

    def codegen(context, builder, signature, args):
        return builder.load(_element_pointer(context, builder, signature.args[0], *args))

    return array.dtype(array, types.intp), codegen


@intrinsic
def put(typingctx, array, index, value):
    """array.flat[index] = value without a test for a negative index."""
    _require_one_row(array, written=True)

    def codegen(context, builder, signature, args):
        builder.store(args[2], _element_pointer(context, builder, signature.args[0], *args[:2]))
        return context.get_dummy_value()

    return types.void(array, types.intp, array.dtype), codegen


@intrinsic
def add_to(typingctx, array, index, value):
    """array.flat[index] += value without a test for a negative index."""
    _require_one_row(array, written=True)

    def codegen(context, builder, signature, args):
        pointer = _element_pointer(context, builder, signature.args[0], *args[:2])
        builder.store(builder.fadd(builder.load(pointer), args[2]), pointer)
        return context.get_dummy_value()

    return types.void(array, types.intp, array.dtype), codegen


@intrinsic
def add_scattered(typingctx, array, index, source, first, places):
    """array.flat[k] += source.flat[first + 8 places.flat[k]] for k = index .. index + 7: one lane of eight groups."""
    _require_one_row(array, written=True)
    _require_one_row(source)
    _require_one_row(places)

    def codegen(context, builder, signature, args):
        array_type, _, source_type, _, places_type = signature.args
        target = _neighbours(context, builder, array_type, args[0], args[1], _vector(array_type.dtype))
        numbers = ir.VectorType(ir.IntType(places_type.dtype.bitwidth), LANES)
        places = builder.load(_neighbours(context, builder, places_type, args[4], args[1], numbers))
        places.align = places_type.dtype.bitwidth // 8
        found = _scattered(context, builder, source_type, args[2], args[3], places)
        sums = builder.load(target)
        sums.align = _alignment(array_type)
        builder.store(builder.fadd(sums, found), target).align = _alignment(array_type)
        return context.get_dummy_value()

    return types.void(array, types.intp, source, types.intp, places), codegen


def _neighbours(context, builder, array_type, array, index, vector):
    """A pointer to eight numbers of an array from an index on."""
    first = _element_pointer(context, builder, array_type, array, index)
    if context.enable_boundscheck:
        _element_pointer(context, builder, array_type, array, builder.add(index, ir.Constant(index.type, LANES - 1)))
    return builder.bitcast(first, vector.as_pointer())


def _scattered(context, builder, array_type, array, first, places):
    """The numbers of an array at first + 8 places."""
    if context.enable_boundscheck:
        for lane in range(LANES):
            place = builder.sext(builder.extract_element(places, ir.Constant(ir.IntType(32), lane)), first.type)
            index = builder.add(first, builder.mul(place, ir.Constant(first.type, LANES)))
            _element_pointer(context, builder, array_type, array, index)
    element, vector, wide = _element(array_type.dtype), _vector(array_type.dtype), ir.VectorType(ir.IntType(64), LANES)
    base = builder.ptrtoint(
        builder.gep(context.make_array(array_type)(context, builder, array).data, [first]), wide.element
    )
    step = ir.Constant(wide, [LANES * _alignment(array_type)] * LANES)
    pointers = ir.VectorType(element.as_pointer(), LANES)
    where_from = builder.add(_splat(builder, base, wide), builder.mul(builder.sext(places, wide), step))
    number, mask = ir.IntType(32), ir.VectorType(ir.IntType(1), LANES)
    function_type = ir.FunctionType(vector, [pointers, number, mask, vector])
    bits = 8 * _alignment(array_type)
    name = f"llvm.masked.gather.v{LANES}f{bits}.v{LANES}p0f{bits}"
    function = cgutils.get_or_insert_function(builder.module, function_type, name)
    of = [builder.inttoptr(where_from, pointers), number(_alignment(array_type)), ir.Constant(mask, [1] * LANES)]
    return builder.call(function, [*of, ir.Constant(vector, ir.Undefined)])


@intrinsic
def fetch(typingctx, array, index):
    """Ask for the cache line of array.flat[index], which is needed soon; it may lie beyond the end."""

    def codegen(context, builder, signature, args):
        view = context.make_array(signature.args[0])(context, builder, args[0])
        pointer = builder.bitcast(builder.gep(view.data, [args[1]]), cgutils.voidptr_t)
        number = ir.IntType(32)
        function_type = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.prefetch.p0i8")
        builder.call(function, [pointer, number(0), number(3), number(1)])  # to read, into all caches, data
        return context.get_dummy_value()

    return types.void(array, types.intp), codegen


@intrinsic
def multiply_add(typingctx, a, b, c):
    """a * b + c, rounded once; c is lanes, a and b are lanes or numbers."""
    lanes = c

    def codegen(context, builder, signature, args):
        values = [_as_lanes(context, builder, v, t, lanes.dtype) for v, t in zip(args, signature.args, strict=True)]
        return _call(builder, "fma", *values)

    return lanes(a, b, c), codegen


@intrinsic
def from_bits(typingctx, byte):
    """The mask whose lane l is bit l of a byte."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.VectorType(ir.IntType(1), LANES))

    return mask_type(types.uint8), codegen


@intrinsic
def to_bits(typingctx, mask):
    """The byte whose bit l is lane l of a mask."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(LANES))

    return types.uint8(mask), codegen


@intrinsic
def where(typingctx, mask, a, b):
    """a where the mask holds, b elsewhere; a or b is lanes, the other may be a number."""
    lanes = _common(a, b)

    def codegen(context, builder, signature, args):
        chosen = _as_lanes(context, builder, args[1], signature.args[1], lanes.dtype)
        other = _as_lanes(context, builder, args[2], signature.args[2], lanes.dtype)
        return builder.select(args[0], chosen, other)

    return lanes(mask, a, b), codegen


def _unary(name):
    """A function of lanes that LLVM knows by a name."""

    @intrinsic
    def operation(typingctx, lanes):
        def codegen(context, builder, signature, args):
            return _call(builder, name, args[0])

        return lanes(lanes), codegen

    return operation


absolute, sqrt, log, sin, cos = (_unary(name) for name in ("fabs", "sqrt", "log", "sin", "cos"))


class _Exponential(NamedTuple):
    """How exp is computed in a precision: 2**n times the series of exp(r), |r| <= ln(2)/2."""

    largest: float  # arguments beyond it are clipped
    ln2: tuple[float, float]  # the logarithm of 2 in two parts, so that n ln(2) is exact enough
    terms: int  # the next one lies below the rounding error
    bits: int
    mantissa: int
    bias: int


_EXP_32 = _Exponential(87.0, (0.693359375, -2.12194440e-4), 8, 32, 23, 127)
_EXP_64 = _Exponential(708.0, (6.93147180369123816490e-01, 1.90821492927058770002e-10), 14, 64, 52, 1023)


@intrinsic
def exp(typingctx, lanes):
    """e to the power of lanes."""
    how = _EXP_32 if lanes.dtype == types.float32 else _EXP_64
    vector, whole = _vector(lanes.dtype), ir.VectorType(ir.IntType(how.bits), LANES)

    def codegen(context, builder, signature, args):
        def constant(value):
            return ir.Constant(vector, [value] * LANES)

        low, high = constant(-how.largest), constant(how.largest)
        x = builder.select(builder.fcmp_ordered("<", args[0], low), low, args[0])
        x = builder.select(builder.fcmp_ordered(">", x, high), high, x)
        n = _call(builder, "rint", builder.fmul(x, constant(1 / math.log(2))))
        r = x
        for part in how.ln2:
            r = _call(builder, "fma", n, constant(-part), r)
        series = constant(1 / math.factorial(how.terms - 1))
        for k in range(how.terms - 2, -1, -1):
            series = _call(builder, "fma", series, r, constant(1 / math.factorial(k)))
        exponent = builder.add(builder.fptosi(n, whole), ir.Constant(whole, [how.bias] * LANES))
        power = builder.bitcast(builder.shl(exponent, ir.Constant(whole, [how.mantissa] * LANES)), vector)
        return builder.fmul(series, power)

    return lanes(lanes), codegen


def _arithmetic(name):
    @intrinsic
    def operation(typingctx, a, b):
        lanes = _common(a, b)

        def codegen(context, builder, signature, args):
            left, right = (
                _as_lanes(context, builder, v, t, lanes.dtype) for v, t in zip(args, signature.args, strict=True)
            )
            return getattr(builder, name)(left, right)

        return lanes(a, b), codegen

    return operation


def _comparison(symbol):
    @intrinsic
    def operation(typingctx, a, b):
        lanes = _common(a, b)

        def codegen(context, builder, signature, args):
            left, right = (
                _as_lanes(context, builder, v, t, lanes.dtype) for v, t in zip(args, signature.args, strict=True)
            )
            return builder.fcmp_ordered(symbol, left, right)

        return mask_type(a, b), codegen

    return operation


def _logic(name):
    @intrinsic
    def operation(typingctx, a, b):
        def codegen(context, builder, signature, args):
            return getattr(builder, name)(*args)

        return mask_type(a, b), codegen

    return operation


_add, _subtract, _multiply, _divide = (_arithmetic(name) for name in ("fadd", "fsub", "fmul", "fdiv"))
_greater, _less, _at_least = _comparison(">"), _comparison("<"), _comparison(">=")
_and, _or = _logic("and_"), _logic("or_")


@intrinsic
def _negative(typingctx, lanes):
    def codegen(context, builder, signature, args):
        return builder.fsub(ir.Constant(_vector(lanes.dtype), [-0.0] * LANES), args[0])

    return lanes(lanes), codegen


def _overload_lanes(symbol, operation):
    @overload(symbol)
    def choose(a, b):
        if _common(a, b) is not None:
            return lambda a, b: operation(a, b)


for _symbol, _operation in (
    (operator.add, _add),
    (operator.sub, _subtract),
    (operator.mul, _multiply),
    (operator.truediv, _divide),
    (operator.gt, _greater),
    (operator.lt, _less),
    (operator.ge, _at_least),
):
    _overload_lanes(_symbol, _operation)


@overload(operator.and_)
def _mask_and(a, b):
    if isinstance(a, MaskType) and isinstance(b, MaskType):
        return lambda a, b: _and(a, b)


@overload(operator.or_)
def _mask_or(a, b):
    if isinstance(a, MaskType) and isinstance(b, MaskType):
        return lambda a, b: _or(a, b)


@overload(operator.neg)
def _lanes_negative(a):
    if isinstance(a, LanesType):
        return lambda a: _negative(a)


@njit(forceinline=True)
def clip(lanes, low, high):
    """Lanes, but at least low and at most high."""
    return where(lanes < low, low, where(high < lanes, high, lanes))


@njit(forceinline=True)
def tanh(lanes):
    """Hyperbolic tangent."""
    return 1.0 - 2.0 / (exp(lanes * 2.0) + 1.0)


def aligned_zeros(shape, dtype):
    """Zeros whose first element starts a cache line, so that no group of lanes straddles two; (shape), dtype."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    buffer = np.zeros(size + 64, dtype=np.uint8)
    start = -buffer.ctypes.data % 64
    return buffer[start : start + size].view(dtype).reshape(shape)
