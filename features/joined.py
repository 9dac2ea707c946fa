"""Who is joined to whom, in sets and exact numbers: a network's definition without a kernel."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

import numpy as np

from features.columns import Columns
from features.declared import Network
from features.kernels.order import Rows

_MILLION = 1_000_000


def members(network: Network, columns: Columns, row: int, seen: Rows) -> frozenset[int]:
    """Codes of the members of the component of the event in `row`, by the rows that it sees.

    `seen` are in time order. Empty where the event has no member or no identifier.
    """
    own = int(columns.codes[network.member][row])
    if own < 0 or all(columns.codes[name][row] < 0 for name in network.by):
        return frozenset()
    names, users = _uses(network, columns, [row, *reversed(seen.tolist())])
    reached, last = {own}, {own}
    while last and (last == {own} or len(reached) < network.most_members):
        found = {other for one in last for other in _joined(network, names[one], users)}
        last = found - reached
        reached |= last
    return frozenset(reached)


def latest(network: Network, columns: Columns, rows: Rows, of: Collection[int]) -> Rows:
    """Those of the rows, which are in time order, that count of each of some members."""
    code = columns.codes[network.member][rows]
    places = [np.flatnonzero(code == member)[-network.most_rows :] for member in of]
    found: Rows = rows[np.sort(np.concatenate([*places, np.empty(0, np.int64)]))]
    return found


Name = tuple[str, int]


def _uses(
    network: Network, columns: Columns, rows: Sequence[int]
) -> tuple[dict[int, set[Name]], dict[Name, set[int]]]:
    """What each member uses, and who uses each identifier, by the latest rows of either.

    The first of `rows` is the event's own, which counts in any case.
    """
    names: dict[int, set[Name]] = defaultdict(set)
    users: dict[Name, set[int]] = defaultdict(set)
    read: Counter[int | Name] = Counter()
    for k, row in enumerate(rows):
        member = int(columns.codes[network.member][row])
        if member < 0:
            continue
        codes = ((name, int(columns.codes[name][row])) for name in network.by)
        used = {name for name in codes if name[1] >= 0}
        if read[member] < network.most_rows or k == 0:
            names[member] |= used
        for name in used:
            if read[name] < network.most_rows or k == 0:
                users[name].add(member)
        if k:
            read.update([member, *used])
    return names, users


def _joined(
    network: Network, names: Iterable[Name], users: Mapping[Name, set[int]]
) -> Iterator[int]:
    """Members that share enough with one who uses `names`."""
    shared: Counter[int] = Counter()
    for name in names:
        n = len(users[name])
        if 1 < n <= network.most_degree:
            weight = round(_MILLION / Decimal(1 + n).ln())
            shared.update(dict.fromkeys(users[name], weight))
    return (other for other, weight in shared.items() if weight >= network.least_ppm)
