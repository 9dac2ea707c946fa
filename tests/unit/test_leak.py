"""Nothing from the future: what comes later, or is learned later, changes no earlier cell.

The check is itself checked: over sources that see one instant too far, it must fail.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import Final

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features import batch
from features.contracts.errors import DeclarationError, InputError, LeakError
from features.contracts.events import EPOCH, Event, EventField, to_us
from features.history import History
from features.lane import Bounds, Clock
from features.scenarios import catalog
from features.spec import Expression, Feature, Own, RobustZ, Scenario, Window
from features.store.ledger import Ledger
from features.table import FeatureTable
from features.window import DAY_US
from tests.unit.example import LONDON
from tests.unit.example import SCENARIO as EXAMPLE
from tests.unit.example import START as START_US
from tests.unit.loads import EVENTS, Load, admitted, histories

START: Final = EPOCH + timedelta(days=20_000)
NOW: Final = to_us(START + timedelta(days=400))
SCENARIOS: Final = ("payouts", "approvals")


def _fields(rng: np.random.Generator, scenario: str) -> dict[str, int | str | None]:
    amount = int(np.exp(rng.normal(10, 1)))
    if scenario == "payouts":
        return {
            "enterprise": f"E{rng.integers(3)}",
            "officer": f"O{rng.integers(2)}",
            "authority": "D",
            "category": "C",
            "agent": f"A{rng.integers(2)}",
            "amount_minor": amount,
        }
    return {
        "project": f"P{rng.integers(4)}",
        "officer": f"O{rng.integers(2)}",
        "activity": str(rng.choice(["filed", "approved", "change_approved"])),
        "case_type": "T",
        "amount_minor": amount,
    }


def _event(rng: np.random.Generator, scenario: str, number: int, day: float) -> Event:
    return Event(
        scenario=scenario,
        kind=catalog.load(scenario).history[0],
        event_id=f"N{number}",
        effective_at=START + timedelta(days=day),
        fields=_fields(rng, scenario),
    )


def _before(rng: np.random.Generator, scenario: str) -> list[Event]:
    return [_event(rng, scenario, k, float(rng.integers(0, 300))) for k in range(80)]


def _later(rng: np.random.Generator, scenario: str, before: list[Event]) -> list[Event]:
    """New events of any time, corrections and retractions, none of them known before."""
    fresh = [_event(rng, scenario, 100 + k, float(rng.integers(0, 400))) for k in range(20)]
    chosen = [before[int(k)] for k in rng.choice(len(before), 12, replace=False)]
    corrected = [
        event.model_copy(
            update={"version": 2, "retracted": k < 4, "fields": _fields(rng, scenario)}
        )
        for k, event in enumerate(chosen)
    ]
    return [*fresh, *corrected]


def _cells(table: FeatureTable) -> dict[tuple[str, str, int], tuple[bytes, bytes]]:
    keys = zip(table.kind.tolist(), table.event_id.tolist(), table.version.tolist(), strict=True)
    return {
        key: (table.values[row].tobytes(), table.status[row].tobytes())
        for row, key in enumerate(keys)
    }


def _assert_the_past_stays(scenario: str, seed: int) -> None:
    rng, ledger = np.random.default_rng(seed), Ledger.in_memory()
    before = _before(rng, scenario)
    ledger.admit(before)
    then = _cells(batch.build(ledger, catalog.load(scenario)))
    ledger.admit(_later(rng, scenario, before), observed_us=NOW)
    now = _cells(batch.build(ledger, catalog.load(scenario)))

    assert len(then) == len(before)
    for key, cells in then.items():
        assert now[key] == cells, key


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_is_learned_later_changes_no_earlier_cell(scenario: str) -> None:
    """Later events, late records, corrections and retractions leave scored rows as they were."""

    @settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.integers(0, 2**32))
    def check(seed: int) -> None:
        _assert_the_past_stays(scenario, seed)

    check()


def _known_later(loads: list[Load], after: list[Load]) -> None:
    """The example scenario's cells do not move when the ledger learns more; compare every one."""
    then = _cells(batch.build(admitted(loads, LONDON)[0], EXAMPLE))
    now = _cells(batch.build(admitted([*loads, *after], LONDON)[0], EXAMPLE))
    for key, cells in then.items():
        assert now[key] == cells, key


LATE: Final = START_US + 200 * DAY_US


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(histories(live=False), st.lists(EVENTS, max_size=12), st.booleans())
def test_what_is_learned_after_all_moves_nothing(
    loads: list[Load], events: list[Event], is_live: bool
) -> None:
    """New events of any time, corrections, retractions, of the scenario or of its source."""
    _known_later(loads, [(LATE, is_live, events)])


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(histories(live=True), histories(live=False))
def test_a_backfill_moves_nothing_that_was_scored_live(
    loads: list[Load], after: list[Load]
) -> None:
    """Whatever a later load claims to have known: a live event knew what stood in the ledger."""
    _known_later(loads, after)


class Inclusive(History):
    """Sources that let `<=` stand where `<` must: an event finds itself in its own history."""

    @cached_property
    def bounds(self) -> Bounds:
        """Bounds as they are, but one instant and one row of the ledger further."""
        held = super().bounds
        return replace(held, tie=held.tie + 1, rank=held.rank + 1, seq=held.seq + 1)


