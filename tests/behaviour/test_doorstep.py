"""What is refused before anything is computed, and what is said of an event that stands alone."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from features.calendar import Calendar
from features.contracts.errors import InputError
from features.contracts.events import Event, EventField, to_us
from features.contracts.settings import Settings
from features.live.engine import LiveEngine
from features.scenarios import catalog
from features.store.ledger import Ledger
from models.bundle import Bundle
from serving.cli.client import ScoreClient
from serving.door import door
from serving.scorer import Scorer, Serving, _reliability
from serving.testing import SmallEngine, payout, small_bundle


def test_an_amount_in_another_currency_is_refused() -> None:
    """A scenario is kept in one currency; the error names both and the way out."""
    event = Event(
        scenario="payouts",
        kind="payout_paid",
        event_id="P-1",
        effective_at=datetime(2024, 1, 1, tzinfo=UTC),
        currency="CNY",
        fields={"amount_minor": 1},
    )
    with closing(Ledger.in_memory()) as ledger:
        ledger.declare("payouts", currency="GBP", calendar=Calendar.plain("Europe/London"))
        engine = LiveEngine(ledger, catalog.load("payouts"))

        with pytest.raises(InputError, match=r"'CNY'.*kept in 'GBP'"):
            engine.admit(event)
        assert engine.admit(event.model_copy(update={"currency": "GBP"})).currency == "GBP"


def test_what_has_not_happened_is_not_scored() -> None:
    """A day's skew of clocks is borne, more is refused."""
    event, serving = payout("P-1", 5), Serving(small_bundle(), "d" * 64, "1")
    with closing(Ledger.in_memory()) as ledger:
        for ahead, is_borne in ((-timedelta(hours=20), True), (-timedelta(days=2), False)):
            now = to_us(event.effective_at + ahead)
            engine = SmallEngine(ledger)
            clock = partial(int, now)
            scorer = Scorer(
                ledger, engine, lambda: serving, scored=(event.kind,), budget=0.01, clock=clock
            )
            if is_borne:
                assert scorer.admit(event) == event
            else:
                with pytest.raises(InputError, match="after the present"):
                    scorer.admit(event)


def test_a_pseudonym_without_a_key_names_its_field() -> None:
    """The operator reads which field needs the key, and which setting gives it."""
    account = EventField(
        name="account", kind="key", title_zh="账户", title_en="account", pseudonym=True
    )
    event = payout("P-1", 5).model_copy(update={"fields": {"account": "6222"}})

    with pytest.raises(InputError, match=r"'account'.*LIANJING_PSEUDONYM_KEY"):
        door([account], Settings())(event)


def test_a_client_without_a_key_is_told_so_at_once() -> None:
    """No call is tried, and the setting is named."""
    with pytest.raises(InputError, match="LIANJING_API_KEY"):
        ScoreClient("http://127.0.0.1:1", "")


def test_the_verdict_says_how_much_could_be_compared() -> None:
    """A payee never seen before is compared in few measures, and the verdict says so."""
    bundle: Bundle = small_bundle()
    with closing(Ledger.in_memory()) as ledger:
        engine = LiveEngine(ledger, catalog.load("payouts"))
        bundle.manifest.model_features = engine.scenario.by_name  # type: ignore[assignment]
        alone = _reliability(bundle, engine.vector(payout("P-1", 5)))

    assert alone.is_thin
    assert alone.features == len(engine.scenario.features)
    assert 0 < alone.usable < alone.features / 2
