from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from features.contracts.errors import InputError
from features.contracts.events import VALUE_BOUND
from features.contracts.settings import Settings
from features.sources.pseudonym import pseudonymise
from features.sources.values import (
    CellError,
    NumberStyle,
    check_text,
    parse_fixed,
    parse_flag,
    parse_instant,
    parse_money,
    parse_version,
    squash,
)

MINOR = st.integers(-VALUE_BOUND, VALUE_BOUND)
EUROPEAN = NumberStyle(decimal=",", thousands=".")


@given(MINOR)
def test_money_comes_back_exactly(minor: int) -> None:
    """Any amount within the bound, written with two decimals, is read to the last unit."""
    assert (minor, False) == parse_money(f"{Decimal(minor) / 100:.2f}")


@given(MINOR)
def test_grouping_does_not_change_the_amount(minor: int) -> None:
    """The European way of writing gives the same integer."""
    text = f"{Decimal(minor) / 100:,.2f}".translate(str.maketrans(",.", ".,"))

    assert minor == parse_money(text, EUROPEAN).value


@pytest.mark.parametrize(
    ("text", "minor"),
    [("0.005", 0), ("0.015", 2), ("-0.015", -2), ("0.0150000001", 2), ("1.", 100)],
)
def test_extra_decimals_are_rounded_half_to_even(text: str, minor: int) -> None:
    """Ties go to the even unit, in both directions."""
    assert minor == parse_money(text).value


def test_zeros_beyond_the_second_decimal_are_no_rounding() -> None:
    """Only what is lost is counted as rounded."""
    assert parse_money("1.5000") == (150, False)
    assert parse_money("1.5001") == (150, True)


@given(st.text())
def test_junk_is_refused_in_words(text: str) -> None:
    """Any text is a number or a named fault, nothing else."""
    with suppress(CellError):
        assert isinstance(parse_money(text).value, int)


@pytest.mark.parametrize("text", ["", "1e5", "nan", "1,2,3", "1 000", "٣", "--1", "0x1", "inf"])
def test_what_is_no_number_is_refused(text: str) -> None:
    """Neither exponents nor separators nor foreign digits are guessed at."""
    with pytest.raises(CellError, match="is no number"):
        parse_money(text)


def test_full_width_digits_and_the_minus_sign_are_read() -> None:
    """What an input method writes is a number too."""
    assert parse_money("−１２.３４").value == -1234


def test_the_bound_is_inclusive() -> None:
    """VALUE_BOUND may be held, one more may not."""
    assert parse_fixed(str(VALUE_BOUND), 0).value == VALUE_BOUND
    with pytest.raises(CellError, match="beyond the bound"):
        parse_fixed(str(VALUE_BOUND + 1), 0)


def test_rounding_can_be_refused() -> None:
    """Where decimals mean a mistake, the mapping says so."""
    with pytest.raises(CellError, match="more than 0 decimal places"):
        parse_fixed("1.5", 0, NumberStyle(rounding="refuse"))


def test_a_stamp_with_an_offset_keeps_it() -> None:
    """The declared zone is for naive stamps only."""
    stamp = parse_instant("2014-04-11T00:00:00+02:00", ("iso",), "Asia/Shanghai")

    assert datetime(2014, 4, 10, 22, tzinfo=UTC) == stamp


def test_the_first_format_that_fits_counts() -> None:
    """Formats are tried in the order declared."""
    formats = ("%d/%m/%Y", "%m/%d/%Y")

    assert datetime(2015, 4, 7, tzinfo=UTC) == parse_instant("07/04/2015", formats, "UTC")
    assert datetime(2015, 7, 24, tzinfo=UTC) == parse_instant("07/24/2015", formats, "UTC")


def test_a_repeated_hour_is_its_first_occurrence() -> None:
    """At the end of summer time 01:30 comes twice in London; the first is meant."""
    stamp = parse_instant("2026-10-25T01:30:00", ("iso",), "Europe/London")

    assert datetime(2026, 10, 25, 0, 30, tzinfo=UTC) == stamp


@pytest.mark.parametrize("text", ["0214-01-01", "9999-12-31"])
def test_a_year_out_of_reason_is_refused(text: str) -> None:
    """A mistyped year does not become history."""
    with pytest.raises(CellError, match="between the years 1900 and 2100"):
        parse_instant(text, ("iso",), "Asia/Shanghai")


@given(st.text())
def test_squashing_twice_changes_nothing(text: str) -> None:
    """A squashed name is its own squashed form."""
    assert squash(text) == squash(squash(text))


def test_control_characters_are_refused() -> None:
    """A code holds no invisible characters."""
    with pytest.raises(CellError, match="control character"):
        check_text("E-\x001")


def test_flags_and_versions_are_strict() -> None:
    """Neither is guessed."""
    with pytest.raises(CellError, match="is none of no, yes"):
        parse_flag("maybe", {"yes": True, "no": False})
    with pytest.raises(CellError, match="no version number"):
        parse_version("0")


def test_a_long_value_is_cut_in_the_message() -> None:
    """A report does not carry a novel."""
    assert len(CellError("is bad", column="c", value="x" * 500).value or "") == 80


def test_pseudonyms_depend_on_key_and_person_only() -> None:
    """Blanks do not matter; the key does; the clear text is not in it."""
    one, two = (Settings(pseudonym_key=SecretStr(key)) for key in ("one", "two"))

    assert pseudonymise("62 22 ab", one) == pseudonymise("6222AB", one)
    assert pseudonymise("6222AB", one) != pseudonymise("6222AB", two)
    assert "6222" not in pseudonymise("6222AB", one).removeprefix("k1:")


def test_without_a_key_there_is_no_pseudonym() -> None:
    """The error says what to set."""
    with pytest.raises(InputError, match="LIANJING_PSEUDONYM_KEY"):
        pseudonymise("6222", Settings(pseudonym_key=SecretStr("")))