class Foreseeing(History):
    """Sources that are known from the beginning of time."""

    @cached_property
    def clock(self) -> Clock:
        """The clock as it is, but everything known before everything."""
        held = super().clock
        early = np.full(len(held.t), -1)
        return replace(held, known=early, seq=early, is_plain=False)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_check_fails_where_the_future_is_seen(
    scenario: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With sources known too early, the check above finds cells that changed."""
    monkeypatch.setattr(batch, "History", Foreseeing)

    with pytest.raises(AssertionError):
        _assert_the_past_stays(scenario, 1)


def _with_own(scenario: str, amount: int) -> dict[str, float]:
    """Cells of one event among others, where only its own amount differs."""
    rng, ledger = np.random.default_rng(3), Ledger.in_memory()
    before = _before(rng, scenario)
    own = _event(rng, scenario, 99, 350)
    ledger.admit(
        [*before, own.model_copy(update={"fields": {**own.fields, "amount_minor": amount}})]
    )
    table = batch.build(ledger, catalog.load(scenario))
    row = table.event_id.tolist().index("N99")
    return dict(zip(table.names, table.values[row].tolist(), strict=True))


def _moved(scenario: str) -> list[str]:
    """Features of the past alone (sums, shares, maxima) that the event's own amount moves."""
    small, large = _with_own(scenario, 10**4), _with_own(scenario, 10**9)
    past = {
        feature.name
        for feature in catalog.load(scenario).features
        if type(feature.of).__name__ in ("Window", "Share", "IsNew", "Since", "Rarity")
    }
    return [
        name
        for name in small
        if name in past and not np.array_equal([small[name]], [large[name]], equal_nan=True)
    ]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_own_amount_never_counts(scenario: str) -> None:
    """What looks back does not know what the event itself says."""
    assert _moved(scenario) == []


def test_an_inclusive_history_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were visibility `<=`, the event's own amount would move the sums it is compared with."""
    monkeypatch.setattr(batch, "History", Inclusive)

    assert any("sum" in name for name in _moved("payouts"))


OUTCOME: Final = EventField(
    name="clawed_back_minor",
    kind="money",
    title_zh="追回",
    title_en="clawed back",
    known_later=True,
)


@pytest.mark.parametrize(
    ("declare", "error"),
    [
        (lambda: Own("clawed_back_minor"), LeakError),
        (lambda: RobustZ("clawed_back_minor", (("category",),)), LeakError),
        (lambda: Window(("enterprise",), "sum", "clawed_back_minor", days=0), LeakError),
        (lambda: Window(("enterprise",), "sum", "clawed_back_minor", days=-90), LeakError),
        (lambda: Window(("enterprise",), "sum", "clawed_back_minor", minutes=1), LeakError),
        (lambda: Window(("enterprise",), "sum", "clawed_back_minor", days=3650), LeakError),
        (
            lambda: Window(("enterprise",), "sum", "clawed_back_minor", days=9, period="day"),
            DeclarationError,
        ),
    ],
    ids=["own", "peers", "no window", "the future", "a minute", "ten years", "two windows"],
)
def test_a_planted_leak_is_refused_by_name(
    declare: Callable[[], Expression], error: type[DeclarationError]
) -> None:
    """A shipped scenario with one leaking feature more cannot be declared at all."""
    with pytest.raises(error, match="clawed_back_minor"):
        _planted(declare)


def _planted(declare: Callable[[], Expression]) -> Scenario:
    payouts = catalog.load("payouts")
    feature = Feature(declare(), "追回", "clawed back", "缘由", "a reason")
    fields, features = (*payouts.fields, OUTCOME), (*payouts.features, feature)
    return replace(payouts, fields=fields, features=features)


def _clawed_back() -> Scenario:
    return _planted(lambda: Window(("enterprise",), "sum", "clawed_back_minor", days=90))


def test_what_is_planted_without_a_leak_is_taken() -> None:
    """The same field of earlier events, in a window that ends before the event."""
    assert _clawed_back().features[-1].name == "clawed_back_minor_sum_90d_by_enterprise"


def _with_outcome(event: Event, minor: int, **changes: int) -> Event:
    fields = {**event.fields, OUTCOME.name: minor}
    return event.model_copy(update={"fields": fields, **changes})


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32))
def test_an_outcome_moves_nothing_before_it_is_learned(seed: int) -> None:
    """Versions that tell outcomes months later leave every earlier cell as it was."""
    rng, ledger, planted = np.random.default_rng(seed), Ledger.in_memory(), _clawed_back()
    before = sorted(_before(rng, "payouts"), key=lambda event: event.effective_us)
    ledger.admit(before)
    then = _cells(batch.build(ledger, planted))
    told = [_with_outcome(event, 7, version=2) for event in before[::3]]
    learned = [event.effective_us + int(rng.integers(1, 90)) * DAY_US for event in told]
    ledger.admit(told, observed_us=learned)
    table = batch.build(ledger, planted)
    now, at = _cells(table), dict(zip(table.event_id.tolist(), table.effective_us, strict=True))

    first = min(learned)
    for key, cells in then.items():
        if at[key[1]] <= first:
            assert now[key] == cells, key
    assert any(now[key] != cells for key, cells in then.items())


def test_an_outcome_that_a_load_knew_at_once_is_refused() -> None:
    """A file without `observed_at` would let the next day's event read what came months later."""
    rng, ledger = np.random.default_rng(1), Ledger.in_memory()
    ledger.admit([_with_outcome(_event(rng, "payouts", 1, 5), 7)])

    with pytest.raises(InputError, match=r"'clawed_back_minor' is known only later.*event 'N1'"):
        batch.build(ledger, _clawed_back())
