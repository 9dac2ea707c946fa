"""A bundle is the bytes that were saved, or nothing."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.contracts.errors import CorruptBundleError, IncompatibleBundleError, InputError
from features.contracts.vectors import FeatureInfo, Matrix, PatternInfo
from models import Bundle, Calibration, Facts, TrainingWindow, Typical, library_versions
from models.archive import pack, unpack
from models.arrays import Array
from models.bundle import ARRAYS, MANIFEST, SUMS
from models.ensemble import Ensemble
from models.fitting.ensemble import fit_ensemble
from tests.unit.forged import forge, put

NAMES = ("amount_minor", "n_30d", "unused", "gap_days")
USED = ("gap_days", "amount_minor", "n_30d")


def _info(name: str) -> FeatureInfo:
    fields = dict.fromkeys(FeatureInfo.model_fields, "")
    return FeatureInfo.model_validate({**fields, "name": name, "window_days": None})


def _rows(n: int = 300) -> Matrix:
    x = np.random.default_rng(4).normal(size=(n, len(NAMES)))
    x[::9, 1] = np.nan
    return x


def _build(seed: int = 0, patterns: tuple[PatternInfo, ...] = ()) -> Bundle:
    x = _rows()
    ensemble = fit_ensemble(
        x[:200][:, [3, 0, 1]], USED, seed=seed, detectors=("ecdf", "forest"), patterns=patterns
    )
    facts = Facts(
        scenario="payouts",
        spec_hash="a" * 64,
        kernel_version="1",
        features=tuple(_info(name) for name in NAMES),
        alert_budget=0.05,
        training=TrainingWindow(start="2024-01-01T00:00:00Z", end="2025-01-01T00:00:00Z"),
        rows=200,
        data_sha256="b" * 64,
        currency="CNY",
        libraries=library_versions(),
        created_at="2025-02-01T00:00:00Z",
    )
    return Bundle.build(
        facts,
        ensemble=ensemble,
        calibration=Calibration.fit(ensemble.score(x[200:][:, [3, 0, 1]])),
        typical=Typical.fit(x[:200], ["P1"] * 120 + ["P2"] * 80),
        golden=x[:6],
        patterns=patterns,
    )


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """A small bundle of two detectors."""
    return _build()


@pytest.fixture
def folder(bundle: Bundle, tmp_path: Path) -> Path:
    """The bundle, saved."""
    bundle.save(tmp_path / "saved")
    return tmp_path / "saved"


def test_loaded_bundle_answers_as_the_saved_one(bundle: Bundle, folder: Path) -> None:
    """Scores, contributions and digest come back bit for bit."""
    loaded = Bundle.load(folder, digest=bundle.digest, spec_hash="a" * 64)
    x = _rows()
    assert loaded.digest == bundle.digest
    assert loaded.manifest == bundle.manifest
    assert loaded.threshold == bundle.threshold
    assert loaded.score(x).tobytes() == bundle.score(x).tobytes()
    assert loaded.contributions(x)[1].tobytes() == bundle.contributions(x)[1].tobytes()
    assert {path.name for path in folder.iterdir()} == {MANIFEST, ARRAYS, SUMS}


def test_same_input_gives_the_same_digest(bundle: Bundle, tmp_path: Path) -> None:
    """Data, seed and date decide the digest; another seed is another bundle."""
    assert _build().save(tmp_path) == bundle.digest
    assert _build(seed=1).digest != bundle.digest


def test_one_row_is_explained_over_all_features(bundle: Bundle) -> None:
    """Contributions are in spec order, add up, and are 0 for a feature that is not used."""
    row = _rows()[0]
    base, parts = bundle.explain_row(row)
    assert parts.shape == (len(NAMES),)
    assert parts[2] == 0.0
    assert base + parts.sum() == pytest.approx(bundle.score_row(row), rel=1e-6)
    other = row.copy()
    other[2] = 1e6
    assert bundle.score_row(other) == bundle.score_row(row)


@pytest.mark.parametrize("name", [MANIFEST, ARRAYS, SUMS])
def test_any_flipped_byte_is_refused(folder: Path, name: str) -> None:
    """Wherever a byte changes, the bundle does not load."""
    path = folder / name
    content = path.read_bytes()
    places = np.random.default_rng(0).integers(0, len(content), 60)
    for place in {0, len(content) - 1, *map(int, places)}:
        flipped = bytearray(content)
        flipped[place] ^= 1
        path.write_bytes(bytes(flipped))
        with pytest.raises(CorruptBundleError):
            Bundle.load(folder)


@pytest.mark.parametrize("name", [MANIFEST, ARRAYS, SUMS])
def test_missing_file_is_named(folder: Path, name: str) -> None:
    """The message names the file and the way out."""
    (folder / name).unlink()
    with pytest.raises(CorruptBundleError, match=f"{name}.*promote again"):
        Bundle.load(folder)


def test_another_bundle_than_asked_for_is_refused(folder: Path) -> None:
    """A sound bundle with another digest is not the one that was promoted."""
    with pytest.raises(CorruptBundleError, match="is not bundle 000000000000"):
        Bundle.load(folder, digest="0" * 64)


def test_other_spec_or_format_is_incompatible(folder: Path) -> None:
    """What was trained for other features says so, and what to do."""
    with pytest.raises(IncompatibleBundleError, match="train and promote"):
        Bundle.load(folder, spec_hash="c" * 64)
    document = json.loads((folder / MANIFEST).read_bytes())
    put(folder, {**document, "format_version": 99}, (folder / ARRAYS).read_bytes())
    with pytest.raises(IncompatibleBundleError, match="format 99"):
        Bundle.load(folder)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("ensemble.median", np.zeros(2)),
        ("ensemble.sigma", np.zeros(2)),
        ("ensemble.mu", np.zeros(2, dtype=np.float32)),
        ("ensemble.forest.feature", np.full(5, 99, dtype=np.int32)),
        ("calibration.scores", np.arange(5.0)),
        ("golden.rows", np.zeros((6, 3))),
        ("golden.scores", np.zeros(6)),
        ("stray", np.zeros(1)),
    ],
)
def test_forged_arrays_are_refused(bundle: Bundle, folder: Path, name: str, array: Array) -> None:
    """Even with fitting hashes, shapes, types, bounds and golden rows must hold."""
    forge(bundle, folder, {name: array})
    with pytest.raises(CorruptBundleError, match=f"{ARRAYS}.*promote again"):
        Bundle.load(folder)


def test_golden_rows_must_give_the_same_bits(bundle: Bundle, folder: Path) -> None:
    """One unit in the last place is another model."""
    forge(bundle, folder, {"golden.scores": np.nextafter(bundle.golden_scores, np.inf)})
    with pytest.raises(CorruptBundleError, match="score differently"):
        Bundle.load(folder)


def test_contributions_of_golden_rows_must_add_up(
    bundle: Bundle, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bundle that scores right but explains another score is refused."""
    right = bundle.ensemble.contributions(_rows()[:6, [3, 0, 1]])
    monkeypatch.setattr(Ensemble, "contributions", lambda *_: (right[0] + 1.0, right[1]))
    with pytest.raises(CorruptBundleError, match="add up"):
        Bundle.load(folder)


