"""The catalogue of scenarios: load one by name; files of the operator's join those shipped."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

from features.contracts.errors import DeclarationError, UnknownScenarioError
from features.scenarios import (
    approvals,
    assignments,
    credit_repairs,
    own,
    payouts,
    rulebook,
    small_works,
)
from features.spec import Scenario

_SCENARIOS: Final = {
    "approvals": approvals.SCENARIO,
    "assignments": assignments.SCENARIO,
    "payouts": payouts.SCENARIO,
    "credit_repairs": credit_repairs.SCENARIO,
    "small_works": small_works.SCENARIO,
}

NAMES: Final = tuple(_SCENARIOS)
"""The scenarios that are shipped."""

_OWN: Final[dict[str, tuple[Path, Scenario]]] = {}


def names() -> tuple[str, ...]:
    """Every scenario that can be loaded: those shipped, then those that were enrolled.

    >>> set(NAMES) <= set(names())
    True
    """
    return (*NAMES, *_OWN)


def load(name: str, rules: Path | None = None) -> Scenario:
    """The scenario of that name, its fixed rules as the shipped rulebook says.

    `rules` is an operator's own rulebook, laid over the shipped (`features.scenarios.rulebook`). A
    scenario's own file is never read here (`enrol`).

    Raises
    ------
    UnknownScenarioError
        No scenario has the name.
    InputError
        The operator's rulebook breaks a rule.

    >>> load("payouts").subject
    'enterprise'
    >>> load("payout")
    Traceback (most recent call last):
    features.contracts.errors.UnknownScenarioError: no scenario 'payout'; nearest: payouts
    """
    if name in _OWN:
        return _OWN[name][1]
    if name not in _SCENARIOS:
        raise UnknownScenarioError.among(name, names())
    if rules is None:
        return _shipped(name)
    book = rulebook.load(rules, known=_SCENARIOS)
    return rulebook.applied(_SCENARIOS[name], book, place=rules.name)


@cache
def _shipped(name: str) -> Scenario:
    return rulebook.applied(_SCENARIOS[name], rulebook.load(known=_SCENARIOS))


def place(name: str) -> Path | None:
    """The file that an enrolled scenario was read from; None for one that is shipped.

    >>> place("payouts") is None
    True
    """
    return _OWN[name][0] if name in _OWN else None


def enrol(paths: Iterable[Path]) -> tuple[str, ...]:
    """Execute scenario files and let their scenarios be loaded by name; return the names.

    A file that was enrolled before is read again. Only the operator names files: by the setting
    `LIANJING_SCENARIOS` or on the command line.

    Raises
    ------
    DeclarationError
        A file declares no sound scenario, or one whose name is taken.
    """
    enrolled = []
    for given in paths:
        path = given.resolve()
        scenario = own.read(given)
        _check_free(scenario.name, path)
        _OWN[scenario.name] = (path, scenario)
        enrolled.append(scenario.name)
    return tuple(enrolled)


def dismiss(*gone: str) -> None:
    """Take enrolled scenarios out again.

    >>> dismiss("no_such_scenario")
    """
    for name in gone:
        _OWN.pop(name, None)


def _check_free(name: str, path: Path) -> None:
    if name in _SCENARIOS:
        message = f"{path.name}: the name {name!r} is a shipped scenario's; choose another"
        raise DeclarationError(message)
    if name in _OWN and _OWN[name][0] != path:
        message = f"{path}: the name {name!r} is taken by {_OWN[name][0]}; choose another"
        raise DeclarationError(message)
