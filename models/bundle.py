"""A bundle: a fitted, calibrated model with all that explaining it takes, as data in a folder.

``manifest.json`` says what it is and holds the hash of ``arrays.npz``; ``SHA256SUMS`` holds both
hashes in the form of `sha256sum -c`. The digest of a bundle is the SHA-256 of its manifest, hence
of everything in it. Loading trusts nothing: bytes, shapes, types and bounds are checked, and stored
rows are scored again and must give the same bits.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final, Self

import numpy as np

from features.contracts.errors import CorruptBundleError, IncompatibleBundleError, InputError
from features.contracts.vectors import Matrix, PatternInfo, Vector
from features.contracts.verdicts import Scores
from models import breakpoints
from models.archive import pack, unpack
from models.arrays import Array, Arrays, prefixed, section, take, take_gaps
from models.calibrate import Calibration
from models.confirmed import Confirmed, band
from models.ensemble import Ensemble
from models.labelled import Labelled
from models.learned import Learned
from models.manifest import FORMAT_VERSION, DetectorInfo, Facts, Manifest
from models.registry import DETECTORS
from models.typical import Typical

MANIFEST: Final = "manifest.json"
ARRAYS: Final = "arrays.npz"
SUMS: Final = "SHA256SUMS"
N_LEADING: Final = 10
"""Features that are counted as those that usually add most to a score."""
_LEARNED: Final = "learned"
_TOLERANCE: Final = 1e-6
_WAY_OUT: Final = "restore the folder from the registry or its backup, or promote again"


@dataclass(frozen=True, eq=False)
class Bundle:
    """Ensemble, calibration, ordinary values and golden rows, under one manifest.

    Rows come in the order of the spec (`manifest.features`), NaN where missing; the ensemble may
    use fewer columns, and those it does not use contribute nothing. Where a bundle learned from
    labels, the labelled model's log-odds are its score, and the calibration is of those.
    """

    manifest: Manifest
    ensemble: Ensemble
    calibration: Calibration
    typical: Typical
    golden: Matrix
    """A few rows, in spec order, that are scored again at every load."""
    golden_scores: Vector
    learned: Learned | None = None

    @classmethod
    def build(
        cls,
        facts: Facts,
        *,
        ensemble: Ensemble,
        calibration: Calibration,
        typical: Typical,
        golden: Matrix,
        learned: Learned | None = None,
        patterns: tuple[PatternInfo, ...] = (),
    ) -> Self:
        """Put fitted parts under a manifest and record the golden rows' scores."""
        manifest = Manifest(
            **{name: getattr(facts, name) for name in Facts.model_fields},
            model_features=ensemble.feature_names,
            detectors=tuple(
                DetectorInfo(name=detector.name, parameters=detector.parameters)
                for detector in ensemble.detectors
            ),
            calibration_rows=calibration.n_rows,
            groups=typical.groups,
            golden_rows=len(golden),
            learned=None if learned is None else learned.info,
            patterns=patterns,
        )
        draft = cls(manifest, ensemble, calibration, typical, golden, np.empty(0), learned)
        scored = replace(draft, golden_scores=draft.score(golden))
        files = {ARRAYS: _sha256(pack(scored.arrays()))}
        return replace(scored, manifest=manifest.model_copy(update={"files": files}))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the spec's features, in order."""
        return tuple(info.name for info in self.manifest.features)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the manifest: what this bundle is called everywhere."""
        return _sha256(self.manifest.to_bytes())

    @cached_property
    def threshold(self) -> float:
        """The score that an event must exceed to be an alert under the bundle's own budget."""
        return self.calibration.threshold(self.manifest.alert_budget)

    @property
    def _scorer(self) -> Ensemble | Labelled:
        return self.ensemble if self.learned is None else self.learned.labelled

    @cached_property
    def columns(self) -> list[int]:
        """Places in the spec of the features that the ensemble uses, in its order."""
        return [self.names.index(name) for name in self.ensemble.feature_names]

    def breakpoints(self, feature: int) -> Vector:
        """Sorted values at which the score may change as a feature moves; none if not used."""
        if feature not in self.columns:
            return np.empty(0)
        return breakpoints.of_column(self._scorer, self.columns.index(feature))

    def knots(self, feature: int) -> Vector:
        """Sorted training values that are kept of a feature; none where no detector keeps them."""
        if feature not in self.columns:
            return np.empty(0)
        return breakpoints.knots_of(self.ensemble, self.columns.index(feature))

    @cached_property
    def leading(self) -> tuple[int, ...]:
        """Places in the spec of the features that add or take most over the golden rows.

        Golden rows span the held-out ones from the most ordinary to the least.
        """
        parts = np.abs(self.contributions(self.golden)[1]).mean(axis=0)
        ranked = np.argsort(-parts, kind="stable").tolist()
        return tuple(j for j in ranked if parts[j] > 0.0)[:N_LEADING]

    def score(self, x: Matrix) -> Vector:
        """How unusual each row is."""
        return self._scorer.score(self._select(x))

    def contributions(self, x: Matrix) -> tuple[float, Matrix]:
        """The base score and each feature's contribution, 0 for features that are not used."""
        base, parts = self._scorer.contributions(self._select(x))
        out = np.zeros((len(parts), len(self.names)))
        out[:, self.columns] = parts
        return base, out

    @property
    def confirmed(self) -> Confirmed | None:
        """P(confirmed) by score; None until enough events have been reviewed."""
        return None if self.learned is None else self.learned.confirmed

    def scores_of(self, score: float, *, is_alert: bool) -> Scores:
        """All that leaves the service about a raw score."""
        scores = self.calibration.scores_of(score, is_alert=is_alert)
        if self.confirmed is None:
            return scores
        told = self.confirmed.likelihood(score)
        return scores.model_copy(update={"band": band(told.value), "p_confirmed": told})

    def score_row(self, values: Vector) -> float:
        """How unusual one event is."""
        return float(self.score(values.reshape(1, -1))[0])

    def pattern_of(self, values: Vector) -> PatternInfo | None:
        """The pattern that is the strongest view of one event; None where none is."""
        if self.learned is not None or self.ensemble.panel is None:
            return None
        view = int(self.ensemble.strongest(self._select(values.reshape(1, -1)))[0])
        return self.manifest.patterns[view - 1] if view else None

    def explain_row(self, values: Vector) -> tuple[float, Vector]:
        """The base score and one event's contributions."""
        base, parts = self.contributions(values.reshape(1, -1))
        return base, parts[0]

    def arrays(self) -> dict[str, Array]:
        """Every array, each under the name of its part."""
        golden: dict[str, Array] = {"rows": self.golden, "scores": self.golden_scores}
        return (
            prefixed(self.ensemble.arrays(), "ensemble")
            | prefixed(self.calibration.arrays(), "calibration")
            | prefixed(self.typical.arrays(), "typical")
            | prefixed(golden, "golden")
            | ({} if self.learned is None else prefixed(self.learned.arrays(), _LEARNED))
        )

    def save(self, folder: Path) -> str:
        """Write the three files into `folder` and return the digest."""
        arrays = pack(self.arrays())
        if _sha256(arrays) != self.manifest.files.get(ARRAYS):
            raise InputError("the bundle's parts were changed after it was built; build it again")
        manifest = self.manifest.to_bytes()
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in (
            (ARRAYS, arrays),
            (MANIFEST, manifest),
            (SUMS, _sums(self.digest, dict(self.manifest.files))),
        ):
            partial = folder / f".{name}.partial"
            partial.write_bytes(content)
            partial.replace(folder / name)
        return self.digest

    @classmethod
    def load(cls, folder: Path, *, digest: str | None = None, spec_hash: str | None = None) -> Self:
        """Read a bundle, refusing all but the bytes that were saved.

        Raises
        ------
        CorruptBundleError
            A file is missing, damaged, not the `digest` asked for, or scores otherwise here.
        IncompatibleBundleError
            The bundle is sound, but of another format or trained for another spec.
        """
        manifest = _read_manifest(folder, digest)
        if spec_hash is not None and manifest.spec_hash != spec_hash:
            raise IncompatibleBundleError(
                f"{folder / MANIFEST}: trained for spec {manifest.spec_hash[:12]}, the features "
                f"are spec {spec_hash[:12]}; train and promote a bundle for the present features"
            )
        content = _read(folder / ARRAYS)
        try:
            return cls._from_content(manifest, content)
        except CorruptBundleError as error:
            raise CorruptBundleError(f"{folder / ARRAYS}: {error}; {_WAY_OUT}") from error

    @classmethod
    def _from_content(cls, manifest: Manifest, content: bytes) -> Self:
        """Build the parts from verified bytes, then prove them on the golden rows."""
        if dict(manifest.files) != {ARRAYS: _sha256(content)}:
            raise CorruptBundleError("its SHA-256 is not the one in the manifest")
        arrays = unpack(content)
        shape = (manifest.golden_rows, len(manifest.features))
        ensemble = Ensemble.from_arrays(
            section(arrays, "ensemble"),
            feature_names=manifest.model_features,
            detectors=[info.name for info in manifest.detectors],
            n_patterns=len(manifest.patterns),
        )
        bundle = cls(
            manifest=manifest,
            ensemble=ensemble,
            calibration=Calibration.from_arrays(section(arrays, "calibration")),
            typical=Typical.from_arrays(
                section(arrays, "typical"), groups=manifest.groups, n_features=shape[1]
            ),
            golden=take_gaps(arrays, "golden.rows", np.float64, shape),
            golden_scores=take(arrays, "golden.scores", np.float64, shape[:1]),
            learned=_learned(arrays, manifest, ensemble),
        )
        bundle._check_parts(arrays)
        bundle._check_golden()
        return bundle

    def _check_parts(self, arrays: Arrays) -> None:
        """Manifest and arrays must speak of the same parts, and of no others."""
        extra = sorted(set(arrays) - set(self.arrays()))
        if extra:
            raise CorruptBundleError(f"array {extra[0]!r} belongs to no part of a bundle")
        unknown = sorted(set(self.manifest.model_features) - set(self.names))
        if unknown or len(set(self.names)) < len(self.names):
            raise CorruptBundleError(f"the manifest's features are not distinct or lack {unknown}")
        if self.manifest.calibration_rows != self.calibration.n_rows:
            raise CorruptBundleError("the manifest's calibration_rows are not the scores stored")
        if self.typical.counts.max() > self.manifest.rows:
            raise CorruptBundleError("array 'counts' counts more rows than the manifest's")

    def _check_golden(self) -> None:
        """Score and explain the golden rows; this also compiles or loads every kernel."""
        scores = self.score(self.golden)
        if scores.tobytes() != self.golden_scores.tobytes():
            raise CorruptBundleError("its golden rows score differently on this machine")
        base, parts = self.contributions(self.golden)
        if not np.allclose(base + parts.sum(axis=1), scores, rtol=_TOLERANCE, atol=_TOLERANCE):
            raise CorruptBundleError("its golden rows' contributions do not add up to their scores")

    def _select(self, x: Matrix) -> Matrix:
        """The ensemble's columns of rows in spec order."""
        if x.ndim != 2 or x.shape[1] != len(self.names):  # noqa: PLR2004  (rows and columns)
            raise InputError(f"rows have shape {x.shape}; this bundle takes (n, {len(self.names)})")
        return x[:, self.columns]


