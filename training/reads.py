"""Which fields of an event a feature reads, directly or through a measure.

A truth table names the fields in which a planted case shows; a reason names a feature. The feature
tells of the case when it reads one of those fields.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from features.spec import Scenario

Reads = Mapping[str, frozenset[str]]


def fields_read(scenario: Scenario) -> dict[str, frozenset[str]]:
    """The fields that each feature of `scenario` reads, by the feature's name.

    >>> from features.scenarios import catalog
    >>> sorted(fields_read(catalog.load("payouts"))["cap_ppm"])
    ['amount_minor', 'cap_minor']
    """
    known = frozenset(field.name for field in scenario.fields)
    of_measure: dict[str, frozenset[str]] = {}
    for measure in scenario.measures:
        words = frozenset(_words(asdict(measure)))
        of_measure[measure.name] = _resolved(words, known, of_measure)
    return {
        feature.name: _resolved(frozenset(_words(asdict(feature.of))), known, of_measure)
        for feature in scenario.features
    }


def _resolved(words: frozenset[str], known: frozenset[str], of_measure: Reads) -> frozenset[str]:
    return (words & known).union(*(of_measure[word] for word in words if word in of_measure))


def _words(content: Any) -> Iterator[str]:  # noqa: ANN401  (plain data of any depth)
    if isinstance(content, str):
        yield content
    elif isinstance(content, Mapping):
        for value in content.values():
            yield from _words(value)
    elif isinstance(content, list | tuple):
        for value in content:
            yield from _words(value)
