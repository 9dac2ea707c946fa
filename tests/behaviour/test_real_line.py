"""The main job on the real files: counts add up, and what is shown can be checked in the file."""

import csv
from pathlib import Path

import pytest

from features.contracts.settings import Settings
from features.sources.ingest import ingest
from features.sources.mapping import Mapping
from features.sources.read_xes import read_xes
from features.store.ledger import Ledger
from serving.cli.real import real

LIMITS = {"receipt": 400, "bpic15": 60}
LOGS = {"receipt": ("receipt.xes.gz", 8_577), "bpic15": ("BPIC15_1.xes.gz", 52_217)}
DATA = Path(__file__).parents[2].parent / "shared" / "data"
pytestmark = pytest.mark.needs("data")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """The main job on payments and both permit logs; of the logs only the first steps scored."""
    home = tmp_path_factory.mktemp("real")
    found = real(DATA, home, names=["payments"])
    for name, limit in LIMITS.items():
        found |= real(DATA, home, names=[name], limit=limit)
    return home, found


def test_every_row_of_the_payments_is_accounted_for(outcome):
    """Rows read are accepted, duplicates or rejected; all 17 files count."""
    payments = outcome[1]["payments"]

    assert payments["read"] == 61_529
    assert payments["accepted"] + payments["duplicates"] + payments["rejected"] == 61_529
    assert (payments["duplicates"], payments["rejected"]) == (2, 3_837)
    assert payments["reversals"] == 71


def test_the_last_quarter_is_scored_through_the_service(outcome):
    """Each of its 1,220 payments got a verdict, about one in a hundred an alert."""
    payments = outcome[1]["payments"]

    assert payments["scored"] == 1_220
    assert 0 < payments["alerts"] < 60


def test_reasons_of_a_payment_can_be_checked_against_its_file(outcome):
    """The most unusual payments stand in the file under their number, and no name is told."""
    payments = outcome[1]["payments"]
    with (DATA / "payments/expenditure-over-500-jan-mar-2018.csv").open(
        encoding="utf-8-sig"
    ) as file:
        rows = {row["Trans No"].strip(): row for row in csv.DictReader(file)}
    n_amounts = 0
    names = {name.strip() for row in rows.values() if len(name := row["Supplier Name"]) > 6}

    for verdict in payments["most_unusual"]:
        row = rows[verdict["event_id"]]
        own = [r for r in verdict["reasons"] if r["feature"].startswith("amount_minor_robust_z")]
        assert all(r["actual"] == pytest.approx(float(row["Amount"])) for r in own)
        n_amounts += len(own)
        assert verdict["reasons"], "the most unusual payments are explained"
        assert not any(name in str(verdict) for name in names)
    assert n_amounts, "at least one of the ten stands out by its amount"


def test_reports_name_numbers_and_never_suppliers(outcome):
    """The quality report shows transaction numbers; supplier names stay in the files."""
    home, _ = outcome
    text = (home / "payments/reports/quality-oxford_payments.md").read_text(encoding="utf-8")
    with (DATA / "payments/expenditure-over-500-oct-dec-2017.csv").open(
        encoding="utf-8-sig"
    ) as file:
        names = {row["Supplier Name"].strip() for row in csv.DictReader(file)}

    assert "expenditure-over-500-apr-jun-2014.csv" in text
    assert not [name for name in names if len(name) > 8 and name in text]


@pytest.mark.parametrize("name", LIMITS)
def test_a_permit_step_is_explained_by_what_the_log_says(outcome, name):
    """The steps shown are steps of the log; the first of them, and every alert, has reasons.

    Among sixty steps the ten most unusual may well be ordinary ones, which have none.
    """
    found = outcome[1]
    file, n_steps = LOGS[name]
    log = read_xes(DATA / "permits" / file)
    steps = {f"{row.cells['trace:concept:name']}#{row.position}" for row in log}
    shown = found[name]["most_unusual"]

    assert (found[name]["read"], found[name]["accepted"]) == (n_steps, n_steps)
    assert found[name]["scored"] == LIMITS[name]
    assert len(shown) == 10
    for verdict in shown:
        assert verdict["event_id"] in steps
        assert verdict["reasons"] or not verdict["scores"]["is_alert"]
    assert shown[0]["reasons"], "the most unusual step is explained"


def test_the_order_of_files_changes_nothing(tmp_path, monkeypatch):
    """Two ledgers, filled from the same files in opposite order, hold the same events in order."""
    # the load sorts the files it is given; here they are read in the order of this test
    monkeypatch.setattr("features.sources.ingest.find_files", lambda paths, _: list(paths))
    files = sorted((DATA / "payments").glob("*201[78].csv"))
    held = []
    for turn, paths in enumerate((files, files[::-1])):
        ledger = Ledger.open(tmp_path / str(turn) / "ledger.db")
        settings = Settings(home=tmp_path / str(turn))
        report = ingest(
            paths, mapping=Mapping.load("oxford_payments"), ledger=ledger, settings=settings
        )
        rows = ledger.connection.execute("SELECT seq, event_id, digest FROM event ORDER BY seq")
        assert [file.file for file in report.files] == [path.name for path in paths]
        held.append((rows.fetchall(), report.total))
        ledger.close()

    assert len(held[0][0]) == 16_299
    assert held[0] == held[1]
