"""What everything else agrees on: events, verdicts, vectors, errors, settings.

Nothing here computes; nothing here imports from the rest of the project.
`features.contracts.tables` (table schemas) is imported by name where tables are read or written,
because it
loads a data-frame library that the service does without.
"""

from features.contracts.errors import LianjingError
from features.contracts.events import Event, EventField, Stored
from features.contracts.settings import Settings
from features.contracts.vectors import Cell, FeatureInfo, FeatureVector
from features.contracts.verdicts import (
    AnomalyRecord,
    Band,
    Evidence,
    Peers,
    Reason,
    Relation,
    RuleWarning,
    Status,
    Verdict,
)

__all__ = [
    "AnomalyRecord",
    "Band",
    "Cell",
    "Event",
    "EventField",
    "Evidence",
    "FeatureInfo",
    "FeatureVector",
    "LianjingError",
    "Peers",
    "Reason",
    "Relation",
    "RuleWarning",
    "Settings",
    "Status",
    "Stored",
    "Verdict",
]
