"""Event tables in: every kind of frame gives the same bits, and what is unclear is refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features import frames
from features.batch import build
from features.contracts.errors import ConflictError, InputError
from features.contracts.events import VALUE_BOUND, EventField
from features.spec import Feature, Measure, RobustZ, Scenario, Share, Since, Where, Window
from tests.unit.example import FIELDS, LONDON, SCENARIO
from tests.unit.loads import EVENTS, Load, admitted, crowd, histories
from tests.unit.oracle import Row

START: Final = datetime(2024, 3, 1, 9, tzinfo=UTC)
FIRM: Final = ("firm",)
SMALL: Final = Scenario(
    name="small",
    zh="小",
    en="small",
    kinds=("paid", "cancelled"),
    scored=("paid",),
    history=("paid",),
    subject="firm",
    amount="amount_minor",
    peer_group="sector",
    fields=(
        EventField(name="firm", kind="key", title_zh="企业", title_en="firm", required=True),
        EventField(name="sector", kind="category", title_zh="行业", title_en="sector"),
        EventField(name="amount_minor", kind="money", title_zh="金额", title_en="amount"),
        EventField(name="score", kind="number", title_zh="评分", title_en="score", scale=2),
        EventField(name="opened_at", kind="instant", title_zh="开业", title_en="opened"),
        EventField(name="purpose", kind="sketch", title_zh="用途", title_en="purpose"),
    ),
    measures=(Measure("age_min", "between", field="opened_at", unit="minutes"),),
    features=tuple(
        Feature(of, "特征", "a feature", "缘由", "a reason")
        for of in (
            Window(FIRM, "count", days=30),
            Window(FIRM, "sum", "amount_minor", days=30),
            Window(FIRM, "median", "score", period="month"),
            Window(FIRM, "entropy", "sector", days=30),
            Window(FIRM, "count", days=30, where=Where("seven", "sector", ("7", "007", "x"))),
            Window(FIRM, "max", "age_min", days=30),
            Share(("firm", "sector"), of=FIRM, min_n=1),
            Since(FIRM),
            RobustZ("amount_minor", (FIRM,)),
        )
    ),
)


def _columns(n: int = 200, seed: int = 0) -> dict[str, Any]:
    """Plain lists: every fifth number, sector and opening is missing."""
    rng = np.random.default_rng(seed)

    def gaps(values: list[Any]) -> list[Any]:
        return [None if k % 5 == 4 else value for k, value in enumerate(values)]

    minutes = np.sort(rng.integers(0, 60 * 1440, n)).tolist()
    return {
        "effective_at": [START + timedelta(minutes=k) for k in minutes],
        "firm": rng.integers(0, 3, n).tolist(),
        "sector": gaps(rng.integers(-7, 8, n).tolist()),
        "amount_minor": gaps(rng.integers(-(10**6), 10**9, n).tolist()),
        "score": gaps(rng.integers(0, 500, n).tolist()),
        "opened_at": gaps([START - timedelta(minutes=7 * k) for k in minutes]),
    }


def _bytes(events: Any, scenario: Scenario = SMALL) -> tuple[list[str], bytes]:
    table = frames.compute(events, scenario, calendar=LONDON, with_status=True)
    assert table.schema == {
        column: pl.Int8 if column.endswith(".status") else pl.Float64
        for name in scenario.by_name
        for column in (name, f"{name}.status")
    }
    return table.columns, b"".join(table[name].to_numpy().tobytes() for name in table.columns)


def _texts(columns: dict[str, Any], *names: str) -> dict[str, Any]:
    return columns | {
        name: [None if value is None else str(value) for value in columns[name]] for name in names
    }


def _us(instant: datetime | None) -> int | None:
    return None if instant is None else round(instant.timestamp() * 10**6)


COLUMNS: Final = _columns()
NAMED: Final = _texts(COLUMNS, "firm", "sector")
STAMPS: Final = ("effective_at", "opened_at")
SAME: Final[dict[str, Callable[[], object]]] = {
    "polars texts": lambda: pl.DataFrame(NAMED),
    "polars categories": lambda: pl.DataFrame(NAMED).with_columns(
        pl.col("firm").cast(pl.Categorical),
        pl.col("sector").cast(pl.Enum(sorted({*map(str, range(-7, 8))}))),
    ),
    "polars small integers": lambda: pl.DataFrame(COLUMNS).with_columns(
        pl.col("firm").cast(pl.UInt8),
        pl.col("sector").cast(pl.Int8),
        pl.col("score").cast(pl.Int16),
    ),
    "polars floats": lambda: pl.DataFrame(COLUMNS).with_columns(
        pl.col("sector", "amount_minor").cast(pl.Float64).fill_null(float("nan"))
    ),
    "polars microseconds": lambda: pl.DataFrame(
        COLUMNS | {name: list(map(_us, COLUMNS[name])) for name in STAMPS}
    ),
    "polars another zone": lambda: pl.DataFrame(COLUMNS).with_columns(
        pl.col(STAMPS).dt.convert_time_zone("Asia/Tokyo").dt.cast_time_unit("ns")
    ),
    "pandas": lambda: pd.DataFrame(COLUMNS),
    "pandas texts": lambda: pd.DataFrame(NAMED),
    "pandas nullable": lambda: pd.DataFrame(COLUMNS).convert_dtypes(),
    "pandas categories": lambda: pd.DataFrame(NAMED).astype({"firm": "category"}),
    "pandas with an index": lambda: pd.DataFrame(COLUMNS).set_index(np.arange(200)[::-1]),
    "arrow": lambda: pa.table(COLUMNS),
    "arrow texts": lambda: pa.table(NAMED),
    "arrow dictionaries": lambda: pa.table(
        NAMED | {"firm": pa.array(NAMED["firm"]).dictionary_encode()}
    ),
    "arrow in chunks": lambda: pa.concat_tables([pa.table(COLUMNS)[:70], pa.table(COLUMNS)[70:]]),
    "the columns in another order": lambda: pl.DataFrame(COLUMNS).select(sorted(COLUMNS)),
    "what is said anyway": lambda: pl.DataFrame(COLUMNS).with_columns(
        kind=pl.lit("paid"),
        event_id=pl.int_range(200),
        version=1,
        ordinal=0,
        retracted=False,
        observed_at="effective_at",
        seq=pl.int_range(200),
    ),
    "nothing but gaps": lambda: pl.DataFrame(COLUMNS).with_columns(purpose=pl.lit(None)),
}


@pytest.mark.parametrize("name", SAME)
def test_every_kind_of_frame_gives_the_same_bits(name: str) -> None:
    """pandas, Polars, Arrow; integer, text and category keys; zones and units of instants."""
    assert _bytes(SAME[name]()) == _bytes(pl.DataFrame(COLUMNS))


_UNTOLD: Final = ("amount_minor", "opened_at", "closed_at")
"""Fields that the other scenario does not have."""


def _framed(rows: list[Row], scenario: str) -> pl.DataFrame:
    """The rows of one scenario as a frame that says everything."""
    kinds = {
        item.name: pl.String if item.kind in ("key", "category") else pl.Int64 for item in FIELDS
    }
    mine = [row for row in rows if row.event.scenario == scenario]
    head = {
        "seq": [row.seq for row in mine],
        "kind": pl.Series([row.event.kind for row in mine], dtype=pl.String),
        "event_id": pl.Series([row.event.event_id for row in mine], dtype=pl.String),
        "version": [row.event.version for row in mine],
        "effective_at": [row.event.effective_us for row in mine],
        "observed_at": [row.observed for row in mine],
        "ordinal": [row.event.ordinal for row in mine],
        "retracted": pl.Series([row.event.retracted for row in mine], dtype=pl.Boolean),
    }
    held = {
        name: pl.Series([row.own[name] for row in mine], dtype=kind) for name, kind in kinds.items()
    }
    if scenario == "repairs":
        held = {name: held[name] for name in held if name not in _UNTOLD}
    return pl.DataFrame({**head, **held})


def _assert_frame_is_ledger(loads: list[Load], seed: int) -> None:
    ledger, rows = admitted(loads, LONDON)
    ours, theirs = (_framed(rows, name) for name in ("oracle", "repairs"))
    table = build(ledger, SCENARIO)
    for shuffle in (False, True):
        events = ours.sample(fraction=1.0, shuffle=True, seed=seed) if shuffle else ours
        sources = {"repairs": theirs.sample(fraction=1.0, shuffle=shuffle, seed=seed)}
        found = frames.compute(events, SCENARIO, calendar=LONDON, sources=sources, with_status=True)
        place = {seq: k for k, seq in enumerate(table.seq.tolist())}
        asked = [place[seq] for seq in events["seq"].to_list() if seq in place]
        for k, name in enumerate(table.names):
            expected = table.values[asked, k]  # noqa: PD011  (no pandas frame)
            np.testing.assert_array_equal(found[name], expected, err_msg=name)
            np.testing.assert_array_equal(found[f"{name}.status"], table.status[asked, k])


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(histories(live=False), st.integers(0, 9))
def test_a_frame_gives_the_bits_of_the_ledger(loads: list[Load], seed: int) -> None:
    """Late rows, corrections, another scenario's events, in any order of rows."""
    _assert_frame_is_ledger(loads, seed)


