"""Outcomes: what is known only later counts from when it was learned, and no load says earlier."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import polars as pl
import pytest

from features import batch, frames
from features.contracts.errors import InputError
from features.contracts.events import Event, from_us
from features.contracts.settings import Settings
from features.live.engine import LiveEngine
from features.scenarios import catalog
from features.sources.ingest import ingest
from features.sources.mapping import Mapping
from features.spec import Scenario, Source, Window
from features.store.ledger import Ledger
from tests.unit.small import FIRM, field, scenario

DAY: Final = 86_400_000_000
RETURNED: Final = Window(FIRM, "sum", "returned_minor", days=90)
SMALL: Final = scenario(RETURNED)
OVER: Final = scenario(
    Window(FIRM, "sum", "lost_minor", days=90, source="loans"),
    sources=(
        Source(
            "loans",
            ("lent",),
            (field("firm", "key"), field("lost_minor", "money", known_later=True)),
        ),
    ),
)


def _paid(number: int, day: int, *, version: int = 1, returned: int | None = None) -> Event:
    fields: dict[str, int | str | None] = {"firm": "A", "amount_minor": 100}
    if returned is not None:
        fields["returned_minor"] = returned
    return Event(
        scenario="small",
        kind="paid",
        event_id=f"P-{number}",
        version=version,
        effective_at=from_us(day * DAY),
        fields=fields,
    )


def _table(**columns: Any) -> pl.DataFrame:
    return pl.DataFrame(
        {"effective_at": [DAY, 2 * DAY, 5 * DAY], "firm": ["A"] * 3, "returned_minor": [7, 0, None]}
        | columns
    )


def _sums(events: pl.DataFrame) -> list[float]:
    return frames.compute(events, SMALL)[RETURNED.name].to_list()


@pytest.mark.parametrize(
    ("columns", "who"),
    [
        ({}, r"2 row\(s\) tell"),
        ({"event_id": ["P-1", "P-2", "P-3"]}, r"2 row\(s\) \(event 'P-1'\) tell"),
        ({"observed_at": [4 * DAY, 2 * DAY, 5 * DAY]}, r"1 row\(s\) tell"),
        ({"observed_at": [4 * DAY, DAY, 5 * DAY]}, r"1 row\(s\) tell"),
        ({"event_id": ["P-1", "P-2", "P-2"], "version": [1, 1, 2]}, r"2 row\(s\) \(event 'P-1'\)"),
    ],
    ids=["no observed_at", "named", "at once", "before", "a later version at once"],
)
def test_an_outcome_that_was_known_at_once_is_refused(columns: dict[str, Any], who: str) -> None:
    """The field, an event, the rule and two ways out; never the value."""
    with pytest.raises(InputError, match=f"'returned_minor' is known only later, and {who}") as no:
        _sums(_table(**columns))

    assert "give 'observed_at', or tell the outcome in a later version" in str(no.value)


def test_an_outcome_counts_from_when_it_was_learned() -> None:
    """With the row that was learned late, or in a version that follows one without it."""
    late = {"observed_at": [4 * DAY, 2 * DAY, 5 * DAY], "returned_minor": [7, None, None]}

    assert _sums(_table(**late)) == [0.0, 0.0, 7.0]
    apart = {
        "effective_at": [DAY, DAY, 2 * DAY, 5 * DAY],
        "observed_at": [DAY, 4 * DAY, 2 * DAY, 5 * DAY],
        "event_id": ["P-1", "P-1", "P-2", "P-3"],
        "version": [1, 2, 1, 1],
        "firm": ["A"] * 4,
        "returned_minor": [None, 7, None, None],
    }
    assert _sums(pl.DataFrame(apart)) == [0.0, 0.0, 0.0, 7.0]


def test_a_source_has_outcomes_too() -> None:
    """Those of another scenario's events that features look at."""
    events = {"effective_at": [5 * DAY], "firm": ["A"]}
    loans = pl.DataFrame({"effective_at": [DAY], "firm": ["A"], "lost_minor": [3]})
    with pytest.raises(InputError, match="'lost_minor' is known only later"):
        frames.compute(pl.DataFrame(events), OVER, sources={"loans": loans})

    known = loans.with_columns(observed_at=pl.Series([2 * DAY]))
    found = frames.compute(pl.DataFrame(events), OVER, sources={"loans": known})
    assert found[OVER.features[0].name].to_list() == [3.0]


