"""The component of one live event: a search from key to key of the histories.

The same definition as `features.kernels.network`, by the same integers. A search reads one history
for each member that it reaches and for each identifier of theirs, and none of the ledger's events.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from features.contracts.vectors import Integers
from features.live.looking import Sight, Span, segments
from features.live.plan import GraphPlan, Look
from features.live.streams import key_text
from features.measure import Joined, Sum
from features.scan.layout import OBSERVED, ORDINAL, SEQ, T
from features.scan.light import NO_CODE, VALUE
from features.scan.looks import distinct, places


class _Uses(NamedTuple):
    """What a member used, identifiers by their kind, and what it had."""

    names: list[set[int]]
    money: int
    rows: int


class Search:
    """One event's search for its component; the event has a member, an identifier and the key."""

    def __init__(self, sight: Sight, plan: GraphPlan) -> None:
        self.sight, self.plan, self.network = sight, plan, plan.graph.network
        self._texts = {name: sight.own[name] for name in plan.graph.key}
        self._owns = sight.owns(plan.question)
        self._start = sight.t_us - plan.length
        self._own = self._code(self.network.member)
        self._own_names = [self._code(name) for name in self.network.by]
        self._users: dict[tuple[int, int], list[int]] = {}
        self._uses: dict[int, _Uses] = {}

    def component(self) -> Joined:
        """The event's component."""
        reached = self._reached()
        uses = [self._uses_of(member) for member in reached]
        had = Sum(sum(one.money for one in uses), sum(one.rows for one in uses))
        return Joined(len(reached), had)

    def seen(self, *, paid: bool) -> Integers:
        """Places in the ledger of the members' rows, newest first, with a code or an amount.

        Those that say who uses what, each with its member; or, where `paid`, those that have an
        amount, each with it.
        """
        look = self.plan.money if paid else self.plan.member
        found: list[tuple[int, ...]] = []
        for member in self._reached():
            left = self.network.most_rows
            for rows, span in self._rows(look, self.network.member, self._text_of(member)):
                at = places(rows, span, self._start, *self._sees(look))[:left]
                left -= len(at)
                amounts = rows[look.group[VALUE], at].tolist() if paid else [member] * len(at)
                heads = rows[[T, ORDINAL, OBSERVED, SEQ]][:, at].T.tolist()
                found += [(*head, taken) for head, taken in zip(heads, amounts, strict=True)]
        found.sort(reverse=True)
        return np.array([one[-2:] for one in found], np.int64).reshape(-1, 2).T

    def _text_of(self, member: int) -> str:
        """What a member's code stands for; the event's own may have none."""
        if member == self._own:
            return str(self.sight.own[self.network.member])
        return str(self.sight.ground.codes.text(member))

    def _code(self, name: str) -> int:
        """The code of the event's own text, one that no row has where it is new or missing."""
        text = self.sight.own.get(name)
        code = None if text is None else self.sight.ground.codes.find(str(text))
        return NO_CODE if code is None else code

    def _reached(self) -> list[int]:
        """Codes of the component's members."""
        reached, last = {self._own: True}, [self._own]
        while last and (len(reached) == 1 or len(reached) < self.network.most_members):
            step = dict.fromkeys(other for member in last for other in self._joined(member))
            last = [other for other in step if other not in reached]
            reached |= dict.fromkeys(last, True)
        return list(reached)

    def _joined(self, member: int) -> list[int]:
        """Members that share enough with one."""
        total: dict[int, int] = {}
        for kind, names in enumerate(self._uses_of(member).names):
            for name in names:
                users = self._users_of(kind, name)
                weight = self.plan.weights[len(users)]
                for other in users:
                    total[other] = total.get(other, 0) + weight
        return [other for other, weight in total.items() if weight >= self.network.least_ppm]

    def _users_of(self, kind: int, name: int) -> list[int]:
        """Members that use an identifier; none where it is one alone, or they are too many."""
        held = self._users.get((kind, name))
        if held is None:
            held = self._users[kind, name] = self._found_users(kind, name)
        return held

    def _found_users(self, kind: int, name: int) -> list[int]:
        text = self.sight.ground.codes.text(name)
        if text is None:
            return []
        out, n = np.empty(self.network.most_degree, np.int64), 0
        if self._own_names[kind] == name:
            out[0], n = self._own, 1
        look, left = self.plan.links[kind], self.network.most_rows
        for rows, span in self._rows(look, self.network.by[kind], text):
            n, left = distinct(rows, span, self._start, *self._sees(look), out, n, left)
            if n > len(out):
                return []
            if left == 0:
                break
        return out[:n].tolist() if n > 1 else []

    def _uses_of(self, member: int) -> _Uses:
        """What a member used, and had, as far as the event sees."""
        held = self._uses.get(member)
        if held is None:
            held = self._uses[member] = self._found_uses(member)
        return held

    def _found_uses(self, member: int) -> _Uses:
        is_own = member == self._own
        names: list[set[int]] = [set() for _ in self.network.by]
        if is_own:
            for kind, code in enumerate(self._own_names):
                names[kind].add(code)
        most, look, paid = self.network.most_rows, self.plan.member, self.plan.money
        money, n, n_named = 0, 0, 0
        for rows, span in self._rows(look, self.network.member, self._text_of(member)):
            at = places(rows, span, self._start, *self._sees(look))[: most - n_named]
            for kind, column in enumerate(self.plan.names):
                names[kind].update(rows[column, at].tolist())
            n_named += len(at)
            at = places(rows, span, self._start, *self._sees(paid))[: most - n]
            amounts = rows[paid.group[VALUE], at].tolist()
            money, n = money + sum(amounts), n + len(amounts)
            if min(n, n_named) == most:
                break
        return _Uses([kind - {-1, NO_CODE} for kind in names], money, n)

    def _rows(self, look: Look, name: str, text: str) -> Iterable[tuple[Integers, Span]]:
        """The segments of a key's rows, newest first."""
        self._texts[name] = text
        key = key_text(look.key, self._texts)
        return () if key is None else segments(self.sight, (look.stream, key), self._start)

    def _sees(self, look: Look) -> tuple[Integers, Integers, Integers, Integers, Integers]:
        """What tells which rows are seen, as kernels take it."""
        codes = self.sight.ground.plan.codes
        return self.sight.query, self.sight.hidden, look.group, self._owns[look.number], codes


def search(sight: Sight, plan: GraphPlan) -> Search | None:
    """The search for the event's component; None where it has no member, no identifier or key."""
    network, own = plan.graph.network, sight.own
    is_named = any(own.get(name) is not None for name in network.by)
    has_key = all(own.get(name) is not None for name in (*plan.graph.key, network.member))
    return Search(sight, plan) if is_named and has_key else None


def component(sight: Sight, plan: GraphPlan) -> Joined | None:
    """The event's component; None where it has no member, no identifier or no key."""
    found = search(sight, plan)
    return None if found is None else found.component()
