"""Memory asked for ahead of its use, so that a loop that knows what comes need not wait for it."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias, cast

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from features.contracts.vectors import Integers
from features.kernels.order import Rows

_Typed: TypeAlias = Any
"""What the compiler hands over, of which it publishes no types."""
_PLACE, _FLAG = ir.IntType(8).as_pointer(), ir.IntType(32)
_FOR_WRITING, _TO_STAY, _DATA = (ir.Constant(_FLAG, value) for value in (1, 3, 1))


@intrinsic
def _fetch(_typing: _Typed, array: _Typed, index: _Typed) -> _Typed:
    """Ask for an item with the processor's own instruction for it."""

    def generate(context: _Typed, builder: _Typed, signature: _Typed, arguments: _Typed) -> _Typed:
        kind, number = signature.args
        given = context.make_array(kind)(context, builder, arguments[0])
        stride = builder.extract_value(given.strides, 0)
        place = context.cast(builder, arguments[1], number, types.intp)
        start = builder.ptrtoint(given.data, stride.type)
        address = builder.add(start, builder.mul(place, stride))
        shape = ir.FunctionType(ir.VoidType(), [_PLACE, _FLAG, _FLAG, _FLAG])
        call = builder.module.declare_intrinsic("llvm.prefetch", (_PLACE,), shape)
        pointer = builder.inttoptr(address, _PLACE)
        builder.call(call, [pointer, _FOR_WRITING, _TO_STAY, _DATA])
        return context.get_dummy_value()

    return types.void(array, index), generate


fetch: Final = cast("Callable[[Integers | Rows, np.uint32], None]", _fetch)
"""Bring `array[index]`, an item of its first axis, close to the processor.

Nothing is read or changed, whatever the index.
"""
