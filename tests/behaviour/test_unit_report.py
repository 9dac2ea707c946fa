"""The report of `lianjing evaluate` on grants that can be counted by hand.

Thirty schools get a grant in turn, one every two hours. Beside these, one school gets four within
an hour (case A), two are fifty times as high as the others (case B), and one is a harmless
high one (case C).
"""

import csv
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from scipy.stats import binomtest

from features.contracts.events import Event
from features.contracts.settings import Settings
from features.contracts.tables import TRUTH
from features.scenarios import catalog
from features.store.ledger import Ledger

SCENARIO: Final = """
from features.contracts.events import EventField
from features.spec import Feature, RobustZ, Rule, Scenario, Window

SCENARIO = Scenario(
    name="grants", zh="补助", en="grants",
    kinds=("granted",), scored=("granted",), history=("granted",),
    subject="school", amount="amount_minor", peer_group="sort",
    fields=(
        EventField(name="school", kind="key", title_zh="学校", title_en="school"),
        EventField(name="sort", kind="category", title_zh="类别", title_en="sort"),
        EventField(name="amount_minor", kind="money", title_zh="金额", title_en="amount"),
    ),
    measures=(),
    features=(
        Feature(Window(("school",), "count", days=1), "次数", "grants", "频繁", "many"),
        Feature(RobustZ("amount_minor", (("sort",),)), "金额", "amount", "偏高", "far"),
    ),
    rules=(
        Rule("many", "多", "many", "internal", (("n_1d_by_school", ">=", 2.0),)),
    ),
)
"""
FIRST: Final = datetime(2026, 1, 5, tzinfo=UTC)
N_ORDINARY: Final = 1_200
BURST: Final = FIRST + timedelta(days=80, minutes=30)
HIGH: Final = FIRST + timedelta(days=90, minutes=30)
N: Final = N_ORDINARY + 7
Run = Callable[..., tuple[int, str]]


def _grant(event_id: str, at: datetime, school: str, amount: int) -> Event:
    fields: dict[str, int | str | None] = {"school": school, "sort": "a", "amount_minor": amount}
    return Event(scenario="grants", kind="granted", event_id=event_id, effective_at=at,
                 fields=fields)  # fmt: skip


def _grants() -> list[Event]:
    ordinary = [
        _grant(f"G-{k}", FIRST + timedelta(hours=2 * k), f"S-{k % 30:02d}", 10_000 + 97 * k % 900)
        for k in range(N_ORDINARY)
    ]
    burst = [_grant(f"A-{k}", BURST + timedelta(minutes=k), "S-40", 10_400) for k in range(4)]
    high = [_grant(f"B-{k}", HIGH + timedelta(days=k), f"S-{41 + k}", 500_000) for k in range(2)]
    harmless = [_grant("C-0", HIGH + timedelta(days=4), "S-50", 400_000)]
    return sorted((*ordinary, *burst, *high, *harmless), key=lambda event: event.effective_us)


