"""`lianjing features`: what each command writes and prints, and how it fails."""

import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import polars as pl
import pytest

from features import frames
from features.build import Built
from features.contracts.events import Event, from_us
from features.contracts.verdicts import Status
from features.live.engine import LiveEngine
from features.scenarios import catalog
from features.spec import Scenario
from features.store.ledger import Ledger
from serving.store.parity import Difference, Parity
from serving.writer import only_writer

DAY_US: Final = 86_400_000_000
START_US: Final = 20_000 * DAY_US
TOWN: Final = Path(__file__).parents[1] / "data"
SUM: Final = "amount_minor_sum_365d_by_enterprise"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, which is not there yet."""
    monkeypatch.setenv("LIANJING_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LIANJING_PSEUDONYM_KEY", "only-for-these-tests")
    return tmp_path / "home"


@pytest.fixture
def run(
    home: Path,  # noqa: ARG001  (every command runs in a home of its own)
    command: Run,
) -> Run:
    """`run("list", "payouts")`: exit code, standard output, standard error."""
    return partial(command, "features")


@pytest.fixture
def ledger(home: Path) -> None:
    """Three payments to one enterprise."""
    home.mkdir()
    made = Ledger.open(home / "ledger.db")
    made.admit(
        [
            Event(
                scenario="payouts",
                kind="payout_paid",
                event_id=f"P-{day}",
                effective_at=from_us(START_US + day * DAY_US),
                fields={"enterprise": "E-1", "amount_minor": 100 * day},
            )
            for day in range(1, 4)
        ]
    )
    made.close()


def _events() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "event_id": ["P-1", "P-2", "P-3"],
            "kind": ["payout_paid"] * 3,
            "effective_at": [START_US, START_US + DAY_US, START_US + 2 * DAY_US],
            "enterprise": ["E-1", "E-2", "E-1"],
            "amount_minor": [100, 200, 300],
        }
    )


def test_features_are_listed_as_a_table_or_a_document(run: Run) -> None:
    """Every name is there either way."""
    code, out, _ = run("list", "payouts")
    assert code == 0
    assert "cap_ppm" in out
    code, out, _ = run("list", "payouts", "--json")
    assert [item["name"] for item in json.loads(out)["features"]] == list(
        catalog.load("payouts").by_name
    )


def test_pages_are_written_in_the_language_asked_for(run: Run, tmp_path: Path) -> None:
    """One page a feature, and the scenario's own."""
    code, out, _ = run("docs", "payouts", "--out", tmp_path / "pages", "--lang", "zh")
    names = {path.stem for path in (tmp_path / "pages" / "zh" / "payouts").glob("*.md")}

    assert code == 0
    assert out == f"{len(names)} pages: {tmp_path / 'pages'}\n"
    assert names == {"index", *catalog.load("payouts").by_name}
    assert not (tmp_path / "pages" / "en").exists()


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_table_is_built_from_the_ledger(run: Run, tmp_path: Path, suffix: str) -> None:
    """What is written is read again as a feature table, ids and statuses and all."""
    path = tmp_path / f"table{suffix}"
    code, out, _ = run("build", "payouts", "--out", path)
    table = frames.read(path)

    assert code == 0
    assert out == f"3 rows, {len(table.names)} features: {path}\n"
    assert table.event_id.tolist() == ["P-1", "P-2", "P-3"]
    assert table.values[:, table.names.index(SUM)].tolist() == [0.0, 100.0, 300.0]


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_table_is_built_from_files(run: Run, tmp_path: Path, suffix: str) -> None:
    """Without a ledger; several files are one history."""
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    for path, part in ((first, _events()[:2]), (second, _events()[2:])):
        part.write_parquet(path) if suffix == ".parquet" else part.write_csv(path)
    out, repairs = tmp_path / "table.parquet", tmp_path / f"repairs{suffix}"
    none = _events()[:0].select("event_id", "effective_at", "enterprise")
    none.write_parquet(repairs) if suffix == ".parquet" else none.write_csv(repairs)
    files = ("--from", first, "--from", second, "--source", f"credit_repairs={repairs}")
    code, told, _ = run("build", "payouts", "--out", out, *files)
    table = pl.read_parquet(out)

    assert code == 0
    assert told.startswith("3 rows")
    assert table["event_id"].to_list() == ["P-1", "P-2", "P-3"]
    assert table[SUM].to_list() == [0.0, 0.0, 100.0]


def test_a_table_is_built_through_a_mapping(run: Run, home: Path, tmp_path: Path) -> None:
    """Files are read as a load would, nothing is stored, and what was rejected is told."""
    mapping, out = TOWN / "town_payments.toml", tmp_path / "table.csv"
    code, told, _ = run("build", "payouts", "--from", TOWN, "--mapping", mapping, "--out", out)

    assert code == 0
    assert "  rejected 1 of town_" in told
    assert len(frames.read(out)) > 0
    words = ("--from", TOWN, "--mapping", mapping, "--out", out, "--json")
    _, told, _ = run("build", "payouts", *words)
    assert json.loads(told) == {
        "rows": len(frames.read(out)),
        "features": len(catalog.load("payouts").features),
        "path": str(out),
        "rejected": 6,
    }
    assert not (home / "ledger.db").exists()


