"""Textbook formulas on exact numbers: what each statistic is, once a window is known."""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from fractions import Fraction
from statistics import median
from typing import Any, Final

OK, NOT_APPLICABLE, INSUFFICIENT, ERROR = range(4)
Answer = tuple[Fraction | float | None, int]
NONE: Final[Answer] = (None, INSUFFICIENT)


def aggregate(agg: str, values: Sequence[Any]) -> Answer:
    """An aggregate of the values that are there."""
    if agg == "count":
        return Fraction(len(values)), OK
    if agg == "sum":
        return Fraction(sum(values)), OK
    if len(values) < (2 if agg == "std" else 1):
        return NONE
    return _AGGREGATES[agg](values), OK


def bloom(text: str | None) -> int:
    """The places of a text in a set of 62 bits: the last two digits of its hash in base 62."""
    if text is None:
        return 0
    rest, last = divmod(int(hashlib.blake2b(text.encode(), digest_size=8).hexdigest(), 16), 62)
    return sum(1 << place for place in {last, rest % 62})


def _std(values: Sequence[int]) -> float:
    n = len(values)
    mean = Fraction(sum(values), n)
    return root(sum(((v - mean) ** 2 for v in values), Fraction(0)) / (n - 1))


def root(square: Fraction) -> float:
    """Square root: an integer one with 200 bits to spare, rounded once."""
    scaled = (square.numerator << 400) // square.denominator
    return float(Fraction(math.isqrt(scaled), 1 << 200))


def _hhi(values: Sequence[Hashable]) -> Fraction:
    return Fraction(sum(n * n for n in Counter(values).values()), len(values) ** 2)


def _entropy(values: Sequence[Hashable]) -> float:
    shares = [n / len(values) for n in Counter(values).values()]
    return -sum(share * math.log2(share) for share in shares)


def _median(values: Sequence[int]) -> Fraction:
    return Fraction(median(map(Fraction, values)))


def _mad(values: Sequence[int]) -> Fraction:
    middle = _median(values)
    return Fraction(median(abs(value - middle) for value in values))


_AGGREGATES: Final[Mapping[str, Callable[[Sequence[Any]], Fraction | float]]] = {
    "mean": lambda values: Fraction(sum(values), len(values)),
    "std": _std,
    "min": lambda values: Fraction(min(values)),
    "max": lambda values: Fraction(max(values)),
    "distinct": lambda values: Fraction(len(set(values))),
    "hhi": _hhi,
    "entropy": _entropy,
    "median": _median,
    "mad": _mad,
}


def share(part: Sequence[int], whole: Sequence[int], min_n: int) -> Answer:
    """A part's sum over the whole's."""
    if len(whole) < min_n or sum(whole) <= 0:
        return NONE
    return Fraction(sum(part), sum(whole)), OK


def excess(observed: Sequence[int], ppm: Sequence[int], min_n: int) -> Answer:
    """What was observed beyond what was expected, in standard deviations."""
    p = [Fraction(value, 10**6) for value in ppm]
    variance = sum(((value * (1 - value)) for value in p), Fraction(0))
    if len(p) < max(min_n, 1) or len(observed) != len(p) or not variance:
        return NONE
    beyond = sum(observed) - sum(p)
    z = root(beyond**2 / variance)
    return (z if beyond >= 0 else -z), OK


def robust_z(own: int, steps: Sequence[int]) -> Fraction:
    """Distance from the lower median, in robust standard deviations of at least a unit."""
    steps = sorted(steps)
    middle = (len(steps) - 1) // 2
    lower = steps[middle]
    mad = sorted(abs(step - lower) for step in steps)[middle]
    unit = 64 // 2 ** (abs(lower) // 64)
    return Fraction((own - lower) / (Fraction(1.4826) * max(mad, 4, unit)))


def mid_rank(own: int, steps: Sequence[int]) -> Fraction:
    """The share below, equals halved."""
    below = sum(step < own for step in steps)
    return (below + Fraction(steps.count(own), 2)) / len(steps)


def grid(value: int) -> int:
    """The step of the integer log grid."""
    y = abs(value) + 1
    octave = y.bit_length() - 1
    step = math.floor(64 * (octave + Fraction(y - 2**octave, 2**octave)))
    return step if value >= 0 else -step


def ppm(part: int | None, whole: int | None) -> int | None:
    """Millionths of the whole, rounded down, within what a value may be."""
    if part is None or whole is None or whole <= 0:
        return None
    return max(-(2**43), min(2**43, part * 10**6 // whole))
