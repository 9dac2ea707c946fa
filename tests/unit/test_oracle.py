"""Batch and live against an oracle: the definitions in lists and fractions, cell by cell.

Nothing of the engine is used to say what is right: a window is found by looking at every row of
the ledger, a statistic by its textbook formula on exact numbers.
"""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.batch import build
from features.calendar import Calendar
from features.contracts.events import EPOCH, Event, EventField, from_us, to_us
from features.live import LiveEngine
from features.spec import (
    Expression,
    Feature,
    IsNew,
    Key,
    Measure,
    Own,
    Rarity,
    RobustZ,
    Scenario,
    Share,
    Since,
    Where,
    Window,
)
from features.store.ledger import Ledger
from features.table import FeatureTable

DAY: Final = 86_400_000_000
MINUTE: Final = 60_000_000
START: Final = to_us(datetime(2024, 2, 1, 15, 0, tzinfo=UTC))
"""One hour before midnight in Shanghai."""
CALENDAR: Final = Calendar(
    name="oracle",
    tz="Asia/Shanghai",
    holidays=(date(2024, 2, 12), date(2024, 2, 13)),
    workdays=(date(2024, 2, 4), date(2024, 2, 18)),
)
OK, NOT_APPLICABLE, INSUFFICIENT = 0, 1, 2
MIN_PEERS: Final = 30

FIRM, PAIR = ("firm",), ("firm", "officer")
CANCELLED: Final = Where("cancelled", "kind", ("cancelled",))
BUILT: Final = Where("built", "sector", ("build", "plan"))

MEASURES: Final = (
    Measure("before", "previous", key=FIRM, field="officer", days=20),
    Measure("idle_wd", "elapsed", key=FIRM, unit="working_days", days=30),
    Measure("idle_min", "elapsed", key=PAIR, unit="minutes", days=30, where=BUILT),
    Measure("open_d", "elapsed_first", key=FIRM, days=30),
    Measure("age_d", "between", field="opened_at"),
    Measure("age_wd", "between", field="opened_at", unit="working_days"),
    Measure("score_ppm", "ratio_ppm", field="amount_minor", other="score"),
    Measure("each_minor", "quotient", field="amount_minor", other="score"),
    Measure("has_score", "present", field="score"),
    Measure("rise_ppm", "change_ppm", key=FIRM, field="score", days=25),
    Measure("off_day", "off_day"),
    Measure("hour", "hour"),
)
EXPRESSIONS: Final[tuple[Expression, ...]] = (
    Window(FIRM, "count", days=7),
    Window(PAIR, "count", days=40),
    Window(FIRM, "count", days=40, where=CANCELLED),
    Window(FIRM, "count", days=40, where=BUILT),
    Window(FIRM, "sum", "amount_minor", days=7),
    Window(("officer",), "sum", "amount_minor", days=30, where=BUILT),
    Window(FIRM, "mean", "score", days=30),
    Window(FIRM, "std", "amount_minor", days=7),
    Window(("officer",), "std", "score", days=60),
    Window(FIRM, "min", "amount_minor", days=14),
    Window(FIRM, "max", "score", days=14),
    Window(FIRM, "max", "idle_wd", days=14),
    Window(FIRM, "distinct", "officer", days=30),
    Window(("officer",), "distinct", "before", days=30),
    Window(FIRM, "hhi", "sector", days=30),
    Share(PAIR, of=FIRM, days=30),
    Share(PAIR, of=("officer",), days=40, where=BUILT, min_n=2),
    Share(PAIR, of=FIRM, value="amount_minor", days=30, min_n=2),
    IsNew(PAIR, of=FIRM, days=30, min_n=2),
    Since(FIRM, days=30),
    Since(FIRM, days=30, where=CANCELLED),
    RobustZ("amount_minor", (("firm", "sector"), ("sector",)), days=60),
    RobustZ("score", (("officer",), ("sector",)), days=90),
    Rarity(("before", "officer"), of=("before",), days=60, min_n=2),
    Rarity(("sector", "officer"), of=("sector",), days=60, min_n=4),
    *(Own(item.name) for item in MEASURES if item.how != "previous"),
    Own("amount_minor"),
)
SCENARIO: Final = Scenario(
    name="oracle",
    zh="神谕",
    en="oracle",
    kinds=("asked", "paid", "cancelled"),
    scored=("asked", "paid"),
    history=("paid",),
    subject="firm",
    amount="amount_minor",
    peer_group="sector",
    fields=(
        EventField(name="firm", kind="key", title_zh="企业", title_en="firm"),
        EventField(name="officer", kind="key", title_zh="经办人", title_en="officer"),
        EventField(name="sector", kind="category", title_zh="行业", title_en="sector"),
        EventField(name="amount_minor", kind="money", title_zh="金额", title_en="amount"),
        EventField(name="score", kind="number", title_zh="评分", title_en="score"),
        EventField(name="opened_at", kind="instant", title_zh="开业", title_en="opened"),
    ),
    measures=MEASURES,
    features=tuple(Feature(item, "特征", "a feature", "缘由", "a reason") for item in EXPRESSIONS),
)

