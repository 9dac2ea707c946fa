"""Networks: components of recipients against a plain graph, in batch, live, late and corrected."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Final

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from features.batch import build, of_ledger
from features.calendar import Calendar
from features.contracts.errors import ConflictError, DeclarationError
from features.contracts.events import EPOCH, Event, EventField, to_us
from features.contracts.vectors import Vector
from features.declared import NETWORK_HOWS
from features.document.by_hand import by_hand
from features.live.engine import LiveEngine, rebuild
from features.retrace import trace
from features.spec import Feature, Measure, Network, Own, Scenario, Where, Window, _content
from features.store.history import Sizes
from features.store.ledger import Ledger
from tests.unit.oracle import Oracle, Row

START: Final = EPOCH + timedelta(days=20_000)
RING: Final = Network(
    "firm", ("phone", "place"), most_degree=4, least_ppm=700_000, most_members=3, most_rows=4
)
CALENDAR: Final = Calendar.prc()
BUILT: Final = Where("built", "sector", ("build",))
FIELDS: Final = (
    *(
        EventField(name=name, kind="key", title_zh="字段", title_en="a field")
        for name in ("firm", "policy", "phone", "place")
    ),
    EventField(name="sector", kind="category", title_zh="行业", title_en="sector"),
    EventField(name="amount_minor", kind="money", title_zh="金额", title_en="amount"),
)


def _measures(prefix: str, network: Network, where: Where | None = None) -> tuple[Measure, ...]:
    return tuple(
        Measure(
            how.replace("network", prefix),
            how,
            key=("policy",),
            field="amount_minor",
            days=60,
            where=where,
            network=network,
        )
        for how in NETWORK_HOWS
    )


MEASURES: Final = (
    *_measures("ring", RING),
    *_measures("any", Network("firm", ("place",), least_ppm=1)),
    *_measures("built", Network("firm", ("phone",)), BUILT),
    *_measures("asked", Network("firm", ("phone", "place"), kinds=("asked", "paid")), BUILT),
)
SCENARIO: Final = Scenario(
    name="rings",
    zh="环",
    en="rings",
    kinds=("asked", "paid"),
    scored=("asked", "paid"),
    history=("paid",),
    subject="firm",
    amount="amount_minor",
    peer_group="policy",
    fields=FIELDS,
    measures=MEASURES,
    features=(
        *(Feature(Own(item.name), "特征", "a feature", "缘由", "a reason") for item in MEASURES),
        Feature(
            Window(("policy",), "max", "ring_members", days=60), "特征", "a feature", "由", "why"
        ),
    ),
)
VALUES: Final = st.fixed_dictionaries(
    {
        "firm": st.sampled_from(["A", "B", "C", "D", "E", "F", None]),
        "policy": st.sampled_from(["X", "X", "X", "Y", None]),
        "phone": st.sampled_from(["1", "2", "3", "4", None, None]),
        "place": st.sampled_from(["a", "b", "c", None, None]),
        "sector": st.sampled_from(["build", "shop"]),
        "amount_minor": st.sampled_from([None, 1, 7, -3, 100, 2**43]),
    }
)
EVENTS: Final = st.builds(
    Event,
    scenario=st.just("rings"),
    kind=st.sampled_from(["paid", "paid", "paid", "asked"]),
    event_id=st.sampled_from([f"E{k}" for k in range(14)]),
    version=st.integers(1, 3),
    effective_at=st.integers(0, 90).map(lambda day: START + timedelta(days=day)),
    ordinal=st.integers(0, 1),
    retracted=st.integers(0, 7).map(lambda k: k == 0),
    fields=VALUES,
)
Load = tuple[int | None, bool, list[Event]]
SMALL: Final = Sizes(chunk_rows=3, heavy_rows=4, cache_rows=60)
"""So that keys become heavy, and leave memory."""


@st.composite
def loads(draw: st.DrawFn) -> list[Load]:
    """Events learned as they happened, late, or live."""
    found: list[Load] = []
    for _ in range(draw(st.integers(1, 4))):
        learned = draw(st.one_of(st.none(), st.integers(0, 120)))
        is_live = learned is not None and draw(st.booleans())
        observed = None if learned is None else 86_400_000_000 * (20_000 + learned)
        found.append((observed, is_live, draw(st.lists(EVENTS, min_size=1, max_size=20))))
    return found


def admitted(of: list[Load]) -> tuple[Ledger, list[Row]]:
    """A ledger that learned the loads one after the other, and its rows."""
    ledger, rows = Ledger.in_memory(), list[Row]()
    for observed_us, is_live, events in of:
        for event in events:
            if ledger.find(event.scenario, event.kind, event.event_id, event.version):
                continue
            if is_live:
                observed = ledger.append(event, now_us=observed_us or 0).observed_us
            else:
                ledger.admit([event], observed_us=observed_us)
                observed = event.effective_us if observed_us is None else observed_us
            own = {**event.fields, "kind": event.kind}
            rows.append(Row(len(rows) + 1, observed, event, is_live, own))
    return ledger, rows


LAW: Final = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes
)


@LAW
@given(loads())
def test_a_component_is_that_of_a_plain_graph(of: list[Load]) -> None:
    """Late rows, corrections, retractions: members, money and share are as defined."""
    ledger, rows = admitted(of)
    oracle, table = Oracle(rows, SCENARIO, Calendar.prc()), build(ledger, SCENARIO)
    wanted = oracle.scored()

    assert table.seq.tolist() == [row.seq for row in wanted]
    for k, measure in enumerate(MEASURES):
        expected = [row.own[measure.name] for row in wanted]
        found = [None if np.isnan(value) else int(value) for value in table.values[:, k]]
        assert found == expected, measure.name


@LAW
@given(loads())
def test_a_search_of_histories_finds_what_batch_finds(of: list[Load]) -> None:
    """Every stored event told of live, as of its place: the same bits, however keys are cut."""
    ledger, _ = admitted(of)
    table = build(ledger, SCENARIO)
    for sizes in (Sizes(), SMALL):
        engine = LiveEngine(ledger, SCENARIO, sizes=sizes)
        for row, stored in enumerate(ledger.at([seq])[0] for seq in table.seq.tolist()):
            live = engine.vector(stored.event, stored=stored).values
            np.testing.assert_array_equal(live, table.values[row], err_msg=str(stored.seq))


PLAIN: Final = replace(SCENARIO, features=SCENARIO.features[:-1])
"""Without what keeps a network's number in the histories, so that backfills are appended."""


