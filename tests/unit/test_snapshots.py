"""Keys compared with keys: every cell against the definition, in lists."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pytest

from features.batch import build
from features.calendar import DAY_US, Calendar
from features.contracts.errors import DeclarationError
from features.contracts.events import EPOCH, Event, EventField, from_us, to_us
from features.contracts.vectors import STATUS_CODES
from features.expression import KeyZ
from features.finalisers import robust_z
from features.kernels import step
from features.live.engine import LiveEngine
from features.spec import Feature, Scenario, Source, Where
from features.store.ledger import Ledger

OFFICER: Final = ("officer",)
GRANTED: Final = Where("granted", "outcome", ("granted",))
OTHER: Final = Where("paid", "kind", ("paid",))
EXPRESSIONS: Final = (
    KeyZ(OFFICER, days=30),
    KeyZ(OFFICER, value="amount_minor", days=20, min_n=2),
    KeyZ(OFFICER, over=GRANTED, days=40, min_n=3),
    KeyZ(OFFICER, days=30, source="elsewhere"),
)
FIELDS: Final = (
    EventField(name="officer", kind="key", title_zh="经办人", title_en="officer"),
    EventField(name="outcome", kind="category", title_zh="结果", title_en="outcome"),
    EventField(name="amount_minor", kind="money", title_zh="金额", title_en="amount"),
)
SCENARIO: Final = Scenario(
    name="here",
    zh="此",
    en="here",
    kinds=("done",),
    scored=("done",),
    history=("done",),
    subject="officer",
    amount="amount_minor",
    peer_group="outcome",
    fields=FIELDS,
    measures=(),
    features=tuple(Feature(of, of.name, of.name, of.name, of.name) for of in EXPRESSIONS),
    sources=(Source("elsewhere", ("paid",), FIELDS[:1]),),
)
START: Final = to_us(EPOCH) + 20_000 * DAY_US
CALENDAR: Final = Calendar.prc()


@dataclass(frozen=True)
class Row:
    """One version in the ledger, as the definition needs it."""

    event: Event
    seq: int
    observed_us: int
    is_live: bool

    def knows(self, other: "Row") -> bool:
        """Whether `other` was known before this row."""
        if self.is_live:
            return other.seq < self.seq
        return (other.observed_us, other.seq) < (self.observed_us, self.seq)


def _event(rng: np.random.Generator, number: int, scenario: str = "here") -> Event:
    fields: dict[str, Any] = {"officer": f"O{rng.integers(40)}"}
    if scenario == "here":
        fields["outcome"] = str(rng.choice(["granted", "refused"]))
        fields["amount_minor"] = int(rng.integers(-50, 5_000))
    return Event(
        scenario=scenario,
        kind="done" if scenario == "here" else "paid",
        event_id=f"{scenario}-{number}",
        effective_at=from_us(START + int(rng.integers(0, 60 * 24)) * DAY_US // 24),
        fields=fields,
    )


def _ledger(seed: int) -> tuple[Ledger, list[Row]]:
    """Loads on time and late, live events, corrections, and a backfill after them."""
    rng, ledger = np.random.default_rng(seed), Ledger.in_memory()
    events = [_event(rng, number) for number in range(900)]
    ledger.admit([_event(rng, number, "elsewhere") for number in range(300)])
    ledger.admit(events[:500])
    ledger.admit(events[500:600], observed_us=START + 45 * DAY_US)
    changed = [
        event.model_copy(update={"version": 2, "retracted": k % 3 == 0})
        for k, event in enumerate(events[:60])
    ]
    ledger.admit(changed, observed_us=START + 50 * DAY_US)
    for k, event in enumerate(events[600:700]):
        ledger.append(event, now_us=START + 70 * DAY_US + k)
    ledger.admit(events[700:])
    query = "SELECT seq, observed_us, is_live FROM event ORDER BY seq"
    facts = ledger.connection.execute(query).fetchall()
    stored = ledger.at([row[0] for row in facts])
    rows = [Row(item.event, item.seq, item.observed_us, item.is_live) for item in stored]
    return ledger, rows


def _visible(rows: list[Row], row: Row, scenario: str, midnight: int) -> list[Row]:
    def is_there(other: Row) -> bool:
        return other.observed_us < midnight and row.knows(other)

    mine = [other for other in rows if other.event.scenario == scenario and is_there(other)]
    latest: dict[str, int] = {}
    for other in mine:
        held = latest.get(other.event.event_id, 0)
        latest[other.event.event_id] = max(held, other.event.version)
    return [
        other
        for other in mine
        if other.event.version == latest[other.event.event_id] and not other.event.retracted
    ]


def _numbers(of: KeyZ, seen: list[Row], midnight: int) -> dict[str, int]:
    """Each officer's number in the window that ends at midnight."""
    reach = of.reach
    assert isinstance(reach, int)
    seen = [row for row in seen if midnight - reach <= row.event.effective_us < midnight]
    out: dict[str, int] = {}
    for officer in {str(row.event.fields["officer"]) for row in seen}:
        held = [row.event for row in seen if row.event.fields["officer"] == officer]
        if len(held) < max(of.min_n, 1):
            continue
        if of.over:
            met = sum(event.fields["outcome"] == "granted" for event in held)
            out[officer] = met * 1_000_000 // len(held)
        elif of.value:
            out[officer] = sum(int(event.fields["amount_minor"] or 0) for event in held)
        else:
            out[officer] = len(held)
    return out