Batch = tuple[int | None, list[Event]]
Answer = tuple[Fraction | float | None, int]
NONE: Final[Answer] = (None, INSUFFICIENT)


@dataclass
class Row:
    """One version in the ledger, as plain values; measures are added to `own`."""

    seq: int
    observed: int
    event: Event
    own: dict[str, Any] = field(default_factory=dict)

    @property
    def at(self) -> tuple[int, int]:
        """When it happened."""
        return self.event.effective_us, self.event.ordinal

    @property
    def known(self) -> tuple[int, int]:
        """When the ledger learned it."""
        return self.observed, self.seq

    @property
    def name(self) -> tuple[str, str]:
        """Which event it is a version of."""
        return self.event.kind, self.event.event_id


class Oracle:
    """The definitions over all rows of a ledger."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        for measure in MEASURES:
            found = [self.measured(measure, row) for row in rows]
            for row, value in zip(rows, found, strict=True):
                row.own[measure.name] = value

    def seen(self, row: Row, key: Key, days: int, where: Where | None = None) -> list[Row]:
        """What the window of `row` holds, in time order."""
        if any(row.own[name] is None for name in key):
            return []
        latest: dict[tuple[str, str], Row] = {}
        for other in self.rows:
            if other.known < row.known and other.name != row.name:
                held = latest.get(other.name)
                if held is None or held.event.version < other.event.version:
                    latest[other.name] = other
        return sorted(
            (
                other
                for other in latest.values()
                if not other.event.retracted
                and _counts(other, where)
                and all(other.own[name] == row.own[name] for name in key)
                and row.at[0] - days * DAY <= other.at[0]
                and other.at < row.at
            ),
            key=lambda other: (other.at, other.known),
        )

    def scored(self) -> list[Row]:
        """Rows that are scored, in order: not retracted, not stale, no id asked for before."""
        chosen = [row for row in self.rows if not row.event.retracted and not self._stale(row)]
        asked: dict[str, int] = {}
        for row in self.rows:
            if row.event.kind == "asked" and not row.event.retracted:
                rank = self._rank(row)
                asked[row.event.event_id] = min(rank, asked.get(row.event.event_id, rank))
        chosen = [
            row
            for row in chosen
            if row.event.kind == "asked"
            or (
                row.event.kind == "paid"
                and asked.get(row.event.event_id, len(self.rows)) > self._rank(row)
            )
        ]
        return sorted(chosen, key=lambda row: (row.at, row.seq))

    def _rank(self, row: Row) -> int:
        return sum(other.known < row.known for other in self.rows)

    def _stale(self, row: Row) -> bool:
        return any(
            other.name == row.name
            and other.event.version > row.event.version
            and other.known < row.known
            for other in self.rows
        )

    def measured(self, of: Measure, row: Row) -> int | str | None:
        """The measure's value for `row`."""
        own, other, t = row.own.get(of.field), row.own.get(of.other), row.at[0]
        alone: dict[str, Callable[[], int | None]] = {
            "off_day": lambda: 0 if _works(_day(t)) else 1,
            "hour": lambda: (from_us(t) + timedelta(hours=8)).hour,
            "present": lambda: 0 if own is None else 1,
            "ratio_ppm": lambda: _ppm(own, other),
            "quotient": lambda: own // other if own is not None and other and other > 0 else None,
            "between": lambda: _lasted(of.unit, own, t),
        }
        if of.how in alone:
            return alone[of.how]()
        seen = self.seen(row, of.key, of.days, of.where)
        if of.how == "change_ppm":
            had = [other.own[of.field] for other in seen if other.own[of.field] is not None]
            return _ppm(own - had[-1], had[-1]) if had and own is not None else None
        if of.how == "previous":
            return seen[-1].own[of.field] if seen else None
        since = (seen[-1 if of.how == "elapsed" else 0].at[0]) if seen else None
        return _lasted(of.unit, since, t)

    def answer(self, of: Expression, row: Row) -> Answer:
        """Value and status of one expression for `row`."""
        if isinstance(of, Own):
            value = row.own[of.value]
            return (None, NOT_APPLICABLE) if value is None else (Fraction(value), OK)
        if isinstance(of, RobustZ):
            return self._robust_z(of, row)
        if any(row.own[name] is None for name in of.key):
            return None, NOT_APPLICABLE
        if isinstance(of, Window):
            return _aggregate(of, self.seen(row, of.key, of.days, of.where))
        return self._since(of, row) if isinstance(of, Since) else self._related(of, row)

    def _since(self, of: Since, row: Row) -> Answer:
        seen = self.seen(row, of.key, of.days, of.where)
        return (Fraction(row.at[0] - seen[-1].at[0], DAY), OK) if seen else NONE

    def _related(self, of: Share | IsNew | Rarity, row: Row) -> Answer:
        return self._share(of, row) if isinstance(of, Share) else self._pair(of, row)

    def _share(self, of: Share, row: Row) -> Answer:
        part, whole = (
            [1 if of.value is None else other.own[of.value] for other in seen]
            for seen in (self.seen(row, key, of.days, of.where) for key in (of.key, of.of))
        )
        part, whole = ([v for v in values if v is not None] for values in (part, whole))
        if len(whole) < of.min_n or sum(whole) <= 0:
            return NONE
        return Fraction(sum(part), sum(whole)), OK

    def _pair(self, of: IsNew | Rarity, row: Row) -> Answer:
        n_part = len(self.seen(row, of.key, of.days))
        n_whole = len(self.seen(row, of.of, of.days))
        if n_whole < of.min_n:
            return NONE
        if isinstance(of, IsNew):
            return Fraction(n_part == 0), OK
        return Fraction(_grid(n_whole) - _grid(n_part), 64), OK

    def _robust_z(self, of: RobustZ, row: Row) -> Answer:
        if row.own[of.value] is None:
            return None, NOT_APPLICABLE
        for key in of.peers:
            values = [other.own[of.value] for other in self.seen(row, key, of.days)]
            steps = sorted(_grid(v) for v in values if v is not None)
            if len(steps) >= MIN_PEERS:
                middle = (len(steps) - 1) // 2
                median = steps[middle]
                mad = sorted(abs(step - median) for step in steps)[middle]
                unit = 64 // 2 ** (abs(median) // 64)
                width = Fraction(1.4826) * max(mad, 4, unit)
                return (_grid(row.own[of.value]) - median) / width, OK
        return NONE


