"""What an expression means: its formula, its range, when it is missing, what it assumes.

Every class of expression is told here; one that is not is an error of the type checker.
"""

from math import sqrt
from typing import Final, assert_never

from features.contracts.verdicts import Status
from features.document import papers
from features.document.aggregates import aggregated
from features.document.own import own_number_of
from features.document.parts import (
    COUNT,
    FLAG,
    NOT_NEGATIVE,
    REAL,
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
from features.document.peers import key_z, peer_rank, robust_z
from features.document.words import Both, code, earlier, span
from features.expression import (
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
from features.spec import Scenario
from features.window import DAY_US


def meaning(scenario: Scenario, of: Expression) -> Meaning:  # noqa: C901, PLR0911, PLR0912  (one answer a class)
    """The meaning of `of` for events of `scenario`."""
    match of:
        case Own():
            return own_number_of(scenario, of)
        case Window():
            return aggregated(scenario, of)
        case Share():
            return _share(scenario, of)
        case IsNew():
            return _is_new(scenario, of)
        case Rarity():
            return _rarity(scenario, of)
        case Since():
            return _since(scenario, of)
        case RobustZ():
            return robust_z(scenario, of)
        case PeerRank():
            return peer_rank(scenario, of)
        case Excess():
            return _excess(scenario, of)
        case NearDuplicates():
            return _near_duplicates(scenario, of)
        case SetRarity():
            return _set_rarity(scenario, of)
        case KeyZ():
            return key_z(scenario, of)
        case _ as never:
            assert_never(never)


def _share(scenario: Scenario, of: Share) -> Meaning:
    whole = earlier(scenario, of, of.of, of.value)
    further = code(set_minus(of.key, of.of), "、")
    what = Both("个数", "number") if of.value is None else Both(f" `{of.value}` ", f"`{of.value}`")
    x = "1" if of.value is None else f"{of.value}_j"
    missing = [no_key(of.key), fewer_than(of.min_n, whole)]
    if of.value is not None:
        none = Both(f"`{of.value}` 之和不为正", f"their `{of.value}` do not add up to more than 0")
        missing += [Missing(Status.INSUFFICIENT, none), too_many()]
    return Meaning(
        Both(
            f"{whole.zh}中,{further} 也相同的所占{what.zh}的比例",
            f"the part, by {what.en}, of {whole.en}, that also shares {further} with the event",
        ),
        (
            f"W = {members(scenario, of, of.of, of.value)}",
            f"P = {{ j in W : {', '.join(f'{n}_j = {n}' for n in set_minus(of.key, of.of))} }}",
            f"value = (sum over P of {x}) / (sum over W of {x})",
        ),
        SHARE if of.value is None else REAL,
        tuple(missing),
        usual(scenario, of, of.value),
    )


def set_minus(key: tuple[str, ...], of: tuple[str, ...]) -> tuple[str, ...]:
    """The fields of `key` that `of` has not."""
    return tuple(name for name in key if name not in of)


def _is_new(scenario: Scenario, of: IsNew) -> Meaning:
    whole = earlier(scenario, of, of.of)
    return Meaning(
        Both(
            f"{span(of.reach).zh}事件中是否从未出现过这一 {code(of.key, '、')} 组合:"
            "未出现为1,出现过为0",
            f"1 where this combination of {code(of.key, ' and ')} was not seen "
            f"{span(of.reach).en}, 0 where it was",
        ),
        (
            f"P = {members(scenario, of, of.key)}",
            f"W = {members(scenario, of, of.of)}",
            f"value = 1 if |P| = 0 else 0, where |W| >= {of.min_n}",
        ),
        FLAG,
        (no_key(of.key), fewer_than(of.min_n, whole)),
        (
            *usual(scenario, of),
            Both(
                "窗口之前的往来视为不存在。",
                "What lies before the window counts as never having been.",
            ),
        ),
    )


def _rarity(scenario: Scenario, of: Rarity) -> Meaning:
    whole = earlier(scenario, of, of.of)
    further = code(set_minus(of.key, of.of), "、")
    is_step = any(item.how == "previous" and item.name in of.of for item in scenario.measures)
    return Meaning(
        Both(
            f"{whole.zh}中,{further} 也相同的有多少见:总数与其中相同者之比的以2为底的对数",
            f"how seldom {further} is as here among {whole.en}: the octaves between their number "
            "and the number of those that share it",
        ),
        (
            f"P = {members(scenario, of, of.key)}",
            f"W = {members(scenario, of, of.of)}",
            "value = (g(|W|) - g(|P|)) / 64, about log2((|W| + 1) / (|P| + 1))",
            "g(n) = floor(64 * log2(n + 1)), taken as linear inside an octave",
        ),
        NOT_NEGATIVE,
        (no_key(of.key), fewer_than(of.min_n, whole)),
        (
            *usual(scenario, of),
            Both(
                "业务构成在窗口内大体稳定;新出现的一类起初总是少见。",
                "The mix is stable over the window; whatever is new is rare at first.",
            ),
        ),
        (papers.SHANNON, papers.FOLLOWS, papers.HANDOVER) if is_step else (papers.SHANNON,),
    )


def _since(scenario: Scenario, of: Since) -> Meaning:
    looked_at = earlier(scenario, of, of.key)
    zh, en, pick = ("最近", "last", "max") if of.which == "last" else ("最早", "first", "min")
    return Meaning(
        Both(f"距{looked_at.zh}中{zh}一个的天数", f"days since the {en} of {looked_at.en}"),
        (
            f"S = {members(scenario, of, of.key)}",
            f"value = (t - {pick} over S of t_j) / 86,400 seconds",
        ),
        Range(0, of.atoms[0].longest_us / DAY_US, whole=False),
        (no_key(of.key), fewer_than(1, looked_at)),
        (
            *usual(scenario, of),
            Both("更早的事件视为没有。", "What lies further back counts as not being there."),
        ),
    )


def _excess(scenario: Scenario, of: Excess) -> Meaning:
    looked_at = earlier(scenario, of, of.key, of.expected)
    won, chance = of.observed, of.expected
    return Meaning(
        Both(
            f"{looked_at.zh}中,`{won}` 为1的个数超出其概率 `{chance}` 之和多少个标准差",
            f"by how many standard deviations the number of {looked_at.en}, whose `{won}` is 1, "
            f"exceeds the sum of their chances `{chance}`",
        ),
        (
            f"S = {members(scenario, of, of.key, chance)}",
            f"p_j = {chance}_j / 1,000,000",
            f"value = (sum over S of ({won}_j - p_j)) / sqrt(sum over S of p_j (1 - p_j))",
        ),
        REAL,
        (no_key(of.key), fewer_than(of.min_n, looked_at), *_no_excess(won, chance), too_many()),
        (*usual(scenario, of), _BY_CHANCE),
        (papers.POISSON_BINOMIAL,),
        Both("标准差", "standard deviations"),
    )


_BY_CHANCE: Final = Both(
    "各事件相互独立,所给概率属实;概率偏低会使数值偏高。",
    "Events are independent, and the chances given are right; chances that are too low make it "
    "too high.",
)


def _no_excess(won: str, chance: str) -> tuple[Missing, Missing]:
    one_only = Both(
        f"有的事件只带有 `{won}` 与 `{chance}` 之一,或概率全为0或1",
        f"some carry only one of `{won}` and `{chance}`, or every chance is 0 or 1",
    )
    no_chance = Both(
        f"`{won}` 不是0或1,或 `{chance}` 不在0至1,000,000之间",
        f"a `{won}` is neither 0 nor 1, or a `{chance}` is not from 0 to 1,000,000",
    )
    return Missing(Status.INSUFFICIENT, one_only), Missing(Status.ERROR, no_chance)


def _set_rarity(scenario: Scenario, of: SetRarity) -> Meaning:
    looked_at = earlier(scenario, of, of.key, of.sketch)
    x, is_lacking = of.sketch, of.side == "lacking"
    zh, en = (
        ("没有任何本事件所缺的元素", "had nothing that this one lacks")
        if is_lacking
        else ("不缺本事件已有的任何元素", "lacked nothing that this one has")
    )
    held, holding = (f"{x}_j", x) if is_lacking else (x, f"{x}_j")
    return Meaning(
        Both(
            f"{looked_at.zh}中,其集合{zh}的有多少见:总数与其中这样的事件数之比的以2为底的对数",
            f"how seldom one of {looked_at.en} {en}: the octaves between their number and the "
            "number of those that are so",
        ),
        (
            f"W = {members(scenario, of, of.key, x)}",
            f"P = {{ j in W : bits of {held} are among those of {holding} }}",
            "value = (g(|W|) - g(|P|)) / 64, about log2((|W| + 1) / (|P| + 1))",
            "g(n) = floor(64 * log2(n + 1)), taken as linear inside an octave",
        ),
        NOT_NEGATIVE,
        (no_key(of.key), no_number(x), fewer_than(of.min_n, looked_at)),
        (
            *usual(scenario, of),
            Both(
                "62位中每个元素占两位,两位都被其他元素占去的元素看不出来。",
                "Two of 62 bits stand for an element; one whose bits others have is not seen.",
            ),
        ),
        (papers.BLOOM, papers.FOLLOWS),
    )


def _near_duplicates(scenario: Scenario, of: NearDuplicates) -> Meaning:
    looked_at = earlier(scenario, of, of.key, of.sketch)
    agree = (1.0 + of.similarity) / 2.0
    error = 2.0 * sqrt(agree * (1.0 - agree) / 62.0)
    return Meaning(
        Both(
            f"{looked_at.zh}中,文本与本事件近似的个数:62位摘要至多相差{of.bits}位,"
            f"相当于三字符组的Jaccard相似度约{of.similarity:g}以上",
            f"the number of {looked_at.en}, whose text is nearly the event's: sketches of 62 bits "
            f"that differ in at most {of.bits}, a Jaccard similarity of character trigrams of "
            f"about {of.similarity:g} or more",
        ),
        (
            f"S = {members(scenario, of, of.key, of.sketch)}",
            f"value = |{{ j in S : differing bits({of.sketch}_j, {of.sketch}) <= {of.bits} }}|",
        ),
        COUNT,
        (no_key(of.key), no_number(of.sketch)),
        (
            *usual(scenario, of),
            Both(
                "文本在入口按同一规则归一,摘要密钥不变;换密钥后新旧不可比。",
                "Texts are normalised in one way at the door and sketched with one key; sketches "
                "of two keys cannot be compared.",
            ),
            Both(
                f"62位只能估计相似度,在阈值处标准误约{error:.2f}。",
                f"62 bits estimate the similarity; at the threshold its standard error is about "
                f"{error:.2f}.",
            ),
        ),
        (papers.MINWISE, papers.RESEMBLANCE),
    )