def test_a_crowd_in_a_frame_gives_the_bits_of_the_ledger() -> None:
    """With enough peers and keys to be compared, too."""
    _assert_frame_is_ledger([(at, False, events) for at, _, events in crowd(0, 40)], 0)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(EVENTS, min_size=1, max_size=9))
def test_rows_of_no_scored_kind_have_no_answer(events: list[Any]) -> None:
    """The answer has a row each scored event, in the order of the frame."""
    _, rows = admitted([(None, False, events)], LONDON)
    sources = {"repairs": _framed(rows, "repairs")}
    ours = _framed(rows, "oracle").with_columns(kind=pl.lit("cancelled"))
    ours = ours.with_columns(event_id=pl.int_range(len(ours)))

    assert len(frames.compute(ours, SCENARIO, sources=sources)) == 0


@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize(
    "make", [pl.DataFrame, pd.DataFrame, pa.table], ids=["polars", "pandas", "arrow"]
)
def test_no_event_and_one_event_are_tables_too(make: Callable[..., object], n: int) -> None:
    """Columns are there; the first event has no history."""
    events = {name: values[:n] for name, values in NAMED.items()}
    found = frames.compute(make(events), SMALL, with_status=True)

    assert len(found) == n
    assert found.columns[::2] == list(SMALL.by_name)
    assert found["n_30d_by_firm"].to_list() == [0.0] * n
    assert found["amount_minor_sum_30d_by_firm"].to_list() == [0.0] * n
    assert found["days_since_last_1095d_by_firm.status"].to_list() == [2] * n


