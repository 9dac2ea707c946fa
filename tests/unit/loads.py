"""Histories that try the example scenario: as hypothesis draws them, and as a larger crowd.

Ties, window edges, nights on which clocks change, late rows, corrections, retractions, events
learned live, another scenario's events.
"""

from datetime import datetime
from typing import Final

import numpy as np
from hypothesis import strategies as st

from features.calendar import Calendar
from features.contracts.events import Event, from_us, to_us
from features.store.ledger import Ledger
from tests.unit.example import FIELDS, START
from tests.unit.oracle import DAY, MINUTE, Row

Load = tuple[int | None, bool, list[Event]]
"""When it was learned (None: when it happened), whether live, and what."""


def admitted(loads: list[Load], calendar: Calendar) -> tuple[Ledger, list[Row]]:
    """A ledger that learned the loads one after the other, and its rows."""
    ledger, rows = Ledger.in_memory(), list[Row]()
    ledger.declare("oracle", currency="CNY", calendar=calendar)
    for observed_us, is_live, events in loads:
        for event in events:
            if ledger.find(event.scenario, event.kind, event.event_id, event.version):
                continue
            if is_live:
                observed = ledger.append(event, now_us=observed_us or 0).observed_us
            else:
                ledger.admit([event], observed_us=observed_us)
                observed = event.effective_us if observed_us is None else observed_us
            own = dict.fromkeys((item.name for item in FIELDS), None)
            rows.append(
                Row(
                    len(rows) + 1,
                    observed,
                    event,
                    is_live,
                    {**own, **event.fields, "kind": event.kind},
                )
            )
    return ledger, rows


NIGHTS: Final = tuple(
    to_us(datetime.fromisoformat(text)) - START
    for text in (
        "2024-02-29T16:00:00+00:00",  # midnight to March in Shanghai
        "2024-03-01T00:00:00+00:00",  # in London
        "2024-03-30T22:00:00+00:00",  # the midnight that was not, in Beirut
        "2024-03-31T01:00:00+00:00",  # summer time in London
        "2024-03-31T21:00:00+00:00",  # midnight to April in Beirut
        "2024-03-31T23:00:00+00:00",  # in London
    )
)
MOMENTS: Final = st.one_of(
    st.integers(0, 8).map(lambda k: k * 7 * DAY),
    st.sampled_from([7 * DAY - 1, 7 * DAY + 1, 30 * DAY, 30 * DAY + 1, 40 * DAY, 0, 1]),
    st.integers(0, 60 * 24 * 60).map(lambda minute: minute * MINUTE),
    st.builds(int.__add__, st.sampled_from(NIGHTS), st.sampled_from([-1, 0, 1, 10 * MINUTE, DAY])),
)
AMOUNTS: Final = st.one_of(
    st.integers(-50, 50), st.sampled_from([2**43, -(2**43), 2**22, -(2**22), 2**22 - 1, 0])
)
SKETCHES: Final = st.builds(
    int.__xor__,
    st.sampled_from([0, 2**62 - 1, 2**61 + 12345]),
    st.sampled_from([0, 1, 2**13 - 1, 2**12 - 1, 7]),
)
VALUES: Final = st.fixed_dictionaries(
    {
        "firm": st.sampled_from(["A", "A", "A", "é二", None]),
        "officer": st.sampled_from(["O1", "O1", "O2", None]),
        "sector": st.sampled_from(["build", "plan", "shop"]),
        "score": st.one_of(st.integers(-3, 9), st.none()),
        "was_late": st.sampled_from([0, 1, 1, None]),
        "late_ppm": st.sampled_from([0, 1, 250_000, 333_333, 10**6, 999_999, None]),
        "purpose": st.one_of(SKETCHES, st.none()),
    },
    optional={
        "amount_minor": st.one_of(AMOUNTS, AMOUNTS, st.none()),
        "opened_at": MOMENTS.map(lambda t: START + 10 * DAY - t),
        "closed_at": MOMENTS.map(lambda t: START + 20 * DAY - 2 * t),
    },
)


