"""Drafts of scenarios: what is guessed from a table, what is refused, what stays out of a file."""

from pathlib import Path
from random import Random
from typing import Final

import pytest

from features.contracts.errors import ConflictError, InputError
from features.contracts.settings import Settings
from features.draft.draft import Draft, draft
from features.draft.options import Options
from features.draft.roles import Asked
from features.scenarios import catalog
from features.sources.ingest import ingest
from features.sources.mapping import Mapping
from features.store.ledger import Ledger
from serving.cli.scenario_check import check

HEADER: Final = (
    "Grant No",
    "Paid At",
    "Amount",
    "Recipient Code",
    "Scheme",
    "Contact Name",
    "Staff",
    "Applied On",
    "Remark",
    "Body",
)
NAMES: Final = ("Ada Lovelace", "Grace Hopper")


def _rows(n: int, **changes: str) -> list[dict[str, str]]:
    chance = Random(3)  # noqa: S311  (a table, no secret)
    rows = []
    for k in range(n):
        row = {
            "Grant No": f"G-{k}",
            "Paid At": f"2025-{1 + k % 12:02d}-{1 + k % 28:02d}T{k % 24:02d}:30:00+08:00",
            "Amount": f"{chance.randrange(1, 9000)}.{chance.randrange(100):02d}",
            "Recipient Code": f"R{chance.randrange(80)}",
            "Scheme": f"S{chance.randrange(4)}",
            "Contact Name": chance.choice(NAMES),
            "Staff": str(chance.randrange(1, 200)),
            "Applied On": f"2024-{1 + k % 12:02d}-{1 + k % 28:02d}",
            "Remark": f"remark {k % (n - 5)}",
            "Body": "The City",
        }
        rows.append(row | changes)
    return rows


def _table(folder: Path, rows: list[dict[str, str]]) -> Path:
    path = folder / "grants.csv"
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _drafted(folder: Path, rows: list[dict[str, str]], **asked: str) -> Draft:
    return draft(_table(folder, rows), Options("grants"), Asked(**asked), folder / "out")


def test_every_column_gets_a_role(tmp_path: Path) -> None:
    """Id, time and amount by what they hold, keys and groups by how many values come again."""
    done = _drafted(tmp_path, _rows(400))
    roles = {one.column.header: one.role for one in done.roles.guesses}

    assert roles == dict(
        zip(
            HEADER,
            (
                "id",
                "time",
                "amount",
                "key",
                "category",
                "ignored",
                "number",
                "instant",
                "ignored",
                "ignored",
            ),
            strict=True,
        )
    )
    assert (done.roles.subject.name, done.roles.peers.name) == ("recipient_code", "scheme")


def test_no_cell_gets_into_a_file(tmp_path: Path) -> None:
    """Headers and counts alone; what sounds personal is left out, and never shown."""
    done = _drafted(tmp_path, _rows(400))
    text = done.scenario.read_text("utf-8") + done.mapping.read_text("utf-8")

    assert not [name for name in (*NAMES, "G-7", "R13", "S2", "remark", "The City") if name in text]
    assert "personal = true" in text


def test_a_draft_loads_and_computes(tmp_path: Path) -> None:
    """It stands the check, the table goes into a ledger by its mapping, and live is planned."""
    done = _drafted(tmp_path, _rows(400))
    try:
        (name,) = catalog.enrol([done.scenario])
        found = check(catalog.load(name), done.mapping)
        ledger = Ledger.in_memory()
        report = ingest(
            [tmp_path / "grants.csv"],
            mapping=Mapping.load(done.mapping),
            ledger=ledger,
            settings=Settings(home=tmp_path),
        )
    finally:
        catalog.dismiss("grants")

    assert (found.fields, found.mapped) == (5, 5)
    assert report.total.counts.accepted == 400


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"Grant No": "one"}, "the id cannot be told, no column looks like it; .* --id"),
        ({"Paid At": "soon", "Applied On": "later"}, "the time cannot be told.*--time"),
        ({"Amount": "much", "Staff": "some"}, "the amount cannot be told.*--amount"),
        ({"Recipient Code": "R1"}, "whom history is kept for cannot be told.*--subject"),
        ({"Scheme": ""}, "what is compared with what cannot be told.*--peers"),
    ],
)
def test_what_cannot_be_told_is_asked_for(
    tmp_path: Path, change: dict[str, str], what: str
) -> None:
    """The message names the role, the candidates and the option."""
    with pytest.raises(InputError, match=what):
        _drafted(tmp_path, _rows(400, **change))


def test_several_that_may_be_it_are_named(tmp_path: Path) -> None:
    """Columns of dates whose headers both say so: one is to be named."""
    rows = [{**row, "Closed Date": row["Applied On"]} for row in _rows(400)]
    with pytest.raises(InputError, match=r"2 may be: 'Paid At', 'Closed Date'; name .* --time"):
        _drafted(tmp_path, rows)

    assert _drafted(tmp_path, rows, time="paid at").roles.one("time").why == "named by you"


def test_days_and_months_are_not_guessed(tmp_path: Path) -> None:
    """03/04 is a day in March or in April; which is said, or refused."""
    rows = _rows(400, **{"Paid At": "03/04/2025"})
    table, asked = _table(tmp_path, rows), Asked(time="Paid At")
    with pytest.raises(InputError, match=r"%d/%m/%Y and %m/%d/%Y; say which with --time-format"):
        draft(table, Options("grants"), asked, tmp_path)
    told = Options("grants", time_format="%m/%d/%Y")
    done = draft(table, told, asked, tmp_path)

    assert 'formats = ["%m/%d/%Y"]' in done.mapping.read_text("utf-8")


def test_nothing_is_overwritten_and_no_name_is_taken_twice(tmp_path: Path) -> None:
    """A second draft of the name, and a shipped scenario's name."""
    done = _drafted(tmp_path, _rows(400))
    with pytest.raises(ConflictError, match="is there already"):
        _drafted(tmp_path, _rows(400))
    for name, what in (("payouts", "shipped scenario's"), ("My Grants", "cannot be called")):
        with pytest.raises(InputError, match=what):
            draft(tmp_path / "grants.csv", Options(name), Asked(), tmp_path)

    assert done.scenario.exists()


def test_a_table_without_rows_tells_nothing(tmp_path: Path) -> None:
    """Only a header."""
    path = tmp_path / "empty.csv"
    path.write_text("a,b\n", encoding="utf-8")
    with pytest.raises(InputError, match="no rows to guess from"):
        draft(path, Options("grants"), Asked(), tmp_path)
