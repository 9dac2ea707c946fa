"""One cell of one event explained from the ledger: value, formula, and the events behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any, Final

import numpy as np

from features import watermark
from features.batch import of_ledger
from features.contracts.errors import AccessError, InputError, NotFoundError
from features.contracts.events import Stored, from_us
from features.contracts.verdicts import Status, Verdict
from features.document.meaning import meaning
from features.document.words import Both
from features.document.worked import worked
from features.kernels import KERNEL_VERSION
from features.retrace import Part, Trace, trace
from features.scenarios import catalog
from features.spec import Feature, Scenario
from features.store.ledger import Ledger
from serving.scorer import now_us
from serving.store import audit, records

OPERATOR: Final = "operator"
"""Who asks at the command line, in the audit chain."""
_VERSIONS: Final = (
    "SELECT max(version) FROM event WHERE scenario = ? AND kind = ? AND event_id = ? "
    "AND retracted = 0"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which cell: an event's id or a record's, a feature, and what tells events apart."""

    event: str
    feature: str
    scenario: str = ""
    kind: str = ""
    version: int | None = None
    as_of: int | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A cell with all that it was computed from; `as_of_seq` is the watermark it was seen at."""

    stored: Stored
    scenario: Scenario
    feature: Feature
    spec_hash: str
    as_of_seq: int
    trace: Trace
    how: Both

    @property
    def value(self) -> float | None:
        """The value, None where it is missing."""
        return None if isnan(self.trace.value) else self.trace.value

    @property
    def status(self) -> Status:
        """What stands behind it."""
        return self.trace.status

    def document(self) -> dict[str, Any]:
        """The explanation as one JSON document."""
        event = self.stored.event
        told = meaning(self.scenario, self.feature.of)
        return {
            "scenario": self.scenario.name,
            "kind": event.kind,
            "event_id": event.event_id,
            "version": event.version,
            "effective_at": event.effective_at.isoformat(),
            "feature": self.feature.name,
            "value": self.value,
            "status": str(self.status),
            "spec_hash": self.spec_hash,
            "kernel_version": KERNEL_VERSION,
            "as_of_seq": self.as_of_seq,
            "what": told.words.en,
            "formula": told.math,
            "how": self.how.en,
            "own": self.trace.own,
            "parts": [_part(part) for part in self.trace.parts],
            "keys": [{"key": key, "number": number} for key, number in self.trace.keys],
        }


def explain(ledger: Ledger, asked: Asked, *, sensitive: bool = False) -> Explanation:
    """Explain a cell of an event in the ledger, as of its record's watermark or as of `as_of`.

    `sensitive` lets in features that tell of persons; each look at one goes to the audit chain.

    Raises
    ------
    AccessError
        The feature tells of persons, and those are not let in.
    NotFoundError
        The ledger has no such event.
    InputError
        Several events have the id; the message names what tells them apart.
    UnknownFeatureError
        The scenario has no such feature.
    """
    with ledger.snapshot():
        stored, mark = _found(ledger, asked)
        scenario = catalog.load(stored.event.scenario)
        feature = _permitted(scenario.feature(asked.feature), sensitive=sensitive)
        history = of_ledger(ledger, scenario)
        if mark < ledger.head:
            history = watermark.as_of(history, mark, also=stored.seq)
    row = int(np.flatnonzero(history.columns.seq == stored.seq)[0])
    found = trace(history, row, feature)
    if feature.sensitive:
        seen = audit.digest([feature.name])
        audit.note(ledger, audit.Entry(now_us(), OPERATOR, audit.LOOKED, asked.event, seen))
    return Explanation(
        stored=stored,
        scenario=scenario,
        feature=feature,
        spec_hash=scenario.spec_hash(history.calendar),
        as_of_seq=min(mark, stored.seq - 1) if stored.is_live else mark,
        trace=found,
        how=worked(feature.of, found, int(history.columns.t[row])).how,
    )


def _permitted(feature: Feature, *, sensitive: bool) -> Feature:
    if feature.sensitive and not sensitive:
        raise AccessError(
            f"{feature.name} tells of persons, and nobody is shown such values while "
            "LIANJING_SENSITIVE_FEATURES is off; ask another feature, or turn it on"
        )
    return feature


def _found(ledger: Ledger, asked: Asked) -> tuple[Stored, int]:
    """The event that is asked for, and the watermark it is seen at."""
    head = ledger.head
    try:
        row = records.by_id(ledger.connection, asked.event)
    except NotFoundError:
        stored = _of_event(ledger, asked)
        return stored, head if asked.as_of is None else asked.as_of
    made = Verdict.model_validate_json(row.verdict).provenance
    (stored,) = ledger.at([row.seq])
    return stored, made.as_of_seq if asked.as_of is None else asked.as_of


def _of_event(ledger: Ledger, asked: Asked) -> Stored:
    kinds = [
        (scenario.name, kind)
        for scenario in _scenarios(asked)
        for kind in scenario.kinds
        if asked.kind in ("", kind)
    ]
    found: dict[tuple[str, str], Stored] = {}
    for scenario, kind in kinds:
        stored = _version(ledger, scenario, kind, asked)
        if stored is not None:
            found[scenario, kind] = stored
    if not found:
        message = f"no event {asked.event!r} is in the ledger; give an event_id or a record's id"
        raise NotFoundError(message)
    if len(found) > 1:
        several = " and ".join(f"a {kind} of {scenario}" for scenario, kind in found)
        message = f"{asked.event!r} is {several}; say which with --scenario and --kind"
        raise InputError(message)
    return next(iter(found.values()))


def _scenarios(asked: Asked) -> list[Scenario]:
    """The scenario that is named, or every one that has the feature."""
    if asked.scenario:
        return [catalog.load(asked.scenario)]
    every = [catalog.load(name) for name in catalog.names()]
    return [item for item in every if asked.feature in item.by_name] or every


def _version(ledger: Ledger, scenario: str, kind: str, asked: Asked) -> Stored | None:
    version = asked.version
    if version is None:
        place = scenario, kind, asked.event
        row = ledger.connection.execute(_VERSIONS, place).fetchone()
        version = None if row is None else row[0]
    if version is None:
        return None
    return ledger.find(scenario, kind, asked.event, int(version))


def _part(part: Part) -> Mapping[str, Any]:
    atom = part.look.atom
    return {
        "key": atom.key,
        "window": atom.reach,
        "source": atom.source,
        "measure": part.look.measure,
        "takes": part.look.column,
        "end": part.look.end,
        "events": [
            {
                "seq": item.seq,
                "kind": item.kind,
                "event_id": item.event_id,
                "version": item.version,
                "effective_at": from_us(item.effective_us).isoformat(),
                "value": item.value,
            }
            for item in part.seen
        ],
    }
