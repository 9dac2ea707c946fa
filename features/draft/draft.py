"""A scenario and its mapping drafted from a table: two files to read, correct and keep."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from features.contracts.errors import ConflictError, InputError
from features.draft.mapping_text import mapping_text
from features.draft.options import Options
from features.draft.profile import profiles
from features.draft.roles import Asked, Roles, guess
from features.draft.scenario_text import scenario_text
from features.scenarios import catalog

_NAME: Final = re.compile(r"^[a-z][a-z0-9_]{0,40}$")


class Draft(NamedTuple):
    """Where scenario and mapping were written, and what was guessed."""

    scenario: Path
    mapping: Path
    roles: Roles


def draft(table: Path, options: Options, asked: Asked, out: Path) -> Draft:
    """Write `<name>.py` and `<name>.toml` into the folder `out`; neither may be there yet.

    Only headers and counts of the table go into them, no cell.

    Raises
    ------
    InputError
        The name cannot be a scenario's, or a column's role cannot be told.
    ConflictError
        A file of that name is there.
    """
    _check_name(options.name)
    places = out / f"{options.name}.py", out / f"{options.name}.toml"
    for place in places:
        if place.exists():
            raise ConflictError(f"{place} is there already; move it, or take another name")
    form = "parquet" if table.suffix == ".parquet" else "csv"
    options = replace(options, format=form)
    roles = guess(profiles(table, options.encodings, options.delimiter), asked)
    for one in roles.of("time", "instant"):
        options.check(one.column)
    out.mkdir(parents=True, exist_ok=True)
    places[0].write_text(scenario_text(roles, options.name), encoding="utf-8")
    places[1].write_text(mapping_text(roles, options), encoding="utf-8")
    return Draft(*places, roles)


def _check_name(name: str) -> None:
    if not _NAME.match(name):
        message = (
            f"a scenario cannot be called {name!r}; take lower-case letters, digits and "
            "underscores, a letter first, 41 at most"
        )
        raise InputError(message)
    if name in catalog.NAMES:
        raise InputError(f"the name {name!r} is a shipped scenario's; choose another")
