"""The live plan: a scenario's atoms and features as the integer tables that live kernels read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from struct import Struct
from typing import Final

import numpy as np

from features.contracts.vectors import Integers, Vector
from features.declared import Graph
from features.finalise import applied_key, own_number, spec_of
from features.kernels import MISSING
from features.kernels.network import weights
from features.live.finish import PEERS_WIDTH, QUERY
from features.live.program import program
from features.live.streams import STEPS, Stream, Streams, compared, graphs, measured, value_column
from features.measure import plain
from features.scan import light
from features.spec import Atom, Key, KeyZ, Measure, Scenario, Where, Window
from features.store.codes import Codes
from features.store.shape import Shape

_OPS: Final = {
    "moments": light.MOMENTS,
    "codes": light.CODES,
    "grids": light.GRIDS,
    "orders": light.ORDERS,
    "ends": light.ENDS,
    "near": light.SKETCHES,
}
Group = tuple[int, ...]
"""A group's columns up to its slot."""


@dataclass(frozen=True)
class Part:
    """What is asked of one stream: its groups, and the longest window stated in microseconds."""

    stream: int
    key: Key
    groups: slice
    longest: int


@dataclass(frozen=True)
class Question:
    """Atoms that are asked for together, and the groups in which they are computed.

    `groups` stand in the order of their streams; `lengths` are the windows' microseconds, or 0 for
    calendar periods, which `periods` list with their place and their part. `owns` are the columns
    of the event itself that groups compare with: the group, the place among what it compares with,
    and the column.
    """

    atoms: tuple[Atom, ...]
    parts: tuple[Part, ...]
    groups: Integers
    lengths: Integers
    periods: tuple[tuple[int, int, str], ...]
    owns: tuple[tuple[int, int, str], ...]

    @cached_property
    def owns_none(self) -> Integers:
        """What groups compare with of an event that has nothing to compare."""
        out = np.full((len(self.groups), light.OWN_WIDTH), light.NO_CODE)
        out[:, 0] = MISSING
        return out

    @cached_property
    def own_codes(self) -> frozenset[str]:
        """Columns of which groups compare with the event's code."""
        return frozenset(name for _, place, name in self.owns if place)

    def group_of(self, atom: Atom) -> int:
        """Number of the group that the atom is in."""
        k = self.atoms.index(atom)
        (found,) = np.flatnonzero(
            (self.groups[:, light.ATOM_FROM] <= k) & (k < self.groups[:, light.ATOM_TO])
        )
        return int(found)


@dataclass(frozen=True)
class Look:
    """A look at one key's rows: the stream with its key, the group, and its number."""

    stream: int
    key: Key
    group: Integers
    number: int


@dataclass(frozen=True, eq=False)
class GraphPlan:
    """What a search of a graph asks of the histories.

    `links` are looked at for members, an identifier each; `member` for the rows of a member, of
    which `names` are columns, and `money` for those that have an amount.
    """

    graph: Graph
    question: Question
    length: int
    weights: tuple[int, ...]
    links: tuple[Look, ...]
    member: Look
    names: tuple[int, ...]
    money: Look


