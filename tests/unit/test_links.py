"""Links: different codes are counted without looking at one, whatever came late or went."""

from typing import Final

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features.contracts.vectors import Integers
from features.kernels import DISTINCT, NEVER, STATE_WIDTH, N
from features.live.plan import LivePlan
from features.live.streams import Streams
from features.scan.layout import FURTHER_LINES, IN_USE, LINK_OF, LINKS, T
from features.scan.light import GROUP_WIDTH, first_from
from features.scan.links import distinct, is_linked, link
from features.spec import Scenario
from features.store.bundle import EMPTY
from features.store.codes import Codes
from features.store.keys import End, LightHistory
from features.store.ledger import Ledger
from features.store.shape import Shape
from tests.bench.scenario import scenario

CODE: Final = 8
NOTHING: Final = np.empty(0, np.int64)
SHAPE: Final = Shape(9, NOTHING.reshape(0, GROUP_WIDTH), NOTHING, linked=CODE)
EVENTS: Final = st.lists(st.tuples(st.integers(0, 12), st.integers(-1, 4)), max_size=30)
"""When events happened, in the order they came, and their codes, -1 for none."""


def _row(t: int, seq: int, code: int) -> Integers:
    return np.array([t, 0, 0, seq, NEVER, NEVER, NEVER, 1, code], np.int64)


def _history(events: list[tuple[int, int]]) -> LightHistory:
    history = LightHistory(EMPTY, SHAPE)
    assert is_linked(history.rows, CODE)
    for seq, (t, code) in enumerate(events, 1):
        history.add(_row(t, seq, code))
    return history


def _counted(rows: Integers, start: int) -> tuple[int, int]:
    n, state = int(rows[-1, IN_USE]), np.zeros(STATE_WIDTH, np.int64)
    distinct(rows, first_from(rows[T], 0, n, start), n, start, state)
    return int(state[N]), int(state[DISTINCT])


def _links(rows: Integers) -> list[int]:
    links: list[int] = rows[LINKS, : rows[-1, IN_USE]].tolist()
    return links


@given(EVENTS, st.integers(0, 13))
def test_codes_of_a_window_are_those_that_are_different(events, start):
    rows = _history(events).rows
    told = [code for t, code in events if t >= start and code >= 0]

    assert _counted(rows, start) == (len(told), len(set(told)))


@settings(max_examples=300, deadline=None)
@given(EVENTS, st.data())
def test_links_stay_those_of_rows_linked_anew(events, data):
    history = _history(events)
    gone = data.draw(st.sets(st.integers(0, max(len(events) - 1, 0)), max_size=len(events)))
    for k in gone:
        history.bury(events[k][0], k + 1, End(99, 99, 99))
    rows = history.rows
    anew = rows.copy()
    link(anew, CODE)

    assert _links(rows) == _links(anew)
    left = [code for k, (_, code) in enumerate(events) if k not in gone and code >= 0]
    assert _counted(rows, 0) == (len(left), len(set(left)))


def test_a_link_is_when_the_same_code_came_before():
    rows = _history([(10, 1), (20, 2), (30, 1), (25, 1), (40, -1)]).rows

    assert rows[T, :5].tolist() == [10, 20, 25, 30, 40]
    assert _links(rows) == [-NEVER, -NEVER, 10, 25, NEVER]


def test_rows_with_more_room_stay_linked_and_rows_put_together_are_linked_anew():
    history = _history([(t, t % 3) for t in range(100, 140)])
    earlier = _history([(t, t % 3) for t in range(60, 100)]).rows
    earlier[-1, LINK_OF] = -1
    history.reach_back(earlier, 60)
    rows = history.rows

    assert len(rows) == SHAPE.columns + FURTHER_LINES
    assert _links(rows) == [-NEVER] * 3 + list(range(60, 137))


def test_rows_are_linked_by_the_column_whose_different_values_a_feature_counts():
    live: Scenario = scenario("live")
    streams = Streams(live)
    plan = LivePlan(live, streams, Codes(Ledger.in_memory().connection))
    linked = [plan.shape(number).linked for number in range(len(streams.all))]
    by_enterprise, _, by_approver = streams.all

    assert linked == [by_enterprise.place("policy"), -1, by_approver.place("enterprise")]
