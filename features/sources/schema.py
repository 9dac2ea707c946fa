"""What a scenario's events may hold, looked up by the scenario's name."""

import pkgutil
from functools import cache
from importlib import import_module
from typing import NamedTuple

from features import scenarios
from features.contracts.errors import UnknownScenarioError
from features.contracts.events import EventField


class Schema(NamedTuple):
    """The kinds of a scenario's events, and their fields by name."""

    kinds: tuple[str, ...]
    fields: dict[str, EventField]


@cache
def schema_of(scenario: str) -> Schema:
    """The schema of `scenario`, from its declaration.

    >>> schema_of("approvals").kinds
    ('approval_step',)
    >>> schema_of("payout")
    Traceback (most recent call last):
    features.contracts.errors.UnknownScenarioError: no scenario 'payout'; nearest: payouts
    """
    known = [module.name for module in pkgutil.iter_modules(scenarios.__path__)]
    if scenario not in known:
        raise UnknownScenarioError.among(scenario, known)
    module = import_module(f"{scenarios.__name__}.{scenario}")
    return Schema(module.KINDS, {field.name: field for field in module.FIELDS})
