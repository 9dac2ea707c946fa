"""The database's tables, in SQLAlchemy Core, and how a database is brought up to date.

One database holds everything that one transaction must cover: events, histories, records,
deployments and the audit chain. Its one chain of Alembic migrations lives beside this file, and
runs on SQLite and on PostgreSQL.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, create_engine, exc, inspect

from features.contracts.errors import LedgerError
from features.contracts.settings import Place
from features.store.database import Database
from features.store.place import address, connect

HEAD: Final = "0005"
"""The newest migration; a database of this version is opened without loading Alembic."""

MIGRATIONS: Final = Path(__file__).parent / "migrations"


def version(database: Database) -> str | None:
    """The migration a database stands at, or None for a new one."""
    if not database.has_table("alembic_version"):
        return None
    row = database.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def migrate(place: Place) -> None:
    """Bring the database at `place` to `HEAD`, making file and folder where there are none.

    Raises
    ------
    LedgerError
        It was written by a newer release, is no database, or may not be changed by us.
    """
    at = version_at(place)
    if at == HEAD:
        return
    if at is not None and at > HEAD:
        message = (
            f"{named(place)} is at schema {at}, this release knows {HEAD}; install the newer "
            "release"
        )
        raise LedgerError(message)
    upgrade(place)


def version_at(place: Place) -> str | None:
    """The migration the ledger at `place` stands at, or None where there is none yet.

    Raises
    ------
    LedgerError
        There is something else, or it cannot be reached.
    """
    if address(place) is None and not Path(str(place)).exists():
        return None
    try:
        with closing(connect(place, is_read_only=True)) as database:
            return version(database)
    except sqlite3.DatabaseError as error:
        message = f"{place} is no ledger ({error}); name another LIANJING_HOME"
        raise LedgerError(message) from error


def named(place: Place) -> str:
    """What messages call `place`: a file by its path, a database by the setting."""
    return str(place) if address(place) is None else "the database of LIANJING_STORE"


def upgrade(place: Place, revision: str = "head") -> None:
    """Run the migrations up to `revision` on the database at `place`.

    Raises
    ------
    LedgerError
        PostgreSQL did not let us: no right to make tables, or the head is held by another.
    """
    from alembic import command  # noqa: PLC0415  (only a database to be migrated pays for it)
    from alembic.config import Config  # noqa: PLC0415

    if address(place) is None:
        Path(str(place)).parent.mkdir(parents=True, exist_ok=True)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = made = engine(place)
    try:
        command.upgrade(config, revision)
    except exc.DBAPIError as error:
        why = str(error.orig).partition("\n")[0]
        message = f"{named(place)} cannot be brought up to date ({why}); nothing was changed"
        raise LedgerError(message) from error
    finally:
        made.dispose()


def engine(place: Place) -> Engine:
    """SQLAlchemy's engine of the database at `place`, for migrations and inspection."""
    url = address(place)
    if url is None:
        return create_engine(f"sqlite:///{place}")
    from features.store.postgres import connected  # noqa: PLC0415  (an extra, and seldom needed)

    def connection() -> object:
        made = connected(url)
        made.autocommit = False
        return made

    return create_engine("postgresql+psycopg://", creator=connection)


def tables(place: Place) -> tuple[str, ...]:
    """Names of the tables in the database at `place`, sorted."""
    made = engine(place)
    names = tuple(sorted(inspect(made).get_table_names()))
    made.dispose()
    return names
