"""The rulebook: what configuration says of fixed rules, laid over what scenarios declare.

Shipped as `rules.toml`; an operator's own file replaces what it names, key by key. What a rulebook
came to is part of every verdict (`Scenario.rules_hash`), so that an old answer is derived again by
the numbers it was given by.

>>> from features.scenarios import catalog
>>> rule = catalog.load("approvals").rules[0]
>>> rule.name, rule.severity, rule.thresholds
('frequent_changes', 2, (Threshold(name='changes', values=((None, 3.0),)),))
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from difflib import get_close_matches
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from features.contracts.errors import InputError, UnreadableSourceError
from features.declared import Rule, Threshold
from features.spec import Scenario

SHIPPED: Final = Path(__file__).with_name("rules.toml")
_WAY_OUT: Final = "compare with the shipped features/scenarios/rules.toml"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Dated(_Section):
    """A number, and the first local day on which it is valid; None for ever before."""

    value: float
    since: Annotated[date | None, Field(alias="from")] = None


class Terms(_Section):
    """What configuration says of one rule; None where it leaves the declaration alone."""

    on: bool = True
    severity: Annotated[int, Field(ge=1, le=3)] | None = None
    basis: Annotated[str, Field(min_length=1)] | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    thresholds: Mapping[str, float | tuple[Dated, ...]] = {}

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.valid_from and self.valid_until and self.valid_from >= self.valid_until:
            message = f"valid_until {self.valid_until} is not after valid_from {self.valid_from}"
            raise ValueError(message)
        for name, given in self.thresholds.items():
            if not isinstance(given, float):
                _check_dates(name, [one.since for one in given])
        return self

    def over(self, rule: Rule) -> Rule:
        """The rule as these terms say."""
        given = {name: getattr(self, name) for name in ("severity", "basis", *_DATES)}
        told = {name: value for name, value in given.items() if value is not None}
        limits = tuple(_threshold(name, self.thresholds[name]) for name in sorted(self.thresholds))
        return replace(rule, **told, thresholds=limits)


_DATES: Final = ("valid_from", "valid_until")
Book = Mapping[str, Mapping[str, Terms]]
"""Terms by scenario and rule."""


def _check_dates(name: str, days: list[date | None]) -> None:
    if not days:
        message = f"threshold {name} lists no value"
        raise ValueError(message)
    for earlier, later in pairwise(days):
        if later is None or (earlier is not None and later <= earlier):
            message = f"threshold {name}: values must be listed with `from`, oldest first"
            raise ValueError(message)


def _threshold(name: str, given: float | tuple[Dated, ...]) -> Threshold:
    if isinstance(given, float):
        return Threshold(name, ((None, given),))
    return Threshold(name, tuple((one.since, one.value) for one in given))


def load(path: Path | None = None, *, known: Iterable[str]) -> Book:
    """The shipped rulebook, with the file at `path` laid over it key by key.

    Raises
    ------
    UnreadableSourceError
        The file is missing or not TOML.
    InputError
        It names a scenario that is not `known`, an unknown key, or a value that breaks a rule.
    """
    shipped = _tables(SHIPPED)
    if path is None:
        return _book(SHIPPED, shipped)
    own, scenarios = _tables(path), frozenset(known)
    for scenario in own:
        if scenario not in scenarios:
            raise InputError(f"{path.name}: no scenario {scenario!r}; {_nearest(scenario, known)}")
    return _book(path, laid_over(own, shipped))


def laid_over(own: Mapping[str, Any], shipped: Mapping[str, Any]) -> dict[str, Any]:
    """Tables of tables with what `own` sets in place of what is `shipped`, however deep.

    >>> laid_over({"a": {"x": 2}}, {"a": {"x": 1, "y": 1}, "b": 1})
    {'a': {'x': 2, 'y': 1}, 'b': 1}
    """
    merged = dict(shipped)
    for key, value in own.items():
        below = merged.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            merged[key] = laid_over(value, below)
        else:
            merged[key] = value
    return merged


def applied(scenario: Scenario, book: Book, *, place: str = SHIPPED.name) -> Scenario:
    """The scenario with its rules as the book says; rules that are off are gone.

    Raises
    ------
    InputError
        The book (called `place`) names a rule or a threshold that the scenario does not have, or
        leaves out one that a condition names.
    """
    terms = book.get(scenario.name, {})
    names = [rule.name for rule in scenario.rules]
    for name in terms:
        if name not in names:
            message = f"{place}: {scenario.name} has no rule {name!r}; {_nearest(name, names)}"
            raise InputError(message)
    asked = [(rule, terms.get(rule.name, Terms())) for rule in scenario.rules]
    for rule, said in asked:
        _check_thresholds(place, scenario.name, rule, said)
    return replace(scenario, rules=tuple(said.over(rule) for rule, said in asked if said.on))


def _check_thresholds(place: str, scenario: str, rule: Rule, said: Terms) -> None:
    given, where = frozenset(said.thresholds), f"{place}: {scenario}.{rule.name}.thresholds"
    for name in sorted(given - rule.named):
        raise InputError(f"{where}: no threshold {name!r}; {_nearest(name, rule.named)}")
    for name in sorted(rule.named - given):
        raise InputError(f"{where}.{name} is missing and a condition names it; give it a number")


@cache
def _shipped_text() -> str:
    return SHIPPED.read_text(encoding="utf-8")


def _tables(path: Path) -> dict[str, Any]:
    try:
        text = _shipped_text() if path == SHIPPED else path.read_text(encoding="utf-8")
        return tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        message = f"{path}: not a readable TOML file of rules ({error}); {_WAY_OUT}"
        raise UnreadableSourceError(message) from error


def _book(path: Path, tables: Mapping[str, Any]) -> Book:
    book: dict[str, dict[str, Terms]] = {}
    for scenario, rules in tables.items():
        if not isinstance(rules, Mapping):
            raise InputError(f"{path.name}: {scenario}: a table of rules is wanted; {_WAY_OUT}")
        book[scenario] = {
            name: _terms(f"{path.name}: {scenario}.{name}", said) for name, said in rules.items()
        }
    return book


def _terms(place: str, said: object) -> Terms:
    try:
        return Terms.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"] if part not in _BRANCHES)
        message = f"{place}{'.' if key else ''}{key}: {first['msg']}; {_WAY_OUT}"
        raise InputError(message) from error


_BRANCHES: Final = ("float", "tuple[Dated, ...]")
"""What pydantic calls the two forms of a threshold."""


def _nearest(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = get_close_matches(name, names, n=3) or names
    return f"nearest: {', '.join(near) or 'none declared'}"
