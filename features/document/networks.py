"""A network's measures in plain mathematics, when they are missing, and worked out by hand."""

from features.contracts.verdicts import Status
from features.declared import Measure
from features.document.parts import Missing
from features.document.words import Both, code, network_of
from features.retrace import Part

_MILLION = 1_000_000


def formula(measure: Measure) -> str:
    """The measure in plain mathematics."""
    network = network_of(measure)
    graph = (
        f"w(id) = round(1,000,000 / ln(1 + d)) where 2 <= d <= {network.most_degree} members use "
        f"the identifier ({', '.join(network.by)}), else 0; two members are joined where their "
        f"shared w sum to {network.least_ppm:,} or more; M = members reached from the event's, "
        f"step by step until {network.most_members} are reached"
    )
    x = measure.field
    match measure.how:
        case "network_members":
            return f"|M|; {graph}"
        case "network_money":
            return f"sum of {x}_j, {network.member}_j in M; {graph}"
        case _:
            return (
                f"floor(1,000,000 * sum of {x}_j, {network.member}_j in M / sum of {x}_j); {graph}"
            )


def missing(measure: Measure) -> tuple[Missing, ...]:
    """When there is no value."""
    network = network_of(measure)
    key = (*measure.key, network.member)
    found = [
        Both(f"事件没有 {code(key, ' 或 ')}", f"the event has no {code(key, ' or no ')}"),
        Both(f"事件没有任何 {code(network.by, '、')}", f"the event has none of {code(network.by)}"),
    ]
    if measure.how == "network_share_ppm":
        zh, en = (
            f"全部 `{measure.field}` 之和不为正",
            f"all `{measure.field}` do not sum to more than 0",
        )
        found.append(Both(zh, en))
    return tuple(Missing(Status.NOT_APPLICABLE, one) for one in found)


def assumed(measure: Measure) -> Both:
    """What the measure takes for granted."""
    by = network_of(measure).by
    return Both(
        f"{code(by, '、')} 写法一致,同一写法即同一对象;共用者越多说明力越弱。",
        f"{code(by, ', ')} are written alike where they are the same; the more share one, the less "
        "it says.",
    )


def counted(measure: Measure, parts: tuple[Part, ...], own: str) -> tuple[int, str]:
    """The measure's value by the events that were looked at, and how it comes about."""
    values = [item.value for item in parts[0].seen]
    if measure.how == "network_members":
        them = sorted({str(value) for value in values} | {own})
        return len(them), f"|{{{', '.join(them)}}}|"
    money = sum(value for value in values if isinstance(value, int))
    told = " + ".join(str(value) for value in values) or "0"
    if measure.how == "network_money":
        return money, told
    whole = sum(item.value for item in parts[1].seen if isinstance(item.value, int))
    return _MILLION * money // whole, f"floor(1,000,000 * ({told}) / {whole})"
