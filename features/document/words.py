"""Words for the parts of a declaration, in Chinese and in English."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, assert_never

from features.declared import Measure, Network
from features.expression import KeyZ, Lookback
from features.spec import Scenario
from features.window import DAY_US, MINUTE_US, Key, Period, Reach, Where

Language = Literal["zh", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")

PERIODS: Final[dict[Period, tuple[str, str]]] = {
    "day": ("日", "day"),
    "month": ("月", "month"),
    "quarter": ("季度", "quarter"),
    "year": ("财政年度", "fiscal year"),
}

_THE_EVENT: Final = ("事件", "the event")


@dataclass(frozen=True, slots=True)
class Both:
    """One text in both languages."""

    zh: str
    en: str

    def of(self, language: Language) -> str:
        """The text in `language`."""
        return self.zh if language == "zh" else self.en


def number(value: float) -> str:
    """A value as it is written: whole numbers in full, others to six digits.

    >>> number(2_600_000.0), number(1 / 3)
    ('2600000', '0.333333')
    """
    return f"{value:.0f}" if value == int(value) else f"{value:.6g}"


def code(names: Iterable[str], between: str = ", ") -> str:
    """Names as code, one after the other.

    >>> code(("enterprise", "officer"))
    '`enterprise`, `officer`'
    """
    return between.join(f"`{name}`" for name in names)


def column(scenario: Scenario, name: str) -> Both:
    """A field or measure by its title and its name."""
    for item in (*scenario.fields, *(field for s in scenario.sources for field in s.fields)):
        if item.name == name:
            return Both(f"{item.title_zh}(`{name}`)", f"{item.title_en} (`{name}`)")
    for measure in scenario.measures:
        if measure.name == name:
            told = measured(measure)
            return Both(f"`{name}`({told.zh})", f"`{name}` ({told.en})")
    return Both("事件种类(`kind`)", "kind of event (`kind`)")


def same(key: Key) -> Both:
    """Events that share every field of a key with the one at hand."""
    zh = f"同一 {code(key)} 的" if len(key) == 1 else f"{code(key, '、')} 均相同的"
    return Both(zh, f"of the same {code(key, ' and ')}")


def span(reach: Reach, *, at_midnight: bool = False) -> Both:
    """How far a window reaches back, from the event or from the local midnight before it.

    >>> span(90 * DAY_US).en, span("quarter").en
    ('in the 90 days before the event', 'in the quarter of the event, up to it')
    """
    if not isinstance(reach, int):
        zh, en = PERIODS[reach]
        return Both(f"事件所在{zh}内、事件之前", f"in the {en} of the event, up to it")
    zh, en = ("事件前一个零点", "the midnight before the event") if at_midnight else _THE_EVENT
    days, rest = divmod(reach, DAY_US)
    if rest:
        minutes = reach // MINUTE_US
        return Both(f"{zh}之前{minutes}分钟内", f"in the {minutes} minutes before {en}")
    if days == 1:
        return Both(f"{zh}之前24小时内", f"in the 24 hours before {en}")
    return Both(f"{zh}之前{days}天内", f"in the {days} days before {en}")


def earlier(scenario: Scenario, of: Lookback, key: Key, value: str | None = None) -> Both:
    """The earlier events that an expression looks at: kinds, condition, key, window, value."""
    which, asked = kinds_of(scenario, of), asked_of(of.where)
    window, shared = span(of.reach, at_midnight=isinstance(of, KeyZ)), same(key)
    has = Both("", "")
    if value is not None:
        has = Both(f"带有 `{value}` 的", f", that carry `{value}`")
    return Both(
        f"{window.zh}{shared.zh}{asked.zh}{has.zh} {which.zh}",
        f"earlier {which.en} {shared.en}{asked.en}{has.en}, {window.en}",
    )


def kinds_of(scenario: Scenario, of: Lookback) -> Both:
    """The kinds of event that an expression looks at."""
    by_kind = of.where is not None and of.where.field == "kind"
    kinds = scenario.history if of.source is None else scenario.source(of.source).kinds
    named = of.where.values if of.where is not None and by_kind else kinds
    foreign = "" if of.source is None else f"`{of.source}` 的 "
    abroad = "" if of.source is None else f" from `{of.source}`"
    return Both(f"{foreign}{code(named, '、')} 事件", f"{code(named, ' or ')} events{abroad}")


def asked_of(where: Where | None) -> Both:
    """The condition on them, nothing where there is none."""
    if where is None or where.field == "kind":
        return Both("", "")
    values = where.values
    return Both(
        f" `{where.field}` 为 {code(values, '、')} 的",
        f", whose `{where.field}` is {code(values, ' or ')}",
    )


def measured(measure: Measure) -> Both:  # noqa: C901, PLR0911, PLR0912  (one text a measure)
    """What a measure holds."""
    x, y, unit = measure.field, measure.other, UNITS[measure.unit]
    last, first = _end(measure, "上一个", "last"), _end(measure, "首个", "first")
    match measure.how:
        case "previous":
            zh, en = (
                (f",没有则为 `{measure.start}`", f", `{measure.start}` where there is none")
                if measure.start
                else ("", "")
            )
            return Both(f"{last.zh}的 `{x}`{zh}", f"the `{x}` of {last.en}{en}")
        case "steps":
            shared = same(measure.key)
            return Both(
                f"{shared.zh}此前各事件及本事件的 `{x}` 的集合",
                f"the set of `{x}` of the earlier events {shared.en} and of this one",
            )
        case "elapsed":
            return Both(f"距{last.zh}的{unit.zh}数", f"{unit.en} since {last.en}")
        case "elapsed_first":
            return Both(f"距{first.zh}的{unit.zh}数", f"{unit.en} since {first.en}")
        case "between":
            to = Both(f" `{y}` ", f"`{y}`") if y else Both("事件", "the event")
            return Both(f"自 `{x}` 至{to.zh}的{unit.zh}数", f"{unit.en} from `{x}` to {to.en}")
        case "ratio_ppm":
            return Both(f"`{x}` / `{y}`,百万分之", f"`{x}` / `{y}` in millionths")
        case "quotient":
            return Both(f"`{x}` / `{y}` 的整数部分", f"whole part of `{x}` / `{y}`")
        case "difference":
            return Both(f"`{x}` 减 `{y}`", f"`{x}` less `{y}`")
        case "within":
            return Both(f"`{bounds(measure)}` 为1,否则为0", f"1 where `{bounds(measure)}`, else 0")
        case "present":
            return Both(f"带有 `{x}` 为1,否则为0", f"1 where `{x}` is there, else 0")
        case "change_ppm":
            return Both(
                f"`{x}` 较{last.zh}的相对变化,百万分之",
                f"relative change of `{x}` against {last.en}, in millionths",
            )
        case "off_day":
            return Both("非工作日为1,否则为0", "1 on a day that is not worked, else 0")
        case "hour":
            return Both("当地时间的小时", "hour of the local day")
        case "limit":
            return Both(
                f"事件发生时有效的 `{x}` 法定限额",
                f"legal limit in force at the event for its `{x}`",
            )
        case "network_members" | "network_money" | "network_share_ppm":
            return joined(measure)
        case _ as never:
            assert_never(never)


def bounds(measure: Measure) -> str:
    """The condition of a measure that says whether a number lies within bounds.

    >>> bounds(Measure("is_quick", "within", field="wait_wd", high=2))
    'wait_wd <= 2'
    """
    low = "" if measure.low is None else f"{measure.low} <= "
    high = "" if measure.high is None else f" <= {measure.high}"
    return f"{low}{measure.field}{high}"


UNITS: Final = {
    "working_days": Both("工作日", "working days"),
    "days": Both("天", "days"),
    "minutes": Both("分钟", "minutes"),
}


def _end(measure: Measure, zh: str, en: str) -> Both:
    asked, shared = asked_of(measure.where), same(measure.key)
    had = measure.field if measure.how == "change_ppm" else ""
    with_zh, with_en = (f"带有 `{had}` 的", f", that had `{had}`") if had else ("", "")
    return Both(
        f"{shared.zh}{asked.zh}{with_zh}{zh}事件",
        f"the {en} earlier event {shared.en}{asked.en}{with_en}",
    )


def joined(measure: Measure) -> Both:
    """What a measure of a network holds."""
    network = network_of(measure)
    shared, asked, x = same(measure.key), asked_of(measure.where), measure.field
    by = Both(code(network.by, "、"), code(network.by, ", "))
    kinds = code(network.kinds, "、"), code(network.kinds, " or ")
    among = Both(f" {kinds[0]} ", f"{kinds[1]} ") if network.kinds else Both("", "")
    zh = f"{measure.days}天内{shared.zh}{asked.zh}{among.zh}事件中,因共用 {by.zh} 而与本事件相连的 "
    en = (
        f"`{network.member}` values joined to the event's by shared {by.en}, among the "
        f"{among.en}events {shared.en}{asked.en} in the {measure.days} days before"
    )
    match measure.how:
        case "network_members":
            return Both(f"{zh}`{network.member}` 数(含自身)", f"number of {en}, its own included")
        case "network_money":
            return Both(f"{zh}`{network.member}` 的 `{x}` 之和", f"sum of `{x}` of {en}")
        case _:
            return Both(
                f"{zh}`{network.member}` 的 `{x}` 占全部之比,百万分之",
                f"share in millionths of the events' `{x}` that is of {en}",
            )


def network_of(measure: Measure) -> Network:
    """The measure's network.

    Raises
    ------
    ValueError
        It has none.
    """
    if measure.network is None:
        raise ValueError(f"{measure.name} is of no network")
    return measure.network