def test_a_ledger_that_knew_at_once_is_not_read() -> None:
    """In batch, by an engine that opens, and by one that is open when the load comes."""
    ledger = Ledger.in_memory()
    engine = LiveEngine(ledger, SMALL)
    ledger.admit([_paid(1, 1, returned=7)])

    refused = "'returned_minor' is known only later.*event 'P-1'.*another LIANJING_HOME"
    with pytest.raises(InputError, match=refused):
        batch.build(ledger, SMALL)
    with pytest.raises(InputError, match=refused):
        LiveEngine(ledger, SMALL)
    with pytest.raises(InputError, match=refused):
        engine.vector(_paid(2, 5))


def test_a_ledger_that_learned_later_is_read() -> None:
    """A load that says when, and whatever was learned live."""
    ledger = Ledger.in_memory()
    engine = LiveEngine(ledger, SMALL)
    ledger.admit([_paid(1, 1, returned=7)], observed_us=2 * DAY)
    ledger.append(_paid(2, 3, returned=2), now_us=3 * DAY)
    asked = _paid(3, 5)

    assert engine.vector(asked).cells[0].value == 9.0
    ledger.append(asked, now_us=5 * DAY)
    assert batch.build(ledger, SMALL).values[-1, 0] == 9.0


TEXT: Final = """
from features.contracts.events import EventField
from features.spec import Feature, Scenario, Window

SCENARIO = Scenario(
    name="grants", zh="补助", en="grants",
    kinds=("granted",), scored=("granted",), history=("granted",),
    subject="school", amount="amount_minor", peer_group="school",
    fields=(
        EventField(name="school", kind="key", title_zh="学校", title_en="school"),
        EventField(name="amount_minor", kind="money", title_zh="金额", title_en="amount"),
        EventField(name="repaid_minor", kind="money", title_zh="退还", title_en="repaid",
                   known_later=True),
    ),
    measures=(),
    features=(
        Feature(Window(("school",), "sum", "repaid_minor", days=30), "退", "repaid", "因", "why"),
    ),
)
"""


@pytest.fixture
def grants(tmp_path: Path) -> Iterator[Scenario]:
    """A scenario of the operator's own, forgotten afterwards."""
    path = tmp_path / "grants.py"
    path.write_text(TEXT, encoding="utf-8")
    catalog.enrol([path])
    yield catalog.load("grants")
    catalog._OWN.clear()


def _mapping(**changes: Any) -> Mapping:
    given = {
        "name": "grants",
        "scenario": "grants",
        "format": "csv",
        "kind": "granted",
        "event_id": "{No}",
        "effective_at": {"columns": ["Day"], "formats": ["%Y-%m-%d"]},
        "observed_at": {"columns": ["Entered"], "formats": ["%Y-%m-%d"]},
        "fields": {
            "school": {"columns": ["School"]},
            "amount_minor": {"columns": ["Amount"]},
            "repaid_minor": {"columns": ["Repaid"]},
        },
    }
    return Mapping.model_validate(given | changes)


ROWS: Final = """No,School,Day,Entered,Amount,Repaid
1,A,2026-01-05,2026-02-01,9.00,4.00
2,A,2026-01-06,,9.00,4.00
3,A,2026-01-07,2026-01-07,9.00,0
4,A,2026-02-02,,9.00,
"""


def test_a_row_of_a_file_that_knew_at_once_is_rejected(grants: Scenario, tmp_path: Path) -> None:
    """The others are loaded; for a service, which learns of all of them now, none is rejected."""
    path, ledger = tmp_path / "rows.csv", Ledger.in_memory()
    path.write_text(ROWS, encoding="utf-8")
    report = ingest([path], mapping=_mapping(), ledger=ledger, settings=Settings())

    assert report.total.counts.accepted == 2
    assert [(one.column, one.count) for one in report.rejections] == [("Repaid", 2)]
    assert "known only later" in report.rejections[0].reason
    assert batch.build(ledger, grants).values[:, 0].tolist() == [0.0, 400.0]
    sent = ingest(
        [path], mapping=_mapping(), ledger=Ledger.in_memory(), settings=Settings(), in_clear=True
    )
    assert sent.total.counts.accepted == 4


@pytest.mark.usefixtures("grants")
def test_a_constant_outcome_is_rejected_row_by_row(tmp_path: Path) -> None:
    """What a mapping states of all rows is told by them."""
    path = tmp_path / "rows.csv"
    path.write_text(ROWS, encoding="utf-8")
    columns = _mapping().model_dump()["fields"]
    fields = {name: columns[name] for name in ("school", "amount_minor")}
    mapping = _mapping(fields=fields, constants={"repaid_minor": "0"})
    report = ingest([path], mapping=mapping, ledger=Ledger.in_memory(), settings=Settings())

    assert [(one.column, one.count) for one in report.rejections] == [("repaid_minor", 3)]
