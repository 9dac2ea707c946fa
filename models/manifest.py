"""What a bundle says of itself: one JSON document that covers every other byte."""

import json
from collections.abc import Mapping
from importlib import metadata
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from features.contracts.events import Name
from features.contracts.vectors import FeatureInfo, PatternInfo

FORMAT_VERSION: Final = 2
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_LIBRARIES: Final = ("numba", "numpy", "pyod", "scikit-learn")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DetectorInfo(_Frozen):
    """One detector of the ensemble, with the sizes it was fitted with."""

    name: Name
    parameters: Mapping[str, int]


class LearnedInfo(_Frozen):
    """The labels that a bundle learned from, and the sizes of what came of them."""

    n_labels: Annotated[int, Field(ge=1)]
    n_confirmed: Annotated[int, Field(ge=1)]
    """Events that reviewers confirmed."""
    n_reviewers: Annotated[int, Field(ge=1)]
    labels_sha256: Sha256
    n_trees: Annotated[int, Field(ge=0)]
    """Boosted trees; 0 before there are enough confirmed events."""
    n_calibrated: Annotated[int, Field(ge=0)]
    """Reviews that P(confirmed) rests on; 0 where there is none."""


class TrainingWindow(_Frozen):
    """The span of events a bundle was trained on, as ISO instants."""

    start: str
    end: str


class Facts(_Frozen):
    """What only the trainer knows; the rest of the manifest follows from the fitted parts.

    `features` are all columns of the spec, in its order. `created_at` is handed in, so that one
    input gives one digest.
    """

    scenario: Name
    spec_hash: str
    kernel_version: str
    features: Annotated[tuple[FeatureInfo, ...], Field(min_length=1)]
    alert_budget: Annotated[float, Field(gt=0, lt=1)]
    training: TrainingWindow
    rows: Annotated[int, Field(ge=1)]
    data_sha256: Sha256
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    libraries: Mapping[str, str]
    created_at: str


class Manifest(Facts):
    """The whole manifest; `files` holds the SHA-256 of every file beside it."""

    format_version: Literal[2] = FORMAT_VERSION
    model_features: Annotated[tuple[Name, ...], Field(min_length=1)]
    detectors: Annotated[tuple[DetectorInfo, ...], Field(min_length=1)]
    calibration_rows: Annotated[int, Field(ge=1)]
    groups: Annotated[tuple[str, ...], Field(min_length=1)]
    golden_rows: Annotated[int, Field(ge=1)]
    files: Mapping[str, Sha256] = Field(default_factory=dict)
    learned: LearnedInfo | None = None
    patterns: tuple[PatternInfo, ...] = ()
    """Features that the scenario declares to tell one story together, as far as they are used."""

    def to_bytes(self) -> bytes:
        """Canonical JSON: keys sorted, one final newline.

        Without labels or patterns there is no word of them, so that a bundle from before there
        were any keeps its digest.
        """
        absent = {name for name in ("learned", "patterns") if not getattr(self, name)}
        content = self.model_dump(mode="json", exclude=absent)
        text = json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
        return f"{text}\n".encode()


def library_versions(names: tuple[str, ...] = _LIBRARIES) -> dict[str, str]:
    """Versions of the libraries that had a hand in the fit.

    >>> list(library_versions(("numpy",)))
    ['numpy']
    """
    return {name: metadata.version(name) for name in names}
