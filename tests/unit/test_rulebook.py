"""The rulebook: dated thresholds, validity, what an own file may say and how it fails."""

import tomllib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.batch import build
from features.calendar import to_day
from features.contracts.errors import DeclarationError, InputError, UnreadableSourceError
from features.contracts.events import Event
from features.declared import Threshold
from features.live.engine import LiveEngine
from features.rules import ANSWERS, answer
from features.scenarios import catalog
from features.scenarios.rulebook import SHIPPED
from features.spec import Rule, Scenario
from features.store.ledger import Ledger

NOW: Final = datetime(2024, 6, 30, 15, 59, 59, tzinfo=UTC)
"""A second before midnight of the first of July in Shanghai."""


def _book(folder: Path, text: str) -> Path:
    place = folder / "mine.toml"
    place.write_text(text, encoding="utf-8")
    return place


def _rule(**terms: object) -> Rule:
    limit = Threshold("limit", ((None, 3.0), (date(2024, 7, 1), 5.0)))
    plain = Rule("many", "多", "many", "internal", (("n", ">=", "limit"),), thresholds=(limit,))
    return replace(plain, **terms)  # type: ignore[arg-type]


def _on(rule: Rule, days: list[date], n: float = 4.0) -> list[str]:
    at = np.array([to_day(day) for day in days], np.int64)
    codes = answer(rule, {"n": np.full(len(at), n)}, np.ones(len(at), bool), at)
    return [ANSWERS[code] for code in codes]


def test_the_threshold_of_the_day_decides() -> None:
    """Four are too many until the limit rises to five."""
    days = [date(2024, 6, 30), date(2024, 7, 1)]

    assert _on(_rule(), days) == ["hit", "clear"]


def test_outside_its_validity_a_rule_does_not_apply() -> None:
    """From the first day on, until before the last."""
    rule = _rule(valid_from=date(2024, 7, 1), valid_until=date(2024, 7, 3))
    days = [date(2024, 6, 30), date(2024, 7, 1), date(2024, 7, 2), date(2024, 7, 3)]

    assert _on(rule, days, n=9.0) == ["not_applicable", "hit", "hit", "not_applicable"]


def test_before_its_first_threshold_a_rule_does_not_apply() -> None:
    """There is no number to compare with."""
    late = Threshold("limit", ((date(2024, 7, 1), 5.0),))

    assert _on(_rule(thresholds=(late,)), [date(2024, 6, 30)], n=9.0) == ["not_applicable"]


def test_a_threshold_that_nothing_gives_is_refused() -> None:
    """A scenario that went round the catalogue is told where to load it."""
    with pytest.raises(DeclarationError, match=r"'limit'.*catalog"):
        _on(_rule(thresholds=()), [date(2024, 7, 1)])


@given(st.lists(st.dates(date(2023, 1, 1), date(2026, 1, 1)), min_size=1, max_size=20))
def test_a_day_is_answered_alone_as_in_company(days: list[date]) -> None:
    """Whatever else stands in the table, the day of the event alone decides."""
    assert _on(_rule(), days) == [_on(_rule(), [day])[0] for day in days]


def _steps(scenario: Scenario) -> list[Event]:
    """Changes of one project, a second apart, across a local midnight."""
    return [
        Event(
            scenario=scenario.name,
            kind="approval_step",
            event_id=f"S{k}",
            effective_at=NOW + timedelta(seconds=k - 4),
            fields={"project": "P", "activity": "change_approved", "amount_minor": 10**6},
        )
        for k in range(8)
    ]


def test_batch_and_live_answer_by_the_local_day(tmp_path: Path) -> None:
    """The limit rises at the office's midnight, which is not that of UTC."""
    text = (
        "[approvals.frequent_changes]\n"
        "thresholds.changes = [{ value = 2 }, { from = 2024-07-01, value = 7 }]\n"
    )
    scenario, ledger = catalog.load("approvals", _book(tmp_path, text)), Ledger.in_memory()
    steps = _steps(scenario)
    ledger.admit(steps)
    column = build(ledger, scenario).rules["frequent_changes"]
    engine = LiveEngine(ledger, scenario)
    live = []
    for event in steps:
        stored = ledger.find(event.scenario, event.kind, event.event_id, event.version)
        told = engine.warnings(event, engine.vector(event, stored=stored))
        live += [one.status for one in told if one.rule == "frequent_changes"]

    assert live == ["clear", "clear", *["hit"] * 3, *["clear"] * 2, "hit"]
    assert live == [ANSWERS[code] for code in column]


def test_an_own_book_replaces_what_it_names_and_no_more(tmp_path: Path) -> None:
    """Severity and one rule's switch change; thresholds that it does not name stay."""
    text = "[approvals.frequent_changes]\nseverity = 3\n[approvals.decided_late]\non = false\n"
    mine, shipped = catalog.load("approvals", _book(tmp_path, text)), catalog.load("approvals")
    rules = {rule.name: rule for rule in mine.rules}

    assert "decided_late" not in rules
    assert rules["frequent_changes"].severity == 3
    assert rules["frequent_changes"].thresholds == shipped.rules[0].thresholds
    assert len(mine.rules) == len(shipped.rules) - 1


