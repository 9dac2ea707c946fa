"""A history put into a ledger, and the events that come after it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import polars as pl

from features.contracts.events import Event, to_us
from features.store.ledger import Ledger
from tests.bench.finding import Tell
from tests.bench.history import History

LATE_SHARE: Final = 0.05
CORRECTED_SHARE: Final = 0.01
KEYS: Final = ("enterprise", "policy", "approver")


def divided(rows: int, coming: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A history of `rows` events, some late or corrected, and the `coming` rows learned next.

    What is learned after the last event has happened is left out: nearly all of it is late.
    """
    whole = History(rows + coming, late_share=LATE_SHARE, corrected_share=CORRECTED_SHARE).frame()
    known = whole.filter(pl.col("observed_at") <= pl.col("effective_at").max())
    return known[:-coming], known[-coming:]


def fill(ledger: Ledger, events: pl.DataFrame, tell: Tell) -> None:
    """Load the events as they were learned, week by week; late ones are known at its end."""
    done = 0
    weeks = events.group_by(pl.col("observed_at").dt.truncate("1w"), maintain_order=True)
    for _, week in weeks:
        on_time = pl.col("observed_at") == pl.col("effective_at")
        ledger.admit(list(told(week.filter(on_time))))
        late = week.filter(~on_time)
        if len(late):
            last: datetime = late["observed_at"][-1]
            ledger.admit(list(told(late)), observed_us=to_us(last))
        done += len(week)
        tell(f"{done:,} of {len(events):,} events are in the ledger")


def told(events: pl.DataFrame) -> Iterator[Event]:
    """The rows as events."""
    for row in events.iter_rows(named=True):
        yield Event(
            scenario="bench",
            kind="payout_paid",
            event_id=row["event_id"],
            version=row["version"],
            effective_at=row["effective_at"],
            retracted=row["retracted"],
            fields={
                "amount_minor": row["amount_minor"],
                **{name: f"{name[0].upper()}-{row[name]}" for name in KEYS},
            },
        )
