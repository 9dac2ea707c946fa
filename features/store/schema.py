"""The database's tables, in SQLAlchemy Core, and how a file is brought up to date.

One database file holds everything that one transaction must cover: events, histories, records,
deployments and the audit chain. Its one chain of Alembic migrations lives beside this file.
"""

import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine, inspect

from features.contracts.errors import LedgerError

HEAD: Final = "0002"
"""The newest migration; a file of this version is opened without loading Alembic."""

MIGRATIONS: Final = Path(__file__).parent / "migrations"


def version(connection: sqlite3.Connection) -> str | None:
    """The migration a database file stands at, or None for a new file."""
    found = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
    ).fetchone()
    if found is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def migrate(path: Path) -> None:
    """Bring the database at `path` to `HEAD`, making file and folder where there are none.

    Raises
    ------
    LedgerError
        The file was written by a newer release, or is no database.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with sqlite3.connect(path) as connection:
            at = version(connection)
        connection.close()
    except sqlite3.DatabaseError as error:
        message = f"{path} is no ledger ({error}); name another LIANJING_HOME"
        raise LedgerError(message) from error
    if at == HEAD:
        return
    if at is not None and at > HEAD:
        message = f"{path} is at schema {at}, this release knows {HEAD}; install the newer release"
        raise LedgerError(message)
    _upgrade(path)


def _upgrade(path: Path) -> None:
    from alembic import command  # noqa: PLC0415  (only a file to be migrated pays for it)
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = f"sqlite:///{path}"
    command.upgrade(config, "head")


def tables(path: Path) -> tuple[str, ...]:
    """Names of the tables in the database at `path`, sorted."""
    engine = create_engine(f"sqlite:///{path}")
    names = tuple(sorted(inspect(engine).get_table_names()))
    engine.dispose()
    return names