def test_pickles_and_text_are_not_arrays() -> None:
    """Nothing that could execute is unpacked."""
    with pytest.raises(CorruptBundleError, match="plain arrays"):
        unpack(b"not a zip")
    objects = np.array([{}, None], dtype=object)
    with pytest.raises(ValueError, match="pickle"):
        pack({"objects": objects})
    with pytest.raises(CorruptBundleError, match="something else than numbers"):
        unpack(pack({"text": np.array(["a"])}))


def test_changed_parts_are_not_saved(bundle: Bundle, tmp_path: Path) -> None:
    """A bundle whose parts were swapped after building must be built again."""
    other = replace(bundle, golden_scores=bundle.golden_scores + 1.0)
    with pytest.raises(InputError, match="build it again"):
        other.save(tmp_path)


def test_rows_of_another_spec_or_infinite_are_refused(bundle: Bundle) -> None:
    """Width is the spec's; an infinity names its feature."""
    with pytest.raises(InputError, match=r"takes \(n, 4\)"):
        bundle.score(np.zeros((1, 3)))
    with pytest.raises(InputError, match="'gap_days' is infinite"):
        bundle.score_row(np.array([0.0, 0.0, 0.0, np.inf]))


PATTERN = PatternInfo.model_validate(
    {
        "name": "both_high",
        "title_zh": "同高",
        "title_en": "both high",
        "parts": [{"feature": name, "side": "high"} for name in USED[:2]],
    }
)


def test_a_bundle_keeps_its_patterns_and_says_which_is_the_strongest_view(tmp_path: Path) -> None:
    """Loaded again it is the same; some rows are told by the pattern, some by the average."""
    plain, saved = _build(), _build(patterns=(PATTERN,))
    saved.save(tmp_path / "saved")
    loaded = Bundle.load(tmp_path / "saved", digest=saved.digest)
    assert loaded.manifest.patterns == (PATTERN,)
    assert loaded.score(_rows()).tobytes() == saved.score(_rows()).tobytes()
    told = [loaded.pattern_of(row) for row in _rows()]
    assert PATTERN in told
    assert None in told
    assert {plain.pattern_of(row) for row in _rows()} == {None}
    assert b"both_high" in loaded.manifest.to_bytes()
    assert b"patterns" not in plain.manifest.to_bytes()
