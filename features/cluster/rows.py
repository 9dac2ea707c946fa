"""Rows of a flow: events in integers, with what a bucket must know of rows that it does not see.

Columns whose names start with @ are the flow's own, no field can be called so. `@row` is the row's
place in the whole input and breaks every tie, so that a bucket ranks its rows as the whole would.
A row that a later version takes the place of carries when and where that version was learned;
in a bucket it stands beside its row as one that marks the time and never counts.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import polars as pl

from features.calendar import Calendar
from features.columns import Columns, Texts
from features.contracts.events import EventField
from features.contracts.vectors import Integers
from features.history import History, Slice
from features.kernels import MISSING
from features.spec import Atom, Measure, Scenario

OWN: Final = ""
"""What the scenario's own rows are called; those of a source have its name."""
ROW: Final = "@row"
ID: Final = "@id"
TWIN: Final = "@twin"
"""First row of the same event, which stands for its id."""
LATER: Final = ("@later_row", "@later_observed", "@later_seq", "@later_version")
SCORED: Final = "@scored"
ASKED: Final = "@asked"
"""Whether a bucket is asked about the row, or is only shown it."""
UNIT: Final = "@unit"
_COMPARING: Final = ("grids", "near")
"""Operations that read the events' own column as well as their sources'."""
HEAD: Final = (ROW, "kind", "t", "o", "seq", "observed", "version", TWIN, *LATER, ASKED, UNIT)


def projected(frame: pl.DataFrame, names: Collection[str]) -> pl.DataFrame:
    """The columns by which rows are ordered and told apart, and those of `names` that are there."""
    return frame.select(name for name in frame.columns if name in HEAD or name in names)


def columns_of(
    frame: pl.DataFrame, fields: Sequence[EventField], measures: Sequence[Measure] = ()
) -> Columns:
    """Columns of a bucket's rows, in the order of the input, with the measures known so far.

    Rows that only mark when another was superseded are there too, retracted.
    """
    frame = _with_successors(frame).sort(ROW)
    absent = [item for item in fields if frame.schema[item.name] == pl.Null]
    frame = frame.with_columns(
        pl.col(item.name).cast(pl.String if item.kind in ("key", "category") else pl.Int64)
        for item in absent
    )
    if "seq" not in frame.columns:
        frame = frame.with_columns(seq=pl.col(ROW) + 1)
    columns = Columns.of(frame.with_columns(is_live=pl.lit(0, pl.Int8)), fields)
    for measure in measures:
        if measure.is_code:
            columns.encode(measure.name)
        else:
            values = frame[measure.name].fill_null(MISSING)
            columns.numbers[measure.name] = values.to_numpy(writable=True)
    return columns


def _with_successors(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows, and those that take their place, where another bucket holds them."""
    row, observed, seq, version = LATER
    frame = frame.with_columns(retracted=pl.lit(0, pl.Int8))
    if row not in frame.columns or frame[row].null_count() == len(frame):
        return frame
    later = frame.filter(pl.col(row).is_not_null()).unique(row, maintain_order=True)
    given = {"observed": pl.col(observed), "seq": pl.col(seq), ASKED: pl.lit(value=False)}
    marks = later.join(frame, left_on=row, right_on=ROW, how="anti").select(
        pl.col(row).alias(ROW),
        "kind",
        pl.col(observed).alias("t"),
        pl.lit(0).cast(frame.schema["o"]).alias("o"),
        pl.col(version).alias("version"),
        TWIN,
        pl.lit(1, pl.Int8).alias("retracted"),
        *(value.alias(name) for name, value in given.items() if name in frame.columns),
    )
    return pl.concat([frame, marks], how="diagonal").with_columns(event_id=pl.col(TWIN))


def asked_of(columns: Columns) -> Slice:
    """The rows that a bucket is asked about, all of its rows to be looked at."""
    flags = columns.frame[ASKED].fill_null(value=False).to_numpy()
    return Slice(columns.order[flags[columns.order]], 0, len(columns))


def history_of(
    columns: Columns,
    scenario: Scenario,
    calendar: Calendar,
    others: Mapping[str, Columns] | None = None,
) -> History:
    """The history of a bucket; of a source that it needs not, its own rows stand in the place."""
    given = dict.fromkeys((item.scenario for item in scenario.sources), columns)
    return History(columns, scenario, calendar, {**given, **(others or {})})


def history_by(
    scenario: Scenario,
    calendar: Calendar,
    atoms: Collection[Atom],
    flows: Mapping[str, pl.DataFrame],
) -> History:
    """The history of a bucket as far as the atoms read it, with the sources that they look at."""
    read = read_by(atoms, None)
    fields = [item for item in scenario.fields if item.name in read]
    measures = [item for item in scenario.measures if item.name in read]
    columns = columns_of(_rows_of(flows, OWN, read), fields, measures)
    others = {}
    for source in {atom.source for atom in atoms if atom.source}:
        names = read_by(atoms, source)
        fields = [item for item in scenario.source(source).fields if item.name in names]
        others[source] = columns_of(_rows_of(flows, source, names), fields)
    return history_of(columns, scenario, calendar, others)


def _rows_of(flows: Mapping[str, pl.DataFrame], of: str, names: Collection[str]) -> pl.DataFrame:
    """Rows of a flow; where a bucket has none of it, none."""
    if of in flows:
        return flows[of]
    some = next(iter(flows.values())).clear()
    return some.drop(LATER, TWIN, strict=False).with_columns(
        pl.lit(None).alias(name) for name in names
    )


def read_by(atoms: Collection[Atom], source: str | None) -> set[str]:
    """Columns of a source's rows that the atoms read; None stands for our own."""
    names: set[str] = set()
    for atom in atoms:
        is_looked_at = atom.source == source
        if is_looked_at or source is None:
            names |= set(atom.key)
        if atom.value and (is_looked_at or (source is None and atom.op in _COMPARING)):
            names.add(atom.value)
        if atom.where and is_looked_at:
            names.add(atom.where.field)
    return names


def known(columns: Columns, name: str, texts: Texts, codes: Integers) -> pl.Series:
    """What codes of column `name`, or of one more text than it has, stand for; null for -1."""
    is_own = len(texts) == len(columns.texts[name])
    held = columns.frame[name].dtype if is_own else pl.String()
    return taken(pl.Series(name, list(texts)).cast(held), codes)


def taken(held: pl.Series, places: Integers) -> pl.Series:
    """Values of `held` at `places`, null for -1."""
    if len(held) == 0:
        return pl.Series(held.name, [None] * len(places), dtype=held.dtype)
    return held.gather(pl.Series(places).replace(-1, None))