def test_another_number_is_another_version(tmp_path: Path) -> None:
    """The hash tells rulebooks apart, and features stay what they were."""
    text = "[approvals.frequent_changes]\nthresholds.changes = 4\n"
    mine, shipped = catalog.load("approvals", _book(tmp_path, text)), catalog.load("approvals")

    assert mine.rules_hash != shipped.rules_hash
    assert mine.features == shipped.features
    assert catalog.load("payouts", tmp_path / "mine.toml").rules_hash == (
        catalog.load("payouts").rules_hash
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[approval.frequent_changes]\non = false\n", r"mine.toml.*'approval'.*approvals"),
        ("[approvals.frequent_change]\non = false\n", r"mine.toml.*'frequent_change'.*frequent_ch"),
        ("[approvals.frequent_changes]\nof = 1\n", r"approvals.frequent_changes.of.*compare"),
        ("[approvals.frequent_changes]\nseverity = 4\n", r"frequent_changes.severity.*compare"),
        ("[approvals.frequent_changes]\nthresholds.change = 4\n", r"'change'; nearest: changes"),
        ("[approvals.frequent_changes]\nthresholds.changes = []\n", "changes lists no value"),
        (
            "[approvals.frequent_changes]\nthresholds.changes = [{value = 1}, {value = 2}]\n",
            "oldest first",
        ),
        (
            "[approvals.decided_late]\nvalid_from = 2024-01-02\nvalid_until = 2024-01-01\n",
            "not after",
        ),
        ("approvals = 3\n", "a table of rules is wanted"),
    ],
)
def test_a_faulty_book_says_what_is_wrong_and_where(tmp_path: Path, text: str, told: str) -> None:
    """Rule, key and the way out."""
    with pytest.raises(InputError, match=told):
        catalog.load("approvals", _book(tmp_path, text))


@pytest.mark.parametrize("text", [None, "[approvals\n"])
def test_a_book_that_cannot_be_read_is_named(tmp_path: Path, text: str | None) -> None:
    """Not there, or not TOML."""
    place = tmp_path / "mine.toml"
    if text is not None:
        place.write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableSourceError, match=r"mine.toml.*shipped"):
        catalog.load("payouts", place)


@pytest.mark.parametrize("name", catalog.names())
def test_every_shipped_rule_stands_in_the_rulebook(name: str) -> None:
    """With severity and basis, and every number of a condition but a flag's under a name."""
    sections = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))[name]
    rules = catalog.load(name).rules

    assert set(sections) == {rule.name for rule in rules}
    assert all({"severity", "basis"} <= set(section) for section in sections.values())
    told = {limit for rule in rules for _, _, limit in rule.conditions}
    assert {limit for limit in told if not isinstance(limit, str)} <= {0, 1}


@pytest.mark.parametrize(
    ("scenario", "rule", "own", "feature", "value"),
    [
        ("payouts", "check_stale", "days = 30", "oldest_check_d", 45.0),
        ("small_works", "few_quotes", "quotes = 5", "n_quotes_180d_by_lot", 4.0),
        ("credit_repairs", "repair_very_quick", "working_days = 4", "wait_wd", 3.0),
        ("assignments", "repeated_skips", "skips = 2", "n_skips_this_quarter_by_officer_agency", 2),
    ],
)
def test_a_limit_is_whatever_ones_own_file_says(
    tmp_path: Path, scenario: str, rule: str, own: str, feature: str, value: float
) -> None:
    """Clear by the shipped number, a hit by one's own."""
    mine = _book(tmp_path, f"[{scenario}.{rule}]\nthresholds.{own}\n")
    day = np.array([to_day(date(2024, 7, 1))], np.int64)

    def told(book: Path | None) -> str:
        found = next(one for one in catalog.load(scenario, book).rules if one.name == rule)
        code = answer(found, {feature: np.array([float(value)])}, np.ones(1, bool), day)[0]
        return ANSWERS[code]

    assert (told(None), told(mine)) == ("clear", "hit")


OWN: Final = {
    "frequent_changes",
    "duplicate_benefit",
    "check_missing",
    "check_after_payment",
    "check_hit_ignored",
    "check_incomplete",
    "check_stale",
    "skipped_rotation",
    "repeated_skips",
    "repair_over_promise",
    "repair_very_quick",
}
"""Rules of a platform, a policy or a city: in force since the day that an operator states."""


@pytest.mark.parametrize("name", catalog.NAMES)
def test_a_rule_of_law_is_in_force_since_the_law_is(name: str) -> None:
    """Each rule that cites a law has its first day; the others are the platform's own."""
    undated = {rule.name for rule in catalog.load(name).rules if rule.valid_from is None}

    assert undated == OWN & {rule.name for rule in catalog.load(name).rules}