def _expected(of: KeyZ, rows: list[Row], row: Row) -> float:
    midnight = int(CALENDAR.midnights(np.array([row.event.effective_us]))[0])
    seen = _visible(rows, row, of.source or "here", midnight)
    numbers = _numbers(of, seen, midnight)
    own = numbers.get(str(row.event.fields["officer"]))
    if own is None or len(numbers) < 30:
        return float("nan")
    steps = sorted(step(number) for number in numbers.values())
    middle = (len(steps) - 1) // 2
    median = steps[middle]
    mad = sorted(abs(number - median) for number in steps)[middle]
    state = np.array([[len(steps), median, mad, 0, 0, 0, 0]])
    return float(robust_z(step(own), state, np.empty(5))[0])


@pytest.mark.parametrize("seed", [1, 2])
def test_every_cell_is_the_definition(seed: int) -> None:
    """Late rows, corrections, live events and a backfill: what each event knew is compared."""
    ledger, rows = _ledger(seed)
    table = build(ledger, SCENARIO)
    by_seq = {row.seq: row for row in rows}
    compared = [0] * len(EXPRESSIONS)

    for at in range(0, len(table), 7):
        row = by_seq[int(table.seq[at])]
        for k, of in enumerate(EXPRESSIONS):
            expected = _expected(of, rows, row)
            np.testing.assert_equal(table.values[at, k], expected, err_msg=of.name)
            compared[k] += not np.isnan(expected)
    assert min(compared) > 10


def test_a_key_counts_whether_or_not_an_event_here_has_it() -> None:
    """Every key of the source is compared with; one that turns up here later is no news."""
    ledger = Ledger.in_memory()
    paid = [
        Event(
            scenario="elsewhere",
            kind="paid",
            event_id=f"E-{k}",
            effective_at=from_us(START + k * DAY_US // 100),
            fields={"officer": f"O{k % 35}"},
        )
        for k in range(80)
    ]
    ledger.admit(paid)
    rng = np.random.default_rng(1)
    done = [
        _event(rng, number).model_copy(
            update={
                "effective_at": from_us(START + (10 + number) * DAY_US),
                "fields": {"officer": f"O{number}", "outcome": "granted", "amount_minor": 1},
            }
        )
        for number in range(1, 30)
    ]
    ledger.admit(done[:1])
    k = next(k for k, of in enumerate(EXPRESSIONS) if of.source == "elsewhere")
    before = build(ledger, SCENARIO).values[0, k]
    ledger.admit(done[1:])

    assert not np.isnan(before)
    assert build(ledger, SCENARIO).values[0, k] == before


def test_a_snapshot_takes_a_window_that_ends_at_midnight() -> None:
    """A calendar period has no length to end there, and a share takes no value."""
    with pytest.raises(DeclarationError, match="not a period"):
        KeyZ(OFFICER, period="month")
    with pytest.raises(DeclarationError, match="drop value"):
        KeyZ(OFFICER, value="amount_minor", over=GRANTED)


@pytest.mark.parametrize("seed", [3])
def test_live_is_batch(seed: int) -> None:
    """Each live event, when it came and when it is replayed, sees the snapshot that batch sees."""
    rng, ledger = np.random.default_rng(seed), Ledger.in_memory()
    events = [_event(rng, number) for number in range(700)]
    ledger.admit([_event(rng, number, "elsewhere") for number in range(300)])
    ledger.admit(events[:500])
    engine, live = LiveEngine(ledger, SCENARIO), dict[str, bytes]()
    for k, event in enumerate(events[500:600]):
        live[event.event_id] = engine.vector(event).values.tobytes()
        engine.append(ledger.append(event, now_us=START + 70 * DAY_US + k))
        if k == 50:
            ledger.admit(events[600:650])
            ledger.admit(events[650:], observed_us=START + 90 * DAY_US)
    table = build(ledger, SCENARIO)
    n_ok = 0

    for row in range(0, len(table), 3):
        event_id = str(table.event_id[row])
        stored = ledger.find("here", "done", event_id, 1)
        assert stored is not None
        replayed = engine.vector(stored.event, stored=stored)
        assert replayed.values.tobytes() == table.values[row].tobytes()
        statuses = [STATUS_CODES.index(cell.status) for cell in replayed.cells]
        assert statuses == table.status[row].tolist()
        if event_id in live:
            assert live[event_id] == table.values[row].tobytes()
        n_ok += statuses.count(0)
    assert n_ok > 100
