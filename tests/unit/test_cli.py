"""The command line: what goes wrong is one line that names the offender, and an exit code."""

import contextlib
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from features.contracts.errors import InputError
from features.contracts.events import Event
from features.store.ledger import Ledger
from serving.cli.client import ScoreClient
from serving.cli.line import clear
from serving.writer import only_writer
from training.promote import Promotion

TOWN = Path(__file__).parents[1] / "data"
PAID = Event(
    scenario="payouts",
    kind="payout_paid",
    event_id="P-1",
    effective_at=datetime(2026, 3, 1, tzinfo=UTC),
    fields={"amount_minor": 1},
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of the test's own, which is not there yet."""
    monkeypatch.setenv("LIANJING_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LIANJING_PSEUDONYM_KEY", "only-for-these-tests")
    return tmp_path / "home"


@pytest.fixture
def run(home, command):  # noqa: ARG001  (every command runs in a home of its own)
    """`run("train", "payouts")`: exit code, standard output, standard error."""
    return command


@pytest.mark.parametrize(
    ("words", "offender", "way_out"),
    [
        (["train", "nosuch"], "'nosuch'", "approvals, assignments, credit_repairs, payouts"),
        (["train", "payouts"], "no rows to split", "ingest events first"),
        (["rollback", "payouts"], "payouts", "promote another version"),
        (["verify"], "ledger.db", "LIANJING_HOME"),
        (["ingest", "missing.csv", "--mapping", "oxford_payments"], "missing.csv", "no such file"),
        (["ingest", TOWN, "--mapping", "nosuch"], "'nosuch'", "oxford_payments"),
        (["ingest", TOWN.parent / "unit", "--mapping", "bpic15"], "unit", ".xes.gz"),
        (["real", "--data", "missing"], "missing", "--data"),
    ],
)
def test_an_error_is_one_line_with_the_way_out(run, words, offender, way_out):
    """Exit code 1, nothing on standard output, and no traceback."""
    code, out, err = run(*words)
    (line,) = err.split("lianjing: ")[1].splitlines()

    assert (code, out.strip()) == (1, "")
    assert offender in line
    assert way_out in line


def test_a_setting_that_breaks_its_rule_is_named_without_its_value(run, monkeypatch):
    """The variable and the rule are told; the value may be a secret."""
    monkeypatch.setenv("LIANJING_PORT", "secret")
    code, _, err = run("verify")

    assert code == 1
    assert err.startswith("lianjing: LIANJING_PORT: ")
    assert "secret" not in err


def test_a_home_that_cannot_be_made_is_named(run, tmp_path, monkeypatch):
    """What the system refuses is one line too."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("LIANJING_HOME", str(tmp_path / "file" / "home"))
    code, _, err = run("train", "payouts")

    assert code == 1
    assert err.startswith(f"lianjing: {tmp_path / 'file'}")
    assert err.count("\n") == 1


def test_a_wrong_use_is_exit_code_2(run):
    """A missing argument is a usage error."""
    assert run("ingest")[0] == 2


@pytest.mark.parametrize(
    ("done", "code", "told"),
    [
        (Promotion("payouts", "7", "d" * 64, accepted=False, reasons=("too loud",)), 3, "too loud"),
        (Promotion("payouts", "7", "d" * 64, accepted=True, notes=("alias is old",)), 0, "alias"),
    ],
)
def test_the_gates_no_is_exit_code_3_and_a_note_is_shown(run, monkeypatch, done, code, told):
    """Reasons and notes go to standard error."""
    monkeypatch.setattr("training.promote.promote", lambda *_, **__: done)
    found, _, err = run("promote", "payouts")

    assert code == found
    assert told in err


def test_a_load_tells_what_it_rejected_and_keeps_every_report(run, home):
    """Each ingest leaves its own report; a rejected row is told on the spot."""
    for _ in range(2):
        code, out, _ = run("ingest", TOWN, "--mapping", TOWN / "town_payments.toml")
        assert code == 0
        assert "  rejected 1 of town_" in out

    assert sorted(path.name for path in (home / "reports").glob("*.md")) == [
        "quality-town_payments-2.md",
        "quality-town_payments.md",
    ]


def test_nothing_to_score_is_an_error(run):
    """No events after `--since` is not an empty success."""
    mapping = TOWN / "town_payments.toml"
    code, out, err = run("score", TOWN, "--mapping", mapping, "--since", "2099-01-01")

    assert code == 1
    assert "--since" in err
    assert "  rejected 1 of town_" in out


def test_an_edited_audit_row_is_told_in_words(run, home):
    """The first break is named as a sentence; a whole chain is said to be whole."""
    ledger = Ledger.open(home / "ledger.db")
    assert run("verify")[:2] == (0, "the audit chain is whole\n")
    ledger.connection.execute("INSERT INTO audit VALUES (1, 0, 'a', 'learn', 'o', 'c', 'p', 'h')")
    ledger.close()
    code, _, err = run("verify")

    assert code == 1
    assert err.strip() == "lianjing: audit row 1 does not follow from the row before it"


@pytest.mark.needs("postgres")
def test_the_ledger_is_where_the_store_says(run, home, monkeypatch, postgres):
    """Read, checked and refused there, without a file in the home and without an address told."""
    mapping = TOWN / "town_payments.toml"
    with postgres.database() as empty, postgres.ledger() as url:
        monkeypatch.setenv("LIANJING_STORE", empty)
        code, _, err = run("verify")
        assert (code, "no ledger here" in err, "LIANJING_STORE" in err) == (1, True, True)
        assert empty not in err
        monkeypatch.setenv("LIANJING_STORE", url)
        assert run("ingest", TOWN, "--mapping", mapping)[0] == 0
        assert run("verify")[:2] == (0, "the audit chain is whole\n")
        assert run("replay")[1] == "0 records derived again, 0 different\n"
        with contextlib.closing(Ledger.open(url)) as ledger:
            assert ledger.head > 0
        code, _, err = run("demo", "--home", home / "demo")
        assert (code, "name an empty one" in err) == (1, True)
    assert not (home / "ledger.db").exists()
    assert not (home / "demo").exists()


def test_a_store_that_is_no_address_is_refused_in_one_line(run, monkeypatch):
    """The rule is told, the value is not."""
    monkeypatch.setenv("LIANJING_STORE", "mysql://u:canary@host/db")
    code, _, err = run("verify")

    assert code == 1
    assert "LIANJING_STORE: " in err
    assert "canary" not in err


def test_sets_of_their_own_share_no_store(run, home, monkeypatch, tmp_path):
    """Each real set is a population of its own; one database for all of them is refused."""
    monkeypatch.setenv("LIANJING_STORE", "postgresql://host/db")
    code, _, err = run("real", "--data", tmp_path, "--home", home)

    assert (code, "unset it" in err) == (1, True)
    assert not home.exists()


def test_a_second_service_is_refused_in_one_line(run, home):
    """The server is not even started."""
    with only_writer(home):
        code, _, err = run("serve")

    assert code == 1
    assert err.startswith("lianjing: another service runs on")


def test_the_switch_without_a_supervisors_key_is_refused_in_one_line(run, monkeypatch):
    """Setting, rule and way out are named; the server is not even started."""
    monkeypatch.setenv("LIANJING_SENSITIVE_FEATURES", "true")
    code, _, err = run("serve")

    assert (code, err.count("\n")) == (1, 1)
    assert err.startswith("lianjing: LIANJING_SENSITIVE_FEATURES is on without a supervisors' key")
    assert "set LIANJING_SUPERVISOR_KEY_SHA256" in err


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    """The demonstration clears its own folder, an empty one, and no other."""
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(InputError, match="an empty or a new folder"):
        clear(tmp_path)
    assert (tmp_path / "thesis.txt").exists()
    for _ in range(2):
        clear(tmp_path / "new")
        (tmp_path / "new" / "old.txt").touch()
    clear(tmp_path / "new")
    assert not (tmp_path / "new" / "old.txt").exists()


@pytest.mark.parametrize("outcome", ["conflict", "invalid"])
def test_history_that_the_service_refuses_is_an_error(outcome):
    """An answer of 200 whose line was not taken does not pass in silence."""
    line = {"line": 1, "outcome": outcome, "detail": ""}
    answer = httpx.Response(200, json={"counts": {outcome: 1}, "lines": [line]})
    with ScoreClient("http://127.0.0.1:9", "key") as client:
        client._http = httpx.Client(
            base_url=client.url, transport=httpx.MockTransport(lambda _: answer)
        )
        with pytest.raises(InputError, match="P-1: the service refused it"):
            client.tell(PAID)
