"""What an event's own number means: a field it carries, or a measure it got when it was learned."""

from typing import assert_never

from features.contracts.verdicts import Status
from features.declared import Measure
from features.document import networks
from features.document.parts import (
    ANY,
    COMPLETE,
    COUNT,
    FLAG,
    ONE_CURRENCY,
    SOME,
    STABLE_KEY,
    Meaning,
    Missing,
    Range,
    no_number,
)
from features.document.words import Both, bounds, code, column, measured
from features.expression import Own
from features.spec import Scenario

_CALENDAR = Both(
    "工作日与当地时间按场景的日历计算。",
    "Days worked and local time are those of the scenario's calendar.",
)
_AS_GIVEN = Both(
    "该数以报送时为准,报错则随之错。", "The number is right as it was given with the event."
)


def own_number_of(scenario: Scenario, of: Own) -> Meaning:
    """The meaning of a number that the event carries itself."""
    measure = _measure(scenario, of.value)
    if measure is None:
        title = column(scenario, of.value)
        assumes = (_AS_GIVEN, ONE_CURRENCY) if _is_money(scenario, of.value) else (_AS_GIVEN,)
        return Meaning(
            Both(f"事件自身的{title.zh}", f"the event's own {title.en}"),
            (f"value = {of.value}",),
            ANY,
            (no_number(of.value),),
            assumes,
        )
    told = measured(measure)
    return Meaning(
        Both(f"事件自身的 `{of.value}`:{told.zh}", f"the event's own `{of.value}`: {told.en}"),
        (f"value = {of.value} = {_formula(measure)}",),
        range_of(scenario, of.value, None),
        _missing(measure),
        _assumes(measure),
    )


def range_of(scenario: Scenario, name: str, source: str | None) -> Range:  # noqa: PLR0911  (one answer a measure)
    """What a number of an event may be: a field any whole number, a measure what it holds."""
    measure = None if source is not None else _measure(scenario, name)
    if measure is None:
        return ANY
    match measure.how:
        case "present" | "within" | "off_day":
            return FLAG
        case "hour":
            return Range(0, 23, whole=True)
        case "elapsed" | "elapsed_first" | "limit":
            return COUNT
        case (
            "previous"
            | "steps"
            | "between"
            | "ratio_ppm"
            | "quotient"
            | "difference"
            | "change_ppm"
            | "network_money"
            | "network_share_ppm"
        ):
            return ANY
        case "network_members":
            return SOME
        case _ as never:
            assert_never(never)


def _measure(scenario: Scenario, name: str) -> Measure | None:
    return next((item for item in scenario.measures if item.name == name), None)


def _is_money(scenario: Scenario, name: str) -> bool:
    return any(item.name == name and item.kind == "money" for item in scenario.fields)


def _formula(measure: Measure) -> str:  # noqa: C901, PLR0911, PLR0912  (one formula a measure)
    x, y, unit = measure.field, measure.other, measure.unit.replace("_", " ")
    match measure.how:
        case "previous":
            return f"{x} of the last earlier event"
        case "steps":
            return f"{{ {x}_j : j up to the event }}"
        case "elapsed":
            return f"{unit} from t_last to t, whole"
        case "elapsed_first":
            return f"{unit} from t_first to t, whole"
        case "between":
            return f"{unit} from {x} to {y or 't'}, whole"
        case "difference":
            return f"{x} - {y}"
        case "within":
            return f"1 if {bounds(measure)} else 0"
        case "ratio_ppm":
            return f"floor(1,000,000 * {x} / {y})"
        case "quotient":
            return f"floor({x} / {y})"
        case "present":
            return f"1 if {x} is there else 0"
        case "change_ppm":
            return f"floor(1,000,000 * ({x} - {x}_last) / {x}_last)"
        case "off_day":
            return "1 if the local day of t is not worked else 0"
        case "hour":
            return "hour of t in local time"
        case "limit":
            return f"limit of {x} in force at t"
        case "network_members" | "network_money" | "network_share_ppm":
            return networks.formula(measure)
        case _ as never:
            assert_never(never)


def _missing(measure: Measure) -> tuple[Missing, ...]:
    found = _missing_of(measure)
    if measure.where is None or measure.atom is not None:
        return found
    values_zh, values_en = code(measure.where.values, "、"), code(measure.where.values, " or ")
    field = measure.where.field
    none = Both(f"事件的 `{field}` 不是 {values_zh}", f"the event's `{field}` is not {values_en}")
    return *found, Missing(Status.NOT_APPLICABLE, none)


def _missing_of(measure: Measure) -> tuple[Missing, ...]:  # noqa: PLR0911  (one answer a measure)
    x, y = measure.field, measure.other
    window = Both(f"之前{measure.days}天内", f"in the {measure.days} days before")
    match measure.how:
        case "present" | "off_day" | "hour" | "steps":
            return ()
        case "between" | "difference" | "within":
            return (no_number(x), *((no_number(y),) if y else ()))
        case "limit":
            none = Both(f"`{x}` 没有当时有效的限额", f"no limit of its `{x}` was in force")
            return (Missing(Status.NOT_APPLICABLE, none),)
        case "ratio_ppm" | "quotient":
            none = Both(f"`{y}` 不在或不为正", f"`{y}` is not there or is not positive")
            return no_number(x), Missing(Status.NOT_APPLICABLE, none)
        case "previous" | "elapsed" | "elapsed_first":
            key = code(measure.key, "、")
            none = Both(
                f"{window.zh}没有 {key} 相同的事件",
                f"no event of the same {code(measure.key, ' and ')} is known {window.en}",
            )
            return (Missing(Status.NOT_APPLICABLE, none),)
        case "change_ppm":
            none = Both(
                f"{window.zh}没有可比的 `{x}`,或其不为正",
                f"no earlier `{x}` to compare with is known {window.en}, or it is not positive",
            )
            return no_number(x), Missing(Status.NOT_APPLICABLE, none)
        case "network_members" | "network_money" | "network_share_ppm":
            return networks.missing(measure)
        case _ as never:
            assert_never(never)


def _assumes(measure: Measure) -> tuple[Both, ...]:
    if measure.network is not None:
        return COMPLETE, STABLE_KEY, networks.assumed(measure)
    if measure.atom is not None:
        return (COMPLETE,)
    by_calendar = measure.how in ("off_day", "hour") or measure.unit == "working_days"
    return (_AS_GIVEN, _CALENDAR) if by_calendar else (_AS_GIVEN,)
