"""The reviewers' queue: records by how unusual they are, the newest first among equals."""

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from features.contracts.errors import InputError
from features.store.database import Database
from serving.store.records import COLUMNS, Row

_ORDER: Final = "ORDER BY p_value, record DESC LIMIT ?"

_BOUND: Final = 2**63
_FOREIGN: Final = "this cursor was not given out here; start again without one"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records a page shows; None and the empty text let everything through."""

    scenario: str | None = None
    band: str | None = None
    text: str = ""


def page(connection: Database, wanted: Filter, *, cursor: str, limit: int) -> tuple[list[Row], str]:
    """One page of the queue and the cursor of the next, empty behind the last."""
    clauses, parameters = _clauses(connection, wanted)
    if cursor:
        p_value, number = read_cursor(cursor)
        clauses.append("(p_value > ? OR (p_value = ? AND record < ?))")
        parameters += [p_value, p_value, number]
    where = f"WHERE {' AND '.join(clauses)}" if clauses else ""
    found = connection.execute(
        f"SELECT record, {COLUMNS} FROM record {where} {_ORDER}",  # noqa: S608
        [*parameters, limit + 1],
    ).fetchall()
    numbered = [(int(number), Row(*rest)) for number, *rest in found[:limit]]
    more = write_cursor(*numbered[-1]) if len(found) > limit else ""
    return [row for _, row in numbered], more


def _clauses(connection: Database, wanted: Filter) -> tuple[list[str], list[str | float | int]]:
    clauses: list[str] = []
    parameters: list[str | float | int] = []
    for clause, value in (
        ("scenario = ?", wanted.scenario),
        ("band = ?", wanted.band),
        (connection.contains("event_id"), wanted.text.strip()),
    ):
        if value:
            clauses.append(clause)
            parameters.append(value)
    return clauses, parameters


def write_cursor(number: int, row: Row) -> str:
    """The opaque place behind `row`."""
    return base64.urlsafe_b64encode(f"{row.p_value!r}:{number}".encode()).decode()


def read_cursor(cursor: str) -> tuple[float, int]:
    """The place that `write_cursor` wrote.

    Raises
    ------
    InputError
        The cursor is none of ours.
    """
    try:
        p_value, number = base64.urlsafe_b64decode(cursor.encode()).decode().split(":")
        place = float(p_value), int(number)
    except (ValueError, binascii.Error) as error:
        raise InputError(_FOREIGN) from error
    if not 0.0 < place[0] <= 1.0 or not 0 < place[1] < _BOUND:
        raise InputError(_FOREIGN)
    return place
