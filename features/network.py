"""Networks in batch: the component of every event, searched in the columns of its history."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from features.columns import Columns, grouped
from features.contracts.vectors import Integers
from features.declared import Graph
from features.kernels import network
from features.kernels.order import Bools, Rows
from features.lane import Bounds, Clock

_NONE: Final = np.empty(0, np.int64)


def components(
    graph: Graph,
    columns: Columns,
    clock: Clock,
    bounds: Bounds,
    chosen: tuple[Bools, Bools],
    asked: Rows,
    start: Integers,
) -> Integers:
    """Members, sum and rows summed (n, 3) of the components of the rows asked about.

    Parameters
    ----------
    chosen
        Which rows say who uses what, and whose money counts.
    start
        Left edge of the window of each row asked about.
    """
    edges, of = _edges(graph, columns, chosen), graph.network
    money = np.ascontiguousarray(columns.numbers[graph.field])
    who = (asked, start, bounds.tie[asked], bounds.rank[asked], bounds.seq[asked])
    return network.components(
        network.Bounds(*map(np.ascontiguousarray, who)),
        _facts(columns, clock),
        edges,
        money,
        network.Limits(of.least_ppm, of.most_members, of.most_rows),
        most_degree=of.most_degree,
    )


def _facts(columns: Columns, clock: Clock) -> network.Facts:
    event = _events(columns) if columns.is_stale.any() else _NONE
    t, tie = map(np.ascontiguousarray, (clock.t, clock.tie))
    if clock.is_plain:
        return network.Facts(t, tie, _NONE, _NONE, _NONE, _NONE, event)
    facts = (clock.known, clock.seq, clock.gone, clock.gone_seq)
    known, seq, gone, gone_seq = map(np.ascontiguousarray, facts)
    return network.Facts(t, tie, known, seq, gone, gone_seq, event)


def _events(columns: Columns) -> Integers:
    """A number for each event, the same for all its versions."""
    found = columns.frame.select(pl.struct("kind", "event_id").rank("dense").cast(pl.Int64))
    return found.to_series().to_numpy(writable=True)


def _edges(graph: Graph, columns: Columns, chosen: tuple[Bools, Bools]) -> network.Edges:
    member = _numbered(columns, (*graph.key, graph.network.member))
    named, n_names = [], 0
    for name in graph.network.by:
        codes = _numbered(columns, (*graph.key, name))
        named.append(np.where(codes >= 0, codes + n_names, -1))
        n_names += int(codes.max(initial=-1)) + 1
    linking, paid = (columns.order[those[columns.order]] for those in chosen)
    n_members = int(member.max(initial=-1)) + 1
    return network.Edges(
        member.astype(np.int32),
        np.stack(named).astype(np.int32),
        *_by_number([member[linking]], linking, n_members),
        *_by_number([codes[linking] for codes in named], linking, n_names),
        *_by_number([member[paid]], paid, n_members),
    )


def _numbered(columns: Columns, key: Sequence[str]) -> Integers:
    return grouped([columns.codes[name] for name in key])


def _by_number(numbers: Sequence[Integers], rows: Rows, n: int) -> tuple[Rows, Integers]:
    """Rows by their number, in time order within one, and where each number's begin."""
    number = np.concatenate(numbers)
    place = np.tile(np.arange(len(rows)), len(numbers))
    order = np.lexsort((place, number))
    order = order[number[order] >= 0]
    starts = np.searchsorted(number[order], np.arange(n + 1))
    return np.ascontiguousarray(rows[place[order]]), starts.astype(np.int64)