def _learned(arrays: Arrays, manifest: Manifest, ensemble: Ensemble) -> Learned | None:
    """What labels made of the ensemble, where the manifest speaks of it."""
    if manifest.learned is None:
        return None
    stored = section(arrays, _LEARNED)
    return Learned.from_arrays(stored, ensemble=ensemble, info=manifest.learned)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sums(digest: str, files: dict[str, str]) -> bytes:
    """Content of SHA256SUMS."""
    lines = sorted({**files, MANIFEST: digest}.items())
    return "".join(f"{sha256}  {name}\n" for name, sha256 in lines).encode()


def _read(path: Path) -> bytes:
    """All bytes of a bundle's file."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CorruptBundleError(f"{path}: cannot be read; {_WAY_OUT}") from error


def _read_manifest(folder: Path, digest: str | None) -> Manifest:
    """The manifest, checked against the digest asked for and against SHA256SUMS."""
    path = folder / MANIFEST
    content = _read(path)
    found = _sha256(content)
    if digest is not None and found != digest:
        raise CorruptBundleError(f"{path}: is not bundle {digest[:12]}; {_WAY_OUT}")
    sums = _read(folder / SUMS)
    if f"{found}  {MANIFEST}" not in sums.decode(errors="replace").splitlines():
        raise CorruptBundleError(f"{folder / SUMS}: does not match {MANIFEST}; {_WAY_OUT}")
    try:
        document = json.loads(content)
        if isinstance(document, dict) and document.get("format_version") != FORMAT_VERSION:
            raise IncompatibleBundleError(
                f"{path}: format {document.get('format_version', 'unknown')}, this version reads "
                f"{FORMAT_VERSION}; train again or install the matching version"
            )
        manifest = Manifest.model_validate(document)
    except ValueError as error:
        raise CorruptBundleError(f"{path}: is not a manifest; {_WAY_OUT}") from error
    if sums != _sums(found, dict(manifest.files)):
        raise CorruptBundleError(f"{folder / SUMS}: does not match the files; {_WAY_OUT}")
    _check_detectors(path, manifest)
    return manifest


def _check_detectors(path: Path, manifest: Manifest) -> None:
    """Refuse a sound bundle that holds a detector of another version."""
    unknown = sorted({info.name for info in manifest.detectors} - set(DETECTORS))
    if unknown:
        raise IncompatibleBundleError(
            f"{path}: holds detector {unknown[0]!r}, this version knows {', '.join(DETECTORS)}; "
            "train again or install the matching version"
        )
