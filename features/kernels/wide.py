"""Integers of 128 bits, for the one difference in which those of 64 would wrap."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias, cast

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

_Typed: TypeAlias = Any
"""What the compiler hands over, of which it publishes no types."""
_WIDE, _WORD = ir.IntType(128), ir.IntType(64)
_B_AT, _A_AT = 23, 44
"""Bits by which the middle and the high part of a sum of squares are shifted."""


@intrinsic
def _spread(_typing: _Typed, n: _Typed, s1: _Typed, a: _Typed, b: _Typed, c: _Typed) -> _Typed:
    """Calculate in the compiler's own integers of that size."""

    def generate(context: _Typed, builder: _Typed, signature: _Typed, arguments: _Typed) -> _Typed:
        count, total, high, middle, low = (
            builder.zext(context.cast(builder, value, kind, types.uint64), _WIDE)
            for value, kind in zip(arguments, signature.args, strict=True)
        )
        high, middle = (
            builder.shl(part, ir.Constant(_WIDE, bits))
            for part, bits in ((high, _A_AT), (middle, _B_AT))
        )
        squares = builder.add(builder.add(high, middle), low)
        spread = builder.sub(builder.mul(count, squares), builder.mul(total, total))
        top = builder.lshr(spread, ir.Constant(_WIDE, 64))
        words = [builder.trunc(word, _WORD) for word in (top, spread)]
        return context.make_tuple(builder, signature.return_type, words)

    words = cast("_Typed", types.UniTuple)(types.uint64, 2)
    return words(n, s1, a, b, c), generate


spread: Final = cast("Callable[[int, int, int, int, int], tuple[int, int]]", _spread)
"""`n * sum(x*x) - sum(x)**2` as (high, low) words, exact modulo 2**128.

Of `n` values, the magnitude of their sum, and the sum of their squares in the three parts of a
moments state (`features.kernels.states`), none of which has a sign.
"""