class LivePlan:
    """Tables of one scenario over one dictionary of codes; made once, when an engine opens."""

    def __init__(self, scenario: Scenario, streams: Streams, codes: Codes) -> None:
        self.scenario, self.streams = scenario, streams
        self._dictionary = codes
        self._spans: dict[tuple[str, ...], tuple[int, int]] = {}
        self._codes: list[int] = []
        self._slots: list[dict[Group, int]] = [{} for _ in streams.all]
        self._linked = [light.NOWHERE] * len(streams.all)
        self.measures = {
            item.name: self._measure(item, atom)
            for item, atom in measured(scenario)
            if item.how not in ("network_members", "network_money")  # they look at members alone
        }
        self.members = {
            name: self._question(sorted(atoms, key=self._group))
            for name, atoms in compared(scenario).items()
        }
        plans = {graph: self._graph(graph) for graph in graphs(scenario).values()}
        self.plain = {one.name: made for one in scenario.measures if (made := plain(one))}
        self.graphs = {name: plans[graph] for name, graph in graphs(scenario).items()}
        self.kept = frozenset(name for one in streams.all for name in one.columns)
        self.features = self._question(sorted(scenario.atoms, key=self._group))
        questions = (*self.measures.values(), *(one.question for one in plans.values()))
        self.own_codes = frozenset().union(
            *(question.own_codes for question in (*questions, self.features)),
            *((graph.network.member, *graph.network.by) for graph in plans),
        )
        self.codes = np.array([*self._codes, light.NO_CODE], np.int64)
        self.places = {atom: k for k, atom in enumerate(self.features.atoms)}
        self._finals()

    def _finals(self) -> None:
        """What finalisers take of an event besides its states."""
        expressions = [feature.of for feature in self.scenario.features]
        self.specs = np.array([spec_of(of) for of in expressions], np.int64).reshape(-1, 3)
        self.uses = self._uses()
        names = [own_number(of) for of in expressions]
        self.numbers = tuple((k, name) for k, name in enumerate(names) if name is not None)
        self.numbers_none = np.full(len(names), MISSING)
        self._owns_of_all()
        keys = [applied_key(of) for of in expressions]
        self.keys: tuple[Key, ...] = tuple(dict.fromkeys(key for key in keys if key is not None))
        place_of = {key: k for k, key in enumerate(self.keys, 1)}
        self.applies = np.array([0 if key is None else place_of[key] for key in keys], np.int64)
        self.key_fields = tuple(dict.fromkeys(name for key in self.keys for name in key))
        self.applies_all = np.ones(len(keys), np.bool_)
        self.compared = tuple((k, of) for k, of in enumerate(expressions) if isinstance(of, KeyZ))
        fills = [feature.fill for feature in self.scenario.features]
        self.fills: Vector | None = None
        if any(fill is not None for fill in fills):
            self.fills = np.array([np.nan if fill is None else fill for fill in fills])

    def _owns_of_all(self) -> None:
        """Which values of an event its features take, each once, and where each goes.

        A value is a column, and whether the event's text is looked for among the codes; of some
        the step on the grid is taken. `told` and `peers` are room for one call, used again by the
        next.
        """
        owns = [(*own[:2], own[2].removeprefix(STEPS), own[1] > 0) for own in self.features.owns]
        owns += [(light.NOWHERE, k, name, False) for k, name in self.numbers]
        self.own_values = tuple(dict.fromkeys(own[2:] for own in owns))
        steps = [name.startswith(STEPS) for _, _, name in self.features.owns]
        steps += [False] * len(self.numbers)
        places = [
            (group, place, self.own_values.index((name, is_code)), is_step)
            for (group, place, name, is_code), is_step in zip(owns, steps, strict=True)
        ]
        self.own_places = np.array(places, np.int64).reshape(-1, 4)
        held = self.features.groups, self.features.owns_none, self.codes
        finals = self.specs, self.uses, self.numbers_none, self.own_places
        self.program = program(*held, *finals)
        self.told = np.empty(QUERY + len(self.own_values), np.int64)
        self._told, self._write = self.told.data, Struct(f"{len(self.told)}q").pack_into
        self.peers = np.empty((len(self.specs), PEERS_WIDTH))

    def tell(self, numbers: Sequence[int]) -> Integers:
        """What an event says of itself, as kernels take it, until the next is told."""
        self._write(self._told, 0, *numbers)
        return self.told

    def shape(self, number: int) -> Shape:
        """What the store must know of a stream."""
        slots = _slot_table(self._slots[number])
        return Shape(self.streams.all[number].width, slots, self.codes, self._linked[number])

    def _measure(self, measure: Measure, atom: Atom) -> Question:
        taken = (measure.taken,) if measure.taken else ()
        return self._question((atom,), taken, is_change=measure.how == "change_ppm")

    def _graph(self, graph: Graph) -> GraphPlan:
        question = self._question(sorted(graph.atoms, key=self._group))
        member = self._look(question, graph.names[0])
        member.group[light.VALUE] = light.NOWHERE
        stream = self.streams.all[member.stream]
        return GraphPlan(
            graph,
            question,
            graph.money.longest_us,
            tuple(weights(graph.network.most_degree).tolist()),
            links=tuple(self._look(question, atom) for atom in graph.links),
            member=member,
            names=tuple(stream.place(name) for name in graph.network.by),
            money=self._look(question, graph.money),
        )

    def _look(self, question: Question, atom: Atom) -> Look:
        number, stream = question.group_of(atom), self.streams.of(atom)
        return Look(stream, self.streams.all[stream].key, question.groups[number].copy(), number)

    def _question(
        self, atoms: Sequence[Atom], taken: tuple[str, ...] = (), *, is_change: bool = False
    ) -> Question:
        rows: list[list[int]] = []
        keys: list[Group] = []
        for k, atom in enumerate(atoms):
            group = self._group(atom, taken, is_change=is_change)
            if not keys or keys[-1] != group:
                keys.append(group)
                self._link(group)
                rows.append([*group, self._slot(group), k, k])
            rows[-1][light.ATOM_TO] = k + 1
        reaches = [atom.reach for atom in atoms]
        parts = tuple(self._parts(rows, atoms))
        part_of = {part.stream: k for k, part in enumerate(parts)}
        heads = [atoms[row[light.ATOM_FROM]] for row in rows]
        return Question(
            atoms=tuple(atoms),
            parts=parts,
            groups=np.array(rows, np.int64).reshape(-1, light.GROUP_WIDTH),
            lengths=np.array([0 if isinstance(r, str) else r for r in reaches], np.int64),
            periods=tuple(
                (k, part_of[self.streams.of(atoms[k])], reach)
                for k, reach in enumerate(reaches)
                if isinstance(reach, str)
            ),
            owns=tuple(own for g, atom in enumerate(heads) for own in self._owns(g, atom)),
        )

    def _parts(self, rows: Sequence[Sequence[int]], atoms: Sequence[Atom]) -> Iterator[Part]:
        """The streams of the groups, in their order."""
        for stream in dict.fromkeys(row[light.STREAM] for row in rows):
            groups = [g for g, row in enumerate(rows) if row[light.STREAM] == stream]
            reaches = [atom.reach for atom in atoms if self.streams.of(atom) == stream]
            longest = max((r for r in reaches if isinstance(r, int)), default=0)
            key = self.streams.all[stream].key
            yield Part(stream, key, slice(groups[0], groups[-1] + 1), longest)

    def _owns(self, group: int, atom: Atom) -> Iterator[tuple[int, int, str]]:
        """Columns of the event itself that a group of such atoms compares with."""
        column = value_column(atom)
        if column is not None and atom.op in ("grids", "near"):
            yield group, 0, column
        for k, name in enumerate(self.streams.further(atom), 1):
            yield group, k, name

    def _group(self, atom: Atom, taken: tuple[str, ...] = (), *, is_change: bool = False) -> Group:
        """The columns of the atom's group up to its slot; atoms of equal ones share a pass."""
        number = self.streams.of(atom)
        stream = self.streams.all[number]
        op = light.COUNT if atom.op == "moments" and atom.value is None else _OPS[atom.op]
        column, option = value_column(atom), atom.near
        if op == light.ENDS:
            option = stream.place(taken[0]) if taken else light.NOWHERE
            column = taken[0] if is_change else None
        elif op == light.CODES:
            option = 0 if self._is_counted(atom) else light.NOWHERE
        value = light.NOWHERE if column is None else stream.place(column)
        conditions = *self._kinds(atom, stream), *self._where(atom, stream)
        further = [stream.place(name) for name in self.streams.further(atom)]
        further += [light.NOWHERE] * (light.MOST_FURTHER - len(further))
        return (number, op, value, *conditions, *further, option)

    def _is_counted(self, atom: Atom) -> bool:
        """Whether more is asked of codes than how many are different."""
        users = [item.of for item in self.scenario.features if atom in item.of.atoms]
        return any(not isinstance(of, Window) or of.agg != "distinct" for of in users)

    def _kinds(self, atom: Atom, stream: Stream) -> tuple[int, int, int]:
        by_kind = atom.where is not None and atom.where.field == "kind"
        counted = self.streams.counted(stream.source)
        if by_kind or set(counted) == set(stream.kinds):
            return light.NOWHERE, 0, 0
        return self._condition(stream, Where("", "kind", counted))

    def _where(self, atom: Atom, stream: Stream) -> tuple[int, int, int]:
        if atom.where is None:
            return light.NOWHERE, 0, 0
        return self._condition(stream, atom.where)

    def _condition(self, stream: Stream, where: Where) -> tuple[int, int, int]:
        if where.values not in self._spans:
            start = len(self._codes)
            self._codes += [self._dictionary.code(text) for text in where.values]
            self._spans[where.values] = start, len(self._codes)
        return stream.place(where.field), *self._spans[where.values]

    def _slot(self, group: Group) -> int:
        """Number of the tile slot that serves the group, among sums or among histograms."""
        op, value = group[light.OP], group[light.VALUE]
        is_part = group[light.FURTHER] != light.NOWHERE
        if is_part or op in (light.CODES, light.ORDERS, light.SKETCHES):
            return light.NOWHERE
        kept = light.GRIDS if op == light.GRIDS else light.COUNT
        if kept == light.COUNT and value != light.NOWHERE:
            kept = light.MOMENTS
        slots = self._slots[group[light.STREAM]]
        key = (group[light.STREAM], kept, *group[light.VALUE : light.FURTHER])
        is_grid = kept == light.GRIDS
        alike = sum((held[light.OP] == light.GRIDS) == is_grid for held in slots)
        return slots.setdefault(key, alike)

    def _link(self, group: Group) -> None:
        """Take note of the first column of a stream of which different codes are counted."""
        number = group[light.STREAM]
        if self._linked[number] == light.NOWHERE and light.counts_distinct(np.array(group)):
            self._linked[number] = group[light.VALUE]

    def _uses(self) -> Integers:
        used = [[self.places[atom] for atom in item.of.atoms] for item in self.scenario.features]
        out = np.full((len(used), max((len(row) for row in used), default=0) + 1), -1)
        for k, row in enumerate(used):
            out[k, : len(row)] = row
        return out


def _slot_table(slots: dict[Group, int]) -> Integers:
    """Slots as the kernels' groups, sums before histograms, each in the order of its numbers."""
    ordered = sorted(slots.items(), key=lambda item: (item[0][light.OP] == light.GRIDS, item[1]))
    out = np.full((len(ordered), light.GROUP_WIDTH), light.NOWHERE, np.int64)
    for k, (key, number) in enumerate(ordered):
        out[k, : len(key)], out[k, light.SLOT] = key, number
    return out
