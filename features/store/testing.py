"""A throw-away PostgreSQL server from the system's packages, for tests and benchmarks.

It listens on a socket in a folder of its own under the system's temporary folder, and on loopback
where a port is named; whoever may enter the folder is let in. Server and folder are gone at the
end. As root it runs as `postgres`, or as `nobody` where there is no such user: it refuses root.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, Final

import psycopg

from features.contracts.errors import LedgerError
from features.store.schema import migrate

USER: Final = "lianjing"
_TEMPLATE: Final = "empty_ledger"
_START_S: Final = 30.0
_FAST: Final = {"fsync": "off", "full_page_writes": "off", "max_connections": "60"}
"""A server whose data nobody needs after a power cut."""


def binaries() -> Path | None:
    """The folder of `initdb` and `postgres`: Debian's newest, else that on the path, or None."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda folder: int(folder.parent.name))
    on_path = shutil.which("initdb")
    return None if on_path is None else Path(on_path).parent


class Server:
    """A running server; each database on it is a ledger of its own."""

    def __init__(self, folder: Path, port: int | None) -> None:
        self.folder, self.port = folder, port
        self._numbers = count(1)
        self._has_template = False

    def url(self, database: str) -> str:
        """The address of `database`: over loopback where a port was named, else the socket."""
        if self.port is not None:
            return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"
        return f"postgresql://{USER}@/{database}?host={self.folder}"

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement as the server's owner."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def ledger(self) -> Iterator[str]:
        """The address of an empty ledger, brought up to date; it is dropped at the end."""
        if not self._has_template:
            self.execute(f"CREATE DATABASE {_TEMPLATE}")
            migrate(self.url(_TEMPLATE))
            self._has_template = True
        with self.database(_TEMPLATE) as url:
            yield url

    @contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """The address of a new database; it is dropped at the end."""
        name = f"made_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextmanager
def server(*, port: int | None = None, **settings: str) -> Iterator[Server]:
    """A running server with `settings` of postgresql.conf; without any it is fast and not durable.

    Raises
    ------
    LedgerError
        PostgreSQL is not installed here, or did not start.
    """
    where = binaries()
    if where is None:
        raise LedgerError("no initdb here; install Debian's package postgresql")
    folder = Path(tempfile.mkdtemp(prefix="lianjing-pg-"))
    try:
        with _running(where, folder, port, settings or _FAST) as made:
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(
    where: Path, folder: Path, port: int | None, settings: dict[str, str]
) -> Iterator[Server]:
    who = _other_user(folder)
    data = folder / "data"
    options = ["-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"]
    made = subprocess.run(  # noqa: S603  (the system's own initdb)
        [where / "initdb", "-D", data, *options],
        capture_output=True,
        text=True,
        check=False,
        **who,
    )
    if made.returncode:
        raise LedgerError(f"initdb failed: {made.stderr.strip()}")
    told = {
        "unix_socket_directories": str(folder),
        "listen_addresses": "" if port is None else "127.0.0.1",
        "port": str(port or 5432),
        **settings,
    }
    options = [part for item in told.items() for part in ("-c", "=".join(item))]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  (the system's own server)
            [where / "postgres", "-D", data, *options], stdout=log, stderr=log, **who
        )
    try:
        started = Server(folder, port)
        _wait(started, process)
        yield started
    finally:
        process.send_signal(signal.SIGINT)  # the fast way down: sessions are ended
        with suppress(subprocess.TimeoutExpired):
            process.wait(_START_S)
        process.kill()
        process.wait()


def _other_user(folder: Path) -> dict[str, Any]:
    """Arguments that run a process as a user who may own a server, and the folder made theirs."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": folder}


def _wait(started: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            started.execute("SELECT 1")
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                told = (started.folder / "log").read_text(encoding="utf-8").strip()
                raise LedgerError(f"PostgreSQL did not start: {told}") from error
            time.sleep(0.05)
        else:
            return
