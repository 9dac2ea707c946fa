"""A cell worked out by hand from the events that it was computed from, in words and numbers.

Nothing of the kernels is used but the log grid, which is part of the definitions; so what comes out
here is a second opinion on every cell.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import log2, sqrt
from statistics import median, median_low
from typing import Final, assert_never

from features.document.words import Both
from features.expression import (
    WITH_OWN,
    Excess,
    Expression,
    IsNew,
    KeyZ,
    NearDuplicates,
    Own,
    PeerRank,
    Rarity,
    RobustZ,
    SetRarity,
    Share,
    Since,
    Window,
)
from features.finalisers import MAD_FLOOR, MIN_PEERS
from features.kernels import GRID_STEPS, step
from features.retrace import Part, Trace

_SHOWN: Final = 8
_DAY_US: Final = 86_400_000_000
_MILLION: Final = 1_000_000
_NORMAL: Final = 1.4826


@dataclass(frozen=True, slots=True)
class Worked:
    """What comes out, and how; None where there is nothing to come out."""

    value: float | None
    how: Both


def worked(of: Expression, trace: Trace, t: int) -> Worked:  # noqa: C901, PLR0911, PLR0912  (one answer a class)
    """The value of `of` for an event at `t`, from its trace."""
    parts = trace.states
    match of:
        case Own():
            return _own(of, trace)
        case Window():
            return _window(of, parts[0], trace.own)
        case Share():
            return _share(of, parts)
        case IsNew():
            return _is_new(of, parts)
        case Rarity():
            return _rarity(of, parts)
        case Since():
            return _since(parts[0], t)
        case RobustZ() | PeerRank():
            return _among_peers(of, trace)
        case Excess():
            return _excess(of, parts)
        case NearDuplicates():
            return _near(of, trace)
        case SetRarity():
            return _set_rarity(of, trace)
        case KeyZ():
            return _key_z(of, trace)
        case _ as never:
            assert_never(never)


def _own(of: Own, trace: Trace) -> Worked:
    if trace.own is None:
        return _none(f"没有 `{of.value}`", f"there is no `{of.value}`")
    return _is(trace.own, f"`{of.value}` = {trace.own}", f"`{of.value}` = {trace.own}")


def _window(of: Window, part: Part, own: int | None) -> Worked:  # noqa: C901, PLR0911, PLR0912  (one answer an aggregate)
    values = [item.value for item in part.seen]
    numbers, n = _numbers(part), len(values)
    if n == 0 and of.agg not in ("count", "sum", *WITH_OWN):
        return _none("窗口内没有事件", "there is no event in the window")
    match of.agg:
        case "count":
            return _is(n, f"计入{n}个事件", f"{n} events count")
        case "sum":
            return _told(Fraction(sum(numbers)), _joined(numbers, " + "))
        case "total" | "earlier":
            if own is None:
                return _none(f"没有 `{of.value}`", f"there is no `{of.value}`")
            added = [own, *numbers] if of.agg == "total" else numbers
            return _told(Fraction(sum(added)), _joined(added, " + "))
        case "mean":
            return _told(Fraction(sum(numbers), n), f"({_joined(numbers, ' + ')}) / {n}")
        case "std":
            return _std(numbers)
        case "min":
            return _told(Fraction(min(numbers)), f"min({_joined(numbers, ', ')})")
        case "max":
            return _told(Fraction(max(numbers)), f"max({_joined(numbers, ', ')})")
        case "distinct":
            named = ", ".join(sorted({str(value) for value in values}))
            return _is(len(set(values)), f"不同的值:{named}", f"different values: {named}")
        case "hhi":
            squares = " + ".join(f"({c}/{n})^2" for c in _counts(values))
            shares = (Fraction(c, n) ** 2 for c in _counts(values))
            return _told(sum(shares, Fraction()), squares)
        case "entropy":
            terms = " + ".join(f"{c}/{n} * log2({n}/{c})" for c in _counts(values))
            total = sum(c / n * log2(n / c) for c in _counts(values))
            return _is(total, f"{terms} = {total:.6g}", f"{terms} = {total:.6g}")
        case "median":
            return _told(_median(numbers), f"median({_joined(sorted(numbers), ', ')})")
        case "mad":
            middle = _median(numbers)
            off = sorted(abs(x - middle) for x in numbers)
            text = f"median |x - {_text(middle)}| = median({_joined(off, ', ')})"
            return _told(_median(off), text)
        case _ as never:
            assert_never(never)


def _std(numbers: Sequence[int]) -> Worked:
    n = len(numbers)
    if n == 1:
        return _none("只有1个事件", "there is only one event")
    squares, total = sum(x * x for x in numbers), sum(numbers)
    value = sqrt(Fraction(n * squares - total * total, n * (n - 1)))
    text = f"sqrt(({n} * {squares} - {total}^2) / ({n} * {n - 1})) = {value:.6g}"
    return _is(value, text, text)


def _share(of: Share, parts: Sequence[Part]) -> Worked:
    n, m = len(parts[1].seen), len(parts[0].seen)
    if n < of.min_n:
        return _none(f"只有{n}个事件", f"there are only {n} events")
    if of.value is None:
        return _told(Fraction(m, n), f"{m} / {n}")
    part, whole = sum(_numbers(parts[0])), sum(_numbers(parts[1]))
    if whole <= 0:
        return _none("总和不为正", "they do not add up to more than 0")
    return _told(Fraction(part, whole), f"{part} / {whole}")


def _is_new(of: IsNew, parts: Sequence[Part]) -> Worked:
    m, n = len(parts[0].seen), len(parts[1].seen)
    if n < of.min_n:
        return _none(f"只有{n}个事件", f"there are only {n} events")
    value = int(m == 0)
    return _is(
        value,
        f"{n}个事件中{m}个为这一组合,故为{value}",
        f"{m} of {n} events have the combination, so it is {value}",
    )


def _rarity(of: Rarity, parts: Sequence[Part]) -> Worked:
    m, n = len(parts[0].seen), len(parts[1].seen)
    if n < of.min_n:
        return _none(f"只有{n}个事件", f"there are only {n} events")
    text = f"(g({n}) - g({m})) / 64 = ({step(n)} - {step(m)}) / 64"
    return _told(Fraction(step(n) - step(m), 64), text)


def _since(part: Part, t: int) -> Worked:
    if not part.seen:
        return _none("窗口内没有事件", "there is no event in the window")
    days = Fraction(t - part.seen[0].effective_us, _DAY_US)
    seconds = (t - part.seen[0].effective_us) // 1_000_000
    return _told(days, f"{seconds} s / 86400 s")


def _excess(of: Excess, parts: Sequence[Part]) -> Worked:
    observed, expected = _numbers(parts[0]), _numbers(parts[1])
    if len(expected) < of.min_n or len(observed) != len(expected):
        n = len(expected)
        return _none(f"只有{n}个概率", f"there are only {n} chances")
    p = [Fraction(x, _MILLION) for x in expected]
    expectation, spread = sum(p, Fraction()), sum((x * (1 - x) for x in p), Fraction())
    if spread == 0:
        return _none("没有偶然性", "nothing was left to chance")
    value = float(sum(observed) - expectation) / sqrt(spread)
    text = f"({sum(observed)} - {_text(expectation)}) / sqrt({_text(spread)}) = {value:.6g}"
    return _is(value, text, text)


def _near(of: NearDuplicates, trace: Trace) -> Worked:
    if trace.own is None:
        return _none(f"没有 `{of.sketch}`", f"there is no `{of.sketch}`")
    off = _numbers(trace.parts[0])
    n = sum(differing <= of.bits for differing in off)
    told = _joined(off, ", ")
    return _is(
        n,
        f"相差位数:{told};不超过{of.bits}位的有{n}个",
        f"bits that differ: {told}; {n} of them at most {of.bits}",
    )


def _set_rarity(of: SetRarity, trace: Trace) -> Worked:
    if trace.own is None:
        return _none(f"没有 `{of.sketch}`", f"there is no `{of.sketch}`")
    off = _numbers(trace.parts[0])
    n, m = len(off), off.count(0)
    if n < of.min_n:
        return _none(f"只有{n}个事件", f"there are only {n} events")
    text = f"(g({n}) - g({m})) / 64 = ({step(n)} - {step(m)}) / 64"
    return _told(Fraction(step(n) - step(m), 64), text)


@dataclass(frozen=True, slots=True)
class _Peers:
    """Steps of the numbers compared with, sorted, and of the one compared."""

    own: int
    steps: list[int]


def _among_peers(of: RobustZ | PeerRank, trace: Trace) -> Worked:
    if trace.own is None:
        return _none(f"没有 `{of.value}`", f"there is no `{of.value}`")
    for level, part in enumerate(trace.states):
        numbers = _numbers(part)
        if len(numbers) >= MIN_PEERS:
            peers = _Peers(step(trace.own), sorted(step(x) for x in numbers))
            found = _rank(peers) if isinstance(of, PeerRank) else _z(peers)
            at = f"第{level}级有{len(numbers)}个:", f"level {level} has {len(numbers)} peers: "
            return Worked(found.value, Both(at[0] + found.how.zh, at[1] + found.how.en))
    return _none(f"各级都少于{MIN_PEERS}个", f"no level has {MIN_PEERS} peers")


def _z(peers: _Peers) -> Worked:
    m = median_low(peers.steps)
    d = median_low(sorted(abs(x - m) for x in peers.steps))
    unit = GRID_STEPS >> (abs(m) // GRID_STEPS)
    value = (peers.own - m) / (_NORMAL * max(d, MAD_FLOOR, unit))
    text = (
        f"g(x) = {peers.own}, m = {m}, d = {d}, u = {unit}; "
        f"({peers.own} - {m}) / (1.4826 * max({d}, {MAD_FLOOR}, {unit})) = {value:.6g}"
    )
    return _is(value, text, text)


def _rank(peers: _Peers) -> Worked:
    below = sum(x < peers.own for x in peers.steps)
    equal, n = peers.steps.count(peers.own), len(peers.steps)
    value = Fraction(2 * below + equal, 2 * n)
    return _told(value, f"({below} + {equal} / 2) / {n}")


def _key_z(of: KeyZ, trace: Trace) -> Worked:
    counted, keys = trace.parts[0], [number for _, number in trace.keys]
    n = len(counted.seen)
    if n < max(of.min_n, 1) or len(keys) < MIN_PEERS:
        return _none(
            f"该键零点前有{n}个事件,可比的键{len(keys)}个",
            f"the key has {n} events before midnight, and {len(keys)} keys can be compared",
        )
    own = n if of.value is None else sum(_numbers(counted))
    if of.over is not None:
        own = len(trace.parts[1].seen) * _MILLION // n
    found = _z(_Peers(step(own), sorted(step(x) for x in keys)))
    zh, en = f"{len(keys)}个键,x = {own}:", f"{len(keys)} keys, x = {own}: "
    return Worked(found.value, Both(zh + found.how.zh, en + found.how.en))


def _numbers(part: Part) -> list[int]:
    return [item.value for item in part.seen if isinstance(item.value, int)]


def _counts(values: Sequence[object]) -> list[int]:
    return sorted(Counter(values).values(), reverse=True)


def _median(numbers: Sequence[int] | Sequence[Fraction]) -> Fraction:
    return Fraction(median([Fraction(x) for x in numbers]))


def _text(number: Fraction) -> str:
    return str(number.numerator) if number.denominator == 1 else f"{float(number):.6g}"


def _joined(numbers: Sequence[int] | Sequence[Fraction], between: str) -> str:
    """The numbers, or how often each where there are many.

    >>> _joined([1, 2], " + "), _joined([7] * 9 + [8] * 3, ", ")
    ('1 + 2', '9 x 7, 3 x 8')
    """
    if len(numbers) <= _SHOWN:
        return between.join(_text(Fraction(x)) for x in numbers)
    held = Counter(Fraction(x) for x in numbers)
    return between.join(f"{n} x {_text(x)}" for x, n in held.items())


def _told(value: Fraction, text: str) -> Worked:
    shown = f"{text} = {_text(value)}"
    return Worked(float(value), Both(shown, shown))


def _is(value: float, zh: str, en: str) -> Worked:
    return Worked(float(value), Both(zh, en))


def _none(zh: str, en: str) -> Worked:
    return Worked(None, Both(zh, en))
