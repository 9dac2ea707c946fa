"""The catalogue of scenarios: load one by name."""

from typing import Final

from features.contracts.errors import UnknownScenarioError
from features.scenarios import approvals, assignments, credit_repairs, payouts, small_works
from features.spec import Scenario

_SCENARIOS: Final = {
    "approvals": approvals.SCENARIO,
    "assignments": assignments.SCENARIO,
    "payouts": payouts.SCENARIO,
    "credit_repairs": credit_repairs.SCENARIO,
    "small_works": small_works.SCENARIO,
}

NAMES: Final = tuple(_SCENARIOS)


def load(name: str) -> Scenario:
    """The scenario of that name.

    Raises
    ------
    UnknownScenarioError
        No scenario has the name.

    >>> load("payouts").subject
    'enterprise'
    >>> load("payout")
    Traceback (most recent call last):
    features.contracts.errors.UnknownScenarioError: no scenario 'payout'; nearest: payouts
    """
    if name not in _SCENARIOS:
        raise UnknownScenarioError.among(name, _SCENARIOS)
    return _SCENARIOS[name]