def test_an_event_seen_later_is_not_known_before() -> None:
    """An event is known when it happened, or when the frame says; at one instant by its place."""
    events = pl.DataFrame({"effective_at": [3, 1, 2], "firm": ["A"] * 3})

    assert _counts(events) == [2.0, 0.0, 1.0]
    late = pl.Series([9, 9, 9])
    assert _counts(events.with_columns(observed_at=late)) == [0.0, 0.0, 1.0]
    given = events.with_columns(observed_at=late, seq=pl.Series([3, 1, 2]))
    assert _counts(given) == [2.0, 0.0, 1.0]
    assert _counts(events.with_columns(observed_at=pl.Series([3, 4, 2]))) == [1.0, 0.0, 0.0]


def _counts(events: pl.DataFrame) -> list[float]:
    return frames.compute(events, SMALL)["n_30d_by_firm"].to_list()


def _given(**changes: Any) -> pl.DataFrame:
    """Three events with some columns changed or added; None drops one."""
    columns: dict[str, Any] = {name: NAMED[name][:3] for name in NAMED} | changes
    return pl.DataFrame({name: held for name, held in columns.items() if held is not None})


NAIVE: Final = [datetime(2024, 3, 1)] * 3  # noqa: DTZ001  (that is the point)
BEYOND: Final = f"beyond -{VALUE_BOUND} to {VALUE_BOUND}, in which all stays exact, in 1 row"
REFUSED: Final[list[tuple[dict[str, Any], str]]] = [
    ({"frim": ["A"] * 3}, r"'frim' is not declared; rename or drop it \(nearest: firm\)"),
    ({"zzz": [1] * 3}, r"'zzz' is not declared.*\(declared: firm, sector, amount_minor"),
    ({"firm": None}, "column 'firm' is required and not there; add it"),
    ({"effective_at": None}, "column 'effective_at' is required and not there; add it"),
    ({"firm": ["A", None, None]}, r"column 'firm' is empty in 2 row\(s\); fill it"),
    ({"effective_at": [1, None, 3]}, "column 'effective_at' is empty in 1 row"),
    ({"effective_at": NAIVE}, "'effective_at' is Datetime.*; give instants with a zone, or micro"),
    ({"effective_at": ["2024-03-01"] * 3}, "'effective_at' is String; give instants with a zone"),
    ({"effective_at": [1.0, 2.0, 3.0]}, "'effective_at' is Float64; give instants with a zone"),
    ({"effective_at": [2**60, 1, 2]}, "'effective_at' is beyond"),
    ({"observed_at": NAIVE}, "'observed_at' is Datetime.*; give instants with a zone"),
    ({"observed_at": [1, 2, None]}, "column 'observed_at' is empty in 1 row"),
    ({"opened_at": NAIVE}, "'opened_at' is Datetime.*; give instants with a zone"),
    ({"opened_at": [2**52 + 1, 1, 2]}, "'opened_at' is beyond"),
    ({"firm": ["A", " ", ""]}, r"column 'firm' holds blank text in 2 row\(s\); leave them empty"),
    ({"firm": [True, False, True]}, "column 'firm' is Boolean; a key or category is text or int"),
    ({"firm": [1.5, 2.0, 3.0]}, "'firm' holds no integer in 1 row.*; a key or category is text"),
    ({"sector": [START] * 3}, "column 'sector' is Datetime.*; a key or category is text or int"),
    ({"amount_minor": ["1", "2", "3"]}, "'amount_minor' is String; give integers .*minor units"),
    ({"amount_minor": [1.0, 2.5, 3.0]}, "'amount_minor' holds no integer in 1 row.*minor units"),
    ({"amount_minor": [float("inf"), 1.0, 1.0]}, "'amount_minor' holds no integer in 1 row"),
    ({"amount_minor": [True, False, True]}, "'amount_minor' is Boolean; give integers"),
    ({"score": ["x"] * 3}, r"'score' is String; give integers \(2 implied decimals"),
    ({"amount_minor": [VALUE_BOUND + 1, 0, 1]}, f"'amount_minor' is {BEYOND}"),
    ({"amount_minor": [-VALUE_BOUND - 1, 0, 1]}, f"'amount_minor' is {BEYOND}"),
    ({"amount_minor": pl.Series([2**63, 0, 1], dtype=pl.UInt64)}, f"'amount_minor' is {BEYOND}"),
    ({"purpose": [-1, 0, 1]}, "'purpose' is beyond 0 to"),
    ({"purpose": [2**62, 0, 1]}, "'purpose' is beyond 0 to"),
    ({"kind": ["paid", "payed", "paid"]}, "'kind' holds 'payed', which is none of paid, cancelled"),
    ({"kind": ["paid", None, "paid"]}, "column 'kind' is empty in 1 row"),
    ({"event_id": ["a", None, "b"]}, "column 'event_id' is empty in 1 row"),
    ({"event_id": [1.0, 2.0, 3.0]}, "column 'event_id' is Float64; give text or integers"),
    ({"version": [0, 1, 1]}, "column 'version' is beyond 1 to 1000000"),
    ({"version": [1.5, 1.0, 1.0]}, "column 'version' holds no integer in 1 row"),
    ({"ordinal": [-1, 0, 0]}, "column 'ordinal' is beyond 0 to"),
    ({"ordinal": ["a"] * 3}, "column 'ordinal' is String; give whole numbers"),
    ({"seq": [1, None, 2]}, "column 'seq' is empty in 1 row"),
    ({"retracted": [0, 1, 0]}, "column 'retracted' is Int64; give true or false"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED, ids=[text for _, text in REFUSED])
def test_what_is_unclear_is_refused(changes: dict[str, Any], message: str) -> None:
    """The column, the rule, the number of rows, the way out; never a guess, never a value."""
    with pytest.raises(InputError, match=message):
        frames.compute(_given(**changes), SMALL)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"event_id": ["a", "a", "b"]}, "2 rows share an event_id and version; keep one row"),
        ({"event_id": ["a"] * 3, "version": [1, 2, 2]}, "2 rows share an event_id and version"),
        ({"seq": [1, 2, 1]}, "column 'seq' gives several rows one place in the order of learning"),
    ],
)
def test_what_is_there_twice_is_refused(changes: dict[str, Any], message: str) -> None:
    """One row an event version, one place a row."""
    with pytest.raises(ConflictError, match=message):
        frames.compute(_given(**changes), SMALL)