def _counts(row: Row, where: Where | None) -> bool:
    if where is None:
        return row.event.kind == "paid"
    if where.field == "kind":
        return row.event.kind in where.values
    return row.event.kind == "paid" and row.own[where.field] in where.values


def _aggregate(of: Window, seen: list[Row]) -> Answer:
    if of.agg == "count":
        return Fraction(len(seen)), OK
    values = [row.own[of.value or ""] for row in seen if row.own[of.value or ""] is not None]
    if of.agg == "sum":
        return Fraction(sum(values)), OK
    if len(values) < (2 if of.agg == "std" else 1):
        return NONE
    finish: dict[str, Callable[[list[Any]], Fraction | float]] = {
        "mean": lambda xs: Fraction(sum(xs), len(xs)),
        "std": _std,
        "min": lambda xs: Fraction(min(xs)),
        "max": lambda xs: Fraction(max(xs)),
        "distinct": lambda xs: Fraction(len(set(xs))),
        "hhi": lambda xs: Fraction(sum(n * n for n in Counter(xs).values()), len(xs) ** 2),
    }
    return finish[of.agg](values), OK


def _std(values: list[int]) -> float:
    """Sample standard deviation: an integer square root with 200 bits to spare, rounded once."""
    n = len(values)
    mean = Fraction(sum(values), n)
    variance = sum(((v - mean) ** 2 for v in values), Fraction(0)) / (n - 1)
    scaled = (variance.numerator << 400) // variance.denominator
    return float(Fraction(math.isqrt(scaled), 1 << 200))


def _grid(value: int) -> int:
    y = abs(value) + 1
    octave = y.bit_length() - 1
    step = math.floor(64 * (octave + Fraction(y - 2**octave, 2**octave)))
    return step if value >= 0 else -step