@LAW
@given(loads(), st.sampled_from([SCENARIO, PLAIN]), st.sampled_from([Sizes(), SMALL]))
def test_what_is_told_live_is_what_batch_finds(
    of: list[Load], scenario: Scenario, sizes: Sizes
) -> None:
    """Histories that grow with each event, with loads of the past between, and then made anew."""
    ledger, told = Ledger.in_memory(), dict[int, Vector]()
    engine = LiveEngine(ledger, scenario, sizes=sizes)
    for observed_us, is_live, events in of:
        for event in events:
            if ledger.find(event.scenario, event.kind, event.event_id, event.version):
                continue
            if is_live:
                told |= _told(engine, event, observed_us or 0)
            else:
                ledger.admit([event], observed_us=observed_us)
    table = build(ledger, scenario)
    rebuild(ledger, scenario)
    anew = LiveEngine(ledger, scenario, sizes=sizes)
    for row, seq in enumerate(table.seq.tolist()):
        (stored,) = ledger.at([seq])
        for values in (told.get(seq), anew.values(stored.event, stored=stored)[0]):
            if values is not None:
                np.testing.assert_array_equal(values, table.values[row], err_msg=str(seq))


@LAW
@given(loads())
def test_a_trace_gives_the_number_by_hand(of: list[Load]) -> None:
    """The events that a cell says it was computed from give it again, without a kernel."""
    ledger, _ = admitted(of)
    history = of_ledger(ledger, SCENARIO)
    for row in history.scored()[::2].tolist():
        fields = {"firm": history.columns.frame["firm"][row]}
        for measure, feature in zip(MEASURES, SCENARIO.features, strict=False):
            found = trace(history, row, feature)
            if found.own is not None:
                at = int(history.columns.t[row])
                by = by_hand(measure, fields, at, found.parts, CALENDAR, {})
                assert by.value is not None
                assert max(-(2**43), min(by.value, 2**43)) == found.value, measure.name


def _told(engine: LiveEngine, event: Event, now_us: int) -> dict[int, Vector]:
    """The event's values by its place, told of and appended in one transaction; none if stale."""
    with engine.ledger.transaction():
        found = list[Vector]()
        with suppress(ConflictError):
            found.append(engine.values(event)[0])
        stored = engine.ledger.append(event, now_us=now_us)
        engine.append(stored)
    return {stored.seq: found[0]} if found else {}


def _paid(number: int, firm: str, day: float, **fields: str | int | None) -> Event:
    return Event(
        scenario="rings",
        kind="paid",
        event_id=f"P{number}",
        effective_at=START + timedelta(days=day),
        fields={"firm": firm, "policy": "X", "sector": "shop", "amount_minor": 10, **fields},
    )


def _cells(events: list[Event], network: Network, how: str = "members") -> list[float]:
    """A network's number for each event, in their order."""
    measures = _measures("n", network)
    feature = Feature(Own(f"n_{how}"), "特征", "a feature", "缘由", "a reason")
    ledger = Ledger.in_memory()
    ledger.admit(events)
    table = build(ledger, replace(SCENARIO, measures=measures, features=(feature,)))
    return [float(value) for value in table.values[:, 0]]


BY_PHONE: Final = Network("firm", ("phone", "place"))


