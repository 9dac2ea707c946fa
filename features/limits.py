"""Legal limits with the days from which they hold, read from one configuration file.

A limit is a name, and values in minor units that each hold from the first instant of a local day
until the next begins. Nothing is known before the first: there the limit is MISSING.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Final, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from features.calendar import Calendar, to_day
from features.contracts.errors import DeclarationError, UnreadableSourceError
from features.contracts.events import Name
from features.contracts.vectors import Integers
from features.kernels import MISSING

SHIPPED: Final = Path(__file__).resolve().parent / "scenarios" / "limits.toml"
_MINOR: Final = 100

Steps = tuple[tuple[int, int], ...]
"""Values of one limit: from which instant (microseconds UTC), and how much (minor units)."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Value(_Strict):
    """One value of a limit: from which local day, how many yuan, on what legal basis."""

    since: Annotated[date, Field(alias="from")]
    yuan: Annotated[int, Field(ge=1)]
    basis: Annotated[str, Field(min_length=1)]


class Limit(_Strict):
    """One limit: what it is for, in both languages, and its values in the order of their days."""

    zh: str
    en: str
    values: Annotated[tuple[Value, ...], Field(min_length=1)]


class _File(_Strict):
    timezone: str
    limits: dict[Name, Limit]


@dataclass(frozen=True)
class Limits:
    """The limits of one file.

    >>> limits = Limits.load()
    >>> may, june = 1_527_782_399_000_000, 1_527_782_400_000_000     # 2018-05-31, 2018-06-01
    >>> limits.at("works", np.array([may, june])).tolist()
    [200000000, 400000000]
    >>> limits.basis("works", june)
    '必须招标的工程项目规定 (国家发展改革委令第16号) Art 5'
    """

    by_name: Mapping[str, Limit]
    timezone: str

    @classmethod
    def load(cls, path: Path = SHIPPED) -> Self:
        """Read a file of limits.

        Raises
        ------
        UnreadableSourceError
            The file is missing or not TOML.
        DeclarationError
            A limit is not as declared, or its days are not each later than the one before.
        """
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise UnreadableSourceError(f"{path.name}: not a readable TOML file") from error
        timezone = content.pop("timezone", "Asia/Shanghai")
        try:
            found = _File.model_validate({"timezone": timezone, "limits": content})
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise DeclarationError(f"{path.name}: {place}: {first['msg']}") from error
        for name, limit in found.limits.items():
            _check_order(f"{path.name}: {name}", limit)
        return cls(found.limits, found.timezone)

    def steps(self, name: str) -> Steps:
        """The values of one limit with their first instants.

        Raises
        ------
        DeclarationError
            No limit has the name.
        """
        calendar = Calendar.plain(self.timezone)
        limit = self._named(name)
        days = np.array([to_day(value.since) for value in limit.values])
        yuan = [value.yuan * _MINOR for value in limit.values]
        return tuple(zip(calendar.starts(days).tolist(), yuan, strict=True))

    def at(self, name: str, effective_us: Integers) -> Integers:
        """The limit in force at each instant, in minor units; MISSING before its first day."""
        return in_force(self.steps(name), effective_us)

    def basis(self, name: str, effective_us: int) -> str:
        """What the value rests on that is in force at an instant; empty before the first."""
        starts = [since for since, _ in self.steps(name)]
        place = int(np.searchsorted(starts, effective_us, side="right"))
        return self._named(name).values[place - 1].basis if place else ""

    def _named(self, name: str) -> Limit:
        if name not in self.by_name:
            known = ", ".join(sorted(self.by_name))
            raise DeclarationError(f"no limit {name!r}; there are {known}")
        return self.by_name[name]


@cache
def shipped() -> Limits:
    """The limits of the file that comes with the scenarios."""
    return Limits.load()


def in_force(steps: Steps, effective_us: Integers) -> Integers:
    """The value that holds at each instant, MISSING before the first.

    >>> in_force(((10, 500), (20, 800)), np.array([10, 19, 20])).tolist()
    [500, 500, 800]
    """
    starts = np.array([since for since, _ in steps], np.int64)
    values = np.array([MISSING, *(value for _, value in steps)], np.int64)
    found: Integers = values[np.searchsorted(starts, effective_us, side="right")]
    return found


def _check_order(where: str, limit: Limit) -> None:
    for before, after in pairwise(limit.values):
        if after.since <= before.since:
            message = (
                f"{where}: the value from {after.since} stands after the one from {before.since}; "
                "each value holds until the next begins: list them by day, each day once"
            )
            raise DeclarationError(message)