def test_events_of_two_kinds_may_share_an_id() -> None:
    """The kind is part of what an event is called."""
    given = _given(kind=["paid", "cancelled", "paid"], event_id=["a", "a", "b"])

    assert len(frames.compute(given, SMALL)) == 2


def test_parts_of_a_microsecond_are_refused() -> None:
    """They would be cut, and events that follow each other would stand at one instant."""
    fine = pl.Series([10**18, 10**18 + 1, 10**18 + 2]).cast(pl.Datetime("ns", "UTC"))
    with pytest.raises(InputError, match="'effective_at' holds parts of a microsecond"):
        frames.compute(_given(effective_at=fine), SMALL)


@pytest.mark.parametrize(
    "events",
    [
        [{"effective_at": 1}],
        {"effective_at": [1]},
        pl.LazyFrame({"effective_at": [1]}),
        pd.DataFrame([[1, 2]], columns=["firm", "firm"]),
        pa.table([pa.array([1]), pa.array([2])], names=["firm", "firm"]),
    ],
    ids=["a list", "a dict", "a lazy frame", "pandas with a name twice", "Arrow with a name twice"],
)
def test_what_is_no_event_table_is_refused(events: Any) -> None:
    """Another object, or columns that cannot be told apart."""
    with pytest.raises(InputError, match=r"is no event table; pass|the event table cannot be read"):
        frames.compute(events, SMALL)


def test_a_source_that_is_looked_at_must_be_given() -> None:
    """The error names it."""
    with pytest.raises(InputError, match="oracle looks at events of 'repairs', which are not giv"):
        frames.compute(pl.DataFrame({"effective_at": [1]}), SCENARIO)


def test_a_key_is_told_apart_from_others_however_wide_its_integers() -> None:
    """Small types do not wrap, large numbers keep their last digit."""
    for kind, values in (
        (pl.Int8, [-128, 127, -128]),
        (pl.UInt64, [2**64 - 1, 2**64 - 2, 2**64 - 1]),
    ):
        given = _given(firm=pl.Series(values, dtype=kind), effective_at=[1, 2, 3])

        assert frames.compute(given, SMALL)["n_30d_by_firm"].to_list() == [0.0, 0.0, 1.0]
