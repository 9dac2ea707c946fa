"""The demonstration, small: from simulated files to what was found, and a clean end."""

import contextlib
import io
import os
import re
from contextlib import closing

import pytest

from features.contracts.settings import Settings
from features.store.ledger import Ledger
from serving.cli import show
from serving.cli.demo import demo
from serving.store import records
from serving.store.replay import Replayer
from training.simulate import SimulationConfig


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What the demonstration prints on a small district, and the home it leaves."""
    home = tmp_path_factory.mktemp("demo") / "home"
    changes = {
        "payouts": {"count": 9_000},
        "approvals": {"projects": 600},
        "assignments": {"count": 600},
    }
    with show.out.capture() as text, contextlib.redirect_stderr(io.StringIO()):
        demo(home, config=SimulationConfig.load(changes))
    return home, text.get()


def test_both_scenarios_show_their_most_unusual_with_reasons(shown):
    """Ten numbered events each, with sentences that compare and never judge."""
    _, text = shown

    assert len(re.findall(r"^ ?\d+\. ", text, flags=re.MULTILINE)) == 20
    assert len(re.findall(r"^      - ", text, flags=re.MULTILINE)) >= 20
    assert not re.search("violation|fraud|guilty|suspicious", text, flags=re.IGNORECASE)


def test_what_was_caught_is_counted_for_model_rules_and_both(shown):
    """Each scenario has the three arms with the same number of reviews."""
    _, text = shown

    assert text.count("chosen by") == 2
    for arm in ("model", "rules", "both"):
        assert len(re.findall(rf"{arm} +│", text)) == 2


def test_the_service_is_gone_and_the_reports_are_there(shown):
    """The process has ended; quality and evaluation reports lie in the home."""
    home, text = shown
    names = {path.name.split("-")[0] for path in (home / "reports").iterdir()}

    assert {"quality", "payouts", "approvals"} <= names
    assert "mlflow ui" in text
    with pytest.raises(ProcessLookupError):
        os.kill(int((home / "service.pid").read_text(encoding="utf-8")), 0)


def test_every_verdict_is_derived_again_bit_for_bit(shown):
    """Each record's vector and p-value come out as stored; a changed event is told."""
    home, _ = shown
    settings = Settings(home=home)
    with closing(Ledger.open(settings.ledger_path)) as ledger:
        found = list(Replayer(settings, ledger).every())
        assert len(found) > 300
        assert not [item for item in found if item.differs]

        ledger.connection.execute("BEGIN")
        ledger.connection.execute(
            "UPDATE event SET effective_us = effective_us - 86400000000 "
            "WHERE event_id = ? AND kind = 'payout_requested'",
            (found[0].event_id,),
        )
        row = records.by_id(ledger.connection, found[0].record_id)
        again = Replayer(settings, ledger).replay(row)
        ledger.connection.execute("ROLLBACK")

    assert "vector" in again.differs