@pytest.mark.parametrize("engine", ["spark", "dask"])
def test_a_cluster_is_asked_for_files(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    """It gets the files, their sources, and the engine's name."""
    asked = list[object]()

    def build(paths: Sequence[Path], scenario: Scenario, out: Path, **more: object) -> Built:
        asked.extend([paths, scenario.name, more["engine"], more["sources"]])
        return Built(3, 34, out)

    monkeypatch.setitem(sys.modules, "features.cluster", SimpleNamespace(build=build))
    path, out = tmp_path / "a.parquet", tmp_path / "out"
    words = ("--from", path, "--source", f"approvals={path}", "--engine", engine)
    code, told, _ = run("build", "payouts", "--out", out, *words)

    assert (code, told) == (0, f"3 rows, 34 features: {out}\n")
    assert asked == [[path], "payouts", engine, {"approvals": [path]}]


def test_an_interruption_leaves_no_file(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stood there before stands there after; nothing half-written lies beside it."""
    source, out = tmp_path / "events.parquet", tmp_path / "out" / "table.parquet"
    _events().write_parquet(source)
    out.parent.mkdir()
    out.write_bytes(b"before")

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("features.build.pq.ParquetWriter.write_table", interrupted)
    code, _, _ = run("build", "payouts", "--out", out, "--from", source)

    assert code != 0
    assert out.read_bytes() == b"before"
    assert [path.name for path in out.parent.iterdir()] == ["table.parquet"]


@pytest.mark.usefixtures("ledger")
def test_a_cell_is_explained(run: Run) -> None:
    """Value, formula and events; as a document, the same."""
    code, out, _ = run("explain", "P-3", SUM)
    assert code == 0
    assert "value    300 (ok)" in out
    assert "formula  value = sum over S of amount_minor_j" in out
    assert "by enterprise: 2 events" in out
    code, out, _ = run("explain", "P-3", SUM, "--json")
    told = json.loads(out)
    assert (told["value"], told["status"]) == (300.0, "ok")
    assert [item["event_id"] for item in told["parts"][0]["events"]] == ["P-1", "P-2"]


def test_events_are_shown_by_the_measure_that_looked(run: Run, home: Path) -> None:
    """A permit after the works is computed from the works, two measures down."""
    home.mkdir()
    made = Ledger.open(home / "ledger.db")
    made.admit(
        [
            Event(
                scenario="approvals",
                kind="approval_step",
                event_id=activity,
                effective_at=from_us(START_US + day * DAY_US),
                fields={"project": "P-1", "activity": activity},
            )
            for day, activity in ((0, "construction_started"), (30, "permit_issued"))
        ]
    )
    made.close()
    _, out, _ = run("explain", "permit_issued", "permit_after_works")
    _, told, _ = run("explain", "permit_issued", "permit_after_works", "--json")
    (part,) = json.loads(told)["parts"]

    assert "value    1 (ok)" in out
    assert "works_d by project: 1 events" in out
    assert (part["measure"], part["takes"]) == ("works_d", None)
    assert [item["event_id"] for item in part["events"]] == ["construction_started"]


@pytest.mark.usefixtures("ledger")
def test_of_many_events_the_latest_are_shown(run: Run, home: Path) -> None:
    """Twenty, or all of them when they are asked for."""
    ledger = Ledger.open(home / "ledger.db")
    ledger.admit(
        [
            Event(
                scenario="payouts",
                kind="payout_paid",
                event_id=f"Q-{number:02d}",
                effective_at=from_us(START_US + (10 + number) * DAY_US),
                fields={"enterprise": "E-1", "amount_minor": 1},
            )
            for number in range(30)
        ]
    )
    ledger.close()
    _, some, _ = run("explain", "Q-29", SUM)
    _, every, _ = run("explain", "Q-29", SUM, "--all")

    assert "32 events, the latest 20" in some
    assert "P-1" not in some
    assert "Q-28" in some
    assert "P-1" in every


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(("different", "code"), [((), 0), ((1,), 1)])
def test_a_differing_bit_is_exit_code_1(
    run: Run, monkeypatch: pytest.MonkeyPatch, different: Sequence[int], code: int
) -> None:
    """The cell is named; what was skipped is counted."""
    cells = tuple(
        Difference("R-1", SUM, 0.1, Status.OK, 0.2, Status.INSUFFICIENT) for _ in different
    )
    monkeypatch.setattr("serving.store.parity.verify", lambda *_, **__: Parity(2, 68, cells, 3))
    found, out, err = run("verify", "payouts")

    assert found == code
    assert f"2 records, 68 cells compared, {len(cells)} different; 3 records skipped" in out
    assert (f"record R-1, {SUM}: stored 0.1 (ok), recomputed 0.2 (insufficient)" in err) == bool(
        cells
    )
    _, out, _ = run("verify", "payouts", "--json")
    assert json.loads(out)["different"] == len(cells)


@pytest.mark.usefixtures("ledger")
def test_all_records_or_a_sample_are_compared(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand unless told otherwise."""
    asked = list[object]()

    def verify(*_: object, sample: int | None, seed: int, **__: object) -> Parity:
        asked.append((sample, seed))
        return Parity(0, 0, (), 0)

    monkeypatch.setattr("serving.store.parity.verify", verify)
    for words in ([], ["--sample", "5", "--seed", "7"], ["--all"]):
        run("verify", "payouts", *words)

    assert asked == [(1_000, 0), (5, 7), (None, 0)]


@pytest.mark.usefixtures("ledger")
def test_live_histories_are_made_anew(run: Run, home: Path) -> None:
    """Whatever stood there: what is live afterwards is what the ledger says."""
    ledger = Ledger.open(home / "ledger.db")
    before = LiveEngine(ledger, catalog.load("payouts"))
    (stored,) = ledger.at([3])
    vector = before.vector(stored.event, stored=stored)
    tables = ("history", "history_head")
    for table in tables:
        ledger.connection.execute(f"DELETE FROM {table}")  # noqa: S608  (a name of the schema)
    ledger.close()
    code, out, _ = run("rebuild", "payouts")
    ledger = Ledger.open(home / "ledger.db")
    counts = [
        ledger.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
        for table in tables
    ]
    after = LiveEngine(ledger, catalog.load("payouts")).vector(stored.event, stored=stored)
    ledger.close()

    assert (code, out) == (0, "payouts: live histories made anew\n")
    assert min(counts) > 0
    assert after.digest == vector.digest


@pytest.mark.usefixtures("ledger")
def test_nothing_is_rebuilt_under_a_running_service(run: Run, home: Path) -> None:
    """Its memory holds what stands on disk."""
    with only_writer(home):
        code, _, err = run("rebuild", "payouts")

    assert code == 1
    assert err.startswith("lianjing: another service runs on")


@pytest.mark.parametrize(
    ("words", "offender", "way_out"),
    [
        (["list", "nosuch"], "'nosuch'", "approvals, assignments, credit_repairs, payouts"),
        (["docs", "nosuch"], "'nosuch'", "approvals, assignments, credit_repairs, payouts"),
        (["docs", "--lang", "fr"], "'fr'", "zh or en"),
        (["build", "payouts", "--out", "table.xyz"], "table.xyz", ".parquet"),
        (["build", "payouts", "--out", "table.csv"], "ledger.db", "LIANJING_HOME"),
        (["build", "payouts", "--out", "t.csv", "--from", "no.csv"], "no.csv", "cannot be read"),
        (["build", "payouts", "--out", "t.csv", "--mapping", "bpic15"], "--mapping", "--from"),
        (["build", "payouts", "--out", "t.csv", "--source", "x=y.csv"], "--source", "--from"),
        (["build", "payouts", "--out", "t", "--engine", "spark"], "--engine spark", "--from"),
        (
            ["build", "payouts", "--out", "t.csv", "--from", TOWN, "--mapping", "bpic15"],
            "bpic15",
            "not for payouts",
        ),
        (
            ["build", "payouts", "--out", "t.csv", "--from", "a.csv", "--source", "payouts"],
            "'payouts'",
            "SCENARIO=FILE",
        ),
        (["explain", "P-1", SUM], "ledger.db", "LIANJING_HOME"),
        (["verify", "payouts"], "ledger.db", "LIANJING_HOME"),
        (["rebuild", "payouts"], "ledger.db", "LIANJING_HOME"),
        (["rebuild", "nosuch"], "'nosuch'", "approvals, assignments, credit_repairs, payouts"),
    ],
)
def test_an_error_is_one_line_with_the_way_out(
    run: Run, words: list[str], offender: str, way_out: str
) -> None:
    """Exit code 1, nothing on standard output, and no traceback."""
    code, out, err = run(*words)
    (line,) = err.split("lianjing: ")[1].splitlines()

    assert (code, out.strip()) == (1, "")
    assert offender in line
    assert way_out in line


def test_a_table_that_cannot_be_written_is_not_computed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is refused before the first feature."""
    monkeypatch.setattr("features.batch.build", lambda *_, **__: pytest.fail("computed"))
    code, _, err = run("build", "payouts", "--out", "table.xyz")

    assert code == 1
    assert "neither .parquet nor .csv" in err