def test_firms_of_one_phone_are_joined_as_they_come() -> None:
    """The first stands alone; each further one finds those before it, and their money."""
    events = [_paid(k, f"F{k}", k, phone="1") for k in range(4)]

    assert _cells(events, BY_PHONE) == [1, 2, 3, 4]
    assert _cells(events, BY_PHONE, "money") == [0, 10, 20, 30]
    assert _cells([*events, _paid(9, "Z", 8, phone="2")], BY_PHONE, "share_ppm")[-1] == 0


def test_a_chain_is_one_component() -> None:
    """A shares a phone with B, and B a place with C."""
    events = [
        _paid(1, "A", 1, phone="1"),
        _paid(2, "B", 2, phone="1", place="a"),
        _paid(3, "C", 3, place="a"),
    ]

    assert _cells(events, BY_PHONE) == [1, 2, 3]


def test_a_service_address_does_not_join_the_city() -> None:
    """Sixty firms at one address: at first joined, and no longer once it says little of them."""
    found = _cells([_paid(k, f"F{k}", k * 0.5, place="hall") for k in range(60)], BY_PHONE)

    assert found[:6] == [1, 2, 3, 4, 5, 6]
    assert set(found[6:]) == {1}


def test_what_many_share_joins_where_they_share_more() -> None:
    """Ten firms: one address is not enough, 1 / ln(11) = 0.417, address and phone together are."""
    apart = [_paid(k, f"F{k}", k, place="park") for k in range(10)]
    together = [_paid(k, f"F{k}", k, place="park", phone="1") for k in range(10)]

    assert _cells(apart, BY_PHONE)[-1] == 1
    assert _cells(together, BY_PHONE)[-1] == 10


def test_a_search_stops_after_the_step_that_reaches_the_most() -> None:
    """A chain of twenty, of which a search for four sees the nearest four."""
    chain = [_paid(k, f"F{k}", k, phone=f"{k // 2}", place=f"{(k + 1) // 2}") for k in range(20)]

    assert _cells(chain, BY_PHONE)[-1] == 20
    assert _cells(chain, replace(BY_PHONE, most_members=4))[-1] == 4


def test_nothing_is_said_without_an_identifier() -> None:
    """An event that names no phone and no place is not applicable, whoever it is about."""
    assert np.isnan(_cells([_paid(1, "A", 1), _paid(2, "A", 2, phone=None)], BY_PHONE)).all()


def test_a_correction_takes_a_link_away_once_it_is_known() -> None:
    """The phone was another's: from then on its firm is not joined, before it was."""
    wrong, right = _paid(1, "A", 1, phone="1"), _paid(1, "A", 1, phone="7")
    events = [wrong, _paid(2, "B", 2, phone="1"), _paid(3, "C", 40, phone="1")]
    ledger = Ledger.in_memory()
    ledger.admit(events)
    late = to_us(START + timedelta(days=30))
    ledger.admit([right.model_copy(update={"version": 2})], observed_us=late)
    table = build(
        ledger, replace(PLAIN, measures=_measures("ring", BY_PHONE), features=PLAIN.features[:1])
    )
    found = dict(zip(table.event_id.tolist(), table.values[:, 0].tolist(), strict=True))

    assert (found["P2"], found["P3"]) == (2, 2)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"by": ()}, "one or more identifiers"),
        ({"by": ("firm",)}, "none of them the member"),
        ({"most_degree": 1}, "between 2 and"),
        ({"most_members": 1_001}, "between 2 and"),
        ({"least_ppm": 0}, "least_ppm and most_rows above 0"),
        ({"most_rows": 0}, "least_ppm and most_rows above 0"),
    ],
)
def test_a_network_without_bounds_is_refused(change: dict[str, object], what: str) -> None:
    """What would join nobody or everybody, or grow without end."""
    with pytest.raises(DeclarationError, match=what):
        replace(BY_PHONE, **change)  # type: ignore[arg-type]


def test_a_network_joins_by_keys_that_its_events_know() -> None:
    """An amount joins nobody; what all events share neither; a network has measures of its own."""
    for network, what in (
        (Network("firm", ("phone",), kinds=("drawn",)), "joins by 'drawn'"),
        (Network("firm", ("amount_minor",)), "joins 'amount_minor'"),
        (Network("firm", ("policy",)), "all have the same"),
        (Network("owner", ("phone",)), "joins 'owner'"),
    ):
        with pytest.raises(DeclarationError, match=what):
            replace(SCENARIO, measures=_measures("ring", network), features=PLAIN.features[:3])
    with pytest.raises(DeclarationError, match="belongs to"):
        Measure("gap", "elapsed", key=("firm",), network=BY_PHONE)
    with pytest.raises(DeclarationError, match="belongs to"):
        Measure("size", "network_members", key=("firm",), field="amount_minor")


def test_a_plain_scenario_keeps_its_hash() -> None:
    """A measure without a network says nothing of one."""
    assert "network" not in _content(Measure("gap", "elapsed", key=("firm",)))
    assert "network" in _content(MEASURES[0])
