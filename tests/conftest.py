"""What every test may rely on: skipping with a reason, or failing where nothing may be skipped."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

from features.contracts.settings import Place
from features.store.ledger import Ledger
from features.store.schema import migrate
from features.store.testing import Server, binaries, server
from serving.cli import main

DATA: Final = Path(__file__).parents[2] / "shared" / "data"

os.environ.pop("LIANJING_STORE", None)  # whoever works with a database of theirs keeps it


def _installed(*names: str) -> bool:
    return all(find_spec(name) is not None for name in names)


HAVE: Final[Mapping[str, Callable[[], bool]]] = {
    "chromium": lambda: Path("/usr/bin/chromium").exists(),
    "dask": lambda: _installed("dask", "distributed"),
    "data": DATA.is_dir,
    "java": lambda: shutil.which("java") is not None,
    "postgres": lambda: binaries() is not None,
    "spark": lambda: _installed("pyspark"),
}
MISSING: Final = {
    "chromium": "no /usr/bin/chromium: install Debian's package chromium",
    "dask": "no Dask: install the extra cluster",
    "data": "no ../shared/data beside the project",
    "java": "no java on the path: install Debian's package default-jre-headless",
    "postgres": "no initdb: install Debian's package postgresql",
    "spark": "no PySpark: install the extra cluster",
}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose machine lacks what it needs; under STRICT=1 that is a failure."""
    for mark in item.iter_markers("needs"):
        for name in mark.args:
            if HAVE[name]():
                continue
            if os.environ.get("STRICT") == "1":
                pytest.fail(f"STRICT=1 and {MISSING[name]}", pytrace=False)
            pytest.skip(MISSING[name])


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`command("train", "payouts")`: exit code, standard output, standard error of `lianjing`."""

    def ran(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["lianjing", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        told = capsys.readouterr()
        return int(stopped.value.code or 0), told.out, told.err

    return ran


Stores = Callable[[], AbstractContextManager[Place]]
"""Makes empty ledgers, one a call, each gone at the end."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A throw-away PostgreSQL server; a test that asks for it is marked `needs("postgres")`."""
    with server() as made:
        yield made


@pytest.fixture(
    scope="session",
    params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))],
)
def stores(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stores:
    """Empty ledgers, in SQLite files and in PostgreSQL databases: a test runs on both."""
    if request.param == "postgres":
        made: Server = request.getfixturevalue("postgres")
        return made.ledger
    empty = tmp_path_factory.mktemp("empty") / "ledger.db"
    migrate(empty)

    @contextmanager
    def copied() -> Iterator[Place]:
        folder = tmp_path_factory.mktemp("store")
        yield Path(shutil.copy(empty, folder / "ledger.db"))
        shutil.rmtree(folder)

    return copied


@pytest.fixture
def store(stores: Stores) -> Iterator[Place]:
    """Where an empty ledger is, in each kind of database."""
    with stores() as place:
        yield place


@pytest.fixture
def ledger(store: Place) -> Iterator[Ledger]:
    """An empty ledger, in each kind of database."""
    made = Ledger.open(store)
    yield made
    made.close()
