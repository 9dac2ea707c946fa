"""The whole ensemble: fitting, its bundle on disk, one row scored and explained, PyOD's ECOD."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from features.contracts.vectors import FeatureInfo, Matrix
from models.bundle import Bundle
from models.calibrate import Calibration
from models.detector import Detector
from models.ensemble import Ensemble
from models.fitting.ensemble import fit_ensemble
from models.fitting.from_pyod import fit_pyod
from models.manifest import Facts, TrainingWindow, library_versions
from models.typical import Typical
from tests.bench.finding import Finding, Size, Tell
from tests.bench.rows import ASKED, COLUMNS, in_turns, made

PEER_GROUPS: Final = 300
HELD_OUT: Final = 10_000
_LOADS: Final = 9


def measure(keys: Sequence[str], size: Size, tell: Tell) -> Finding:
    """Fit, build, save, load; then one row at a time."""
    x, names = made(size.rows), [f"feature_{j:02d}" for j in range(COLUMNS)]
    tell("fitting the ensemble")
    began = time.perf_counter()
    ensemble = fit_ensemble(x, names, seed=0)
    bundle = _bundle(ensemble, x)
    found = {"fit_s": time.perf_counter() - began}
    tell("saving and loading its bundle")
    found |= _on_disk(bundle)
    asked = x[:: max(1, len(x) // ASKED)][:ASKED]
    tell("one row at a time")
    calibration, single = bundle.calibration, [row[None] for row in asked]
    score_us, explain_us = in_turns(
        [
            lambda k: ensemble.score(single[k % ASKED]),
            lambda k: _explained(ensemble, calibration, single[k % ASKED]),
        ],
        (2_000, 2_000),
    )
    found |= {"score_row_us": score_us, "explain_row_us": explain_us}
    detail: dict[str, object] = {"ensemble": {**found}}
    if "ecod_row_ratio" in keys:
        tell("PyOD's ECOD, one row at a time")
        ecdf = _member(ensemble, "ecdf")
        peer = fit_pyod("ECOD", x, seed=0)
        taken = in_turns(
            [lambda k: peer.score(single[k % ASKED]), lambda k: ecdf.score(single[k % ASKED])],
            (7, 2_000),
        )
        found["ecod_row_ratio"], detail["ecod_row_us"] = taken[0] / taken[1], taken
    return Finding({key: found[key] for key in keys}, detail)


def _explained(ensemble: Ensemble, calibration: Calibration, row: Matrix) -> tuple[float, Matrix]:
    parts = ensemble.contributions(row)[1]
    return calibration.p_value(float(ensemble.score(row)[0])), parts


def _member(ensemble: Ensemble, name: str) -> Detector:
    return next(one for one in ensemble.detectors if one.name == name)


def _on_disk(bundle: Bundle) -> dict[str, float]:
    """Size of the saved bundle, and how long it takes to load."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "bundle"
        bundle.save(place)
        size = sum(path.stat().st_size for path in place.iterdir()) / 1e6
        taken = []
        for _ in range(_LOADS):
            began = time.perf_counter()
            Bundle.load(place)
            taken.append(1e3 * (time.perf_counter() - began))
    return {"bundle_mb": size, "load_ms": median(taken)}


def _bundle(ensemble: Ensemble, x: Matrix) -> Bundle:
    """All that training puts into a bundle, with some hundreds of peer groups."""
    held_out = x[-HELD_OUT:]
    groups = [f"P{k:03d}" for k in np.arange(len(x)) % PEER_GROUPS]
    facts = Facts(
        scenario="bench",
        spec_hash="0" * 64,
        kernel_version="bench",
        features=tuple(_info(name) for name in ensemble.feature_names),
        alert_budget=0.01,
        training=TrainingWindow(start="2020-01-01T00:00:00Z", end="2024-12-31T00:00:00Z"),
        rows=len(x),
        data_sha256="0" * 64,
        currency="CNY",
        libraries=library_versions(),
        created_at="2025-01-01T00:00:00Z",
    )
    return Bundle.build(
        facts,
        ensemble=ensemble,
        calibration=Calibration.fit(ensemble.score(held_out)),
        typical=Typical.fit(x, groups),
        golden=np.ascontiguousarray(held_out[:16]),
    )


def _info(name: str) -> FeatureInfo:
    """A feature whose texts are its name."""
    texts = {"title_zh": name, "title_en": name, "why_zh": name, "why_en": name, "source": name}
    alarms = {"false_alarm_zh": name, "false_alarm_en": name}
    kept = {"unit": "count", "unit_zh": "次", "family": "bench", "tail": "both", "window_days": 90}
    return FeatureInfo.model_validate({"name": name, **texts, **alarms, **kept})
