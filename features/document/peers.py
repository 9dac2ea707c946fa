"""What expressions mean that compare a number with peers, or a key with keys."""

from typing import Final

from features.document import papers
from features.document.parts import (
    COMPARABLE,
    GRID,
    REAL,
    SHARE,
    Meaning,
    Missing,
    few_peers,
    fewer_than,
    members,
    no_key,
    no_number,
    usual,
)
from features.document.words import Both, code, column, earlier
from features.expression import AmongPeers, KeyZ, PeerRank, RobustZ
from features.finalisers import MIN_PEERS
from features.spec import Scenario

_ROBUST_DEVIATIONS: Final = Both("稳健标准差", "robust standard deviations")
_SYMMETRIC: Final = Both(
    "同组取值在对数尺度上大致对称;否则3倍稳健标准差并不罕见。",
    "On the log scale peers are roughly symmetric; otherwise 3 deviations are nothing rare.",
)
_AT_MIDNIGHT: Final = Both(
    "各键的业务本可比较;当天零点之后发生的不计入。",
    "Keys do comparable business; what happens after the midnight does not count yet.",
)
_UNIT_STEPS: Final = (
    "u = 64 / 2^floor(|m| / 64), one unit of the value in steps at m; medians are the lower ones"
)


def robust_z(scenario: Scenario, of: RobustZ) -> Meaning:
    """Of the distance from the peers' median."""
    title = column(scenario, of.value)
    return Meaning(
        Both(
            f"{title.zh}与同组的差距:在对数格上偏离同组中位数多少个稳健标准差"
            f"(1.4826倍绝对中位差),取同组不少于{MIN_PEERS}个的最细一级",
            f"how far {title.en} lies from its peers' median on the log grid, in robust standard "
            f"deviations (1.4826 times the MAD), at the finest level with {MIN_PEERS} peers",
        ),
        (*_levels(scenario, of), _z("j"), _UNIT_STEPS, _grid(of.value)),
        REAL,
        (no_number(of.value), few_peers(of.peers, of.value)),
        (*usual(scenario, of, of.value), COMPARABLE, _SYMMETRIC, GRID),
        (papers.MAD, papers.ROBUST),
        _ROBUST_DEVIATIONS,
    )


def peer_rank(scenario: Scenario, of: PeerRank) -> Meaning:
    """Of the place among the peers."""
    title = column(scenario, of.value)
    return Meaning(
        Both(
            f"{title.zh}在同组中的位次:低于它的同组占比,相等的算一半,"
            f"取同组不少于{MIN_PEERS}个的最细一级",
            f"where {title.en} ranks among its peers: the share of them below it, equals counted "
            f"half, at the finest level with {MIN_PEERS} peers",
        ),
        (
            *_levels(scenario, of),
            "value = (|{ j : g(x_j) < g(x) }| + |{ j : g(x_j) = g(x) }| / 2) / n",
            _grid(of.value),
        ),
        SHARE,
        (no_number(of.value), few_peers(of.peers, of.value)),
        (*usual(scenario, of, of.value), COMPARABLE, GRID),
        (papers.RIDIT,),
        Both("同组占比", "share of peers"),
    )


def key_z(scenario: Scenario, of: KeyZ) -> Meaning:
    """Of the distance of a key's number from the median of all keys'."""
    number, formula = _key_number(of)
    keys, least = code(of.key, "、"), max(of.min_n, 1)
    counted = members(scenario, of, of.key, of.value)
    return Meaning(
        Both(
            f"事件前一个当地零点的快照中,该 {keys} 的{number.zh}偏离所有 {keys} 的中位数"
            "多少个稳健标准差(对数格上)",
            f"how far the {number.en} of this {keys} lies from the median of every {keys}, on the "
            "log grid in robust standard deviations, in the snapshot of the local midnight before "
            "the event",
        ),
        (
            f"S_k = {counted}, for every key k, with the local midnight before t as t",
            f"x_k = {formula}, keys with |S_k| >= {least}",
            _z("k"),
            _UNIT_STEPS,
            _grid("x"),
        ),
        REAL,
        _too_few(scenario, of, least),
        (*usual(scenario, of, of.value), _AT_MIDNIGHT, GRID),
        (papers.ROBUST, papers.FUNNEL),
        _ROBUST_DEVIATIONS,
    )


def _too_few(scenario: Scenario, of: KeyZ, least: int) -> tuple[Missing, ...]:
    which = earlier(scenario, of, of.key, of.value)
    keys = Both("可以比较的键", "keys to compare with")
    return no_key(of.key), fewer_than(least, which), fewer_than(MIN_PEERS, keys)


def _key_number(of: KeyZ) -> tuple[Both, str]:
    if of.over is not None:
        field, values = of.over.field, of.over.values
        share = Both(
            f"`{field}` 为 {code(values, '、')} 的事件占比",
            f"share of events whose `{field}` is {code(values, ' or ')}",
        )
        meets = f"{{ j in S_k : {field}_j in {{{', '.join(values)}}} }}"
        return share, f"floor(1,000,000 * |{meets}| / |S_k|)"
    if of.value is not None:
        return Both(f" `{of.value}` 之和", f"sum of `{of.value}`"), f"sum over S_k of {of.value}_j"
    return Both("事件数", "number of events"), "|S_k|"


def _levels(scenario: Scenario, of: AmongPeers) -> tuple[str, ...]:
    sets = tuple(
        f"level {level}: {members(scenario, of, key, of.value)}"
        for level, key in enumerate(of.peers)
    )
    return (*sets, f"x_j = {of.value}_j over the first level with n >= {MIN_PEERS}, x = {of.value}")


def _z(index: str) -> str:
    x = f"g(x_{index})"
    return (
        f"value = (g(x) - m) / (1.4826 * max(d, 4, u)), m = median of {x}, d = median of |{x} - m|"
    )


def _grid(value: str) -> str:
    return f"g({value}) = sign * floor(64 * log2(|{value}| + 1)), taken as linear inside an octave"
