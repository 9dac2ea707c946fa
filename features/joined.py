"""Who is joined to whom, in sets and exact numbers: a network's definition without a kernel."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import permutations

from features.columns import Columns
from features.declared import Network
from features.kernels.order import Rows

_MILLION = 1_000_000


def members(network: Network, columns: Columns, row: int, seen: Rows) -> frozenset[int]:
    """Codes of the members of the component of the event in `row`, by the rows that it sees.

    Empty where the event has no member or no identifier.
    """
    own = int(columns.codes[network.member][row])
    if own < 0 or all(columns.codes[name][row] < 0 for name in network.by):
        return frozenset()
    joined = _joined(network, _users(network, columns, [row, *seen.tolist()]))
    reached, last = {own}, {own}
    while last and (last == {own} or len(reached) < network.most_members):
        last = {other for one, other in joined if one in last} - reached
        reached |= last
    return frozenset(reached)


def _users(network: Network, columns: Columns, rows: Iterable[int]) -> Iterator[frozenset[int]]:
    """Who uses each identifier."""
    found: dict[tuple[str, int], set[int]] = {}
    for row in rows:
        member = int(columns.codes[network.member][row])
        for name in network.by:
            code = int(columns.codes[name][row])
            if member >= 0 and code >= 0:
                found.setdefault((name, code), set()).add(member)
    return map(frozenset, found.values())


def _joined(network: Network, users: Iterable[frozenset[int]]) -> set[tuple[int, int]]:
    """Pairs, both ways round, that share enough."""
    shared: dict[tuple[int, int], int] = {}
    for those in users:
        if 1 < len(those) <= network.most_degree:
            weight = round(_MILLION / Decimal(1 + len(those)).ln())
            for pair in permutations(those, 2):
                shared[pair] = shared.get(pair, 0) + weight
    return {pair for pair, weight in shared.items() if weight >= network.least_ppm}
