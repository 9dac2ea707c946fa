"""The catalogue of scenarios: load one by name."""

from functools import cache
from pathlib import Path
from typing import Final

from features.contracts.errors import UnknownScenarioError
from features.scenarios import approvals, payouts, rulebook
from features.spec import Scenario

_SCENARIOS: Final = {
    "approvals": approvals.SCENARIO,
    "payouts": payouts.SCENARIO,
}

NAMES: Final = tuple(_SCENARIOS)


def load(name: str, rules: Path | None = None) -> Scenario:
    """The scenario of that name, its fixed rules as the shipped rulebook says.

    `rules` is an operator's own rulebook, laid over the shipped (`features.scenarios.rulebook`).

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
    if name not in _SCENARIOS:
        raise UnknownScenarioError.among(name, _SCENARIOS)
    if rules is None:
        return _shipped(name)
    book = rulebook.load(rules, known=_SCENARIOS)
    return rulebook.applied(_SCENARIOS[name], book, place=rules.name)


@cache
def _shipped(name: str) -> Scenario:
    return rulebook.applied(_SCENARIOS[name], rulebook.load(known=_SCENARIOS))
