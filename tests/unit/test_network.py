"""Networks: components of recipients against a plain graph, in batch, live, late and corrected."""

from datetime import timedelta
from typing import Final

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from features.batch import build
from features.calendar import Calendar
from features.contracts.errors import DeclarationError
from features.contracts.events import EPOCH, Event, EventField
from features.live.engine import LiveEngine
from features.spec import Feature, Measure, Network, Own, Scenario, Where, Window
from features.store.history import Sizes
from features.store.ledger import Ledger
from tests.unit.oracle import Oracle, Row

START: Final = EPOCH + timedelta(days=20_000)
RING: Final = Network(
    "firm", ("phone", "place"), most_degree=4, least_ppm=700_000, most_members=3
)
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
            f"{prefix}_{how}",
            f"network_{how}",  # type: ignore[arg-type]
            key=("policy",),
            field="amount_minor",
            days=60,
            where=where,
            network=network,
        )
        for how in ("members", "money", "share_ppm")
    )


MEASURES: Final = (
    *_measures("ring", RING),
    *_measures("any", Network("firm", ("place",), least_ppm=1)),
    *_measures("built", Network("firm", ("phone",)), BUILT),
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
        *(
            Feature(Own(item.name), "特征", "a feature", "缘由", "a reason")
            for item in MEASURES
        ),
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
    for sizes in (None, Sizes(chunk_rows=3, heavy_rows=4, cache_rows=60)):
        engine = LiveEngine(ledger, SCENARIO, sizes=sizes)
        for row, stored in enumerate(ledger.at([seq])[0] for seq in table.seq.tolist()):
            live = engine.vector(stored.event, stored=stored).values
            np.testing.assert_array_equal(live, table.values[row], err_msg=str(stored.seq))