def _ppm(part: int | None, whole: int | None) -> int | None:
    if part is None or whole is None or whole <= 0:
        return None
    return max(-(2**43), min(2**43, part * 10**6 // whole))


def _day(us: int) -> date:
    return (from_us(us) + timedelta(hours=8)).date()


def _works(day: date) -> bool:
    if day in CALENDAR.holidays or day in CALENDAR.workdays:
        return day in CALENDAR.workdays
    return day.weekday() < 5


def _lasted(unit: str, begin: int | None, end: int) -> int | None:
    if begin is None:
        return None
    if unit != "working_days":
        return (end - begin) // (DAY if unit == "days" else MINUTE)
    first, last = sorted((_day(begin), _day(end)))
    days = (first + timedelta(days=k + 1) for k in range((last - first).days))
    return (1 if begin <= end else -1) * sum(_works(day) for day in days)


def _assert_batch_is_oracle(batches: list[Batch]) -> tuple[Oracle, FeatureTable]:
    """Admit the batches, compare every cell of the table; return the oracle and the table."""
    ledger, rows = Ledger.in_memory(), list[Row]()
    ledger.declare("oracle", currency="CNY", calendar=CALENDAR)
    for observed_us, events in batches:
        outcomes = ledger.admit(events, observed_us=observed_us)
        for event, outcome in zip(events, outcomes, strict=True):
            if outcome == "accepted":
                observed = event.effective_us if observed_us is None else observed_us
                own = dict.fromkeys((item.name for item in SCENARIO.fields), None)
                own |= {**event.fields, "kind": event.kind}
                rows.append(Row(len(rows) + 1, observed, event, own))
    oracle, table = Oracle(rows), build(ledger, SCENARIO)
    wanted = oracle.scored()
    assert table.seq.tolist() == [row.seq for row in wanted]
    for k, expression in enumerate(EXPRESSIONS):
        expected = [oracle.answer(expression, row) for row in wanted]
        assert table.status[:, k].tolist() == [status for _, status in expected], expression.name
        for i, (value, _) in enumerate(expected):
            _assert_cell(expression, table.values[i, k], value, wanted[i].seq)
    _assert_live_is_batch(ledger, table)
    return oracle, table


def _assert_live_is_batch(ledger: Ledger, table: FeatureTable) -> None:
    engine = LiveEngine(ledger, SCENARIO)
    for row, stored in enumerate(ledger.at([seq])[0] for seq in table.seq.tolist()):
        live = engine.vector(stored.event, stored=stored).values
        np.testing.assert_array_equal(live, table.values[row], err_msg=str(stored.seq))


def _assert_cell(of: Expression, found: float, expected: Fraction | float | None, seq: int) -> None:
    if expected is None:
        assert math.isnan(found), (of.name, seq)
        return
    ulps = 2 if isinstance(of, RobustZ) or getattr(of, "agg", "") == "std" else 0
    bound = ulps * float(np.spacing(abs(float(expected))))
    assert abs(found - float(expected)) <= bound, (of.name, seq, found, float(expected))


MOMENTS: Final = st.one_of(
    st.integers(0, 8).map(lambda k: k * 7 * DAY),
    st.sampled_from([7 * DAY - 1, 7 * DAY + 1, 30 * DAY, 30 * DAY + 1, 40 * DAY, 0, 1]),
    st.integers(0, 60 * 24 * 60).map(lambda minute: minute * MINUTE),
)
AMOUNTS: Final = st.one_of(
    st.integers(-50, 50), st.sampled_from([2**43, -(2**43), 2**22, -(2**22), 2**22 - 1, 0])
)
FIELDS: Final = st.fixed_dictionaries(
    {
        "firm": st.sampled_from(["A", "A", "A", "é二", None]),
        "officer": st.sampled_from(["O1", "O1", "O2", None]),
        "sector": st.sampled_from(["build", "plan", "shop"]),
        "amount_minor": st.one_of(AMOUNTS, AMOUNTS, st.none()),
        "score": st.one_of(st.integers(-3, 9), st.none()),
    },
    optional={"opened_at": MOMENTS.map(lambda t: START + 10 * DAY - t)},
)


@st.composite
def batches(draw: st.DrawFn) -> list[Batch]:
    """Several loads, each known at one instant or when its events happened."""
    loads = []
    for _ in range(draw(st.integers(1, 5))):
        observed = draw(st.one_of(st.none(), MOMENTS.map(lambda t: START + t)))
        loads.append((observed, draw(st.lists(EVENTS, min_size=1, max_size=8))))
    return loads


EVENTS: Final = st.builds(
    Event,
    scenario=st.just("oracle"),
    kind=st.sampled_from(["paid", "paid", "paid", "asked", "cancelled"]),
    event_id=st.sampled_from([f"E{k}" for k in range(5)]),
    version=st.integers(1, 3),
    effective_at=MOMENTS.map(lambda t: from_us(START + t)),
    ordinal=st.integers(0, 2),
    retracted=st.integers(0, 7).map(lambda k: k == 0),
    fields=FIELDS,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(batches())
def test_batch_is_the_definition_on_small_histories(loads: list[Batch]) -> None:
    """Ties, window edges, late rows, corrections and retractions: every cell is as defined."""
    _assert_batch_is_oracle(loads)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(EVENTS, min_size=1, max_size=25))
def test_batch_is_the_definition_where_nothing_is_late(events: list[Event]) -> None:
    """Rows learned in the order in which they happened take the two-pointer pass."""
    first = [
        event.model_copy(update={"event_id": f"E{k}", "version": 1})
        for k, event in enumerate(events)
    ]
    first.sort(key=lambda event: (event.effective_us, event.ordinal))
    _assert_batch_is_oracle([(None, first)])


SIGNS: Final = (1, 1, 1, 1, -1)


def _crowd(seed: int) -> list[Batch]:
    rng = np.random.default_rng(seed)
    loads: list[Batch] = [(None, []), (START + 35 * DAY, []), (START + 80 * DAY, [])]
    for number in range(150):
        edge = int(rng.integers(0, 12)) * 5 * DAY
        loose = int(rng.integers(0, 60 * DAY))
        fields: dict[str, int | str | None] = {
            "firm": str(rng.choice(["A", "B"])),
            "officer": str(rng.choice(["O1", "O2", "O3"])),
            "sector": str(rng.choice(["build", "plan"])),
            "amount_minor": int(np.exp(rng.normal(6 + 3 * (seed % 3), 2)))
            * int(rng.choice([1, -1], p=[0.8, 0.2])),
            "score": int(rng.integers(0, 4)),
        }
        for name in rng.choice(list(fields), size=int(rng.integers(0, 2))):
            fields[str(name)] = None
        event = Event(
            scenario="oracle",
            kind=str(rng.choice(["paid", "asked", "cancelled"], p=[0.85, 0.1, 0.05])),
            event_id=f"E{number if rng.random() < 0.9 else int(rng.integers(0, 150))}",
            version=int(rng.choice([1, 2, 3], p=[0.8, 0.15, 0.05])),
            effective_at=from_us(START + (edge if rng.random() < 0.3 else loose)),
            retracted=bool(rng.random() < 0.03),
            fields=fields,
        )
        loads[int(rng.choice([0, 1, 2], p=[0.8, 0.15, 0.05]))][1].append(event)
    return loads


@pytest.mark.parametrize("seed", range(3))
def test_batch_is_the_definition_where_there_are_enough_peers(seed: int) -> None:
    """Robust z and its coarser levels, rarity and shares are as defined on a larger crowd."""
    oracle, table = _assert_batch_is_oracle(_crowd(seed))

    fallback = RobustZ("score", (("officer",), ("sector",)), days=90)
    answered = np.isfinite(table.values[:, table.names.index(fallback.name)])
    fine = [
        len([r for r in oracle.seen(row, ("officer",), 90) if r.own["score"] is not None]) >= 30
        for row in oracle.scored()
        if row.own["officer"] is not None
    ]
    assert answered.any()
    assert any(fine)
    assert not all(fine)


def _event(number: int, day: float = 0.0, *, version: int = 1, **fields: Any) -> Event:
    return Event(
        scenario="oracle",
        kind="paid",
        event_id=f"E{number}",
        version=version,
        effective_at=EPOCH + timedelta(microseconds=START) + timedelta(days=day),
        fields={"firm": "A", "amount_minor": number, **fields},
    )


def test_change_is_against_the_last_event_that_had_the_value() -> None:
    """An event without the value does not hide the one before it."""
    rows = [_event(1, 0, score=4), _event(2, 1), _event(3, 2, score=6)]
    _, table = _assert_batch_is_oracle([(None, rows)])

    assert table.values[2, table.names.index("rise_ppm")] == 500_000.0
