"""The bundle that is stored for a format version, and what it must answer for ever.

After `FORMAT_VERSION` was raised, `python -m tests.unit.stored` writes the bundle of the new format
to `tests/data/bundles/v<version>`; those of earlier versions stay as they are.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from features.contracts.vectors import FeatureInfo, Matrix
from models import Bundle, Calibration, Facts, TrainingWindow, Typical
from models.bundle import MANIFEST
from models.fitting.ensemble import fit_ensemble
from models.fitting.forest import fit_forest
from models.manifest import FORMAT_VERSION

FOLDER: Final = Path(__file__).parents[1] / "data" / "bundles"
EXPECTED: Final = "expected.json"
NAMES: Final = ("amount_minor", "n_30d", "gap_days", "unused")
USED: Final = ("gap_days", "amount_minor", "n_30d")
_COLUMNS: Final = [2, 0, 1]
_N_FIT: Final = 48
_N_TREES: Final = 3


def build() -> Bundle:
    """A few kilobytes: every registered detector on 48 rows, the forest cut down to three trees."""
    x = _rows()
    fitted = x[:_N_FIT]
    ensemble = fit_ensemble(np.ascontiguousarray(fitted[:, _COLUMNS]), USED, seed=1)
    ensemble = replace(
        ensemble,
        detectors=tuple(
            fit_forest(np.nan_to_num(fitted[:, _COLUMNS]), seed=1, n_trees=_N_TREES)
            if detector.name == "forest"
            else detector
            for detector in ensemble.detectors
        ),
    )
    held_out = np.ascontiguousarray(x[_N_FIT:][:, _COLUMNS])
    return Bundle.build(
        _facts(),
        ensemble=ensemble,
        calibration=Calibration.fit(ensemble.score(held_out)),
        typical=Typical.fit(fitted, ["P1"] * 32 + ["P2"] * 16),
        golden=x[_N_FIT : _N_FIT + 4],
    )


def answers(bundle: Bundle) -> dict[str, Any]:
    """What it says about a few rows, floats in hexadecimal, so that no digit is lost."""
    x = _rows()[-6:]
    scores = bundle.score(x)
    base, parts = bundle.contributions(x)
    return {
        "rows": [[float(value).hex() for value in row] for row in x],
        "scores": [float(value).hex() for value in scores],
        "base": base.hex(),
        "contributions": [[float(value).hex() for value in row] for row in parts],
        "p_values": [bundle.calibration.p_value(float(score)).hex() for score in scores],
        "threshold": bundle.threshold.hex(),
    }


def numbers(texts: list[list[str]]) -> Matrix:
    """Rows of hexadecimal texts as numbers."""
    return np.array([[float.fromhex(text) for text in row] for row in texts])


def _rows() -> Matrix:
    x = np.random.default_rng(12).normal(size=(80, len(NAMES)))
    x[:, 0] = np.round(np.exp(x[:, 0] + 8.0))
    x[:, 1] = np.round(np.abs(3.0 * x[:, 1]))
    x[::9, 1] = np.nan
    x[-1, :3] = [9e6, 40.0, -30.0]
    x[-2] = np.nan
    return x


def _facts() -> Facts:
    fields = dict.fromkeys(FeatureInfo.model_fields, "")
    return Facts(
        scenario="payouts",
        spec_hash="a" * 64,
        kernel_version="1",
        features=tuple(
            FeatureInfo.model_validate({**fields, "name": name, "window_days": None})
            for name in NAMES
        ),
        alert_budget=0.1,
        training=TrainingWindow(start="2024-01-01T00:00:00Z", end="2025-01-01T00:00:00Z"),
        rows=_N_FIT,
        data_sha256="b" * 64,
        currency="CNY",
        libraries={"numpy": "2.4.6"},
        created_at="2025-02-01T00:00:00Z",
    )


def write(folder: Path) -> None:
    """Store the bundle of the present format, once."""
    if (folder / MANIFEST).exists():
        raise SystemExit(f"{folder} is stored already and stays as it is; raise FORMAT_VERSION")
    bundle = build()
    bundle.save(folder)
    (folder / EXPECTED).write_text(json.dumps(answers(bundle), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(FOLDER / f"v{FORMAT_VERSION}")
