"""Parts of what an expression means, and the sentences that several expressions share."""

from dataclasses import dataclass
from typing import Final

from features.contracts.verdicts import Status
from features.document.words import Both, code
from features.expression import Lookback
from features.finalisers import MIN_PEERS
from features.kernels import MAX_ROWS
from features.spec import Scenario
from features.window import Key, label_of


@dataclass(frozen=True, slots=True)
class Range:
    """The values that can come out: ends (None for none), and whether only whole numbers."""

    lo: float | None
    hi: float | None
    whole: bool

    def holds(self, value: float) -> bool:
        """Whether `value` can come out.

        >>> SHARE.holds(0.5), COUNT.holds(0.5), FLAG.holds(2.0)
        (True, False, False)
        """
        inside = (self.lo is None or value >= self.lo) and (self.hi is None or value <= self.hi)
        return inside and (not self.whole or value == int(value))

    @property
    def words(self) -> Both:
        """The range as a phrase.

        >>> SHARE.words.en, COUNT.words.en, FLAG.words.en, ANY.words.en
        ('a number from 0 to 1', 'a whole number, 0 or more', '0 or 1', 'any whole number')
        """
        zh, en = ("整数", "whole number") if self.whole else ("实数", "number")
        if self == FLAG:
            return Both("0或1", "0 or 1")
        if self.lo is None:
            return Both(f"任意{zh}", f"any {en}")
        if self.hi is None:
            return Both(f"不小于{self.lo:g}的{zh}", f"a {en}, {self.lo:g} or more")
        return Both(f"{self.lo:g}至{self.hi:g}的{zh}", f"a {en} from {self.lo:g} to {self.hi:g}")


COUNT: Final = Range(0, None, whole=True)
SOME: Final = Range(1, None, whole=True)
FLAG: Final = Range(0, 1, whole=True)
SHARE: Final = Range(0, 1, whole=False)
ANY: Final = Range(None, None, whole=True)
REAL: Final = Range(None, None, whole=False)
NOT_NEGATIVE: Final = Range(0, None, whole=False)


@dataclass(frozen=True, slots=True)
class Missing:
    """When there is no value, and the status that says why."""

    status: Status
    when: Both


@dataclass(frozen=True, slots=True)
class Meaning:
    """Formula in words and in plain mathematics, range, reasons for no value, assumptions, papers.

    `unit` is the value's own unit where it is not that of what is shown.
    """

    words: Both
    math: tuple[str, ...]
    range: Range
    missing: tuple[Missing, ...]
    assumes: tuple[Both, ...]
    papers: tuple[str, ...] = ()
    unit: Both | None = None


COMPLETE: Final = Both(
    "所计种类的事件都已入账;未入账的看不到。",
    "Every event of the kinds counted reaches the ledger; what does not is not seen.",
)
STABLE_KEY: Final = Both(
    "键始终指同一对象;改名或合并后历史从头算起。",
    "A key names the same party throughout; one that is renamed or merged begins a new history.",
)
COMPARABLE: Final = Both(
    "同组事件本可相互比较;组内混有不同业务时,差异反映的是业务而非异常。",
    "Peers of one group are alike; where it mixes kinds of business, the difference is theirs.",
)
ONE_CURRENCY: Final = Both(
    "金额为同一币种(一个场景只用一个币种),未按物价调整。",
    "Amounts are in one currency (a scenario is kept in one) and not adjusted for prices.",
)
SHORT_AT_FIRST: Final = Both(
    "日历期初窗口很短,数值自然偏小。",
    "Early in the period the window is short and values are small.",
)
GRID: Final = Both(
    "比较在对数格上进行,每倍64格,数值只分辨到约1.6%。",
    "Numbers are compared on a log grid of 64 steps an octave, which tells them apart to 1.6 %.",
)


def no_key(key: Key) -> Missing:
    """The event lacks a field of the key."""
    return Missing(
        Status.NOT_APPLICABLE,
        Both(f"事件没有 {code(key, ' 或 ')}", f"the event has no {code(key, ' or no ')}"),
    )


def no_number(name: str) -> Missing:
    """The event lacks the number that is compared."""
    return Missing(
        Status.NOT_APPLICABLE, Both(f"事件本身没有 `{name}`", f"the event itself has no `{name}`")
    )


def fewer_than(n: int, what: Both) -> Missing:
    """Too few events of a sort in the window."""
    when = Both(f"{what.zh}少于{n}个", f"there are fewer than {n} {what.en}")
    if n == 1:
        when = Both(f"没有{what.zh}", f"there are no {what.en}")
    return Missing(Status.INSUFFICIENT, when)


def too_many() -> Missing:
    """More rows than a state can hold."""
    return Missing(
        Status.ERROR,
        Both(f"窗口内超过{MAX_ROWS:,}个事件", f"the window holds more than {MAX_ROWS:,} events"),
    )


def few_peers(peers: tuple[Key, ...], value: str) -> Missing:
    """No level has enough peers."""
    zh, en = ("各级", "at every level") if len(peers) > 1 else ("", "")
    return Missing(
        Status.INSUFFICIENT,
        Both(
            f"{zh}带有 `{value}` 的同组事件都少于{MIN_PEERS}个",
            f"there are fewer than {MIN_PEERS} peers that carry `{value}` {en}".rstrip(),
        ),
    )


def members(scenario: Scenario, of: Lookback, key: Key, value: str | None = None) -> str:
    """The set of earlier events that an expression looks at, in plain mathematics."""
    by_kind = of.where is not None and of.where.field == "kind"
    kinds = scenario.history if of.source is None else scenario.source(of.source).kinds
    terms = [f"{name}_j = {name}" for name in key]
    if of.where is not None:
        terms.append(f"{of.where.field}_j in {{{', '.join(of.where.values)}}}")
    if not by_kind:
        terms.append(f"kind_j in {{{', '.join(kinds)}}}")
    if value is not None:
        terms.append(f"{value}_j is there")
    among = "" if of.source is None else f" in {of.source}"
    start = (
        f"t - {label_of(of.reach)}"
        if isinstance(of.reach, int)
        else f"start of the {of.reach} of t"
    )
    terms.append(f"{start} <= t_j < t")
    return f"{{ j{among} : {', '.join(terms)}, j known before the event }}"


def usual(scenario: Scenario, of: Lookback, *values: str | None) -> tuple[Both, ...]:
    """What every expression over earlier events assumes."""
    money = {item.name for item in scenario.fields if item.kind == "money"}
    money |= {
        item.name for source in scenario.sources for item in source.fields if item.kind == "money"
    }
    money |= {item.name for item in scenario.measures if item.how == "quotient"}
    found = [COMPLETE, STABLE_KEY]
    if money & set(values):
        found.append(ONE_CURRENCY)
    if not isinstance(of.reach, int):
        found.append(SHORT_AT_FIRST)
    return tuple(found)
