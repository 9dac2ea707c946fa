"""What a scenario's events may hold, looked up by the scenario's name."""

from typing import NamedTuple

from features.contracts.events import EventField
from features.scenarios import catalog


class Schema(NamedTuple):
    """The kinds of a scenario's events, and their fields by name."""

    kinds: tuple[str, ...]
    fields: dict[str, EventField]


def schema_of(scenario: str) -> Schema:
    """The schema of `scenario`, from its declaration.

    >>> schema_of("approvals").kinds
    ('approval_step',)
    >>> schema_of("payout")
    Traceback (most recent call last):
    features.contracts.errors.UnknownScenarioError: no scenario 'payout'; nearest: payouts
    """
    declared = catalog.load(scenario)
    return Schema(declared.kinds, {field.name: field for field in declared.fields})
