"""What an example of a feature needs: the event's columns, and those of the events before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Final, assert_never

from features.expression import (
    WITH_OWN,
    Excess,
    Expression,
    IsNew,
    KeyZ,
    NearDuplicates,
    Own,
    Pair,
    PeerRank,
    Rarity,
    RobustZ,
    SetRarity,
    Share,
    Since,
    Window,
)
from features.finalisers import MIN_PEERS
from features.spec import Scenario, Where
from features.window import Key

Value = int | str
Wanted = dict[str, Value]
"""What columns of an event should hold: a text, or a number to begin with."""

_SIZES: Final = (3, 5, 4, 8, 6)
_OWN_SIZE: Final = 20
_CODES: Final = (1, 2, 1, 3, 1)
_SKETCH: Final = 0x2AAA_AAAA_AAAA_AAAA
_CHANCE_PPM: Final = 200_000
_SOME: Final = 3
_OTHER: Final = 9


@dataclass(frozen=True)
class Plan:
    """The event and the events before it, oldest first; `apart` are columns that tell keys apart.

    Where `at_midnight`, the events before lie before the midnight before the event.
    """

    event: Wanted
    before: tuple[Wanted, ...] = ()
    apart: frozenset[str] = frozenset()
    at_midnight: bool = False


def planned(scenario: Scenario, of: Expression) -> Plan:  # noqa: C901, PLR0911, PLR0912  (one answer a class)
    """The plan of an example of `of`."""
    match of:
        case Own():
            return Plan({of.value: _SIZES[1]})
        case Window():
            return _of_window(scenario, of)
        case Share() | Rarity() | IsNew():
            return _of_pair(of)
        case Since():
            return Plan(_key(of.key), _times(_with(_key(of.key), of.where), _SOME))
        case RobustZ() | PeerRank():
            columns = tuple(dict.fromkeys(name for key in of.peers for name in key))
            before = _sized(_with(_key(columns), of.where), of.value, MIN_PEERS)
            return Plan(_key(columns) | {of.value: _OWN_SIZE}, before)
        case Excess():
            return _of_excess(of)
        case NearDuplicates():
            return _of_near_duplicates(of)
        case SetRarity():
            return _of_set_rarity(of)
        case KeyZ():
            return _of_key_z(of)
        case _ as never:
            assert_never(never)


def text(name: str, number: int = 1) -> str:
    """A text for a key or category.

    >>> text("enterprise"), text("enterprise", 2)
    ('enterprise-1', 'enterprise-2')
    """
    return f"{name}-{number}"


def _key(key: Key, number: int = 1) -> Wanted:
    return {name: text(name, number) for name in key}


def _with(wanted: Wanted, where: Where | None) -> Wanted:
    return wanted if where is None else wanted | {where.field: where.values[0]}


def _times(wanted: Wanted, n: int) -> tuple[Wanted, ...]:
    return tuple(dict(wanted) for _ in range(n))


def _sized(wanted: Wanted, value: str, n: int) -> tuple[Wanted, ...]:
    return tuple(wanted | {value: size} for size in islice(cycle(_SIZES), n))


def _of_window(scenario: Scenario, of: Window) -> Plan:
    event, wanted = _key(of.key), _with(_key(of.key), of.where)
    if of.where is not None and of.where.field in event:
        event = event | {of.where.field: of.where.values[0]}
    if of.value is None:
        return Plan(event, _times(wanted, _SOME))
    if of.agg in WITH_OWN:
        event = event | {of.value: _SIZES[1]}
    if of.agg not in ("distinct", "hhi", "entropy"):
        return Plan(event, _sized(wanted, of.value, len(_SIZES)))
    kinds = scenario.history if of.source is None else scenario.source(of.source).kinds
    if of.value == "kind":
        values: Sequence[str] = list(islice(cycle(kinds), len(_CODES)))
    else:
        values = [text(of.value, number) for number in _CODES]
    return Plan(event, tuple({of.value: value, **wanted} for value in values))


def _of_pair(of: Pair) -> Plan:
    """Every third event shares the whole key; none does where it is to be new."""
    event = _key(of.key)
    others = event.copy()
    others.update((name, text(name, _OTHER)) for name in of.key if name not in of.of)
    n = max(of.min_n, len(_SIZES))
    seen = [not isinstance(of, IsNew) and k % _SOME == 0 for k in range(n)]
    before = [_with(event if is_seen else others, of.where) for is_seen in seen]
    if isinstance(of, Share) and of.value is not None:
        sizes = islice(cycle(_SIZES), n)
        before = [wanted | {of.value: size} for wanted, size in zip(before, sizes, strict=True)]
    return Plan(event, tuple(before))


def _of_excess(of: Excess) -> Plan:
    wanted = _with(_key(of.key), of.where)
    won = [int(number != 2) for number in islice(cycle(_CODES), max(of.min_n, len(_CODES)))]  # noqa: PLR2004
    before = tuple(wanted | {of.observed: x, of.expected: _CHANCE_PPM} for x in won)
    return Plan(_key(of.key), before)


def _of_near_duplicates(of: NearDuplicates) -> Plan:
    off = (0, of.bits, min(of.bits + 5, 62), 31)
    wanted = _with(_key(of.key), of.where)
    before = tuple(wanted | {of.sketch: _SKETCH ^ ((1 << bits) - 1)} for bits in off)
    return Plan(_key(of.key) | {of.sketch: _SKETCH}, before)


def _beside(over: Where, where: Where | None) -> str:
    """A value that counts and does not meet `over`."""
    counted = where.values if where is not None and where.field == over.field else ()
    return next((value for value in counted if value not in over.values), text(over.field, _OTHER))


def _of_set_rarity(of: SetRarity) -> Plan:
    """Sets of one element or of two; the event's own is the shorter where it is to lack one."""
    is_lacking = of.side == "lacking"
    wanted = _with(_key(of.key), of.where)
    sizes = islice(cycle((1, 1, 0) if is_lacking else (0, 0, 1)), max(of.min_n, _SOME))
    before = tuple(wanted | {of.sketch: size} for size in sizes)
    return Plan(_key(of.key) | {of.sketch: int(not is_lacking)}, before)


def _of_key_z(of: KeyZ) -> Plan:
    """Thirty other keys of about one size, and the event's own, which is larger."""
    least = max(of.min_n, 1)
    before: list[Wanted] = []
    for number in range(1, MIN_PEERS + 2):
        n = least + (2 * _SOME if number == 1 else number % _SOME)
        for k in range(n):
            wanted = _with(_key(of.key, number), of.where)
            if of.value is not None:
                wanted |= {of.value: _SIZES[0]}
            if of.over is not None:
                meets = number == 1 or k == 0
                told = of.over.values[0] if meets else _beside(of.over, of.where)
                wanted |= {of.over.field: told}
            before.append(wanted)
    return Plan(_key(of.key), tuple(before), frozenset(of.key), at_midnight=True)