def _events(scenario: str, kinds: list[str]) -> st.SearchStrategy[Event]:
    return st.builds(
        Event,
        scenario=st.just(scenario),
        kind=st.sampled_from(kinds),
        event_id=st.sampled_from([f"E{k}" for k in range(5)]),
        version=st.integers(1, 3),
        effective_at=MOMENTS.map(lambda t: from_us(START + t)),
        ordinal=st.integers(0, 2),
        retracted=st.integers(0, 7).map(lambda k: k == 0),
        fields=VALUES,
    )


EVENTS: Final = st.one_of(
    _events("oracle", ["paid", "paid", "paid", "asked", "cancelled"]),
    _events("oracle", ["paid"]),
    _events("repairs", ["fixed", "fixed", "checked", "dropped"]),
)


@st.composite
def histories(draw: st.DrawFn, *, live: bool | None = None) -> list[Load]:
    """Several loads, each known at one instant or when its events happened, or learned live.

    With `live` all of them are, or none is.
    """
    loads: list[Load] = []
    for _ in range(draw(st.integers(1, 5))):
        known = MOMENTS.map(lambda t: START + t)
        observed = draw(known if live else st.one_of(st.none(), known))
        is_live = live if live is not None else observed is not None and draw(st.booleans())
        loads.append((observed, is_live, draw(st.lists(EVENTS, min_size=1, max_size=8))))
    return loads


def crowd(seed: int, n_officers: int = 3) -> list[Load]:
    """200 events of a few firms and so many officers, some late, some corrected, some live."""
    rng = np.random.default_rng(seed)
    loads: list[Load] = [
        (None, False, []),
        (START + 35 * DAY, False, []),
        (START + 80 * DAY, True, []),
    ]
    for number in range(200):
        scenario = str(rng.choice(["oracle", "repairs"], p=[0.75, 0.25]))
        kinds = (
            ["paid", "asked", "cancelled"]
            if scenario == "oracle"
            else ["fixed", "checked", "dropped"]
        )
        event = Event(
            scenario=scenario,
            kind=str(rng.choice(kinds, p=[0.85, 0.1, 0.05])),
            event_id=f"E{number if rng.random() < 0.9 else int(rng.integers(0, 200))}",
            version=int(rng.choice([1, 2, 3], p=[0.8, 0.15, 0.05])),
            effective_at=from_us(START + _moment(rng)),
            retracted=bool(rng.random() < 0.03),
            fields=_values(rng, seed, n_officers),
        )
        loads[int(rng.choice([0, 1, 2], p=[0.8, 0.15, 0.05]))][2].append(event)
    return loads


def _moment(rng: np.random.Generator) -> int:
    edge, loose = int(rng.integers(0, 12)) * 5 * DAY, int(rng.integers(0, 60 * DAY))
    return edge if rng.random() < 0.3 else loose


def _values(rng: np.random.Generator, seed: int, n_officers: int) -> dict[str, int | str | None]:
    amount = int(np.exp(rng.normal(6 + 3 * (seed % 3), 2)))
    fields: dict[str, int | str | None] = {
        "firm": str(rng.choice(["A", "B"])),
        "officer": f"O{rng.integers(n_officers)}",
        "sector": str(rng.choice(["build", "plan"])),
        "amount_minor": amount * int(rng.choice([1, -1], p=[0.8, 0.2])),
        "score": int(rng.integers(0, 4)),
        "was_late": int(rng.integers(0, 2)),
        "late_ppm": int(rng.integers(0, 10**6)),
        "purpose": int(rng.choice([0, 2**40 - 1])) ^ int(rng.integers(0, 2**13)),
    }
    for name in rng.choice(list(fields), size=int(rng.integers(0, 2))):
        fields[str(name)] = None
    return fields
