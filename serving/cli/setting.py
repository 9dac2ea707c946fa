"""The settings of the environment, and the ledger that they name."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from features.contracts.errors import InputError, NotFoundError
from features.contracts.settings import Place, Settings

if TYPE_CHECKING:
    from features.store.ledger import Ledger


def configured() -> Settings:
    """The settings of the environment; the scenario files that they name can be loaded by name.

    Raises
    ------
    InputError
        A variable breaks its rule; its value stays out of the message.
    DeclarationError
        A scenario file cannot be used.
    """
    settings = _read()
    if settings.scenarios:
        from features.scenarios import catalog

        catalog.enrol(settings.scenarios)
    return settings


def known(name: str) -> str:
    """The name of the scenario that is meant by a name or by the path of a scenario file.

    >>> known("payouts")
    'payouts'
    """
    configured()
    if not name.endswith(".py"):
        return name
    from features.scenarios import catalog

    return catalog.enrol([Path(name)])[0]


def _read() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        name = "_".join(str(part) for part in fault["loc"]).upper()
        message = f"LIANJING_{name}: {fault['msg']}; correct or unset it"
        raise InputError(message) from error


def existing(settings: Settings) -> Place:
    """Where the ledger is.

    Raises
    ------
    NotFoundError
        There is none yet.
    """
    from features.store.schema import named, version_at

    if version_at(settings.ledger) is None:
        message = (
            f"{named(settings.ledger)}: no ledger here; name its folder in LIANJING_HOME, or its "
            "database in LIANJING_STORE"
        )
        raise NotFoundError(message)
    return settings.ledger


@contextmanager
def open_ledger(settings: Settings) -> Iterator["Ledger"]:
    """The ledger, open for one command; `NotFoundError` where there is none yet."""
    from features.store.ledger import Ledger

    ledger = Ledger.open(existing(settings))
    try:
        yield ledger
    finally:
        ledger.close()