def _written(path: Path, rows: list[dict[str, object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def _truth(event_id: str, case: tuple[str, str, str, datetime], telling: str) -> dict[str, object]:
    case_id, typology, severity, onset = case
    benign = severity == "none"
    row: dict[str, object] = {
        "event_id": event_id,
        "scenario": "grants",
        "typology": typology,
        "severity": severity,
        "onset": onset.strftime("%Y-%m-%dT%H:%M:%S+00:00"),
        "telling_features": telling,
        "case_id": case_id,
        "look_alike": str(benign).lower(),
        "rule_sees": str(typology == "burst").lower(),
        "adaptive": "false",
    }
    assert list(row) == list(TRUTH)
    return row


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with the grants in its ledger, and the files of an evaluation."""
    folder = tmp_path_factory.mktemp("grants")
    (folder / "grants.py").write_text(SCENARIO, encoding="utf-8")
    home = folder / "home"
    home.mkdir()
    catalog.enrol([folder / "grants.py"])
    ledger = Ledger.open(Settings(home=home).ledger)
    ledger.admit(_grants())
    ledger.close()
    burst, high = ("A", "burst", "blatant", BURST), ("B", "high", "moderate", HIGH)
    harmless = ("C", "one_off", "none", HIGH)
    amount = "amount_minor"
    _written(
        folder / "truth.csv",
        [_truth(f"A-{k}", burst, "n_1d_by_school") for k in range(4)]
        + [_truth(f"B-{k}", high, amount) for k in range(2)]
        + [_truth("C-0", harmless, amount)],
    )
    said = {"rule": "many", "answer": "clear", "at": "2026-03-26T00:31:00+00:00"}
    _written(folder / "warnings.csv", [{"event_id": "A-3", **said}])
    chosen: list[tuple[str, str, float]]
    chosen = [("A-3", "alert", 1), ("B-0", "alert", 1), ("C-0", "alert", 1)]
    chosen += [(f"G-{k}", "control", 0.1) for k in range(900, 910)]
    _written(
        folder / "labels.csv",
        [
            {
                "event_id": event_id,
                "outcome": "confirmed" if event_id in {"A-3", "B-0", "G-900"} else "cleared",
                "reviewer": f"r{k % 3}",
                "decided_at": "2026-04-20T09:00:00+08:00",
                "selected_by": by,
                "inclusion_probability": chance,
                "review_group": "",
            }
            for k, (event_id, by, chance) in enumerate(chosen)
        ],
    )
    yield folder
    catalog.dismiss("grants")


@pytest.fixture
def run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[..., tuple[int, str, str]]
) -> Run:
    """`run("evaluate", ...)`: exit code and what was printed."""
    monkeypatch.setenv("LIANJING_HOME", str(folder / "home"))
    monkeypatch.setenv("LIANJING_ALERT_BUDGET", "0.005")
    monkeypatch.setenv("COLUMNS", "200")

    def ran(*words: object) -> tuple[int, str]:
        code, out, err = command(*words)
        return code, out + err

    return ran


@pytest.fixture
def told(folder: Path, run: Run) -> dict[str, Any]:
    """The report's JSON, once written."""
    out = folder / "report"
    if not (out / "screening.json").exists():
        path = folder / "grants.py"
        code, text = run("evaluate", "--scenario", path, "--fresh", "--out", out, "--by", "school",
                         *(word for name in ("truth", "warnings", "labels")
                           for word in (f"--{name}", folder / f"{name}.csv")))  # fmt: skip
        assert code == 0, text
    found: dict[str, Any] = json.loads((out / "screening.json").read_text(encoding="utf-8"))
    return found


def _rate(hits: int, n: int) -> dict[str, float]:
    """A share with its interval, by another implementation (Wilson, 95 %)."""
    interval = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    return {
        "hits": hits,
        "n": n,
        "rate": hits / n,
        "low": interval.low,
        "high": interval.high,
    }


def test_recall_is_counted_by_kind_and_strength(told: dict[str, Any]) -> None:
    """The rule hits the third and the fourth of a burst; the host took the fourth back."""
    rows = {row["typology"]: row for row in told["recalls"]}

    assert (told["n_units"], told["n_reviews"], told["n_host_answers"]) == (N, 6, 1)
    assert set(rows) == {"burst", "high"}
    assert (rows["burst"]["severity"], rows["burst"]["n_units"]) == ("blatant", 4)
    assert (rows["burst"]["rule_hits"], rows["burst"]["n_unhit"]) == (1, 3)
    assert (rows["burst"]["n_seen"], rows["burst"]["seen_hit"]) == (1, 1)
    assert (rows["high"]["n_units"], rows["high"]["model"], rows["high"]["rule_hits"]) == (2, 2, 0)


def test_arms_and_overlap_add_up(told: dict[str, Any]) -> None:
    """What the model finds is what it shares with the rules and what it alone selects."""
    arms = {arm["name"]: arm for arm in told["arms"]}
    parts, model = told["overlap"], arms["model"]["finds"]

    assert model["n"] == parts["both"]["n"] + parts["model_only"]["n"] == 6
    assert model["hits"] == parts["both"]["hits"] + parts["model_only"]["hits"]
    assert model["hits"] == sum(row["model"] for row in told["recalls"])
    assert parts["rules_hit"]["n"] == 1
    assert arms["rules"]["finds"] == pytest.approx(_rate(1, 1))
    assert model == pytest.approx(_rate(model["hits"], 6))


def test_lookalikes_reasons_and_delays_are_told(told: dict[str, Any]) -> None:
    """One harmless unit in all; a high grant is an alert when it comes, and says why."""
    selected = told["lookalikes"]["selected"]
    delays = {row["typology"]: row for row in told["delays"]}

    assert told["lookalikes"]["everywhere"] == pytest.approx(_rate(1, N))
    assert selected["n"] == 6
    assert selected["hits"] == next(a for a in told["arms"] if a["name"] == "model")["n_lookalikes"]
    assert told["explained"]["n"] == sum(row["model"] for row in told["recalls"])
    assert told["explained"]["hits"] == told["explained"]["n"]
    assert (delays["high"]["n_cases"], delays["high"]["detected"]) == (1, 1)
    assert delays["high"]["median_days"] == 0.0
    assert "one_off" not in delays


def test_the_control_sample_tells_of_all(told: dict[str, Any]) -> None:
    """Two of three alerts confirmed; the one confirmed control stands for ten."""
    said = told["sampled"]

    assert said["n_reviews"] == 13
    assert said["precision"] == pytest.approx(_rate(2, 3))
    assert said["prevalence"] == pytest.approx((2 + 10) / N)
    assert said["recall"] == pytest.approx(2 / 12)
    assert said["prevalence_low"] < said["prevalence"] < said["prevalence_high"]


def test_concentration_is_counted_by_the_field_asked_for(told: dict[str, Any]) -> None:
    """The six reviews, school by school."""
    (field,) = told["concentration"]
    shares = [group["selected"] / 6 for group in field["groups"]]

    assert field["field"] == "school"
    assert sum(shares) == pytest.approx(1.0)
    assert field["hhi_selected"] == pytest.approx(sum(share**2 for share in shares))
    assert field["hhi_all"] < field["hhi_selected"]


def test_the_page_says_what_the_json_says(folder: Path, told: dict[str, Any]) -> None:
    """One file with its plots in it, and each number as the data has it."""
    page = (folder / "report" / "screening.html").read_text(encoding="utf-8")

    assert page.count("data:image/png;base64,") == 3
    assert {path.name for path in (folder / "report").glob("*.png")} == {
        "overlap.png",
        "recall.png",
        "delays.png",
    }
    for row in told["recalls"]:
        assert f"{row['typology']}" in page
    assert f"{N:,}" in page or str(N) in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_refit_is_compared_with_the_model_that_serves(folder: Path, run: Run) -> None:
    """The bundle is fitted again on a draw of its rows; without a truth nothing is judged."""
    path = folder / "grants.py"
    assert run("train", path)[0] == 0
    code, text = run("evaluate", "--scenario", path, "--refits", "1", "--version", "1",
                     "--out", folder / "refit")  # fmt: skip
    assert code == 0, text
    told = json.loads((folder / "refit" / "screening.json").read_text(encoding="utf-8"))

    assert told["stability"]["n_refits"] == 1
    assert 0.0 < told["stability"]["rank_correlation"] <= 1.0
    assert 0.0 < told["stability"]["jaccard"] <= 1.0
    assert (told["recalls"], told["arms"], told["lookalikes"]) == ([], [], None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--by", "teacher"), "grants has no key or category 'teacher'; use school, sort"),
        (("--since", "2030-01-01"), "no event of grants happened in that time; widen it or ingest"),
        (
            ("--truth", "labels.csv"),
            "labels.csv: no column 'scenario'; columns must be event_id, scenario",
        ),
        (("--warnings", "labels.csv"), "labels.csv: no column 'rule'; give event_id, rule"),
        (("--labels", "truth.csv"), "truth.csv"),
        (("--truth", "nosuch.csv"), "nosuch.csv: not a readable CSV table"),
    ],
)
def test_what_cannot_be_judged_is_said(
    folder: Path, run: Run, words: tuple[str, str], said: str
) -> None:
    """The message names what is at fault and the way out; no report is written."""
    option, value = words
    given = folder / value if value.endswith(".csv") else value
    code, text = run("evaluate", "--scenario", folder / "grants.py", "--fresh", option, given,
                     "--out", folder / "none")  # fmt: skip

    assert code != 0
    assert said in " ".join(text.split())
    assert not (folder / "none").exists()
