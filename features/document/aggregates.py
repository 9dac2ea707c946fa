"""What an aggregate of a window means, one text an aggregate."""

from dataclasses import dataclass
from typing import Final, assert_never

from features.document import papers
from features.document.own import range_of
from features.document.parts import (
    COUNT,
    NOT_NEGATIVE,
    SHARE,
    Meaning,
    Missing,
    Range,
    fewer_than,
    members,
    no_key,
    no_number,
    too_many,
    usual,
)
from features.document.words import Both, earlier
from features.expression import WITH_OWN, Aggregate, Window
from features.spec import Scenario


@dataclass(frozen=True, slots=True)
class Text:
    """One aggregate of `{x}`: what is taken of the events S, by which formula, of how many."""

    words: Both
    math: str
    least: int = 1
    papers: tuple[str, ...] = ()
    has_limit: bool = True


_COUNTS: Final = "n_c = |{{ j in S : {x}_j = c }}|"
_COUNT: Final = Text(Both("个数", "number"), "|S|", 0, has_limit=False)
_SUM: Final = Text(Both(" `{x}` 之和", "sum of the `{x}`"), "sum over S of {x}_j", 0)
_TOTAL: Final = Text(
    Both(" `{x}` 与事件自身的 `{x}` 之和", "sum of the event's own `{x}` and the `{x}`"),
    "{x} + sum over S of {x}_j",
    0,
)
_EARLIER: Final = Text(
    Both(
        " `{x}` 之和(事件自身须带有 `{x}`)",
        "sum, for an event that carries `{x}` itself, of the `{x}`",
    ),
    "sum over S of {x}_j",
    0,
)
_MEAN: Final = Text(Both(" `{x}` 的平均值", "mean `{x}`"), "(sum over S of {x}_j) / |S|")
_STD: Final = Text(
    Both(" `{x}` 的样本标准差", "sample standard deviation of the `{x}`"),
    "sqrt((n * sum {x}_j^2 - (sum {x}_j)^2) / (n * (n - 1))), n = |S|",
    2,
)
_MIN: Final = Text(Both(" `{x}` 的最小值", "smallest `{x}`"), "min over S of {x}_j")
_MAX: Final = Text(Both(" `{x}` 的最大值", "largest `{x}`"), "max over S of {x}_j")
_DISTINCT: Final = Text(
    Both("不同 `{x}` 的个数", "number of different `{x}`"),
    "|{{ {x}_j : j in S }}|",
    has_limit=False,
)
_HHI: Final = Text(
    Both(
        " `{x}` 的集中度(各值占比的平方和)",
        "concentration of the `{x}` (sum of the squared shares of its values)",
    ),
    f"sum over values c of (n_c / |S|)^2, {_COUNTS}",
    papers=(papers.HHI,),
    has_limit=False,
)
_ENTROPY: Final = Text(
    Both(" `{x}` 的香农熵(比特)", "Shannon entropy of the `{x}`, in bits"),
    f"- sum over values c of (n_c / |S|) * log2(n_c / |S|), {_COUNTS}",
    papers=(papers.SHANNON,),
)
_MEDIAN: Final = Text(
    Both(" `{x}` 的中位数", "median `{x}`"),
    "median over S of {x}_j; of an even number the mean of the middle two",
    has_limit=False,
)
_MAD: Final = Text(
    Both(" `{x}` 的绝对中位差", "median absolute deviation of the `{x}` from their median"),
    "median over S of |{x}_j - m|, m = median over S of {x}_j",
    papers=(papers.MAD, papers.ROBUST),
    has_limit=False,
)


def aggregated(scenario: Scenario, of: Window) -> Meaning:
    """The meaning of a window's aggregate."""
    x, text = of.value or "", text_of(of.agg)
    which = earlier(scenario, of, of.key, of.value)
    missing: list[Missing] = [no_key(of.key)]
    if of.agg in WITH_OWN:
        missing.append(no_number(x))
    if text.least:
        missing.append(fewer_than(text.least, which))
    if text.has_limit:
        missing.append(too_many())
    return Meaning(
        Both(
            f"{which.zh}的{text.words.zh.format(x=x)}",
            f"{text.words.en.format(x=x)} of the {which.en}",
        ),
        (
            f"S = {members(scenario, of, of.key, of.value)}",
            f"value = {text.math.format(x=x)}",
        ),
        aggregate_range(scenario, of),
        tuple(missing),
        usual(scenario, of, of.value),
        text.papers,
    )


def text_of(agg: Aggregate) -> Text:  # noqa: C901, PLR0911, PLR0912  (one answer an aggregate)
    """The text of an aggregate."""
    match agg:
        case "count":
            return _COUNT
        case "sum":
            return _SUM
        case "total":
            return _TOTAL
        case "earlier":
            return _EARLIER
        case "mean":
            return _MEAN
        case "std":
            return _STD
        case "min":
            return _MIN
        case "max":
            return _MAX
        case "distinct":
            return _DISTINCT
        case "hhi":
            return _HHI
        case "entropy":
            return _ENTROPY
        case "median":
            return _MEDIAN
        case "mad":
            return _MAD
        case _ as never:
            assert_never(never)


def aggregate_range(scenario: Scenario, of: Window) -> Range:  # noqa: PLR0911  (one answer a sort)
    """What the aggregate may be, given what its value may be."""
    taken = COUNT if of.value is None else range_of(scenario, of.value, of.source)
    match of.agg:
        case "count":
            return COUNT
        case "sum" | "total" | "earlier":
            return Range(None if taken.lo is None else 0, None, whole=True)
        case "min" | "max":
            return taken
        case "mean" | "median":
            return Range(taken.lo, taken.hi, whole=False)
        case "distinct":
            return Range(1, None, whole=True)
        case "hhi":
            return SHARE
        case "std" | "mad" | "entropy":
            return NOT_NEGATIVE
        case _ as never:
            assert_never(never)
