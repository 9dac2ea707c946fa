"""Doors to the engines, opened when one is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Final

from features.cluster.engine import Engine
from features.contracts.errors import InputError

ENGINES: Final = {"spark": "features.cluster.spark", "dask": "features.cluster.dask"}


@contextmanager
def opened(name: str) -> Iterator[Engine]:
    """The engine of that name, with what is active or with one of its own on this machine.

    Raises
    ------
    InputError
        There is no such engine, or it is not installed.
    """
    if name not in ENGINES:
        raise InputError(f"no engine {name!r}; choose one of {', '.join(ENGINES)}")
    try:
        door = import_module(ENGINES[name])
    except ImportError as error:
        message = f"{name} is not installed; install the extra: pip install 'lianjing[cluster]'"
        raise InputError(message) from error
    with door.opened() as engine:
        yield engine
