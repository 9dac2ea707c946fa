import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from features.calendar import Calendar
from features.contracts.errors import DeclarationError, UnknownScenarioError
from features.contracts.settings import Settings
from features.sources.convert import Converter
from features.sources.mapping import Mapping, shipped
from features.sources.rows import RawRow

TOWN = Path(__file__).parents[1] / "data" / "town_payments.toml"
KEYED = Settings(pseudonym_key=SecretStr("test"))


def town(**changes: Any) -> Mapping:
    return Mapping.model_validate(tomllib.loads(TOWN.read_text("utf-8")) | changes)


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_mapping_is_sound(name: str) -> None:
    """It loads by its name, and has that name."""
    assert name == Mapping.load(name).name


@pytest.mark.parametrize("name", shipped())
def test_holidays_of_shipped_calendars_lie_in_their_years(name: str) -> None:
    """The years in the calendar's name are those listed."""
    calendar = Mapping.load(name).calendar
    first, last = calendar.name.split("-")[-2:]

    assert [int(first), int(last)] == [
        day.year for day in (calendar.holidays[0], calendar.holidays[-1])
    ]


def test_without_a_calendar_the_prc_one_is_taken() -> None:
    """Also when it is asked for by name."""
    assert Calendar.prc() == town().calendar == town(calendar="prc").calendar


def test_what_is_known_only_later_is_ignored_with_the_reason() -> None:
    """Attributes set at a case's end would leak; the mapping says so and never uses them."""
    mapping = Mapping.load("bpic15")
    leaks = {name for note in mapping.ignored if "leak" in note.reason for name in note.columns}

    late = {"endDate", "caseStatus", "last_phase", "SUMleges", "termName"}
    assert {f"trace:{name}" for name in late} | {"event:dateFinished"} <= leaks


def test_supplier_names_are_personal() -> None:
    """The clear names of the payments file never enter."""
    assert "suppliername" in Mapping.load("oxford_payments").personal_columns()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "payout_lent"}, "has no kind 'payout_lent'; it has payout_requested"),
        ({"fields": {}}, "payouts events need 'amount_minor'; add"),
        ({"fields": {"amount": {"columns": ["A"]}}}, "have no field 'amount'; they have account"),
        ({"constants": {"effective_at": "2026-01-01"}}, "no field 'effective_at'"),
        (
            {"fields": {"amount_minor": {"columns": ["A"], "squash": True}}},
            "field 'amount_minor' is a money: option 'squash' does not apply",
        ),
        (
            {"fields": {"amount_minor": {"columns": ["A"], "decimal": ",", "thousands": ","}}},
            "cannot be both decimal sign",
        ),
        ({"event_id": "P-{position}"}, "names no column"),
        ({"event_id": "{Bank Account}"}, "would show a personal column"),
        ({"ignored": [{"columns": ["amount"], "reason": "why"}]}, "both used and ignored"),
        ({"effective_at": {"columns": ["At"], "formats": ["%H:%M"]}}, "date_only, yet"),
        ({"format": "xes"}, "an XES mapping writes 'trace:...'"),
        ({"timezone": "Asia/Shanghei"}, "no time zone 'Asia/Shanghei'"),
        ({"encodings": ["utf-9"]}, "Python knows no 'utf-9'"),
    ],
)
def test_a_wrong_declaration_is_told_in_words(changes: dict[str, Any], message: str) -> None:
    """The message names the offender and the rule."""
    with pytest.raises(DeclarationError, match=message.replace(".", r"\.").replace("{", r"\{")):
        town(**changes)


def test_an_unknown_scenario_offers_the_nearest() -> None:
    """A slip of the pen is recognised."""
    with pytest.raises(UnknownScenarioError, match="nearest: payouts"):
        town(scenario="payout")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "mapping m.toml: no readable TOML"),
        ("name = 'm'\ncolour = 'red'", "mapping m.toml: "),
        (TOWN.read_text("utf-8").replace("[version]", "[vresion]"), "vresion: Extra inputs"),
    ],
)
def test_a_faulty_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    """The error says which file and where in it."""
    path = tmp_path / "m.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(DeclarationError, match=message):
        Mapping.load(path)


@pytest.mark.parametrize("source", ["oxford", "none.toml"])
def test_a_mapping_that_is_not_there_is_told(source: str) -> None:
    """By name or by path."""
    with pytest.raises(DeclarationError, match=source):
        Mapping.load(source)


def test_overrides_stand_before_constants_for_the_files_they_fit() -> None:
    """A file without dates gets one; the others do not."""
    assert town().constants_for("january.csv") == {"district": "North"}
    expected = {"district": "South", "effective_at": str(date(2025, 6, 30))}
    assert expected == town().constants_for("undated-1.csv")


def test_a_constant_that_breaks_its_rule_is_refused() -> None:
    """Before any row is read."""
    with pytest.raises(DeclarationError, match="constant 'cap_minor' is no number"):
        Converter(town(constants={"cap_minor": "much"}), KEYED)


def test_the_first_variant_that_is_not_blank_counts() -> None:
    """Variants are tried cell by cell, in the order declared."""
    mapping = Mapping.load("oxford_payments")
    cells = {"trans_no": " 1 ", "PAID DATE": "07/04/2015", "amount": "1", "Expenditure Code": "K1"}
    areas = {"Organisational Unit": " ", "service_area": "Law & Governance"}
    event = Converter(mapping, Settings()).convert(RawRow(2, 1, cells | areas)).event

    assert event.event_id == "1"
    assert event.fields["authority"] == "law and governance"
    assert event.fields["enterprise"] is None
