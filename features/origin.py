"""Where a cell comes from: the looks at earlier events behind it, its own and its measures'.

An event's own measure may be made of further measures, or stand in a key; each of them that looks
at earlier events is a look of the cell's, once and in the order in which it is come upon.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from features.declared import Graph
from features.expression import Expression, KeyZ, Since
from features.finalise import own_number
from features.spec import Atom, Feature, Measure, Scenario


@dataclass(frozen=True, slots=True)
class Look:
    """One look at earlier events: the state, what is taken of each, and whether of one end only.

    `measure` names the event's own measure that looks, where it is not the feature itself; a
    snapshot is looked at as of the midnight before the event. Of a `graph` only the events of those
    are looked at whom the event is joined to, and its own.
    """

    atom: Atom
    column: str | None = None
    end: Literal["last", "first"] | None = None
    measure: str | None = None
    at_midnight: bool = False
    graph: Graph | None = None


def looks(scenario: Scenario, feature: Feature) -> tuple[Look, ...]:
    """Where a feature looks at earlier events: its states in their order, then its measures."""
    behind = measures_behind(scenario, feature.of)
    return (*_of_states(feature.of), *(look for one in behind for look in _of_measure(one)))


def measures_behind(scenario: Scenario, of: Expression) -> tuple[Measure, ...]:
    """The event's own measures that an expression takes, each before those that it is made of."""
    declared = {item.name: item for item in scenario.measures}
    found = dict[str, Measure]()
    open_ = [*_taken(of)][::-1]
    while open_:
        name = open_.pop()
        if name in declared and name not in found:
            found[name] = declared[name]
            open_ += [*_made_of(declared[name])][::-1]
    return tuple(found.values())


def _taken(of: Expression) -> Iterator[str]:
    """Columns of the event itself that an expression takes: its number, and its keys."""
    number = own_number(of)
    if number is not None:
        yield number
    for atom in of.members if isinstance(of, KeyZ) else of.atoms:
        yield from atom.key


def _made_of(measure: Measure) -> Iterator[str]:
    """Columns of the event itself that a measure is made of; others are taken of earlier events."""
    yield from measure.key
    if measure.how != "previous" and measure.network is None:
        yield from (measure.field, measure.other)
    if measure.atom is None and measure.where is not None:
        yield measure.where.field


def _of_states(of: Expression) -> Iterator[Look]:
    match of:
        case Since():
            yield from (Look(atom, end=of.which) for atom in of.atoms)
        case KeyZ():
            yield from (Look(atom, atom.value, at_midnight=True) for atom in of.members)
        case _:
            yield from (Look(atom, atom.value) for atom in of.atoms)


def _of_measure(measure: Measure) -> Iterator[Look]:
    atom = measure.atom
    if atom is None:
        return
    if measure.graph is not None:
        yield from _of_network(measure, measure.graph, atom)
        return
    column = measure.taken if measure.how in ("previous", "steps", "change_ppm") else None
    end: Literal["last", "first"] = "first" if measure.how == "elapsed_first" else "last"
    yield Look(atom, column, end, measure.name)


def _of_network(measure: Measure, graph: Graph, atom: Atom) -> Iterator[Look]:
    """Whom the members are, or what they had, and for a share what all had."""
    if measure.how == "network_members":
        yield Look(graph.who, graph.network.member, measure=measure.name, graph=graph)
        return
    yield Look(atom, measure.field, measure=measure.name, graph=graph)
    if measure.how == "network_share_ppm":
        yield Look(atom, measure.field, measure=measure.name)
