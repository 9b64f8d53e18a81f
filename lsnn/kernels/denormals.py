"""Numbers too small for full precision (denormals) become zero while a kernel runs, as processors are slow with them.

An adjoint that decays through a second of silence falls below 1e-38, and the backward pass then spends most of its time
on numbers that change nothing. The processor's mode is set for the thread, and put back when the kernel is done.
"""

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_ARCHITECTURE = binding.get_process_triple().partition("-")[0]
_REGISTERS = {  # architecture: bits of the register, flags that turn denormal results and operands to zero
    "x86_64": (32, 0x8040),  # MXCSR: FTZ, DAZ
    "aarch64": (64, 1 << 24),  # FPCR: FZ
    "arm64": (64, 1 << 24),
}


def _read(builder: ir.IRBuilder, bits: int) -> ir.Value:
    if bits == 64:
        kind = ir.FunctionType(ir.IntType(64), [])
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.aarch64.get.fpcr"), [])
    place = cgutils.alloca_once(builder, ir.IntType(32))
    _call_with_place(builder, "llvm.x86.sse.stmxcsr", place)
    return builder.load(place)


def _write(builder: ir.IRBuilder, bits: int, value: ir.Value) -> None:
    if bits == 64:
        kind = ir.FunctionType(ir.VoidType(), [ir.IntType(64)])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.aarch64.set.fpcr"), [value])
        return
    place = cgutils.alloca_once(builder, ir.IntType(32))
    builder.store(value, place)
    _call_with_place(builder, "llvm.x86.sse.ldmxcsr", place)


def _call_with_place(builder: ir.IRBuilder, name: str, place: ir.Value) -> None:
    byte = ir.IntType(8).as_pointer()
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), [byte]), name)
    builder.call(function, [builder.bitcast(place, byte)])


@intrinsic
def flush_denormals(typingctx):
    """Denormals are zero from here on, on this thread; returns the mode before, for `restore`."""

    def codegen(context, builder, signature, args):
        if _ARCHITECTURE not in _REGISTERS:
            return ir.Constant(ir.IntType(64), 0)
        bits, flags = _REGISTERS[_ARCHITECTURE]
        mode = _read(builder, bits)
        _write(builder, bits, builder.or_(mode, ir.Constant(mode.type, flags)))
        return builder.zext(mode, ir.IntType(64)) if bits < 64 else mode

    return types.int64(), codegen


@intrinsic
def restore(typingctx, mode):
    """Give the thread the mode back that `flush_denormals` found."""

    def codegen(context, builder, signature, args):
        if _ARCHITECTURE in _REGISTERS:
            bits, _ = _REGISTERS[_ARCHITECTURE]
            _write(builder, bits, builder.trunc(args[0], ir.IntType(32)) if bits < 64 else args[0])
        return context.get_dummy_value()

    return types.void(types.int64), codegen
