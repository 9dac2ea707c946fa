"""One sentence about one feature, in Chinese and in English: what is, and what is usual.

The words compare and never judge.
"""

from typing import Final, Literal, NamedTuple

from features.contracts.vectors import FeatureInfo
from features.contracts.verdicts import Peers
from models.typical import EVERYONE

Direction = Literal["high", "low", "none"]
Sense = Literal["too_high", "too_low", "combination"]
MINOR: Final = 100.0
"""Minor units (fen, pence) of one unit of money."""
_SMALL: Final = 0.01


class Comparison(NamedTuple):
    """A value beside what is ordinary, in the unit that the feature's cells are in."""

    actual: float | None
    typical: float | None
    lo: float | None
    hi: float | None
    peers: Peers | None

    @property
    def direction(self) -> Direction:
        """On which side of the typical value the actual one lies."""
        if self.actual is None or self.typical is None or self.actual == self.typical:
            return "none"
        return "high" if self.actual > self.typical else "low"

    @property
    def within(self) -> bool:
        """Whether the value alone lies in the ordinary range, ends included.

        Where no range is known, whether it is the typical value.

        >>> at_the_end, unknown = (5.0, 2.0, 0.0, 5.0, None), (2.0, 2.0, None, None, None)
        >>> Comparison(*at_the_end).within, Comparison(*unknown).within
        (True, True)
        """
        if self.actual is None:
            return False
        if self.lo is None or self.hi is None:
            return self.actual == self.typical
        return self.lo <= self.actual <= self.hi

    @property
    def sense(self) -> Sense:
        """In what sense the value is unusual: by itself on one side, or only beside the others.

        >>> Comparison(9.0, 2.0, 0.0, 5.0, None).sense, Comparison(3.0, 2.0, 0.0, 5.0, None).sense
        ('too_high', 'combination')
        """
        if self.within or self.direction == "none":
            return "combination"
        return "too_high" if self.direction == "high" else "too_low"

    def scaled(self, divisor: float) -> "Comparison":
        """The same in larger units."""
        actual, typical, lo, hi = (
            value if value is None else value / divisor
            for value in (self.actual, self.typical, self.lo, self.hi)
        )
        return Comparison(actual, typical, lo, hi, self.peers)


def number(value: float) -> str:
    """A number as people read it.

    >>> number(1200000), number(0.123456), number(0.00123456)
    ('1,200,000', '0.12', '0.00123')
    """
    if value == round(value):
        return f"{value:,.0f}"
    return f"{value:,.2f}" if abs(value) >= _SMALL else f"{value:.3g}"


def amount(value: float | None, info: FeatureInfo, currency: str, *, zh: bool) -> str:
    """A value with its unit; money is already in units of `currency`."""
    if value is None:
        return "未知" if zh else "unknown"
    match info.unit:
        case "money":
            return f"{currency} {value:,.2f}"
        case "share":
            return f"{100.0 * value:.1f}%"
        case "flag":
            return ("是" if zh else "yes") if value else ("否" if zh else "no")
        case _:
            unit = info.unit_zh if zh else f" {_counted(info.unit, value)}"
            return f"{number(value)}{unit}".rstrip()


def _counted(unit: str, value: float) -> str:
    """An English unit beside a number: one event, two events, one authority."""
    if value != 1 or not unit.endswith("s"):
        return unit
    return f"{unit[:-3]}y" if unit.endswith("ies") else unit[:-1]


def sentence_zh(info: FeatureInfo, compared: Comparison, currency: str) -> str:
    """The comparison in Chinese."""
    typical, lo, hi = (
        amount(value, info, currency, zh=True)
        for value in (compared.typical, compared.lo, compared.hi)
    )
    start = f"{info.title_zh}为{amount(compared.actual, info, currency, zh=True)}"
    if compared.typical is None:
        return f"{start}，暂无同类常见水平可比，与其他指标的组合少见。"
    whom = _peers_zh(compared.peers)
    mixed = "，单看并不少见，与其他指标的组合少见" if compared.within else ""
    if info.unit == "flag":
        return f"{start}，{whom}通常为{typical}{mixed}。"
    match compared.direction:
        case "none":
            middle = f"与{whom}的常见水平相同"
        case direction:
            middle = f"{'高于' if direction == 'high' else '低于'}{whom}的常见水平{typical}"
    ordinary = "" if compared.lo is None or lo == hi else f"（常见范围{lo}至{hi}）"
    return f"{start}，{middle}{ordinary}{mixed}。"


def sentence_en(info: FeatureInfo, compared: Comparison, currency: str) -> str:
    """The comparison in English."""
    typical, lo, hi = (
        amount(value, info, currency, zh=False)
        for value in (compared.typical, compared.lo, compared.hi)
    )
    title = info.title_en[:1].upper() + info.title_en[1:]
    start = f"{title}: {amount(compared.actual, info, currency, zh=False)}"
    if compared.typical is None:
        return f"{start}; no usual level of peers is known, the combination with others is rare."
    whom = _peers_en(compared.peers)
    mixed = "; usual by itself, rare in combination with others" if compared.within else ""
    if info.unit == "flag":
        return f"{start}, where the usual of {whom} is {typical}{mixed}."
    side = {"high": "above", "low": "below", "none": "the same as"}[compared.direction]
    ordinary = "" if compared.lo is None or lo == hi else f" (ordinary range {lo} to {hi})"
    return f"{start}, {side} the usual {typical} of {whom}{ordinary}{mixed}."


def below_zh(
    info: FeatureInfo, actual: float, value: float, currency: str, *, is_exact: bool
) -> str:
    """At what value the event would not be above the review line, in Chinese."""
    at, now = (amount(each, info, currency, zh=True) for each in (value, actual))
    about = "" if is_exact else "约"
    return f"其他指标不变，若{info.title_zh}{about}为{at}，该事项不高于核查线（实际为{now}）。"


def below_en(
    info: FeatureInfo, actual: float, value: float, currency: str, *, is_exact: bool
) -> str:
    """At what value the event would not be above the review line, in English."""
    at, now = (amount(each, info, currency, zh=False) for each in (value, actual))
    title = info.title_en[:1].upper() + info.title_en[1:]
    about = "" if is_exact else "about "
    return (
        f"{title}: if it were {about}{at}, all else equal, the event would not be above the "
        f"review line (it is {now})."
    )


def _peers_zh(peers: Peers | None) -> str:
    if peers is None:
        return "同类"
    return (
        f"全部{peers.n:,}个事项" if peers.key == EVERYONE else f"{peers.n:,}个同类（{peers.key}）"
    )


def _peers_en(peers: Peers | None) -> str:
    if peers is None:
        return "its peers"
    return (
        f"all {peers.n:,} events"
        if peers.key == EVERYONE
        else f"its {peers.n:,} peers ({peers.key})"
    )
