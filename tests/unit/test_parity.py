"""Batch and live give the same bits, cell by cell, whatever the order of learning."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from features.batch import build
from features.contracts.events import EPOCH, Event, to_us
from features.contracts.vectors import STATUS_CODES
from features.live import LiveEngine
from features.scenarios import catalog
from features.store.ledger import Ledger

START = EPOCH + timedelta(days=20_000)
LONG_AFTER = to_us(START + timedelta(days=4_000))

CODES = st.sampled_from(["A", "B", None])
AMOUNTS = st.one_of(st.integers(-(10**6), 10**6), st.sampled_from([0, 2**43, -(2**43), 100_000]))
MOMENTS = st.one_of(
    st.integers(0, 40).map(lambda day: timedelta(days=30 * day)),
    st.integers(0, 10**6).map(lambda second: timedelta(seconds=second)),
    st.sampled_from([timedelta(days=365), timedelta(days=365, microseconds=1), timedelta(0)]),
)


def _instant() -> st.SearchStrategy[int | None]:
    return st.one_of(st.none(), MOMENTS.map(lambda span: to_us(START + span - timedelta(days=9))))


PAYOUT_FIELDS = st.fixed_dictionaries(
    {"amount_minor": AMOUNTS},
    optional={
        **dict.fromkeys(("enterprise", "authority", "category", "officer", "agent"), CODES),
        **dict.fromkeys(("account", "object_code", "sector", "size_band"), CODES),
        "cap_minor": st.integers(0, 10**7),
        "employees": st.integers(0, 50),
        "registered_at": _instant(),
        "applied_at": _instant(),
        "checked_at": _instant(),
    },
)
APPROVAL_FIELDS = st.fixed_dictionaries(
    {
        "project": st.sampled_from(["P1", "P2", "P3"]),
        "activity": st.sampled_from(["filed", "approved", "change_approved", "permit_issued"]),
    },
    optional={
        **dict.fromkeys(("officer", "office", "owner", "contractor", "parcel"), CODES),
        **dict.fromkeys(("case_type", "route", "sector"), CODES),
        "amount_minor": AMOUNTS,
        "scale": st.integers(1, 1000),
        "due_at": _instant(),
    },
)


@st.composite
def histories(draw, scenario, fields):
    """Events of one scenario with ties, corrections and retractions, each id a growing version."""
    events: list[Event] = []
    versions: dict[tuple[str, str], int] = {}
    for _ in range(draw(st.integers(1, 24))):
        kind = draw(st.sampled_from(catalog.load(scenario).kinds))
        event_id = draw(st.sampled_from([f"E{k}" for k in range(16)]))
        versions[kind, event_id] = versions.get((kind, event_id), 0) + 1
        events.append(
            Event(
                scenario=scenario,
                kind=kind,
                event_id=event_id,
                version=versions[kind, event_id],
                effective_at=START + draw(MOMENTS),
                ordinal=draw(st.integers(0, 2)),
                retracted=draw(st.integers(0, 9)) == 0,
                fields=draw(fields),
            )
        )
    cuts = sorted(draw(st.integers(0, len(events))) for _ in range(2))
    return events, cuts[0], cuts[1]


def _assert_replay_equals_batch(scenario_name, history):
    events, loaded, until = history
    scenario, ledger = catalog.load(scenario_name), Ledger.in_memory()
    ledger.admit(events[:loaded])
    engine = LiveEngine(ledger, scenario, cache_rows=10_000)
    live = {}
    for k, event in enumerate(events[loaded:until]):
        key = (event.kind, event.event_id, event.version)
        live[key] = engine.vector(engine.admit(event))
        engine.append(ledger.append(event, now_us=LONG_AFTER + k))
    ledger.admit(events[until:])
    engine.forget()
    table = build(ledger, scenario)
    compared = 0
    for row, key in enumerate(zip(table.kind, table.event_id, table.version, strict=True)):
        stored = ledger.find(scenario_name, str(key[0]), str(key[1]), int(key[2]))
        assert stored is not None
        replayed = engine.vector(stored.event, stored=stored)
        assert replayed.values.tobytes() == table.values[row].tobytes(), key
        statuses = [STATUS_CODES.index(cell.status) for cell in replayed.cells]
        assert statuses == table.status[row].tolist(), key
        if key in live:
            assert live[key].values.tobytes() == table.values[row].tobytes(), key
        compared += 1
    assert compared == len(table)
    rebuilt = LiveEngine(ledger, scenario)
    ledger.connection.execute("DELETE FROM history_head")
    again = LiveEngine(ledger, scenario)
    for key, then in live.items():
        stored = ledger.find(scenario_name, *key)
        assert stored is not None
        for other in (rebuilt, again):
            now = other.vector(stored.event, stored=stored, as_of_seq=then.as_of_seq)
            assert (now.as_of_seq, now.digest) == (then.as_of_seq, then.digest), key
    return table


@pytest.mark.parametrize(
    ("scenario", "fields"), [("payouts", PAYOUT_FIELDS), ("approvals", APPROVAL_FIELDS)]
)
def test_live_replay_equals_batch_bit_for_bit(scenario, fields):
    """A history replayed live gives the very bits that batch computes over the whole."""

    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
    )
    @given(histories(scenario, fields))
    def check(history):
        _assert_replay_equals_batch(scenario, history)

    check()


def _random_event(rng, scenario, number):
    """One of many events over few keys, a tenth of them late, some of them corrections."""
    kinds = catalog.load(scenario).kinds
    at = START + timedelta(
        days=int(number * 2 - 60 * (rng.random() < 0.1)), hours=int(rng.integers(3))
    )
    fields: dict[str, int | str | None] = {"amount_minor": int(np.exp(rng.normal(12, 2)))}
    if scenario == "payouts":
        fields |= {name: f"{name}{rng.integers(3)}" for name in ("enterprise", "category", "agent")}
        fields |= {"authority": "D1", "sector": "S", "size_band": f"B{rng.integers(2)}"}
    else:
        fields |= {"project": f"P{rng.integers(9)}", "officer": f"O{rng.integers(3)}"}
        fields |= {"activity": str(rng.choice(["filed", "approved", "change_approved"]))}
        fields |= {"case_type": "T", "route": "R", "scale": int(rng.integers(1, 50))}
    return Event(
        scenario=scenario,
        kind=str(rng.choice(kinds, p=[0.1, 0.8, 0.1]) if len(kinds) == 3 else kinds[0]),
        event_id=f"E{number}",
        effective_at=at,
        fields=fields,
    )


@pytest.mark.parametrize("scenario", ["payouts", "approvals"])
@pytest.mark.parametrize("loaded", [0, 150, 370])
def test_parity_holds_with_enough_peers_for_every_feature(scenario, loaded):
    """Robust z, rarity and shares that need many events agree too, with late rows and versions."""
    rng = np.random.default_rng(loaded + 7)
    events = [_random_event(rng, scenario, number) for number in range(400)]
    for number in (40, 120, 250):
        events[number + 100] = events[number].model_copy(
            update={"version": 2, "fields": {**events[number].fields, "amount_minor": 5}}
        )
    table = _assert_replay_equals_batch(scenario, (events, loaded, 370))

    measured = np.isfinite(
        table.values[:, [n.startswith("amount_minor_robust") for n in table.names]]
    )
    assert measured.any(axis=0).all()
